"""Idempotency: the first answer to a creating request is kept in the transaction of its effect."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from models.journal import Reply
from service.core.problems import KeyReused
from service.core.unit import UnitOfWork
from service.core.vault import sha256_of

_REPLY = sa.insert(Reply.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Request:
    """What makes two creating requests the same: who asks, under which key, for what."""

    owner: str
    key: str
    digest: str


@dataclass(frozen=True)
class Kept:
    """An answer that was given before."""

    status: int
    body: bytes
    location: str | None


def request(uow: UnitOfWork, path: str, body: Any, header: str | None = None) -> Request | None:
    """Describe a creating request of the acting person (or of the public) under the id in its body, however that is
    spelled, or else its Idempotency-Key; None if it has neither.
    """
    key = header
    if isinstance(body, dict) and isinstance(body.get("id"), str):
        key = body["id"].lower()
        with suppress(ValueError):
            key = str(UUID(key))
        body = body | {"id": key}
    if not key:
        return None
    actor = uow.actor
    owner = uow.vault.digest("reply", str(actor.person_id or actor.account_id or "public"))
    return Request(owner, key, sha256_of([path.lower(), body]))


def kept(uow: UnitOfWork, asked: Request) -> Kept | None:
    """Give the answer that this request got before, if it did.

    :raises KeyReused: if the key came with other content then.
    """
    reply = uow.session.get(Reply, (asked.owner, asked.key))
    if reply is None:
        return None
    if reply.request_digest != asked.digest:
        raise KeyReused
    return Kept(reply.status, uow.vault.unseal(reply.body).encode(), reply.location)


def keep(uow: UnitOfWork, asked: Request, status: int, body: bytes, location: str | None) -> None:
    """Keep an answer, to be committed with its effect. Answers of 5xx never get here.

    It is sealed: answers show their askers contacts and invitations, which no table holds in clear.
    """
    values = {"owner": asked.owner, "key": asked.key, "request_digest": asked.digest, "status": status}
    uow.session.execute(_REPLY, values | {"body": uow.vault.seal(body.decode()), "location": location, "at": uow.now})


def all_of(uow: UnitOfWork, person: UUID) -> Sequence[Reply]:
    """Give the answers that are kept for a person."""
    owner = uow.vault.digest("reply", str(person))
    return uow.session.scalars(sa.select(Reply).where(Reply.owner == owner).order_by(Reply.key)).all()


def body_of(uow: UnitOfWork, reply: Reply) -> Any:
    """Give what a kept answer says; None where it says nothing."""
    text = uow.vault.unseal(reply.body)
    return orjson.loads(text) if text else None


def rewrite(uow: UnitOfWork, reply: Reply, body: Any) -> None:
    """Put other words into a kept answer: what it said may be kept no longer."""
    reply.body = uow.vault.seal(orjson.dumps(body).decode())


def forget(uow: UnitOfWork, person: UUID) -> None:
    """Remove the answers that are kept for a person who asks no more."""
    for reply in all_of(uow, person):
        uow.session.delete(reply)
