"""The inbox: the truth of what somebody was told; WeChat's copy is a hint."""

from typing import Any

import sqlalchemy as sa

from models.notifications import Message
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork
from service.identity.queries import me
from service.notifications import credits as ledger


def messages(uow: UnitOfWork, ask: Ask, *, unread: bool | None = None, thing: str | None = None) -> Page[Message]:
    """List the actor's messages, newest first."""
    statement = sa.select(Message).where(Message.person_id == uow.actor.person_id)
    if unread is not None:
        statement = statement.where(Message.read_at.is_(None) if unread else Message.read_at.is_not(None))
    if thing:
        statement = statement.where(Message.thing == thing)
    return page(statement, (Message.at, Message.id), ask, lambda s: uow.session.scalars(s).all())


def subscriptions(uow: UnitOfWork) -> dict[str, Any]:
    """List the templates that the account has, with what `wx.requestSubscribeMessage` needs and the credits left.

    Of a long-term template one credit stands for any number of messages (wechat.md §B.4).
    """
    left = ledger.all_left(uow, me(uow).id)
    shown = [{**vars(one), "credits": left.get(one.template, 0)} for one in uow.ports.account.subscribable]
    return {"items": shown, "next": None}
