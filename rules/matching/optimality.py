"""The proof that a plan's completion is the best, and the only best one: potentials, added up in Python integers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from rules.matching.lottery import number
from rules.matching.plan import CHOSEN, PINNED, ROOT, Plan
from rules.matching.reading import Link, Reading

_COVERAGE, _AFTER = ("coverage", "counties"), ("previous", "consents", "score", "lottery")
Arc = tuple[int, int, Iterable[int], bool, bool]
"""Tail, head, cost per tier (worked out as far as needed), whether more may flow, whether less may flow."""


def prove_completion(reading: Reading, plan: Plan) -> Iterator[str]:
    """Check the certificate: no arc of the residual network has a negative reduced cost, and no cycle costs nothing."""
    proof = plan.certificate
    if proof is None:
        yield "方案没有附证书"
        return
    nodes = 2 + len(reading.capacity) + len(reading.places) + len(reading.instance.townships.code) + len(reading.beyond)
    tiers = _tiers(reading)
    expected = (*tiers, *(f"lottery{turn}" for turn in range(2, 7)))[: max(len(proof.tiers), len(tiers))]
    sizes = [len(tier) for tier in proof.potentials]
    if (proof.root, proof.tiers, sizes) != (ROOT, expected, [nodes] * len(expected)):
        yield "证书的格式不符"
        return
    if strangers := _not_admitted(reading, plan):
        yield f"{reading.names(strangers[0])}：既非双选，也不为保障覆盖或沿用所需"
        return
    height = list(zip(*proof.potentials, strict=True))
    level: list[tuple[int, int]] = []
    nearly: list[tuple[int, int]] = []
    for tail, head, costs, more, less in _arcs(reading, plan, len(proof.tiers)):
        gain, tier = _gain(costs, height[tail], height[head])
        if (more and gain < 0) or (less and gain > 0):
            yield "证书不能证明补位部分为最优"
            return
        ways = [(tail, head)] * more + [(head, tail)] * less
        level += ways if gain == 0 else []
        nearly += ways if gain == 0 or tier == len(proof.tiers) - 1 else []
    if _has_cycle(level):
        yield "另有同样好的方案，抽签未能定出唯一结果"
    if len(proof.tiers) > len(tiers) and not _has_cycle(nearly):
        yield "抽签的轮数多于所需"
    if max(height) > (0,) * len(proof.tiers) or not _all_reached(height, level):
        yield "证书中的位势不是从根出发的最短距离"


def _tiers(reading: Reading) -> tuple[str, ...]:
    return (*_COVERAGE[: 2 if reading.beyond else 1], *_AFTER)


def _gain(costs: Iterable[int], tail: tuple[int, ...], head: tuple[int, ...]) -> tuple[int, int]:
    """Give an arc's reduced cost in the first tier where it is not 0, and that tier; only its sign counts."""
    for tier, (cost, here, there) in enumerate(zip(costs, tail, head, strict=False)):
        if gain := cost + here - there:
            return gain, tier
    return 0, 0


def _all_reached(height: list[tuple[int, ...]], level: list[tuple[int, int]]) -> bool:
    """Tell whether a shortest path leads to every node: from the root at no cost, then along arcs of reduced cost 0."""
    onward: dict[int, list[int]] = defaultdict(list)
    for tail, head in level:
        onward[tail].append(head)
    waiting = [node for node, tiers in enumerate(height) if not any(tiers)]
    reached = set(waiting)
    while waiting:
        fresh = set(onward[waiting.pop()]) - reached
        reached |= fresh
        waiting += fresh
    return len(reached) == len(height)


