"""What stands in public, open and closed; objections for those who answer and those who watch."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from models.publicity import Objection, Publicity
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork
from service.regions.queries import county_names

SIGNED_FOR = frozenset({"county", "county_lead"})
"""Who reads the name and contact of somebody who objects: those who answer them, in their own county."""


def takes_objections(row: Publicity, now: datetime) -> bool:
    """Say whether the window is open: from the opening on, before its end where that is known."""
    return row.state == "open" and (row.ends_at is None or now < row.ends_at)


def note_of(row: Publicity) -> str | None:
    """Say, where the end is not known, which year of the calendar is missing (R-PUB-1)."""
    if row.state != "open" or row.unknown_year is None:
        return None
    return (
        f"{row.unknown_year}年工作日安排尚未载入，公示截止时间暂不能确定；"
        f"载入{row.unknown_year}年日历后按公示开始日推算，在此之前结果不生效"
    )


def publicities(
    uow: UnitOfWork,
    ask: Ask,
    *,
    state: str | None = None,
    county: str | None = None,
    subject: str | None = None,
) -> Page[Publicity]:
    """List what stands or stood in public, newest first."""
    statement = gate.select(uow, Publicity)
    if state:
        statement = statement.where(Publicity.state == state)
    if county:
        statement = statement.where(Publicity.county_code == county)
    if subject:
        statement = statement.where(Publicity.subject == subject)
    return page(statement, (Publicity.created_at, Publicity.id), ask, lambda s: shown(uow, gate.rows(uow, s)))


def publicity(uow: UnitOfWork, publicity_id: UUID) -> Publicity:
    """Give one list, open or closed."""
    return shown(uow, [gate.fetch(uow, Publicity, publicity_id)])[0]


def shown(uow: UnitOfWork, rows: Sequence[Publicity]) -> Sequence[Publicity]:
    """Add what readers want to know: how many objected, whether one still can, why there is no end yet."""
    if not rows:
        return rows
    counted = (
        sa.select(Objection.publicity_id, sa.func.count())
        .where(Objection.publicity_id.in_([row.id for row in rows]))
        .group_by(Objection.publicity_id)
    )
    counts: dict[UUID, int] = dict(uow.session.execute(counted).all())
    counties = county_names(uow)
    for row in rows:
        row.counted = counts.get(row.id, 0)
        row.note = note_of(row)
        row.county_name = counties.get(row.county_code)
        row.open_to_objections = takes_objections(row, uow.now)
    return rows


def objections(
    uow: UnitOfWork, ask: Ask, *, state: str | None = None, publicity: UUID | None = None
) -> Page[Objection]:
    """List objections in the actor's jurisdiction, newest first; who signed is shown to the county's staff alone."""
    statement = gate.select(uow, Objection).options(joinedload(Objection.publicity))
    if state:
        statement = statement.where(Objection.state == state)
    if publicity:
        statement = statement.where(Objection.publicity_id == publicity)
    return page(statement, (Objection.created_at, Objection.id), ask, lambda s: prepared(uow, gate.rows(uow, s)))


def objection(uow: UnitOfWork, objection_id: UUID) -> Objection:
    """Give one objection to those who answer or watch."""
    return prepared(uow, [gate.fetch(uow, Objection, objection_id)])[0]


def prepared(uow: UnitOfWork, rows: Sequence[Objection]) -> Sequence[Objection]:
    """Hand objections out with their moves, and in clear who signed where the actor is the county's staff."""
    gate.hand_out(uow, rows)
    staff = [held for held in uow.actor.held if held.role in SIGNED_FOR]
    for row in rows:
        if any(gate.reaches(uow.actor, held, row) for held in staff):
            row.name, row.contact = signature(uow, row)
    return rows


def signature(uow: UnitOfWork, row: Objection) -> tuple[str, str]:
    """Give in clear who signed an objection and how they are reached."""
    signed = json.loads(uow.vault.unseal(row.signed_sealed))
    return signed["name"], signed["contact"]


def worded(uow: UnitOfWork, publicity_id: UUID, text: str) -> Sequence[Objection]:
    """List the objections to a publicity that say exactly this, whoever signed them."""
    same = sa.select(Objection).where(Objection.publicity_id == publicity_id, Objection.text == text)
    return uow.session.scalars(same.order_by(Objection.created_at, Objection.id)).all()
