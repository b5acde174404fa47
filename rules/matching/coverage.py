"""How much of the floors any plan could fill, of townships and counties, and why not more (R-MATCH-1, R-MATCH-3)."""

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

from rules.matching.filling import Wanted, network
from rules.matching.market import Flags, Ints, Left, Market, ends
from rules.matching.plan import Violator


@dataclass(frozen=True)
class Certified:
    """The largest coverage of any plan that obeys the pins, and the proof that there is none larger.

    `maximum` are the filled floors of townships, `county_maximum` what counties get beyond, at that coverage.
    """

    maximum: int
    violators: tuple[Violator, ...]
    county_maximum: int
    county_violators: tuple[Violator, ...]


def cover(market: Market, left: Left) -> Ints:
    """Give rows that fill as much of the gaps as can still be filled with what is left: townships first."""
    if not left.county_gap.any() and (rows := _first_come(market, left)) is not None:
        return rows
    people, flow = len(left.capacity), _filled(market, left)[1].flow
    tail, person = np.repeat(np.arange(flow.shape[0]), np.diff(flow.indptr)), flow.indices
    used = (flow.data > 0) & (person < people)
    codes = person[used].astype(np.int64) * len(left.places) + tail[used] - people
    return np.searchsorted(market.codes, np.sort(codes))


def _first_come(market: Market, left: Left) -> Ints | None:
    """Fill gaps row by row, the townships with fewest rows first; None where that does not fill them all."""
    rows = np.flatnonzero(left.rows & (left.gap > 0)[market.township][market.need])
    town = market.township[market.need[rows]]
    order = np.argsort(np.bincount(town, minlength=1)[town], kind="stable")
    free, room, gap = left.capacity.tolist(), left.places.tolist(), left.gap.tolist()
    missing, taken = sum(gap), []
    columns = (column[order].tolist() for column in (rows, market.person[rows], market.need[rows], town))
    for row, person, need, township in zip(*columns, strict=True):
        if not missing:
            break
        if gap[township] and free[person] and room[need]:
            gap[township], free[person], room[need] = gap[township] - 1, free[person] - 1, room[need] - 1
            missing -= 1
            taken.append(row)
    return None if missing else np.sort(np.array(taken, dtype=np.int64))


def certify(market: Market) -> Certified:
    """Give the largest coverage of any plan that obeys the pins, and who proves that there is no larger.

    Floors are units that people fill; which units can be filled together is a transversal matroid, so the most units of
    townships and the most of all are reached at once. The proof of each is the cut nearest the unfilled demand (the
    source here): the smallest set of townships in want, the same whichever maximum flow was found. It falls into
    independent parts, which are told one by one.
    """
    left = market.left()
    towns, every = _filled(market, left)
    pinned = int(market.beyond.sum() - market.county_gap.sum())
    return Certified(
        market.pinned_cover + towns.value,
        _violators(market, towns.reached),
        pinned + every.value - towns.value,
        tuple(one for one in _violators(market, every.reached) if one.counties),
    )


@dataclass(frozen=True, eq=False)
class _Flow:
    """What flows in a network of these gaps."""

    graph: csr_array
    flow: csr_array
    value: int
    gaps: Ints

    @cached_property
    def reached(self) -> Flags:
        """All that unfilled demand reaches."""
        source = self.graph.shape[0] - 2
        reached = np.zeros(source + 2, dtype=np.bool_)
        if not self.graph.nnz:
            reached[source - len(self.gaps) : source] = self.gaps > 0
        else:
            reached[breadth_first_order(_open(self.graph - self.flow), source, return_predecessors=False)] = True
        return reached


def _filled(market: Market, left: Left) -> tuple[_Flow, _Flow]:
    """Fill townships' gaps, then counties' as well: no path from the source takes back what leaves the source."""
    nothing = np.zeros_like(left.county_gap)
    first = _pushed(_network(market, replace(left, county_gap=nothing)), np.concatenate([left.gap, nothing]), None)
    if not left.county_gap.any():
        return first, first
    return first, _pushed(_network(market, left), np.concatenate([left.gap, left.county_gap]), first)


