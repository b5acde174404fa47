"""What an override costs: the plan with it beside the plan without, as a chain of moves (R-MATCH-5)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rules.matching.flow import Minimiser, scipy_minimise
from rules.matching.instance import Instance, Links
from rules.matching.plan import Plan
from rules.matching.sentences import Names
from rules.matching.solve import solve

Link = tuple[int, int]


@dataclass(frozen=True)
class Move:
    """What one person gives up and gets instead, as needs."""

    person: int
    left: tuple[int, ...]
    got: tuple[int, ...]


@dataclass(frozen=True)
class Changes:
    """From one plan to another of the same lists. Differences are later minus earlier.

    `moves` are in the order of displacement: whoever comes to a place stands before whoever leaves it. `uncovered` and
    `newly_covered` are townships that fall below, or reach, their floors, `counties_short` and `counties_reached` the
    same of counties. `held` and `released` are people.
    """

    moves: tuple[Move, ...]
    coverage: int
    uncovered: tuple[int, ...]
    newly_covered: tuple[int, ...]
    held: tuple[int, ...]
    released: tuple[int, ...]
    score: int
    counties_short: tuple[int, ...] = ()
    counties_reached: tuple[int, ...] = ()


def compare(instance: Instance, earlier: Plan, later: Plan) -> Changes:
    """Give all that differs between two plans whose indexes mean the lists of this instance."""
    before, after = _links(earlier), _links(later)
    short_before, short_after = _short(instance, before), _short(instance, after)
    counties = _counties_short(instance, before), _counties_short(instance, after)
    held_before, held_after = ({hold.person for hold in plan.holds} for plan in (earlier, later))
    return Changes(
        moves=_chain(before - after, after - before),
        coverage=later.covered - earlier.covered,
        uncovered=tuple(sorted(short_after - short_before)),
        newly_covered=tuple(sorted(short_before - short_after)),
        held=tuple(sorted(held_after - held_before)),
        released=tuple(sorted(held_before - held_after)),
        score=later.score - earlier.score,
        counties_short=tuple(sorted(counties[1] - counties[0])),
        counties_reached=tuple(sorted(counties[0] - counties[1])),
    )


def price(
    instance: Instance,
    plan: Plan,
    pins: Sequence[Link] = (),
    bans: Sequence[Link] = (),
    minimise: Minimiser = scipy_minimise,
) -> Changes:
    """Give what further pins and bans would change, by solving anew: exact, choice included. Nothing is kept.

    :param plan: the plan of the instance as it is.
    :raises InfeasiblePins: if no plan can obey them.
    """
    changed = replace(instance, pins=_more(instance.pins, pins), bans=_more(instance.bans, bans))
    return compare(instance, plan, solve(changed, minimise))


def tell_changes(changes: Changes, names: Names) -> str:
    """Say in Chinese who moves where, which townships fall empty and how many points it costs (R-MATCH-5)."""
    lines = [_tell_move(move, names) for move in changes.moves]
    for places, called, what in (
        (changes.uncovered, names.townships, "将达不到保障人数"),
        (changes.newly_covered, names.townships, "将达到保障人数"),
        (changes.counties_short, names.counties, "将达不到县级保障人数"),
        (changes.counties_reached, names.counties, "将达到县级保障人数"),
    ):
        if places:
            lines.append(f"{'、'.join(called[place] for place in places)}{what}")
    for people, what in ((changes.held, "将因保障覆盖让出双选"), (changes.released, "不再需要因保障覆盖让出双选")):
        if people:
            lines.append(f"{'、'.join(names.people[person] for person in people)}{what}")
    if not lines:
        return "与现方案相同，没有变化。"
    if changes.score:
        lines.append(f"总分{'增加' if changes.score > 0 else '减少'} {abs(changes.score):,} 分")
    return "；".join(lines) + "。"


def _tell_move(move: Move, names: Names) -> str:
    who = names.people[move.person]
    left, got = ("、".join(names.need(need) for need in needs) for needs in (move.left, move.got))
    if not move.left:
        return f"{who}新对接{got}"
    return f"{who}由{left}改为{got}" if move.got else f"{who}不再对接{left}"


def _links(plan: Plan) -> set[Link]:
    return {(pair.person, pair.need) for pair in plan.pairs}


def _short(instance: Instance, links: set[Link]) -> set[int]:
    came = Counter(instance.needs.township[need] for _, need in links)
    return {
        township for township in set(instance.needs.township) if came[township] < instance.townships.floor[township]
    }


def _counties_short(instance: Instance, links: set[Link]) -> set[int]:
    county = instance.townships.county
    came = Counter(county[instance.needs.township[need]] for _, need in links) if county else Counter[int]()
    return {place for place, floor in enumerate(instance.counties.floor) if came[place] < floor}


def _more(links: Links, more: Sequence[Link]) -> Links:
    both = dict.fromkeys([*zip(links.person, links.need, strict=True), *more])
    return Links(tuple(person for person, _ in both), tuple(need for _, need in both))


def _chain(lost: set[Link], won: set[Link]) -> tuple[Move, ...]:
    """Order moves so that each comes after one that takes a place from it, first those whom nobody displaced."""
    left, got, leavers = defaultdict(list), defaultdict(list), defaultdict(list)
    for person, need in sorted(lost):
        left[person].append(need)
        leavers[need].append(person)
    for person, need in sorted(won):
        got[person].append(need)
    taken = {need for _, need in won}
    waiting = sorted(left.keys() | got.keys(), key=lambda person: (any(n in taken for n in left[person]), person))
    ordered: dict[int, None] = {}
    for first in waiting:
        following = [first]
        while following:
            person = following.pop(0)
            if person not in ordered:
                ordered[person] = None
                following += [leaver for need in got[person] for leaver in leavers[need]]
    return tuple(Move(person, tuple(left[person]), tuple(got[person])) for person in ordered)
