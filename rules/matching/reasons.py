"""Why each pair is there and why each lost claim is not, as codes with facts (R-MATCH-4, R-CLAIM-2)."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rules.matching.instance import Instance
from rules.matching.lottery import number
from rules.matching.market import Link, Market, among, ends, links, open_market
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, KEPT, PINNED, Plan

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

    Lists run over the market's claims, or over needs; `turn` and `rank` are -1 where a claim is not mutual.
    """

    def __init__(self, market: Market, plan: Plan, background: Background | None = None) -> None:
        self.market, self.plan, self.words = market, plan, background or Background()
        self.width = max(len(market.places), 1)
        self.people, self.needs = (part.tolist() for part in np.divmod(market.claim, self.width))
        self.preference, self.grade = market.preference.tolist(), market.grade.tolist()
        self.places, self.free = market.instance.needs.places, market.places.tolist()
        turn, rank = (np.full(len(market.claim), -1) for _ in range(2))
        turn[market.wish], rank[market.wish] = np.arange(len(market.wish)), market.rank
        self.turn, self.rank = turn.tolist(), rank.tolist()
        person, need = ends([(pair.person, pair.need) for pair in plan.pairs])
        self.codes = person * self.width + need
        self.granted = among(np.sort(self.codes), market.claim)
        chosen = np.array([pair.reason == CHOSEN for pair in plan.pairs], dtype=np.bool_)
        self.seated = np.searchsorted(market.claim, self.codes[chosen])
        self.seats = np.bincount(need[chosen], minlength=self.width)
        self.better = self.seats.tolist()
        last = np.full(self.width, -1)
        by_rank = self.seated[np.argsort(rank[self.seated])]
        last[market.claim[by_rank] % self.width] = by_rank
        self.last: list[int] = last.tolist()
        self.hold_of = {(w.person, w.need): plan.holds[w.held] for w in plan.witnesses}

    def pairs(self) -> tuple[Reason, ...]:
        """Explain every pair, in the plan's order."""
        facts = {
            CHOSEN: self._why_chosen,
            COVERING: self._why_covering,
            COMPLETING: self._why_filled,
            KEPT: self._why_filled,
            PINNED: self._why_pinned,
        }
        return tuple(
            Reason(p.person, p.need, p.reason, facts[p.reason](p.person, p.need, p.person * self.width + p.need))
            for p in self.plan.pairs
        )

    def lost(self) -> tuple[Reason, ...]:
        """Explain every claim that is not granted, by person and need."""
        market, withdrawn = self.market, self.words.withdrawn
        eligible = among(market.codes, market.claim).tolist()
        told = []
        for at in np.flatnonzero(~self.granted).tolist():
            link = (self.people[at], self.needs[at])
            if link not in withdrawn:
                told.append(Reason(*link, *self._why_lost(at, link, eligible=eligible[at])))
        if withdrawn:
            granted = {(pair.person, pair.need) for pair in self.plan.pairs}
            told += [Reason(*link, WITHDRAWN, {}) for link in withdrawn - granted]
            told.sort(key=lambda reason: reason[:2])
        return tuple(told)

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
    def _claimants(self) -> list[int]:
        """How many mutual claims each need has."""
        claims: list[int] = np.bincount(self.market.claim[self.market.wish] % self.width, minlength=self.width).tolist()
        return claims

    @cached_property
    def _beaten(self) -> set[tuple[int, int]]:
        """Need and grade of every mutual claim without a seat."""
        seated = set(self.seated.tolist())
        return {(self.needs[at], self.grade[at]) for at in self.market.wish.tolist() if at not in seated}

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
    def _arrived(self) -> list[int]:
        """How many pairs of choice each township has."""
        need, size = self.market.claim[self.seated] % self.width, len(self.market.gap)
        pairs: list[int] = np.bincount(self.market.township[need], minlength=size).tolist()
        return pairs

    @cached_property
    def _given_up(self) -> dict[Link, list[int]]:
        """The needs that each held person gave up for each hold."""
        found: dict[Link, list[int]] = defaultdict(list)
        for (person, need), hold in sorted(self.hold_of.items()):
            found[person, hold.need].append(need)
        return found

    @cached_property
    def _got(self) -> dict[int, list[tuple[int, int]]]:
        """What each person claimed and got, by choice or held: need and turn."""
        held = sorted((hold.person, hold.need) for hold in self.plan.holds)
        places = [*self.seated.tolist(), *(self._at.get(p * self.width + n, -1) for p, n in held)]
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for at in places:
            if at >= 0 and self.turn[at] >= 0:
                found[self.people[at]].append((self.needs[at], self.turn[at]))
        return found

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

    @cached_property
    def _lot(self) -> dict[int, int]:
        """The number in the lottery of everybody with a mutual claim."""
        return {person: number(ticket) for person, ticket in self.market.tickets.items()}

    def _why_chosen(self, person: int, need: int, code: int) -> dict[str, Any]:
        at = self._at[code]
        return {
            "preference": self.preference[at],
            "grade": self.grade[at],
            "ranked": (person, need) not in self.words.unranked,
            "claimants": self._claimants[need],
            "places": self.places[need],
            "by_lot": (need, self.grade[at]) in self._beaten,
            "number": self._lot[person],
        }

    def _why_covering(self, person: int, need: int, code: int) -> dict[str, Any]:
        instance, at = self.market.instance, self._at.get(code, -1)
        township = instance.needs.township[need]
        return {
            "township": township,
            "floor": instance.townships.floor[township],
            "chosen": self._arrived[township],
            "able": self._able[township],
            "mutual": at >= 0 and self.turn[at] >= 0,
            "preference": self.preference[at] if at >= 0 else None,
            "held": (person, need) in self._held,
            "kept": (person, need) in self._previous,
            "lost": tuple(self._given_up.get((person, need), ())),
        }

    @cached_property
    def _previous(self) -> set[Link]:
        return links(self.market.instance.previous)

    def _why_filled(self, _person: int, _need: int, code: int) -> dict[str, Any]:
        return {"score": self._points[code]}

    def _why_pinned(self, person: int, need: int, code: int) -> dict[str, Any]:
        at = self._at.get(code)
        mutual = at is not None and self.grade[at] > 0
        return {"why": self.words.pinned.get((person, need), ""), "mutual": mutual}

    def _why_lost(self, at: int, link: Link, *, eligible: bool) -> tuple[str, dict[str, Any]]:
        """Give the first reason that applies: written by people, then by choice, then by coverage, then by pins."""
        if not eligible:
            return INELIGIBLE, {"why": self.words.excluded.get(link, ())}
        if not self.grade[at]:
            return DECLINED, {"why": self.words.declined.get(link, "")}
        if self.turn[at] < 0:
            return FORBIDDEN, {"why": self.words.banned.get(link, "")}
        return self._why_not_chosen(at, link)

    def _why_not_chosen(self, at: int, link: Link) -> tuple[str, dict[str, Any]]:
        last, better, need = self.last[link[1]], self.better[link[1]], link[1]
        if better >= self.free[need] and (last < 0 or self.rank[last] < self.rank[at]):
            return OUTRANKED, self._outranked(at, link, last)
        if link in self.hold_of:
            hold = self.hold_of[link]
            return HELD, {"township": hold.township, "instead": hold.need}
        dearer = tuple(instead for instead, turn in self._got.get(link[0], ()) if turn < self.turn[at])
        if dearer:
            return CONTENT, {"instead": dearer, "preference": self.preference[at]}
        return ENGAGED, {"instead": tuple(self._pinned_to.get(link[0], ()))}

    def _outranked(self, at: int, link: Link, last: int) -> dict[str, Any]:
        places = self.places[link[1]]
        return {
            "places": places,
            "pinned": places - self.free[link[1]],
            "better": self.better[link[1]],
            "grade": self.grade[at],
            "ranked": link not in self.words.unranked,
            "last_grade": None if last < 0 else self.grade[last],
            "by_lot": last >= 0 and self.grade[last] == self.grade[at],
            "number": self._lot[link[0]],
            "last_number": None if last < 0 else self._lot[self.people[last]],
        }
