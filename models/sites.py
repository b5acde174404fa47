"""Sites: the village offices, bases and cooperatives where commissioners serve again and again."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Code, Line, Stateful, Word


class Site(Stateful):
    """A place that visits are measured from. It is a place, not a person: nothing in it says who was there."""

    __tablename__ = "sites"
    __thing__ = "site"
    __table_args__ = (sa.UniqueConstraint("township_code", "kind", "name_key"),)

    county_code: Mapped[Code]
    township_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    village_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("regions.code"))
    kind: Mapped[Word]
    name: Mapped[Line]
    name_key: Mapped[Line]
    """The name folded, so that one place is not two for a full-width letter."""
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    """None once nobody's visit says any more where it is and the township did not (R-VISIT-8)."""
    radius_m: Mapped[int]
    """What counts as there."""
    source: Mapped[Word]
    """`township`: its own word; `visit`: the first accepted visit that lets it stand, to three decimals (110 m)."""

    distance_m: int | None = None
    """From the point that was asked about; set by the query, never stored."""


class SiteVisit(Base):
    """An accepted visit that says where a site is, as long as its check-in may be kept (R-VISIT-8)."""

    __tablename__ = "site_visits"

    site_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sites.id"), primary_key=True)
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("records.id"), primary_key=True, index=True)
    county_code: Mapped[Code]
    at: Mapped[datetime]
    """When the visit was accepted: the first that stands is the one that counts."""
    lat: Mapped[float]
    lon: Mapped[float]
