"""The instance as arrays, after the first aim of R-MATCH-1: pins taken out, bans and declined claims struck."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.matching.instance import Instance, Links
from rules.matching.lottery import pair_ticket, person_ticket

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Link = tuple[int, int]


WHY_NOT = {
    "not_eligible": "不在 pairs 中，不符合条件",
    "banned": "在 bans 中已被禁止",
    "declined": "镇方没有评级，视为谢绝",
    "capacity": "超过该人的 capacity",
    "places": "超过该需求的 places",
}


class InfeasiblePins(ValueError):
    """Pins that no plan can obey. `pins` holds (person id, need id, why) of every one.

    Why is one of `not_eligible`, `banned`, `declined`, `capacity` (more pins than the person may take), `places` (more
    pins than the need has places).
    """

    def __init__(self, pins: tuple[tuple[str, str, str], ...]) -> None:
        self.pins = pins
        super().__init__("人工指定无法全部满足：" + "；".join(f"{p} → {n}（{WHY_NOT[why]}）" for p, n, why in pins))


@dataclass(frozen=True, eq=False)
class Left:
    """What a market has left behind chosen pairs: capacity, places, gaps, and which of its rows are still open."""

    capacity: Ints
    places: Ints
    gap: Ints
    rows: Flags


@dataclass(frozen=True, eq=False)
class Market:
    """What is left to decide once pins are taken out.

    `capacity`, `places` and `gap` (what a township with needs still lacks to its floor) are after pins. `person`,
    `need`, `score`, `mutual`, `previous` are parallel columns of the pairs that may still be made, sorted by person and
    need. `wishes` holds each person's mutual claims, dearest first, with the need's rank of that person (0 = best);
    both orders are strict, the lottery parts equals. `row_of` finds the row of a mutual claim.
    """

    instance: Instance
    pins: tuple[Link, ...]
    capacity: Ints
    places: Ints
    gap: Ints
    township: Ints
    pinned_cover: int
    person: Ints
    need: Ints
    score: Ints
    mutual: Flags
    previous: Flags
    wishes: tuple[tuple[Link, ...], ...]
    row_of: dict[Link, int]

    def left(self, chosen: set[Link] | frozenset[Link] = frozenset()) -> Left:
        """Give what is left behind chosen pairs, all of them mutual."""
        people, needs = [p for p, _ in chosen], [n for _, n in chosen]
        capacity = self.capacity - _counts(people, len(self.capacity))
        places = self.places - _counts(needs, len(self.places))
        gap = np.maximum(self.gap - _counts(self.township[needs], len(self.gap)), 0)
        rows = (capacity[self.person] > 0) & (places[self.need] > 0)
        rows[[self.row_of[link] for link in chosen]] = False
        return Left(capacity, places, gap, rows)


def links(table: Links) -> set[Link]:
    """Give a table's pairs as a set of (person, need)."""
    return set(zip(table.person, table.need, strict=True))


def open_market(instance: Instance) -> Market:
    """Take pins out of an instance and lay the rest out in arrays (R-MATCH-1 aim 1, R-MATCH-6).

    :raises InfeasiblePins: naming every pin that is not eligible, banned, declined or too many.
    """
    pins = tuple(sorted(links(instance.pins)))
    grades = {(p, n): g for p, n, g in _rows(instance.grades)}
    declined = links(Links(instance.claims.person, instance.claims.need)) - set(grades)
    _check_pins(instance, pins, declined)
    capacity, places, township, floor = (
        np.array(column, dtype=np.int64)
        for column in (
            instance.people.capacity,
            instance.needs.places,
            instance.needs.township,
            instance.townships.floor,
        )
    )
    floor[_counts(township, len(floor)) == 0] = 0
    pinned = _counts(township[[n for _, n in pins]], len(floor))
    codes, score = _open_rows(instance, declined | links(instance.bans) | set(pins))
    width = len(places)
    row_of = _find(codes, width, [(p, n) for p, n, _ in _rows(instance.claims) if (p, n) in grades])
    kept = _find(codes, width, sorted(links(instance.previous)))
    return Market(
        instance=instance,
        pins=pins,
        capacity=capacity - _counts([p for p, _ in pins], len(capacity)),
        places=places - _counts([n for _, n in pins], width),
        gap=np.maximum(floor - pinned, 0),
        township=township,
        pinned_cover=int(np.minimum(floor, pinned).sum()),
        person=codes // max(width, 1),
        need=codes % max(width, 1),
        score=score,
        mutual=_flags(row_of, len(codes)),
        previous=_flags(kept, len(codes)),
        wishes=_wishes(instance, grades, set(row_of)),
        row_of=row_of,
    )


