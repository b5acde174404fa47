"""The second factor of the console: passkeys, authenticator codes, recovery codes; enrolled, given, renewed, removed.

Whoever scanned the code and gave no factor yet is `entering`: such a session opens this step and nothing else.
"""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyotp
import sqlalchemy as sa
from pyotp.exceptions import OTPVerificationError

from models.base import new_id
from models.identity import ConsoleCode, Factor, Person, Session
from rules.identity import wait_after_tries
from rules.policy import CONSOLE_HOURS, FRESH_MINUTES, RECOVERY_CODES
from service.core import limits
from service.core.problems import Conflict, Forbidden, Invalid, NotFound, NotLoggedIn
from service.core.unit import Actor, UnitOfWork
from service.core.vault import fresh_token
from service.identity import passkeys
from service.identity.passkeys import Site

ISSUER = "特派工作台"
_QUIETLY = {"synchronize_session": False}


class FactorRefused(Invalid):
    """The code or the passkey does not fit."""

    kind, title = "factor-refused", "验证未通过"


class FactorNeeded(Forbidden):
    """What was asked for needs a factor that was given just now."""

    kind, title = "factor-needed", "此操作需要重新验证身份"


class LastFactor(Conflict):
    """Without any factor there would be no way in."""

    kind, title = "last-factor", "至少保留一种验证方式，请先添加另一种"


@dataclass(frozen=True)
class Standing:
    """How somebody stands: their factors, what is being enrolled, and what a passkey is asked here."""

    person: Person
    factors: Sequence[Factor]
    pending: Factor | None
    address: str
    """What an authenticator reads to learn the pending secret; empty without one."""
    secret: str
    codes_left: int
    create: str
    get: str
    fresh: bool


def is_fresh(actor: Actor, now: datetime) -> bool:
    """Say whether the factor was given within the last minutes (quality.md §5, step-up)."""
    return actor.factor_at is not None and now - actor.factor_at <= timedelta(minutes=FRESH_MINUTES)


def require_fresh(uow: UnitOfWork) -> None:
    """Refuse unless the factor is fresh. In development one click enters, and nobody has a factor.

    :raises FactorNeeded: if it is not.
    """
    if not uow.settings.development and not is_fresh(uow.actor, uow.now):
        raise FactorNeeded(f"请在 {FRESH_MINUTES} 分钟内验证过身份后再办理")


def standing(uow: UnitOfWork, site: Site) -> Standing:
    """Give what the pages of this step show."""
    person, session = _person(uow), _session(uow)
    rows = uow.session.scalars(sa.select(Factor).where(Factor.person_id == person.id).order_by(Factor.id)).all()
    confirmed = [row for row in rows if row.confirmed_at is not None]
    pending = next((row for row in rows if row.confirmed_at is None), None)
    secret = uow.vault.unseal(pending.secret_sealed) if pending and pending.secret_sealed else ""
    left = sa.select(sa.func.count()).where(_unused(person.id))
    return Standing(
        person=person,
        factors=confirmed,
        pending=pending,
        address=pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=ISSUER) if secret else "",
        secret=secret,
        codes_left=uow.session.scalar(left) or 0,
        create=passkeys.creation(uow, site, session, person, confirmed) if site.passkeys else "",
        get=passkeys.request(uow, site, session, confirmed) if site.passkeys else "",
        fresh=is_fresh(uow.actor, uow.now) or uow.settings.development,
    )


def own(uow: UnitOfWork, site: Site) -> Standing:
    """Give the same to whoever may look after their factors: not at the door, once there is one to give.

    :raises FactorNeeded: if one must be given first.
    """
    found = standing(uow, site)
    if uow.actor.entering and found.factors:
        raise FactorNeeded("请先用已登记的方式验证")
    return found


def known(uow: UnitOfWork, person_id: UUID) -> bool:
    """Say whether somebody has a factor."""
    return bool(_confirmed(uow, person_id))


# ---- giving it ----


