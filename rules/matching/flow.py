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
DENSE, FEW = 20, 12
"""From so many arcs a node on, a solver first gets only so many a node."""


class TiedLottery(RuntimeError):
    """Two plans alike in every aim and every draw of the lottery; SHA-256 makes this practically impossible."""


@dataclass(frozen=True, eq=False)
class Network:
    """Arcs with capacities; every flow on it is a circulation."""

    nodes: int
    tail: Ints
    head: Ints
    capacity: Ints


Draw = Callable[[int, Flags], Ints]
"""Gives (which draw, which arcs are asked for) the cost of these arcs; what it gives the others is not read."""

Minimiser = Callable[[Network, Ints, Ints], Ints]
"""Gives (network, cost an arc, supply a node) a flow of least cost; a mistake costs time, never truth."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Arcs that may still change, with the arc each comes from and whether it adds (+1) or takes away (-1)."""

    tail: Ints
    head: Ints
    arc: Ints
    sign: Ints

    def only(self, wanted: Flags) -> "Residual":
        """Give some of the arcs."""
        return Residual(self.tail[wanted], self.head[wanted], self.arc[wanted], self.sign[wanted])


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
    network: Network, tiers: list[Ints], draw: Draw, minimise: Minimiser = scipy_minimise
) -> tuple[Ints, int]:
    """Give the one circulation that is least in the first tier, among those in the second, and so on.

    :param tiers: cost of each arc per tier.
    :param draw: further tiers, the draws of the lottery, used until the optimum is unique.
    :returns: the flow, and how many draws it took.
    :raises TiedLottery: if the draws run out.
    """
    flow = np.zeros(len(network.tail), dtype=np.int64)
    free = network.capacity > 0
    for cost in _packed(network, tiers):
        flow, free = _descend(network, cost, flow, free, minimise)
    draws = 0
    while draws == 0 or has_other_optimum(network, flow, free):
        flow, free = _descend(network, draw(draws, free), flow, free, minimise)
        draws += 1
    return flow, draws


def _packed(network: Network, tiers: list[Ints]) -> Iterator[Ints]:
    """Join neighbouring tiers into one wherever the sum of both, weighted to keep their order, stays small."""
    joined, most = np.zeros(len(network.tail), dtype=np.int64), 0
    for cost in tiers:
        reach = int((np.abs(cost) * network.capacity).sum())
        if most and most * (2 * reach + 1) + reach > _PACKED_MOST:
            yield joined
            joined, most = cost, reach
        else:
            joined, most = joined * (2 * reach + 1) + cost, most * (2 * reach + 1) + reach
    yield joined


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


def has_other_optimum(network: Network, flow: Ints, free: Flags) -> bool:
    """Tell whether a cycle of free arcs could change the flow at no cost.

    An arc that can go both ways makes no such cycle with itself alone; arcs of capacity 1 never can, and every cycle
    that changes a plan passes one of them. So it is enough that one of those lies inside a strong component.
    """
    left = residual(network, flow, free)
    if not len(left.tail):
        return False
    graph = coo_array((np.ones(len(left.tail), dtype=np.int8), (left.tail, left.head)), shape=(network.nodes,) * 2)
    component = connected_components(csr_array(graph), directed=True, connection="strong")[1]
    single = ~np.isin(left.arc, np.intersect1d(left.arc[left.sign > 0], left.arc[left.sign < 0]))
    return bool(np.any(single & (component[left.tail] == component[left.head])))


