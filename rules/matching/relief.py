"""What townships in want could still get beside choice, kept up while choice changes a little.

Each test of a hold changes choice by a short chain. Instead of a new maximum flow, the one at hand is mended: chains
of moves are searched from townships in want and from people who are free at once, until they meet or one side is
exhausted.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import pairwise

from rules.matching.market import Link, Market

TOWNSHIP, NEED, PERSON = 0, 1, 2
Node = tuple[int, int]


class Relief:
    """People completing beside choice, as many as townships in want can get."""

    def __init__(self, market: Market, chosen: set[Link]) -> None:
        self.township: list[int] = market.township.tolist()
        self.needs_in: dict[int, list[int]] = defaultdict(list)
        self.able: dict[int, list[int]] = defaultdict(list)
        self.needs_for: dict[int, list[int]] = defaultdict(list)
        for need, township in enumerate(self.township):
            self.needs_in[township].append(need)
        wanted = market.open & (market.gap[market.township] > 0)[market.need]
        for person, need in zip(market.person[wanted].tolist(), market.need[wanted].tolist(), strict=True):
            self.able[need].append(person)
            self.needs_for[person].append(need)
        self.free: list[int] = market.capacity.tolist()
        self.room: list[int] = market.places.tolist()
        self.lack: list[int] = market.gap.tolist()
        self.at: dict[int, set[int]] = {}
        self.of: dict[int, set[int]] = {}
        self.chosen: set[Link] = set()
        self.change(chosen, set())

    def missing(self) -> int:
        """Give how much townships lack at the best, growing what there is as far as it goes."""
        short = [township for township, lack in enumerate(self.lack) if lack > 0]
        while short and (path := self._path(short)):
            self._move(path)
            short = [township for township in short if self.lack[township] > 0]
        return sum(lack for lack in self.lack if lack > 0)

    def saved(self) -> "Relief":
        """Give a copy to go back to."""
        other = Relief.__new__(Relief)
        other.__dict__.update(self.__dict__)
        other.free, other.room, other.lack = [*self.free], [*self.room], [*self.lack]
        other.at = {need: {*people} for need, people in self.at.items() if people}
        other.of = {person: {*needs} for person, needs in self.of.items() if needs}
        other.chosen = {*self.chosen}
        return other

    def change(self, gained: Iterable[Link], lost: Iterable[Link]) -> None:
        """Follow a change of choice; whoever is in its way completes nothing for now."""
        for links, by in ((lost, 1), (gained, -1)):
            for person, need in links:
                if by < 0 and person in self.at.get(need, ()):
                    self._drop(person, need)
                self._count(person, need, by)
                (self.chosen.add if by < 0 else self.chosen.discard)((person, need))
        for person, need in gained:
            while self.free[person] < 0:
                self._drop(person, next(iter(self.of[person])))
            while self.room[need] < 0:
                self._drop(next(iter(self.at[need])), need)
            self._lighten(self.township[need])

    def _lighten(self, township: int) -> None:
        for need in self.needs_in[township]:
            while self.lack[township] < 0 and self.at.get(need):
                self._drop(next(iter(self.at[need])), need)

    def _count(self, person: int, need: int, by: int) -> None:
        self.free[person] += by
        self.room[need] += by
        self.lack[self.township[need]] += by

    def _drop(self, person: int, need: int) -> None:
        self.at[need].discard(person)
        self.of[person].discard(need)
        self._count(person, need, 1)

    def _move(self, path: list[Node]) -> None:
        """Follow a path from a township in want to somebody free: need by need, people move up."""
        for (kind, index), (_, following) in pairwise(path):
            if kind == NEED and _ == PERSON:
                self.at.setdefault(index, set()).add(following)
                self.of.setdefault(following, set()).add(index)
                self._count(following, index, -1)
            elif kind == PERSON:
                self._drop(index, following)

    def _path(self, short: list[int]) -> list[Node] | None:
        """Search from both ends in turn; None as soon as one of them has nowhere to go."""
        start: list[Node] = [(TOWNSHIP, township) for township in short]
        ends: list[Node] = [(PERSON, p) for p, units in enumerate(self.free) if units > 0 and p in self.needs_for]
        down: dict[Node, Node | None] = dict.fromkeys(start)
        up: dict[Node, Node | None] = dict.fromkeys(ends)
        sides = ((down, deque(start), self._onward), (up, deque(ends), self._backward))
        while all(waiting for _, waiting, _ in sides):
            for (seen, waiting, steps), other in zip(sides, (up, down), strict=True):
                node = waiting.popleft() if waiting else None
                for following in steps(node) if node else ():
                    if following not in seen:
                        seen[following] = node
                        waiting.append(following)
                        if following in other:
                            return [*reversed(_trail(down, following)), *_trail(up, following)[1:]]
        return None

    def _onward(self, node: Node) -> Iterator[Node]:
        kind, index = node
        if kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.needs_in[index] if self.room[need] > 0)
        elif kind == PERSON:
            yield from ((NEED, need) for need in self.of.get(index, ()))
        else:
            here = self.at.get(index, ())
            if here:
                yield TOWNSHIP, self.township[index]
            for person in self.able.get(index, ()):
                if person not in here and (person, index) not in self.chosen:
                    yield PERSON, person

    def _backward(self, node: Node) -> Iterator[Node]:
        kind, index = node
        if kind == TOWNSHIP:
            yield from ((NEED, need) for need in self.needs_in[index] if self.at.get(need))
        elif kind == PERSON:
            for need in self.needs_for.get(index, ()):
                if index not in self.at.get(need, ()) and (index, need) not in self.chosen:
                    yield NEED, need
        else:
            yield from ((PERSON, person) for person in self.at.get(index, ()))
            if self.room[index] > 0:
                yield TOWNSHIP, self.township[index]


def _trail(seen: dict[Node, Node | None], node: Node) -> list[Node]:
    trail = [node]
    while (further := seen[trail[-1]]) is not None:
        trail.append(further)
    return trail
