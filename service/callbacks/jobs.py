"""What WeChat told us is acted on: each event once, in a transaction of its own."""

from collections.abc import Callable, Sequence
from uuid import UUID

import sqlalchemy as sa

from models.callbacks import Callback
from service.content import commands as content
from service.core.jobs import Job
from service.core.ports import Event
from service.core.unit import UnitOfWork
from service.me import withdrawals
from service.notifications import credits as ledger

BATCH = 500
Handler = Callable[[UnitOfWork, Event], None]

HANDLERS: dict[str, Handler] = {
    "subscribe_msg_popup_event": ledger.heard,
    "subscribe_msg_change_event": ledger.heard,
    "subscribe_msg_sent_event": ledger.heard,
    "user_authorization_revoke": withdrawals.revoked,
    "user_authorization_cancellation": withdrawals.cancelled,
    "wxa_media_check": content.heard,
}
"""By WeChat's name of the event, who acts on it; a name that is not here is ignored. A handler that raises is asked
again later, and parked after the last try, like every job's item.
"""


def waiting(uow: UnitOfWork) -> Sequence[UUID]:
    """List the events that nobody acted on yet, as they arrived."""
    unhandled = sa.select(Callback.id).where(Callback.outcome.is_(None)).order_by(Callback.id)
    return uow.session.scalars(unhandled.limit(BATCH)).all()


def handle(uow: UnitOfWork, callback_id: UUID) -> None:
    """Act on one event and forget its text; whoever comes second finds it done.

    :raises ValueError: if the event does not say what events of its name say.
    """
    row = uow.session.execute(
        sa.select(Callback.name, Callback.sealed)
        .where(Callback.id == callback_id, Callback.outcome.is_(None))
        .with_for_update()
    ).first()
    if row is None:
        return
    handler = HANDLERS.get(row.name)
    if handler is not None:
        handler(uow, uow.ports.account.read_event(uow.vault.unseal(row.sealed)))
    done = {"outcome": "handled" if handler else "ignored", "sealed": None, "done_at": uow.now}
    mine = sa.update(Callback).where(Callback.id == callback_id)
    uow.session.execute(mine.values(**done).execution_options(synchronize_session=False))


JOBS = (Job("callbacks", 2, "处理微信推送的事件", waiting, handle),)
