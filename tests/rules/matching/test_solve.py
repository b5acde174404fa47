"""What a plan is: coverage, choice, holds, completion, in this order (R-MATCH-1)."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching.choice import Choice, choose
from rules.matching.coverage import certify, cover
from rules.matching.instance import Instance
from rules.matching.lottery import number, pair_ticket, person_ticket
from rules.matching.market import InfeasiblePins, links, open_market
from rules.matching.plan import CHOSEN, PINNED, Plan, Violator
from rules.matching.relief import Relief
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances, named


def outcome(game: Instance) -> dict[tuple[str, str], str]:
    return named(game, solve(game))


def test_r_match_1_mutual_choice_beats_score():
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 1), "tea": ("B", 1)},
        fits={"wang": "pig tea", "li": "pig tea"},
        claims={"wang": "pig tea", "li": "pig tea"},
        grades={"pig": "wang li", "tea": "wang li"},
        scores={("wang", "tea"): 1000, ("li", "pig"): 1000},
    )
    assert outcome(game) == {("wang", "pig"): "P1", ("li", "tea"): "P1"}


def test_r_match_1_rural_hospital_is_covered_by_a_proposal_to_someone_free():
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 1), "tea": ("B", 1)},
        fits={"wang": "pig tea", "li": "pig tea"},
        claims={"wang": "pig", "li": "pig"},
        grades={"pig": "wang li"},
    )
    plan = solve(game)
    assert named(game, plan) == {("wang", "pig"): "P1", ("li", "tea"): "P2"}
    assert (plan.holds, plan.witnesses, plan.covered, plan.maximum) == ((), (), 2, 2)


def test_r_match_1_a_person_is_held_only_where_nobody_else_is_able_and_the_lost_choice_is_told():
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 2), "tea": ("B", 1)},
        fits={"wang": "pig tea", "li": "pig"},
        claims={"wang": "pig", "li": "pig"},
        grades={"pig": "wang li"},
    )
    plan = solve(game)
    assert named(game, plan) == {("wang", "tea"): "P2", ("li", "pig"): "P1"}
    assert [(hold.person, hold.need, hold.township) for hold in plan.holds] == [(0, 1, 1)]
    assert [(lost.person, lost.need, lost.held) for lost in plan.witnesses] == [(0, 0, 0)]


def test_r_match_3_five_townships_with_one_able_person_are_named():
    needs = {f"n{k}": (f"T{k}", 1) for k in range(7)}
    fits = {"wang": "n0 n1 n2 n3 n4", "li": "n5 n6", "zhao": "n5 n6", "qian": "n6"}
    plan = solve(board(dict.fromkeys(fits, 1), needs, fits))
    assert (plan.covered, plan.maximum) == (3, 3)
    assert plan.violators == (Violator((0, 1, 2, 3, 4), (0,), 1, 5),)


def test_r_match_3_a_need_without_places_enough_is_named():
    game = board({"wang": 1, "li": 1}, {"pig": ("A", 1)}, {"wang": "pig", "li": "pig"}, floors={"A": 2, "B": 5})
    plan = solve(game)
    assert plan.maximum == 1, "township B has no need and is no part of the base"
    assert plan.violators == (Violator((0,), (), 1, 2, full=(0,)),)


def test_r_match_1_pins_and_bans_come_before_coverage():
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 2), "tea": ("B", 1)},
        fits={"wang": "pig tea", "li": "pig tea"},
        pins=[("wang", "pig")],
        bans=[("li", "tea")],
    )
    plan = solve(game)
    assert named(game, plan) == {("wang", "pig"): "P4"}
    assert (plan.covered, plan.maximum) == (1, 1)
    assert plan.violators == (Violator((1,), (0,), 0, 1),)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pins": [("li", "tea")]}, {("li", "tea", "not_eligible")}),
        ({"pins": [("li", "pig")], "bans": [("li", "pig")]}, {("li", "pig", "banned")}),
        ({"pins": [("li", "pig")], "claims": {"li": "pig"}}, {("li", "pig", "declined")}),
        ({"pins": [("wang", "pig"), ("wang", "tea")]}, {("wang", "pig", "capacity"), ("wang", "tea", "capacity")}),
        ({"pins": [("wang", "pig"), ("li", "pig")]}, {("wang", "pig", "places"), ("li", "pig", "places")}),
    ],
)
def test_r_match_1_pins_that_no_plan_can_obey_are_named(change: dict[str, Any], why):
    game = board({"wang": 1, "li": 1}, {"pig": ("A", 1), "tea": ("B", 1)}, {"wang": "pig tea", "li": "pig"}, **change)
    with pytest.raises(InfeasiblePins) as refused:
        solve(game)
    assert set(refused.value.pins) == why
    assert all(person in str(refused.value) for person, _, _ in why)


def test_r_match_6_a_declined_claim_is_never_assigned_even_for_coverage():
    game = board({"wang": 1}, {"pig": ("A", 1)}, {"wang": "pig"}, claims={"wang": "pig"})
    assert (solve(game).pairs, solve(game).maximum) == ((), 0)


def test_r_match_6_nobody_is_proposed_beyond_coverage_unless_the_instance_asks():
    everything: dict[str, Any] = {
        "people": {"wang": 1, "li": 1},
        "needs": {"pig": ("A", 2)},
        "fits": {"wang": "pig", "li": "pig"},
    }
    assert Counter(pair.reason for pair in solve(board(**everything)).pairs) == {"P2": 1}
    assert Counter(pair.reason for pair in solve(board(**everything, complete=True)).pairs) == {"P2": 1, "P3": 1}


def test_r_match_1_previous_pairs_come_before_score_and_after_choice():
    game: dict[str, Any] = {
        "people": {"wang": 1, "li": 1, "zhao": 1},
        "needs": {"pig": ("A", 1), "tea": ("B", 2)},
        "fits": {"wang": "pig tea", "li": "pig", "zhao": "tea"},
        "claims": {"zhao": "tea"},
        "grades": {"tea": "zhao"},
        "scores": {("wang", "pig"): 1000},
    }
    assert outcome(board(**game)) == {("wang", "pig"): "P2", ("zhao", "tea"): "P1"}
    assert outcome(board(**game, previous=[("li", "pig"), ("wang", "tea")])) == {
        ("li", "pig"): "P2",
        ("zhao", "tea"): "P1",
        ("wang", "tea"): "P5",
    }


@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5"])
def test_r_match_1_the_lottery_parts_equals(seed):
    names = ("wang", "li", "zhao")
    game: dict[str, Any] = {
        "people": dict.fromkeys(names, 1),
        "needs": {"pig": ("A", 1)},
        "fits": dict.fromkeys(names, "pig"),
    }
    chosen = board(**game, claims=dict.fromkeys(names, "pig"), grades={"pig": "wang =li =zhao"}, seed=seed)
    first = min(names, key=lambda name: person_ticket(seed, name))
    assert outcome(chosen) == {(first, "pig"): "P1"}
    drawn = max(names, key=lambda name: number(pair_ticket(seed, name, "pig")))
    assert outcome(board(**game, seed=seed)) == {(drawn, "pig"): "P2"}


def _feasible(instance: Instance, must: set[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    struck = links(instance.bans) | (
        set(zip(instance.claims.person, instance.claims.need, strict=True))
        - set(zip(instance.grades.person, instance.grades.need, strict=True))
    )
    may = sorted(set(zip(instance.pairs.person, instance.pairs.need, strict=True)) - struck - must)
    plans = []
    for size in range(len(may) + 1):
        for more in combinations(may, size):
            plan = must | set(more)
            load, seats = Counter(p for p, _ in plan), Counter(n for _, n in plan)
            if all(load[p] <= instance.people.capacity[p] for p in load) and all(
                seats[n] <= instance.needs.places[n] for n in seats
            ):
                plans.append(plan)
    return plans


def _coverage(instance: Instance, plan: set[tuple[int, int]]) -> int:
    return sum(_filled(instance, plan).values())


def _filled(instance: Instance, plan: set[tuple[int, int]]) -> dict[int, int]:
    came = Counter(instance.needs.township[n] for _, n in plan)
    return {t: min(floor, came[t]) for t, floor in enumerate(instance.townships.floor)}


def _beyond(instance: Instance, plan: set[tuple[int, int]], plans: list[set[tuple[int, int]]]) -> int:
    """What counties get beyond their townships' floors, of what they ask beyond the most that these could fill."""
    county, towns, got = instance.townships.county, instance.needs.township, 0
    for place, floor in enumerate(instance.counties.floor):

        def own(other: set[tuple[int, int]], place: int = place) -> int:
            return sum(units for t, units in _filled(instance, other).items() if county[t] == place)

        asked = max(0, floor - max(own(other) for other in plans))
        got += min(asked, sum(county[towns[n]] == place for _, n in plan) - own(plan))
    return got


