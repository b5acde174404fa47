"""The console's session: who is there, and in development whom one can be."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person, RoleGrant, Session
from models.regions import Organisation, Region
from rules.access import ROLES
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.identity import commands

SHOWN_PER_ROLE = 6


@dataclass(frozen=True)
class Badge:
    """Who is at the console: the name, and each role in force with where it is held, in Chinese."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Somebody whom one can be in development."""

    person_id: UUID
    name: str
    role: str
    where: str


def badge(uow: UnitOfWork) -> Badge | None:
    """Give the acting person's name and roles; None for a stranger."""
    if uow.actor.person_id is None:
        return None
    codes = {held.region_code for held in uow.actor.held}
    names = dict(uow.session.execute(sa.select(Region.code, Region.name).where(Region.code.in_(codes))).all())
    roles = (f"{ROLES[held.role]} {names.get(held.region_code or '', '')}".strip() for held in uow.actor.held)
    return Badge(uow.session.get_one(Person, uow.actor.person_id).name, tuple(dict.fromkeys(roles)))


def parts(uow: UnitOfWork, q: str | None = None) -> dict[str, list[Part]]:
    """List people with a role in force, a handful a role, by the role's Chinese name (development only).

    :param q: part of a person's name or of the name of the region or organisation they act for.
    :raises NotFound: outside development.
    """
    _development(uow)
    where = sa.func.coalesce(Region.name, Organisation.name, "")
    place = sa.func.row_number().over(partition_by=RoleGrant.role, order_by=(RoleGrant.created_at, RoleGrant.id))
    found = (
        sa.select(Person.id, Person.name, RoleGrant.role, where.label("where"), place.label("place"))
        .join(Person, Person.id == RoleGrant.person_id)
        .outerjoin(Region, Region.code == RoleGrant.region_code)
        .outerjoin(Organisation, Organisation.code == RoleGrant.organisation_code)
        .where(RoleGrant.state == "active", Person.closed_at.is_(None))
    )
    for word in (q or "").split():
        found = found.where(sa.or_(Person.name.contains(word, autoescape=True), where.contains(word, autoescape=True)))
    listed = found.subquery()
    rows = uow.session.execute(
        sa.select(listed.c.id, listed.c.name, listed.c.role, listed.c.where)
        .where(listed.c.place <= SHOWN_PER_ROLE)
        .order_by(listed.c.place)
    ).all()
    by_role = {label: [Part(*row) for row in rows if row[2] == role] for role, label in ROLES.items()}
    return {label: people for label, people in by_role.items() if people}


def enter(uow: UnitOfWork, person: UUID) -> dict[str, Any]:
    """Open a console session as somebody, in development, and end the one that was; gives what `open_session` gives.

    :raises NotFound: outside development, or for a person who is not there.
    """
    _development(uow)
    row = uow.session.get(Person, person)
    if row is None or row.closed_at is not None:
        raise NotFound
    opened = commands.open_session(uow, row.id, None, "console")
    uow.session.get_one(Session, opened["id"]).factor_at = uow.now
    if uow.actor.session_id is not None:
        commands.end_session(uow, uow.actor.session_id)
    return opened


def _development(uow: UnitOfWork) -> None:
    if not uow.settings.development:
        raise NotFound
