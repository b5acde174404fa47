"""What a run is asked for, and whether it may be: the frozen inputs, the standing parts, pins and bans laid out."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.matching import Plan, Run
from models.needs import Round
from models.regions import Region
from rules.matching.market import InfeasiblePins
from rules.matching.plan import Plan as Solution
from rules.matching.solve import solve
from service.claims import claimants
from service.core import gate
from service.core.problems import Conflict, Forbidden, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.matching import lists, standing
from service.matching.instances import Problem, Wishes
from service.matching.standing import SETTLING, Link, link_of


class NotFrozen(Conflict):
    """Runs read frozen inputs; the round is not frozen, or over."""

    kind, title = "not-frozen", "批次尚未冻结或已经结束，不能计算方案"


class NoSeed(Conflict):
    """Neither was the public seed drawn nor does the request bring one of its own (R-MATCH-2)."""

    kind, title = "no-seed", "尚未公开抽取种子数；自带种子数可试算草案"


class PartApproved(Conflict):
    """The county's part was approved; it must be recalled before another is computed."""

    kind, title = "part-approved", "本县（市、区）方案已批准，不能重新计算"


class NothingToMatch(Conflict):
    """There is no approved need in the round, or none of the county."""

    kind, title = "nothing-to-match", "该批次在本辖区没有通过审核的需求"


class PinsImpossible(Conflict):
    """Pins that no plan can obey; `pins` names each with why."""

    kind, title = "pins-impossible", "人工指定无法全部满足"


WHY_NOT = {
    "not_eligible": "不符合条件或揭榜已撤回",
    "banned": "已被排除",
    "declined": "乡镇已谢绝该揭榜",
    "capacity": "超过其可承担的名额",
    "places": "超过该需求的名额",
}


@dataclass(frozen=True)
class RunForm:
    """What one run is asked for.

    :param seed: one's own seed makes the run a draft that cannot be submitted (R-MATCH-2).
    :param pins: claims that must be granted.
    :param bans: claims that must not, each with a reason.
    :param keep: a part or run whose pairs stay where nothing else speaks against it; the standing one by default.
    :param complete: fill free places by score with proposals.
    :param hold: leave every pair of the plan before where it is and fill the holes alone (the live screen).
    :param reason: why the pins are set.
    :param loses: codes of the townships that, as the asker knows, fall below their floor by these pins and bans.
    """

    seed: str | None = None
    pins: Sequence[UUID] = ()
    bans: Sequence[Mapping[str, Any]] = ()
    keep: UUID | None = None
    complete: bool = False
    hold: bool = False
    reason: str = ""
    loses: Sequence[str] = ()


def scope(uow: UnitOfWork, row: Round) -> str | None:
    """Give the county for whose part the actor may run, or None for the city, whose runs are for all.

    :raises Forbidden: for staff of other cities.
    """
    if any(one.role == "city" and gate.reaches(uow.actor, one, row) for one in uow.actor.held):
        return None
    mine = {one.region_code for one in uow.actor.held if one.role == "county"}
    here = sa.select(Region.code).where(Region.code.in_(mine), Region.city_code == row.city_code)
    county = uow.session.scalar(here.order_by(Region.code))
    if county is None:
        raise Forbidden
    return county


@dataclass(frozen=True)
class Order:
    """A run that may be made: for which county (None: the city, for all), on what, beside which standing parts.

    `content` are the newest lists, `digest` is that of what was published of them, `supplement` the number of the
    supplement that they are of, 0 for the freeze.
    """

    row: Round
    content: Mapping[str, Any]
    county: str | None
    form: RunForm
    seed: str
    draft: bool
    parts: Sequence[Plan]
    digest: str
    supplement: int

    @property
    def stay(self) -> list[Plan]:
        """Parts whose pairs stay as they are: other counties', or for the city those approved (R-MATCH-7)."""
        if self.county is None:
            return [one for one in self.parts if one.state in SETTLING]
        return [one for one in self.parts if one.county_code != self.county]

    @property
    def counties(self) -> list[str]:
        """The counties that get a part: not those whose part is approved already."""
        known = sorted(set(self.content["townships"]["county"]))
        approved = set() if self.draft else {one.county_code for one in self.parts if one.state in SETTLING}
        return [code for code in known if self.county in {None, code} and code not in approved]


