"""Who I am, as the system has me."""

from typing import Any

import sqlalchemy as sa

from models.identity import Binding, Person, Team, TeamMember
from service.core.unit import UnitOfWork
from service.identity import queries as identity


def masked(phone: str) -> str:
    """Show the first three and last two digits of a phone number (domain §6)."""
    return phone[:3] + "*" * max(1, len(phone) - 5) + phone[-2:]


def me(uow: UnitOfWork) -> dict[str, Any]:
    """Give the acting person: roles that act now, profile, teams, consents, binding; the phone masked."""
    person = identity.me(uow)
    names = ("id", "name", "title", "bio", "nature", "specialties", "available", "capacity", "service_days", "etag")
    return {name: getattr(person, name) for name in names} | {
        "phone": masked(uow.vault.unseal(person.phone_sealed)) if person.phone_sealed else None,
        "region": person.county_code,
        "organisation": person.organisation_code,
        "roles": uow.actor.held,
        "teams": _teams(uow, person),
        "consents": identity.consents(uow, person.id),
        "binding": _binding(uow, person),
    }


def _teams(uow: UnitOfWork, person: Person) -> list[dict[str, Any]]:
    """List the teams that the person belongs to or was asked to join."""
    rows = uow.session.execute(
        sa.select(Team.id, Team.name, Team.state, Team.leader_id, TeamMember.agreed_at)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.person_id == person.id, TeamMember.left_at.is_(None), Team.state != "dissolved")
        .order_by(Team.created_at, Team.id)
    )
    return [
        {
            "id": row.id,
            "name": row.name,
            "state": row.state,
            "leader": row.leader_id == person.id,
            "agreed": row.agreed_at is not None,
        }
        for row in rows
    ]


def _binding(uow: UnitOfWork, person: Person) -> str | None:
    """Give the state of the binding of the WeChat user who asks; None on the console of a development machine."""
    newest = sa.select(Binding.state).where(Binding.person_id == person.id, Binding.account_id == uow.actor.account_id)
    return uow.session.scalar(newest.order_by(Binding.created_at.desc(), Binding.id.desc()).limit(1))
