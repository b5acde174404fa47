"""Idempotency: the first answer to a creating request is kept in the transaction of its effect."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from models.journal import Reply
from service.core.prepared import Prepared, among
from service.core.problems import KeyReused
from service.core.unit import UnitOfWork
from service.core.vault import sha256_of


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


_KEPT = Prepared(
    sa.select(Reply.__table__).where(
        Reply.__table__.c.owner == sa.bindparam("owner"), among(Reply.__table__.c.key, "keys")
    )
)


def kept(uow: UnitOfWork, asked: Request, *, early: bool = False) -> Kept | None:
    """Give the answer that this request got before, if it did.

    :param early: ask before the writing begins, for a command that is ready to meet its rival later.
    :raises KeyReused: if the key came with other content then.
    """
    found = kept_all(uow, [asked], early=early).get(asked.key)
    if isinstance(found, KeyReused):
        raise found
    return found


def kept_all(uow: UnitOfWork, asked: Sequence[Request], *, early: bool = False) -> dict[str, Kept | KeyReused]:
    """Give by key the answers that requests of one asker got before, or that the key came with other content then."""
    wanted = {one.key: one.digest for one in asked}
    ask = uow.peek if early else uow.rows
    rows = ask(_KEPT, owner=asked[0].owner, keys=list(wanted)) if asked else ()
    return {
        row.key: Kept(row.status, uow.vault.unseal(row.body).encode(), row.location)
        if row.request_digest == wanted[row.key]
        else KeyReused()
        for row in rows
    }


def keep(uow: UnitOfWork, answers: Sequence[tuple[Request, Kept]]) -> None:
    """Keep answers, to be committed with their effect. Those of 5xx never get here.

    They are sealed: answers show their askers contacts and invitations, which no table holds in clear.
    """
    rows = [
        {
            "owner": asked.owner,
            "key": asked.key,
            "request_digest": asked.digest,
            "status": answer.status,
            "body": uow.vault.seal(answer.body.decode()),
            "location": answer.location,
            "at": uow.now,
        }
        for asked, answer in answers
    ]
    uow.insert(Reply, rows)


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
