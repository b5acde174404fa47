"""Who holds an office where, today: the people whom a message to `the county` or `the township` reaches."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person, RoleGrant, TeamMember
from models.pairings import PairingMember
from models.regions import Region
from rules.calendar import shanghai_date
from service.core.unit import UnitOfWork

Found = TypeVar("Found")


class Offices:
    """Looks up holders of roles; asks the database once for each question."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._known: dict[Hashable, Any] = {}

    def _once(self, key: Hashable, ask: Callable[[], Found]) -> Found:
        if key not in self._known:
            self._known[key] = ask()
        found: Found = self._known[key]
        return found

    def _holders(self, *where: sa.ColumnElement[bool]) -> frozenset[UUID]:
        today = shanghai_date(self._uow.now)
        statement = (
            sa.select(RoleGrant.person_id)
            .join(Person, Person.id == RoleGrant.person_id)
            .where(
                RoleGrant.state == "active",
                sa.or_(RoleGrant.starts_on.is_(None), RoleGrant.starts_on <= today),
                sa.or_(RoleGrant.ends_on.is_(None), RoleGrant.ends_on >= today),
                Person.closed_at.is_(None),
                *where,
            )
        )
        return frozenset(self._uow.session.scalars(statement))

    def at(self, role: str, region: str | None) -> frozenset[UUID]:
        """Give who holds a role for exactly this region."""
        if region is None:
            return frozenset()
        return self._once(
            ("at", role, region),
            lambda: self._holders(RoleGrant.role == role, RoleGrant.region_code == region),
        )

    def within(self, role: str, city: str) -> frozenset[UUID]:
        """Give who holds a role for the city or for any region in it."""
        inside = sa.select(Region.code).where(sa.or_(Region.code == city, Region.city_code == city))
        return self._once(
            ("within", role, city),
            lambda: self._holders(RoleGrant.role == role, RoleGrant.region_code.in_(inside)),
        )

    def anywhere(self, role: str) -> frozenset[UUID]:
        """Give who holds a role for whatever region."""
        return self._once(("anywhere", role), lambda: self._holders(RoleGrant.role == role))

    def of_organisation(self, code: str | None) -> frozenset[UUID]:
        """Give the dispatchers of an organisation."""
        if code is None:
            return frozenset()
        return self._once(
            ("organisation", code),
            lambda: self._holders(RoleGrant.role == "dispatcher", RoleGrant.organisation_code == code),
        )

    def region(self, code: str) -> Region | None:
        """Give a region by its code."""
        return self._uow.session.get(Region, code)

    def county_of(self, row: Any) -> str:
        """Give the county that manages a row's township, or else the row's county."""
        township = self.region(getattr(row, "township_code", None) or "")
        return (township and township.managing_county_code) or str(row.county_code)

    def city_of(self, county: str) -> str:
        """Give the city of a county; a city is its own."""
        region = self.region(county)
        return (region and region.city_code) or county

    def members_of_team(self, team: UUID) -> frozenset[UUID]:
        """Give those who belong to a team or were asked to."""
        stay = sa.select(TeamMember.person_id).where(TeamMember.team_id == team, TeamMember.left_at.is_(None))
        return self._once(("team", team), lambda: frozenset(self._uow.session.scalars(stay)))

    def members_of_pairing(self, pairing: UUID) -> frozenset[UUID]:
        """Give everybody who serves in a pairing."""
        serve = sa.select(PairingMember.person_id).where(PairingMember.pairing_id == pairing)
        return self._once(("pairing", pairing), lambda: frozenset(self._uow.session.scalars(serve)))
