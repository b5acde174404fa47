"""The two chains that show tampering (R-VISIT-6): a record's versions, and its device's own sequence."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.journal import JournalEntry
from models.records import Record, RecordConflict, RecordVersion
from rules.sequence import Item, Told, judge_sequence
from service.core import gate
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.core.vault import sha256_of
from service.records.arrivals import content_of, version_digest
from service.records.queries import REVIEWERS

AT_ONCE = 500


def item_digest(item: Mapping[str, Any]) -> str:
    """Give the digest of an item as its device sent it, which the device's next item names as `previous`.

    It is the SHA-256 of its JSON with sorted keys, no spaces, in UTF-8. The check-in is left out: a digest of the
    precise point would give the point away to whoever tries all that lie nearby (R-VISIT-3).
    """
    return sha256_of({name: value for name, value in item.items() if name != "check_in"})


def devices(uow: UnitOfWork, person_id: UUID) -> dict[str, Any]:
    """Tell which numbers of a person's devices have not arrived: to themselves, and to who reviews records of them.

    :raises NotFound: if the actor is neither.
    """
    own = person_id == uow.actor.person_id
    reviewed = sa.select(Record.device_id).where(Record.person_id == person_id, Record.state != "draft")
    seen = set() if own else set(uow.session.scalars(reviewed.where(gate.visible(uow, Record, REVIEWERS)).distinct()))
    if not own and not seen:
        raise NotFound
    told = _told(uow, person_id)
    return {"person": person_id, "devices": [_shown(one, told[one]) for one in sorted(told) if own or one in seen]}


def _shown(device: str, told: Told) -> dict[str, Any]:
    return {
        "device": device,
        "last": told.last,
        "arrived": told.arrived,
        "missing": [gap._asdict() for gap in told.missing],
        "twice": told.twice,
        "broken": told.broken,
    }


def _told(uow: UnitOfWork, person_id: UUID) -> dict[str, Told]:
    """Judge the sequence of each device: all that it sent, versions, drafts and contents that came second alike."""
    asked = (
        sa.select(RecordVersion.content["device"]).join(Record).where(Record.person_id == person_id),
        sa.select(RecordConflict.content["device"]).where(RecordConflict.person_id == person_id),
        sa.select(Record.device).where(Record.person_id == person_id, Record.state == "draft"),
    )
    items: dict[str, set[Item]] = {}
    for statement in asked:
        for one in uow.session.scalars(statement):
            if one:
                items.setdefault(one["id"], set()).add(Item(one["seq"], one["digest"], one["previous"]))
    return {device: judge_sequence(found) for device, found in items.items()}


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a record: at which version, and what."""

    record: str
    number: int
    why: str

    def __str__(self) -> str:
        return f"record {self.record}, version {self.number}: {self.why}"


def faults(uow: UnitOfWork) -> Generator[Fault]:
    """Recompute every version of every record and its links; give what is wrong, record by record.

    Each version's digest stands in the journal too, under its seals: whoever makes a new chain is found there.
    """
    told = _journaled(uow)
    together = (selectinload(Record.versions), selectinload(Record.companions))
    statement = sa.select(Record).options(*together).order_by(Record.id).execution_options(yield_per=AT_ONCE)
    with uow.session.scalars(statement) as rows:  # whoever stops at the first fault closes the cursor
        for row in rows:
            yield from _faults_of(row, told)
            for version in row.versions:
                told.pop(version.digest, None)
    for record in sorted(told.values()):
        yield Fault(record, 0, "the journal tells of a version that is gone")


def counts(uow: UnitOfWork) -> tuple[int, int]:
    """Count the records that were handed in, and their versions."""
    records = sa.select(sa.func.count()).select_from(Record).where(Record.state != "draft")
    versions = sa.select(sa.func.count()).select_from(RecordVersion)
    return uow.session.scalar(records) or 0, uow.session.scalar(versions) or 0


def _journaled(uow: UnitOfWork) -> dict[str, str]:
    """Give the record of each version's digest that the journal tells of."""
    facts = JournalEntry.facts
    record = sa.func.coalesce(facts["record"].as_string(), JournalEntry.subject_id)
    made = ("record.submit", "record.correct", "conflict.keep")
    statement = sa.select(facts["digest"].as_string(), record).where(JournalEntry.action.in_(made))
    return {digest: str(one) for digest, one in uow.session.execute(statement) if digest}


def _faults_of(row: Record, told: Mapping[str, str]) -> Iterator[Fault]:
    previous, identity = None, str(row.id)
    for number, version in enumerate(row.versions, 1):
        said = [version.content, version.reason]
        if version.number != number:
            yield Fault(identity, number, "the version is gone")
            return
        if version.digest != version_digest(row.id, number, version.previous, said, version.at):
            yield Fault(identity, number, "the version was changed")
        elif version.previous != previous:
            yield Fault(identity, number, "it does not follow the version before it")
        elif told.get(version.digest) != identity:
            yield Fault(identity, number, "the journal does not know the version")
        elif version.check_in is not None and sha256_of(version.check_in) != version.content["check_in"]:
            yield Fault(identity, number, "its check-in was changed")
        previous = version.digest
    if len(row.versions) != (0 if row.state == "draft" else row.number):
        yield Fault(identity, row.number, "the version is gone")
    elif row.versions and not _stands(row, row.versions[-1].content):
        yield Fault(identity, row.number, "the record is not what its last version says")


def _stands(row: Record, content: Mapping[str, Any]) -> bool:
    """Say whether a record shows its last version; a check-in that was removed (R-VISIT-8) is missing rightly."""
    now = content_of(row)
    return now | {"check_in": content["check_in"]} == content and now["check_in"] in {None, content["check_in"]}