def give(uow: UnitOfWork, site: Site, *, code: str | None = None, credential: str | None = None) -> dict[str, Any]:
    """Take a factor: an authenticator's code, a recovery code or a passkey's answer. The session gets a new token.

    :raises TooMany: after too many tries in a row, each then waiting longer, whichever worker they reach.
    :raises FactorRefused: if it does not fit, or did once before.
    """
    who = uow.actor.person_id or uow.actor.entering
    scope = f"factor {who}"
    limits.brake(uow.house, scope, wait_after_tries)
    person, session = _person(uow), _session(uow)
    if credential:
        fits = passkeys.check(uow, site, session, person, credential)
    else:
        typed = "".join((code or "").upper().split()).replace("-", "")
        fits = _check_totp(uow, person, typed) if len(typed) == 6 else _check_recovery(uow, person, typed)
    if not fits:
        raise FactorRefused(errors={"credential" if credential else "code": ["不正确、已过期或已用过"]})
    limits.release(uow, scope)
    return _passed(uow, session, person)


def _check_totp(uow: UnitOfWork, person: Person, code: str) -> bool:
    """Compare a code with the person's authenticators on real time; a time step opens once on all workers together."""
    mine = sa.select(Factor).where(
        Factor.person_id == person.id, Factor.kind == "totp", Factor.confirmed_at.is_not(None)
    )
    return any(_takes(uow, factor, code) for factor in uow.session.scalars(mine))


def _takes(uow: UnitOfWork, factor: Factor, code: str) -> bool:
    totp = pyotp.TOTP(uow.vault.unseal(factor.secret_sealed or b""))
    try:
        step = totp.verify_and_get_timecode(code, for_time=datetime.now(UTC), valid_window=1)
    except OTPVerificationError:
        return False
    later = sa.update(Factor).where(Factor.id == factor.id, Factor.counter < step).values(counter=step)
    return bool(uow.session.execute(later.execution_options(**_QUIETLY)).rowcount)  # type: ignore[attr-defined]


def _check_recovery(uow: UnitOfWork, person: Person, code: str) -> bool:
    digest = uow.vault.digest("recovery code", code)
    mine = sa.update(ConsoleCode).where(_unused(person.id), ConsoleCode.code_digest == digest)
    used = uow.session.execute(mine.values(used_at=uow.now).execution_options(**_QUIETLY))
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _passed(uow: UnitOfWork, session: Session, person: Person) -> dict[str, Any]:
    """Let the session in, under a new token (ASVS 7.2.4)."""
    token = fresh_token()
    if session.factor_at is None:
        session.expires_at = uow.now + timedelta(hours=CONSOLE_HOURS)
    session.token_digest, session.factor_at = uow.vault.digest("session", token), uow.now
    uow.record("person.give_factor", person, [{"thing": "session", "id": str(session.id), "fields": ["factor_at"]}])
    return {"token": token, "codes": (), "session": session.id}


# ---- enrolling and removing ----


def begin_totp(uow: UnitOfWork) -> None:
    """Make a secret for an authenticator; it opens nothing until a code proved that it arrived."""
    person = _changing(uow)
    unproved = sa.delete(Factor).where(Factor.person_id == person.id, Factor.confirmed_at.is_(None))
    uow.session.execute(unproved.execution_options(**_QUIETLY))
    sealed = uow.vault.seal(pyotp.random_base32())
    factor = Factor(id=new_id(), person_id=person.id, kind="totp", name="动态口令", created_at=uow.now)
    factor.secret_sealed, factor.counter = sealed, 0
    uow.session.add(factor)
    uow.record("person.begin_factor", person, [_change(factor, None, "begun")])


def confirm_totp(uow: UnitOfWork, code: str) -> dict[str, Any]:
    """Take the first code of a new authenticator; the first factor of all brings the recovery codes with it.

    :raises FactorRefused: if the code does not fit.
    """
    who = uow.actor.person_id or uow.actor.entering
    scope = f"factor {who}"
    limits.brake(uow.house, scope, wait_after_tries)
    person = _changing(uow)
    unproved = sa.select(Factor).where(Factor.person_id == person.id, Factor.confirmed_at.is_(None)).with_for_update()
    factor = uow.session.scalar(unproved)
    if factor is None:
        raise NotFound
    if not _takes(uow, factor, "".join(code.split())):
        raise FactorRefused(errors={"code": ["不正确，请核对手机时间后再试"]})
    limits.release(uow, scope)
    uow.session.refresh(factor)
    factor.confirmed_at = uow.now
    return _enrolled(uow, person, factor)


