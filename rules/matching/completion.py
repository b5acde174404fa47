"""The flow that completes a plan: from people with capacity left, through places left, to townships in want."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rules.matching.flow import Draw, Minimiser, Network, TiedLottery, best_circulation, scipy_minimise
from rules.matching.lottery import DRAWS, number, pair_ticket
from rules.matching.market import Flags, Ints, Left, Link, Market
from rules.matching.plan import ROOT, Certificate

AIMS = ("coverage", "previous", "consents", "score")


@dataclass(frozen=True, eq=False)
class Task:
    """A completion to solve: what is left, which rows of the market may be used, and their cost per tier.

    `tiers` come after coverage; the lottery after them is always there. `covering` are rows that fill as much as can be
    filled, all of them among `rows`.
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

    Where the instance does not ask for completion, a pair that nobody chose may only serve a township in want or be
    kept.
    """
    free = np.flatnonzero(left.rows)
    wanted = market.previous[free] | (left.gap > 0)[market.township][market.need[free]] | market.instance.complete
    rows = free[wanted]
    asked = ~market.previous[rows] & ~market.mutual[rows] & (not market.instance.complete)
    tiers = (-market.previous[rows].astype(np.int64), asked.astype(np.int64), -market.score[rows])
    return Task(market, left, covering, rows, tiers)


def complete(task: Task, minimise: Minimiser = scipy_minimise) -> Outcome:
    """Solve a task; coverage is its first tier, the lottery its last (R-MATCH-1 aims 2, 4, 5, 6)."""
    network, spread, coverage = _network(task)
    tiers = [coverage, *(spread(tier) for tier in task.tiers)]
    draw = _draws(task, len(network.tail))
    flow, potentials = best_circulation(network, tiers, draw, minimise, _covering(task, len(network.tail)))
    first = int(np.count_nonzero(task.left.capacity > 0))
    taken = task.rows[flow[first : first + len(task.rows)] > 0]
    pairs = set(zip(task.market.person[taken].tolist(), task.market.need[taken].tolist(), strict=True))
    return Outcome(pairs, taken, potentials)


def certificate(outcome: Outcome) -> Certificate:
    """Give the proof in the plan's form."""
    draws = len(outcome.potentials) - len(AIMS)
    tiers = AIMS + tuple(f"lottery{draw + 1}" if draw else "lottery" for draw in range(draws))
    return Certificate(ROOT, tiers, tuple(tuple(tier.tolist()) for tier in outcome.potentials))


def _network(task: Task) -> tuple[Network, Callable[[Ints], Ints], Ints]:
    """Build source → people → needs → townships → sink → source; give also how to spread a row cost, and coverage.

    Nodes: source, people, needs, townships, sink. What reaches the sink within a gap counts as coverage, the rest
    passes beside.
    """
    market, rows = task.market, task.rows
    people, needs, townships = len(task.left.capacity), len(task.left.places), len(task.left.gap)
    sink = 1 + people + needs + townships
    able, seats, wanting = (np.flatnonzero(left > 0) for left in (task.left.capacity, task.left.places, task.left.gap))
    every = np.arange(townships)
    node = 1 + people + needs
    everything = int(task.left.capacity.sum()) + 1
    beside, back = np.full(townships, everything), np.array([everything])
    arcs_of = [
        (np.zeros_like(able), 1 + able, task.left.capacity[able]),
        (1 + market.person[rows], 1 + people + market.need[rows], np.ones_like(rows)),
        (1 + people + seats, node + market.township[seats], task.left.places[seats]),
        (node + wanting, np.full_like(wanting, sink), task.left.gap[wanting]),
        (node + every, np.full_like(every, sink), beside),
        (np.array([sink]), np.array([0]), back),
    ]
    tail, head, capacity = (np.concatenate(column) for column in zip(*arcs_of, strict=True))
    network = Network(sink + 1, tail, head, capacity, loose=townships + 1)
    arcs = len(network.tail)

    def spread(cost: Ints) -> Ints:
        full = np.zeros(arcs, dtype=np.int64)
        full[len(able) : len(able) + len(rows)] = cost
        return full

    coverage = np.zeros(arcs, dtype=np.int64)
    counted = len(able) + len(rows) + len(seats)
    coverage[counted : counted + len(wanting)] = -1
    return network, spread, coverage


def _covering(task: Task, arcs: int) -> Ints:
    """Give the flow along the covering rows."""
    market, left, used = task.market, task.left, task.covering
    flow = np.zeros(arcs, dtype=np.int64)
    parts = (
        np.bincount(market.person[used], minlength=len(left.capacity))[left.capacity > 0],
        np.bincount(np.searchsorted(task.rows, used), minlength=len(task.rows)),
        np.bincount(market.need[used], minlength=len(left.places))[left.places > 0],
        np.bincount(market.township[market.need[used]], minlength=len(left.gap))[left.gap > 0],
    )
    together = np.concatenate(parts)
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
