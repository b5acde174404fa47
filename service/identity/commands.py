"""Log in, register, keep a profile, consent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.base import new_id
from models.identity import Consent, Person, Session, WechatAccount
from models.regions import Organisation, Region, Specialty
from rules.claims import judge_offer, places_of
from rules.policy import (
    CLAIMS_CAPACITY_DEFAULT,
    CONSENT_VERSIONS,
    CONSOLE_HOURS,
    SESSION_DAYS,
    SESSIONS_PER_PERSON,
)
from service.core import gate, limits
from service.core.ports import CodeRefused, WechatDown
from service.core.problems import IdTaken, Invalid, NotFound, TooMany
from service.core.unit import Actor, UnitOfWork
from service.core.vault import fresh_token
from service.identity import queries


@dataclass(frozen=True)
class NewPerson:
    """What staff say of a person they register.

    :param service_days: the days of a year that the person can give; places (`capacity`) follow from them (R-CLAIM-3).
    """

    name: str
    id: UUID | None = None
    phone: str | None = None
    region: str | None = None
    organisation: str | None = None
    title: str | None = None
    nature: str | None = None
    bio: str | None = None
    specialties: Sequence[str] = ()
    available: bool = False
    capacity: int | None = None
    service_days: int | None = None


# ---- sessions ----


def login(uow: UnitOfWork, code: str, device: str | None = None) -> dict[str, Any]:
    """Exchange a WeChat login code for a session of our own. WeChat is asked before any transaction, once a code.

    :raises CodeRefused: if WeChat does not take the code, or we were shown it before.
    :raises WechatDown: if WeChat cannot be asked.
    """
    once = f"login code {code}"
    try:
        limits.count(uow.house, once, limit=1, minutes=10)
        openid = uow.ports.wechat.login(code)
    except TooMany:
        raise CodeRefused from None
    except WechatDown:
        limits.forget(uow.house, once)
        raise
    account = _account(uow, openid)
    return open_session(uow, account.person_id, account.id, "mini", device)


def _account(uow: UnitOfWork, openid: str) -> WechatAccount:
    """Give the account of an openid, made where there is none; its logins come one after another."""
    make = postgresql.insert if uow.house.engine.dialect.name == "postgresql" else sqlite.insert
    first = make(WechatAccount).values(id=new_id(), openid=openid, created_at=uow.now)
    uow.session.execute(first.on_conflict_do_nothing(index_elements=[WechatAccount.openid]))
    return uow.session.scalars(sa.select(WechatAccount).where(WechatAccount.openid == openid).with_for_update()).one()


def open_session(
    uow: UnitOfWork, person_id: UUID | None, account_id: UUID | None, kind: str, device: str | None = None
) -> dict[str, Any]:
    """Open a session and give its token, which is shown this once and never stored."""
    token = fresh_token()
    life = timedelta(days=SESSION_DAYS) if kind == "mini" else timedelta(hours=CONSOLE_HOURS)
    session = Session(
        id=new_id(),
        token_digest=uow.vault.digest("session", token),
        account_id=account_id,
        person_id=person_id,
        kind=kind,
        device=device,
        created_at=uow.now,
        last_seen_at=uow.now,
        expires_at=uow.now + life,
    )
    uow.session.add(session)
    uow.session.flush()
    uow.record("session.open", session, [{"thing": "session", "id": str(session.id), "from": None, "to": kind}])
    _end_oldest(uow, session)
    actor = queries.actor_of(uow, session.id)
    person = uow.session.get(Person, actor.person_id) if actor.person_id else None
    return {"token": token, "expires_at": session.expires_at, "person": person, "held": actor.held, "id": session.id}


def _end_oldest(uow: UnitOfWork, newest: Session) -> None:
    """Keep at most so many sessions of a kind for one person or WeChat user; the oldest end."""
    whose = Session.person_id == newest.person_id if newest.person_id else Session.account_id == newest.account_id
    living = uow.session.scalars(
        sa.select(Session)
        .where(whose, Session.kind == newest.kind, Session.ended_at.is_(None))
        .order_by(Session.created_at.desc(), Session.id.desc())
        .offset(SESSIONS_PER_PERSON)
    )
    for old in living:
        old.ended_at = uow.now


def touch(uow: UnitOfWork, session_id: UUID) -> None:
    """Note that a session is in use, for its idle limit alone; no journal entry, no statistics."""
    statement = sa.update(Session).where(Session.id == session_id).values(last_seen_at=uow.now)
    uow.session.execute(statement.execution_options(synchronize_session=False))


def end_session(uow: UnitOfWork, session_id: UUID | None = None) -> None:
    """Log out: the current session, or another of one's own.

    :raises NotFound: if it is not one of the actor's living sessions.
    """
    session = uow.session.get(Session, session_id or uow.actor.session_id)
    actor = uow.actor
    if session is None or session.ended_at is not None or not _own(actor, session):
        raise NotFound
    session.ended_at = uow.now
    uow.record("session.end", session, [{"thing": "session", "id": str(session.id), "from": "open", "to": "ended"}])


def _own(actor: Actor, session: Session) -> bool:
    if actor.person_id is not None:
        return session.person_id == actor.person_id
    return actor.account_id is not None and session.account_id == actor.account_id


# ---- registration ----


def register(uow: UnitOfWork, form: NewPerson) -> Person:
    """Register a person. A phone number is encrypted and identifies at most one person.

    :raises Invalid: for an unknown region, organisation or specialty, or a phone that is registered already.
    """
    reached = uow.actor.counties_for("person.create")
    region = registering_region(uow, form.region)
    wrong = _unknown_codes(uow, region, form.organisation, form.specialties)
    wrong |= judge_offer(form.service_days, form.capacity)
    if uow.actor.kind == "person" and region not in reached and "region" not in wrong:
        wrong["region"] = ["不在您的管辖范围"]
    index = uow.vault.digest("phone", form.phone) if form.phone else None
    if index and uow.session.scalar(sa.select(Person.id).where(Person.phone_index == index)):
        wrong["phone"] = ["该手机号已登记"]
    if wrong:
        raise Invalid(errors=wrong)
    if form.id and uow.session.get(Person, form.id):
        raise IdTaken
    person = Person(
        id=form.id or new_id(),
        created_at=uow.now,
        county_code=region,
        name=form.name,
        phone_sealed=uow.vault.seal(form.phone) if form.phone else None,
        phone_index=index,
        organisation_code=form.organisation,
        title=form.title,
        nature=form.nature,
        bio=form.bio,
        specialties=list(form.specialties),
        available=form.available,
        capacity=_places(form.service_days, form.capacity, CLAIMS_CAPACITY_DEFAULT),
        service_days=form.service_days,
        registered_by=uow.actor.person_id,
    )
    uow.session.add(person)
    uow.session.flush()
    uow.record("person.create", person, [{"thing": "person", "id": str(person.id), "from": None, "to": "registered"}])
    return person


def registering_region(uow: UnitOfWork, named: str | None) -> str | None:
    """Give the region that registers a person: the one named, or else the actor's own."""
    reached = uow.actor.counties_for("person.create")
    return named or next((h.region_code for h in uow.actor.held if h.region_code in reached), None)