def order_of(uow: UnitOfWork, row: Round, county: str | None, form: RunForm) -> Order:
    """Decide whether a run may be made now, and on what.

    :raises NotFrozen, NoSeed, PartApproved, NothingToMatch: when the round or the county's part allows no run.
    """
    frozen = lists.newest(uow, row.id)
    if row.state != "frozen" or frozen is None:
        raise NotFrozen(state=row.state)
    seed = form.seed or row.seed
    if seed is None:
        raise NoSeed
    standing_parts = standing.parts(uow, row.id)
    order = Order(
        row, frozen.inputs, county, form, seed, seed != row.seed, standing_parts, frozen.digest, frozen.number
    )
    known = order.content["townships"]["county"]
    if not known or (county is not None and county not in known):
        raise NothingToMatch
    if not order.counties:
        raise PartApproved
    return order


def kept_pairs(uow: UnitOfWork, order: Order) -> frozenset[Link]:
    """Give the pairs to keep: those of the part or run that the request names, else those that stand.

    :raises Invalid: if it names none of this round's that the actor may see.
    """
    keep = order.form.keep
    if keep is None:
        return links_of(one for one in order.parts if one not in order.stay)
    found: Plan | Run | None = uow.session.get(Plan, keep) or uow.session.get(Run, keep)
    with suppress(NotFound):
        if found is not None and gate.fetch(uow, type(found), keep) and found.round_id == order.row.id:
            return links_of([found])
    raise Invalid(errors={"keep": ["没有这个方案，或不属于本批次"]})


def problem_of(uow: UnitOfWork, order: Order, kept: frozenset[Link]) -> Problem:
    """Lay a run's problem out: the frozen inputs, what changed since, and what is asked.

    :raises Invalid: for pins or bans that are not the county's.
    """
    content, form = order.content, order.form
    pins = chosen(order, "pins", {str(one): form.reason for one in form.pins})
    bans = chosen(order, "bans", {str(one["claim"]): one["reason"] for one in form.bans})
    touched = {key for link in pins for key in link}
    wishes = Wishes(
        seed=order.seed,
        pins=pins,
        bans=bans,
        fixed=links_of(order.stay),
        previous=kept,
        survivors=frozenset(link for link in kept if form.hold and not touched & set(link)),
        complete=form.complete,
    )
    return Problem(content, standing.live(uow, order.row.id, content), wishes, claimants.tree(uow))


def links_of(parts: Iterable[Plan | Run]) -> frozenset[Link]:
    """Give the pairs of parts or runs."""
    return frozenset(link_of(pair) for one in parts for pair in one.body["pairs"])


def chosen(order: Order, name: str, words: Mapping[str, str]) -> dict[Link, str]:
    """Turn claims into links, with the words on each.

    :raises Invalid: for a claim that is not among the frozen ones, or lies outside the county.
    """
    content = order.content
    claims, needs, counties = content["claims"], content["needs"], content["townships"]["county"]
    rows = {claim: row for row, claim in enumerate(claims["id"])}
    found, wrong = {}, []
    for claim, text in words.items():
        row = rows.get(claim)
        need = None if row is None else claims["need"][row]
        if row is None or need is None or order.county not in {None, counties[needs["township"][need]]}:
            wrong.append(f"揭榜 {claim} 不在本批次冻结的揭榜之中，或不属于本县（市、区）")
        else:
            found[content["people"]["id"][claims["person"][row]], needs["id"][need]] = text
    if wrong:
        raise Invalid(errors={name: wrong})
    return found


def impossible(problem: Problem, error: InfeasiblePins) -> PinsImpossible:
    """Turn the kernel's complaint into a refusal that names people, needs and the rule."""
    people, at = problem.content["people"], {code: row for row, code in enumerate(problem.content["people"]["code"])}

    def why_not(code: str, need: str, why: str) -> str:
        place = at[code], problem.need_at[need]
        rules = problem.why_not(*place) if why == "not_eligible" and place not in problem.withdrawn else ()
        return "；".join(rules) or WHY_NOT[why]

    pins = [
        {"commissioner": people["person"][at[code]], "need": need, "why": why_not(code, need, why)}
        for code, need, why in error.pins
    ]
    return PinsImpossible("；".join(sorted({one["why"] for one in pins})), pins=pins)


def solved(problem: Problem) -> Solution:
    """Solve a run's problem.

    :raises PinsImpossible: naming every pin that no plan can obey.
    """
    try:
        return solve(problem.instance)
    except InfeasiblePins as error:
        raise impossible(problem, error) from error
