"""The flow that completes a plan: from people with capacity left, through places left, to townships in want."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rules.matching.flow import Draw, Minimiser, Network, TiedLottery, best_circulation, scipy_minimise
from rules.matching.lottery import DRAWS, number, pair_ticket
from rules.matching.market import Flags, Ints, Left, Link, Market
from rules.matching.plan import ROOT, Certificate

AIMS = ("previous", "consents", "score")
COVERAGE, COUNTIES = "coverage", "counties"


@dataclass(frozen=True, eq=False)
class Task:
    """A completion to solve: what is left, which rows of the market may be used, and their cost per tier.

    `tiers` come after coverage, of townships and then of counties where there are any; the lottery after them is always
    there. `covering` are rows that fill as much as can be filled, all of them among `rows`.
    """

    market: Market
    left: Left
    covering: Ints
    rows: Ints
    tiers: tuple[Ints, ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The pairs chosen, their rows in the market, and the potentials, tier by tier, that prove them best."""

    pairs: set[Link]
    rows: Ints
    potentials: list[Ints]


def final_task(market: Market, left: Left, covering: Ints) -> Task:
    """Lay out what follows choice (R-MATCH-1 aims 2, 4, 5): coverage, previous pairs, fewest consents to ask, score.

    Where the instance does not ask for completion, a pair that nobody chose may only serve a township or county in want
    or be kept.
    """
    free = np.flatnonzero(left.rows)
    wanted = market.previous[free] | market.wanting(left)[market.township][market.need[free]] | market.instance.complete
    rows = free[wanted]
    asked = ~market.previous[rows] & ~market.mutual[rows] & (not market.instance.complete)
    tiers = (-market.previous[rows].astype(np.int64), asked.astype(np.int64), -market.score[rows])
    return Task(market, left, covering, rows, tiers)


def complete(task: Task, minimise: Minimiser = scipy_minimise) -> Outcome:
    """Solve a task; coverage is its first tier, the lottery its last (R-MATCH-1 aims 2, 4, 5, 6)."""
    network, spread, coverage = _network(task)
    tiers = [*coverage, *(spread(tier) for tier in task.tiers)]
    draw = _draws(task, len(network.tail))
    flow, potentials = best_circulation(network, tiers, draw, minimise, _covering(task, len(network.tail)))
    first = int(np.count_nonzero(task.left.capacity > 0))
    taken = task.rows[flow[first : first + len(task.rows)] > 0]
    pairs = set(zip(task.market.person[taken].tolist(), task.market.need[taken].tolist(), strict=True))
    return Outcome(pairs, taken, potentials)


def certificate(outcome: Outcome, *, counties: bool) -> Certificate:
    """Give the proof in the plan's form."""
    aims = (COVERAGE, COUNTIES, *AIMS) if counties else (COVERAGE, *AIMS)
    draws = len(outcome.potentials) - len(aims)
    tiers = aims + tuple(f"lottery{draw + 1}" if draw else "lottery" for draw in range(draws))
    return Certificate(ROOT, tiers, tuple(tuple(tier.tolist()) for tier in outcome.potentials))


def _network(task: Task) -> tuple[Network, Callable[[Ints], Ints], list[Ints]]:
    """Build source → people → needs → townships → counties → sink → source; give how to spread a row cost, coverage.

    Nodes: source, people, needs, townships, counties, sink. What reaches the sink within a gap counts as coverage, the
    rest passes beside, through the county where there is one.
    """
    market, rows, left = task.market, task.rows, task.left
    people, needs, townships, counties = (len(c) for c in (left.capacity, left.places, left.gap, left.county_gap))
    able, seats, wanting, asking = (
        np.flatnonzero(c > 0) for c in (left.capacity, left.places, left.gap, left.county_gap)
    )
    town, node = 1 + people, 1 + people + needs
    county = node + townships
    sink = county + counties
    everything = int(left.capacity.sum()) + 1
    onward = county + market.county if counties else np.full(townships, sink)
    every, whole = np.arange(townships), np.arange(counties)
    arcs_of = [
        (np.zeros_like(able), 1 + able, left.capacity[able]),
        (1 + market.person[rows], town + market.need[rows], np.ones_like(rows)),
        (town + seats, node + market.township[seats], left.places[seats]),
        (node + wanting, np.full_like(wanting, sink), left.gap[wanting]),
        (county + asking, np.full_like(asking, sink), left.county_gap[asking]),
        (node + every, onward, np.full(townships, everything)),
        (county + whole, np.full_like(whole, sink), np.full(counties, everything)),
        (np.array([sink]), np.array([0]), np.array([everything])),
    ]
    tail, head, capacity = (np.concatenate(column) for column in zip(*arcs_of, strict=True))
    network = Network(sink + 1, tail, head, capacity, loose=(counties or townships) + 1)
    ends = np.cumsum([len(part[0]) for part in arcs_of])

    def spread(cost: Ints, after: int = 0) -> Ints:
        full = np.zeros(len(tail), dtype=np.int64)
        full[ends[after] : ends[after + 1]] = cost
        return full

    minus = np.array(-1)
    return network, spread, [spread(minus, 2), spread(minus, 3)][: 2 if counties else 1]


def _covering(task: Task, arcs: int) -> Ints:
    """Give the flow along the covering rows."""
    market, left, used = task.market, task.left, task.covering
    came = np.bincount(market.township[market.need[used]], minlength=len(left.gap))
    more = came - np.minimum(came, left.gap)
    parts = [
        np.bincount(market.person[used], minlength=len(left.capacity))[left.capacity > 0],
        np.bincount(np.searchsorted(task.rows, used), minlength=len(task.rows)),
        np.bincount(market.need[used], minlength=len(left.places))[left.places > 0],
        (came - more)[left.gap > 0],
    ]
    if len(left.county_gap):
        over = market.over(more)
        within = np.minimum(over, left.county_gap)
        parts += [within[left.county_gap > 0], more, over - within]
    together = np.concatenate(parts)
    flow = np.zeros(arcs, dtype=np.int64)
    flow[: len(together)], flow[-1] = together, len(used)
    return flow


def _draws(task: Task, arcs: int) -> Draw:
    """Draw the lottery among the arcs that are asked for; the others' tickets are never made."""
    market, instance = task.market, task.market.instance
    people, needs, seed = instance.people.id, instance.needs.id, instance.seed
    first = int(np.count_nonzero(task.left.capacity > 0))

    def draw(turn: int, wanted: Flags) -> Ints:
        if turn >= DRAWS:
            raise TiedLottery
        places = np.flatnonzero(wanted[first : first + len(task.rows)])
        rows = task.rows[places]
        ends = zip(market.person[rows].tolist(), market.need[rows].tolist(), strict=True)
        cost = np.zeros(arcs, dtype=np.int64)
        cost[first + places] = [-number(pair_ticket(seed, people[p], needs[n]), turn) for p, n in ends]
        return cost

    return draw
