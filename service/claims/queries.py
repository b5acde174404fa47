"""Claims as their claimants and the staff concerned see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.claims import Claim
from models.identity import Team, TeamMember
from models.matching import Proposal, Supplement
from models.needs import Need, Round
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork

STAFF = frozenset({"township", "county", "county_lead", "city", "auditor"})
SHOWN = (
    selectinload(Claim.need).selectinload(Need.township),
    selectinload(Claim.person),
    selectinload(Claim.team).selectinload(Team.members).selectinload(TeamMember.person),
)


def claims(
    uow: UnitOfWork,
    ask: Ask,
    *,
    round: UUID | None = None,  # noqa: A002  (the filter's public name)
    need: UUID | None = None,
    state: str | None = None,
) -> Page[Claim]:
    """List one's own claims (a team's members see its), or as staff those of one's jurisdiction, newest first."""
    statement = gate.select(uow, Claim).options(*SHOWN)
    if round:
        statement = statement.where(Claim.round_id == round)
    if need:
        statement = statement.where(Claim.need_id == need)
    if state:
        statement = statement.where(Claim.state == state)
    return page(
        statement, (Claim.created_at, Claim.id), ask, lambda s: handed_out(uow, uow.session.scalars(s).unique().all())
    )


def claim(uow: UnitOfWork, claim_id: UUID) -> Claim:
    """Give one claim to its claimant or to staff who see it."""
    return prepared(uow, gate.fetch(uow, Claim, claim_id))


def prepared(uow: UnitOfWork, row: Claim) -> Claim:
    """Give a claim as its caller sees it."""
    uow.session.flush()
    return handed_out(uow, [row])[0]


def handed_out(uow: UnitOfWork, rows: Sequence[Claim]) -> Sequence[Claim]:
    """Write on each claim what the caller may do and see: only a team's leader moves it, and a claimant learns the
    township's word when the time for ranking is over (until then it may still change).
    """
    gate.hand_out(uow, rows)
    ends = _ranking_ends(uow, rows)
    for one in rows:
        if one.person_id != uow.actor.person_id:
            one.moves = [name for name in one.moves if name != "withdraw"]
        staff = any(held.role in STAFF and gate.reaches(uow.actor, held, one) for held in uow.actor.held)
        over = one.round_id is None or uow.now >= ends[one.supplement_id or one.round_id]
        one.seen_grade = one.grade if staff else None
        one.seen_decline = one.declined_reason if staff or over else None
    return rows


def _ranking_ends(uow: UnitOfWork, rows: Sequence[Claim]) -> dict[UUID, datetime]:
    """Give when the ranking ends of the rounds and supplements in which claims were made, by id."""
    found: dict[UUID, datetime] = {}
    for model, column in ((Round, "round_id"), (Supplement, "supplement_id")):
        if asked := {getattr(one, column) for one in rows} - {None}:
            ends = sa.select(model.id, model.ranking_until).where(model.id.in_(asked))
            found.update(uow.session.execute(ends).all())
    return found


def refused(uow: UnitOfWork, need_id: UUID, claimant_key: UUID) -> bool:
    """Say whether a need and a claimant were proposed to each other and one of them refused (R-MATCH-6)."""
    word = sa.select(Proposal.id).where(
        Proposal.need_id == need_id, Proposal.claimant_key == claimant_key, Proposal.state == "declined"
    )
    return uow.session.scalar(word) is not None


def open_supplement(uow: UnitOfWork, need: Need) -> Supplement | None:
    """Give the supplement that takes claims on a need of a frozen round now, if one is open (R-MATCH-2)."""
    open_ = sa.select(Supplement).where(Supplement.round_id == need.round_id, Supplement.state == "open")
    found = uow.session.scalar(open_.execution_options(populate_existing=True))
    return found if found is not None and str(need.id) in found.needs else None


def standing(uow: UnitOfWork, need: Need, supplement: Supplement | None = None) -> Sequence[Claim]:
    """Give a need's active claims for those who rank them: in a supplement those made in it alone."""
    statement = sa.select(Claim).where(Claim.need_id == need.id, Claim.state == "active")
    if supplement is not None:
        statement = statement.where(Claim.supplement_id == supplement.id)
    return uow.session.scalars(statement.order_by(Claim.created_at, Claim.id)).all()


def of_need(uow: UnitOfWork, need_id: UUID) -> dict[str, Any]:
    """List whole what was claimed for a need and not withdrawn, in the township's order: ranked, then not mentioned,
    then declined. The ETag is what `If-Match` of the ranking must name.
    """
    need = gate.fetch(uow, Need, need_id)
    statement = sa.select(Claim).where(Claim.need_id == need.id, Claim.state != "withdrawn").options(*SHOWN)
    found = uow.session.scalars(statement.execution_options(populate_existing=True)).unique().all()
    ordered = sorted(
        found,
        key=lambda one: (
            one.declined_reason is not None,
            one.supplement_id is not None,  # made after the freeze: behind all that stood then
            one.supplement_id or one.round_id,
            one.grade or 10**6,
            one.created_at,
            one.id,
        ),
    )
    return {
        "items": handed_out(uow, ordered),
        "next": None,
        "ranked_at": need.ranked_at,
        "ranked_by": need.ranked_by_role,
        "etag": need.etag,
    }
