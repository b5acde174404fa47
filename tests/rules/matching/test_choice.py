"""Deferred acceptance: stable, best for claimants, and no reason to lie about one's order (R-MATCH-1 aim 3)."""

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching.choice import choose
from tests.rules.matching.boards import examples

Game = tuple[list[list[tuple[int, int]]], list[int], list[int]]


@st.composite
def games(draw: st.DrawFn, most_capacity: int = 2) -> Game:
    """Draw strict orders of both sides, capacities and places."""
    people, needs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    order = {n: draw(st.permutations(range(people))) for n in range(needs)}
    wanted = [draw(st.permutations(range(needs)))[: draw(st.integers(0, needs))] for _ in range(people)]
    wishes = [[(n, order[n].index(p)) for n in mine] for p, mine in enumerate(wanted)]
    capacity = [draw(st.integers(0, most_capacity)) for _ in range(people)]
    return wishes, capacity, [draw(st.integers(0, 2)) for _ in range(needs)]


def blocks(game: Game, pairs: set[tuple[int, int]]) -> bool:
    """Tell whether some claimant and need would both rather have each other."""
    wishes, capacity, places = game
    for p, wanted in enumerate(wishes):
        mine = [turn for turn, (n, _) in enumerate(wanted) if (p, n) in pairs]
        for turn, (n, rank) in enumerate(wanted):
            there = [r for q, others in enumerate(wishes) for m, r in others if m == n and (q, n) in pairs]
            wants = len(mine) < capacity[p] or (bool(mine) and turn < max(mine))
            welcome = len(there) < places[n] or (bool(there) and rank < max(there))
            if (p, n) not in pairs and capacity[p] and places[n] and wants and welcome:
                return True
    return False


def stable(game: Game) -> list[set[tuple[int, int]]]:
    """Give every stable set of pairs, by trying all."""
    wishes, capacity, places = game
    claims = [(p, n) for p, wanted in enumerate(wishes) for n, _ in wanted]
    found = []
    for size in range(len(claims) + 1):
        for some in combinations(claims, size):
            pairs = set(some)
            fits = all(sum(q == p for q, _ in pairs) <= most for p, most in enumerate(capacity))
            if (
                fits
                and all(sum(m == n for _, m in pairs) <= most for n, most in enumerate(places))
                and not blocks(game, pairs)
            ):
                found.append(pairs)
    return found


def turns(game: Game, pairs: set[tuple[int, int]], person: int) -> list[int]:
    """Give the places, in a person's order, of what it got, padded so that an empty hand is the worst."""
    wishes, capacity, _ = game
    got = [turn for turn, (n, _) in enumerate(wishes[person]) if (person, n) in pairs]
    return got + [99] * (capacity[person] - len(got))


@settings(deadline=None, max_examples=examples(60))
@given(games())
def test_r_match_1_choice_is_stable_and_no_stable_plan_gives_any_claimant_more(game):
    pairs = choose(*game)
    every = stable(game)
    assert pairs in every
    for other in every:
        for person in range(len(game[0])):
            mine, theirs = turns(game, pairs, person), turns(game, other, person)
            assert all(a <= b for a, b in zip(mine, theirs, strict=True))


@settings(deadline=None, max_examples=examples(60))
@given(games(most_capacity=1), st.data())
def test_with_capacity_one_another_order_than_the_true_one_never_helps(game, data):
    wishes, capacity, places = game
    person = data.draw(st.integers(0, len(wishes) - 1))
    honest = turns(game, choose(*game), person)
    for size in range(len(wishes[person]) + 1):
        for lie in permutations(wishes[person], size):
            told = [*wishes[:person], list(lie), *wishes[person + 1 :]]
            assert honest <= turns(game, choose(told, capacity, places), person)
