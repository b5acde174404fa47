"""Who somebody is and what they may do now; lists of people, grants, bindings, teams, sessions."""

from collections.abc import Sequence
from datetime import timedelta
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
from service.core.problems import NotFound
from service.core.unit import Actor, Held, UnitOfWork

SEEN_EVERY = timedelta(seconds=60)
IDLE = {"mini": timedelta(days=SESSION_IDLE_DAYS), "console": timedelta(minutes=CONSOLE_IDLE_MINUTES)}


def living_session(uow: UnitOfWork, token: str, kind: str) -> Session | None:
    """Give the living session of a token, if there is one."""
    session = uow.session.scalar(
        sa.select(Session).where(Session.token_digest == uow.vault.digest("session", token), Session.kind == kind)
    )
    if session is None or session.ended_at is not None:
        return None
    if uow.now >= session.expires_at or uow.now - session.last_seen_at > IDLE[kind]:
        return None
    return session


def actor_of(uow: UnitOfWork, session: Session) -> Actor:
    """Give the actor behind a session with the roles that act now (no cache: a revoked role is gone at once).

    Whoever claimed to be a person but was not verified yet is a visitor still (quality.md bar 20).
    """
    visitor = Actor("visitor", account_id=session.account_id, session_id=session.id)
    if session.person_id is None:
        return visitor
    person, binding = uow.session.get_one(Person, session.person_id), _living_binding(uow, session.person_id)
    if person.closed_at is not None or not _verified(session, binding):
        return visitor
    if session.kind == "console" and session.factor_at is None:
        return Actor("visitor", session_id=session.id, entering=person.id)
    held = held_roles(uow, person.id)
    teams = uow.session.execute(
        sa.select(Team.id, Team.leader_id)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.person_id == person.id, TeamMember.left_at.is_(None), Team.state == "confirmed")
    ).all()
    cools_until = binding.cools_until if binding else None
    return Actor(
        "person",
        person.id,
        session.account_id,
        session.id,
        held,
        frozenset(team for team, _ in teams),
        frozenset(team for team, leader in teams if leader == person.id),
        person.organisation_code,
        cools_until=cools_until if cools_until and uow.now < cools_until else None,
        factor_at=session.factor_at,
    )


def _living_binding(uow: UnitOfWork, person_id: UUID) -> Binding | None:
    """Give the one binding of a person that waits or acts."""
    living = sa.select(Binding).where(Binding.person_id == person_id, Binding.state.in_(("claimed", "bound")))
    return uow.session.scalar(living)


def _verified(session: Session, binding: Binding | None) -> bool:
    """A session made by the development console or the host's code has no account; others need a verified binding."""
    if session.account_id is None:
        return True
    return binding is not None and binding.state == "bound" and binding.account_id == session.account_id


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


def held_roles(uow: UnitOfWork, person_id: UUID) -> tuple[Held, ...]:
    """Give a person's roles in force today, each with the townships and counties that it reaches."""
    grants = uow.session.scalars(
        sa.select(RoleGrant)
        .where(RoleGrant.person_id == person_id, in_office(uow))
        .order_by(RoleGrant.created_at, RoleGrant.id)
    )
    return tuple(_held(uow, grant) for grant in grants)


def _held(uow: UnitOfWork, grant: RoleGrant) -> Held:
    region = grant.region_code
    if region is None or grant.role == "commissioner":
        return Held(grant.role, region, grant.organisation_code)
    if grant.role == "township":
        return Held(grant.role, region, townships=frozenset({region}))
    managed = uow.session.execute(
        sa.select(Region.code, Region.level).where(
            sa.or_(Region.managing_county_code == region, Region.city_code == region),
            Region.level.in_(("township", "county")),
        )
    ).all()
    return Held(
        grant.role,
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
