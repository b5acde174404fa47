"""Service records, their versions, companions, photos, links for farmers, and contents that came second."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Code, Digest, Identified, Line, Stateful, Word, Words
from models.identity import Person
from models.pairings import Pairing
from models.regions import Region
from rules.calendar import shanghai_date
from rules.versions import Change


class Record(Stateful):
    """One visit or remote service of a commissioner (R-VISIT-1); the columns hold its current version."""

    __tablename__ = "records"
    __thing__ = "record"
    __table_args__ = (
        sa.Index("ix_records_county_code_state_started_at", "county_code", "state", "started_at", "id"),
        sa.Index("ix_records_township_code_state_started_at", "township_code", "state", "started_at", "id"),
        sa.Index("ix_records_person_id_started_at", "person_id", "started_at", "id"),
        sa.Index("ix_records_device", "person_id", "device_id", "device_seq"),
        sa.Index("ix_records_point_mark", "person_id", "point_mark"),
    )

    county_code: Mapped[Code]
    township_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    pairing_id: Mapped[UUID] = mapped_column(sa.ForeignKey("pairings.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    team_id: Mapped[UUID | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    form: Mapped[Word]
    kind: Mapped[Word]
    village_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("regions.code"))
    place_name: Mapped[Line | None]
    place_kind: Mapped[Word | None]
    """What the named place is (`rules/sites.py`), where it is a site."""
    site_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("sites.id"))
    done: Mapped[Words]
    next: Mapped[str | None] = mapped_column(sa.String(2000))
    counters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    check_in: Mapped[dict[str, Any] | None]
    """The point as received (rounded to four decimals) and as WGS-84; None without a living consent (R-VISIT-2)."""
    distance_m: Mapped[int | None]
    point_mark: Mapped[Digest | None]
    """Keyed digest of the position to its last digit, to tell one that comes back; it goes with the check-in."""
    photos: Mapped[list[str]] = mapped_column(default=list)
    travel_dates: Mapped[list[str]] = mapped_column(default=list)
    """Shanghai dates of it (ISO 8601) that were spent on the road only (R-VISIT-7)."""
    device: Mapped[dict[str, Any] | None]
    device_id: Mapped[Line | None]
    device_seq: Mapped[int | None]
    number: Mapped[int] = mapped_column(default=1)
    """The version of its content; 1 is the first that was submitted."""
    fingerprint: Mapped[Digest]
    """Keyed digest of what the device sent first: tells the same content from another under one id (R-VISIT-5)."""
    received_at: Mapped[datetime]
    """When it was first submitted; while it is a draft, when it first arrived."""
    confirmation: Mapped[dict[str, Any] | None]
    """The word on this version of those who were served: by whom, rating, words, when (R-VISIT-4)."""

    pairing: Mapped[Pairing] = relationship()
    person: Mapped[Person] = relationship()
    township: Mapped[Region] = relationship(foreign_keys=township_code)
    village: Mapped[Region | None] = relationship(foreign_keys=village_code)
    companions: Mapped[list["Companion"]] = relationship(order_by="Companion.person_id", cascade="all, delete-orphan")
    versions: Mapped[list["RecordVersion"]] = relationship(order_by="RecordVersion.number")
    flags: Mapped[list["Flag"]] = relationship(
        order_by="Flag.id", cascade="all, delete-orphan", foreign_keys="Flag.record_id"
    )

    notices: tuple[str, ...] = ()
    """What the author is told about this sending (R-VISIT-2); never stored."""
    shows_evidence: bool = False
    """Whether the asking person sees check-in, distance and flags; set by the query, never stored."""
    reviewed: bool = False
    """Whether the asking person reviews it; set by the query, never stored."""
    shown_flags: Sequence["Flag"] = ()
    """The hints that the asking person sees; set by the query, never stored."""
    hushed: frozenset[str] = frozenset()
    """Links whose farmer's words the asking person may not read yet; set by the query, never stored."""
    present: frozenset[str] = frozenset()
    """Which of its photos have arrived; set by the query, never stored."""

    @property
    def title(self) -> str:
        """What a list calls it: who served when and where."""
        return f"{self.person.name} {shanghai_date(self.started_at):%m-%d} {self.township.name}"


class Flag(Stateful):
    """A hint for reviewers that a record deserves a second look (R-VISIT-3); it refuses and lowers nothing.

    While it is open it stands and falls with what it rests on; once cleared by a person it stays, as cleared.
    """

    __tablename__ = "flags"
    __thing__ = "flag"
    __table_args__ = (sa.Index("ix_flags_record_id_state", "record_id", "state"),)

    county_code: Mapped[Code]
    township_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"))
    code: Mapped[Word]
    reason: Mapped[Line]
    other_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("records.id"), index=True)
    """The record that it rests on, if it rests on another."""
    theirs: Mapped[bool]
    """Whether that one is somebody else's: then the flag is for reviewers alone."""
    cleared_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"))

    clearer: Mapped[Person | None] = relationship()

    shown_other: UUID | None = None
    """The record that it rests on, where the asking person may see that one; set by the query, never stored."""


