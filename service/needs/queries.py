"""The board that everybody reads, the lists that staff work from, likely duplicates."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.needs import Need, NeedSpecialty, Round
from models.regions import Region, Specialty
from rules import needs as rules
from rules.access import roles_for
from rules.text import search_key
from service.content import queries as content
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.problems import NotFound
from service.core.unit import Actor, UnitOfWork

OPEN = ("submitted", "approved")
SHOWN = (selectinload(Need.township), selectinload(Need.village))


def on_board() -> sa.ColumnElement[bool]:
    """Give the condition under which strangers see a need: approved, its content clear (R-NEED-4), and its round (if
    any) published.
    """
    published = sa.select(Round.id).where(Round.state.in_(("published", "frozen")), content.shown(Round))
    standing = sa.or_(Need.round_id.is_(None), Need.round_id.in_(published))
    return sa.and_(Need.state == "approved", standing, content.shown(Need))


def board(
    uow: UnitOfWork,
    ask: Ask,
    *,
    round: UUID | None = None,  # noqa: A002  (the filter's public name)
    county: str | None = None,
    township: str | None = None,
    specialty: str | None = None,
    form: str | None = None,
    urgency: int | None = None,
    q: str | None = None,
) -> Page[Need]:
    """List what stands on the board, newest first, with no contact data; `q` finds every one of its words."""
    statement = sa.select(Need).where(on_board()).options(*SHOWN)
    statement = _filtered(statement, round=round, county=county, township=township, urgency=urgency, q=q)
    if specialty:
        statement = statement.where(
            Need.id.in_(sa.select(NeedSpecialty.need_id).where(NeedSpecialty.specialty_code == specialty))
        )
    if form:
        statement = statement.where(Need.form.in_((form, "both")))
    return page(statement, (Need.created_at, Need.id), ask, lambda s: uow.session.scalars(s).all())


def _filtered(
    statement: sa.Select[Need],
    *,
    round: UUID | None,  # noqa: A002
    county: str | None,
    township: str | None,
    urgency: int | None,
    q: str | None,
) -> sa.Select[Need]:
    """Narrow a list of needs by what the board and the staff's lists have in common."""
    if round:
        statement = statement.where(Need.round_id == round)
    if county:
        managed = sa.select(Region.code).where(Region.managing_county_code == county, Region.level == "township")
        statement = statement.where(Need.township_code.in_(managed))
    if township:
        statement = statement.where(Need.township_code == township)
    if urgency:
        statement = statement.where(Need.urgency == urgency)
    for word in search_key(q or "").split():
        statement = statement.where(Need.search_key.contains(word, autoescape=True))
    return statement


def board_item(uow: UnitOfWork, need_id: UUID) -> Need:
    """Give one need of the board. :raises NotFound: if it does not stand there."""
    need = uow.session.scalar(sa.select(Need).where(Need.id == need_id, on_board()).options(*SHOWN))
    if need is None:
        raise NotFound
    return need


def wanted_specialties(uow: UnitOfWork) -> Sequence[tuple[str, str]]:
    """List code and name of the specialties that needs on the board ask for: what its filter offers."""
    asked = sa.select(NeedSpecialty.specialty_code).join(Need, Need.id == NeedSpecialty.need_id).where(on_board())
    found = uow.session.execute(
        sa.select(Specialty.code, Specialty.name).where(Specialty.code.in_(asked)).order_by(Specialty.code)
    )
    return [(code, name) for code, name in found.all()]


def needs(
    uow: UnitOfWork,
    ask: Ask,
    *,
    state: str | None = None,
    round: UUID | None = None,  # noqa: A002
    township: str | None = None,
    county: str | None = None,
    urgency: int | None = None,
    q: str | None = None,
    oldest_first: bool = False,
) -> Page[Need]:
    """List the needs in the actor's jurisdiction, newest first; other people's drafts are their township's alone."""
    statement = (
        gate.select(uow, Need)
        .where(sa.or_(Need.state != "draft", Need.township_code.in_(townships_of(uow.actor))))
        .options(*SHOWN)
    )
    statement = _filtered(statement, round=round, county=county, township=township, urgency=urgency, q=q)
    if state:
        statement = statement.where(Need.state == state)
    columns = (Need.created_at, Need.id)
    return page(statement, columns, ask, lambda s: _read(uow, gate.rows(uow, s)), newest_first=not oldest_first)


