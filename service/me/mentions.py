"""A closed account's name in other people's inboxes: each message that told of the person says so no longer."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person
from models.journal import JournalEntry
from models.notifications import Message
from service.core.unit import UnitOfWork
from service.me.inventory import INVENTORY

AT_ONCE = 500
_NAMING = {"companions": ("record", "record_id"), "pairing_members": ("pairing", "pairing_id"),
           "team_members": ("team", "team_id")}  # fmt: skip
"""Tables whose rows name a person in a thing: which, and the column that says so."""


def replace(uow: UnitOfWork, person: Person, word: str) -> None:
    """Put another word for the name into every message about what the person did or what was theirs.

    Only there: the same characters elsewhere are a namesake's, or part of a longer name.
    """
    for about in _about(uow, person.id):
        named = sa.or_(Message.body.contains(person.name, autoescape=True), Message.fields.is_not(None))
        for message in uow.session.scalars(sa.select(Message).where(about, named).order_by(Message.id)):
            message.body = message.body.replace(person.name, word)
            message.fields = _without(message.fields, person.name, word)
    uow.session.flush()


def _about(uow: UnitOfWork, person: UUID) -> Iterator[sa.ColumnElement[bool]]:
    """Give conditions that together find the messages about a person, each over so many things."""
    acted = sa.select(JournalEntry.id).where(JournalEntry.actor_id == person)
    yield Message.entry_id.in_(acted)
    for thing, ids in _things(uow, person):
        for at in range(0, len(ids), AT_ONCE):
            mine = sa.and_(JournalEntry.thing == thing, JournalEntry.subject_id.in_(ids[at : at + AT_ONCE]))
            yield Message.entry_id.in_(sa.select(JournalEntry.id).where(mine))


def _things(uow: UnitOfWork, person: UUID) -> Iterator[tuple[str, list[str]]]:
    """Give the person's own things by kind, and those in which they are named beside others."""
    for held in INVENTORY:
        model = held.column.class_
        thing, column = _NAMING.get(model.__tablename__, (getattr(model, "__thing__", ""), "id"))
        if held.about_me and thing:
            ids = uow.session.scalars(sa.select(getattr(model, column)).where(held.mine(person)))
            yield thing, [str(one) for one in ids]


def _without(value: Any, name: str, word: str) -> Any:
    if isinstance(value, str):
        return value.replace(name, word)
    if isinstance(value, dict):
        return {key: _without(inner, name, word) for key, inner in value.items()}
    return value
