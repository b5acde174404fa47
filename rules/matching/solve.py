"""From an instance to a plan: coverage, choice, holds, completion, in the strict order of R-MATCH-1."""

from collections import defaultdict

import numpy as np

from rules.matching.choice import Choice
from rules.matching.completion import Outcome, certificate, complete, final_task
from rules.matching.coverage import Certified, certify, cover
from rules.matching.flow import Minimiser, scipy_minimise
from rules.matching.holds import Teller, choose_with_holds, silent
from rules.matching.instance import Instance
from rules.matching.lottery import pair_ticket
from rules.matching.market import Left, Link, Market, column, ends, open_market
from rules.matching.plan import (
    CHOSEN,
    COMPLETING,
    COVERING,
    FOR_COUNTY,
    KEPT,
    PINNED,
    Hold,
    Pair,
    Plan,
    Witness,
)

_UNCLAIMED = 2**31
_Arrival = tuple[bool, int, bytes, Link]


def solve(instance: Instance, minimise: Minimiser = scipy_minimise, tell: Teller = silent) -> Plan:
    """Compute the plan of a round: the same bytes for the same instance, whoever minimises (R-MATCH-1, R-MATCH-2).

    Aims, strictly in this order: pins, bans, eligibility, capacities; the largest coverage that any plan has, in filled
    floors of townships with needs, then in what counties ask beyond; mutual choice, stable but for people held for a
    township or county that needs them; previous pairs kept; fewest pairs that nobody chose (unless the instance asks to
    complete); score; the lottery.

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
    proof = Certified(market.pinned_cover + int(market.gap.sum()), (), int(market.beyond.sum()), ())
    if len(covering) < left.gap.sum() + left.county_gap.sum():
        most, proof = proof, certify(market)
        tell(f"最大覆盖 {proof.maximum}；双选与保障覆盖")
        missing = most.maximum - proof.maximum, most.county_maximum - proof.county_maximum
        chosen, held, covering = choose_with_holds(market, choice, missing, minimise, tell)
        left = market.left(chosen)
    tell(f"双选成功 {len(chosen)}，让位 {len(held)} 人；统筹补位与抽签")
    task = final_task(market, left, covering)
    outcome = complete(task, minimise)
    reasons = _reasons(market, left, chosen, outcome)
    came, floor = np.bincount(market.township[ends(reasons)[1]], minlength=len(market.gap)), instance.townships.floor
    holds = _holds(instance, sorted(link for link in outcome.pairs if link[0] in held), reasons)
    counties = len(market.beyond) > 0
    return Plan(
        pairs=tuple(Pair(p, n, reasons[p, n]) for p, n in sorted(reasons)),
        covered=int(np.minimum(column(floor), came).sum()),
        maximum=proof.maximum,
        violators=proof.violators,
        holds=holds,
        witnesses=_witnesses(market, chosen, holds),
        score=_score(market, chosen, outcome),
        certificate=certificate(outcome, counties=counties),
        county_covered=int(np.minimum(market.over(came - column(floor)), market.beyond).sum()) if counties else None,
        county_maximum=proof.county_maximum if counties else None,
        county_violators=proof.county_violators,
    ).sealed()


def _holds(instance: Instance, completing: list[Link], reasons: dict[Link, str]) -> tuple[Hold, ...]:
    """Give the holds of people kept out of choice, with the county where it is what needs them."""
    town, county = instance.needs.township, instance.townships.county
    return tuple(Hold(p, n, town[n], county[town[n]] if reasons[p, n] == FOR_COUNTY else None) for p, n in completing)


def _score(market: Market, chosen: set[Link], outcome: Outcome) -> int:
    rows = (market.rows(market.pins), market.rows(chosen), outcome.rows)
    return sum(int(market.score[some].sum()) for some in rows)


def _reasons(market: Market, left: Left, chosen: set[Link], outcome: Outcome) -> dict[Link, str]:
    """Give each pair its reason (R-MATCH-4).

    Of a township's completing pairs the first that fill its gap cover it; of the others the first that fill the gap of
    its county are for that.
    """
    instance, county, gaps = market.instance, market.county.tolist(), (left.gap.tolist(), left.county_gap.tolist())
    reasons = dict.fromkeys(market.pins, PINNED) | dict.fromkeys(chosen, CHOSEN)
    columns = (market.person, market.need, market.previous, market.score)
    wanting = market.wanting(left).tolist()
    arriving: dict[int, list[_Arrival]] = defaultdict(list)
    for p, n, kept, score in zip(*(values[outcome.rows].tolist() for values in columns), strict=True):
        reasons[p, n] = KEPT if kept else COMPLETING
        if wanting[township := instance.needs.township[n]]:
            ticket = pair_ticket(instance.seed, instance.people.id[p], instance.needs.id[n])
            arriving[township].append((not kept, -score, ticket, (p, n)))
    beyond: dict[int, list[_Arrival]] = defaultdict(list)
    for township, group in arriving.items():
        group.sort()
        reasons.update((link, COVERING) for *_, link in group[: gaps[0][township]])
        if county:
            beyond[county[township]] += group[gaps[0][township] :]
    for place, group in beyond.items():
        reasons.update((link, FOR_COUNTY) for *_, link in sorted(group)[: gaps[1][place]])
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
