"""Both sides' choice: deferred acceptance over mutual claims (双向选择, R-MATCH-1 aim 3)."""

from collections.abc import Sequence
from heapq import heapify, heappush, heappushpop

from rules.matching.market import Link


def choose(wishes: Sequence[Sequence[Link]], capacity: Sequence[int], places: Sequence[int]) -> set[Link]:
    """Give the pairs that are best for every claimant among all stable ones.

    Claimants ask in their own order, up to their capacity; a need keeps the best it was asked by, up to its places.
    Whoever loses a place asks on. The outcome does not depend on who asks first.

    :param wishes: per person (need, the need's rank of that person), dearest first.
    :returns: pairs (person, need).
    """
    return Choice(wishes, capacity, places).pairs()


_Asked = tuple[int, int, int, int | None]
"""Who asked which need, the key of that, and the key that lost a place for it: its own, somebody's or nobody's."""


class Choice:
    """Deferred acceptance that can go on when somebody gets a unit more, and can be taken back to before that.

    A need keeps its seats as a heap of person - rank × number of people: the worst first, one integer each.
    """

    def __init__(self, wishes: Sequence[Sequence[Link]], capacity: Sequence[int], places: Sequence[int]) -> None:
        self.wishes = wishes
        self.places = places
        self.kept: list[list[int]] = [[] for _ in places]
        self.asked = [0] * len(wishes)
        self.free = list(capacity)
        self._log: list[_Asked] | None = None
        self._released = 0
        self._ask([person for person, wanted in enumerate(wishes) if wanted])

    def pairs(self) -> set[Link]:
        """Give who has a place now."""
        people = len(self.wishes)
        return {(key % people, need) for need, seats in enumerate(self.kept) for key in seats}

    def release(self, person: int) -> tuple[set[Link], set[Link]]:
        """Let a person ask with one unit more; give the pairs that are new and those that are no more."""
        log: list[_Asked] = []
        self._log = log
        self._released = person
        self.free[person] += 1
        self._ask([person])
        people, gained, lost = len(self.wishes), set[Link](), set[Link]()
        for _, need, key, loser in log:
            for one, to, back in ((key, gained, lost), (loser, lost, gained)):
                if one is not None and key != loser:
                    link = (one % people, need)
                    (back.discard if link in back else to.add)(link)
        return gained, lost

    def take_back(self) -> None:
        """Undo what was released last."""
        people = len(self.wishes)
        for person, need, key, loser in reversed(self._log or ()):
            self.asked[person] -= 1
            if key != loser:
                seats = self.kept[need]
                seats.remove(key)
                self.free[person] += 1
                if loser is not None:
                    seats.append(loser)
                    self.free[loser % people] -= 1
                heapify(seats)
        if self._log is not None:
            self.free[self._released] -= 1
        self._log = None

    def _ask(self, asking: list[int]) -> None:
        wishes, kept, places, people, log = self.wishes, self.kept, self.places, len(self.wishes), self._log
        while asking:
            person = asking.pop()
            wanted, turn, units = wishes[person], self.asked[person], self.free[person]
            while units > 0 and turn < len(wanted):
                need, rank = wanted[turn]
                turn += 1
                key, seats, loser = person - rank * people, kept[need], None
                if len(seats) < places[need]:
                    heappush(seats, key)
                    units -= 1
                elif (loser := heappushpop(seats, key)) != key:
                    units -= 1
                    self.free[loser % people] += 1
                    asking.append(loser % people)
                if log is not None:
                    log.append((person, need, key, loser))
            self.asked[person], self.free[person] = turn, units
