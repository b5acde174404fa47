"""How many townships any plan could cover, and why not more (R-MATCH-1 aim 2, R-MATCH-3)."""

from collections import defaultdict

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

from rules.matching.market import Flags, Ints, Left, Market
from rules.matching.plan import Violator


def cover(market: Market, left: Left) -> Ints:
    """Give rows that fill as much of the townships' gaps as can still be filled with what is left."""
    if (rows := _first_come(market, left)) is not None:
        return rows
    network, people = _network(market, left), len(left.capacity)
    if not network.nnz:
        return np.zeros(0, dtype=np.int64)
    source = network.shape[0] - 2
    flow = maximum_flow(network, source, source + 1).flow
    tail, person = np.repeat(np.arange(source + 2), np.diff(flow.indptr)), flow.indices
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


def certify(market: Market) -> tuple[int, tuple[Violator, ...]]:
    """Give the largest coverage of any plan that obeys the pins, and the townships that prove that there is no larger.

    The proof is the cut nearest the townships' unfilled demand (the source here): the smallest set of townships in
    want, the same whichever maximum flow was found. It falls into independent parts, which are told one by one.
    """
    network = _network(market, market.left())
    if not network.nnz:
        value, reached = 0, np.zeros(network.shape[0], dtype=np.bool_)
        reached[_townships(market)] = market.gap > 0
    else:
        source = network.shape[0] - 2
        result = maximum_flow(network, source, source + 1)
        value = int(result.flow_value)
        open_arcs = csr_array(network - result.flow)
        open_arcs.eliminate_zeros()
        reached = np.zeros(network.shape[0], dtype=np.bool_)
        reached[breadth_first_order(open_arcs, source, return_predecessors=False)] = True
    return market.pinned_cover + value, _violators(market, reached)


def _townships(market: Market) -> slice:
    first = len(market.capacity) + len(market.places)
    return slice(first, first + len(market.gap))


def _network(market: Market, left: Left) -> csr_array:
    """Build source → township (gap) → need (places) → person (1) → sink (capacity), without arcs of capacity 0."""
    people, needs, townships = len(left.capacity), len(left.places), len(left.gap)
    source = people + needs + townships
    rows = np.flatnonzero(left.rows & (left.gap > 0)[market.township][market.need])
    wanting, able = np.flatnonzero(left.gap > 0), np.flatnonzero(left.capacity > 0)
    seats = np.flatnonzero((left.places > 0) & (left.gap[market.township] > 0))
    tail = [
        np.full(len(wanting), source),
        people + needs + market.township[seats],
        people + market.need[rows],
        able,
    ]
    head = [people + needs + wanting, people + seats, market.person[rows], np.full(len(able), source + 1)]
    size = [left.gap[wanting], left.places[seats], np.ones_like(rows), left.capacity[able]]
    return csr_array(
        coo_array(
            (np.concatenate(size).astype(np.int32), (np.concatenate(tail), np.concatenate(head))),
            shape=(source + 2, source + 2),
        )
    )


def _violators(market: Market, reached: Flags) -> tuple[Violator, ...]:
    people, needs = len(market.capacity), len(market.places)
    short = np.flatnonzero(reached[_townships(market)] & (market.gap > 0))
    if not len(short):
        return ()
    open_needs = reached[people : people + needs]
    part = _parts(market, reached)
    inside: dict[int, list[int]] = defaultdict(list)
    for township in short.tolist():
        inside[int(part[people + needs + township])].append(township)
    found = (_violator(market, np.array(group), open_needs) for group in inside.values())
    return tuple(sorted(found, key=lambda violator: violator.townships))


def _parts(market: Market, reached: Flags) -> Ints:
    people, needs = len(market.capacity), len(market.places)
    rows = market.open & reached[people + market.need] & reached[market.person]
    seats = np.flatnonzero(reached[people : people + needs])
    tail = np.concatenate([people + needs + market.township[seats], people + market.need[rows]])
    head = np.concatenate([people + seats, market.person[rows]])
    graph = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(len(reached), len(reached)))
    return np.asarray(connected_components(csr_array(graph), directed=False)[1], dtype=np.int64)


def _violator(market: Market, townships: Ints, open_needs: Flags) -> Violator:
    inside = np.isin(market.township, townships)
    rows = market.open & (inside & open_needs)[market.need]
    people, able_for = np.unique(market.person[rows], return_counts=True)
    full = np.flatnonzero(inside & ~open_needs)
    floor = sum(market.instance.townships.floor[t] for t in townships.tolist())
    pinned = floor - int(market.gap[townships].sum())
    capacity = int(np.minimum(market.capacity[people], able_for).sum()) + int(market.places[full].sum()) + pinned
    return Violator(tuple(townships.tolist()), tuple(people.tolist()), capacity, floor, tuple(full.tolist()))
