"""The two chains that show tampering (R-VISIT-6): a record's versions, and its device's own sequence."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.identity import Person
from models.journal import JournalEntry
from models.records import Record, RecordConflict, RecordVersion
from rules.sequence import FIRST, Item, Told, judge_sequence
from service.core import gate
from service.core.paging import Ask, Page, page
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


@dataclass(frozen=True)
class Sequences:
    """A person whose devices number what they send, and what of each device has arrived."""

    id: UUID
    name: str
    devices: list[dict[str, Any]]


def devices(uow: UnitOfWork, person_id: UUID) -> dict[str, Any]:
    """Tell which numbers of a person's devices have not arrived: to themselves, and to who reviews records of them.

    :raises NotFound: if the actor is neither.
    """
    own = person_id == uow.actor.person_id
    seen = set() if own else _seen(uow, [person_id])
    if not own and not seen:
        raise NotFound
    told = _told(uow, [person_id])
    return {"person": person_id, "devices": _those(told, person_id, None if own else seen)}


def sequences(uow: UnitOfWork, ask: Ask, *, gaps: bool = False, commissioner: UUID | None = None) -> Page[Sequences]:
    """List those whose records the actor reviews, by name, with the sequences of the devices they came from.

    :param gaps: those alone of whom a number has not arrived.
    """
    seen = _reviewed(uow)
    people: Any = sa.select(Person.id, Person.name).where(Person.id.in_(sa.select(seen.subquery().c.person_id)))
    if gaps:
        people = people.where(Person.id.in_(_with_gaps(seen)))
    if commissioner is not None:
        people = people.where(Person.id == commissioner)

    def fetch(statement: sa.Select[Any]) -> Sequence[Sequences]:
        rows = uow.session.execute(statement).all()
        ids = [row.id for row in rows]
        told, shown = _told(uow, ids), _seen(uow, ids)
        return [Sequences(row.id, row.name, _those(told, row.id, shown)) for row in rows]

    return page(people, (Person.name, Person.id), ask, fetch, newest_first=False)


def _reviewed(uow: UnitOfWork) -> sa.Select[Any]:
    """The people and devices of the records that the actor reviews."""
    given: Any = sa.select(Record.person_id, Record.device_id)
    given = given.where(Record.state != "draft", Record.device_id.is_not(None))
    return given.where(gate.visible(uow, Record, REVIEWERS)).distinct()  # type: ignore[no-any-return]


def _seen(uow: UnitOfWork, people: Collection[UUID]) -> set[tuple[UUID, str]]:
    found = uow.session.execute(_reviewed(uow).where(Record.person_id.in_(people)))
    return {(row.person_id, row.device_id) for row in found}


def _with_gaps(seen: sa.Select[Any]) -> sa.Select[Any]:
    """The people of whom one of these devices counted further than what of it has arrived."""
    sent = sa.union_all(*(
        statement.add_columns(device["id"].as_string().label("device"), device["seq"].as_integer().label("seq"))
        for statement, device in _sources()
    )).subquery()  # fmt: skip
    person = sent.c.person_id
    known = sa.select(person).where(sa.tuple_(person, sent.c.device).in_(seen), sent.c.seq >= FIRST)
    counted = known.group_by(person, sent.c.device)
    return counted.having(sa.func.count(sent.c.seq.distinct()) < sa.func.max(sent.c.seq))


def _those(
    told: Mapping[tuple[UUID, str], Told], person: UUID, shown: Collection[tuple[UUID, str]] | None
) -> list[dict[str, Any]]:
    keys = sorted(key for key in told if key[0] == person and (shown is None or key in shown))
    return [_shown(device, told[person, device]) for _, device in keys]


def _shown(device: str, told: Told) -> dict[str, Any]:
    return {
        "device": device,
        "last": told.last,
        "arrived": told.arrived,
        "missing": [gap._asdict() for gap in told.missing],
        "twice": told.twice,
        "broken": told.broken,
    }


def _sources() -> list[tuple[sa.Select[Any], Any]]:
    """What devices sent, each with its person and place: versions, drafts and contents that came second alike."""
    return [
        (sa.select(Record.person_id).join(RecordVersion), RecordVersion.content["device"]),
        (sa.select(RecordConflict.person_id), RecordConflict.content["device"]),
        (sa.select(Record.person_id).where(Record.state == "draft"), Record.device),
    ]


def _told(uow: UnitOfWork, people: Collection[UUID]) -> dict[tuple[UUID, str], Told]:
    """Judge the sequence of each device of these people."""
    items: dict[tuple[UUID, str], set[Item]] = {}
    for statement, device in _sources():
        mine = statement.add_columns(device.label("device")).where(statement.selected_columns[0].in_(people))
        for person, one in uow.session.execute(mine):
            if one:
                items.setdefault((person, one["id"]), set()).add(Item(one["seq"], one["digest"], one["previous"]))
    return {key: judge_sequence(found) for key, found in items.items()}


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
