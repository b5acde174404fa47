"""What WeChat and people say of text and pictures before strangers see them."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Code, Digest, Line, Stateful, Word


class ContentCheck(Stateful):
    """The check of one thing's public content (R-NEED-4): one row a thing, checked again when the content changes."""

    __tablename__ = "content_checks"
    __thing__ = "content"
    __table_args__ = (
        sa.UniqueConstraint("subject", "subject_id"),
        sa.Index("ix_content_checks_county_code_state", "county_code", "state", "created_at", "id"),
        sa.Index("ix_content_checks_waiting", "id", postgresql_where=sa.text("state = 'waiting'"),
                 sqlite_where=sa.text("state = 'waiting'")),
    )  # fmt: skip

    county_code: Mapped[Code]
    """The county or city whose staff decide where WeChat does not let it pass."""
    subject: Mapped[Word]
    """need, round, team, photo or confirmation_link."""
    subject_id: Mapped[UUID]
    author_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"), index=True)
    title: Mapped[Line]
    text: Mapped[str] = mapped_column(sa.String(5000))
    """The words as they were checked; empty for a picture."""
    digest: Mapped[Digest]
    """Of what was checked: other content is checked again."""
    label: Mapped[Word | None]
    """WeChat's number for what it found, or absent, down or silent where it gave no opinion."""
    why: Mapped[Line | None]
    """The same as a Chinese sentence."""
    trace_id: Mapped[Line | None] = mapped_column(unique=True)
    """WeChat's name for the check; the verdict on a picture comes under it."""
    asked_at: Mapped[datetime | None]
    """When WeChat took a picture; its verdict is to come within half an hour."""
    vouched: Mapped[bool] = mapped_column(default=False)
    """Whether another person approved the thing while the check ran: enough where WeChat judges no absent author."""

    picture: str | None = None
    """Where the picture can be seen for a while; set by the query, never stored."""
