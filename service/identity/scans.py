"""Entering the console by a code that a phone scans: the browser shows a number, the phone chooses it among three.

The code carries a ticket of 128 bits that is made from the browser's secret, so neither needs to be kept. Only the
browser that asked can go on, once, and then stands before the second factor (quality.md §5, bar 22).
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from models.base import new_id
from models.identity import ConsoleScan, Person, Session
from rules.policy import FACTOR_MINUTES, SCAN_SECONDS
from service.core.problems import Conflict, NotFound
from service.core.unit import UnitOfWork
from service.core.vault import fresh_token
from service.identity import commands

PAGE = "pages/console/confirm"
PREFIX = "l="
_QUIETLY = {"synchronize_session": False}


class CodeGone(Conflict):
    """The code that was scanned leads nowhere any more."""

    kind, title = "code-gone", "登录码无效或已失效，请在电脑上重新获取"


@dataclass(frozen=True)
class Asked:
    """What the phone shows of the browser that asks."""

    browser: str
    network: str
    asked_at: datetime
    expires_at: datetime
    numbers: Sequence[int]


@dataclass(frozen=True)
class Waiting:
    """What the browser shows; `state` is shown, scanned, confirmed or ended."""

    scan: ConsoleScan
    state: str
    seconds: int


# ---- the browser ----


def ask(uow: UnitOfWork, browser: str, network: str) -> str:
    """Begin a login and give the browser's secret. Nobody acts yet, so the journal does not hear of it.

    :param browser: what it is, in our own words. :param network: its address, coarse.
    """
    token = fresh_token()
    choices = secrets.SystemRandom().sample(range(10, 100), 3)
    values = {
        "id": new_id(),
        "browser_digest": _browser(uow, token),
        "ticket_digest": _digest(uow, _scene(uow, token)),
        "browser": browser,
        "network": network,
        "number": choices[0],
        "choices": sorted(choices),
        "created_at": uow.now,
        "expires_at": uow.now + timedelta(seconds=SCAN_SECONDS),
    }
    uow.session.execute(sa.insert(ConsoleScan).values(**values))
    return token


def waiting(uow: UnitOfWork, token: str | None) -> Waiting | None:
    """Say how the login of this browser stands; None if it asked for none."""
    scan = _of_browser(uow, token)
    if scan is None or scan.entered_at is not None:
        return None
    seconds = int((scan.expires_at - uow.now).total_seconds())
    if uow.now >= scan.expires_at or scan.answer not in {None, scan.number}:
        return Waiting(scan, "ended", 0)
    state = "confirmed" if scan.answer is not None else "scanned" if scan.person_id else "shown"
    return Waiting(scan, state, seconds)


def image(uow: UnitOfWork, token: str | None) -> bytes:
    """Draw the mini-program code that this browser shows. WeChat is asked outside any transaction.

    :raises NotFound: if the browser waits for nothing. :raises WechatDown: if WeChat cannot draw it now.
    """
    with uow.house.read(uow.actor, uow.trace) as reading:
        found = waiting(reading, token)
    if token is None or found is None or found.state != "shown":
        raise NotFound
    return uow.ports.wechat.code_image(_scene(uow, token), PAGE)


def enter(uow: UnitOfWork, token: str | None) -> dict[str, Any]:
    """Exchange a confirmed login for a session that the second factor alone opens; gives what `open_session` gives,
    and `asked_by`, the person.

    :raises CodeGone: unless this browser's code was confirmed and is still good; it is good once.
    """
    scan = _of_browser(uow, token)
    if scan is None or scan.answer != scan.number:
        raise CodeGone
    mine = sa.update(ConsoleScan).where(
        ConsoleScan.id == scan.id, ConsoleScan.entered_at.is_(None), ConsoleScan.expires_at > uow.now
    )
    if not uow.session.execute(mine.values(entered_at=uow.now).execution_options(**_QUIETLY)).rowcount:  # type: ignore[attr-defined]
        raise CodeGone
    opened = commands.open_session(uow, scan.person_id, scan.account_id, "console", scan.browser)
    session = uow.session.get_one(Session, opened["id"])
    session.expires_at = uow.now + timedelta(minutes=FACTOR_MINUTES)
    return opened | {"asked_by": scan.person_id}


# ---- the phone ----


def look(uow: UnitOfWork, scene: str) -> Asked:
    """Show who asks. The first who looks is the only one who may answer.

    :raises CodeGone: if the code is unknown, over, answered or another's.
    """
    first = sa.update(ConsoleScan).where(_open(uow, scene), ConsoleScan.person_id.is_(None))
    mine = {"person_id": uow.actor.person_id, "account_id": uow.actor.account_id}
    uow.session.execute(first.values(**mine).execution_options(**_QUIETLY))
    own = _open(uow, scene), ConsoleScan.person_id == uow.actor.person_id
    scan = uow.session.scalar(sa.select(ConsoleScan).where(*own))
    if scan is None:
        raise CodeGone
    return Asked(scan.browser, scan.network, scan.created_at, scan.expires_at, scan.choices)


def answer(uow: UnitOfWork, scene: str, number: int | None) -> dict[str, str]:
    """Choose the number that the browser shows, or refuse with None; the first answer is the last one.

    :returns: confirmed, or ended for another number: the login is over then.
    :raises CodeGone: unless the caller looked at it and may still answer.
    """
    own = _open(uow, scene), ConsoleScan.person_id == uow.actor.person_id
    scan = uow.session.scalar(sa.select(ConsoleScan).where(*own).with_for_update())
    if scan is None:
        raise CodeGone
    state = "confirmed" if number == scan.number else "ended"
    scan.answered_at, scan.answer = uow.now, number if number is not None else 0
    scan.expires_at = uow.now + timedelta(seconds=SCAN_SECONDS) if state == "confirmed" else uow.now
    person = uow.session.get_one(Person, scan.person_id)
    change = {"thing": "login", "id": str(scan.id), "from": "asked", "to": state}
    uow.record("person.answer_login", person, [change])
    return {"state": state}


def _open(uow: UnitOfWork, scene: str) -> sa.ColumnElement[bool]:
    """Give the condition under which a scanned code may still be answered."""
    return sa.and_(
        ConsoleScan.ticket_digest == _digest(uow, scene),
        ConsoleScan.answer.is_(None),
        ConsoleScan.expires_at > uow.now,
    )


def _of_browser(uow: UnitOfWork, token: str | None) -> ConsoleScan | None:
    if token is None:
        return None
    return uow.session.scalar(sa.select(ConsoleScan).where(ConsoleScan.browser_digest == _browser(uow, token)))


def _browser(uow: UnitOfWork, token: str) -> str:
    return uow.vault.digest("console browser", token)


def _scene(uow: UnitOfWork, token: str) -> str:
    """Make the ticket from the browser's secret: 128 bits that only this key makes, in 22 characters."""
    ticket = bytes.fromhex(uow.vault.digest("console ticket", token))[:16]
    return PREFIX + urlsafe_b64encode(ticket).decode().rstrip("=")


def _digest(uow: UnitOfWork, scene: str) -> str:
    return uow.vault.digest("console scene", scene)
