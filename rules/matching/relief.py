"""What townships in want could still get beside choice, kept up while choice changes a little.

Each test of a hold changes choice by a short chain. Instead of a new maximum flow, the one at hand is mended: chains
of moves are searched from townships in want and from people who are free at once, until they meet or one side is
exhausted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise

import numpy as np

from rules.matching.market import Ints, Link, Market


class Relief:
    """People completing beside choice, as many as townships in want can get.

    A node of a chain is a township, then come needs, people, counties, in one row of numbers. `at` and `of` hold who
    completes where, `chosen_at` who has a place by choice; `short`, `asking` and `idle` are townships and counties in
    want and people free. `lack` falls below 0 where a township has more than its floor: its county's `owed` uses that.
    """

    def __init__(self, market: Market, chosen: set[Link]) -> None:
        self.market = market
        self.township: list[int] = market.township.tolist()
        self.needs, self.people = len(market.gap), len(market.gap) + len(market.places)
        self.counties = self.people + len(market.capacity)
        self.county: list[int] = market.county.tolist()
        self.owed: list[int] = market.county_gap.tolist()
        self.asking = {self.counties + county for county, owed in enumerate(self.owed) if owed > 0}
        self.towns_in: list[list[int]] = [[] for _ in self.owed]
        for township, county in enumerate(self.county):
            self.towns_in[county].append(township)
        self.needs_in: list[list[int]] = [[] for _ in market.gap]
        for need, township in enumerate(self.township):
            self.needs_in[township].append(need)
        self.able: list[list[int]] = [[] for _ in market.places]
        self.needs_for: list[list[int]] = [[] for _ in market.capacity]
        wanted = market.open & market.wanting(market)[market.township][market.need]
        for person, need in zip(market.person[wanted].tolist(), market.need[wanted].tolist(), strict=True):
            self.able[need].append(person)
            self.needs_for[person].append(need)
        self.free: list[int] = market.capacity.tolist()
        self.room: list[int] = market.places.tolist()
        self.lack: list[int] = market.gap.tolist()
        self.short = {township for township, lack in enumerate(self.lack) if lack > 0}
        self.idle = {person for person, units in enumerate(self.free) if units > 0 and self.needs_for[person]}
        self.at: dict[int, set[int]] = defaultdict(set)
        self.of: dict[int, set[int]] = defaultdict(set)
        self.chosen_at: dict[int, set[int]] = defaultdict(set)
        self._log: list[tuple[dict[int, set[int]], int, int, int]] = []
        self.change(chosen, ())

    def missing(self) -> tuple[int, int]:
        """Give how much townships lack at the best, and then counties, growing what there is as far as it goes."""
        self._grow(self.short)
        if self.short and self.owed:
            for township in range(self.needs):
                self._lighten(township, beside=True)
            self._grow(self.short)
        self._grow(self.asking)
        wanting = sum(self.owed[node - self.counties] for node in self.asking) if self.asking else 0
        return sum(self.lack[township] for township in self.short), wanting

    def _grow(self, wanting: set[int]) -> None:
        while wanting and (path := self._path(wanting)):
            self._move(path)

    def rows(self) -> Ints:
        """Give who completes where, as rows of the market."""
        return np.sort(self.market.rows([(person, need) for need, people in self.at.items() for person in people]))

    def mark(self) -> None:
        """Remember this as what to go back to."""
        self._log.clear()

    def take_back(self) -> None:
        """Go back to what was marked."""
        for place, person, need, by in reversed(self._log[:]):
            self._set(place, person, need, -by)
        self._log.clear()

    def change(self, gained: Collection[Link], lost: Iterable[Link]) -> None:
        """Follow a change of choice; whoever is in its way completes nothing for now."""
        for person, need in lost:
            self._set(self.chosen_at, person, need, -1)
        for person, need in gained:
            if person in self.at[need]:
                self._set(self.at, person, need, -1)
            self._set(self.chosen_at, person, need, 1)
        for person, need in gained:
            while self.free[person] < 0:
                self._set(self.at, person, next(iter(self.of[person])), -1)
            while self.room[need] < 0:
                self._set(self.at, next(iter(self.at[need])), need, -1)
            township = self.township[need]
            if self.owed:
                for other in self.towns_in[self.county[township]]:
                    self._lighten(other)
            elif self.lack[township] < 0:
                self._lighten(township)

    def _lighten(self, township: int, *, beside: bool = False) -> None:
        """Let go of whom neither the township nor its county lacks; or of all beside what the township lacks."""
        for need in self.needs_in[township]:
            while self.lack[township] < 0 and self.at[need] and (beside or self._spare(township)):
                self._set(self.at, next(iter(self.at[need])), need, -1)

    def _spare(self, township: int) -> bool:
        return not self.owed or self.owed[self.county[township]] < 0

    def _set(self, place: dict[int, set[int]], person: int, need: int, by: int) -> None:
        """Seat somebody (1) or let them go (-1), by choice or completing, and remember it."""
        self._log.append((place, person, need, by))
        (place[need].add if by > 0 else place[need].discard)(person)
        if place is self.at:
            (self.of[person].add if by > 0 else self.of[person].discard)(need)
        township = self.township[need]
        self.free[person] -= by
        self.room[need] -= by
        if self.owed:
            self._owe(self.county[township], max(0, by - self.lack[township]) - max(0, -self.lack[township]))
        self.lack[township] -= by
        (self.short.add if self.lack[township] > 0 else self.short.discard)(township)
        (self.idle.add if self.free[person] > 0 and self.needs_for[person] else self.idle.discard)(person)

    def _owe(self, county: int, less: int) -> None:
        self.owed[county] -= less
        (self.asking.add if self.owed[county] > 0 else self.asking.discard)(self.counties + county)

    def _move(self, path: list[int]) -> None:
        """Follow a path from a township in want to somebody free: need by need, people move up."""
        for here, there in pairwise(path):
            if self.needs <= here < self.people <= there:
                self._set(self.at, there - self.people, here - self.needs, 1)
            elif self.people <= here < self.counties:
                self._set(self.at, here - self.people, there - self.needs, -1)

    def _path(self, wanting: set[int]) -> list[int] | None:
        """Search from both ends in turn; None as soon as one of them has nowhere to go."""
        down: dict[int, int] = dict.fromkeys(wanting, -1)
        up: dict[int, int] = {self.people + person: -1 for person in self.idle}
        sides = ((down, up, [*down], self._onward), (up, down, [*up], self._backward))
        turn = 0
        while all(turn < len(waiting) for _, _, waiting, _ in sides):
            for seen, other, waiting, steps in sides:
                node = waiting[turn]
                for following in steps(node):
                    if following not in seen:
                        seen[following] = node
                        waiting.append(following)
                        if following in other:
                            return [*reversed(_trail(down, following)), *_trail(up, following)[1:]]
            turn += 1
        return None

    def _onward(self, node: int) -> list[int]:
        """From a township to needs with room, from a need to who could come, from a person to where they are now.

        From a county to its townships; from a township with more than its floor back to the county that uses it.
        """
        if node >= self.people:
            if node >= self.counties:
                return self.towns_in[node - self.counties]
            return [self.needs + need for need in self.of[node - self.people]]
        if node < self.needs:
            needs = [self.needs + need for need in self.needs_in[node] if self.room[need] > 0]
            return [*needs, self.counties + self.county[node]] if self.owed and self.lack[node] < 0 else needs
        need = node - self.needs
        here, chosen, free, of, first = self.at[need], self.chosen_at[need], self.free, self.of, self.people
        coming = [first + p for p in self.able[need] if (free[p] > 0 or of[p]) and p not in here and p not in chosen]
        return [*coming, self.township[need]] if here else coming

    def _backward(self, node: int) -> list[int]:
        """The same steps, from where they lead to."""
        if node < self.needs:
            needs = [self.needs + need for need in self.needs_in[node] if self.at[need]]
            return [*needs, self.counties + self.county[node]] if self.owed else needs
        if node >= self.people:
            if node >= self.counties:
                return [township for township in self.towns_in[node - self.counties] if self.lack[township] < 0]
            person, at, room, first = node - self.people, self.at, self.room, self.needs
            return [
                first + n
                for n in self.needs_for[person]
                if (room[n] > 0 or at[n]) and person not in at[n] and person not in self.chosen_at[n]
            ]
        need = node - self.needs
        leaving = [self.people + person for person in self.at[need]]
        return [*leaving, self.township[need]] if self.room[need] > 0 else leaving


def _trail(seen: dict[int, int], node: int) -> list[int]:
    trail = [node]
    while (further := seen[trail[-1]]) >= 0:
        trail.append(further)
    return trail
