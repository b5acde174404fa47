"""Why each pair is there and why each lost claim is not, as codes with facts (R-MATCH-4, R-CLAIM-2)."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rules.matching.instance import LARGEST, Instance
from rules.matching.lottery import number
from rules.matching.market import Ints, Link, Market, among, column, ends, links, open_market
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, FOR_COUNTY, KEPT, PINNED, Hold, Plan

WITHDRAWN = "W1"  # 本人撤回
INELIGIBLE = "F0"  # 不符合条件
DECLINED = "D1"  # 镇方谢绝
FORBIDDEN = "F1"  # 已被禁止
OUTRANKED = "R1"  # 名额给了更优
CONTENT = "R2"  # 获得了排序更高的
HELD = "R3"  # 因保障覆盖
ENGAGED = "R4"  # 名额已由人工指定占用
UNCLAIMED = "N1"  # 没有揭榜


@dataclass(frozen=True)
class Background:
    """What people wrote down beside the figures, by (person, need) as indexes; all of it may be missing.

    `excluded`: sentences of the rules that a claim failed; `declined`, `banned`, `pinned`: the words of whoever
    decided; `unranked`: claims whose grade is the last class because the township said nothing (R-CLAIM-4).
    """

    withdrawn: frozenset[Link] = frozenset()
    excluded: Mapping[Link, tuple[str, ...]] = field(default_factory=dict)
    declined: Mapping[Link, str] = field(default_factory=dict)
    banned: Mapping[Link, str] = field(default_factory=dict)
    pinned: Mapping[Link, str] = field(default_factory=dict)
    unranked: frozenset[Link] = frozenset()


class Reason(NamedTuple):
    """One code for one pair or lost claim, with the facts that its sentence is made of."""

    person: int
    need: int
    code: str
    facts: Mapping[str, Any]


def pair_reasons(instance: Instance, plan: Plan, background: Background | None = None) -> tuple[Reason, ...]:
    """Explain every pair of a plan, in the plan's order."""
    return Ledger(open_market(instance), plan, background).pairs()


def lost_claims(instance: Instance, plan: Plan, background: Background | None = None) -> tuple[Reason, ...]:
    """Explain every claim that the plan does not grant by the first reason that applies, by person and need."""
    return Ledger(open_market(instance), plan, background).lost()


