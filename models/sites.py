"""Sites: the village offices, bases and cooperatives where commissioners serve again and again."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Code, Line, Stateful, Word


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
    lat: Mapped[float]
    lon: Mapped[float]
    radius_m: Mapped[int]
    """What counts as there."""
    source: Mapped[Word]
    """`township`: its own word; `visit`: the first accepted visit, to three decimals (about 110 m)."""

    distance_m: int | None = None
    """From the point that was asked about; set by the query, never stored."""
