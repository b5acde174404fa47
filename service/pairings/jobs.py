"""Pairings end when their term is over."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from models.pairings import Pairing
from rules.calendar import shanghai_date
from service.core import gate, moves
from service.core.unit import UnitOfWork


def due(uow: UnitOfWork) -> Sequence[UUID]:
    """List the active pairings whose last day (Shanghai) has passed."""
    past = sa.select(Pairing.id).where(Pairing.state == "active", Pairing.ends_on < shanghai_date(uow.now))
    return uow.session.scalars(past.order_by(Pairing.id)).all()


def do(uow: UnitOfWork, pairing_id: UUID) -> None:
    """End a pairing whose term is over, on its last day; doing it twice changes nothing."""
    pairing = gate.fetch(uow, Pairing, pairing_id, lock=True)
    if pairing.state == "active" and pairing.ends_on < shanghai_date(uow.now):
        moves.apply(uow, pairing, "end", "服务期满", need=str(pairing.need_id))
        pairing.ended_on = pairing.ends_on
