"""One run over a whole round: lay out, solve, tell, keep; one part a county (R-MATCH-5, R-MATCH-7)."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.matching import Freeze, Plan, Proposal, Run
from models.needs import Need, Round
from models.regions import Region
from rules.matching import CODE_VERSION
from rules.matching.market import InfeasiblePins
from rules.matching.solve import solve
from service.claims import claimants
from service.core import gate, moves
from service.core.problems import Conflict, Forbidden, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.matching import standing
from service.matching.inputs import weights_version
from service.matching.instances import Problem, Wishes
from service.matching.kept import basis
from service.matching.standing import SETTLING, Link, link_of
from service.matching.telling import Telling, telling


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
    """

    seed: str | None = None
    pins: Sequence[UUID] = ()
    bans: Sequence[Mapping[str, Any]] = ()
    keep: UUID | None = None
    complete: bool = False


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
    """A run that may be made: for which county (None: the city, for all), on what, beside which standing parts."""

    row: Round
    content: Mapping[str, Any]
    county: str | None
    form: RunForm
    seed: str
    draft: bool
    parts: Sequence[Plan]

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


def compute(uow: UnitOfWork, row: Round, county: str | None, form: RunForm) -> Plan | Run:
    """Compute and keep a run on a round that is held for this command.

    :returns: the county's part, or for the city the run.
    :raises NotFrozen, NoSeed, PartApproved, NothingToMatch: when the round or the county's part allows no run.
    :raises PinsImpossible: naming every pin that no plan can obey.
    """
    order = _order(uow, row, county, form)
    kept = _kept_pairs(uow, order)
    problem = _problem(uow, order, kept)
    try:
        solution = solve(problem.instance)
    except InfeasiblePins as error:
        raise _impossible(problem, error) from error
    told = telling(uow, problem, solution)
    run = _keep(uow, order, told)
    replaced = [] if order.draft else [one for one in order.parts if one.county_code in order.counties]
    before = {one.county_code: _links([one]) for one in order.parts}
    for one in replaced:
        moves.apply(uow, one, "supersede", title=row.title)
    run.parts = [
        _part(uow, run, told.body(code, kept if form.keep else before.get(code, frozenset())), code)
        for code in order.counties
    ]
    if not order.draft:
        _propose(uow, row, run.parts, replaced)
    return run if county is None else run.parts[0]


def _order(uow: UnitOfWork, row: Round, county: str | None, form: RunForm) -> Order:
    frozen = uow.session.scalar(sa.select(Freeze).where(Freeze.round_id == row.id))
    if row.state != "frozen" or frozen is None:
        raise NotFrozen(state=row.state)
    seed = form.seed or row.seed
    if seed is None:
        raise NoSeed
    order = Order(row, frozen.inputs, county, form, seed, seed != row.seed, standing.parts(uow, row.id))
    known = order.content["townships"]["county"]
    if not known or (county is not None and county not in known):
        raise NothingToMatch
    if not order.counties:
        raise PartApproved
    return order


def _kept_pairs(uow: UnitOfWork, order: Order) -> frozenset[Link]:
    """Give the pairs to keep: those of the part or run that the request names, else those that stand.

    :raises Invalid: if it names none of this round's that the actor may see.
    """
    keep = order.form.keep
    if keep is None:
        return _links(one for one in order.parts if one not in order.stay)
    found: Plan | Run | None = uow.session.get(Plan, keep) or uow.session.get(Run, keep)
    with suppress(NotFound):
        if found is not None and gate.fetch(uow, type(found), keep) and found.round_id == order.row.id:
            return _links([found])
    raise Invalid(errors={"keep": ["没有这个方案，或不属于本批次"]})


def _problem(uow: UnitOfWork, order: Order, kept: frozenset[Link]) -> Problem:
    content, form = order.content, order.form
    wishes = Wishes(
        seed=order.seed,
        pins=_chosen(order, "pins", {str(one): "" for one in form.pins}),
        bans=_chosen(order, "bans", {str(one["claim"]): one["reason"] for one in form.bans}),
        fixed=_links(order.stay),
        previous=kept,
        complete=form.complete,
    )
    return Problem(content, standing.live(uow, order.row.id, content), wishes, claimants.tree(uow))


