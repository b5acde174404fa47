"""The instance as arrays, after the first aim of R-MATCH-1: pins taken out, bans and declined claims struck."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.matching.filling import Wanted, counted, fillable
from rules.matching.instance import Claims, Grades, Instance, Links, Pairs
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
    county_gap: Ints
    rows: Flags


@dataclass(frozen=True, eq=False)
class Market:
    """What is left to decide once pins are taken out.

    `capacity`, `places` and `gap` (what a township with needs still lacks to its floor) are after pins. `county` gives
    each township's county, `beyond` what each county's floor asks beyond the most of its townships' floors that any
    plan could fill, `county_gap` what of it pins leave; all three are empty where there are no counties. `person`,
    `need`, `score`, `open`, `mutual`, `previous` are parallel columns of the eligible pairs, sorted by person and need;
    `order` gives the place of each in the instance's `pairs`, `codes` (person × needs + need) finds them. Only open
    rows may still be made: not pinned, banned or declined. `claim`, `preference`, `grade` (0 where declined) are
    parallel columns of all claims, sorted by code. `wish` lists the mutual ones, as places among these, person by
    person, dearest first, with the need's `rank` of that person (0 = best); both orders are strict, the lottery parts
    equals, by the `tickets` of these people.
    """

    instance: Instance
    pins: tuple[Link, ...]
    capacity: Ints
    places: Ints
    gap: Ints
    township: Ints
    county: Ints
    beyond: Ints
    county_gap: Ints
    pinned_cover: int
    codes: Ints
    order: Ints
    person: Ints
    need: Ints
    score: Ints
    open: Flags
    mutual: Flags
    previous: Flags
    claim: Ints
    preference: Ints
    grade: Ints
    wish: Ints
    rank: Ints
    tickets: Mapping[int, bytes]

    @cached_property
    def wishes(self) -> list[list[Link]]:
        """Each person's mutual claims, dearest first, as (need, the need's rank of that person)."""
        person, need = np.divmod(self.claim[self.wish], max(len(self.places), 1))
        asked = list(zip(need.tolist(), self.rank.tolist(), strict=True))
        first = np.searchsorted(person, np.arange(len(self.capacity) + 1)).tolist()
        return [asked[start:end] for start, end in pairwise(first)]

    def rows(self, links: Collection[Link]) -> Ints:
        """Give the rows of pairs that are all eligible."""
        person, need = ends(links)
        return np.searchsorted(self.codes, person * len(self.places) + need)

    def left(self, chosen: Collection[Link] = ()) -> Left:
        """Give what is left behind chosen pairs, all of them mutual."""
        people, needs = ends(chosen)
        capacity = self.capacity - _counts(people, len(self.capacity))
        places = self.places - _counts(needs, len(self.places))
        came = _counts(self.township[needs], len(self.gap))
        gap = np.maximum(self.gap - came, 0)
        county_gap = np.maximum(self.county_gap - self.over(came - self.gap), 0)
        rows = self.open & (capacity > 0)[self.person] & (places > 0)[self.need]
        rows[self.rows(chosen)] = False
        return Left(capacity, places, gap, county_gap, rows)

    def over(self, more: Ints) -> Ints:
        """Add up by county what townships have beyond their floors: the county's floor may use it."""
        return counted(self.county, np.maximum(more, 0), len(self.beyond)) if len(self.beyond) else self.beyond

    def wanting(self, left: "Left | Market") -> Flags:
        """Mark the townships where somebody more would count, for their own floor or for their county's."""
        short: Flags = left.gap > 0
        return short | (left.county_gap > 0)[self.county] if len(left.county_gap) else short


def links(table: Links) -> set[Link]:
    """Give a table's pairs as a set of (person, need)."""
    return set(zip(table.person, table.need, strict=True))


def ends(pairs: Collection[Link]) -> tuple[Ints, Ints]:
    """Give the people and the needs of some pairs."""
    flat = np.fromiter(chain.from_iterable(pairs), np.int64, 2 * len(pairs))
    return flat[::2], flat[1::2]