def _unknown_codes(
    uow: UnitOfWork, region: str | None, organisation: str | None, specialties: Sequence[str]
) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    found = uow.session.get(Region, region) if region else None
    if found is None or found.level not in {"city", "county"}:
        wrong["region"] = ["没有这个市或县"]
    if organisation and uow.session.get(Organisation, organisation) is None:
        wrong["organisation"] = ["没有这个单位"]
    if missing := unknown_specialties(uow, specialties):
        wrong["specialties"] = [f"没有这些专业：{'、'.join(missing)}"]
    return wrong


def unknown_specialties(uow: UnitOfWork, codes: Sequence[str]) -> list[str]:
    """Give the codes that are no specialties."""
    if not codes:
        return []
    known = set(uow.session.scalars(sa.select(Specialty.code).where(Specialty.code.in_(codes))))
    return [code for code in codes if code not in known]


# ---- oneself ----


def edit_profile(uow: UnitOfWork, *, if_match: str | None, **values: Any) -> Person:
    """Change one's own profile: specialties, availability, service days or places, title, words about oneself.

    Who states service days has the places that follow from them; who takes them back (None) states places again.

    :raises Stale: if the profile changed since it was read.
    :raises Invalid: for unknown specialties, days that are not enough for one place, or places beside days.
    """
    person = queries.me(uow)
    gate.match(person, if_match)
    if missing := unknown_specialties(uow, values.get("specialties", ())):
        raise Invalid(errors={"specialties": [f"没有这些专业：{'、'.join(missing)}"]})
    days = values.get("service_days", person.service_days)
    if wrong := judge_offer(days, values.get("capacity")):
        raise Invalid(errors=wrong)
    if values.keys() & {"service_days", "capacity"}:
        values["capacity"] = _places(days, values.get("capacity"), person.capacity)
    for name, value in values.items():
        setattr(person, name, value)
    person.version += 1
    uow.record("person.edit", person, [{"thing": "person", "id": str(person.id), "fields": sorted(values)}])
    return person


def _places(service_days: int | None, stated: int | None, otherwise: int) -> int:
    return (stated or otherwise) if service_days is None else places_of(service_days)


def consent(uow: UnitOfWork, purpose: str, version: str, *, given: bool) -> dict[str, bool]:
    """Record the actor's yes or no to a purpose, for the version of the text they were shown.

    :raises Invalid: if that version is not the one in force.
    """
    if CONSENT_VERSIONS[purpose] != version:
        raise Invalid(errors={"version": [f"当前文本版本为 {CONSENT_VERSIONS[purpose]}"]})
    person = queries.me(uow)
    uow.session.add(
        Consent(id=new_id(), person_id=person.id, purpose=purpose, text_version=version, given=given, at=uow.now)
    )
    uow.record("person.consent", person, [{"thing": "consent", "id": purpose, "from": None, "to": given}])
    uow.session.flush()
    return queries.consents(uow, person.id)
