"""The verifier accepts what the solver makes and rejects every plan changed by one pair (R-MATCH-1)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import combinations, product
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from rules.matching import lottery
from rules.matching.instance import Instance
from rules.matching.plan import REASONS, Certificate, Hold, Pair, Plan, Violator, Witness
from rules.matching.verify import verify
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances


def retold(instance: Instance, plan: Plan, pairs: set[Pair]) -> Plan:
    """Give the plan with other pairs, and with every sum and the digest made to fit."""
    points = {
        (p, n): s for p, n, s in zip(instance.pairs.person, instance.pairs.need, instance.pairs.score, strict=True)
    }
    came = Counter(instance.needs.township[pair.need] for pair in pairs)
    return replace(
        plan,
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.person, pair.need))),
        covered=sum(min(floor, came[t]) for t, floor in enumerate(instance.townships.floor)),
        score=sum(points.get((pair.person, pair.need), 0) for pair in pairs),
    ).sealed()


def held_back() -> tuple[Instance, Plan]:
    """Wang is held for tea, which nobody else is able for; six townships hang on one more person."""
    needs = {"pig": ("A", 2), "tea": ("B", 1), "fish": ("C", 1), "rice": ("D", 1)}
    game = board(
        {"wang": 1, "li": 1, "zhao": 1},
        needs,
        fits={"wang": "pig tea", "li": "pig", "zhao": "fish rice"},
        claims={"wang": "pig", "li": "pig"},
        grades={"pig": "wang li"},
        scores={("zhao", "rice"): 50},
    )
    return game, solve(game)


@settings(deadline=None, max_examples=examples(40))
@given(instances())
def test_r_match_1_every_plan_made_is_proved(instance):
    solve(instance)


def swaps(plan: Plan) -> Iterator[set[Pair]]:
    """Two people change places, each with the reason of the place or with their own."""
    for one, other in combinations(plan.pairs, 2):
        rest = set(plan.pairs) - {one, other}
        yield rest | {Pair(one.person, other.need, other.reason), Pair(other.person, one.need, one.reason)}
        yield rest | {Pair(one.person, other.need, one.reason), Pair(other.person, one.need, other.reason)}


def drops(plan: Plan) -> Iterator[set[Pair]]:
    """One pair, or two, are left out."""
    for pairs in (*combinations(plan.pairs, 1), *combinations(plan.pairs, 2)):
        yield set(plan.pairs) - set(pairs)


def additions(instance: Instance, plan: Plan) -> Iterator[set[Pair]]:
    """One pair more, or one pair with another reason."""
    for p, n, reason in product(range(len(instance.people.id)), range(len(instance.needs.id)), REASONS):
        yield {pair for pair in plan.pairs if (pair.person, pair.need) != (p, n)} | {Pair(p, n, reason)}


def moves(instance: Instance, plan: Plan) -> Iterator[set[Pair]]:
    """One pair goes to another need, or to another person."""
    for pair in plan.pairs:
        rest = set(plan.pairs) - {pair}
        yield from (rest | {Pair(pair.person, n, pair.reason)} for n in range(len(instance.needs.id)))
        yield from (rest | {Pair(p, pair.need, pair.reason)} for p in range(len(instance.people.id)))


def followed(instance: Instance, plan: Plan) -> Plan:
    """Give the plan with holds and witnesses rewritten so that they follow its pairs, as a careful forger would."""
    held = {hold.person for hold in plan.holds}
    completing = [pair for pair in plan.pairs if pair.person in held and pair.reason not in {"P1", "P4"}]
    holds = tuple(Hold(pair.person, pair.need, instance.needs.township[pair.need]) for pair in completing)
    witnesses = tuple(one for one in plan.witnesses if one.held < len(holds))
    return replace(plan, holds=holds, witnesses=witnesses).sealed()


@settings(deadline=None, max_examples=examples(25))
@given(instances())
def test_r_match_1_whoever_is_swapped_dropped_added_or_moved_the_plan_is_rejected(instance):
    plan = solve(instance)
    for pairs in (*swaps(plan), *drops(plan), *additions(instance, plan), *moves(instance, plan)):
        if pairs != set(plan.pairs):
            changed = retold(instance, plan, pairs)
            assert verify(instance, changed), pairs
            assert verify(instance, followed(instance, changed)), pairs


def spoilt(thing: Any, **parts: Any) -> Any:
    """Give a plan or a part of one with something changed."""
    return replace(thing, **parts)


def forged(plan: Plan) -> Iterator[Plan]:
    """Certificates with one figure changed, a tier more or less, all raised by 1; violators, holds, witnesses, sums."""
    proof = plan.certificate
    assert proof is not None
    for tier, potentials in enumerate(proof.potentials):
        for node, change in product(range(len(potentials)), (-1, 1)):
            other = (*potentials[:node], potentials[node] + change, *potentials[node + 1 :])
            tiers = (*proof.potentials[:tier], other, *proof.potentials[tier + 1 :])
            yield spoilt(plan, certificate=spoilt(proof, potentials=tiers))
        raised = tuple(figure + 1 for figure in potentials)
        tiers = (*proof.potentials[:tier], raised, *proof.potentials[tier + 1 :])
        yield spoilt(plan, certificate=spoilt(proof, potentials=tiers))
    yield spoilt(plan, certificate=spoilt(proof, tiers=proof.tiers[:-1], potentials=proof.potentials[:-1]))
    more = (*proof.potentials, (0,) * len(proof.potentials[0]))
    yield spoilt(plan, certificate=spoilt(proof, tiers=(*proof.tiers, "lottery2"), potentials=more))
    yield spoilt(plan, certificate=spoilt(proof, root="elsewhere"))
    for part, change in product(("covered", "maximum", "score"), (-1, 1)):
        yield spoilt(plan, **{part: getattr(plan, part) + change})
    yield from forged_counties(plan)
    for part in ("violators", "county_violators", "holds", "witnesses"):
        entries: Any = getattr(plan, part)
        for place, entry in enumerate(entries):
            yield spoilt(plan, **{part: entries[:place] + entries[place + 1 :]})
            yield spoilt(plan, **{part: (*entries, entry)})
    for listed in ("violators", "county_violators"):
        told: tuple[Violator, ...] = getattr(plan, listed)
        for place, violator in enumerate(told):
            for part, change in product(("capacity", "floor"), (-1, 1)):
                wrong = spoilt(violator, **{part: getattr(violator, part) + change})
                yield spoilt(plan, **{listed: (*told[:place], wrong, *told[place + 1 :])})


def forged_counties(plan: Plan) -> Iterator[Plan]:
    """What counties get, told where there are none, left out, or one more or less; a hold for another."""
    if plan.county_covered is None:
        yield spoilt(plan, county_covered=0, county_maximum=0)
        return
    for part, change in product(("county_covered", "county_maximum"), (-1, 1)):
        yield spoilt(plan, **{part: getattr(plan, part) + change})
    yield spoilt(plan, county_covered=None, county_maximum=None, county_violators=())
    for place, hold in enumerate(plan.holds):
        other = spoilt(hold, county=0 if hold.county is None else None)
        yield spoilt(plan, holds=(*plan.holds[:place], other, *plan.holds[place + 1 :]))


@settings(deadline=None, max_examples=examples(15))
@given(instances())
def test_r_match_3_whatever_is_forged_in_the_certificate_is_rejected(instance):
    plan = solve(instance)
    for other in forged(plan):
        assert verify(instance, other.sealed()), other
    assert verify(instance, replace(plan, digest=plan.digest[::-1])), "the digest"


def two_ways() -> tuple[Instance, Plan]:
    """Each of two people is the other's rival: both ways to pair them are stable, one is best for claimants."""
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 1), "tea": ("B", 1)},
        {"wang": "pig tea", "li": "pig tea"},
        claims={"wang": "pig tea", "li": "tea pig"},
        grades={"pig": "li wang", "tea": "wang li"},
    )
    return game, solve(game)


