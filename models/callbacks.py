"""What WeChat pushed to us: each event once, and what keeps a recorded push from being played again."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Digest, Line, Word, new_id


class Callback(Base):
    """A verified event. Its text is sealed, as it names people, and forgotten once it was handled."""

    __tablename__ = "callbacks"
    __table_args__ = (
        sa.Index("ix_callbacks_waiting", "id", postgresql_where=sa.text("outcome IS NULL"),
                 sqlite_where=sa.text("outcome IS NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    same: Mapped[Digest] = mapped_column(unique=True)
    """Equal for every telling of the same event: WeChat tells up to three times."""
    name: Mapped[Line]
    arrived_at: Mapped[datetime] = mapped_column(index=True)
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    outcome: Mapped[Word | None]
    """None while it waits, then handled, or ignored where nobody wants such events."""
    done_at: Mapped[datetime | None]


class CallbackNonce(Base):
    """A request of WeChat's that was accepted; neither its signature nor its nonce opens anything again. Real time."""

    __tablename__ = "callback_nonces"

    signature: Mapped[Digest] = mapped_column(primary_key=True)
    nonce: Mapped[Line] = mapped_column(unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
