"""The check of choice: the best stable one for claimants, but for people held where a township needs them.

Deferred acceptance is made here once more, as the textbook says it; it shares nothing with the solver.
"""

from collections import Counter
from collections.abc import Iterator
from copy import copy

from rules.matching.plan import CHOSEN, FOR_COUNTY, PINNED, Plan, Witness
from rules.matching.reach import Filling
from rules.matching.reading import Link, Reading


class Asking:
    """Claimants ask in their own order; a need keeps the best who asked, and whoever loses a place asks on."""

    def __init__(self, reading: Reading, held: Counter[int]) -> None:
        self.reading = reading
        self.free = [most - held[p] for p, most in enumerate(reading.free_capacity)]
        self.seats: dict[int, tuple[tuple[int, int], ...]] = {}
        self.asked = [0] * len(self.free)
        for person in reading.wishes:
            self._ask(person)

    def released(self, person: int) -> set[Link]:
        """Give what choice would be if one unit of this person were not held."""
        other = copy(self)
        other.free, other.seats, other.asked = [*self.free], {**self.seats}, [*self.asked]
        other.free[person] += 1
        other._ask(person)  # noqa: SLF001
        return other.pairs()

    def pairs(self) -> set[Link]:
        """Give who holds a place now."""
        return {(person, need) for need, seats in self.seats.items() for _, person in seats}

    def _ask(self, first: int) -> None:
        waiting = [first]
        while waiting:
            person = waiting.pop()
            wishes = self.reading.wishes.get(person, [])
            while self.free[person] > 0 and self.asked[person] < len(wishes):
                need = wishes[self.asked[person]]
                self.asked[person] += 1
                self.free[person] -= 1
                seats = sorted((*self.seats.get(need, ()), (self.reading.rank[person, need], person)))
                for _, loser in seats[self.reading.free_places[need] :]:
                    self.free[loser] += 1
                    waiting += [loser] if loser != person else []
                self.seats[need] = tuple(seats[: self.reading.free_places[need]])


def prove_choice(reading: Reading, plan: Plan) -> Iterator[str]:
    """Check that nobody was passed over but those held, and that what holds cost is told in full."""
    chosen = {(pair.person, pair.need) for pair in plan.pairs if pair.reason == CHOSEN}
    for link in sorted(chosen - set(reading.turn)):
        yield f"{reading.names(link)}：并非双选，却列为双选成功"
        return
    held = Counter(hold.person for hold in plan.holds)
    taken = {(pair.person, pair.need) for pair in plan.pairs}
    witnesses = []
    for link, parted in _passed_over(reading, chosen, held):
        hold = None if parted else _given_up(reading, plan, link)
        if parted:
            yield f"{reading.names(link)}：双方都更愿意选择对方，方案却没有安排"
        elif link not in taken and hold is not None:
            witnesses.append(Witness(*link, hold))
    if tuple(witnesses) != plan.witnesses:
        yield "因保障覆盖而让位的双选没有如实全部列出"


def _passed_over(reading: Reading, chosen: set[Link], held: Counter[int]) -> Iterator[tuple[Link, bool]]:
    """Give mutual claims not granted whose need would rather have them, and whether the person would as well."""
    load = Counter(p for p, _ in chosen)
    ranks: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for p, n in chosen:
        ranks.setdefault(n, []).append(reading.rank[p, n])
        last[p] = max(last.get(p, -1), reading.turn[p, n])
    for (p, n), turn in sorted(reading.turn.items()):
        seats = ranks.get(n, [])
        welcome = len(seats) < reading.free_places[n] or (seats and reading.rank[p, n] < max(seats))
        if welcome and (p, n) not in chosen:
            yield (p, n), load[p] < reading.free_capacity[p] - held[p] or turn < last.get(p, -1)


def _given_up(reading: Reading, plan: Plan, link: Link) -> int | None:
    """Give the hold that a person likes least (of unclaimed ones the first ticket), if less dear than this claim."""
    never = len(reading.turn) + 1
    holds = [
        (-reading.turn.get((hold.person, hold.need), never), reading.ticket((hold.person, hold.need)), index)
        for index, hold in enumerate(plan.holds)
        if hold.person == link[0]
    ]
    worst, _, index = min(holds, default=(0, b"", 0))
    return index if holds and -worst > reading.turn[link] else None


def prove_holds(reading: Reading, plan: Plan) -> Iterator[str]:
    """Check that each hold is needed: were it not, and choice made again, coverage would be out of reach."""
    came = Counter(reading.township[pair.need] for pair in plan.pairs)
    over, reason = reading.over(came), {(pair.person, pair.need): pair.reason for pair in plan.pairs}
    held = Counter(hold.person for hold in plan.holds)
    completing = {(p.person, p.need) for p in plan.pairs if p.reason not in {CHOSEN, PINNED}}
    if [(hold.person, hold.need) for hold in plan.holds] != sorted(link for link in completing if link[0] in held):
        yield "保障名单与方案的配对不符"
        return
    for hold in plan.holds:
        county = reading.county.get(hold.township, -1)
        if hold.township != reading.township[hold.need]:
            yield f"{reading.names((hold.person, hold.need))}：保障名单写错了乡镇"
        elif hold.county != (county if reason[hold.person, hold.need] == FOR_COUNTY else None):
            yield f"{reading.names((hold.person, hold.need))}：保障名单写错了县"
        elif came[hold.township] > reading.floor[hold.township] and over[county] > reading.beyond.get(county, -1):
            yield f"{reading.names((hold.person, hold.need))}：该镇不缺此人，不应因保障而让其放弃双选"
    asking = Asking(reading, held)
    if asking.pairs() != {(pair.person, pair.need) for pair in plan.pairs if pair.reason == CHOSEN}:
        yield "双选部分虽无人可争，却不是对揭榜方最有利的结果"
        return
    least = sum(reading.floor.values()) - plan.maximum, sum(reading.beyond.values()) - (plan.county_maximum or 0)
    for person in sorted(held):
        if Filling(reading, asking.released(person) | reading.pins, completing).missing() <= least:
            yield f"{reading.instance.people.id[person]}：不让其放弃双选也能达到同样的覆盖"
