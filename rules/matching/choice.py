"""Both sides' choice: deferred acceptance over mutual claims (双向选择, R-MATCH-1 aim 3)."""

from collections.abc import Sequence
from heapq import heappop, heappush

from rules.matching.market import Link


def choose(wishes: Sequence[Sequence[Link]], capacity: Sequence[int], places: Sequence[int]) -> set[Link]:
    """Give the pairs that are best for every claimant among all stable ones.

    Claimants ask in their own order, up to their capacity; a need keeps the best it was asked by, up to its places.
    Whoever loses a place asks on. The outcome does not depend on who asks first.

    :param wishes: per person (need, the need's rank of that person), dearest first.
    :returns: pairs (person, need).
    """
    return Choice(wishes, capacity, places).pairs()


_Before = dict[tuple[bool, int], tuple[list[Link], int, int]]
"""What needs (True) and people (False) were before: seats, how far they asked, what was free."""


class Choice:
    """Deferred acceptance that can go on when somebody gets a unit more, and can be taken back to before that."""

    def __init__(self, wishes: Sequence[Sequence[Link]], capacity: Sequence[int], places: Sequence[int]) -> None:
        self.wishes = wishes
        self.places = places
        self.kept: list[list[Link]] = [[] for _ in places]
        self.asked = [0] * len(wishes)
        self.free = list(capacity)
        self._before: _Before | None = None
        self._ask([person for person, wanted in enumerate(wishes) if wanted])

    def pairs(self) -> set[Link]:
        """Give who has a place now."""
        return {(person, need) for need, seats in enumerate(self.kept) for _, person in seats}

    def release(self, person: int) -> tuple[set[Link], set[Link]]:
        """Let a person ask with one unit more; give the pairs that are new and those that are no more."""
        old: _Before = {}
        self._before = old
        self._remember(person=person)
        self.free[person] += 1
        self._ask([person])
        touched = [(need, seats) for (is_need, need), (seats, _, _) in old.items() if is_need]
        before = {(p, need) for need, seats in touched for _, p in seats}
        now = {(p, need) for need, _ in touched for _, p in self.kept[need]}
        return now - before, before - now

    def take_back(self) -> None:
        """Undo what was released last."""
        for (is_need, index), (seats, asked, free) in (self._before or {}).items():
            if is_need:
                self.kept[index] = seats
            else:
                self.asked[index], self.free[index] = asked, free
        self._before = None

    def _remember(self, *, person: int = -1, need: int = -1) -> None:
        if self._before is None:
            return
        if need >= 0 and (True, need) not in self._before:
            self._before[True, need] = [*self.kept[need]], 0, 0
        if person >= 0 and (False, person) not in self._before:
            self._before[False, person] = [], self.asked[person], self.free[person]

    def _ask(self, asking: list[int]) -> None:
        wishes, kept, asked, free, places = self.wishes, self.kept, self.asked, self.free, self.places
        going_on = self._before is not None
        while asking:
            person = asking.pop()
            wanted = wishes[person]
            if going_on:
                self._remember(person=person)
            while free[person] > 0 and asked[person] < len(wanted):
                need, rank = wanted[asked[person]]
                asked[person] += 1
                if not places[need]:
                    continue
                if going_on:
                    self._remember(need=need)
                free[person] -= 1
                heappush(kept[need], (-rank, person))
                if len(kept[need]) > places[need]:
                    loser = heappop(kept[need])[1]
                    if going_on:
                        self._remember(person=loser)
                    free[loser] += 1
                    if loser != person:
                        asking.append(loser)
