"""What strangers may see, what waits for a person, and the state of their own content for its authors."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from models.base import Identified
from models.content import ContentCheck
from rules.access import roles_for
from rules.content import BLOCKED, BY_STAFF, CLEAR, HELD
from service.content import links
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork

Row = TypeVar("Row", bound=Any)


def shown(model: type[Identified]) -> sa.ColumnElement[bool]:
    """Give the condition under which strangers see rows of a model (R-NEED-4): the one predicate of public queries.

    What people write must have passed, or been released by a person; what staff publish by their own act must not be
    blocked. One look into a unique index a row.
    """
    staff = model.__thing__ in BY_STAFF
    states = BLOCKED if staff else CLEAR
    mine = sa.exists().where(
        ContentCheck.subject == model.__thing__, ContentCheck.subject_id == model.id, ContentCheck.state.in_(states)
    )
    return ~mine if staff else mine


def clear(uow: UnitOfWork, rows: Iterable[Identified]) -> frozenset[UUID]:
    """Give the ids of those things that strangers may see, by what WeChat or a person said of each."""
    return _among(uow, (row.id for row in rows), CLEAR)


def blocked(uow: UnitOfWork, ids: Iterable[UUID]) -> frozenset[UUID]:
    """Give those ids whose things are risky or rejected: their words go into no message that leaves the house."""
    return _among(uow, ids, BLOCKED)


def _among(uow: UnitOfWork, ids: Iterable[UUID], states: Sequence[str]) -> frozenset[UUID]:
    asked = set(ids)
    if not asked:
        return frozenset()
    found = sa.select(ContentCheck.subject_id).where(ContentCheck.subject_id.in_(asked), ContentCheck.state.in_(states))
    return frozenset(uow.session.scalars(found))


def attach(uow: UnitOfWork, rows: Sequence[Row]) -> Sequence[Row]:
    """Write on each thing its check, for its author and for staff; one query for all of them."""
    checks = sa.select(ContentCheck).where(ContentCheck.subject_id.in_([row.id for row in rows]))
    found = {one.subject_id: one for one in uow.session.scalars(checks)} if rows else {}
    for row in rows:
        row.content = found.get(row.id)
    return rows


def contents(
    uow: UnitOfWork, ask: Ask, *, state: str | None = None, subject: str | None = None, held: bool | None = None
) -> Page[ContentCheck]:
    """List checks in the actor's jurisdiction, newest first; `held` narrows to what waits for a person."""
    statement = gate.select(uow, ContentCheck)
    if state:
        statement = statement.where(ContentCheck.state == state)
    if subject:
        statement = statement.where(ContentCheck.subject == subject)
    if held is not None:
        waits = ContentCheck.state.in_(HELD)
        statement = statement.where(waits if held else ~waits)
    columns = (ContentCheck.created_at, ContentCheck.id)
    return page(statement, columns, ask, lambda s: shown_to_staff(uow, gate.rows(uow, s)))


def content(uow: UnitOfWork, content_id: UUID) -> ContentCheck:
    """Give one check to those who decide or watch."""
    return shown_to_staff(uow, [gate.fetch(uow, ContentCheck, content_id)])[0]


def shown_to_staff(uow: UnitOfWork, rows: Sequence[ContentCheck]) -> Sequence[ContentCheck]:
    """Hand checks out with their moves, those of pictures with the address under which they can be seen for a while."""
    for row in gate.hand_out(uow, rows):
        row.picture = links.address(uow.house, row.subject_id) if row.subject == "photo" else None
    return rows


def waiting(uow: UnitOfWork) -> int:
    """Count what waits for the actor's decision."""
    reached = gate.visible(uow, ContentCheck, roles_for("content.release"))
    found = sa.select(sa.func.count()).select_from(ContentCheck).where(reached, ContentCheck.state.in_(HELD))
    return uow.session.scalar(found) or 0
