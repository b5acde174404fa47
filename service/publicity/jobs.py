"""Windows that opened before their year was known get their end once it is (R-PUB-1)."""

from uuid import UUID

import sqlalchemy as sa

from models.publicity import Publicity
from rules.calendar import publicity_window
from service.core import gate
from service.core.unit import UnitOfWork
from service.publicity import windows
from service.regions.queries import calendar


def due(uow: UnitOfWork) -> list[UUID]:
    """List the open windows without an end whose end the calendar knows by now."""
    endless = sa.select(Publicity).where(Publicity.state == "open", Publicity.ends_at.is_(None))
    rows = uow.session.scalars(endless.order_by(Publicity.id)).all()
    known = calendar(uow) if rows else None
    return [row.id for row in rows if known and publicity_window(row.opens_at, row.days, known).ends_at]


def do(uow: UnitOfWork, publicity_id: UUID) -> None:
    """Give one window its end; doing it twice changes nothing."""
    row = gate.fetch(uow, Publicity, publicity_id, lock=True)
    if row.state == "open":
        windows.complete(uow, row, calendar(uow))