def _pairs(plan: Plan, *reasons: str) -> set[tuple[int, int]]:
    return {(pair.person, pair.need) for pair in plan.pairs if not reasons or pair.reason in reasons}


@settings(deadline=None, max_examples=examples(40))
@given(instances(most_people=3, most_needs=3))
def test_r_match_1_coverage_and_completion_are_what_trying_every_plan_finds(instance):
    plan = solve(instance)
    every = _feasible(instance, links(instance.pins))
    assert plan.maximum == max(_coverage(instance, other) for other in every)
    assert plan.covered == plan.maximum == _coverage(instance, _pairs(plan))
    best = max((_coverage(instance, other), _beyond(instance, other, every)) for other in every)
    assert (plan.county_covered or 0) == (plan.county_maximum or 0) == best[1] == _beyond(instance, _pairs(plan), every)
    assert sum(best) == max(_coverage(instance, other) + _beyond(instance, other, every) for other in every)
    mutual = set(zip(instance.grades.person, instance.grades.need, strict=True))
    points = {
        (p, n): s for p, n, s in zip(*(getattr(instance.pairs, c) for c in ("person", "need", "score")), strict=True)
    }

    def worth(other: set[tuple[int, int]]) -> tuple[int, ...]:
        free = other - fixed
        kept = free & links(instance.previous)
        asked = 0 if instance.complete else len(free - kept - mutual)
        names = [(instance.people.id[p], instance.needs.id[n]) for p, n in free]
        drawn = sum(number(pair_ticket(instance.seed, *name)) for name in names)
        covered = _coverage(instance, other), _beyond(instance, other, every)
        return *covered, len(kept), -asked, sum(points[link] for link in free), drawn

    fixed = _pairs(plan, CHOSEN, PINNED)
    assert _pairs(plan) == max(_feasible(instance, fixed), key=worth)


