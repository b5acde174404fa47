"""Regions, specialties, organisations and the official calendar: reference data that staff can edit."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Code, Line, Name, Word


class Region(Base):
    """Province, city, county, township or village, keyed by its statistical code."""

    __tablename__ = "regions"
    __thing__ = "region"

    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Name]
    level: Mapped[Word] = mapped_column(index=True)
    kind: Mapped[Word | None]
    parent_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("regions.code"), index=True)
    county_code: Mapped[Code | None] = mapped_column(index=True)
    """The county in the code (townships and villages)."""
    managing_county_code: Mapped[Code | None] = mapped_column(index=True)
    """The county that manages it; jurisdiction goes by this one."""
    city_code: Mapped[Code | None] = mapped_column(index=True)
    """The city of the managing county; for a county, its city; for a city, itself."""
    agricultural: Mapped[bool] = mapped_column(default=False)
    basis: Mapped[Line | None]
    confirmed: Mapped[bool] = mapped_column(default=False)
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    radius_m: Mapped[int | None]
    outline: Mapped[dict[str, Any] | None]
    aliases: Mapped[Line | None]
    edited_at: Mapped[datetime | None]
    """Set when staff changed the row; loading the roster again then leaves it alone."""
    version: Mapped[int] = mapped_column(default=1)

    @property
    def etag(self) -> str:
        """What `If-Match` must name."""
        return f"{self.code}-{self.version}"


class Specialty(Base):
    """A field of work or knowledge (GB/T 4754, GB/T 13745, local products, kinds of help)."""

    __tablename__ = "specialties"

    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Name]
    parent_code: Mapped[Code | None]
    level: Mapped[int | None]
    local: Mapped[bool] = mapped_column(default=False)
    maps_to: Mapped[list[str]]


class Organisation(Base):
    """A body that dispatches commissioners or takes part otherwise."""

    __tablename__ = "organisations"

    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Name]
    kind: Mapped[Word]
    city: Mapped[Name | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    disciplines: Mapped[list[str]]


class Holiday(Base):
    """A day of a known calendar year on which the official calendar differs from Monday-to-Friday."""

    __tablename__ = "holidays"

    day: Mapped[date] = mapped_column(primary_key=True)
    workday: Mapped[bool]
    note: Mapped[Name | None]


class CalendarYear(Base):
    """A year whose official calendar is loaded; windows never run into a year that is not here (R-PUB-1)."""

    __tablename__ = "calendar_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[Line]
