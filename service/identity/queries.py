"""Who somebody is and what they may do now; lists of people, grants, bindings, teams, sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.identity import Binding, Consent, Person, RoleGrant, Session, Team, TeamMember, WechatAccount
from models.regions import Region
from rules.calendar import shanghai_date
from rules.policy import CONSENT_VERSIONS, CONSOLE_IDLE_MINUTES, SESSION_IDLE_DAYS
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.prepared import Prepared
from service.core.problems import NotFound
from service.core.unit import Actor, Held, UnitOfWork

SEEN_EVERY = timedelta(seconds=60)
IDLE = {"mini": timedelta(days=SESSION_IDLE_DAYS), "console": timedelta(minutes=CONSOLE_IDLE_MINUTES)}


@dataclass(frozen=True)
class Entered:
    """Who came in with a token, and whether it is time to note that they were here."""

    actor: Actor
    session_id: UUID
    unseen: bool


_SESSIONS, _PEOPLE, _BINDINGS, _ROLES, _TEAMS, _MEMBERS = (
    one.__table__.c for one in (Session, Person, Binding, RoleGrant, Team, TeamMember)
)
_TODAY: sa.BindParameter[date] = sa.bindparam("today")
_IN_OFFICE = (
    _ROLES.state == "active",
    sa.or_(_ROLES.starts_on.is_(None), _ROLES.starts_on <= _TODAY),
    sa.or_(_ROLES.ends_on.is_(None), _ROLES.ends_on >= _TODAY),
)
_GRANT = (_ROLES.id.label("grant"), _ROLES.role, _ROLES.region_code, _ROLES.organisation_code)
_BEHIND = (
    sa.select(
        *(_SESSIONS[name] for name in ("id", "account_id", "person_id", "kind", "factor_at", "last_seen_at")),
        *(_SESSIONS[name] for name in ("expires_at", "ended_at")),
        *(_PEOPLE[name] for name in ("organisation_code", "closed_at")),
        _BINDINGS.state.label("binding"),
        _BINDINGS.account_id.label("bound_account"),
        _BINDINGS.cools_until,
        *(column.label(f"role_{column.key}") for column in _GRANT),
        _TEAMS.id.label("team"),
        _TEAMS.leader_id,
    )
    .select_from(Session.__table__)
    .outerjoin(Person.__table__, _PEOPLE.id == _SESSIONS.person_id)
    .outerjoin(
        Binding.__table__,
        sa.and_(
            _BINDINGS.person_id == _SESSIONS.person_id,
            sa.or_(_BINDINGS.state == "claimed", _BINDINGS.state == "bound"),
        ),
    )
    .outerjoin(RoleGrant.__table__, sa.and_(_ROLES.person_id == _SESSIONS.person_id, *_IN_OFFICE))
    .outerjoin(TeamMember.__table__, sa.and_(_MEMBERS.person_id == _SESSIONS.person_id, _MEMBERS.left_at.is_(None)))
    .outerjoin(Team.__table__, sa.and_(_TEAMS.id == _MEMBERS.team_id, _TEAMS.state == "confirmed"))
    .order_by(_ROLES.created_at, _ROLES.id)
)
"""A session with its person, their one binding that waits or acts, their roles in force and teams: one question for
every request, with a row for each role in each team."""
_BY_TOKEN = Prepared(
    _BEHIND.where(_SESSIONS.token_digest == sa.bindparam("digest"), _SESSIONS.kind == sa.bindparam("kind"))
)
_BY_ID = Prepared(_BEHIND.where(_SESSIONS.id == sa.bindparam("id")))


def entered(uow: UnitOfWork, token: str, kind: str) -> Entered | None:
    """Give who is behind a token, if its session lives; nothing is remembered between two requests."""
    digest, today = uow.vault.digest("session", token), shanghai_date(uow.now)
    rows = uow.rows(_BY_TOKEN, digest=digest, kind=kind, today=today)
    if not rows or rows[0].ended_at is not None:
        return None
    away = uow.now - rows[0].last_seen_at
    if uow.now >= rows[0].expires_at or away > IDLE[kind]:
        return None
    return Entered(_behind(uow, rows), rows[0].id, away > SEEN_EVERY)


def actor_of(uow: UnitOfWork, session_id: UUID) -> Actor:
    """Give the actor behind a session."""
    return _behind(uow, uow.rows(_BY_ID, id=session_id, today=shanghai_date(uow.now)))


def _behind(uow: UnitOfWork, rows: Sequence[Any]) -> Actor:
    """Give the actor with the roles that act now (no cache: a revoked role is gone at once).

    Whoever claimed to be a person but was not verified yet is a visitor still (quality.md bar 20).
    """
    row = rows[0]
    visitor = Actor("visitor", account_id=row.account_id, session_id=row.id)
    if row.person_id is None or row.closed_at is not None or not _verified(row):
        return visitor
    if row.kind == "console" and row.factor_at is None:
        return Actor("visitor", session_id=row.id, entering=row.person_id)
    grants = {one.role_grant: one for one in rows if one.role_grant is not None}
    teams = {one.team: one.leader_id for one in rows if one.team is not None}
    return Actor(
        "person",
        row.person_id,
        row.account_id,
        row.id,
        tuple(_held(uow, one.role_role, one.role_region_code, one.role_organisation_code) for one in grants.values()),
        frozenset(teams),
        frozenset(team for team, leader in teams.items() if leader == row.person_id),
        row.organisation_code,
        cools_until=row.cools_until if row.cools_until and uow.now < row.cools_until else None,
        factor_at=row.factor_at,
    )


def _living_binding(uow: UnitOfWork, person_id: UUID) -> Binding | None:
    """Give the one binding of a person that waits or acts."""
    living = sa.select(Binding).where(Binding.person_id == person_id, Binding.state.in_(("claimed", "bound")))
    return uow.session.scalar(living)


def _verified(row: Any) -> bool:
    """A session made by the development console or the host's code has no account; others need a verified binding."""
    return row.account_id is None or (row.binding == "bound" and row.bound_account == row.account_id)


