"""Whether townships in want could still get somebody: chains of moves, searched in full, by hand so to speak.

The verifier's own tool for coverage, in plain sets and lists; it shares nothing with the solver.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from rules.matching.reading import Link, Reading

Node = tuple[str, int]
TOWNSHIP, NEED, PERSON = "township", "need", "person"


class Filling:
    """A way to fill what townships lack beside some fixed pairs, at first as a plan has it."""

    def __init__(self, reading: Reading, fixed: set[Link], others: Iterable[Link]) -> None:
        self.reading = reading
        self.fixed = fixed
        load, seats = Counter(p for p, _ in fixed), Counter(n for _, n in fixed)
        came = Counter(reading.township[n] for _, n in fixed)
        self.free = [most - load[p] for p, most in enumerate(reading.capacity)]
        self.room = [most - seats[n] for n, most in enumerate(reading.places)]
        self.lack = {township: max(0, floor - came[township]) for township, floor in reading.floor.items()}
        self.people_at: dict[int, set[int]] = {}
        self.needs_of: dict[int, set[int]] = {}
        for person, need in sorted(others):
            if (person, need) not in fixed and self.lack[reading.township[need]] and self.free[person]:
                self._put(person, need)

    def full(self) -> bool:
        """Grow as far as chains reach; tell whether no township lacks anybody. If some do, `reached` says why."""
        while lacking := {township for township, lack in self.lack.items() if lack}:
            free: list[Node] = [(PERSON, person) for person, units in enumerate(self.free) if units]
            origin, last = _search(free, self._backward, {(TOWNSHIP, township) for township in lacking})
            if last is None:
                return False
            self._shift(last, origin)
        return True

    @property
    def reached(self) -> set[Node]:
        """All that moves which start from townships in want come to."""
        start: list[Node] = [(TOWNSHIP, township) for township, lack in self.lack.items() if lack]
        return set(_search(start, self._onward, set())[0])

    def missing(self) -> int:
        """Give how much of the floors stays unfilled whatever is done."""
        self.full()
        return sum(self.lack.values())

    def _put(self, person: int, need: int) -> None:
        if self.room[need] > 0:
            self.room[need] -= 1
            self.free[person] -= 1
            self.lack[self.reading.township[need]] -= 1
            self.people_at.setdefault(need, set()).add(person)
            self.needs_of.setdefault(person, set()).add(need)

    def _onward(self, node: Node) -> Iterator[Node]:
        """From a township to needs with room, from a need to whoever is able, from a person to where they are now."""
        kind, index = node
        if kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.reading.needs_in[index] if self.room[need] > 0)
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
        if kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.reading.needs_in[index] if self.people_at.get(need))
        elif kind == PERSON:
            for need in self.reading.able_for[index]:
                if index not in self.people_at.get(need, ()) and (index, need) not in self.fixed:
                    yield NEED, need
        else:
            yield from ((PERSON, person) for person in self.people_at.get(index, ()))
            if self.room[index] > 0:
                yield TOWNSHIP, self.reading.township[index]

    def _shift(self, node: Node, origin: dict[Node, Node | None]) -> None:
        """Move everybody along the chain: its first township has one more, its last person is new."""
        self.lack[node[1]] -= 1
        while (after := origin[node]) is not None:
            if node[0] == TOWNSHIP:
                self.room[after[1]] -= 1
            elif after[0] == TOWNSHIP:
                self.room[node[1]] += 1
            elif after[0] == PERSON:
                self.people_at.setdefault(node[1], set()).add(after[1])
                self.needs_of.setdefault(after[1], set()).add(node[1])
            else:
                self.people_at[after[1]].discard(node[1])
                self.needs_of[node[1]].discard(after[1])
            node = after
        self.free[node[1]] -= 1


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
