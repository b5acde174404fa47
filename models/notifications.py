"""Messages to people and what WeChat lets us send them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Code, Line, Ref, Word, new_id


class Message(Base):
    """One message of one journal entry to one person. The inbox is the truth, WeChat's copy is a hint."""

    __tablename__ = "messages"
    __table_args__ = (
        sa.UniqueConstraint("entry_id", "person_id", "kind"),
        sa.Index("ix_messages_person_id_at", "person_id", "at", "id"),
        sa.Index("ix_messages_unsent", "id", postgresql_where=sa.text("wechat_state = 'waiting'"),
                 sqlite_where=sa.text("wechat_state = 'waiting'")),
        sa.Index("ix_messages_parked", "id", postgresql_where=sa.text("wechat_state = 'parked'"),
                 sqlite_where=sa.text("wechat_state = 'parked'")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    county_code: Mapped[Code]
    entry_id: Mapped[UUID]
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    kind: Mapped[Word]
    title: Mapped[Line]
    body: Mapped[str] = mapped_column(sa.String(2000))
    thing: Mapped[Word]
    subject_id: Mapped[Ref]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    template: Mapped[Word | None]
    fields: Mapped[dict[str, Any] | None]
    account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("wechat_accounts.id"))
    """An earlier WeChat user of the person, whom the copy goes to; None: the one the person has when it is sent."""
    wechat_state: Mapped[Word]
    """none (inbox alone), waiting, sent, refused, parked."""
    tries: Mapped[int] = mapped_column(default=0)
    try_after: Mapped[datetime | None]


class Credit(Base):
    """How many subscription messages of a template a person's WeChat will still take."""

    __tablename__ = "credits"

    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), primary_key=True)
    template: Mapped[Line] = mapped_column(primary_key=True)
    count: Mapped[int]
    rejected_at: Mapped[datetime | None]
    """When the person last refused the template: what they accepted before that is worth nothing any more."""


class Accept(Base):
    """One tap on "accept", told by the mini-program, by WeChat's push, or by both; it is one credit however often told.

    Kept for some days only, in which the other telling or a late refusal may arrive.
    """

    __tablename__ = "accepts"
    __table_args__ = (sa.Index("ix_accepts_person_id_template_at", "person_id", "template", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    template: Mapped[Line]
    at: Mapped[datetime] = mapped_column(index=True)
    reported: Mapped[bool]
    """The mini-program told it."""
    pushed: Mapped[bool]
    """WeChat told it."""
