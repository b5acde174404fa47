"""The independent check of a plan: no solver, nothing but the instance, the plan and integers.

It shares with the solver only the two file formats and the lottery's keys. What it accepts is proved: hard limits;
coverage (townships that cannot have more); choice (nobody passed over without a named hold that is needed, and of all
stable choices the best for claimants); completion (potentials); and that with these holds there is no other such plan.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from rules.matching.instance import Instance
from rules.matching.optimality import prove_completion
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, KEPT, PINNED, REASONS, Plan, Violator
from rules.matching.reach import NEED, PERSON, TOWNSHIP, Filling
from rules.matching.reading import Reading
from rules.matching.stability import prove_choice, prove_holds


def verify(instance: Instance, plan: Plan) -> tuple[str, ...]:
    """Give every objection to a plan, in Chinese; none means that the plan is proved (R-MATCH-1, R-MATCH-2, R-MATCH-3).

    A check that builds on another is only made when that one found nothing.
    """
    checks: tuple[Callable[[Reading, Plan], Iterator[str]], ...] = (
        _form,
        _limits,
        _coverage,
        prove_choice,
        prove_holds,
        prove_completion,
        _reasons,
    )
    reading = Reading(instance)
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
    elif [(violator.townships, violator.full) for violator in plan.violators] != _cut(reading, plan):
        yield "缺口证明不是最小的一组，或没有按互不相干的部分分开列出"


def _violator(reading: Reading, violator: Violator) -> Iterator[str]:
    """Add up the printed inequality: who is able can bring so much at most, and it is less than the floors."""
    inside = set(violator.townships)
    if not inside <= set(reading.floor) or not set(violator.full) <= reading.needs_of(inside):
        yield "缺口证明引用了不在范围内的乡镇或需求"
        return
    open_needs = reading.needs_of(inside) - set(violator.full)
    able_for = Counter(p for p, n in reading.allowed - reading.pins if n in open_needs)
    pinned = sum(reading.township[n] in inside for _, n in reading.pins)
    most = (
        sum(min(reading.free_capacity[p], able) for p, able in able_for.items())
        + sum(reading.free_places[n] for n in violator.full)
        + pinned
    )
    floor = sum(reading.floor[township] for township in inside)
    if (violator.capacity, violator.floor) != (most, floor) or violator.people != tuple(sorted(able_for)):
        yield f"缺口证明的数字不符：可到位 {most}，应保障 {floor}"
    if most >= floor:
        yield "缺口证明不成立：可到位的不少于应保障的"


def _cut(reading: Reading, plan: Plan) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Give what unfilled floors can reach, in independent parts: townships, and their needs without places enough.

    It is the same for whichever plan of the largest coverage: the cut nearest the source.
    """
    filling = Filling(reading, reading.pins, ((pair.person, pair.need) for pair in plan.pairs))
    filling.full()
    reached = filling.reached
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def top(node: tuple[str, int]) -> tuple[str, int]:
        while (above := parent.get(node, node)) != node:
            parent[node] = node = parent.get(above, above)
        return node

    for kind, need in reached:
        if kind == NEED:
            people = [(PERSON, p) for p in reading.able[need] if (p, need) not in reading.pins]
            for other in ((TOWNSHIP, reading.township[need]), *(set(people) & reached)):
                parent[top(other)] = top((NEED, need))
    came = Counter(reading.township[n] for _, n in reading.pins)
    parts: dict[tuple[str, int], list[int]] = {}
    for kind, index in sorted(reached):
        if kind == TOWNSHIP and came[index] < reading.floor[index]:
            parts.setdefault(top((kind, index)), []).append(index)
    full = {t: [n for n in reading.needs_in[t] if (NEED, n) not in reached] for kind, t in reached if kind == TOWNSHIP}
    return sorted((tuple(part), tuple(sorted(n for t in part for n in full[t]))) for part in parts.values())


def _reasons(reading: Reading, plan: Plan) -> Iterator[str]:
    """Recompute why each completing pair is there: the first that fill a township's gap cover it."""
    arrived = Counter(reading.township[pair.need] for pair in plan.pairs if pair.reason in {CHOSEN, PINNED})
    rest = [pair for pair in plan.pairs if pair.reason not in {CHOSEN, PINNED}]
    for pair in sorted(rest, key=lambda pair: reading.order_of_arrival((pair.person, pair.need))):
        link, township = (pair.person, pair.need), reading.township[pair.need]
        covers = arrived[township] < reading.floor[township]
        arrived[township] += 1
        if pair.reason != (COVERING if covers else KEPT if link in reading.previous else COMPLETING):
            yield f"{reading.names(link)}：理由代码 {pair.reason} 不符"
    pinned = {(pair.person, pair.need) for pair in plan.pairs if pair.reason == PINNED}
    if pinned != reading.pins:
        yield "人工指定的配对与理由代码不符"
