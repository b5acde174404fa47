"""The township's word on a service that it saw: one tap, yes or no (R-VISIT-4); farmers' words come by `links.py`."""

from typing import Any
from uuid import UUID

from models.records import Record, RecordVersion
from service.core import moves
from service.core.unit import UnitOfWork
from service.records import queries
from service.records.commands import check_stranger
from service.records.posting import facts


def confirm(uow: UnitOfWork, record_id: UUID, rating: int | None = None, words: str | None = None) -> Record:
    """Confirm, as the township that was served, that the service took place.

    :raises SamePerson: if the actor wrote it or served along.
    """
    row = queries.fetch(uow, record_id, "record.confirm", lock=True)
    check_stranger(uow, row)
    moves.apply(uow, row, "confirm", **facts(row))
    row.confirmation = witness(uow, row, {"by": "township", "rating": rating, "words": words, "link_by": None})
    return queries.prepared(uow, row)


def dispute(uow: UnitOfWork, record_id: UUID, reason: str) -> Record:
    """Say, as the township, that the record is not right; an earlier word on it stays with its version."""
    row = queries.fetch(uow, record_id, "record.dispute", lock=True)
    check_stranger(uow, row)
    moves.apply(uow, row, "dispute", reason, **facts(row))
    row.confirmation = None
    witness(uow, row, {"by": "township", "disputes": reason, "link_by": None})
    return queries.prepared(uow, row)


def witness(uow: UnitOfWork, row: Record, word: dict[str, Any]) -> dict[str, Any]:
    """Put a word on the version of a record that it was given to, where it stays (R-VISIT-9), and give it."""
    said = {**word, "at": uow.now.isoformat(), "number": row.number}
    version = uow.session.get_one(RecordVersion, (row.id, row.number))
    version.confirmations = [*version.confirmations, said]
    return said
