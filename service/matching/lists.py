"""The lists that a run reads: those of the freeze, or of the newest supplement that was closed since (R-MATCH-2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.matching import Freeze, Supplement
from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class Lists:
    """Frozen inputs with the instance that was published of them, its digest, and the link of the chain.

    A later supplement only appends: what is on earlier lists keeps its place there. `number` is the supplement's, 0 for
    the freeze: two lists may have one digest, for instances do not name claims.
    """

    inputs: Mapping[str, Any]
    instance: Mapping[str, Any]
    digest: str
    chain: str
    number: int


def newest(uow: UnitOfWork, round_id: UUID) -> Lists | None:
    """Give the lists that runs read now; None before the freeze."""
    closed = sa.select(Supplement).where(Supplement.round_id == round_id, Supplement.state == "closed")
    last = uow.session.scalar(closed.order_by(Supplement.number.desc()).limit(1))
    return _of_freeze(uow, round_id) if last is None else _of_supplement(last)


def numbered(uow: UnitOfWork, round_id: UUID, number: int) -> Lists | None:
    """Give the lists of that number: what an earlier run knew."""
    if not number:
        return _of_freeze(uow, round_id)
    same = sa.select(Supplement).where(Supplement.round_id == round_id, Supplement.number == number)
    found = uow.session.scalar(same)
    return None if found is None else _of_supplement(found)


def _of_freeze(uow: UnitOfWork, round_id: UUID) -> Lists | None:
    row = uow.session.scalar(sa.select(Freeze).where(Freeze.round_id == round_id))
    return None if row is None else Lists(row.inputs, row.instance, row.digest, row.digest, 0)


def _of_supplement(row: Supplement) -> Lists:
    return Lists(row.inputs or {}, row.instance or {}, row.digest or "", row.chain or "", row.number)
