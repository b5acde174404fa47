"""Rounds and needs."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Code, Digest, Line, Name, Stateful, Word, Words
from models.content import ContentCheck
from models.regions import Region


class Round(Stateful):
    """A season of a city: needs, board, claims, ranking, plan (发榜批次)."""

    __tablename__ = "rounds"
    __thing__ = "round"

    city_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    county_code: Mapped[Code]
    """The city's code: a round belongs to no single county."""
    title: Mapped[Name]
    year: Mapped[int]
    needs_until: Mapped[datetime]
    claims_until: Mapped[datetime]
    ranking_until: Mapped[datetime]
    capacity_max: Mapped[int] = mapped_column(default=1)
    """The most places that the round gives to one claimant (R-CLAIM-3)."""
    county_floors: Mapped[list[Any]] = mapped_column(default=list)
    """How many pairs each county's townships should get together at least: `county`, `floor`; no other asks."""
    frozen_at: Mapped[datetime | None]
    frozen_digest: Mapped[Digest | None]
    seed: Mapped[Line | None]
    seeded_at: Mapped[datetime | None]
    seed_source: Mapped[Line | None]
    """Where and before whom the seed was drawn, in the city's words."""


class Need(Stateful):
    """What a township's farms need. `places` are the claimants it can take."""

    __tablename__ = "needs"
    __thing__ = "need"
    __table_args__ = (
        sa.CheckConstraint("places > 0", "places_positive"),
        sa.Index("ix_needs_board", "state", "created_at", "id"),
        sa.Index("ix_needs_township_code_state", "township_code", "state"),
        sa.Index("ix_needs_round_id_state", "round_id", "state"),
    )

    county_code: Mapped[Code]
    township_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    village_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("regions.code"))
    round_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("rounds.id"))
    title: Mapped[Name]
    problem: Mapped[Words]
    wanted: Mapped[Words]
    industry: Mapped[Name | None]
    specialties: Mapped[list[str]]
    form: Mapped[Word]
    places: Mapped[int]
    urgency: Mapped[int]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    contact_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    search_key: Mapped[str] = mapped_column(sa.Text)
    ranked_at: Mapped[datetime | None]
    ranked_by_role: Mapped[Word | None]
    """`county` where it ranked for a silent township (R-CLAIM-4)."""

    round: Mapped[Round | None] = relationship()
    township: Mapped[Region] = relationship(foreign_keys=township_code)
    village: Mapped[Region | None] = relationship(foreign_keys=village_code)
    duplicates: tuple[Any, ...] = ()
    """Likely duplicates, found by the query that was asked for them; never stored."""
    pairings: tuple[UUID, ...] = ()
    """Pairings that the command at work just made of it; never stored."""
    content: ContentCheck | None = None
    """The check of what strangers will read, for its staff; never stored here."""
    contact: str = ""
    """The contact in clear, for the staff who may see it; never stored."""


class NeedSpecialty(Base):
    """One specialty of a need, so that the board can filter by it with an index."""

    __tablename__ = "need_specialties"

    need_id: Mapped[UUID] = mapped_column(sa.ForeignKey("needs.id"), primary_key=True)
    specialty_code: Mapped[Code] = mapped_column(sa.ForeignKey("specialties.code"), primary_key=True, index=True)
    county_code: Mapped[Code]
