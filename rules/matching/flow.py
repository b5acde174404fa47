"""Lexicographic min-cost circulation in integers: tier by tier, each on the optimal face of those before it.

A solver only proposes a flow for a tier. Whether it is optimal is decided here, by exact shortest distances in the
residual network, and whatever is left to gain is taken by cancelling cycles; so the outcome does not hang on anybody's
rounding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from rules.matching.market import Flags, Ints

FAR = np.int64(2**62)
_PASSES_BETWEEN_CHECKS = 16
_PACKED_MOST = 2**36
SMALL = 64
"""Networks of fewer arcs are done by cancelling cycles alone, faster than a solver is started."""
DENSE, FEW, NEAR = 20, 12, 5
"""From so many arcs a node on, a solver first gets only so many a node, then those within 2^-NEAR of a gain."""


class TiedLottery(RuntimeError):
    """Two plans alike in every aim and every draw of the lottery; SHA-256 makes this practically impossible."""


@dataclass(frozen=True, eq=False)
class Network:
    """Arcs with capacities; every flow on it is a circulation.

    The last `loose` arcs cost nothing in any tier and can carry whatever there is; where they lead to, the very last of
    them may lead on.
    """

    nodes: int
    tail: Ints
    head: Ints
    capacity: Ints
    loose: int = 0


Draw = Callable[[int, Flags], Ints]
"""Gives (which draw, which arcs are asked for) the cost of these arcs; what it gives the others is not read."""

Minimiser = Callable[[Network, Ints, Ints], Ints]
"""Gives (network, cost an arc, supply a node) a flow of least cost; a mistake costs time, never truth."""


@dataclass(frozen=True, eq=False)
class Face:
    """All best flows so far: one of them, the arcs that others may change, and where the root's own arcs are tight.

    `start` is 0 where an arc from the root is on a shortest path in every tier so far, else FAR.
    """

    flow: Ints
    free: Flags
    start: Ints


@dataclass(frozen=True, eq=False)
class Residual:
    """Arcs that may still change, with the arc each comes from and whether it adds (+1) or takes away (-1)."""

    tail: Ints
    head: Ints
    arc: Ints
    sign: Ints


def scipy_minimise(network: Network, cost: Ints, supply: Ints) -> Ints:
    """Minimise with the dual simplex of HiGHS; costs are scaled to where its tolerance is small."""
    arcs = np.arange(len(cost))
    ends = (np.concatenate([network.tail, network.head]), np.concatenate([arcs, arcs]))
    signs = np.concatenate([np.ones(len(cost)), -np.ones(len(cost))])
    balance = csr_array(coo_array((signs, ends), shape=(network.nodes, len(cost))))
    scaled = cost / (max(1, int(np.abs(cost).max())) / 1e6)
    bounds = np.column_stack([np.zeros(len(cost)), network.capacity])
    found = linprog(scaled, A_eq=balance, b_eq=supply, bounds=bounds, method="highs-ds")
    return np.zeros(len(cost), dtype=np.int64) if found.x is None else np.rint(found.x).astype(np.int64)


def best_circulation(
    network: Network, tiers: list[Ints], draw: Draw, minimise: Minimiser = scipy_minimise, flow: Ints | None = None
) -> tuple[Ints, list[Ints]]:
    """Give the one circulation that is least in the first tier, among those in the second, and so on; and its proof.

    The proof are potentials, tier by tier and then draw by draw: lexicographically shortest distances in the residual
    network from a root joined to every node at no cost. They are the largest of all potentials that prove the optimum,
    hence the same for every flow that reaches it: those of a tier stay right while later tiers change the flow.

    :param tiers: cost of each arc per tier.
    :param draw: further tiers, the draws of the lottery, used until the optimum is unique.
    :param flow: one that is least in the first tier, where it is known; if it is not least, that costs time only.
    :returns: the flow, and the potentials of each tier and of each draw that it took.
    :raises TiedLottery: if the draws run out.
    """
    nothing = np.zeros(len(network.tail), dtype=np.int64)
    face = Face(nothing if flow is None else flow, network.capacity > 0, np.zeros(network.nodes, dtype=np.int64))
    potentials: list[Ints] = []
    if flow is not None:
        face, best = _descend(network, tiers[0], face, None)
        potentials.append(best)
    for cost, reaches in _packed(network, tiers[len(potentials) :]):
        face, best = _descend(network, cost, face, minimise)
        potentials += _unpacked(best, reaches)
    moving = changeable(network, face.flow, face.free)
    while len(potentials) == len(tiers) or moving.any():
        cost = draw(len(potentials) - len(tiers), face.free)
        face, best = _descend(network, cost, face, minimise, moving)
        potentials.append(best)
        moving = changeable(network, face.flow, face.free)
    return face.flow, potentials


def _packed(network: Network, tiers: list[Ints]) -> Iterator[tuple[Ints, list[int]]]:
    """Join neighbouring tiers into one wherever costs, weighted to keep the order, stay small.

    Gives with each the reach of what was joined: what a path without repetition can cost at most.
    """
    joined, largest, reaches = tiers[0], int(np.abs(tiers[0]).max(initial=0)), [0]
    for cost in tiers[1:]:
        most = int(np.abs(cost).max(initial=0))
        if not most:
            reaches.append(0)
            continue
        reach = min(int(np.abs(cost).sum()), most * network.nodes)
        if largest and largest * (2 * reach + 1) + most > _PACKED_MOST:
            yield joined, reaches
            joined, largest, reaches = cost, most, [0]
        else:
            joined, largest = joined * (2 * reach + 1) + cost, largest * (2 * reach + 1) + most
            reaches.append(reach)
    yield joined, reaches


def _unpacked(best: Ints, reaches: list[int]) -> list[Ints]:
    """Take distances in joined costs apart, tier by tier."""
    parts = []
    for reach in reversed(reaches[1:]):
        part = (best + reach) % (2 * reach + 1) - reach
        best = (best - part) // (2 * reach + 1)
        parts.append(part)
    return [best, *reversed(parts)]


def residual(network: Network, flow: Ints, free: Flags) -> Residual:
    """Give the arcs along which the flow may still change, among the free ones."""
    more = np.flatnonzero(free & (flow < network.capacity))
    less = np.flatnonzero(free & (flow > 0))
    return Residual(
        tail=np.concatenate([network.tail[more], network.head[less]]),
        head=np.concatenate([network.head[more], network.tail[less]]),
        arc=np.concatenate([more, less]),
        sign=np.concatenate([np.ones(len(more), dtype=np.int64), -np.ones(len(less), dtype=np.int64)]),
    )


def changeable(network: Network, flow: Ints, free: Flags) -> Flags:
    """Mark the arcs on cycles by which the flow could change among free arcs: none means that it is the only one.

    An arc that can go both ways makes no such cycle with itself alone; arcs of capacity 1 never can, and every cycle
    that changes a plan passes one of them. So these cycles lie in strong components with one of those inside.
    """
    left = residual(network, flow, free)
    changes = np.zeros(len(network.tail), dtype=np.bool_)
    if not len(left.tail):
        return changes
    order = np.argsort(left.tail, kind="stable")
    first = np.searchsorted(left.tail[order], np.arange(network.nodes + 1))
    graph = csr_array((np.ones(len(order)), left.head[order], first), shape=(network.nodes,) * 2)
    component = connected_components(graph, directed=True, connection="strong")[1]
    inside = component[left.tail] == component[left.head]
    single = np.bincount(left.arc)[left.arc] == 1
    alive = np.bincount(component[left.tail[inside & single]], minlength=network.nodes) > 0
    changes[left.arc[inside & alive[component[left.tail]]]] = True
    return changes


def distances(nodes: int, left: Residual, cost: Ints, start: Ints) -> tuple[Ints, Ints | None]:
    """Give the shortest distances from `start`, or a cycle of negative cost (positions in `left`) that forbids them.

    Bellman and Ford: all arcs at once, then those behind nodes that came nearer. Exact in 64 bits: |cost| < 2^41 and
    paths of fewer than 2^20 arcs stay far below 2^62.
    """
    order = np.argsort(left.tail, kind="stable")
    tail, head, price = left.tail[order], left.head[order], cost[left.arc[order]] * left.sign[order]
    first = np.searchsorted(tail, np.arange(nodes + 1))
    sizes, every = np.diff(first), np.arange(len(tail))
    best, parent, passes = start.copy(), np.full(nodes, -1, dtype=np.int64), 0
    fresh = np.zeros(nodes, dtype=np.bool_)
    arcs = np.flatnonzero(best[tail] < FAR)
    while len(arcs):
        offered, ends = best[tail[arcs]] + price[arcs], head[arcs]
        better = (offered < best[ends]).nonzero()[0]
        offered, ends = offered[better], ends[better]
        np.minimum.at(best, ends, offered)
        least = offered == best[ends]
        nearer = ends[least]
        parent[nearer] = order[arcs[better[least]]]
        passes += 1
        if passes % _PASSES_BETWEEN_CHECKS == 0 and (cycle := _cycle(parent, left.tail)) is not None:
            return best, cycle
        fresh[nearer] = True
        onward = fresh.nonzero()[0]
        fresh[nearer] = False
        size = sizes[onward]
        arcs = (first[onward] - size.cumsum() + size).repeat(size)  # all arcs from first to first + size, one after
        arcs += every[: len(arcs)]  # another: where each node's begin, less the arcs before them, plus a running count
    return best, None


def _cycle(parent: Ints, tail: Ints) -> Ints | None:
    nodes = len(parent)
    up = np.where(parent >= 0, tail[parent], np.arange(nodes))
    far = up
    for _ in range(nodes.bit_length()):
        far = far[far]
    inside = far[parent[far] >= 0]
    if not len(inside):
        return None
    start = node = int(inside[0])
    steps: list[int] = []
    while not steps or node != start:
        steps.append(int(parent[node]))
        node = int(up[node])
    return np.array(steps, dtype=np.int64)


def _descend(
    network: Network, cost: Ints, face: Face, minimise: Minimiser | None, moving: Flags | None = None
) -> tuple[Face, Ints]:
    """Give the face of least cost within a face, and the shortest distances that prove it.

    Where a network is dense, only the cheapest arcs of each node take part at first, then those that the distances call
    for or nearly so, until they call for none.

    :param minimise: nobody where the flow at hand is thought to be least.
    :param moving: the arcs that can change at all, where this is known.
    """
    flow, free, start = face.flow, face.free, face.start
    if not cost[free].any() or (not start.any() and not _gains(network, cost, face)):
        return Face(flow, free & (cost == 0), start), np.zeros(network.nodes, dtype=np.int64)
    arcs = np.count_nonzero(free if moving is None else moving)
    dense = minimise is not None and moving is None and arcs >= DENSE * network.nodes
    wanted = free & ((flow > 0) | _cheapest(network, cost, free)) if dense else free
    nearly = 1 + (int(np.abs(cost).max()) >> NEAR)
    while True:
        if minimise is not None and arcs >= SMALL:
            flow = _asked(network, cost, flow, wanted if moving is None else moving, minimise)
        flow, best = _cancelled(network, cost, flow, wanted, start)
        gain = cost + best[network.tail] - best[network.head]
        others = free & ~wanted
        if not np.any(others & (gain < 0)):
            return Face(flow, free & (gain == 0), np.where(best == 0, start, FAR)), best
        wanted |= _cheapest(network, gain, others & (gain < nearly))


def _gains(network: Network, cost: Ints, face: Face) -> bool:
    """Tell whether any change of a single arc gains; if none does, all distances from an unhindered root are 0."""
    arcs = np.flatnonzero(face.free & (cost != 0))
    flow, price = face.flow[arcs], cost[arcs]
    return bool(np.any((price < 0) & (flow < network.capacity[arcs])) or np.any((price > 0) & (flow > 0)))


def _cancelled(network: Network, cost: Ints, flow: Ints, free: Flags, start: Ints) -> tuple[Ints, Ints]:
    """Take what is left to gain on free arcs, cycle by cycle; give the flow and the shortest distances."""
    while True:
        left = residual(network, flow, free)
        best, cycle = distances(network.nodes, left, cost, start)
        if cycle is None:
            return flow, best
        room = np.where(left.sign > 0, network.capacity[left.arc] - flow[left.arc], flow[left.arc])
        flow = flow.copy()
        flow[left.arc[cycle]] += left.sign[cycle] * room[cycle].min()


def _cheapest(network: Network, cost: Ints, among: Flags) -> Flags:
    """Mark the arcs that are among the few cheapest of their tail or of their head, or nearly.

    The end and as much of the price as still fits are one number of 31 bits: those are sorted twice as fast as of 63.
    """
    arcs = np.flatnonzero(among)
    bits = 31 - network.nodes.bit_length()
    above = cost[arcs] - cost[arcs].min()
    above >>= max(0, int(above.max()).bit_length() - bits)
    marked = np.zeros(len(among), dtype=np.bool_)
    for ends in (network.tail[arcs], network.head[arcs]):
        keys = ((ends << bits) + above).astype(np.int32)
        after = np.cumsum(np.bincount(ends, minlength=network.nodes))
        last = np.minimum(np.concatenate([[0], after[:-1]]) + FEW, after) - 1
        marked[arcs[keys <= np.sort(keys)[last][ends]]] = True
    return marked


def _asked(network: Network, cost: Ints, flow: Ints, free: Flags, minimise: Minimiser) -> Ints:
    """Give the flow with what the solver found on the free arcs, or as it was if that is no flow.

    A node whose only way out is a loose arc, and from which nothing must be taken, is one with where that leads.
    """
    arcs, first = np.flatnonzero(free), len(free) - network.loose
    supply = _balance(network, flow, arcs)
    ways = np.bincount(network.tail[arcs], minlength=network.nodes)
    ends = network.tail[first:]
    joined = first + np.flatnonzero(free[first:] & (ways[ends] == 1) & (supply[ends] >= 0))
    into = np.arange(network.nodes)
    into[network.tail[joined]] = network.head[joined]
    into = into[into]
    tail, head = into[network.tail[arcs]], into[network.head[arcs]]
    apart = tail != head
    kept, tail, head = arcs[apart], tail[apart], head[apart]
    if not len(kept):
        return flow
    met = np.zeros(network.nodes, dtype=np.bool_)
    met[tail] = met[head] = True
    name = np.cumsum(met) - 1
    needed = np.zeros(network.nodes, dtype=np.int64)
    np.add.at(needed, into, supply)
    part = Network(int(met.sum()), name[tail], name[head], network.capacity[kept])
    found = minimise(part, cost[kept], needed[met])
    if np.any(found < 0) or np.any(found > part.capacity):
        return flow
    proposed = flow.copy()
    proposed[kept], proposed[joined] = found, 0
    for some in (joined[:-1], joined[-1:]):
        proposed[some] += (supply - _balance(network, proposed, arcs))[network.tail[some]]
    fits = not np.any(_balance(network, proposed, arcs) != supply) and not np.any(proposed[joined] < 0)
    return proposed if fits else flow


def _balance(network: Network, flow: Ints, arcs: Ints) -> Ints:
    """Give what leaves each node along some arcs beyond what comes to it."""
    balance = np.zeros(network.nodes, dtype=np.int64)
    used = arcs[flow[arcs] != 0]
    np.add.at(balance, network.tail[used], flow[used])
    np.subtract.at(balance, network.head[used], flow[used])
    return balance
