"""The journal (audit and outbox in one), its seals, and what the machinery itself must remember."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Code, Digest, Line, Ref, Word, new_id


class JournalEntry(Base):
    """One command, with all that it changed. Append-only."""

    __tablename__ = "journal"
    __table_args__ = (
        sa.Index("ix_journal_subject", "thing", "subject_id"),
        sa.Index("ix_journal_unsealed", "county_code", "id", postgresql_where=sa.text("seal_number IS NULL"),
                 sqlite_where=sa.text("seal_number IS NULL")),
        sa.Index("ix_journal_pending", "id", postgresql_where=sa.text("fanned_at IS NULL"),
                 sqlite_where=sa.text("fanned_at IS NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_code: Mapped[Code]
    actor_id: Mapped[UUID | None]
    on_behalf_of: Mapped[Word | None]
    """The role in which the actor acted; `system`, `operator` or `public` where no person did."""
    action: Mapped[Line]
    thing: Mapped[Word]
    subject_id: Mapped[Ref]
    changes: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    """What the messages about this entry need and the rows may no longer say; never personal data."""
    at: Mapped[datetime]
    trace: Mapped[Word]
    digest: Mapped[Digest]
    seal_number: Mapped[int | None]
    fanned_at: Mapped[datetime | None]
    """When the worker turned the entry into messages; outside the digest, as is the seal's number."""


class Seal(Base):
    """A county's seal over its new entries: count, digest over theirs, digest of the seal before."""

    __tablename__ = "seals"

    county_code: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    entries_digest: Mapped[Digest]
    previous: Mapped[Digest]
    digest: Mapped[Digest]
    at: Mapped[datetime]


class Reply(Base):
    """The first answer to a creating request, kept with its effect (idempotency)."""

    __tablename__ = "replies"

    owner: Mapped[Digest] = mapped_column(primary_key=True)
    key: Mapped[Line] = mapped_column(primary_key=True)
    request_digest: Mapped[Digest]
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    location: Mapped[Line | None]
    at: Mapped[datetime] = mapped_column(index=True)


class Lease(Base):
    """Who holds a right that only one process may hold, until when on real time, with a fencing number."""

    __tablename__ = "leases"

    name: Mapped[Line] = mapped_column(primary_key=True)
    holder: Mapped[Line]
    until: Mapped[datetime]
    fence: Mapped[int] = mapped_column(default=1)


class JobRun(Base):
    """One run of a job for one slot; the key makes a second run of the same slot impossible."""

    __tablename__ = "job_runs"

    job: Mapped[Word] = mapped_column(primary_key=True)
    slot: Mapped[datetime] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)


class JobFailure(Base):
    """An item that a job could not do: it waits longer after each try and is parked after the last, others go on."""

    __tablename__ = "job_failures"

    job: Mapped[Word] = mapped_column(primary_key=True)
    item: Mapped[Line] = mapped_column(primary_key=True)
    tries: Mapped[int]
    try_after: Mapped[datetime | None]
    """None: parked, nobody tries again until an operator runs the job by hand."""
    kind: Mapped[Line]
    """The class of the last error; never its text, which may quote data."""


class DiscardedFile(Base):
    """A file whose last reference may be gone; a job removes it once it is, outside the transaction that said so."""

    __tablename__ = "discarded_files"

    sha256: Mapped[Digest] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Beat(Base):
    """The last sign of life of a part of the system (worker, verified backup), for `/readyz`."""

    __tablename__ = "beats"

    name: Mapped[Word] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]


class WechatToken(Base):
    """The access token that all processes share, encrypted."""

    __tablename__ = "wechat_tokens"

    appid: Mapped[Word] = mapped_column(primary_key=True)
    token: Mapped[bytes] = mapped_column(sa.LargeBinary)
    expires_at: Mapped[datetime]