@settings(deadline=None, max_examples=examples(40))
@given(instances())
def test_r_match_3_violators_add_up_to_what_is_missing(instance):
    found = certify(open_market(instance))
    based = {instance.needs.township[n] for n in range(len(instance.needs.id))}
    demand = sum(instance.townships.floor[t] for t in based)
    assert sum(violator.floor - violator.capacity for violator in found.violators) == demand - found.maximum
    assert all(violator.floor > violator.capacity for violator in (*found.violators, *found.county_violators))


@settings(deadline=None, max_examples=examples(40))
@given(instances(most_people=5, most_needs=5), st.randoms(use_true_random=False))
def test_what_is_mended_after_each_release_is_what_a_new_flow_finds(instance, dice):
    """Choice going on and relief being mended are the same as choosing and filling anew, kept or taken back."""
    market = open_market(instance)
    capacity, places = market.capacity.tolist(), market.places.tolist()
    held = [dice.randint(0, most) for most in capacity]
    choice = Choice(market.wishes, [most - h for most, h in zip(capacity, held, strict=True)], places)
    relief = Relief(market, choice.pairs())
    for person in [p for p, units in enumerate(held) for _ in range(units)]:
        relief.mark()
        before = choice.pairs()
        relief.change(*choice.release(person))
        held[person] -= 1
        left = [most - h for most, h in zip(capacity, held, strict=True)]
        assert choice.pairs() == choose(market.wishes, left, places)
        beside = market.left(choice.pairs())
        covering = cover(market, beside)
        completing = zip(market.person[covering].tolist(), market.need[covering].tolist(), strict=True)
        after = market.left([*choice.pairs(), *completing])
        assert relief.missing() == (after.gap.sum(), after.county_gap.sum())
        if dice.random() < 0.5:
            choice.take_back()
            relief.take_back()
            held[person] += 1
            assert choice.pairs() == before


def test_a_file_that_says_nothing_of_it_fills_free_places_by_score():
    """R-MATCH-1 (5), R-MATCH-4: the better pair nobody asked for is a proposal; a round may do without (R-MATCH-6)."""
    free = board({"a": 1, "b": 1}, {"x": ("t", 1), "y": ("t", 1)}, {"a": "x y", "b": "x y"}, scores={("a", "y"): 30})
    content = free.to_json()
    assert content.pop("complete") is False
    told = solve(Instance.from_json(content))
    assert [(pair.person, pair.need) for pair in told.pairs] == [(0, 1), (1, 0)]
    assert Counter(pair.reason for pair in told.pairs) == {"P2": 1, "P3": 1}
    assert len(solve(free).pairs) == 1
    assert "complete" not in Instance.from_json(content).to_json()
