"""Whether townships in want could still get somebody: chains of moves, searched in full, by hand so to speak.

The verifier's own tool for coverage, in plain sets and lists; it shares nothing with the solver.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

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
        self.reached: set[Node] = set()
        for person, need in sorted(others):
            if (person, need) not in fixed and self.lack[reading.township[need]] and self.free[person]:
                self._put(person, need)

    def full(self) -> bool:
        """Grow as far as chains reach; tell whether no township lacks anybody. If some do, `reached` says why."""
        while any(self.lack.values()):
            if not self._grow():
                return False
        return True

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

    def _grow(self) -> bool:
        start: list[Node] = [(TOWNSHIP, township) for township, lack in self.lack.items() if lack]
        origin: dict[Node, Node | None] = dict.fromkeys(start)
        waiting = deque(start)
        while waiting:
            node = waiting.popleft()
            if node[0] == PERSON and self.free[node[1]]:
                self._shift(node, origin)
                return True
            for following in self._onward(node):
                if following not in origin:
                    origin[following] = node
                    waiting.append(following)
        self.reached = set(origin)
        return False

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

    def _shift(self, last: Node, origin: dict[Node, Node | None]) -> None:
        """Move everybody along the chain: its last person is new, its first township has one more."""
        self.free[last[1]] -= 1
        node = last
        while (before := origin[node]) is not None:
            if node[0] == PERSON:
                self.people_at.setdefault(before[1], set()).add(node[1])
                self.needs_of.setdefault(node[1], set()).add(before[1])
            elif before[0] == PERSON:
                self.people_at[node[1]].discard(before[1])
                self.needs_of[before[1]].discard(node[1])
            elif before[0] == TOWNSHIP:
                self.room[node[1]] -= 1
            else:
                self.room[before[1]] += 1
            node = before
        self.lack[node[1]] -= 1
