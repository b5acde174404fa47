"""Who must be held back from choice so that coverage is what it can be (R-MATCH-1 aims 2 and 3).

A hold withholds a unit of a person's capacity, not a place: whoever is not held finds all places open, so only people
who are held can be passed over. Taking somebody's unit back into choice never leaves a need with fewer people; so where
each hold is needed, every best completion uses each held unit, and in a township that would be short without it.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np

from rules.matching.choice import Choice
from rules.matching.completion import Task, complete
from rules.matching.coverage import cover
from rules.matching.flow import Minimiser
from rules.matching.lottery import person_ticket
from rules.matching.market import Ints, Link, Market, column
from rules.matching.relief import Relief

Teller = Callable[[str], None]


def silent(_stage: str) -> None:
    """Tell nobody."""


def choose_with_holds(
    market: Market, choice: Choice, missing: tuple[int, int], minimise: Minimiser, tell: Teller = silent
) -> tuple[set[Link], set[int], Ints]:
    """Let both sides choose, and hold back from choice only the capacity without which coverage is out of reach.

    A hold takes a unit of a person's capacity out of the choice; the final flow says which township it goes to. Every
    unit held is needed: given the others, choice without it leaves less coverage than there can be. Fewest holds are
    not promised (that is inapproximable); the pairs of choice lost in each round weigh least by the claims that would
    feel passed over.

    :param choice: choice with nobody held.
    :param missing: what townships, and then counties, lack in any plan.
    :returns: the pairs of choice, stable in what is left, the people held, and rows that leave no more than that
        missing.
    """
    held = np.zeros(len(market.capacity), dtype=np.int64)
    chosen, covering = choice.pairs(), cover(market, market.left())
    relief = Relief(market, chosen)
    while relief.missing() > missing:
        held += _new_holds(market, chosen, covering, minimise)
        choice = Choice(market.wishes, (market.capacity - held).tolist(), market.places.tolist())
        before, chosen = chosen, choice.pairs()
        relief.change(chosen - before, before - chosen)
        tell(f"暂定让位 {int(held.sum())} 人次")
    if held.any():
        _release(choice, relief, held, missing, tell)
    return choice.pairs(), set(np.flatnonzero(held).tolist()), relief.rows()


def _release(choice: Choice, relief: Relief, held: Ints, missing: tuple[int, int], tell: Teller) -> None:
    """Let go of holds one by one, in the order of the lottery, until each that is left is needed."""
    ids, seed = relief.market.instance.people.id, relief.market.instance.seed
    order = sorted(np.flatnonzero(held).tolist(), key=lambda person: person_ticket(seed, ids[person]))
    before = 0
    while before != held.sum():
        before = held.sum()
        for person in order:
            while held[person]:
                relief.mark()
                relief.change(*choice.release(person))
                if relief.missing() > missing:
                    choice.take_back()
                    relief.take_back()
                    break
                held[person] -= 1
        tell(f"去掉不必要的，余 {int(held.sum())} 人次")


def _new_holds(market: Market, chosen: set[Link], covering: Ints, minimise: Minimiser) -> Ints:
    """Give the capacity to hold back next: of those who lose a chosen pair and gain one where a place was free.

    Such a person ends each chain by which the best flow raises coverage, so at least one is found.
    """
    outcome = complete(_rescue(market, chosen, covering), minimise)
    lost = Counter(person for person, _ in chosen - outcome.pairs)
    places = market.left(chosen).places
    gained = Counter(person for person, need in outcome.pairs - chosen if places[need] > 0)
    held = np.zeros(len(market.capacity), dtype=np.int64)
    for person, pairs in lost.items():
        held[person] = min(pairs, gained[person])
    if not held.any():
        raise AssertionError("coverage cannot be raised, though a larger one is certified")
    return held


def _rescue(market: Market, chosen: set[Link], covering: Ints) -> Task:
    """Lay out: full coverage, chosen pairs kept by weight, previous pairs, fewest consents, score."""
    losses = _losses(market, chosen)
    weight = np.zeros(len(market.person), dtype=np.int64)
    weight[market.rows(losses)] = column(list(losses.values()))
    left = market.left()
    rows = np.flatnonzero(left.rows & ((weight > 0) | market.wanting(left)[market.township][market.need]))
    fresh = weight[rows] == 0
    consents = np.where(fresh, np.where(market.mutual[rows], 1, 2), 0)
    tiers = (-weight[rows], -(market.previous[rows] & fresh).astype(np.int64), consents, -market.score[rows])
    return Task(market, left, covering, rows, tiers)


def _losses(market: Market, chosen: set[Link]) -> dict[Link, int]:
    """Weigh each chosen pair by the claims that would feel passed over if its person were held elsewhere.

    These are the pair itself and every claim behind it whose need would rather have this person.
    """
    seats: dict[int, list[int]] = {}
    for person, wanted in enumerate(market.wishes):
        for need, rank in wanted:
            if (person, need) in chosen:
                seats.setdefault(need, []).append(rank)
    losses: dict[Link, int] = {}
    for person, wanted in enumerate(market.wishes):
        behind = 0
        for need, rank in reversed(wanted):
            taken = seats.get(need, [])
            if (person, need) in chosen:
                losses[person, need] = behind + 1
            elif len(taken) < market.places[need] or (taken and rank < max(taken)):
                behind += 1
    return losses
