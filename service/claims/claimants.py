"""Claimants as the rules look at them: a person alone, or a confirmed team behind its leader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person, RoleGrant, Team, TeamMember
from models.needs import Need, Round
from models.pairings import Pairing, PairingMember
from models.regions import Region, Specialty
from rules import claims as rules
from rules.calendar import shanghai_date
from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class Offer:
    """Who offers to serve: `key` is the team's id or else the person's; the person of a team is its leader."""

    key: UUID
    person_id: UUID
    team_id: UUID | None
    members: tuple[UUID, ...]
    capacity: int
    organisation_code: str | None
    claimant: rules.Claimant


def tree(uow: UnitOfWork) -> rules.SpecialtyTree:
    """Give the specialty catalogue as the rules take it; the same tree while the catalogue stays the same."""
    columns = sa.select(Specialty.code, Specialty.name, Specialty.parent_code, Specialty.maps_to)
    rows = uow.session.execute(columns.order_by(Specialty.code))
    return _tree(tuple(rules.Specialty(code, name, parent, frozenset(maps)) for code, name, parent, maps in rows))


@lru_cache(maxsize=2)
def _tree(rows: tuple[rules.Specialty, ...]) -> rules.SpecialtyTree:
    """Keep the tree of the last catalogue, with the lines and nearnesses that it has worked out."""
    return rules.SpecialtyTree(rows)


def terms(row: Round | None) -> rules.Terms:
    """Give what a round sets otherwise (R-APP-5): an everyday task is no posting, and some rounds give several."""
    return rules.Terms(several_postings=row is None or row.capacity_max > 1)


def claimed(need: Need) -> rules.ClaimedNeed:
    """Give a need as the rules take it. It is the township's own: no organisation gains from it (R-CLAIM-3)."""
    return rules.ClaimedNeed(need.township_code, frozenset(need.specialties))


def commissioners(uow: UnitOfWork) -> sa.Select[UUID]:
    """Select the ids of everybody who is a commissioner in office today and has not closed the account."""
    today = shanghai_date(uow.now)
    return (
        sa.select(Person.id)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(
            RoleGrant.role == "commissioner",
            RoleGrant.state == "active",
            sa.or_(RoleGrant.starts_on.is_(None), RoleGrant.starts_on <= today),
            sa.or_(RoleGrant.ends_on.is_(None), RoleGrant.ends_on >= today),
            Person.closed_at.is_(None),
        )
    )


def team_led_by(uow: UnitOfWork, leader: UUID, team: UUID) -> Team | None:
    """Give the confirmed team of that id if this person leads it; it stays confirmed until the command is done."""
    led = sa.select(Team).where(Team.id == team, Team.leader_id == leader, Team.state == "confirmed")
    return uow.session.scalar(led.with_for_update(read=True, of=Team))


def offers(uow: UnitOfWork, people: Iterable[UUID], teams: Iterable[UUID] = ()) -> dict[UUID, Offer]:
    """Give people and confirmed teams by their claimant's key, with what R-CLAIM-3, R-APP-1 and R-APP-5 look at.

    Teams that are not confirmed are left out. A member of a confirmed team is marked: only the leader claims, for it.
    """
    led = uow.session.scalars(sa.select(Team).where(Team.id.in_(set(teams)), Team.state == "confirmed")).all()
    members = _members(uow, [team.id for team in led])
    everybody = set(people).union(*members.values())
    persons = {row.id: row for row in uow.session.scalars(sa.select(Person).where(Person.id.in_(everybody)))}
    office = set(uow.session.scalars(commissioners(uow).where(Person.id.in_(everybody))))
    postings = _postings(uow, everybody)
    teamed = set(
        uow.session.scalars(
            sa.select(TeamMember.person_id).where(TeamMember.confirmed, TeamMember.person_id.in_(everybody))
        )
    )
    found = {}
    for one in people:
        if one in persons:
            found[one] = _offer(one, None, [persons[one]], office, postings, teamed=one in teamed)
    for team in led:
        own = [persons[one] for one in sorted(members[team.id], key=lambda one: (one != team.leader_id, str(one)))]
        found[team.id] = _offer(team.id, team.id, own, office, postings, teamed=False)
    return found


def _members(uow: UnitOfWork, teams: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {team: [] for team in teams}
    rows = uow.session.execute(
        sa.select(TeamMember.team_id, TeamMember.person_id).where(TeamMember.team_id.in_(teams), TeamMember.confirmed)
    )
    for team, person in rows:
        found[team].append(person)
    return found


def _offer(
    key: UUID,
    team: UUID | None,
    people: Sequence[Person],
    office: set[UUID],
    postings: Mapping[UUID, list[rules.Posting]],
    *,
    teamed: bool,
) -> Offer:
    """Bring together what the members have; the first of them, who leads, speaks for all."""
    leader = people[0]
    claimant = rules.Claimant(
        specialties=frozenset(code for one in people for code in one.specialties),
        organisations=frozenset(one.organisation_code for one in people if one.organisation_code),
        available=leader.available and leader.id in office,
        postings=tuple(sorted({post for one in people for post in postings.get(one.id, ())})),
        led_by_other=teamed,
    )
    members = tuple(one.id for one in people)
    return Offer(key, leader.id, team, members, leader.capacity, leader.organisation_code, claimant)


def _postings(uow: UnitOfWork, people: Iterable[UUID]) -> dict[UUID, list[rules.Posting]]:
    """Find active postings in any county (R-APP-5); an everyday task is none."""
    rows = uow.session.execute(
        sa.select(PairingMember.person_id, Region.code, Region.name)
        .join(Pairing, Pairing.id == PairingMember.pairing_id)
        .join(Region, Region.code == Pairing.township_code)
        .where(
            PairingMember.person_id.in_(set(people)),
            Pairing.state == "active",
            Pairing.kind == "pairing",
            Pairing.ends_on >= shanghai_date(uow.now),
        )
    )
    found: dict[UUID, list[rules.Posting]] = {}
    for person, code, name in rows:
        found.setdefault(person, []).append(rules.Posting(code, name))
    return found