def test_r_match_2_a_stable_choice_that_is_not_the_claimants_best_is_rejected():
    game, plan = two_ways()
    other = retold(game, plan, {Pair(0, 1, "P1"), Pair(1, 0, "P1")})
    assert verify(game, other) == ("双选部分虽无人可争，却不是对揭榜方最有利的结果",)


def test_r_match_1_holding_somebody_without_need_is_rejected():
    """Wang was sent to tea, though li is able for it and was free: made up to look like a hold."""
    game = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 1), "tea": ("B", 1)},
        {"wang": "pig tea", "li": "pig tea"},
        claims={"wang": "pig", "li": "pig"},
        grades={"pig": "wang li"},
    )
    plan = solve(game)
    pairs = {Pair(0, 1, "P2"), Pair(1, 0, "P1")}
    other = replace(retold(game, plan, pairs), holds=(Hold(0, 1, 1),), witnesses=(Witness(0, 0, 0),)).sealed()
    assert verify(game, other) == ("wang：不让其放弃双选也能达到同样的覆盖",)


@pytest.mark.parametrize(
    ("part", "value", "objection"),
    [
        ("score", 7, "总分"),
        ("covered", 4, "方案称覆盖 4"),
        ("maximum", 4, "不能证明最大覆盖为 4"),
        ("maximum", 2, "不能证明最大覆盖为 2"),
        ("violators", (), "不能证明最大覆盖为 3"),
        ("violators", (Violator((2, 3), (2,), 0, 2),), "缺口证明的数字不符"),
        ("violators", (Violator((2, 3), (1, 2), 1, 2),), "缺口证明的数字不符"),
        ("violators", (Violator((2,), (2,), 1, 1),), "缺口证明不成立"),
        ("violators", (Violator((2, 9), (2,), 1, 2),), "不在范围内"),
        ("violators", (Violator((2, 3), (2,), 1, 2),) * 2, "两组缺口"),
        ("witnesses", (), "让位的双选没有如实全部列出"),
        ("witnesses", (Witness(0, 0, 0), Witness(1, 0, 0)), "让位的双选没有如实全部列出"),
        ("holds", (), "双方都更愿意"),
        ("holds", (Hold(0, 1, 0),), "写错了乡镇"),
        ("certificate", None, "没有附证书"),
        ("certificate", Certificate("every node at 0", ("coverage",), ((0,) * 13,)), "证书的格式不符"),
        ("certificate", "flat", "证书不能证明"),
    ],
)
def test_r_match_3_whatever_is_told_wrongly_is_named(part, value, objection):
    game, plan = held_back()
    assert verify(game, plan) == ()
    if value == "flat":
        assert plan.certificate is not None
        value = replace(plan.certificate, potentials=tuple((0,) * len(tier) for tier in plan.certificate.potentials))
    objections = verify(game, replace(plan, **{part: value}).sealed())
    assert any(objection in text for text in objections), objections


