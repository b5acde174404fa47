"""Claim a need, take a claim back, order one's claims, rank the claimants of a need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.claims import Claim
from models.identity import Person
from models.matching import Plan, Supplement
from models.needs import Need, Round
from models.regions import Region
from rules import claims as rules
from service.claims import claimants, queries
from service.core import gate, moves
from service.core.problems import ConditionMissing, Conflict, Forbidden, IdTaken, Invalid, NotFound, SamePerson
from service.core.unit import UnitOfWork
from service.needs import rounds
from service.needs.queries import on_board

UNDER_APPROVAL = ("submitted", "approved", "settled")
"""States in which a county's part of a plan is no longer its own to change."""


class NotEligible(Conflict):
    """The claimant may not claim this need; `reasons` names every rule that fails (R-CLAIM-3)."""

    kind, title = "not-eligible", "不符合揭榜条件"


class AlreadyClaimed(Conflict):
    """One active claim per claimant and need (R-CLAIM-1)."""

    kind, title = "already-claimed", "已经揭榜，不能重复揭榜"


class NotClaimable(Conflict):
    """The round takes no claims or orders of claims now."""

    kind, title = "not-claimable", "现在不在揭榜时间内"


class NotRankable(Conflict):
    """Whoever asks may not rank now (R-CLAIM-4)."""

    kind, title = "not-rankable", "现在不能排序"


class PlanUnderApproval(Conflict):
    """The plan was handed in: nothing that it rests on moves any more (R-CLAIM-1)."""

    kind, title = "plan-under-approval", "选派方案已提交审批，不能再变更"


@dataclass(frozen=True)
class ClaimForm:
    """What a claimant says. Without a preference the claim becomes the last one of the round."""

    plan: str
    preference: int | None = None
    team_id: UUID | None = None
    id: UUID | None = None


def claim(uow: UnitOfWork, need_id: UUID, form: ClaimForm) -> Claim:
    """Claim a need of the board, alone or as the leader of a confirmed team (R-CLAIM-1, R-CLAIM-3, R-APP-1).

    A round takes claims while it is published and before `claims_until`, and once it is frozen while a supplement opens
    the need again; an everyday need while it stands on the board.
    In a round each claim has a place of its own in the claimant's order: a new claim takes the place that it names, and
    where that one is taken, the claim there and all behind it move back by one. In a supplement it is the last one.

    :raises NotEligible: naming every rule that fails.
    :raises AlreadyClaimed: if the claimant's claim on this need stands already.
    :raises NotClaimable: outside the round's time for claims, when the need is filled or closed, or in a supplement
        after one of the two sides refused the pair when it was proposed: that word stands for the round (R-MATCH-6).
    """
    need, supplement = _claimable(uow, need_id)
    person = uow.session.get_one(Person, uow.actor.person_id, with_for_update=True)  # one claim at a time a claimant
    key = person.id
    if form.team_id is not None:
        _check_team(uow, person.id, form.team_id, supplement)
        key = form.team_id
    if form.id and uow.session.get(Claim, form.id):
        raise IdTaken
    if supplement is not None and queries.refused(uow, need.id, key):
        raise NotClaimable("您或该镇已谢绝过这一提议，本轮不再揭榜这一需求")
    _judge(uow, need, person.id, form.team_id)
    row = Claim(
        id=form.id or new_id(),
        county_code=need.county_code,
        township_code=need.township_code,
        round_id=need.round_id,
        need_id=need.id,
        supplement_id=supplement.id if supplement else None,
        person_id=person.id,
        team_id=form.team_id,
        claimant_key=key,
        plan=form.plan,
    )
    row.preference, moved = _make_room(uow, row, form.preference)
    moves.start(uow, row, title=need.title, need=str(need.id))
    if moved:
        changes = [{"thing": "claim", "id": str(one.id), "fields": ["preference"]} for one in moved]
        uow.record("claim.create", row, changes)
    return queries.prepared(uow, row)


def _check_team(uow: UnitOfWork, leader: UUID, team_id: UUID, supplement: Supplement | None) -> None:
    """Refuse a team that is not one's own; and in a supplement one that the freeze did not know.

    Its members stand on the frozen lists alone: nobody may be sent to two places.
    """
    team = claimants.team_led_by(uow, leader, team_id)
    if team is None:
        raise Invalid(errors={"team_id": ["不是由您负责的已确认团队"]})
    if supplement is not None and team.state_since >= (supplement.round.frozen_at or supplement.created_at):
        raise Invalid(errors={"team_id": ["补报只接受批次冻结之前已确认的团队"]})