class Ledger:
    """A plan beside the market that it was made for, laid out so that facts are looked up and not searched.

    `turn` and `rank` run over the market's claims, -1 where one is not mutual; `seats` (pairs of choice) and `last`
    (the claim ranked last among them, -1 for none) over needs; `seated` are the claims that are pairs of choice.
    """

    def __init__(self, market: Market, plan: Plan, background: Background | None = None) -> None:
        self.market, self.plan, self.words = market, plan, background or Background()
        self.width = max(len(market.places), 1)
        self.person, self.need = np.divmod(market.claim, self.width)
        self.turn, self.rank = (np.full(len(market.claim), -1) for _ in range(2))
        self.turn[market.wish], self.rank[market.wish] = np.arange(len(market.wish)), market.rank
        person, need = ends([(pair.person, pair.need) for pair in plan.pairs])
        self.codes = person * self.width + need
        chosen = np.array([pair.reason == CHOSEN for pair in plan.pairs], dtype=np.bool_)
        self.seated = np.searchsorted(market.claim, self.codes[chosen])
        self.seats = np.bincount(need[chosen], minlength=self.width)
        self.last = np.full(self.width, -1)
        by_rank = self.seated[np.argsort(self.rank[self.seated])]
        self.last[self.need[by_rank]] = by_rank
        self.places = column(market.instance.needs.places)
        self.numbers = np.zeros(len(market.capacity), dtype=np.int64)
        self.numbers[list(market.tickets)] = [number(ticket) for ticket in market.tickets.values()]

    def pairs(self) -> tuple[Reason, ...]:
        """Explain every pair, in the plan's order."""
        chosen, told = iter(self._chosen()), []
        others = {
            COVERING: self._why_covering,
            FOR_COUNTY: self._why_for_county,
            COMPLETING: self._why_filled,
            KEPT: self._why_filled,
            PINNED: self._why_pinned,
        }
        for pair in self.plan.pairs:
            person, need, code = pair.person, pair.need, pair.reason
            facts = next(chosen) if code == CHOSEN else others[code](person, need, person * self.width + need)
            told.append(Reason(person, need, code, facts))
        return tuple(told)

    def lost(self) -> tuple[Reason, ...]:
        """Explain every claim that is not granted, by person and need."""
        market, withdrawn, told = self.market, self.words.withdrawn, []
        lost = np.flatnonzero(~among(np.sort(self.codes), market.claim))
        need = self.need[lost]
        last, full = self.last[need], self.seats[need] >= market.places[need]
        beaten = (self.turn[lost] >= 0) & full & ((last < 0) | (self.rank[last] < self.rank[lost]))
        outranked = iter(self._outranked(lost[beaten]))
        columns = (lost, self.person[lost], need, beaten, among(market.codes, market.claim[lost]))
        for at, p, n, worse, eligible in zip(*(values.tolist() for values in columns), strict=True):
            code, facts = (OUTRANKED, next(outranked)) if worse else self._why_lost(at, (p, n), eligible=eligible)
            told.append(Reason(p, n, code, facts))
        if withdrawn:
            granted = {(pair.person, pair.need) for pair in self.plan.pairs}
            told = [reason for reason in told if reason[:2] not in withdrawn]
            told += [Reason(*link, WITHDRAWN, {}) for link in withdrawn - granted]
            told.sort(key=lambda reason: reason[:2])
        return tuple(told)

    def _chosen(self) -> list[dict[str, Any]]:
        """Give the facts of the pairs of choice, in the plan's order."""
        market, at, unranked = self.market, self.seated, self.words.unranked
        claimants = np.bincount(self.need[market.wish], minlength=self.width)
        unseated = np.ones(len(market.claim), dtype=np.bool_)
        unseated[at] = False
        class_of = self.need * (LARGEST + 1) + market.grade
        rivals = np.sort(class_of[unseated & (self.turn >= 0)])
        person, need = self.person[at], self.need[at]
        columns = (
            person,
            need,
            market.preference[at],
            market.grade[at],
            claimants[need],
            self.places[need],
            among(rivals, class_of[at]),
            self.numbers[person],
        )
        return [
            {
                "preference": preference,
                "grade": grade,
                "ranked": (p, n) not in unranked,
                "claimants": claims,
                "places": places,
                "by_lot": by_lot,
                "number": lot,
            }
            for p, n, preference, grade, claims, places, by_lot, lot in zip(
                *(values.tolist() for values in columns), strict=True
            )
        ]

    def _outranked(self, at: Ints) -> list[dict[str, Any]]:
        """Give the facts of claims that lost to better ones, or to pins alone."""
        market, unranked = self.market, self.words.unranked
        person, need = self.person[at], self.need[at]
        last = self.last[need]
        columns = (
            person,
            need,
            self.places[need],
            market.places[need],
            self.seats[need],
            market.grade[at],
            market.grade[last],
            self.numbers[person],
            self.numbers[self.person[last]],
        )
        return [
            {
                "places": places,
                "pinned": places - free,
                "better": better,
                "grade": grade,
                "ranked": (p, n) not in unranked,
                "last_grade": last_grade if better else None,
                "by_lot": better > 0 and last_grade == grade,
                "number": lot,
                "last_number": last_lot if better else None,
            }
            for p, n, places, free, better, grade, last_grade, lot, last_lot in zip(
                *(values.tolist() for values in columns), strict=True
            )
        ]

    @cached_property
    def _at(self) -> dict[int, int]:
        """The place of each claim."""
        return {code: at for at, code in enumerate(self.market.claim.tolist())}

    @cached_property
    def _points(self) -> dict[int, int]:
        """The score of each pair of the plan, by code."""
        market = self.market
        rows = np.searchsorted(market.codes, self.codes)
        return dict(zip(self.codes.tolist(), market.score[rows].tolist(), strict=True))

    @cached_property
    def _able(self) -> dict[int, int]:
        """How many people are able for any need of each township in which somebody covers it."""
        market, pins = self.market, ends(self.market.pins)
        towns = sorted({market.instance.needs.township[p.need] for p in self.plan.pairs if p.reason == COVERING})
        rows = np.flatnonzero(market.open & np.isin(market.township, towns)[market.need])
        people, needs = np.append(market.person[rows], pins[0]), np.append(market.need[rows], pins[1])
        size = max(len(market.capacity), 1)
        each = np.sort(market.township[needs] * size + people)
        return Counter((each[np.diff(each, prepend=-1) > 0] // size).tolist())

    @cached_property
    def _able_in(self) -> dict[int, int]:
        """How many people are able for any need of each county."""
        market, pins, size = self.market, ends(self.market.pins), max(len(self.market.capacity), 1)
        people, needs = np.append(market.person[market.open], pins[0]), np.append(market.need[market.open], pins[1])
        return Counter((np.unique(market.county[market.township[needs]] * size + people) // size).tolist())

    @cached_property
    def _arrived(self) -> list[int]:
        """How many pairs of choice each township has."""
        need, size = self.need[self.seated], len(self.market.gap)
        pairs: list[int] = np.bincount(self.market.township[need], minlength=size).tolist()
        return pairs

    @cached_property
    def _given_up(self) -> dict[Link, list[int]]:
        """The needs that each held person gave up for each hold."""
        found: dict[Link, list[int]] = defaultdict(list)
        for (person, need), hold in sorted(self._hold_of.items()):
            found[person, hold.need].append(need)
        return found

    @cached_property
    def _got(self) -> dict[int, list[tuple[int, int]]]:
        """What each person claimed and got, by choice or held: need and turn."""
        held = sorted((hold.person, hold.need) for hold in self.plan.holds)
        claims = np.array([self._at.get(p * self.width + n, -1) for p, n in held], dtype=np.int64)
        mine = np.concatenate([self.seated, claims[(claims >= 0) & (self.turn[claims] >= 0)]])
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        columns = (self.person[mine], self.need[mine], self.turn[mine])
        for person, need, turn in zip(*(values.tolist() for values in columns), strict=True):
            found[person].append((need, turn))
        return found

    @cached_property
    def _hold_of(self) -> dict[Link, Hold]:
        """The hold behind each witness."""
        return {(w.person, w.need): self.plan.holds[w.held] for w in self.plan.witnesses}

    @cached_property
    def _held(self) -> set[Link]:
        return {(hold.person, hold.need) for hold in self.plan.holds}

    @cached_property
    def _pinned_to(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for pair in self.plan.pairs:
            if pair.reason == PINNED:
                found[pair.person].append(pair.need)
        return found

    def _why_covering(self, person: int, need: int, code: int) -> dict[str, Any]:
        instance = self.market.instance
        township = instance.needs.township[need]
        return {
            "township": township,
            "floor": instance.townships.floor[township],
            "chosen": self._arrived[township],
            "able": self._able[township],
            **self._proposed(person, need, code),
        }

    def _proposed(self, person: int, need: int, code: int) -> dict[str, Any]:
        at = self._at.get(code, -1)
        return {
            "mutual": at >= 0 and bool(self.turn[at] >= 0),
            "preference": int(self.market.preference[at]) if at >= 0 else None,
            "held": (person, need) in self._held,
            "kept": (person, need) in self._previous,
            "lost": tuple(self._given_up.get((person, need), ())),
        }

    def _why_for_county(self, person: int, need: int, code: int) -> dict[str, Any]:
        instance = self.market.instance
        county = instance.townships.county[instance.needs.township[need]]
        inside = [n for n, t in enumerate(instance.needs.township) if instance.townships.county[t] == county]
        arrived = sum(self.seats[inside].tolist())
        floor = {"floor": instance.counties.floor[county], "chosen": arrived, "able": self._able_in[county]}
        return {**self._proposed(person, need, code), **floor, "county": county}

    @cached_property
    def _previous(self) -> set[Link]:
        return links(self.market.instance.previous)

    def _why_filled(self, _person: int, _need: int, code: int) -> dict[str, Any]:
        return {"score": self._points[code]}

    def _why_pinned(self, person: int, need: int, code: int) -> dict[str, Any]:
        at = self._at.get(code)
        mutual = at is not None and bool(self.market.grade[at] > 0)
        return {"why": self.words.pinned.get((person, need), ""), "mutual": mutual}

    def _why_lost(self, at: int, link: Link, *, eligible: bool) -> tuple[str, dict[str, Any]]:
        """Give the first reason that applies: written by people, then by choice, then by coverage, then by pins."""
        if not eligible:
            return INELIGIBLE, {"why": self.words.excluded.get(link, ())}
        if not self.market.grade[at]:
            return DECLINED, {"why": self.words.declined.get(link, "")}
        if self.turn[at] < 0:
            return FORBIDDEN, {"why": self.words.banned.get(link, "")}
        return self._held_or_content(at, link)

    def _held_or_content(self, at: int, link: Link) -> tuple[str, dict[str, Any]]:
        if link in self._hold_of:
            hold = self._hold_of[link]
            county = {} if hold.county is None else {"county": hold.county}
            return HELD, {"township": hold.township, "instead": hold.need, **county}
        dearer = tuple(instead for instead, turn in self._got.get(link[0], ()) if turn < self.turn[at])
        if dearer:
            return CONTENT, {"instead": dearer, "preference": int(self.market.preference[at])}
        return ENGAGED, {"instead": tuple(self._pinned_to.get(link[0], ()))}