def _pushed(graph: csr_array, gaps: Ints, before: _Flow | None) -> _Flow:
    """Push what can be pushed beside what flows before."""
    source = graph.shape[0] - 2
    if not graph.nnz:
        return _Flow(graph, graph, 0, gaps)
    result = maximum_flow(graph if before is None else _open(graph - before.flow), source, source + 1)
    if before is None:
        return _Flow(graph, result.flow, int(result.flow_value), gaps)
    return _Flow(graph, csr_array(before.flow + result.flow), before.value + int(result.flow_value), gaps)


def _open(left: csr_array) -> csr_array:
    open_arcs = csr_array(left)
    open_arcs.eliminate_zeros()
    return open_arcs


def _townships(market: Market) -> slice:
    first = len(market.capacity) + len(market.places)
    return slice(first, first + len(market.gap))


def _network(market: Market, left: Left) -> csr_array:
    rows = np.flatnonzero(left.rows & market.wanting(left)[market.township][market.need])
    county = market.county if left.county_gap.any() else market.county[:0]
    wanted = Wanted(left.capacity, left.places, left.gap, market.township, county, left.county_gap)
    return network(wanted, market.person[rows], market.need[rows])


def _violators(market: Market, reached: Flags) -> tuple[Violator, ...]:
    """Tell the parts of a cut. What is reached of a county are all of its townships, full or not."""
    people, first, last = len(market.capacity), _townships(market).start, _townships(market).stop
    short = np.flatnonzero(reached[first:last] & (market.gap > 0))
    asking = np.flatnonzero(reached[last:-2] & (market.county_gap > 0))
    if not len(short) and not len(asking):
        return ()
    part = _parts(market, reached)
    inside: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for township in short.tolist():
        inside[int(part[first + township])][0].append(township)
    for county in asking.tolist():
        inside[int(part[last + county])][1].append(county)
    open_needs = reached[people:first]
    found = (_violator(market, np.array(towns, dtype=np.int64), of, open_needs) for towns, of in inside.values())
    return tuple(sorted(found, key=lambda violator: (violator.counties, violator.townships)))


def _parts(market: Market, reached: Flags) -> Ints:
    people, needs = len(market.capacity), len(market.places)
    rows = market.open & reached[people + market.need] & reached[market.person]
    seats = np.flatnonzero(reached[people : people + needs])
    tail = np.concatenate([people + needs + market.township[seats], people + market.need[rows]])
    head = np.concatenate([people + seats, market.person[rows]])
    last = _townships(market).stop
    if len(market.county) and len(asking := np.flatnonzero(reached[last:-2])):
        towns = np.flatnonzero(np.isin(market.county, asking))
        tail = np.concatenate([tail, last + market.county[towns]])
        head = np.concatenate([head, people + needs + towns])
    graph = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(len(reached), len(reached)))
    return np.asarray(connected_components(csr_array(graph), directed=False)[1], dtype=np.int64)


def _violator(market: Market, short: Ints, counties: list[int], open_needs: Flags) -> Violator:
    """Add one part up: whole counties, and townships of others that want the same people."""
    within = np.isin(market.county, counties) if counties else np.zeros(len(market.gap), dtype=np.bool_)
    townships = np.union1d(short, np.flatnonzero(within))
    inside = np.isin(market.township, townships)
    rows = market.open & (inside & open_needs)[market.need]
    people, able_for = np.unique(market.person[rows], return_counts=True)
    full = np.flatnonzero(inside & ~open_needs)
    asked = market.instance.townships.floor
    floor = sum(asked[t] for t in np.unique(market.township[inside]).tolist()) + int(market.beyond[counties].sum())
    pinned = int(np.isin(ends(market.pins)[1], np.flatnonzero(inside)).sum())
    capacity = int(np.minimum(market.capacity[people], able_for).sum()) + int(market.places[full].sum()) + pinned
    others = tuple(short[~within[short]].tolist())
    return Violator(others, tuple(people.tolist()), capacity, floor, tuple(full.tolist()), tuple(counties))
