"""What every table shares: names of constraints, aware times, ids, JSON, and the columns of a thing with states."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware time in UTC: `timestamptz` on PostgreSQL, a naive UTC text on SQLite, aware in Python on both."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times; give UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def new_id() -> UUID:
    """Make an id: a UUIDv7, so that keys grow with time and indexes stay compact."""
    return uuid_utils.compat.uuid7()


Code = Annotated[str, mapped_column(sa.String(16))]
Word = Annotated[str, mapped_column(sa.String(32))]
Ref = Annotated[str, mapped_column(sa.String(40))]
Name = Annotated[str, mapped_column(sa.String(60))]
Line = Annotated[str, mapped_column(sa.String(200))]
Words = Annotated[str, mapped_column(sa.String(2000))]
Digest = Annotated[str, mapped_column(sa.String(64))]


class Base(DeclarativeBase):
    """The one metadata of all tables."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: UtcDateTime(),
        UUID: sa.Uuid(),
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
    }


class Identified(Base):
    """A thing with an id of its own, which a device may have made."""

    __abstract__ = True
    __allow_unmapped__ = True  # queries hang what they computed on a row (`moves`, `duplicates`); it is never stored
    __thing__: str
    keeps_county: ClassVar[bool] = False
    """A row with a township stays with the county it names, whoever manages the township now."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    @property
    def etag(self) -> str:
        """What `If-Match` must name: it changes with every edit and every move."""
        return f"{self.id.hex}-{self.version}"


class Stateful(Identified):
    """A thing with states. Only `service/core/moves.py` writes these columns."""

    __abstract__ = True

    state: Mapped[Word]
    state_since: Mapped[datetime]
    state_reason: Mapped[str | None] = mapped_column(sa.String(2000))
    moved_by: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Who made which move last, by move name (`create` included): the separation of duties reads it."""

    moves: Sequence[str] = ()
    """What the asking person may do now; set by the gate on every row it hands out, never stored."""
