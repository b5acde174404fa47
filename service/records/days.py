"""Service days: how many, on which dates, and how each was counted (R-VISIT-7)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from models.assessments import Assessment, Scheme
from models.identity import Person, TeamMember
from models.pairings import Pairing, PairingMember
from models.records import Companion, Record
from rules.access import roles_for
from rules.calendar import end_of_day, shanghai_year, start_of_day
from rules.records import DEFAULT_DAYS, AcceptedRecord, DaySettings, ServiceDays, county_days, service_days, team_days
from rules.schemes import day_settings
from service.core import gate
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.identity import queries as identity
from service.identity import teams

STAFF = roles_for("days.read") - {"commissioner"}


def days(uow: UnitOfWork, person_id: UUID, *, year: int | None = None) -> dict[str, Any]:
    """Give a commissioner's service days in a Shanghai year: their own, or in the actor's jurisdiction.

    :param year: this year where none is given.
    :raises NotFound: if the person is not there or not the actor's to see.
    """
    if person_id != uow.actor.person_id and not _within_reach(uow, person_id):
        raise NotFound
    year = year or shanghai_year(uow.now)
    counted = days_of(uow, [person_id], year)[person_id]
    return {"person": person_id, "year": year, "total": counted.total, "days": counted.days}


def days_of_team(uow: UnitOfWork, team_id: UUID, *, year: int | None = None) -> dict[str, Any]:
    """Give the days on which a team served in a Shanghai year, each with who served and how it was counted.

    Its members see them, staff who see the team, and the townships and counties of its pairings; a dispatching
    organisation sees its own people's days alone. Whoever left keeps the days that they served for the team.

    :param year: this year where none is given.
    :raises NotFound: if the team is not there or not the actor's to see.
    """
    _reached_team(uow, team_id)
    year = year or shanghai_year(uow.now)
    members = sa.select(TeamMember.person_id).where(TeamMember.team_id == team_id)
    people, settings = uow.session.scalars(members.order_by(TeamMember.person_id)).all(), _settings(uow, year)
    served = {
        person: _counted((row for row in rows if row.team_id == team_id), settings, year)
        for person, rows in accepted(uow, people, year).items()
    }
    union, names = team_days(served.values()), identity.names(uow, people)
    days = [
        {**one._asdict(), "members": _served_on(one.date, served, names)} for one in union.days
    ]  # fmt: skip
    return {"team": team_id, "year": year, "total": union.total, "days": days}


def _served_on(day: date, served: Mapping[UUID, ServiceDays], names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """Say what a date counts for each member who served on it."""
    return [
        {"id": person, "name": names[person], "counted": entry.counted, "how": entry.how}
        for person, own in served.items()
        for entry in own.days
        if entry.date == day
    ]


def _reached_team(uow: UnitOfWork, team_id: UUID) -> None:
    roles = uow.actor.roles() & (STAFF - {"dispatcher"})
    paired = sa.select(Pairing.id).where(Pairing.team_id == team_id, gate.visible(uow, Pairing, roles)).limit(1)
    if uow.session.scalar(paired) is None:
        teams.show(uow, team_id)


def _within_reach(uow: UnitOfWork, person_id: UUID) -> bool:
    """Say whether staff reach a person: by their organisation, their registration, or a pairing they serve in."""
    roles = uow.actor.roles() & STAFF
    paired = (
        sa.select(Pairing.id)
        .join(PairingMember, PairingMember.pairing_id == Pairing.id)
        .where(PairingMember.person_id == person_id, gate.visible(uow, Pairing, roles))
    )
    registered = sa.select(Person.id).where(Person.id == person_id, gate.visible(uow, Person, roles - {"township"}))
    return any(uow.session.scalar(asked.limit(1)) is not None for asked in (registered, paired))


def days_of(uow: UnitOfWork, people: Collection[UUID], year: int) -> dict[UUID, ServiceDays]:
    """Count the service days of many people in a Shanghai year, each county's as its scheme of that year counts them;
    as everywhere while a county has no assessment of the year. Three queries for all.
    """  # fmt: skip
    found, settings = accepted(uow, people, year), _settings(uow, year)
    return {person: _counted(found[person], settings, year) for person in people}


def _settings(uow: UnitOfWork, year: int) -> dict[str, DaySettings]:
    asked = sa.select(Assessment.county_code, Scheme.body).join(Assessment.scheme).where(Assessment.year == year)
    return {county: day_settings(body) for county, body in uow.session.execute(asked)}


def _counted(rows: Iterable[Record], settings: Mapping[str, DaySettings], year: int) -> ServiceDays:
    by_county: dict[str, list[Record]] = {}
    for row in rows:
        by_county.setdefault(row.township.managing_county_code or row.county_code, []).append(row)
    return county_days(
        service_days(timed(served), settings.get(county, DEFAULT_DAYS), year) for county, served in by_county.items()
    )


def accepted(uow: UnitOfWork, people: Collection[UUID], year: int) -> dict[UUID, list[Record]]:
    """Give for each person the accepted records that touch a Shanghai year: written by them, or served along in
    without objection (R-VISIT-7, R-ASSESS-2). The earliest first.
    """  # fmt: skip
    touching = sa.and_(
        Record.state == "accepted",
        Record.started_at < end_of_day(date(year, 12, 31)),
        Record.ended_at > start_of_day(date(year, 1, 1)),
    )
    own = sa.select(Record.person_id, Record).where(touching, Record.person_id.in_(people))
    along = (
        sa.select(Companion.person_id, Record)
        .join(Companion, Companion.record_id == Record.id)
        .where(touching, Companion.person_id.in_(people), Companion.objected_at.is_(None))
    )
    served: dict[UUID, list[Record]] = {person: [] for person in people}
    for asked in (own, along):
        for person, row in uow.session.execute(asked.options(joinedload(Record.township))):
            served[person].append(row)
    for rows in served.values():
        rows.sort(key=lambda row: (row.started_at, row.id))
    return served


def timed(rows: Iterable[Record]) -> list[AcceptedRecord]:
    """Give what records say about time."""
    return [
        AcceptedRecord(
            row.id, row.started_at, row.ended_at, row.form, frozenset(map(date.fromisoformat, row.travel_dates))
        )
        for row in rows
    ]
