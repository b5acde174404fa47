"""A computed plan in the words of the API: pairs, lost claims, what stays uncovered, what changed (R-MATCH-3, -4)."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person, Team
from models.needs import Need
from models.regions import Region
from rules.matching.gaps import BANS, PINS, Gap, explain_gaps, relaxations
from rules.matching.plan import KEPT, PINNED, Plan
from rules.matching.reasons import lost_claims, pair_reasons
from rules.matching.score import Row, tell_bill
from rules.matching.sentences import Names, tell, tell_violator
from service.core.unit import UnitOfWork
from service.matching.inputs import claim_rows, exclusions, facts_of, scale_of
from service.matching.instances import Place, Problem
from service.matching.standing import Link

RULES = {
    "R-CLAIM-3:specialty": "专业不对口",
    "R-CLAIM-3:availability": "未声明可承接",
    "R-CLAIM-3:conflict": "应当回避",
    "R-APP-5": "已有在任结对",
    "R-CLAIM-3:banned": "暂停揭榜",
    "R-APP-1": "已在团队中，由负责人代表",
    "R-MATCH-6": "镇方谢绝、本人撤回或提议未成",
    "R-MATCH-5": "已离任或团队已解散",
    BANS: "排除",
    PINS: "人工指定",
}
"""Short names of the rules that keep somebody out, as counts are told by them."""


@dataclass(frozen=True)
class Telling:
    """Tells one plan, whole or as one county's part."""

    problem: Problem
    plan: Plan
    names: Names

    @cached_property
    def _counties(self) -> list[str]:
        townships = self.problem.content["townships"]["county"]
        return [townships[township] for township in self.problem.content["needs"]["township"]]

    def body(self, county: str | None, before: Collection[Link]) -> dict[str, Any]:
        """Give the plan's body, of all counties or of one.

        :param before: the pairs that stood before, of the same counties.
        """

        def mine(entry: dict[str, Any]) -> bool:
            return county is None or entry["county"] == county

        pairs = [entry for entry in self._pairs if mine(entry)]
        return {
            "aims": self._aims(county, pairs),
            "pairs": pairs,
            "losing": [entry for entry in self._losing if mine(entry)],
            "uncovered": [entry for entry in self._uncovered if county is None or county in entry["counties"]],
            "changes": [entry for entry in self._changes(before, pairs) if mine(entry)],
        }

    def claim(self, key: str, need: str) -> str | None:
        """Give the id of the claim of a claimant on a need, if there is one."""
        row = next((self._claimed.get(place) for place in self.problem.places([(key, need)])), None)
        return None if row is None else str(self.problem.content["claims"]["id"][row])

    def _aims(self, county: str | None, pairs: list[dict[str, Any]]) -> dict[str, Any]:
        """Count against the base: townships with an approved need; the others are `no_need` (R-MATCH-1)."""
        content, instance = self.problem.content, self.problem.instance
        floors = {
            code: floor
            for code, own, floor in zip(
                content["townships"]["code"], content["townships"]["county"], instance.townships.floor, strict=True
            )
            if floor and county in {None, own}
        }
        came = Counter(pair["township"] for pair in pairs)
        covered = sum(min(floor, came[code]) for code, floor in floors.items())
        places = sum(
            most for most, own in zip(instance.needs.places, self._counties, strict=True) if county in {None, own}
        )
        return {
            "townships": len(floors),
            "covered": covered,
            "maximum": covered + self.plan.maximum - self.plan.covered,
            "no_need": [
                code
                for code, own in zip(content["no_need"]["code"], content["no_need"]["county"], strict=True)
                if county in {None, own}
            ],
            **self._county_aims(county, pairs),
            "places": places,
            "pairs": len(pairs),
            "mutual": sum(not pair["asks_consent"] for pair in pairs),
            "proposals": sum(pair["asks_consent"] for pair in pairs),
            "held": sum(pair["held"] for pair in pairs),
            "score": sum(pair["score"] for pair in pairs),
        }

    def _county_aims(self, county: str | None, pairs: list[dict[str, Any]]) -> dict[str, Any]:
        """Say of each county with a floor how many pairs it has, also where it has no need; nothing without floors."""
        floors = self.problem.content.get("counties")
        if not floors:
            return {}
        came = Counter(pair["county"] for pair in pairs)
        return {
            "counties": [
                {"county": code, "floor": floor, "came": came[code]}
                for code, floor in sorted(zip(floors["code"], floors["floor"], strict=True))
                if county in {None, code}
            ]
        }

    @cached_property
    def _claimed(self) -> dict[Place, int]:
        return claim_rows(self.problem.content)

    @cached_property
    def _mutual(self) -> frozenset[Place]:
        """Pairs that both sides chose, other than those that staff set (R-MATCH-6)."""
        graded = {(p, n) for p, n, _, grade in self.problem.standing if grade is not None}
        return frozenset(graded - self.problem.asked)

    def entry(self, person: int, need: int) -> dict[str, Any]:
        """Say who and where, by ids and by names."""
        content = self.problem.content
        people, township = content["people"], content["needs"]["township"][need]
        claim = self._claimed.get((person, need))
        return {
            "claim": None if claim is None else content["claims"]["id"][claim],
            "need": content["needs"]["id"][need],
            "need_title": self.names.needs[need],
            "township": content["townships"]["code"][township],
            "township_name": self.names.townships[township],
            "county": content["townships"]["county"][township],
            "commissioner": people["person"][person],
            "commissioner_name": self.names.people[person],
            "organisation": people["organisation"][person],
            "team": people["team"][person],
        }

    @cached_property
    def _bills(self) -> dict[Place, tuple[Row, ...]]:
        content, scale = self.problem.content, scale_of(self.problem.content)
        wanted = {(pair.person, pair.need) for pair in self.plan.pairs}
        links = zip(content["pairs"]["person"], content["pairs"]["need"], strict=True)
        return {
            link: scale.bill(facts_of(content, row, self._claimed)) for row, link in enumerate(links) if link in wanted
        }

    @cached_property
    def _stayed(self) -> tuple[tuple[frozenset[Place], str], ...]:
        """Pairs that this run was not to touch, and what is said of them."""
        return (
            (self.problem.fixed, "沿用：该县（市、区）的方案已经形成，本次计算保持不变（R-MATCH-7）。"),
            (self.problem.survivors, "沿用：本次计算只补空缺，上一版方案中的这一配对保持不变。"),
        )

    @cached_property
    def _pairs(self) -> list[dict[str, Any]]:
        held = {(hold.person, hold.need) for hold in self.plan.holds}
        found = []
        for reason in pair_reasons(self.problem.instance, self.plan, self.problem.background):
            place = (reason.person, reason.need)
            code, sentence, told = reason.code, tell(reason, self.names, claimant=False), tell(reason, self.names)
            if code == PINNED and place not in self.problem.set_by_staff:
                stayed = next((text for links, text in self._stayed if place in links), None)
                code, sentence, told = (KEPT, stayed, stayed) if stayed else (code, sentence, told)
            bill = self._bills[place]
            found.append(
                self.entry(*place)
                | {
                    "score": sum(row.product for row in bill),
                    "code": code,
                    "reasons": [sentence, f"得分：{tell_bill(bill)}"],
                    "told": told,
                    "held": place in held,
                    "asks_consent": place not in self._mutual,
                }
            )
        return sorted(found, key=lambda one: (one["township"], one["need"], one["commissioner"]))

    @cached_property
    def _losing(self) -> list[dict[str, Any]]:
        found = [
            self.entry(reason.person, reason.need)
            | {
                "code": reason.code,
                "reasons": [tell(reason, self.names, claimant=False)],
                "told": tell(reason, self.names),
            }
            for reason in lost_claims(self.problem.instance, self.plan, self.problem.background)
        ]
        return sorted(found, key=lambda one: (one["township"], one["need"], one["commissioner"]))

    @cached_property
    def _uncovered(self) -> list[dict[str, Any]]:
        """Prove each set of townships or counties that no plan covers, with whom which rule kept away (R-MATCH-3)."""
        violators = (*self.plan.violators, *self.plan.county_violators)
        if not violators:
            return []
        townships, people = self.problem.content["townships"], self.problem.content["people"]
        excluded = self._excluded()
        lifts = relaxations(self.problem.instance, excluded)
        return [
            {
                "townships": [townships["code"][one] for one in gap.violator.townships],
                "counties": sorted(
                    {self.problem.counties[one] for one in gap.violator.counties}
                    | {townships["county"][one] for one in gap.violator.townships}
                ),
                "whole_counties": [self.problem.counties[one] for one in gap.violator.counties],
                "candidates": [people["person"][one] for one in gap.violator.people],
                "capacity": gap.violator.capacity,
                "floor": gap.violator.floor,
                "excluded": dict(gap.excluded),
                "relaxations": {rule: gain for rule, gain in lifts.items() if rule in {*gap.excluded, BANS, PINS}},
                "reason": tell_violator(gap.violator, self.names) + _tell_excluded(gap, lifts),
            }
            for gap in explain_gaps(self.problem.instance, violators, excluded)
        ]

    def _excluded(self) -> dict[Place, frozenset[str]]:
        """Give the rules that each person fails for each need of the townships and counties in want."""
        violators = (*self.plan.violators, *self.plan.county_violators)
        short = {township for violator in violators for township in violator.townships}
        whole = {county for violator in violators for county in violator.counties}
        county = self.problem.instance.townships.county
        short |= {township for township, own in enumerate(county) if own in whole}
        return {
            (person, need): rules
            for need, township in enumerate(self.problem.content["needs"]["township"])
            if township in short and need not in self.problem.shut
            for person in range(len(self.names.people))
            if (rules := self._rules_against(person, need))
        }

    def _rules_against(self, person: int, need: int) -> frozenset[str]:
        place = (person, need)
        if place in self.problem.able:
            return frozenset()
        if person in self.problem.gone:
            return frozenset({"R-MATCH-5"})
        if place in self.problem.eligible or place in self.problem.withdrawn:
            return frozenset({"R-MATCH-6"})
        return frozenset(one.rule for one in exclusions(self.problem.content, self.problem.tree, person, need))

    def _changes(self, before: Collection[Link], pairs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """List what came and what went against the plan before; nothing where there was none."""
        if not before:
            return
        after = {(pair["team"] or pair["commissioner"], pair["need"]) for pair in pairs}
        for kind, word, links in (
            ("removed", "不再对接", set(before) - after),
            ("added", "新对接", after - set(before)),
        ):
            for place in self.problem.places(links):
                who, where = self.names.people[place[0]], self.names.need(place[1])
                yield self.entry(*place) | {"kind": kind, "text": f"{who}{word}{where}"}


def _tell_excluded(gap: Gap, lifts: Mapping[str, int]) -> str:
    counts = "、".join(f"{RULES.get(rule, rule)} {count} 人" for rule, count in gap.excluded.items())
    able = sorted({*gap.excluded, BANS, PINS} & set(lifts))
    unit = "人次" if gap.violator.counties else "个乡镇"
    helps = "、".join(f"放宽「{RULES.get(rule, rule)}」全批次可多保障 {lifts[rule]} {unit}" for rule in able)
    others = f"其余人员未列入的原因（一人可有多项）：{counts}。" if counts else ""
    return f"{others}{helps}。" if helps else f"{others}放宽任何单独一项条件都不能补上。"


def telling(uow: UnitOfWork, problem: Problem, plan: Plan) -> Telling:
    """Look up the names that a plan is told with."""
    content = problem.content
    people, codes = content["people"], content["townships"]["code"]
    titles = _names(uow, Need.id, Need.title, map(UUID, content["needs"]["id"]))
    persons = _names(uow, Person.id, Person.name, map(UUID, people["person"]))
    teams = _names(uow, Team.id, Team.name, (UUID(one) for one in people["team"] if one))
    regions = _names(uow, Region.code, Region.name, {*codes, *problem.counties})
    names = Names(
        [
            f"{teams[team]}（负责人{persons[person]}）" if team else persons[person]
            for person, team in zip(people["person"], people["team"], strict=True)
        ],
        [titles[one] for one in content["needs"]["id"]],
        [regions[code] for code in codes],
        content["needs"]["township"],
        [regions[code] for code in problem.counties],
    )
    return Telling(problem, plan, names)


def _names(uow: UnitOfWork, key: Any, name: Any, wanted: Iterable[Any]) -> dict[str, str]:
    return {str(one): text for one, text in uow.session.execute(sa.select(key, name).where(key.in_(set(wanted))))}
