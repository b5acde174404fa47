"""Settle a plan into pairings, assign an everyday need, record the province's recognition, end what is over."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.claims import Claim
from models.identity import Person, TeamMember
from models.matching import Plan
from models.needs import Need
from models.pairings import Pairing, PairingMember
from models.regions import Region
from rules.calendar import shanghai_date
from rules.pairings import Place, overposted, task_end, term_end
from service.core import gate, moves
from service.core.problems import Conflict, Invalid
from service.core.unit import UnitOfWork
from service.matching import queries as plans
from service.matching.commands import PlanStale
from service.needs import queries as need_queries
from service.pairings import queries
from service.publicity import selections
from service.publicity.commands import close, require_over
from service.publicity.selections import Selected

PLACES_GONE = "名额已由其他揭榜人承接"
OTHERS_CHOSEN = "另有人选"
REASON_MAX = 2000  # characters that a state's reason holds


class AlreadyPosted(Conflict):
    """Somebody would hold more postings at once than the round allows, in whatever county (R-APP-5)."""

    kind, title = "already-posted", "有人已承担其他结对任务"


class NotAssignable(Conflict):
    """This claim cannot be assigned to this need as things stand."""

    kind, title = "not-assignable", "不能指派"


class NumberTaken(Conflict):
    """The recognition number belongs to another pairing."""

    kind, title = "number-taken", "认定编号已登记在另一结对上"


class AlreadyRecognised(Conflict):
    """Another number or date is recorded; correcting it needs a reason."""

    kind, title = "already-recognised", "已登记认定编号，更正须写明理由"


def settle(uow: UnitOfWork, plan_id: UUID) -> dict[str, Any]:
    """Let an approved plan take effect: pairings begin today, claims are won and lost with their reasons (R-CLAIM-2).

    :raises PublicityRunning: while the window runs or has no end yet (R-PUB-1).
    :raises ObjectionsOpen: naming what is not answered (R-PUB-2).
    :raises PlanStale: if something the plan rests on changed after its approval.
    :raises AlreadyPosted: if somebody would be posted twice (R-APP-5).
    """
    plan = selections.held(uow, plan_id, "plan.settle")
    _hold(uow, plan)
    pairs = selections.selection(uow, plan)
    found = selections.judge(uow, plan, pairs)
    moves.apply(uow, plan, "settle", title=plan.round.title)
    if plan.publicity_id is None:
        raise PlanStale("方案没有经过公示")
    publicity = require_over(uow, plan.publicity_id)
    selections.refuse_concerned(uow, publicity.people)
    if found:
        raise PlanStale("；".join(found[:5]), faults=found)
    _refuse_second_postings(uow, pairs, plan.round.capacity_max)
    starts_on = shanghai_date(uow.now)
    for one in pairs:
        _begin(uow, one, starts_on, term_end(starts_on), plan)
    _tell_losers(uow, plan)
    _fill(uow, {one.need.id: one.need for one in pairs})
    close(uow, publicity.id)
    return plans.shown(uow, plan)


def _hold(uow: UnitOfWork, plan: Plan) -> None:
    """Lock the needs and people of a plan, in one order, so that no other settling counts them at the same time."""
    pairs = plan.body["pairs"]
    needs, teams = {UUID(pair["need"]) for pair in pairs}, {UUID(pair["team"]) for pair in pairs if pair.get("team")}
    uow.session.execute(sa.select(Need.id).where(Need.id.in_(needs)).order_by(Need.id).with_for_update())
    people = {UUID(pair["commissioner"]) for pair in pairs}
    people |= set(uow.session.scalars(sa.select(TeamMember.person_id).where(TeamMember.team_id.in_(teams))))
    uow.session.execute(sa.select(Person.id).where(Person.id.in_(people)).order_by(Person.id).with_for_update())


def _refuse_second_postings(uow: UnitOfWork, pairs: Sequence[Selected], at_most: int) -> None:
    given = [Place(person.id, one.need.township_code) for one in pairs for person in one.members]
    people = {person.id: person.name for one in pairs for person in one.members}
    held = uow.session.execute(
        sa.select(PairingMember.person_id, Pairing.township_code)
        .join(Pairing, Pairing.id == PairingMember.pairing_id)
        .where(PairingMember.person_id.in_(people), Pairing.state == "active", Pairing.kind == "pairing")
    ).all()
    over = overposted((Place(person, township) for person, township in held), given, at_most)
    if over:
        named = sorted((name, str(person)) for person, name in people.items() if person in over)
        detail = f"{'、'.join(name for name, _ in named)}：同时承担的结对将超过 {at_most} 个"
        raise AlreadyPosted(detail, people=[person for _, person in named])


def _begin(uow: UnitOfWork, one: Selected, starts_on: date, ends_on: date, plan: Plan | None = None) -> Pairing:
    """Make the pairing of one selected claimant, with everybody who serves in it, and let their claim win.

    Without a plan it is an everyday task.
    """
    pairing = Pairing(
        id=new_id(),
        county_code=one.need.county_code,
        township_code=one.need.township_code,
        kind="pairing" if plan else "task",
        round_id=one.need.round_id,
        plan_id=plan.id if plan else None,
        need_id=one.need.id,
        claim_id=one.claim.id if one.claim else None,
        person_id=one.person.id,
        team_id=one.team.id if one.team else None,
        claimant_key=one.claimant_key,
        organisation_code=one.person.organisation_code,
        starts_on=starts_on,
        ends_on=ends_on,
        reasons=list(one.reasons),
    )
    moves.start(uow, pairing)
    for person in one.members:
        member = PairingMember(pairing_id=pairing.id, person_id=person.id, county_code=pairing.county_code)
        uow.session.add(member)
    if one.claim is not None:
        moves.apply(uow, one.claim, "win", "；".join(one.told)[:REASON_MAX])  # also the journal's: no name
    return pairing


def _tell_losers(uow: UnitOfWork, plan: Plan) -> None:
    """Let every claim in the county's part of the round that did not win lose, with the plan's reasons (R-MATCH-4)."""
    listed = plan.body.get("losing", ())
    reasons = {one["claim"]: one.get("told") or "；".join(one["reasons"]) for one in listed}
    managed = sa.select(Region.code).where(Region.managing_county_code == plan.county_code, Region.level == "township")
    left = sa.select(Claim).where(
        Claim.round_id == plan.round_id, Claim.state == "active", Claim.township_code.in_(managed)
    )
    for claim in uow.session.scalars(left.order_by(Claim.id)).all():
        moves.apply(uow, claim, "lose", (reasons.get(str(claim.id)) or PLACES_GONE)[:REASON_MAX])


def _fill(uow: UnitOfWork, needs: dict[UUID, Need]) -> list[Need]:
    """Mark the needs whose places are all taken, and give them."""
    uow.session.flush()
    taken: Any = (
        sa.select(Pairing.need_id, sa.func.count())
        .where(Pairing.need_id.in_(needs), Pairing.state == "active")
        .group_by(Pairing.need_id)
    )
    full = [needs[need] for need, count in uow.session.execute(taken).all() if count >= needs[need].places]
    return [moves.apply(uow, need, "fill") for need in sorted(full, key=lambda one: one.id)]


def assign(uow: UnitOfWork, need_id: UUID, claim: UUID) -> Need:
    """Give an everyday need to one of its claimants: a `task` pairing begins today (domain §3, the everyday).

    When all places are taken the need is filled and the other claims lose.

    :raises Conflict: if the need belongs to a round, whose plan decides.
    :raises Invalid: if the claim is none of this need's.
    :raises NotAssignable: if the need or claim is not open, or the township declined it.
    :raises SamePerson: if the actor is the claimant.
    """
    need = gate.fetch(uow, Need, need_id, "need.assign", lock=True)
    if need.round_id is not None:
        raise Conflict("批次内的需求由选派方案确定，不能直接指派")
    row = uow.session.get(Claim, claim, with_for_update=True)
    if row is None or row.need_id != need.id:
        raise Invalid(errors={"claim": ["不是这个需求的揭榜"]})
    one = selections.of_claim(row, ("由县级经办按日常需求指派",))
    selections.refuse_concerned(uow, selections.people_of([one]))
    if found := selections.faults([one]):
        raise NotAssignable("；".join(found), faults=found)
    today = shanghai_date(uow.now)
    uow.record("need.assign", need, title=need.title, claim=str(row.id))
    pairing = _begin(uow, one, today, task_end(today, need.ends_on))
    if _fill(uow, {need.id: need}):
        _release(uow, need)
    need.pairings = (pairing.id,)
    return need_queries.prepared(uow, need)


def _release(uow: UnitOfWork, need: Need) -> None:
    others = sa.select(Claim).where(Claim.need_id == need.id, Claim.state == "active").order_by(Claim.id)
    for claim in uow.session.scalars(others).all():
        moves.apply(uow, claim, "lose", OTHERS_CHOSEN)


def recognise(
    uow: UnitOfWork, pairing_id: UUID, number: str, recognised_on: date, reason: str | None = None
) -> Pairing:
    """Record the province's recognition of a pairing (domain §3 step 6). The same again changes nothing.

    :raises NumberTaken: if another pairing has that number.
    :raises AlreadyRecognised: if another number or date is recorded and no reason is given for correcting it.
    """
    pairing = gate.fetch(uow, Pairing, pairing_id, "pairing.recognise", lock=True)
    before = (pairing.recognition_number, pairing.recognised_on)
    if before == (number, recognised_on):
        return queries.shown(uow, [pairing])[0]
    if pairing.kind != "pairing" or pairing.state == "terminated":
        raise Conflict("只有批次选派的结对可以登记省级认定")
    if recognised_on > shanghai_date(uow.now):
        raise Invalid(errors={"date": ["认定日期不能晚于今天"]})
    taken = sa.select(Pairing.id).where(Pairing.recognition_number == number, Pairing.id != pairing.id)
    if uow.session.scalar(taken) is not None:
        raise NumberTaken
    if before[0] is not None and not reason:
        raise AlreadyRecognised(number=before[0])
    pairing.recognition_number, pairing.recognised_on = number, recognised_on
    pairing.version += 1
    change = {"thing": "pairing", "id": str(pairing.id), "fields": ["recognition"], "from": before[0], "to": number}
    uow.record("pairing.recognise", pairing, [change], reason=reason, number=number)
    uow.session.flush()
    return queries.shown(uow, [pairing])[0]


def end(uow: UnitOfWork, pairing_id: UUID, reason: str) -> Pairing:
    """End a pairing before its term is over, with a reason: what both sides wanted, or what is done."""
    return _leave(uow, pairing_id, "end", reason)


def terminate(uow: UnitOfWork, pairing_id: UUID, reason: str) -> Pairing:
    """Terminate a pairing against one side's will, with a reason."""
    return _leave(uow, pairing_id, "terminate", reason)


def _leave(uow: UnitOfWork, pairing_id: UUID, move: str, reason: str) -> Pairing:
    pairing = gate.fetch(uow, Pairing, pairing_id, f"pairing.{move}", lock=True)
    moves.apply(uow, pairing, move, reason, need=str(pairing.need_id))
    pairing.ended_on = shanghai_date(uow.now)
    uow.session.flush()
    return queries.shown(uow, [pairing])[0]
