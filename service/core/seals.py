"""Seals over the journal: each county's new entries, counted and chained, so that nobody changes the past unseen.

Whoever can write to the database can also make new seals; the anchor against that is a copy of the seals elsewhere
(`docs/operations.md`).
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.journal import JournalEntry, Seal
from service.core.jobs import Job
from service.core.unit import UnitOfWork, entry_digest
from service.core.vault import sha256_of

FIRST = "0" * 64
AT_ONCE = 1000
LATE = timedelta(minutes=10)
"""An entry's id is made as it is committed; one older than the seal before it by more than this was put in later."""


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong: in which county's journal, at which seal, at which entry, and what."""

    county: str
    number: int | None
    entry: UUID | None
    why: str

    def __str__(self) -> str:
        where = f"county {self.county}" + (f", seal {self.number}" if self.number else ", not sealed yet")
        return where + (f", entry {self.entry}" if self.entry else "") + f": {self.why}"


def entries_digest(entries: Sequence[tuple[UUID, str]]) -> str:
    """Give the digest over entries' ids and digests, in the order of their ids."""
    return sha256_of(["entries-v1", *([str(identity), digest] for identity, digest in entries)])


def seal_digest(county: str, number: int, values: Mapping[str, Any]) -> str:
    """Give a seal's digest over all that it says: count, entries_digest, previous, at."""
    said = [values["count"], values["entries_digest"], values["previous"], values["at"].isoformat()]
    return sha256_of(["seal-v1", county, number, *said])


def unsealed(uow: UnitOfWork) -> Sequence[str]:
    """List the counties whose journal has entries that no seal covers."""
    open_ = sa.select(JournalEntry.county_code).where(JournalEntry.seal_number.is_(None))
    return uow.session.scalars(open_.distinct().order_by(JournalEntry.county_code)).all()


def seal(uow: UnitOfWork, county: str) -> None:
    """Seal a county's new entries; two sealers at once collide on the seal's number and one of them does nothing."""
    new = (
        sa.select(JournalEntry.id, JournalEntry.digest)
        .where(JournalEntry.county_code == county, JournalEntry.seal_number.is_(None))
        .order_by(JournalEntry.id)
        .limit(AT_ONCE)
    )
    entries = [(row.id, row.digest) for row in uow.session.execute(new)]
    if not entries:
        return
    last = uow.session.scalar(sa.select(Seal).where(Seal.county_code == county).order_by(Seal.number.desc()).limit(1))
    number, previous = (last.number + 1, last.digest) if last else (1, FIRST)
    over = entries_digest(entries)
    values = {"count": len(entries), "entries_digest": over, "previous": previous, "at": uow.now}
    values["digest"] = seal_digest(county, number, values)
    uow.session.execute(sa.insert(Seal).values(county_code=county, number=number, **values))
    covered = sa.update(JournalEntry).where(JournalEntry.id.in_([identity for identity, _ in entries]))
    uow.session.execute(covered.values(seal_number=number).execution_options(synchronize_session=False))


def counts(uow: UnitOfWork) -> tuple[int, int]:
    """Count the journal's entries, and those of them that lie under a seal."""
    counted = sa.select(sa.func.count(JournalEntry.id), sa.func.count(JournalEntry.seal_number))
    entries, covered = uow.session.execute(counted).one()
    return entries, covered


def faults(uow: UnitOfWork) -> Generator[Fault]:
    """Recompute every entry's digest and every seal; give what is wrong, county by county in order.

    Finds entries that were edited, deleted, put in, moved to another place, and seals that were changed or removed.
    """
    seals: dict[str, dict[int, Seal]] = {}
    for row in uow.session.scalars(sa.select(Seal).order_by(Seal.county_code, Seal.number)):
        seals.setdefault(row.county_code, {})[row.number] = row
    statement = (
        sa.select(*JournalEntry.__table__.columns)
        .order_by(JournalEntry.county_code, JournalEntry.seal_number.is_(None), JournalEntry.seal_number)
        .order_by(JournalEntry.id)
        .execution_options(yield_per=AT_ONCE)
    )
    seen: set[str] = set()
    with uow.session.execute(statement) as rows:  # whoever stops at the first fault closes the cursor
        for county, entries in groupby(rows, key=lambda row: row.county_code):
            seen.add(county)
            yield from _county(county, seals.get(county, {}), entries)
    for county in sorted(set(seals) - seen):
        yield from _county(county, seals[county], iter(()))


def _county(county: str, seals: dict[int, Seal], rows: Iterator[Any]) -> Iterator[Fault]:
    expected, previous, newest = 1, FIRST, datetime.fromtimestamp(0, UTC) + LATE
    for number, group in groupby(rows, key=lambda row: row.seal_number):
        entries, before = [], newest
        for row in group:
            entries.append((row.id, row.digest))
            made = datetime.fromtimestamp((row.id.int >> 80) / 1000, UTC)
            newest = max(newest, made)
            if entry_digest(row._mapping) != row.digest:  # noqa: SLF001  (SQLAlchemy's public name for it)
                yield Fault(county, number, row.id, "the entry was changed")
            elif made < before - LATE:
                yield Fault(county, number, row.id, "the entry is older than the seal before it")
        if number is None:
            continue
        while expected < number:
            yield Fault(county, expected, None, "the seal or all of its entries are gone")
            previous, expected = seals[expected].digest if expected in seals else previous, expected + 1
        if number not in seals:
            yield Fault(county, number, None, "there is no such seal")
        else:
            yield from _seal(seals[number], entries, previous)
            previous = seals[number].digest
        expected = number + 1
    for number in sorted(one for one in seals if one >= expected):
        yield Fault(county, number, None, "the entries of the seal are gone")


def _seal(row: Seal, entries: list[tuple[UUID, str]], previous: str) -> Iterator[Fault]:
    county, number = row.county_code, row.number
    if row.count != len(entries):
        yield Fault(county, number, None, f"the seal covers {row.count} entries, {len(entries)} are there")
    elif row.entries_digest != entries_digest(entries):
        yield Fault(county, number, None, "its entries are not those that were sealed")
    if row.previous != previous:
        yield Fault(county, number, None, "the seal does not follow the one before it")
    if row.digest != seal_digest(county, number, vars(row)):
        yield Fault(county, number, None, "the seal was changed")


JOBS = (Job("seal", 5, "各县新日志加封", unsealed, seal),)