def _claimable(uow: UnitOfWork, need_id: UUID) -> tuple[Need, Supplement | None]:
    """Give a need that takes claims now, held against whoever ends that, and the supplement that opened it again."""
    supplement = None
    need = uow.session.scalar(sa.select(Need).where(Need.id == need_id))
    board = uow.session.scalar(sa.select(Need.id).where(Need.id == need_id, on_board()))
    if need is None or (board is None and need.state not in {"filled", "closed"}):
        raise NotFound
    if need.round_id is not None:
        # Shared with other claimants, held against whoever freezes the round's inputs.
        row = uow.session.get_one(Round, need.round_id, with_for_update={"read": True}, populate_existing=True)
        supplement = queries.open_supplement(uow, need) if row.state == "frozen" else None
        time = supplement or row
        if (supplement is None and row.state != "published") or uow.now >= time.claims_until:
            raise NotClaimable(claims_until=time.claims_until.isoformat())
    locked = sa.select(Need).where(Need.id == need_id).with_for_update(read=True, of=Need)
    need = uow.session.scalars(locked.execution_options(populate_existing=True)).one()
    if need.state != "approved":
        raise NotClaimable("该需求已结束，不再接受揭榜", state=need.state)
    return need, supplement


def _judge(uow: UnitOfWork, need: Need, person: UUID, team: UUID | None) -> None:
    key = team or person
    standing = sa.select(Claim.id).where(
        Claim.need_id == need.id, Claim.claimant_key == key, Claim.state.in_(("active", "won"))
    )
    if uow.session.scalar(standing) is not None:
        raise AlreadyClaimed
    offer = claimants.offers(uow, [] if team else [person], [team] if team else [])[key]
    row = uow.session.get(Round, need.round_id) if need.round_id else None
    found = rules.judge_claim(offer.claimant, claimants.claimed(need), claimants.tree(uow), claimants.terms(row))
    if found:
        reasons = [{"rule": one.rule, "text": one.sentence} for one in found]
        raise NotEligible("；".join(one.sentence for one in found), reasons=reasons)


def _make_room(uow: UnitOfWork, new: Claim, wanted: int | None) -> tuple[int, Sequence[Claim]]:
    """Give the new claim's place in the claimant's order of the round, and the claims that moved back for it."""
    if new.round_id is None:
        return wanted or 1, ()
    others = _own(uow, new.round_id, [new.claimant_key])
    last = max((one.preference for one in others), default=0) + 1
    if new.supplement_id is not None and wanted not in {None, last}:
        raise Invalid(errors={"preference": [f"补报的揭榜排在原有志愿之后，应为 {last}，或不填"]})
    if wanted is None:
        return last, ()
    if wanted not in {one.preference for one in others}:
        return wanted, ()
    behind = [one for one in others if one.preference >= wanted]
    for one in behind:
        one.preference += 1
        one.version += 1
    return wanted, behind


def _own(uow: UnitOfWork, round_id: UUID, keys: Sequence[UUID]) -> Sequence[Claim]:
    mine = sa.select(Claim).where(Claim.round_id == round_id, Claim.claimant_key.in_(keys), Claim.state == "active")
    return uow.session.scalars(mine.order_by(Claim.preference, Claim.id).with_for_update(of=Claim)).all()


def withdraw(uow: UnitOfWork, claim_id: UUID) -> Claim:
    """Take a claim back, until the plan of its county is under approval (R-CLAIM-1). After the freeze this makes the
    plans that rest on it stale (R-MATCH-6).

    :raises PlanUnderApproval: once that plan was submitted.
    :raises Forbidden: for a member of the team who does not lead it.
    """
    row = gate.fetch(uow, Claim, claim_id, "claim.withdraw")
    if row.person_id != uow.actor.person_id:
        raise Forbidden("团队揭榜由负责人撤回")
    if row.round_id is not None:
        uow.session.get_one(Round, row.round_id, with_for_update=True)  # no plan is submitted in between
        if _under_approval(uow, row):
            raise PlanUnderApproval
    row = gate.fetch(uow, Claim, claim_id, "claim.withdraw", lock=True)
    moves.apply(uow, row, "withdraw", title=row.need.title, need=str(row.need_id))
    return queries.prepared(uow, row)


def _under_approval(uow: UnitOfWork, row: Claim) -> bool:
    township = uow.session.get_one(Region, row.township_code)
    standing = sa.select(Plan.id).where(
        Plan.round_id == row.round_id,
        Plan.county_code == township.managing_county_code,
        Plan.state.in_(UNDER_APPROVAL),
        Plan.draft.is_(False),
    )
    return uow.session.scalar(standing) is not None