def behind(uow: UnitOfWork, openid: str) -> Person | None:
    """Give the person to whom a WeChat user is verifiably bound, locked; None for strangers and for mere claims."""
    account = uow.session.scalar(sa.select(WechatAccount).where(WechatAccount.openid == openid))
    if account is None or account.person_id is None:
        return None
    binding = _living_binding(uow, account.person_id)
    if binding is None or binding.state != "bound" or binding.account_id != account.id:
        return None
    return uow.session.get_one(Person, account.person_id, with_for_update=True)


def in_office(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    """Give the condition under which a role grant acts today."""
    today = shanghai_date(uow.now)
    return sa.and_(
        RoleGrant.state == "active",
        sa.or_(RoleGrant.starts_on.is_(None), RoleGrant.starts_on <= today),
        sa.or_(RoleGrant.ends_on.is_(None), RoleGrant.ends_on >= today),
    )


_GRANTS = Prepared(
    sa.select(*_GRANT)
    .where(_ROLES.person_id == sa.bindparam("person"), *_IN_OFFICE)
    .order_by(_ROLES.created_at, _ROLES.id)
)


def held_roles(uow: UnitOfWork, person_id: UUID) -> tuple[Held, ...]:
    """Give a person's roles in force today, each with the townships and counties that it reaches."""
    grants = uow.rows(_GRANTS, person=person_id, today=shanghai_date(uow.now))
    return tuple(_held(uow, one.role, one.region_code, one.organisation_code) for one in grants)


def _held(uow: UnitOfWork, role: str, region: str | None, organisation: str | None) -> Held:
    if region is None or role == "commissioner":
        return Held(role, region, organisation)
    if role == "township":
        return Held(role, region, townships=frozenset({region}))
    managed = uow.session.execute(
        sa.select(Region.code, Region.level).where(
            sa.or_(Region.managing_county_code == region, Region.city_code == region),
            Region.level.in_(("township", "county")),
        )
    ).all()
    return Held(
        role,
        region,
        townships=frozenset(code for code, level in managed if level == "township"),
        counties=frozenset({region, *(code for code, level in managed if level == "county")}),
    )


def me(uow: UnitOfWork) -> Person:
    """Give the acting person.

    :raises NotFound: for a visitor.
    """
    person = uow.session.get(Person, uow.actor.person_id) if uow.actor.person_id else None
    if person is None:
        raise NotFound("此微信尚未绑定身份")
    return person


def consents(uow: UnitOfWork, person_id: UUID) -> dict[str, bool]:
    """Give for each purpose whether the person's latest word on it, for the text in force, is a yes."""
    rows = uow.session.scalars(
        sa.select(Consent).where(Consent.person_id == person_id).order_by(Consent.at, Consent.id)
    )
    latest = {row.purpose: row for row in rows}
    return {
        purpose: purpose in latest and latest[purpose].given and latest[purpose].text_version == version
        for purpose, version in CONSENT_VERSIONS.items()
    }


def people(uow: UnitOfWork, ask: Ask, *, role: str | None = None, q: str | None = None) -> Page[Person]:
    """List the people whom the actor may see, newest first."""
    statement = gate.select(uow, Person).where(Person.closed_at.is_(None)).options(selectinload(Person.grants))
    if role:
        grants = sa.select(RoleGrant.person_id).where(RoleGrant.role == role, RoleGrant.state == "active")
        statement = statement.where(Person.id.in_(grants))
    if q:
        statement = statement.where(Person.name.contains(q, autoescape=True))
    return page(statement, (Person.created_at, Person.id), ask, lambda s: gate.rows(uow, s))


def grants(uow: UnitOfWork, ask: Ask, *, state: str | None = None) -> Page[RoleGrant]:
    """List role grants in the actor's jurisdiction, newest first."""
    statement = gate.select(uow, RoleGrant).options(selectinload(RoleGrant.person))
    if state:
        statement = statement.where(RoleGrant.state == state)
    return page(statement, (RoleGrant.created_at, RoleGrant.id), ask, lambda s: gate.rows(uow, s))


def bindings(uow: UnitOfWork, ask: Ask, *, state: str | None = None) -> Page[Binding]:
    """List WeChat bindings in the actor's jurisdiction, newest first."""
    statement = gate.select(uow, Binding).options(selectinload(Binding.person))
    if state:
        statement = statement.where(Binding.state == state)
    return page(statement, (Binding.created_at, Binding.id), ask, lambda s: shown(uow, uow.session.scalars(s).all()))


def shown(uow: UnitOfWork, rows: Sequence[Binding]) -> Sequence[Binding]:
    """Write on each binding what a second person goes by: its moves, and the tail of the registered phone."""
    for row in gate.hand_out(uow, rows):
        sealed = row.person.phone_sealed
        row.phone_tail = uow.vault.unseal(sealed)[-4:] if sealed else None
    return rows


def sessions(uow: UnitOfWork) -> dict[str, Any]:
    """List the actor's living sessions."""
    mine = sa.select(Session).where(Session.ended_at.is_(None), Session.expires_at > uow.now)
    actor = uow.actor
    whose = Session.person_id == actor.person_id if actor.person_id else Session.account_id == actor.account_id
    rows = uow.session.scalars(mine.where(whose).order_by(Session.created_at.desc())).all()
    return {"items": [{"session": row, "current": row.id == actor.session_id} for row in rows], "next": None}


def teams(uow: UnitOfWork, ask: Ask) -> Page[Team]:
    """List teams: a commissioner's own (also those that wait for their word), staff those led from their county."""
    options = selectinload(Team.members).selectinload(TeamMember.person)
    mine = sa.select(TeamMember.team_id).where(
        TeamMember.person_id == uow.actor.person_id, TeamMember.left_at.is_(None)
    )
    staff = gate.visible(uow, Team, {"county", "county_lead", "city", "auditor"})
    statement = sa.select(Team).where(sa.or_(Team.id.in_(mine), staff)).options(options)
    return page(statement, (Team.created_at, Team.id), ask, lambda s: gate.rows(uow, s))


def names(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Give the names of people by id, for texts in which a name belongs."""
    found = uow.session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(set(ids))))
    return dict(found.all())


def person(uow: UnitOfWork, person_id: UUID) -> Person:
    """Give one person in the actor's jurisdiction."""
    return gate.fetch(uow, Person, person_id)


def present(uow: UnitOfWork, person_id: UUID, action: str, *, lock: bool = False) -> Person:
    """Give a person for whom something is to be done.

    :raises NotFound: also if they closed their account.
    """
    person = gate.fetch(uow, Person, person_id, action, lock=lock)
    if person.closed_at is not None:
        raise NotFound
    return person


def grant(uow: UnitOfWork, grant_id: UUID) -> RoleGrant:
    """Give one role grant in the actor's jurisdiction."""
    return gate.fetch(uow, RoleGrant, grant_id)