class RecordVersion(Base):
    """One version of a record's content, linked to the one before by its digest (R-VISIT-6). Never changed."""

    __tablename__ = "record_versions"
    __allow_unmapped__ = True  # for what the query hangs on it

    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    county_code: Mapped[Code]
    content: Mapped[dict[str, Any]]
    """All fields; of the check-in only a digest, so that the point itself can be removed one day (R-VISIT-8)."""
    check_in: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None] = mapped_column(sa.String(2000))
    at: Mapped[datetime]
    previous: Mapped[Digest | None]
    digest: Mapped[Digest]
    confirmations: Mapped[list[Any]] = mapped_column(default=list)
    """Every word given on this version; it stays with it (R-VISIT-9)."""

    shows_evidence: bool = False
    """As its record's; set by the query, never stored."""
    hushed: frozenset[str] = frozenset()
    """As its record's; set by the query, never stored."""
    changes: Sequence[Change] = ()
    """What it changed, as far as the asking person may see it; set by the query, never stored."""


class RecordConflict(Stateful):
    """Other content that came under a known record's id; its author keeps or discards it (R-VISIT-5)."""

    __tablename__ = "record_conflicts"
    __thing__ = "conflict"
    __table_args__ = (sa.UniqueConstraint("record_id", "fingerprint"),)

    county_code: Mapped[Code]
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    fingerprint: Mapped[Digest]
    content: Mapped[dict[str, Any]]
    draft: Mapped[bool]
    located: Mapped[dict[str, Any] | None]
    """Its check-in as it was judged and rounded on arrival."""


class Companion(Base):
    """Somebody who served along; their day counts on acceptance and they may object (R-VISIT-7)."""

    __tablename__ = "companions"

    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), primary_key=True, index=True)
    county_code: Mapped[Code]
    objected_at: Mapped[datetime | None]
    objection: Mapped[str | None] = mapped_column(sa.String(2000))

    person: Mapped[Person] = relationship()


class ConfirmationLink(Identified):
    """A one-time link with which a farmer confirms a version without an account (R-VISIT-4)."""

    __tablename__ = "confirmation_links"
    __thing__ = "confirmation_link"

    county_code: Mapped[Code]
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), index=True)
    number: Mapped[int]
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    code_digest: Mapped[Digest] = mapped_column(unique=True)
    """Of the short code that leads to the same page where it is typed in."""
    made_by: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    made_as: Mapped[Word]
    """commissioner or township: a link from the author's own hand is marked as such."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    answer: Mapped[Word | None]
    """confirm or dispute, once it was used."""

    record: Mapped[Record] = relationship()


class Photo(Identified):
    """A photo by the digest of what its owner's device sent; what is kept is a re-encoded copy without metadata."""

    __tablename__ = "photos"
    __thing__ = "photo"
    __table_args__ = (sa.UniqueConstraint("owner_id", "sha256"),)

    owner_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    sha256: Mapped[Digest] = mapped_column(index=True)
    county_code: Mapped[Code]
    kept_sha256: Mapped[Digest]
    thumb_sha256: Mapped[Digest]
    media_type: Mapped[Word]
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    looks: Mapped[Digest | None]
    """What tells it from others whatever its size and encoding; None where there is nothing to tell."""

    known: bool = False
    """Whether it was there before this request; never stored."""


class PhotoUpload(Identified):
    """A photo that comes in chunks; they lie in the file store under this id, and the store says which are there."""

    __tablename__ = "photo_uploads"
    __thing__ = "photo_upload"
    __table_args__ = (
        sa.Index(
            "uq_photo_uploads_open",
            "owner_id",
            "sha256",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_photo_uploads_ended_at_created_at", "ended_at", "created_at"),
    )

    owner_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    sha256: Mapped[Digest]
    county_code: Mapped[Code]
    bytes: Mapped[int]
    """As declared when it was begun: what its chunks come to."""
    ended_at: Mapped[datetime | None]
    """Since when no chunk is taken any more: the photo is there, or was given up; a job removes what is left."""


class RecordPhoto(Base):
    """A photo that some version of a record names; it may arrive later or never."""

    __tablename__ = "record_photos"

    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), primary_key=True)
    sha256: Mapped[Digest] = mapped_column(primary_key=True, index=True)
    county_code: Mapped[Code]


class PhotoMark(Base):
    """A mark under which a photo that looks like another is found without comparing all (`rules/likeness.py`)."""

    __tablename__ = "photo_marks"
    __table_args__ = (sa.Index("ix_photo_marks_photo_id", "photo_id"),)

    mark: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    photo_id: Mapped[UUID] = mapped_column(sa.ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True)
    county_code: Mapped[Code]


class TextMark(Base):
    """A mark under which a record whose words are another's is found without comparing all (`rules/likeness.py`)."""

    __tablename__ = "text_marks"
    __table_args__ = (
        sa.Index("ix_text_marks_record_id", "record_id"),
        {"sqlite_with_rowid": False},  # the key is nearly the whole row
    )

    mark: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), primary_key=True)
    county_code: Mapped[Code]
    sketch: Mapped[int] = mapped_column(sa.BigInteger)
    """The same on every mark of a record: whoever shares a mark is compared only if this is nearly the same too."""