def _arcs(reading: Reading, plan: Plan, tiers: int) -> Iterator[Arc]:
    """Rebuild the completing network, source → people → needs → townships → sink → source, with the plan's flow.

    Counties, where there are any, stand between what townships have beyond their gaps and the sink.
    """
    fixed = {(pair.person, pair.need) for pair in plan.pairs if pair.reason in {CHOSEN, PINNED}}
    flow = {(pair.person, pair.need) for pair in plan.pairs} - fixed
    chosen = fixed - reading.pins
    load, seats = Counter(p for p, _ in chosen), Counter(n for _, n in chosen)
    came = Counter(reading.township[n] for _, n in fixed)
    capacity = [most - load[p] for p, most in enumerate(reading.free_capacity)]
    places = [most - seats[n] for n, most in enumerate(reading.free_places)]
    gap, owed = _gaps(reading, came)
    needs, townships = 1 + len(capacity), 1 + len(capacity) + len(places)
    counties = townships + len(reading.instance.townships.code)
    sink = counties + len(reading.beyond)
    zero = (0,) * tiers
    used, filled = Counter(p for p, _ in flow), Counter(n for _, n in flow)
    arriving = Counter(reading.township[n] for _, n in flow)
    for p, most in enumerate(capacity):
        yield 0, 1 + p, zero, used[p] < most, used[p] > 0
    for link in reading.allowed - fixed:
        p, n = link
        if capacity[p] and places[n] and _admitted(reading, link, gap, owed):
            yield 1 + p, needs + n, _costs(reading, link, tiers), link not in flow, link in flow
    for n, most in enumerate(places):
        yield needs + n, townships + reading.township[n], zero, filled[n] < most, filled[n] > 0
    beyond: Counter[int] = Counter()
    for t, most in gap.items():
        counted, county = min(arriving[t], most), reading.county.get(t, -1)
        beyond[county] += arriving[t] - counted
        yield townships + t, sink, (-1, *zero[1:]), counted < most, counted > 0
        yield townships + t, counties + county if owed else sink, zero, True, arriving[t] > counted
    for county, most in owed.items():
        counted = min(beyond[county], most)
        yield counties + county, sink, (0, -1, *zero[2:]), counted < most, counted > 0
        yield counties + county, sink, zero, True, beyond[county] > counted
    yield sink, 0, zero, True, bool(flow)


def _gaps(reading: Reading, came: Counter[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Give what townships and counties lack beside pins and choice."""
    over = reading.over(came)
    gap = {t: max(0, floor - came[t]) for t, floor in reading.floor.items()}
    return gap, {county: max(0, most - over[county]) for county, most in reading.beyond.items()}


def _not_admitted(reading: Reading, plan: Plan) -> list[Link]:
    """Give completing pairs in townships that choice and pins fill already, where nobody asked for more."""
    fixed = [pair.need for pair in plan.pairs if pair.reason in {CHOSEN, PINNED}]
    came = Counter(reading.township[need] for need in fixed)
    gap, owed = _gaps(reading, came)
    rest = [(pair.person, pair.need) for pair in plan.pairs if pair.reason not in {CHOSEN, PINNED}]
    return [link for link in rest if not _admitted(reading, link, gap, owed)]


def _admitted(reading: Reading, link: Link, gap: dict[int, int], owed: dict[int, int]) -> bool:
    township = reading.township[link[1]]
    wanted = gap[township] > 0 or owed.get(reading.county.get(township, -1), 0) > 0
    return reading.instance.complete or link in reading.previous or wanted


def _costs(reading: Reading, link: Link, tiers: int) -> Iterator[int]:
    """Give a pair's cost tier by tier; the lottery is only asked where all before it is equal."""
    kept = link in reading.previous
    coverage = len(_tiers(reading)) - len(_AFTER)
    yield from (0,) * coverage
    yield -kept
    yield int(not (kept or link in reading.mutual or reading.instance.complete))
    yield -reading.points[link]
    ticket = reading.ticket(link)
    yield from (-number(ticket, turn) for turn in range(tiers - coverage - len(_AFTER) + 1))


def _has_cycle(arcs: list[tuple[int, int]]) -> bool:
    """Tell whether arcs form a cycle other than there and back: join the ends of two-way arcs, then sort the rest."""
    parent: dict[int, int] = {}

    def top(node: int) -> int:
        while (above := parent.get(node, node)) != node:
            parent[node] = node = parent.get(above, above)
        return node

    known = set(arcs)
    two_way = {arc for arc in known if arc[::-1] in known}
    for tail, head in two_way:
        parent[top(tail)] = top(head)
    one_way = [(top(tail), top(head)) for tail, head in known - two_way]
    graph: dict[int, set[int]] = {}
    for tail, head in one_way:
        graph.setdefault(tail, set()).add(head)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return any(tail == head for tail, head in one_way)