def _links(parts: Iterable[Plan | Run]) -> frozenset[Link]:
    return frozenset(link_of(pair) for one in parts for pair in one.body["pairs"])


def _chosen(order: Order, name: str, words: Mapping[str, str]) -> dict[Link, str]:
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


def _impossible(problem: Problem, error: InfeasiblePins) -> PinsImpossible:
    people = problem.content["people"]
    who = dict(zip(people["code"], people["person"], strict=True))
    pins = [{"commissioner": who[code], "need": need, "why": WHY_NOT[why]} for code, need, why in error.pins]
    return PinsImpossible("；".join(sorted({one["why"] for one in pins})), pins=pins)


def _keep(uow: UnitOfWork, order: Order, told: Telling) -> Run:
    """Keep the run for ever: instance, plan, digests, what was overridden by whom, which code and which weights."""
    row, problem, solution = order.row, told.problem, told.plan
    wishes, live = problem.wishes, problem.live
    by = str(uow.actor.person_id) if uow.actor.person_id else None
    links: tuple[tuple[str, Mapping[Link, str], str | None], ...] = (
        ("pin", wishes.pins, by),
        ("ban", wishes.bans, by),
        ("set", live.pins, None),
        ("refused", live.bans, None),
        ("kept", dict.fromkeys(sorted(wishes.fixed), ""), None),
    )
    overrides = [
        {"kind": kind, "claimant": key, "need": need, "claim": told.claim(key, need), "reason": reason, "by": author}
        for kind, words, author in links
        for (key, need), reason in words.items()
    ]
    run = Run(
        id=new_id(),
        created_at=uow.now,
        county_code=order.county or row.city_code,
        round_id=row.id,
        seed=wishes.seed,
        draft=order.draft,
        made_by=uow.actor.person_id,
        for_county=order.county,
        inputs_digest=row.frozen_digest or "",
        digest=solution.digest,
        instance=problem.instance.to_json(),
        plan=solution.to_json(),
        body=told.body(None, wishes.previous | wishes.fixed),
        overrides=overrides,
        basis=basis(problem),
        weights_version=weights_version(problem.content),
        code_version=CODE_VERSION,
    )
    uow.session.add(run)
    uow.session.flush()
    role = "county" if order.county else "city"
    uow.record("plan.create", run, [], role=role, title=row.title, draft=run.draft, digest=run.digest)
    return run


def _part(uow: UnitOfWork, run: Run, body: dict[str, Any], county: str) -> Plan:
    part = Plan(id=new_id(), county_code=county, run_id=run.id, round_id=run.round_id, draft=run.draft, body=body)
    return moves.start(uow, part)


def _propose(uow: UnitOfWork, row: Round, parts: Sequence[Plan], replaced: Sequence[Plan]) -> None:
    """Ask both sides about every pair that they did not choose; what they answered before still counts (R-MATCH-6)."""
    rows = uow.session.scalars(sa.select(Proposal).where(Proposal.round_id == row.id)).all()
    known = {(str(one.claimant_key), str(one.need_id)): one for one in rows}
    for one in rows:
        if one.plan_id in {part.id for part in replaced}:
            one.plan_id = None
    for part in parts:
        for pair in part.body["pairs"]:
            asked = known.get(link_of(pair))
            if asked is not None:
                asked.plan_id = part.id
            elif pair["asks_consent"]:
                _ask(uow, row, part, pair)
    uow.session.flush()


def _ask(uow: UnitOfWork, row: Round, part: Plan, pair: Mapping[str, Any]) -> None:
    need = uow.session.get_one(Need, UUID(pair["need"]))
    proposal = Proposal(
        id=new_id(),
        county_code=need.county_code,
        township_code=need.township_code,
        round_id=row.id,
        need_id=need.id,
        claim_id=UUID(pair["claim"]) if pair["claim"] else None,
        person_id=UUID(pair["commissioner"]),
        team_id=UUID(pair["team"]) if pair["team"] else None,
        claimant_key=UUID(link_of(pair)[0]),
        plan_id=part.id,
        reason=pair["reasons"][0],
    )
    moves.start(uow, proposal)
