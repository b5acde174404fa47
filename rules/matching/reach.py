"""Whether townships and counties in want could get somebody: chains of moves, searched in full, by hand so to speak.

The verifier's own tool for coverage, in plain sets and lists; it shares nothing with the solver.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from rules.matching.reading import Link, Reading

Node = tuple[str, int]
TOWNSHIP, NEED, PERSON, COUNTY = "township", "need", "person", "county"


def asked_beyond(reading: Reading) -> dict[int, int]:
    """Give what each county's floor asks beyond the most that its own townships could fill of theirs."""
    found = {}
    for county, floor in enumerate(reading.instance.counties.floor):
        own = {township: most for township, most in reading.floor.items() if reading.county[township] == county}
        found[county] = max(0, floor - sum(own.values()) + Filling(reading, reading.pins, (), own).missing()[0])
    return found


class Filling:
    """A way to fill what townships, and then counties, lack beside some fixed pairs, at first as a plan has it.

    `lack` falls below 0 where a township has more than its floor.

    :param floor: of the townships that count; all of them and their counties, if not given.
    """

    def __init__(
        self, reading: Reading, fixed: set[Link], others: Iterable[Link], floor: Mapping[int, int] | None = None
    ) -> None:
        self.reading = reading
        self.fixed = fixed
        self.others = sorted(others)
        load, seats = Counter(p for p, _ in fixed), Counter(n for _, n in fixed)
        came = Counter(reading.township[n] for _, n in fixed)
        self.free = [most - load[p] for p, most in enumerate(reading.capacity)]
        self.room = [most - seats[n] for n, most in enumerate(reading.places)]
        asked = reading.floor if floor is None else floor
        self.lack = {township: asked.get(township, 0) - came[township] for township in reading.floor}
        self.beyond = reading.beyond if floor is None else {}
        self.people_at: dict[int, set[int]] = {}
        self.needs_of: dict[int, set[int]] = {}
        for person, need in self.others:
            if (person, need) not in fixed and self.lack[reading.township[need]] > 0:
                self._put(person, need)

    def owed(self) -> dict[int, int]:
        """Give what each county lacks."""
        owed = dict(self.beyond)
        for township, lack in self.lack.items() if owed else ():
            owed[self.reading.county[township]] += min(lack, 0)
        return {county: lack for county, lack in owed.items() if lack > 0}

    def full(self) -> bool:
        """Grow as far as chains reach; tell whether nobody lacks anybody. If some do, `reached` says why."""
        self._grow(self._short)
        owed = self.owed()
        for person, need in self.others if owed else ():
            county = self.reading.county[self.reading.township[need]]
            if (person, need) not in self.fixed and owed.get(county, 0) > 0 and self._put(person, need):
                owed[county] -= 1
        return self._grow(self._asking) and not self._short()

    @property
    def reached(self) -> set[Node]:
        """All that moves which start from townships and counties in want come to."""
        return set(_search([*self._short(), *self._asking()], self._onward, set())[0])

    def missing(self) -> tuple[int, int]:
        """Give how much of the floors of townships, and of what counties ask, stays unfilled whatever is done."""
        self.full()
        return sum(lack for lack in self.lack.values() if lack > 0), sum(self.owed().values())

    def _short(self) -> list[Node]:
        return [(TOWNSHIP, township) for township, lack in self.lack.items() if lack > 0]

    def _asking(self) -> list[Node]:
        return [(COUNTY, county) for county in self.owed()]

    def _grow(self, wanting: Callable[[], list[Node]]) -> bool:
        while lacking := set(wanting()):
            free: list[Node] = [(PERSON, person) for person, units in enumerate(self.free) if units > 0]
            origin, last = _search(free, self._backward, lacking)
            if last is None:
                return False
            self._shift(last, origin)
        return True

    def _put(self, person: int, need: int) -> bool:
        fits = self.room[need] > 0 and self.free[person] > 0 and person not in self.people_at.get(need, ())
        if fits:
            self._seat(person, need, 1)
        return fits

    def _seat(self, person: int, need: int, by: int) -> None:
        self.room[need] -= by
        self.free[person] -= by
        self.lack[self.reading.township[need]] -= by
        if by > 0:
            self.people_at.setdefault(need, set()).add(person)
            self.needs_of.setdefault(person, set()).add(need)
        else:
            self.people_at[need].discard(person)
            self.needs_of[person].discard(need)

    def _onward(self, node: Node) -> Iterator[Node]:
        """From a township to needs with room, from a need to whoever is able, from a person to where they are now.

        From a county to its townships; from a township with more than its floor back to its county.
        """
        kind, index = node
        if kind == COUNTY:
            yield from ((TOWNSHIP, town) for town, county in self.reading.county.items() if county == index)
        elif kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.reading.needs_in.get(index, ()) if self.room[need] > 0)
            if self.beyond and self.lack.get(index, 0) < 0:
                yield COUNTY, self.reading.county[index]
        elif kind == PERSON:
            yield from ((NEED, need) for need in self.needs_of.get(index, ()))
        else:
            here = self.people_at.get(index, set())
            if here:
                yield TOWNSHIP, self.reading.township[index]
            for person in self.reading.able[index]:
                if person not in here and (person, index) not in self.fixed and self._moves(person):
                    yield PERSON, person

    def _moves(self, person: int) -> bool:
        return self.free[person] > 0 or bool(self.needs_of.get(person))

    def _backward(self, node: Node) -> Iterator[Node]:
        """The same steps, from where they lead to: to whoever would have to come first."""
        kind, index = node
        if kind == COUNTY:
            towns = (town for town, county in self.reading.county.items() if county == index)
            yield from ((TOWNSHIP, town) for town in towns if self.lack.get(town, 0) < 0)
        elif kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.reading.needs_in.get(index, ()) if self.people_at.get(need))
            if self.beyond:
                yield COUNTY, self.reading.county[index]
        elif kind == PERSON:
            for need in self.reading.able_for[index]:
                if index not in self.people_at.get(need, ()) and (index, need) not in self.fixed:
                    yield NEED, need
        else:
            yield from ((PERSON, person) for person in self.people_at.get(index, ()))
            if self.room[index] > 0:
                yield TOWNSHIP, self.reading.township[index]

    def _shift(self, node: Node, origin: dict[Node, Node | None]) -> None:
        """Move everybody along the chain: where it begins there is one more, its last person is new."""
        while (after := origin[node]) is not None:
            if (node[0], after[0]) == (NEED, PERSON):
                self._seat(after[1], node[1], 1)
            elif (node[0], after[0]) == (PERSON, NEED):
                self._seat(node[1], after[1], -1)
            node = after


def _search(
    start: list[Node], steps: Callable[[Node], Iterator[Node]], ends: set[Node]
) -> tuple[dict[Node, Node | None], Node | None]:
    """Follow steps as far as they lead, or to one of the ends: where each node was come to from, and the end met."""
    origin: dict[Node, Node | None] = dict.fromkeys(start)
    waiting = deque(start)
    while waiting:
        node = waiting.popleft()
        if node in ends:
            return origin, node
        for following in steps(node):
            if following not in origin:
                origin[following] = node
                waiting.append(following)
    return origin, None
