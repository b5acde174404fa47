"""A copy of all that is stored about me, machine-readable: every column that refers to a person is in the inventory."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import Base
from models.records import Flag, Record, RecordVersion
from service.core.unit import UnitOfWork
from service.identity import queries as identity
from service.me.inventory import INVENTORY, Held
from service.records import queries as records

WITHHELD = frozenset(
    {
        "token_digest",
        "csrf_digest",
        "code_digest",
        "ticket_digest",
        "browser_digest",
        "phone_index",
        "fingerprint",
        "claimant_key",
        "moved_by",
        "invited_by",
        "registered_by",
        "scored_by",
        "decided_by",
        "point_mark",
    }
)
"""Digests of secrets, keys that say nothing, and who else acted: not about me, or of no use to me."""
ACT = ("id", "created_at", "action", "thing", "subject_id", "at", "state", "kind")
"""What a copy shows of rows that I made about others: that I did it, on what, and when."""


def copy(uow: UnitOfWork) -> dict[str, Any]:
    """Give a copy of everything stored about the acting person, section by section (PIPL article 45)."""
    person = identity.me(uow)
    sections = [_section(uow, held, person.id) for held in INVENTORY]
    phone = uow.vault.unseal(person.phone_sealed) if person.phone_sealed else None
    return {"made_at": uow.now, "person": person.id, "name": person.name, "phone": phone, "sections": sections}


def _section(uow: UnitOfWork, held: Held, person: UUID) -> dict[str, Any]:
    model = held.column.class_
    order = sa.inspect(model).primary_key
    rows = uow.session.scalars(sa.select(model).where(held.mine(person)).order_by(*order)).all()
    if model is Flag and held.about_me:  # what rests on somebody else's record would tell of that person
        rows = [row for row in rows if not row.theirs]
    shown = [_plain(row, held.hides(row)) if held.about_me else _act(row) for row in rows]
    if held.about_me and model in {Record, RecordVersion}:
        hushed = records.unread(uow, [row.id if model is Record else row.record_id for row in rows])
        shown = [_as_heard(values, hushed) for values in shown]
    return {"name": held.name, "title": held.title, "rows": shown}


def _plain(row: Base, hidden: frozenset[str]) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in sa.inspect(type(row)).columns}
    left_out = WITHHELD | hidden
    return {name: _text(value) for name, value in values.items() if name not in left_out and not _binary(value)}


def _as_heard(values: dict[str, Any], hushed: frozenset[str]) -> dict[str, Any]:
    """Leave out a farmer's words that nobody may read yet but who decides on them (R-NEED-4)."""
    if word := values.get("confirmation"):
        return values | {"confirmation": records.as_heard(word, hushed)}
    told = values.get("confirmations")
    return values | {"confirmations": [records.as_heard(word, hushed) for word in told]} if told else values


def _act(row: Base) -> dict[str, Any]:
    columns = sa.inspect(type(row)).columns.keys()
    return {name: _text(getattr(row, name)) for name in ACT if name in columns}


def _binary(value: Any) -> bool:
    return isinstance(value, bytes)


def _text(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