def column(values: Sequence[int]) -> Ints:
    """Give a column as an array."""
    return np.fromiter(values, np.int64, len(values))


def among(codes: Ints, wanted: Ints) -> Flags:
    """Mark those wanted that are among rising codes."""
    there: Flags = np.append(codes, -1)[np.searchsorted(codes, wanted)] == wanted
    return there


def found(codes: Ints, wanted: Ints) -> Ints:
    """Give the places of those wanted that are among rising codes."""
    return np.searchsorted(codes, wanted[among(codes, wanted)])


def open_market(instance: Instance) -> Market:
    """Take pins out of an instance and lay the rest out in arrays (R-MATCH-1 aim 1, R-MATCH-6).

    :raises InfeasiblePins: naming every pin that is not eligible, banned, declined or too many.
    """
    pins, width = tuple(sorted(links(instance.pins))), len(instance.needs.id)
    pinned_people, pinned_needs = ends(pins)
    order, person, need = _sorted(instance.pairs, len(instance.people.id), width)
    codes = person * width + need
    claim, preference, grade = _claims(instance, width)
    _check_pins(instance, pins, codes, claim[grade == 0])
    struck = np.concatenate([claim[grade == 0], _codes(instance.bans, width), pinned_people * width + pinned_needs])
    may = ~_flags(found(codes, struck), len(codes))
    both = np.flatnonzero(among(codes, claim) & ~among(np.sort(struck), claim))
    wish, rank, tickets = _choices(instance, both, claim[both], preference[both], grade[both])
    return Market(
        instance=instance,
        pins=pins,
        **_demand(instance, pins, person[may], need[may]),
        codes=codes,
        order=order,
        person=person,
        need=need,
        score=column(instance.pairs.score)[order],
        open=may,
        mutual=_flags(np.searchsorted(codes, claim[both]), len(codes)),
        previous=_flags(found(codes, _codes(instance.previous, width)), len(codes)),
        claim=claim,
        preference=preference,
        grade=grade,
        wish=wish,
        rank=rank,
        tickets=tickets,
    )


def _demand(instance: Instance, pins: Collection[Link], person: Ints, need: Ints) -> dict[str, Any]:
    """Give what pins leave of capacity, places and floors, beside the pairs that may still be made."""
    people, needs = ends(pins)
    township, floor = column(instance.needs.township), column(instance.townships.floor)
    floor[_counts(township, len(floor)) == 0] = 0
    pinned = _counts(township[needs], len(floor))
    capacity = column(instance.people.capacity) - _counts(people, len(instance.people.id))
    places = column(instance.needs.places) - _counts(needs, len(township))
    gap, covered = np.maximum(floor - pinned, 0), np.minimum(floor, pinned)
    county, asked = column(instance.townships.county), column(instance.counties.floor)
    wanted = Wanted(capacity, places, gap, township, county, asked)
    beyond, county_gap = _beyond(wanted, person, need, pinned, covered)
    return {
        "capacity": capacity,
        "places": places,
        "gap": gap,
        "township": township,
        "county": county,
        "beyond": beyond,
        "county_gap": county_gap,
        "pinned_cover": int(covered.sum()),
    }


def _beyond(wanted: Wanted, person: Ints, need: Ints, pinned: Ints, covered: Ints) -> tuple[Ints, Ints]:
    """Give what each county asks beyond the most of its townships' floors that could be filled, and after pins."""
    asked, county = wanted.county_gap, wanted.county
    if not len(asked):
        return asked, asked
    most = fillable(wanted, person, need) + counted(county, covered, len(asked))
    beyond = np.maximum(asked - most, 0)
    return beyond, np.maximum(beyond - counted(county, pinned - covered, len(asked)), 0)