def test_r_match_2_a_changed_digest_is_named():
    game, plan = held_back()
    assert "方案的摘要与内容不符" in verify(game, replace(plan, digest="0" * 64))


def test_r_match_1_further_draws_part_plans_that_the_first_draw_leaves_equal():
    names = ("wang", "li", "zhao", "qian")
    game = board(dict.fromkeys(names, 1), {"pig": ("A", 1)}, dict.fromkeys(names, "pig"))

    def equal_at_first(seed: str, person: str, need: str) -> bytes:
        return bytes(lottery.BYTES) + sha256(f"{seed}\n{person}\n{need}".encode()).digest()[lottery.BYTES :]

    with (
        patch("rules.matching.completion.pair_ticket", equal_at_first),
        patch("rules.matching.solve.pair_ticket", equal_at_first),
        patch("rules.matching.reading.pair_ticket", equal_at_first),
    ):
        plan = solve(game)
        assert plan.certificate is not None
        assert plan.certificate.tiers[-2:] == ("lottery", "lottery2")
        assert verify(game, plan) == ()
        first = replace(
            plan.certificate, tiers=plan.certificate.tiers[:-1], potentials=plan.certificate.potentials[:-1]
        )
        assert verify(game, replace(plan, certificate=first).sealed()) == ("另有同样好的方案，抽签未能定出唯一结果",)
