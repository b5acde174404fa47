"""Pairs without a mutual claim: both sides are asked, and a no is a ban (R-MATCH-6)."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.matching import Plan, Proposal
from models.needs import Need, Round
from service.core import gate, moves
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, Forbidden
from service.core.unit import UnitOfWork

SHOWN = (
    selectinload(Proposal.need).selectinload(Need.township),
    selectinload(Proposal.person),
    selectinload(Proposal.team),
)
OPEN_PLAN = ("prepared", "rejected")
"""While the plan is in one of these the answer still counts."""


class AlreadyAnswered(Conflict):
    """This side has said yes already."""

    kind, title = "already-answered", "您已经同意"


class NotAsked(Conflict):
    """No plan contains the pair any more, or its plan is under approval."""

    kind, title = "not-asked", "方案已提交审批或已变更，现在不需要答复"


def proposals(
    uow: UnitOfWork,
    ask: Ask,
    *,
    round: UUID | None = None,  # noqa: A002  (the filter's public name)
    state: str | None = None,
) -> Page[Proposal]:
    """List one's own proposals (a team's members see its), or as staff those of one's jurisdiction, newest first."""
    statement = gate.select(uow, Proposal).options(*SHOWN)
    if round:
        statement = statement.where(Proposal.round_id == round)
    if state:
        statement = statement.where(Proposal.state == state)
    return page(
        statement,
        (Proposal.created_at, Proposal.id),
        ask,
        lambda s: handed_out(uow, uow.session.scalars(s).unique().all()),
    )


def proposal(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """Give one proposal to its sides or to staff who see it."""
    return handed_out(uow, [gate.fetch(uow, Proposal, proposal_id)])[0]


def handed_out(uow: UnitOfWork, rows: Sequence[Proposal]) -> Sequence[Proposal]:
    """Write on each proposal what the caller may do: answer for a side that has not said yes, while it is asked."""
    uow.session.flush()
    gate.hand_out(uow, rows)
    wanted = {one.plan_id for one in rows if one.plan_id}
    asking = set(uow.session.scalars(sa.select(Plan.id).where(Plan.id.in_(wanted), Plan.state.in_(OPEN_PLAN))))
    for one in rows:
        sides = _sides(uow, one) if one.plan_id in asking else frozenset()
        free = {side for side in sides if getattr(one, f"{side}_accepted_at") is None}
        one.moves = [name for name in one.moves if sides and (name != "accept" or free)]
    return rows


def _sides(uow: UnitOfWork, row: Proposal) -> frozenset[str]:
    """Give the sides for which the actor speaks: a claimant alone or the team's leader, or the township, never both."""
    roles = {held.role for held in uow.actor.held if gate.reaches(uow.actor, held, row)}
    if row.person_id == uow.actor.person_id:
        return frozenset({"commissioner"} & roles)
    return frozenset({"township"} & roles)


def _asked(uow: UnitOfWork, proposal_id: UUID, action: str) -> tuple[Proposal, str]:
    """Give a proposal that waits for the actor's word, its round held, and the side for which the actor speaks.

    :raises Forbidden: for a member of the team who does not lead it.
    :raises NotAsked: if no plan contains the pair any more, or its plan is under approval.
    """
    row = gate.fetch(uow, Proposal, proposal_id, action)
    round_ = uow.session.get_one(Round, row.round_id, with_for_update=True, populate_existing=True)
    row = gate.fetch(uow, Proposal, proposal_id, action, lock=True)
    sides = _sides(uow, row)
    if not sides:
        raise Forbidden("由团队负责人答复")
    plan = uow.session.get(Plan, row.plan_id, populate_existing=True) if row.plan_id else None
    if row.state in {"waiting", "accepted"} and (
        plan is None or plan.state not in OPEN_PLAN or round_.state != "frozen"
    ):
        raise NotAsked
    return row, next(iter(sides))


def accept(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """Say yes for one's side; with the second yes the pair counts.

    :raises AlreadyAnswered: if this side said yes before.
    """
    row, side = _asked(uow, proposal_id, "proposal.accept")
    column = f"{side}_accepted_at"
    if row.state == "waiting":
        if getattr(row, column) is not None:
            raise AlreadyAnswered
        setattr(row, column, uow.now)
    if row.state == "waiting" and not (row.commissioner_accepted_at and row.township_accepted_at):
        row.version += 1
        changes = [{"thing": "proposal", "id": str(row.id), "fields": [column]}]
        uow.record("proposal.accept", row, changes, role=side, title=row.need.title, side=side)
    else:
        moves.apply(uow, row, "accept", title=row.need.title, side=side)
    return handed_out(uow, [row])[0]


def decline(uow: UnitOfWork, proposal_id: UUID, reason: str) -> Proposal:
    """Say no for one's side, also after a yes, with a reason: the pair is banned, its plan is stale (R-MATCH-6)."""
    row, side = _asked(uow, proposal_id, "proposal.decline")
    moves.apply(uow, row, "decline", reason, title=row.need.title, side=side)
    return handed_out(uow, [row])[0]
