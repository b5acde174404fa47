"""What happened to a thing, step by step, as those who work on it see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from models.base import Identified
from models.journal import JournalEntry
from service.core.unit import UnitOfWork
from service.identity.queries import names

STEPS_MAX = 50


@dataclass(frozen=True)
class Step:
    """One command on the thing: when, what, who in which role, and which fields it changed."""

    at: datetime
    action: str
    name: str
    role: str | None
    fields: tuple[str, ...]


def history(uow: UnitOfWork, row: Identified) -> Sequence[Step]:
    """List the commands on a row that the gate handed out, the newest first, from the journal."""
    entries = uow.session.scalars(
        sa.select(JournalEntry)
        .where(JournalEntry.thing == row.__thing__, JournalEntry.subject_id == str(row.id))
        .order_by(JournalEntry.at.desc(), JournalEntry.id.desc())
        .limit(STEPS_MAX)
    ).all()
    who = names(uow, [entry.actor_id for entry in entries if entry.actor_id])
    return [
        Step(
            entry.at,
            entry.action,
            who.get(entry.actor_id, "") if entry.actor_id else "",
            entry.on_behalf_of,
            tuple(name for change in entry.changes for name in change.get("fields", ())),
        )
        for entry in entries
    ]
