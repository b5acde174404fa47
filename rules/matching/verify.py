"""The independent check of a plan: no solver, nothing but the instance, the plan and integers.

It shares with the solver only the two file formats and the lottery's keys. What it accepts is proved: hard limits;
coverage (townships and counties that cannot have more); choice (nobody passed over without a named hold that is needed,
and of all stable choices the best for claimants); completion (potentials); and that with these holds there is no other
such plan.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from rules.matching.instance import Instance
from rules.matching.optimality import prove_completion
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, FOR_COUNTY, KEPT, PINNED, REASONS, Plan, Violator
from rules.matching.reach import COUNTY, NEED, PERSON, TOWNSHIP, Filling, Node, asked_beyond
from rules.matching.reading import Reading
from rules.matching.stability import prove_choice, prove_holds

Part = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Townships, needs without places enough, counties."""


def verify(instance: Instance, plan: Plan) -> tuple[str, ...]:
    """Give every objection to a plan, in Chinese; none means that the plan is proved (R-MATCH-1, R-MATCH-2, R-MATCH-3).

    A check that builds on another is only made when that one found nothing.
    """
    checks: tuple[Callable[[Reading, Plan], Iterator[str]], ...] = (
        _form,
        _limits,
        _coverage,
        _counties,
        prove_choice,
        prove_holds,
        prove_completion,
        _reasons,
    )
    reading = Reading(instance)
    reading.beyond = asked_beyond(reading)
    for check in checks:
        if objections := tuple(check(reading, plan)):
            return objections
    return ()


def _form(reading: Reading, plan: Plan) -> Iterator[str]:
    people, needs = len(reading.capacity), len(reading.places)
    links = [(pair.person, pair.need) for pair in plan.pairs]
    if not all(0 <= p < people and 0 <= n < needs for p, n in links):
        yield "方案引用了实例中不存在的人员或需求"
        return
    if not all(0 <= hold.person < people and 0 <= hold.need < needs for hold in plan.holds):
        yield "保障名单引用了实例中不存在的人员或需求"
        return
    if links != sorted(set(links)):
        yield "方案的配对有重复或未按顺序排列"
    if any(pair.reason not in REASONS for pair in plan.pairs):
        yield "方案中有未知的理由代码"
    if plan.digest != plan.computed_digest():
        yield "方案的摘要与内容不符"
    if plan.score != sum(reading.points.get(link, 0) for link in links):
        yield "方案的总分与各配对得分之和不符"


def _limits(reading: Reading, plan: Plan) -> Iterator[str]:
    links = {(pair.person, pair.need) for pair in plan.pairs}
    for link in sorted(links - reading.allowed):
        yield f"{reading.names(link)}：不符合条件、已被禁止或镇方已谢绝"
    for link in sorted(reading.pins - links):
        yield f"{reading.names(link)}：人工指定的配对未列入方案"
    for person, load in Counter(p for p, _ in links).items():
        if load > reading.capacity[person]:
            yield f"{reading.instance.people.id[person]}：承担 {load} 项，超过上限 {reading.capacity[person]} 项"
    for need, load in Counter(n for _, n in links).items():
        if load > reading.places[need]:
            yield f"{reading.instance.needs.id[need]}：安排 {load} 人，超过名额 {reading.places[need]} 个"


def _coverage(reading: Reading, plan: Plan) -> Iterator[str]:
    came = Counter(reading.township[pair.need] for pair in plan.pairs)
    covered = sum(min(floor, came[township]) for township, floor in reading.floor.items())
    if covered != plan.covered:
        yield f"方案称覆盖 {plan.covered}，实为 {covered}"
    for violator in plan.violators:
        yield from _violator(reading, violator)
    named = [township for violator in plan.violators for township in violator.townships]
    if len(set(named)) < len(named):
        yield "同一乡镇出现在两组缺口证明中"
    missing = sum(violator.floor - violator.capacity for violator in plan.violators)
    if sum(reading.floor.values()) - missing != plan.maximum:
        yield f"缺口证明合计 {missing}，不能证明最大覆盖为 {plan.maximum}"
    if plan.covered != plan.maximum:
        yield f"覆盖 {plan.covered}，未达到可能的最大覆盖 {plan.maximum}"
    elif any(violator.counties for violator in plan.violators) or _told(plan.violators) != _cut(reading, plan):
        yield "缺口证明不是最小的一组，或没有按互不相干的部分分开列出"


def _counties(reading: Reading, plan: Plan) -> Iterator[str]:
    """Check what counties get beyond their townships' floors, and that with these filled they cannot get more."""
    if (plan.county_covered is None) != (not reading.beyond):
        yield "县级保障应当且仅当实例有 counties 时写出"
        return
    if not reading.beyond:
        return
    over = reading.over(Counter(reading.township[pair.need] for pair in plan.pairs))
    covered = sum(min(most, over[county]) for county, most in reading.beyond.items())
    if covered != plan.county_covered:
        yield f"方案称县级保障到位 {plan.county_covered}，实为 {covered}"
    for violator in plan.county_violators:
        yield from _violator(reading, violator)
    if plan.county_covered != plan.county_maximum:
        yield f"县级保障到位 {plan.county_covered}，未达到可能的最大数 {plan.county_maximum}"
    elif _told(plan.county_violators) != (parts := _cut(reading, plan, counties=True))[: len(plan.county_violators)]:
        yield "县级缺口证明不是最小的一组，或没有按互不相干的部分分开列出"
    elif any(counties for *_, counties in parts[len(plan.county_violators) :]):
        yield "县级缺口证明没有全部列出"
    else:
        named = {township for townships, *_ in parts[len(plan.county_violators) :] for township in townships}
        others = sum(one.floor - one.capacity for one in plan.violators if named >= set(one.townships))
        short = others + sum(one.floor - one.capacity for one in plan.county_violators)
        most = sum(reading.floor.values()) + sum(reading.beyond.values()) - short
        if most != plan.maximum + (plan.county_maximum or 0):
            yield f"缺口证明合计 {short}，不能证明乡镇和县级保障最多 {plan.maximum} + {plan.county_maximum}"