def _sorted(pairs: Pairs, people: int, needs: int) -> tuple[Ints, Ints, Ints]:
    """Give the eligible pairs sorted by person and need: the place of each in the table, person, need."""
    person, need = column(pairs.person), column(pairs.need)
    order = np.arange(len(person))
    for ids, many in ((need, needs), (person, people)):
        for digit in range(0, many.bit_length(), 16):  # sixteen bits at a time NumPy sorts by counting
            order = order[np.argsort((ids[order] >> digit).astype(np.uint16), kind="stable")]
    return order, person[order], need[order]


def _codes(table: Links | Claims | Grades, width: int) -> Ints:
    return column(table.person) * width + column(table.need)


def _flags(rows: Ints, length: int) -> Flags:
    flags = np.zeros(length, dtype=np.bool_)
    flags[rows] = True
    return flags


def _check_pins(instance: Instance, pins: tuple[Link, ...], codes: Ints, declined: Ints) -> None:
    banned, width = links(instance.bans), len(instance.needs.id)
    taken, filled = Counter(p for p, _ in pins), Counter(n for _, n in pins)
    wrong: list[tuple[str, str, str]] = []
    for p, n in pins:
        reasons = {
            "not_eligible": not len(found(codes, np.array([p * width + n]))),
            "banned": (p, n) in banned,
            "declined": p * width + n in declined,
            "capacity": taken[p] > instance.people.capacity[p],
            "places": filled[n] > instance.needs.places[n],
        }
        why = next((name for name, applies in reasons.items() if applies), None)
        if why:
            wrong.append((instance.people.id[p], instance.needs.id[n], why))
    if wrong:
        raise InfeasiblePins(tuple(sorted(wrong)))


def _claims(instance: Instance, width: int) -> tuple[Ints, Ints, Ints]:
    """Give all claims as rising codes, with the claimant's preference and the township's grade, 0 where it declined."""
    claim, graded = _codes(instance.claims, width), _codes(instance.grades, width)
    order, by = np.argsort(claim), np.argsort(graded)
    claim, graded = claim[order], graded[by]
    grade = np.zeros(len(claim), dtype=np.int64)
    known = among(claim, graded)
    grade[np.searchsorted(claim, graded[known])] = column(instance.grades.grade)[by[known]]
    return claim, column(instance.claims.preference)[order], grade


def _choices(
    instance: Instance, places: Ints, claim: Ints, dear: Ints, grade: Ints
) -> tuple[Ints, Ints, dict[int, bytes]]:
    """Give places person by person, dearest first; the need's rank of each; and everybody's tickets."""
    person, need = np.divmod(claim, max(len(instance.needs.id), 1))
    ids, needs, seed = instance.people.id, instance.needs.id, instance.seed
    tickets = {p: person_ticket(seed, ids[p]) for p in set(person.tolist())}
    lot = np.zeros(len(ids), dtype=np.int64)
    lot[sorted(tickets, key=tickets.__getitem__)] = np.arange(len(tickets))
    by_need = np.lexsort((lot[person], grade, need))
    rank = np.empty(len(claim), dtype=np.int64)
    rank[by_need] = np.arange(len(claim)) - np.searchsorted(need[by_need], need[by_need])
    turn = np.lexsort((dear, person))
    again = np.flatnonzero((np.diff(person[turn]) == 0) & (np.diff(dear[turn]) == 0))
    if len(again):  # equally dear ones are parted by the pair's ticket
        tied = np.union1d(turn[again], turn[again + 1])
        draws = [pair_ticket(seed, ids[p], needs[n]) for p, n in zip(person[tied], need[tied], strict=True)]
        parted = np.zeros(len(claim), dtype=np.int64)
        parted[tied[sorted(range(len(tied)), key=draws.__getitem__)]] = np.arange(len(tied))
        turn = np.lexsort((parted, dear, person))
    return places[turn], rank[turn], tickets


def _counts(indexes: Ints, length: int) -> Ints:
    return np.bincount(indexes, minlength=length).astype(np.int64)
