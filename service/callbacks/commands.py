"""Take what WeChat pushed: once, sealed, whoever of the workers gets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from models.base import new_id
from models.callbacks import Callback, CallbackNonce
from service.core.problems import Forbidden
from service.core.unit import UnitOfWork
from service.core.vault import sha256_of


class CallbackRefused(Forbidden):
    """A push that is not WeChat's, is not for us, is old, or was played before; it does not say which."""

    kind, title = "callback-refused", "推送未通过校验"


@dataclass(frozen=True)
class Push:
    """A verified request: what makes it unique, and the event in it.

    :ivar same: equal for every telling of the event. :ivar text: the event as it was decrypted.
    """

    signature: str
    nonce: str
    name: str
    same: Sequence[str]
    text: str


def receive(uow: UnitOfWork, push: Push) -> None:
    """Keep a verified event for the job; one that is known already is taken without a word.

    No command of a person's, so the journal hears of it when it is handled. Request and event are kept in one
    transaction: what failed half-way may come again.

    :raises CallbackRefused: if this request, or one with this nonce, was taken before, by whichever worker.
    """
    try:
        request = {"signature": push.signature, "nonce": push.nonce, "at": datetime.now(UTC)}
        uow.session.execute(sa.insert(CallbackNonce).values(request))
    except IntegrityError:
        raise CallbackRefused from None
    make = postgresql.insert if uow.house.engine.dialect.name == "postgresql" else sqlite.insert
    event = {
        "id": new_id(),
        "same": uow.vault.digest("callback", sha256_of(list(push.same))),
        "name": push.name,
        "arrived_at": uow.now,
        "sealed": uow.vault.seal(push.text),
    }
    uow.session.execute(make(Callback).values(event).on_conflict_do_nothing(index_elements=[Callback.same]))
