"""Read a message, tell what WeChat's subscription dialogue said."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.notifications import Message
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.identity.queries import me
from service.notifications import credits as ledger

RESULTS = ("accept", "reject", "ban", "filter")
"""What `wx.requestSubscribeMessage` says of a template."""


def read(uow: UnitOfWork, message_id: UUID) -> Message:
    """Mark one of the actor's messages as read; a mark for its reader alone, so the journal does not hear of it.

    :raises NotFound: if it is not there or somebody else's.
    """
    mine = sa.and_(Message.id == message_id, Message.person_id == uow.actor.person_id)
    unread = sa.update(Message).where(mine, Message.read_at.is_(None)).values(read_at=uow.now)
    uow.session.execute(unread.execution_options(synchronize_session=False))
    message = uow.session.scalar(sa.select(Message).where(mine))
    if message is None:
        raise NotFound
    return message


def subscribe(uow: UnitOfWork, template: str, result: str) -> dict[str, Any]:
    """Keep what the actor answered to WeChat's subscription dialogue: an accept allows one more message of the
    template, a reject ends what was allowed before, the others change nothing.
    """
    person = me(uow)
    if result == "accept":
        ledger.accept(uow, person.id, template, uow.now, pushed=False)
    elif result == "reject":
        ledger.reject(uow, person.id, template, uow.now)
    if result in {"accept", "reject"}:
        change = {"thing": "subscription", "id": template, "from": None, "to": result}
        uow.record("person.subscribe", person, [change])
    return {"template": template, "result": result, "credits": ledger.left(uow, person.id, template)}
