"""Publicity windows, objections."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Code, Line, Stateful, Word, Words


class Publicity(Stateful):
    """A list that stands in public for working days before it takes effect (R-PUB-1)."""

    __tablename__ = "publicities"
    __thing__ = "publicity"
    __allow_unmapped__ = True

    county_code: Mapped[Code]
    subject: Mapped[Word]
    """plan or assessment."""
    subject_id: Mapped[UUID] = mapped_column(index=True)
    title: Mapped[Line]
    items: Mapped[list[Any]]
    """The rows that the public sees: name, organisation, field, host; for grades also the grade (R-APP-4)."""
    people: Mapped[list[str]] = mapped_column(default=list)
    """Ids of those whom the list names; they decide nothing about it. Never shown."""
    opens_at: Mapped[datetime]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    ends_at: Mapped[datetime | None]
    """None while the official calendar of `unknown_year` is not loaded: nothing settles on it then."""
    unknown_year: Mapped[int | None]
    days: Mapped[int]

    objections: Mapped[list["Objection"]] = relationship(back_populates="publicity")
    counted: int = 0
    note: str | None = None
    county_name: str | None = None
    open_to_objections: bool = False
    """Set by the query that shows the list; never stored."""


class Objection(Stateful):
    """Somebody's signed objection, answered before the result takes effect (R-PUB-2)."""

    __tablename__ = "objections"
    __thing__ = "objection"
    __allow_unmapped__ = True

    county_code: Mapped[Code]
    publicity_id: Mapped[UUID] = mapped_column(sa.ForeignKey("publicities.id"), index=True)
    text: Mapped[Words]
    signed_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    answer: Mapped[str | None] = mapped_column(sa.String(2000))
    answered_at: Mapped[datetime | None]

    publicity: Mapped[Publicity] = relationship(back_populates="objections")
    name: str | None = None
    contact: str | None = None
    """Who signed, in clear, for the county's staff alone; never stored."""


class PublicityDays(Base):
    """A jurisdiction's own length of publicity in working days; a county without a row takes its city's (R-PUB-1)."""

    __tablename__ = "publicity_days"

    region_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"), primary_key=True)
    days: Mapped[int]