def add_passkey(uow: UnitOfWork, site: Site, credential: str) -> dict[str, Any]:
    """Enrol a passkey from what the browser answered.

    :raises FactorRefused: if the answer is not one to the question of this session.
    """
    person = _changing(uow)
    made = passkeys.made(uow, site, _session(uow), credential)
    if made is None:
        raise FactorRefused(errors={"credential": ["浏览器的答复无效，请重试"]})
    key, public_key, count = made
    if uow.session.scalar(sa.select(Factor.id).where(Factor.credential_id == key)):
        raise FactorRefused(errors={"credential": ["这个通行密钥已登记"]})
    factor = Factor(id=new_id(), person_id=person.id, kind="passkey", name="通行密钥", created_at=uow.now)
    factor.credential_id, factor.public_key, factor.counter, factor.confirmed_at = key, public_key, count, uow.now
    uow.session.add(factor)
    return _enrolled(uow, person, factor)


def _enrolled(uow: UnitOfWork, person: Person, factor: Factor) -> dict[str, Any]:
    uow.record("person.add_factor", person, [_change(factor, None, factor.kind)])
    uow.session.flush()
    first = len(_confirmed(uow, person.id)) == 1
    codes = _new_codes(uow, person) if first else ()
    session = _session(uow)
    if session.factor_at is not None and not first:
        return {"token": None, "codes": codes, "session": session.id}
    return _passed(uow, session, person) | {"codes": codes}


def renew_codes(uow: UnitOfWork) -> dict[str, Any]:
    """Replace the recovery codes; the new ones are shown this once."""
    person = _changing(uow)
    if not _confirmed(uow, person.id):
        raise Conflict("请先添加一种验证方式")
    uow.record("person.renew_codes", person, [{"thing": "person", "id": str(person.id), "fields": ["codes"]}])
    return {"token": None, "codes": _new_codes(uow, person), "session": uow.actor.session_id}


def remove(uow: UnitOfWork, factor: UUID) -> Factor:
    """Remove one of one's own factors.

    :raises LastFactor: for the last one.
    """
    person = _changing(uow)
    confirmed = _confirmed(uow, person.id)
    found = next((one for one in confirmed if one.id == factor), None)
    if found is None:
        raise NotFound
    if len(confirmed) == 1:
        raise LastFactor
    uow.session.delete(found)
    uow.record("person.remove_factor", person, [_change(found, found.kind, "removed")])
    return found


def _new_codes(uow: UnitOfWork, person: Person) -> list[str]:
    """Make the recovery codes: 120 bits each, in six groups of four; only digests are kept."""
    old = sa.delete(ConsoleCode).where(ConsoleCode.person_id == person.id, ConsoleCode.kind == "recovery")
    uow.session.execute(old.execution_options(**_QUIETLY))
    codes = [b32encode(secrets.token_bytes(15)).decode() for _ in range(RECOVERY_CODES)]
    for code in codes:
        digest = uow.vault.digest("recovery code", code)
        row = ConsoleCode(id=new_id(), person_id=person.id, kind="recovery", code_digest=digest, created_at=uow.now)
        uow.session.add(row)
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _changing(uow: UnitOfWork) -> Person:
    """Give whoever may change their factors: after a fresh one, or at the door as long as there is none.

    The person's row is locked, so that of two requests one sees what the other did.
    """
    person = uow.session.get_one(Person, _person(uow).id, with_for_update=True)
    if uow.actor.entering is None:
        require_fresh(uow)
    elif _confirmed(uow, person.id):
        raise FactorNeeded("请先用已登记的方式验证")
    return person


def _confirmed(uow: UnitOfWork, person_id: UUID) -> Sequence[Factor]:
    mine = sa.select(Factor).where(Factor.person_id == person_id, Factor.confirmed_at.is_not(None))
    return uow.session.scalars(mine.order_by(Factor.id)).all()


def _unused(person: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(
        ConsoleCode.person_id == person, ConsoleCode.kind == "recovery", ConsoleCode.used_at.is_(None)
    )  # fmt: skip


def _change(factor: Factor, before: str | None, after: str) -> dict[str, Any]:
    return {"thing": "factor", "id": str(factor.id), "from": before, "to": after}


def _person(uow: UnitOfWork) -> Person:
    who = uow.actor.person_id or uow.actor.entering
    if who is None:
        raise NotLoggedIn
    return uow.session.get_one(Person, who)


def _session(uow: UnitOfWork) -> Session:
    return uow.session.get_one(Session, uow.actor.session_id)