def _open_rows(instance: Instance, struck: set[Link]) -> tuple[Ints, Ints]:
    """Give the pairs that are not struck as codes (person × needs + need), rising, each with its score."""
    person, need, score = (
        np.array(column, dtype=np.int64)
        for column in (instance.pairs.person, instance.pairs.need, instance.pairs.score)
    )
    width = len(instance.needs.id)
    codes = person * width + need
    keep = np.flatnonzero(~np.isin(codes, np.array([p * width + n for p, n in struck], dtype=np.int64)))
    order = keep[np.argsort(codes[keep])]
    return codes[order], score[order]


def _find(codes: Ints, width: int, wanted: list[Link]) -> dict[Link, int]:
    """Give the place of each pair among rising codes, where it is there."""
    sought = np.array([p * width + n for p, n in wanted], dtype=np.int64)
    place = np.searchsorted(codes, sought)
    there = np.append(codes, -1)[place] == sought
    return {link: row for link, row, found in zip(wanted, place.tolist(), there.tolist(), strict=True) if found}


def _flags(row_of: dict[Link, int], length: int) -> Flags:
    flags = np.zeros(length, dtype=np.bool_)
    flags[list(row_of.values())] = True
    return flags


def _check_pins(instance: Instance, pins: tuple[Link, ...], declined: set[Link]) -> None:
    wanted, banned = set(pins), links(instance.bans)
    eligible = {link for link in zip(instance.pairs.person, instance.pairs.need, strict=True) if link in wanted}
    taken, filled = Counter(p for p, _ in pins), Counter(n for _, n in pins)
    wrong: list[tuple[str, str, str]] = []
    for p, n in pins:
        reasons = {
            "not_eligible": (p, n) not in eligible,
            "banned": (p, n) in banned,
            "declined": (p, n) in declined,
            "capacity": taken[p] > instance.people.capacity[p],
            "places": filled[n] > instance.needs.places[n],
        }
        why = next((name for name, applies in reasons.items() if applies), None)
        if why:
            wrong.append((instance.people.id[p], instance.needs.id[n], why))
    if wrong:
        raise InfeasiblePins(tuple(sorted(wrong)))


def _wishes(instance: Instance, grades: dict[Link, int], mutual: set[Link]) -> tuple[tuple[Link, ...], ...]:
    people, needs, seed = instance.people.id, instance.needs.id, instance.seed
    dear = {(p, n): wish for p, n, wish in _rows(instance.claims) if (p, n) in mutual}
    claimants: dict[int, list[int]] = defaultdict(list)
    claimed: dict[int, list[int]] = defaultdict(list)
    for p, n in dear:
        claimants[n].append(p)
        claimed[p].append(n)
    rank: dict[Link, int] = {}
    tickets = {p: person_ticket(seed, people[p]) for p in claimed}
    for n, group in claimants.items():
        group.sort(key=lambda p, n=n: (grades[p, n], tickets[p]))  # type: ignore[misc]
        rank.update({(p, n): place for place, p in enumerate(group)})
    for p, wanted in claimed.items():
        if len({dear[p, n] for n in wanted}) < len(wanted):
            wanted.sort(key=lambda n, p=p: pair_ticket(seed, people[p], needs[n]))  # type: ignore[misc]
        wanted.sort(key=lambda n, p=p: dear[p, n])  # type: ignore[misc]
    return tuple(tuple((n, rank[p, n]) for n in claimed.get(p, ())) for p in range(len(people)))


def _rows(table: object) -> list[tuple[int, int, int]]:
    names = [name for name in ("score", "preference", "grade") if hasattr(table, name)]
    return list(zip(table.person, table.need, getattr(table, names[0]), strict=True))  # type: ignore[attr-defined]


def _counts(indexes: object, length: int) -> Ints:
    return np.bincount(np.asarray(indexes, dtype=np.int64), minlength=length).astype(np.int64)