def distances(nodes: int, left: Residual, cost: Ints, start: Ints) -> tuple[Ints, Ints | None]:
    """Give the shortest distances from `start`, or a cycle of negative cost (positions in `left`) that forbids them.

    Bellman and Ford, all arcs at once, exact in 64 bits: |cost| < 2^41 and paths of fewer than 2^20 arcs stay far below
    2^62.
    """
    order = np.argsort(left.head, kind="stable")
    tail, price = left.tail[order], cost[left.arc[order]] * left.sign[order]
    ends = left.head[order]
    first = np.flatnonzero(np.diff(ends, prepend=-1))
    heads, sizes = ends[first], np.diff(first, append=len(ends))
    best, parent, passes = start.copy(), np.full(nodes, -1, dtype=np.int64), 0
    while len(order):
        offered = np.where(best[tail] < FAR, best[tail] + price, FAR)
        least = np.minimum.reduceat(offered, first)
        better = least < best[heads]
        if not better.any():
            break
        taken = np.flatnonzero(np.repeat(better, sizes) & (offered == np.repeat(least, sizes)))
        parent[left.head[order[taken]]] = order[taken]
        best[heads[better]] = least[better]
        passes += 1
        if passes % _PASSES_BETWEEN_CHECKS == 0 and (cycle := _cycle(parent, left.tail)) is not None:
            return best, cycle
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


def _descend(network: Network, cost: Ints, flow: Ints, free: Flags, minimise: Minimiser) -> tuple[Ints, Flags]:
    """Give a flow of least cost among those that change free arcs only, and the arcs free on its face."""
    if not cost[free].any():
        return flow, free
    start = np.zeros(network.nodes, dtype=np.int64)
    if np.count_nonzero(free) >= SMALL:
        flow, start = _proposed(network, cost, flow, free, minimise)
    while True:
        left = residual(network, flow, free)
        best, cycle = distances(network.nodes, left, cost, start)
        if cycle is None:
            return flow, free & (cost + best[network.tail] - best[network.head] == 0)
        room = np.where(left.sign > 0, network.capacity[left.arc] - flow[left.arc], flow[left.arc])
        flow = flow.copy()
        flow[left.arc[cycle]] += left.sign[cycle] * room[cycle].min()


def _proposed(network: Network, cost: Ints, flow: Ints, free: Flags, minimise: Minimiser) -> tuple[Ints, Ints]:
    """Give what a solver proposes, and heights from which the search for something better may start.

    Where a network is dense, the solver gets the cheapest arcs of each node, then those that the heights of its answer
    call for, until they call for none.
    """
    arcs, height = np.flatnonzero(free), np.zeros(network.nodes, dtype=np.int64)
    if len(arcs) < DENSE * network.nodes:
        return _asked(network, cost, flow, free, minimise), height
    wanted = free & ((flow > 0) | _cheapest(network, cost, free))
    while True:
        flow = _asked(network, cost, flow, wanted, minimise)
        height, cycle = distances(network.nodes, residual(network, flow, wanted), cost, height)
        missed = free & ~wanted & (cost + height[network.tail] - height[network.head] < 0)
        if cycle is not None or not missed.any():
            return flow, height
        gain = cost + height[network.tail] - height[network.head]
        wanted |= _cheapest(network, gain, missed)


def _cheapest(network: Network, cost: Ints, among: Flags) -> Flags:
    """Mark the arcs that are among the few cheapest of their tail or of their head."""
    arcs = np.flatnonzero(among)
    marked = np.zeros(len(among), dtype=np.bool_)
    for ends in (network.tail, network.head):
        order = arcs[np.lexsort((cost[arcs], ends[arcs]))]
        place = np.arange(len(order)) - np.searchsorted(ends[order], ends[order])
        marked[order[place < FEW]] = True
    return marked


def _asked(network: Network, cost: Ints, flow: Ints, free: Flags, minimise: Minimiser) -> Ints:
    """Give the flow with what the solver found on the free arcs, or as it was if that is no flow."""
    supply = np.zeros(network.nodes, dtype=np.int64)
    fixed = ~free
    np.subtract.at(supply, network.tail[fixed], flow[fixed])
    np.add.at(supply, network.head[fixed], flow[fixed])
    part = Network(network.nodes, network.tail[free], network.head[free], network.capacity[free])
    found = minimise(part, cost[free], supply)
    balance = np.zeros(network.nodes, dtype=np.int64)
    np.add.at(balance, part.tail, found)
    np.subtract.at(balance, part.head, found)
    if np.any(found < 0) or np.any(found > part.capacity) or np.any(balance != supply):
        return flow
    proposed = flow.copy()
    proposed[free] = found
    return proposed