def _told(violators: tuple[Violator, ...]) -> list[Part]:
    return [(violator.townships, violator.full, violator.counties) for violator in violators]


def _inside(reading: Reading, violator: Violator) -> set[int]:
    """Give the townships of one part: those named, and all with needs of the counties named."""
    return set(violator.townships) | {t for t in reading.floor if reading.county.get(t) in violator.counties}


def _violator(reading: Reading, violator: Violator) -> Iterator[str]:
    """Add up the printed inequality: who is able can bring so much at most, and it is less than the floors."""
    inside = _inside(reading, violator)
    known = inside <= set(reading.floor) and set(violator.counties) <= set(reading.beyond)
    if not known or not set(violator.full) <= reading.needs_of(inside):
        yield "缺口证明引用了不在范围内的乡镇、县或需求"
        return
    open_needs = reading.needs_of(inside) - set(violator.full)
    able_for = Counter(p for p, n in reading.allowed - reading.pins if n in open_needs)
    pinned = sum(reading.township[n] in inside for _, n in reading.pins)
    most = (
        sum(min(reading.free_capacity[p], able) for p, able in able_for.items())
        + sum(reading.free_places[n] for n in violator.full)
        + pinned
    )
    floor = sum(reading.floor[township] for township in inside) + sum(reading.beyond[k] for k in violator.counties)
    if (violator.capacity, violator.floor) != (most, floor) or violator.people != tuple(sorted(able_for)):
        yield f"缺口证明的数字不符：可到位 {most}，应保障 {floor}"
    if most >= floor:
        yield "缺口证明不成立：可到位的不少于应保障的"


def _cut(reading: Reading, plan: Plan, *, counties: bool = False) -> list[Part]:
    """Give what unfilled floors can reach, in independent parts: townships, needs without places enough, counties.

    It is the same for whichever plan of the largest coverage: the cut nearest the source. Parts with counties first.
    """
    links = ((pair.person, pair.need) for pair in plan.pairs)
    filling = Filling(reading, reading.pins, links, None if counties else reading.floor)
    filling.full()
    reached = filling.reached
    top = _joined(reading, reached)
    came = Counter(reading.township[n] for _, n in reading.pins)
    over = reading.over(came)
    parts: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
    for node in sorted(reached):
        kind, index = node
        if kind == TOWNSHIP and came[index] < reading.floor.get(index, 0):
            parts.setdefault(top(node), ([], []))[0].append(index)
        elif kind == COUNTY and over[index] < reading.beyond[index]:
            parts.setdefault(top(node), ([], []))[1].append(index)
    found = []
    for towns, of in parts.values():
        others = [town for town in towns if reading.county.get(town) not in of]
        violator = Violator(tuple(others), (), 0, 0, (), tuple(of))
        full = sorted(n for n in reading.needs_of(_inside(reading, violator)) if (NEED, n) not in reached)
        found.append((tuple(others), tuple(full), tuple(of)))
    return sorted(found, key=lambda part: (not part[2], part[2], part[0]))


def _joined(reading: Reading, reached: set[Node]) -> Callable[[Node], Node]:
    """Join what hangs together of all that is reached; give how to find what stands for the whole part."""
    parent: dict[Node, Node] = {}

    def top(node: Node) -> Node:
        while (above := parent.get(node, node)) != node:
            parent[node] = node = parent.get(above, above)
        return node

    for kind, index in reached:
        if kind == NEED:
            people = [(PERSON, p) for p in reading.able[index] if (p, index) not in reading.pins]
            for other in ((TOWNSHIP, reading.township[index]), *(set(people) & reached)):
                parent[top(other)] = top((NEED, index))
        elif kind == COUNTY:
            for township in (t for t, county in reading.county.items() if county == index):
                parent[top((TOWNSHIP, township))] = top((COUNTY, index))
    return top


def _reasons(reading: Reading, plan: Plan) -> Iterator[str]:
    """Recompute why each completing pair is there: the first that fill a township's gap cover it, then its county's."""
    arrived = Counter(reading.township[pair.need] for pair in plan.pairs if pair.reason in {CHOSEN, PINNED})
    over = reading.over(arrived)
    rest = [pair for pair in plan.pairs if pair.reason not in {CHOSEN, PINNED}]
    beyond, expected = [], {}
    for pair in sorted(rest, key=lambda pair: reading.order_of_arrival((pair.person, pair.need))):
        township = reading.township[pair.need]
        if arrived[township] < reading.floor[township]:
            expected[pair] = COVERING
        else:
            beyond.append(pair)
        arrived[township] += 1
    for pair in beyond:
        county = reading.county.get(reading.township[pair.need], -1)
        needed = over[county] < reading.beyond.get(county, 0)
        over[county] += 1
        kept = (pair.person, pair.need) in reading.previous
        expected[pair] = FOR_COUNTY if needed else KEPT if kept else COMPLETING
    for pair, reason in expected.items():
        if pair.reason != reason:
            yield f"{reading.names((pair.person, pair.need))}：理由代码 {pair.reason} 不符"
    pinned = {(pair.person, pair.need) for pair in plan.pairs if pair.reason == PINNED}
    if pinned != reading.pins:
        yield "人工指定的配对与理由代码不符"
