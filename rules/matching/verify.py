"""The independent check of a plan: no solver, nothing but the instance, the plan and integers.

It shares with the solver only the two file formats and the lottery's keys. What it accepts is proved: hard limits,
coverage (townships that cannot have more), choice (no pair passed over without a named hold), completion (potentials)
and that no other plan is as good with the same choice.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from rules.matching.instance import Instance
from rules.matching.optimality import prove_completion
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, KEPT, PINNED, REASONS, Plan, Violator, Witness
from rules.matching.reading import Reading

Link = tuple[int, int]


def verify(instance: Instance, plan: Plan) -> tuple[str, ...]:
    """Give every objection to a plan, in Chinese; none means that the plan is proved (R-MATCH-1, R-MATCH-2, R-MATCH-3).

    A check that builds on another is only made when that one found nothing.
    """
    checks: tuple[Callable[[Reading, Plan], Iterator[str]], ...] = (
        _form,
        _limits,
        _coverage,
        _choice,
        _holds,
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


def _choice(reading: Reading, plan: Plan) -> Iterator[str]:
    """Check that choice is stable once pins and held capacity are out, and that what holds cost is told in full."""
    chosen = {(pair.person, pair.need) for pair in plan.pairs if pair.reason == CHOSEN}
    for link in sorted(chosen - set(reading.turn)):
        yield f"{reading.names(link)}：并非双选，却列为双选成功"
        return
    held = Counter(hold.person for hold in plan.holds)
    load = Counter(p for p, _ in chosen)
    ranks: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for p, n in chosen:
        ranks.setdefault(n, []).append(reading.rank[p, n])
        last[p] = max(last.get(p, -1), reading.turn[p, n])
    taken = {(pair.person, pair.need) for pair in plan.pairs}
    witnesses = []
    for (p, n), turn in sorted(reading.turn.items()):
        seats = ranks.get(n, [])
        welcome = len(seats) < reading.free_places[n] or (seats and reading.rank[p, n] < max(seats))
        if not welcome or (p, n) in chosen:
            continue
        if load[p] < reading.free_capacity[p] - held[p] or turn < last.get(p, -1):
            yield f"{reading.names((p, n))}：双方都更愿意选择对方，方案却没有安排"
        elif (p, n) not in taken and (hold := _given_up(reading, plan, p, turn)) is not None:
            witnesses.append(Witness(p, n, hold))
    if tuple(witnesses) != plan.witnesses:
        yield "因保障覆盖而让位的双选没有如实全部列出"


def _given_up(reading: Reading, plan: Plan, person: int, turn: int) -> int | None:
    """Give the hold that a person likes least, if it is less dear than a claim at that turn."""
    never = len(reading.turn) + 1
    holds = [
        (-reading.turn.get((hold.person, hold.need), never), index)
        for index, hold in enumerate(plan.holds)
        if hold.person == person
    ]
    worst, index = min(holds, default=(0, 0))
    return index if holds and -worst > turn else None


def _holds(reading: Reading, plan: Plan) -> Iterator[str]:
    came = Counter(reading.township[pair.need] for pair in plan.pairs)
    held = {hold.person for hold in plan.holds}
    completing = {(p.person, p.need) for p in plan.pairs if p.reason not in {CHOSEN, PINNED} and p.person in held}
    if [(hold.person, hold.need) for hold in plan.holds] != sorted(completing):
        yield "保障名单与方案的配对不符"
        return
    for hold in plan.holds:
        if hold.township != reading.township[hold.need]:
            yield f"{reading.names((hold.person, hold.need))}：保障名单写错了乡镇"
        elif came[hold.township] > reading.floor[hold.township]:
            yield f"{reading.names((hold.person, hold.need))}：该镇不缺此人，不应因保障而让其放弃双选"


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