def waiting(uow: UnitOfWork) -> int:
    """Count the submitted needs that wait for the actor's review as their county."""
    reached = gate.visible(uow, Need, roles_for("need.approve"))
    found = sa.select(sa.func.count()).select_from(Need).where(reached, Need.state == "submitted")
    return uow.session.scalar(found) or 0


def need(uow: UnitOfWork, need_id: UUID) -> Need:
    """Give one need to the staff who work on it, with likely duplicates while it is still theirs to change."""
    return prepared(uow, _fetched(uow, need_id))


def townships_of(actor: Actor) -> frozenset[str]:
    """Give the townships for which the actor posts needs: their drafts are seen by nobody else."""
    return frozenset(code for held in actor.held if held.role == "township" for code in held.townships)


def _fetched(uow: UnitOfWork, need_id: UUID) -> Need:
    row = gate.fetch(uow, Need, need_id)
    if row.state == "draft" and row.township_code not in townships_of(uow.actor):
        raise NotFound
    return row


def prepared(uow: UnitOfWork, row: Need) -> Need:
    """Give a need as its staff see it: moves, contact and, before the board, likely duplicates (R-NEED-3)."""
    uow.session.flush()
    gate.hand_out(uow, [row])
    if row.state in {"draft", "returned", "submitted"}:
        row.duplicates = tuple(duplicates_of(uow, row))
    return _read(uow, [row])[0]


def _read(uow: UnitOfWork, rows: Sequence[Need]) -> Sequence[Need]:
    """Add what staff alone read: the contact in clear, and what WeChat and people said of the content."""
    for row in rows:
        row.contact = uow.vault.unseal(row.contact_sealed)
    return content.attach(uow, rows)


def duplicates_of(uow: UnitOfWork, row: Need) -> list[dict[str, Any]]:
    """Find open needs of the township and of its county that look like this one."""
    return list(show_duplicates(uow, [row])[0].duplicates)


_SKETCHED = (Need.id, Need.township_code, Need.title, Need.problem, Need.specialties)


def show_duplicates(uow: UnitOfWork, rows: Sequence[Need]) -> Sequence[Need]:
    """Write on each need which open needs of its county look like it (R-NEED-3); one query for all of them."""
    counties = {row.township.managing_county_code for row in rows}
    asked = sa.select(*_SKETCHED, Region.managing_county_code).join(Region, Region.code == Need.township_code)
    near = sa.and_(Region.managing_county_code.in_(counties), Region.level == "township")
    sketches: dict[str | None, list[rules.NeedSketch[UUID]]] = {}
    for need, township, title, problem, specialties, county in uow.session.execute(
        asked.where(near, Need.state.in_(OPEN))
    ):
        sketches.setdefault(county, []).append(_sketch(need, township, title, problem, specialties))
    for row in rows:
        mine = _sketch(row.id, row.township_code, row.title, row.problem, row.specialties)
        found = rules.likely_duplicates(mine, sketches.get(row.township.managing_county_code, []))
        row.duplicates = tuple({"need": one.id, "likeness": one.likeness, "reason": one.reason} for one in found[:10])
    return rows


def duplicates(uow: UnitOfWork, need_id: UUID) -> dict[str, Any]:
    """List likely duplicates of a need, the most alike first."""
    row = _fetched(uow, need_id)
    return {"items": duplicates_of(uow, row), "next": None}


def _sketch(need: UUID, township: str, title: str, problem: str, specialties: Sequence[str]) -> rules.NeedSketch[UUID]:
    return rules.NeedSketch(need, township, title, problem, frozenset(specialties))
