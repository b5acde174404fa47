"""What a journal entry says happened: one event a thing, named as its machine names the move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from models.assessments import Assessment, Sheet
from models.base import Base, Identified
from models.claims import Claim
from models.identity import Binding, RoleGrant, Team
from models.journal import JournalEntry
from models.matching import Plan, Proposal, Supplement
from models.needs import Need
from models.pairings import Pairing
from models.publicity import Objection
from models.records import Record
from rules.states import MACHINES
from service.core.unit import UnitOfWork
from service.notifications.offices import Offices

MODELS: dict[str, type[Identified]] = {
    mapper.class_.__thing__: mapper.class_
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, Identified) and hasattr(mapper.class_, "__thing__")
}
ROWLESS = frozenset({"job"})
"""Things without a row; their words are the entry's facts."""
TOGETHER: dict[str, Sequence[Any]] = {
    "need": (Need.township,),
    "claim": (Claim.need, Claim.person, Claim.team),
    "plan": (Plan.round,),
    "supplement": (Supplement.round,),
    "proposal": (Proposal.need, Proposal.person, Proposal.team),
    "objection": (Objection.publicity,),
    "pairing": (Pairing.need, Pairing.person, Pairing.team),
    "record": (Record.pairing, Record.person),
    "sheet": (Sheet.assessment, Sheet.person),
    "role": (RoleGrant.person,),
    "binding": (Binding.person,),
    "team": (Team.leader,),
    "assessment": (Assessment.scheme,),
}
"""What the words of a message take from beside the row, read with it."""


@dataclass(frozen=True)
class Event:
    """One thing that moved, or that an action of no machine was about."""

    name: str
    thing: str
    subject_id: str
    before: str | None = None
    reason: str | None = None


@dataclass
class Case:
    """An event with its row, as audiences and words look at it."""

    uow: UnitOfWork
    entry: JournalEntry
    event: Event
    row: Any
    offices: Offices
    words: dict[str, Any] = field(default_factory=dict)


def _name(change: Mapping[str, Any], entry: JournalEntry) -> str | None:
    """Name the move that a change was; the entry's own action where two moves lead the same way."""
    machine, before = MACHINES[str(change["thing"])], change.get("from")
    if before is None:
        return f"{machine.thing}.create"
    names = [
        f"{machine.thing}.{one.name}" for one in machine.moves if before in one.sources and change["to"] == one.target
    ]
    return entry.action if entry.action in names else next(iter(names), None)


def events(entry: JournalEntry) -> list[Event]:
    """Give what happened, the last move of each thing; the entry's own action where its subject did not move."""
    reasons = {str(one.get("claim")): one.get("reason") for one in entry.facts.get("lost") or ()}
    found: dict[tuple[str, str], Event] = {}
    for change in entry.changes:
        thing, identity = str(change.get("thing")), str(change.get("id"))
        if "event" in change:  # it moved nothing, and the entry may be about something else
            found[thing, identity] = Event(str(change["event"]), thing, identity)
        if not {"from", "to"} <= change.keys() or thing not in MACHINES:
            continue
        name = _name(change, entry)
        if name is not None:
            reason = change.get("reason") or (reasons.get(identity) if thing == "claim" else None)
            found[thing, identity] = Event(name, thing, identity, change.get("from"), reason)
    subject = (entry.thing, entry.subject_id)
    if subject not in found:
        found[subject] = Event(entry.action, *subject, reason=entry.facts.get("reason"))
    return list(found.values())


def cases(uow: UnitOfWork, entry: JournalEntry, wanted: Mapping[str, object]) -> list[Case]:
    """Give the events that somebody may hear of, each with its row; one query a kind of thing."""
    by_thing: dict[str, list[Event]] = {}
    for event in events(entry):
        if event.name in wanted and event.thing in MODELS:
            by_thing.setdefault(event.thing, []).append(event)
    offices = Offices(uow)
    found = [Case(uow, entry, e, None, offices) for e in events(entry) if e.name in wanted and e.thing in ROWLESS]
    for thing, heard in by_thing.items():
        model = MODELS[thing]
        ids = [UUID(event.subject_id) for event in heard]
        statement = sa.select(model).where(model.id.in_(ids))
        statement = statement.options(*(joinedload(one) for one in TOGETHER.get(thing, ())))
        rows = {str(row.id): row for row in uow.session.scalars(statement)}
        found += [Case(uow, entry, e, rows[e.subject_id], offices) for e in heard if e.subject_id in rows]
    return found
