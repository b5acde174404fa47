"""A farmer's one-time link: made by the township or the commissioner, opened without an account (R-VISIT-4).

Its token is a keyed digest of the link's id and its code sixteen random digits; of both only digests are stored. The
page is read as often as one likes, previews of chat programs included; only sending its form gives the word, once.
"""

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.records import ConfirmationLink, Record
from rules.policy import CONFIRMATION_CODE_DIGITS, CONFIRMATION_DAYS
from service.content import commands as checks
from service.core import gate, moves
from service.core.problems import Conflict, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.records import queries
from service.records.commands import check_stranger
from service.records.confirmations import witness
from service.records.posting import facts

WAITING = ("submitted", "confirmed", "disputed")
DISPUTED = "服务对象认为不属实，原话见佐证"


class LinkSpent(Conflict):
    """The link was used, has expired, or belongs to a version that was corrected since."""

    kind, title = "link-spent", "此链接已使用、已过期，或记录已更正"


class NotWaiting(Conflict):
    """The record is not one that can be confirmed now."""

    kind, title = "record-not-waiting", "这条记录现在不能确认"


class Standing(StrEnum):
    """What has become of a link."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CORRECTED = "corrected"
    DECIDED = "decided"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Opened:
    """A link as its farmer finds it; without a record where there is no such link."""

    standing: Standing
    link: ConfirmationLink | None = None
    record: Record | None = None


@dataclass(frozen=True)
class Made:
    """A link as its maker finds it again: to which record, what became of it, its address."""

    link: ConfirmationLink
    record: Record
    standing: Standing
    url: str


def make(uow: UnitOfWork, record_id: UUID) -> dict[str, Any]:
    """Make a one-time link for a farmer to the record's current version; it is shown this once.

    A link that the commissioner made is marked as such wherever its word is shown.

    :raises NotWaiting: for a draft, and once the record was accepted or returned.
    """
    row = queries.fetch(uow, record_id, "record.link", lock=True)
    made_as = gate.acting_role(uow, row, "record.link")
    if made_as == "commissioner" or row.person_id == uow.actor.person_id:
        row = queries.fetch(uow, record_id, "record.link", own=True)
        made_as = "commissioner"
    if row.state not in WAITING:
        raise NotWaiting(state=row.state)
    identity, code = new_id(), _fresh_code(uow)
    made = ConfirmationLink(
        id=identity,
        created_at=uow.now,
        county_code=row.county_code,
        record_id=row.id,
        number=row.number,
        token_digest=_mark(uow, _token(uow, identity)),
        code_digest=_mark(uow, code),
        made_by=uow.actor.person_id,
        made_as=made_as,
        expires_at=uow.now + timedelta(days=CONFIRMATION_DAYS),
    )
    uow.session.add(made)
    change = {"thing": "confirmation_link", "id": str(made.id), "from": None, "to": "open"}
    uow.record("record.link", row, [change], made_as=made_as)
    return _handed(uow, made, code)


def _handed(uow: UnitOfWork, made: ConfirmationLink, code: str) -> dict[str, Any]:
    """Give what its maker hands to the farmer: a link, or a code in groups of four to be read aloud."""
    token = _token(uow, made.id)
    return {
        "id": made.id,
        "token": token,
        "url": _address(uow, token),
        "code": " ".join(code[at : at + 4] for at in range(0, len(code), 4)),
        "made_as": made.made_as,
        "expires_at": made.expires_at,
    }


def shown_again(uow: UnitOfWork, link_id: UUID) -> Made:
    """Give a link once more to who made it, to be shown on a screen or printed; its code was told once.

    :raises NotFound: for everybody else.
    """
    asked = sa.select(ConfirmationLink).where(
        ConfirmationLink.id == link_id, ConfirmationLink.made_by == uow.actor.person_id
    )
    link = uow.session.scalar(asked)
    if link is None:
        raise NotFound
    row = queries.prepared(uow, queries.fetch(uow, link.record_id, "record.link"))
    return Made(link, row, _standing(link, row, uow.now), _address(uow, _token(uow, link.id)))


def _address(uow: UnitOfWork, token: str) -> str:
    return f"{uow.settings.public_url.rstrip('/')}/confirmations/{token}"


def _token(uow: UnitOfWork, link_id: UUID) -> str:
    return uow.vault.digest("confirmation-link", str(link_id))


def _mark(uow: UnitOfWork, secret: str) -> str:
    return uow.vault.digest("confirmation", secret)


def _fresh_code(uow: UnitOfWork) -> str:
    """Draw a code that no link has."""
    while True:
        code = f"{secrets.randbelow(10**CONFIRMATION_CODE_DIGITS):0{CONFIRMATION_CODE_DIGITS}d}"
        taken = sa.select(ConfirmationLink.id).where(ConfirmationLink.code_digest == _mark(uow, code))
        if uow.session.scalar(taken) is None:
            return code


def token_of(uow: UnitOfWork, code: str) -> str:
    """Give the token of the link that a typed code belongs to; spaces, dashes and wide digits are fine.

    :raises Invalid: if there is none.
    """
    digits = "".join(one for one in unicodedata.normalize("NFKC", code) if one not in " -–—‐−.")
    asked = sa.select(ConfirmationLink.id).where(ConfirmationLink.code_digest == _mark(uow, digits))
    found = uow.session.scalar(asked)
    if found is None:
        raise Invalid(errors={"code": ["没有这个确认码。请对照给您确认码的人所说的，逐个数字再核对一遍。"]})
    return _token(uow, found)


def open_(uow: UnitOfWork, token: str, *, lock: bool = False) -> Opened:
    """Give a link as it stands now; nothing changes by looking."""
    asked = sa.select(ConfirmationLink).where(ConfirmationLink.token_digest == _mark(uow, token))
    link = uow.session.scalar(asked.with_for_update() if lock else asked)
    if link is None:
        return Opened(Standing.UNKNOWN)
    shown = sa.select(Record).where(Record.id == link.record_id).options(*queries.SHOWN)
    row = uow.session.scalars(shown.with_for_update(of=Record) if lock else shown).one()
    return Opened(_standing(link, row, uow.now), link, row)


def _standing(link: ConfirmationLink, row: Record, now: datetime) -> Standing:
    if link.used_at is not None:
        return Standing.ANSWERED
    if now >= link.expires_at:
        return Standing.EXPIRED
    if row.number != link.number:
        return Standing.CORRECTED
    return Standing.OPEN if row.state in WAITING else Standing.DECIDED


def shown(uow: UnitOfWork, token: str) -> dict[str, Any]:
    """Give what a farmer is asked to confirm: who served where, when, and what was done; no position, no contact.

    :raises NotFound: if there is no such link.
    :raises LinkSpent: if it cannot be used any more.
    """
    link, row = _living(open_(uow, token))
    return {"record": row, "expires_at": link.expires_at, "answer": link.answer}


def _living(found: Opened) -> tuple[ConfirmationLink, Record]:
    if found.link is None or found.record is None:
        raise NotFound
    if found.standing == Standing.DECIDED:
        raise NotWaiting
    if found.standing != Standing.OPEN:
        raise LinkSpent
    return found.link, found.record


def answer(
    uow: UnitOfWork, token: str, rating: int | None = None, words: str | None = None, dispute: str | None = None
) -> dict[str, Any]:
    """Give a farmer's word by a one-time link: that the service was so, or with `dispute` why it was not.

    What a township disputed stays disputed; what a farmer disputes becomes so, whoever confirmed it.

    :raises NotFound: if there is no such link.
    :raises LinkSpent: if it was used or has expired, or the record was corrected since.
    :raises SamePerson: if one of those who served opened it themselves, logged in.
    """
    link, row = _living(open_(uow, token, lock=True))
    if uow.actor.person_id is not None:
        check_stranger(uow, row)
    _answer(uow, link, row, {"rating": rating, "words": words, "disputes": dispute})
    return {"record": row, "expires_at": link.expires_at, "answer": link.answer}


def answer_on_page(uow: UnitOfWork, token: str, **word: Any) -> None:
    """Give a farmer's word by the page's form. A link that is not open changes nothing: the page then says why.

    So a form that was sent twice leaves the first word, and its sender reads the same thanks.
    """
    found = open_(uow, token, lock=True)
    if found.standing == Standing.OPEN:
        link, row = _living(found)
        _answer(uow, link, row, {"rating": word["rating"], "words": word["words"], "disputes": word["dispute"]})


def _answer(uow: UnitOfWork, link: ConfirmationLink, row: Record, word: dict[str, Any]) -> None:
    dispute = word["disputes"]
    link.used_at, link.answer = uow.now, "dispute" if dispute else "confirm"
    change = {"thing": "confirmation_link", "id": str(link.id), "from": "open", "to": "used"}
    told = {"by": "farmer", "link_by": link.made_as, **facts(row)}
    if dispute and row.state != "disputed":
        moves.apply(uow, row, "dispute", DISPUTED, **told)  # the farmer's own words are shown once they were checked
    elif not dispute and row.state == "submitted":
        moves.apply(uow, row, "confirm", **told)
    uow.record("record.doubt" if dispute else "record.witness", row, [change], **told)
    said = witness(uow, row, {"by": "farmer", **word, "link_by": link.made_as, "link": str(link.id)})
    if dispute or word["words"]:
        checks.submit(uow, link, "农户对一次服务的话", dispute, word["words"], county=row.county_code)
    row.confirmation = None if dispute else said
