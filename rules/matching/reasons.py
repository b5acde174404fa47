"""Why each pair is there and why each lost claim is not, as codes with facts (R-MATCH-4, R-CLAIM-2)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rules.matching.instance import Instance
from rules.matching.lottery import number, person_ticket
from rules.matching.plan import CHOSEN, COMPLETING, COVERING, KEPT, PINNED, Plan
from rules.matching.reading import Link, Reading

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


@dataclass(frozen=True)
class Reason:
    """One code for one pair or lost claim, with the facts that its sentence is made of."""

    person: int
    need: int
    code: str
    facts: Mapping[str, Any]


def pair_reasons(instance: Instance, plan: Plan, background: Background | None = None) -> tuple[Reason, ...]:
    """Explain every pair of a plan, in the plan's order."""
    ledger = _Ledger(instance, plan, background or Background())
    facts = {
        CHOSEN: ledger.why_chosen,
        COVERING: ledger.why_covering,
        COMPLETING: ledger.why_filled,
        KEPT: ledger.why_filled,
        PINNED: ledger.why_pinned,
    }
    return tuple(Reason(p.person, p.need, p.reason, facts[p.reason]((p.person, p.need))) for p in plan.pairs)


def lost_claims(instance: Instance, plan: Plan, background: Background | None = None) -> tuple[Reason, ...]:
    """Explain every claim that the plan does not grant by the first reason that applies, by person and need."""
    ledger = _Ledger(instance, plan, background or Background())
    granted = {(pair.person, pair.need) for pair in plan.pairs}
    claims = set(zip(instance.claims.person, instance.claims.need, strict=True)) | set(ledger.background.withdrawn)
    return tuple(Reason(*link, *ledger.why_lost(link)) for link in sorted(claims - granted))


class _Ledger:
    """A plan's pairs sorted by person, need and township, to look facts up in."""

    def __init__(self, instance: Instance, plan: Plan, background: Background) -> None:
        self.instance = instance
        self.plan = plan
        self.background = background
        self.reading = Reading(instance)
        self.grade = {
            (p, n): g
            for p, n, g in zip(instance.grades.person, instance.grades.need, instance.grades.grade, strict=True)
        }
        claims = zip(instance.claims.person, instance.claims.need, instance.claims.preference, strict=True)
        self.preference = {(p, n): place for p, n, place in claims}
        self.seated: dict[int, list[int]] = defaultdict(list)
        self.granted: dict[int, list[int]] = defaultdict(list)
        self.pinned_to: dict[int, list[int]] = defaultdict(list)
        for pair in plan.pairs:
            if pair.reason == CHOSEN:
                self.seated[pair.need].append(pair.person)
                self.granted[pair.person].append(pair.need)
            elif pair.reason == PINNED:
                self.pinned_to[pair.person].append(pair.need)
        self.holds = {(hold.person, hold.need) for hold in plan.holds}
        self.hold_of = {(w.person, w.need): plan.holds[w.held] for w in plan.witnesses}

    @cached_property
    def claimants(self) -> dict[int, list[int]]:
        """Mutual claimants of each need."""
        found: dict[int, list[int]] = defaultdict(list)
        for p, n in sorted(self.reading.mutual):
            found[n].append(p)
        return found

    @cached_property
    def able(self) -> dict[int, set[int]]:
        """People able for any need of each township."""
        found: dict[int, set[int]] = defaultdict(set)
        for p, n in self.reading.allowed:
            found[self.reading.township[n]].add(p)
        return found

    def lot(self, person: int) -> int:
        """Give a person's number in the lottery."""
        return number(person_ticket(self.instance.seed, self.instance.people.id[person]))

    def why_chosen(self, link: Link) -> dict[str, Any]:
        person, need = link
        rivals = [p for p in self.claimants[need] if p not in self.seated[need]]
        return {
            "preference": self.preference[link],
            "grade": self.grade[link],
            "ranked": link not in self.background.unranked,
            "claimants": len(self.claimants[need]),
            "places": self.instance.needs.places[need],
            "by_lot": any(self.grade[p, need] == self.grade[link] for p in rivals),
            "number": self.lot(person),
        }

    def why_covering(self, link: Link) -> dict[str, Any]:
        township = self.reading.township[link[1]]
        here = self.reading.needs_of({township})
        return {
            "township": township,
            "floor": self.reading.floor[township],
            "chosen": sum(len(self.seated[need]) for need in here),
            "able": len(self.able[township]),
            "mutual": link in self.reading.mutual,
            "preference": self.preference.get(link),
            "held": link in self.holds,
            "kept": link in self.reading.previous,
            "lost": tuple(need for (p, need), hold in sorted(self.hold_of.items()) if (p, hold.need) == link),
        }

    def why_filled(self, link: Link) -> dict[str, Any]:
        return {"score": self.reading.points[link]}

    def why_pinned(self, link: Link) -> dict[str, Any]:
        mutual = link in self.preference and link in self.grade
        return {"why": self.background.pinned.get(link, ""), "mutual": mutual}

    def why_lost(self, link: Link) -> tuple[str, dict[str, Any]]:
        """Give the first reason that applies: written by people, then by choice, then by coverage, then by pins."""
        words = self.background
        if link in words.withdrawn:
            return WITHDRAWN, {}
        if link not in self.reading.points:
            return INELIGIBLE, {"why": words.excluded.get(link, ())}
        if link not in self.grade:
            return DECLINED, {"why": words.declined.get(link, "")}
        if link not in self.reading.allowed:
            return FORBIDDEN, {"why": words.banned.get(link, "")}
        return self._outranked(link) or self._held(link) or self._content(link)

    def _outranked(self, link: Link) -> tuple[str, dict[str, Any]] | None:
        person, need = link
        ranks = {p: self.reading.rank[p, need] for p in self.seated[need]}
        if len(ranks) < self.reading.free_places[need] or any(
            rank > self.reading.rank[link] for rank in ranks.values()
        ):
            return None
        last = max(ranks, key=ranks.__getitem__, default=None)
        return OUTRANKED, {
            "places": self.instance.needs.places[need],
            "pinned": self.instance.needs.places[need] - self.reading.free_places[need],
            "better": len(ranks),
            "grade": self.grade[link],
            "ranked": link not in self.background.unranked,
            "last_grade": None if last is None else self.grade[last, need],
            "by_lot": last is not None and self.grade[last, need] == self.grade[link],
            "number": self.lot(person),
            "last_number": None if last is None else self.lot(last),
        }

    def _held(self, link: Link) -> tuple[str, dict[str, Any]] | None:
        hold = self.hold_of.get(link)
        return None if hold is None else (HELD, {"township": hold.township, "instead": hold.need})

    def _content(self, link: Link) -> tuple[str, dict[str, Any]]:
        person = link[0]
        held = [need for p, need in sorted(self.holds) if p == person]
        dearer = [need for need in (*self.granted[person], *held) if self._before((person, need), link)]
        if dearer:
            return CONTENT, {"instead": tuple(dearer), "preference": self.preference[link]}
        return ENGAGED, {"instead": tuple(self.pinned_to[person])}

    def _before(self, one: Link, other: Link) -> bool:
        return one in self.reading.turn and self.reading.turn[one] < self.reading.turn[other]