def prefer(uow: UnitOfWork, round_id: UUID, claims: Sequence[UUID]) -> dict[str, Any]:
    """Put all of one's own active claims of a round in order, the dearest first (R-CLAIM-1).

    :raises Invalid: unless each of them is named exactly once.
    :raises NotClaimable: outside the round's time for claims.
    """
    row = rounds.show(uow, round_id)
    if row.state != "published" or uow.now >= row.claims_until:
        raise NotClaimable(claims_until=row.claims_until.isoformat())
    person = uow.session.get_one(Person, uow.actor.person_id, with_for_update=True)
    own = {one.id: one for one in _own(uow, round_id, [person.id, *uow.actor.led])}
    if set(own) != set(claims):
        raise Invalid(errors={"claims": ["须逐一列出您在本批次的全部有效揭榜，每项一次"]})
    changes = []
    for place, claim_id in enumerate(claims, 1):
        one = own[claim_id]
        if one.preference != place:
            one.preference = place
            one.version += 1
            changes.append({"thing": "claim", "id": str(one.id), "fields": ["preference"]})
    uow.record("claim.order", row, changes)
    return {"items": queries.handed_out(uow, [own[one] for one in claims]), "next": None}


def rank(
    uow: UnitOfWork,
    need_id: UUID,
    *,
    ranked: Sequence[UUID],
    declined: Sequence[Mapping[str, Any]],
    if_match: str | None,
) -> dict[str, Any]:
    """Order the claimants of a need and decline some with a reason, as its township until `ranking_until`, or as the
    county for a township that was silent until then (R-CLAIM-4). Claims named in neither list form one last class of
    equals. Ranking may begin while claims still come in; a new claim is then in that last class. In a supplement the
    claims made in it are ranked among themselves, behind those of the freeze; its own dates hold.

    :raises ConditionMissing, Stale: where it was ranked before and `If-Match` does not name what was read.
    :raises NotRankable: outside the time, or as the county of a township that has spoken.
    :raises SamePerson: if one of the claims is the actor's own.
    """
    need = gate.fetch(uow, Need, need_id, "claim.rank", lock=True)
    role, supplement = _ranking_role(uow, need)
    if need.ranked_at is not None and if_match is None:
        raise ConditionMissing
    gate.match(need, if_match)
    claims = {one.id: one for one in queries.standing(uow, need, supplement)}
    if any(one.person_id == uow.actor.person_id for one in claims.values()):
        raise SamePerson("不能对自己的揭榜排序")
    words = [(one["claim"], one["reason"]) for one in declined]
    _check_ranking(claims, ranked, words)
    _write_ranking(uow, claims, ranked, dict(words))
    need.ranked_at, need.ranked_by_role = uow.now, role
    need.version += 1
    changes = [{"thing": "need", "id": str(need.id), "fields": ["ranking"]}]
    uow.record("claim.rank", need, changes, role=role, title=need.title, declined=[str(one) for one, _ in words])
    return queries.of_need(uow, need.id)


def _ranking_role(uow: UnitOfWork, need: Need) -> tuple[str, Supplement | None]:
    """Give the role in which the actor may rank now, and the supplement whose claims these are.

    :raises NotRankable: outside the time, or as the county of a township that has spoken.
    """
    roles = {held.role for held in uow.actor.held if gate.reaches(uow.actor, held, need)} & {"township", "county"}
    if need.state != "approved":
        raise NotRankable("该需求不在榜上", state=need.state)
    if need.round_id is None:
        return ("township" if "township" in roles else "county"), None
    row = uow.session.get_one(Round, need.round_id, with_for_update={"read": True}, populate_existing=True)
    supplement = queries.open_supplement(uow, need) if row.state == "frozen" else None
    if supplement is None and row.state != "published":
        raise NotRankable("批次不在揭榜与排序阶段", state=row.state)
    time = supplement or row
    until = time.ranking_until.isoformat()
    if uow.now < time.ranking_until:
        if "township" not in roles:
            raise NotRankable("乡镇排序截止前，由乡镇自行排序", ranking_until=until)
        return "township", supplement
    if "county" not in roles:
        raise NotRankable("排序时间已截止", ranking_until=until)
    silent = supplement is not None and (need.ranked_at is None or need.ranked_at < supplement.created_at)
    if need.ranked_by_role == "township" and not silent:
        raise NotRankable("乡镇已经排序，县级不再代为排序", ranking_until=until)
    return "county", supplement


def _check_ranking(claims: Mapping[UUID, Claim], ranked: Sequence[UUID], declined: Sequence[tuple[UUID, str]]) -> None:
    errors: dict[str, list[str]] = {}
    for problem in rules.judge_ranking(claims, ranked, declined):
        errors.setdefault(problem.field, []).append(problem.text)
    if errors:
        raise Invalid(errors=errors)


def _write_ranking(
    uow: UnitOfWork, claims: Mapping[UUID, Claim], ranked: Sequence[UUID], declined: Mapping[UUID, str]
) -> None:
    places = {one: place for place, one in enumerate(ranked, 1)}
    for one in claims.values():
        word = (places.get(one.id), declined.get(one.id))
        if word != (one.grade, one.declined_reason):
            one.grade, one.declined_reason = word
            one.version += 1
    uow.session.flush()
