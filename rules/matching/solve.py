"""From an instance to a plan: coverage, choice, holds, completion, in the strict order of R-MATCH-1."""

from collections import defaultdict

import numpy as np

from rules.matching.choice import Choice
from rules.matching.completion import Outcome, certificate, complete, final_task
from rules.matching.coverage import certify, cover
from rules.matching.flow import Minimiser, scipy_minimise
from rules.matching.holds import Teller, choose_with_holds, silent
from rules.matching.instance import Instance
from rules.matching.lottery import pair_ticket
from rules.matching.market import Link, Market, column, ends, open_market
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, KEPT, PINNED, Hold, Pair, Plan, Violator, Witness

_UNCLAIMED = 2**31


def solve(instance: Instance, minimise: Minimiser = scipy_minimise, tell: Teller = silent) -> Plan:
    """Compute the plan of a round: the same bytes for the same instance, whoever minimises (R-MATCH-1, R-MATCH-2).

    Aims, strictly in this order: pins, bans, eligibility, capacities; the largest coverage that any plan has, in filled
    floors of townships with needs; mutual choice, stable but for people held for a township that needs them; previous
    pairs kept; fewest pairs that nobody chose (unless the instance asks to complete); score; the lottery.

    :param minimise: proposes flows; it cannot change the plan.
    :param tell: hears in Chinese what is being done, stage by stage.
    :raises InfeasiblePins: naming every pin that no plan can obey.
    """
    return settle(open_market(instance), minimise, tell)


def settle(market: Market, minimise: Minimiser = scipy_minimise, tell: Teller = silent) -> Plan:
    """Compute the plan of a market that is open already: as `solve` does, for who goes on to ask it for reasons."""
    instance = market.instance
    tell(f"求最大覆盖：{np.count_nonzero(market.open):,} 个可行配对")
    choice = Choice(market.wishes, market.capacity.tolist(), market.places.tolist())
    chosen, held = choice.pairs(), set[int]()
    left = market.left(chosen)
    covering = cover(market, left)
    maximum, violators = market.pinned_cover + int(market.gap.sum()), tuple[Violator, ...]()
    if len(covering) < left.gap.sum():
        maximum, violators = certify(market)
        tell(f"最大覆盖 {maximum}；双选与保障覆盖")
        chosen, held, covering = choose_with_holds(market, choice, maximum - market.pinned_cover, minimise, tell)
        left = market.left(chosen)
    tell(f"双选成功 {len(chosen)}，让位 {len(held)} 人；统筹补位与抽签")
    task = final_task(market, left, covering)
    outcome = complete(task, minimise)
    reasons = _reasons(market, left.gap.tolist(), chosen, outcome)
    came = np.bincount(market.township[ends(reasons)[1]], minlength=len(instance.townships.floor))
    completing = sorted(link for link in outcome.pairs if link[0] in held)
    holds = tuple(Hold(p, n, instance.needs.township[n]) for p, n in completing)
    return Plan(
        pairs=tuple(Pair(p, n, reasons[p, n]) for p, n in sorted(reasons)),
        covered=int(np.minimum(column(instance.townships.floor), came).sum()),
        maximum=maximum,
        violators=violators,
        holds=holds,
        witnesses=_witnesses(market, chosen, holds),
        score=_score(market, chosen, outcome),
        certificate=certificate(outcome),
    ).sealed()


def _score(market: Market, chosen: set[Link], outcome: Outcome) -> int:
    rows = (market.rows(market.pins), market.rows(chosen), outcome.rows)
    return sum(int(market.score[some].sum()) for some in rows)


def _reasons(market: Market, gap: list[int], chosen: set[Link], outcome: Outcome) -> dict[Link, str]:
    """Give each pair its reason (R-MATCH-4); of a township's completing pairs the first that fill its gap cover it."""
    instance = market.instance
    reasons = dict.fromkeys(market.pins, PINNED) | dict.fromkeys(chosen, CHOSEN)
    columns = (market.person, market.need, market.previous, market.score)
    arriving: dict[int, list[tuple[bool, int, bytes, Link]]] = defaultdict(list)
    for p, n, kept, score in zip(*(values[outcome.rows].tolist() for values in columns), strict=True):
        reasons[p, n] = KEPT if kept else COMPLETING
        if gap[township := instance.needs.township[n]]:
            ticket = pair_ticket(instance.seed, instance.people.id[p], instance.needs.id[n])
            arriving[township].append((not kept, -score, ticket, (p, n)))
    for township, group in arriving.items():
        reasons.update((link, COVERING) for *_, link in sorted(group)[: gap[township]])
    return reasons


def _witnesses(market: Market, chosen: set[Link], holds: tuple[Hold, ...]) -> tuple[Witness, ...]:
    """Give every claim that claimant and need would rather have than what they got, with the hold behind it."""
    if not holds:
        return ()
    place = {(p, n): turn for p, wanted in enumerate(market.wishes) for turn, (n, _) in enumerate(wanted)}
    rank = {(p, n): rank for p, wanted in enumerate(market.wishes) for n, rank in wanted}
    seats: dict[int, list[int]] = defaultdict(list)
    for p, n in chosen:
        seats[n].append(rank[p, n])
    worst: dict[int, tuple[int, int]] = {}
    seed, people, needs = market.instance.seed, market.instance.people.id, market.instance.needs.id
    tickets = [pair_ticket(seed, people[hold.person], needs[hold.need]) for hold in holds]
    for index, hold in sorted(enumerate(holds), key=lambda entry: tickets[entry[0]]):
        turn = place.get((hold.person, hold.need), _UNCLAIMED)
        if turn > worst.get(hold.person, (-1, 0))[0]:
            worst[hold.person] = (turn, index)
    taken = chosen | {(hold.person, hold.need) for hold in holds}
    found = [
        Witness(person, need, index)
        for person, (limit, index) in worst.items()
        for turn, (need, rank_there) in enumerate(market.wishes[person])
        if turn < limit
        and (person, need) not in taken
        and (len(seats[need]) < market.places[need] or rank_there < max(seats[need], default=-1))
    ]
    return tuple(sorted(found, key=lambda witness: (witness.person, witness.need)))
