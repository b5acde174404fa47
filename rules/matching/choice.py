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
    kept: list[list[Link]] = [[] for _ in places]
    asked = [0] * len(wishes)
    free = list(capacity)
    asking = [person for person, wanted in enumerate(wishes) if wanted]
    while asking:
        person = asking.pop()
        wanted = wishes[person]
        while free[person] > 0 and asked[person] < len(wanted):
            need, rank = wanted[asked[person]]
            asked[person] += 1
            if not places[need]:
                continue
            free[person] -= 1
            heappush(kept[need], (-rank, person))
            if len(kept[need]) > places[need]:
                loser = heappop(kept[need])[1]
                free[loser] += 1
                if loser != person:
                    asking.append(loser)
    return {(person, need) for need, seats in enumerate(kept) for _, person in seats}
