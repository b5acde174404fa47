"""What the year's rows say of each commissioner: who was posted where, and the evidence from accepted records.

Nothing here becomes points. Check-ins, photos and log-ins are not read at all (国办函〔2026〕12号); people score.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment
from models.identity import Person
from models.pairings import Pairing, PairingMember
from models.records import Record
from models.regions import Region
from rules.calendar import shanghai_year
from rules.records import COUNTERS, DaySettings, ServiceDay, service_days
from rules.schemes import day_settings
from service.core.unit import UnitOfWork
from service.records import days

POSTING = "pairing"
"""The kind of pairing that posts somebody to a township; an everyday task posts nobody."""


@dataclass(frozen=True)
class Posted:
    """A person with a posting in the county in the year; the host is the township of the most days."""

    person: Person
    township_code: str
    on_base: bool


def managed(county: str) -> sa.Select[str]:
    """Select the codes of the townships that a county manages."""
    return sa.select(Region.code).where(Region.managing_county_code == county, Region.level == "township")


def posted(uow: UnitOfWork, county: str, year: int) -> list[Posted]:
    """List everybody with a posting in the county in the Shanghai year, by id, and whether it held on 31 December.

    Those with a posting on 31 December are the base of the quota (R-ASSESS-4).
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    until = sa.func.coalesce(Pairing.ended_on, Pairing.ends_on)
    rows = uow.session.execute(
        sa.select(Person, Pairing.township_code, Pairing.starts_on, until.label("until"))
        .join(PairingMember, PairingMember.person_id == Person.id)
        .join(Pairing, Pairing.id == PairingMember.pairing_id)
        .where(Pairing.kind == POSTING, Pairing.township_code.in_(managed(county)))
        .where(Pairing.starts_on <= last, until >= first)
    ).all()
    hosts: dict[UUID, dict[str, int]] = {}
    people: dict[UUID, Person] = {}
    base: set[UUID] = set()
    for person, township, starts_on, ends_on in rows:
        people[person.id] = person
        served = (min(ends_on, last) - max(starts_on, first)).days + 1
        by_township = hosts.setdefault(person.id, {})
        by_township[township] = by_township.get(township, 0) + served
        base |= {person.id} if ends_on >= last else set()
    return [Posted(people[one], _longest(hosts[one]), one in base) for one in sorted(people)]


def _longest(days_by_township: Mapping[str, int]) -> str:
    return min(days_by_township, key=lambda code: (-days_by_township[code], code))


def assemble(uow: UnitOfWork, assessment: Assessment, people: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Assemble each person's evidence from the county's accepted records, by date of service (R-ASSESS-2)."""
    year, counting = assessment.year, day_settings(assessment.scheme.body)
    here = set(uow.session.scalars(managed(assessment.county_code)))
    served = days.accepted(uow, people, year)
    own = {one: [row for row in served[one] if row.township_code in here] for one in people}
    return {one: of_person(one, own[one], year, counting) for one in people}


def of_person(person: UUID, served: Sequence[Record], year: int, counting: DaySettings) -> dict[str, Any]:
    """Give a person's evidence as plain data: figures with the records behind each, days, trainings, record versions.

    Every figure is `{value, records}` with ids; `confirmations` adds `of` and `share_percent` (rounded down). Days are
    texts because there are half days. Days served along count (R-VISIT-7); counters, confirmations and the list are
    those of the person's own records, and a record belongs to the year in which it starts.
    """
    counted = service_days(days.timed(served), counting, year)
    own = [one for one in served if one.person_id == person and shanghai_year(one.started_at) == year]
    confirmed = [one for one in own if one.confirmation]
    share = len(confirmed) * 100 // len(own) if own else 0
    behind = dict.fromkeys(one for day in counted.days for one in day.record_ids)
    figures = {
        "service_days": _figure(str(counted.total), behind),
        "records": _figure(len(own), [one.id for one in own]),
        "confirmations": _figure(len(confirmed), [one.id for one in confirmed])
        | {"of": len(own), "share_percent": share},
    }
    for code in COUNTERS:
        having = [one for one in own if one.counters.get(code)]
        figures[code] = _figure(sum(one.counters[code] for one in having), [one.id for one in having])
    return {
        "figures": figures,
        "days": [_day(day) for day in counted.days],
        "trainings": [],
        "versions": {str(one.id): one.number for one in served},
    }


def _day(day: ServiceDay) -> dict[str, Any]:
    records = [str(one) for one in day.record_ids]
    return {"date": day.date.isoformat(), "counted": str(day.counted), "how": day.how, "records": records}


def _figure(value: int | str, records: Iterable[Any]) -> dict[str, Any]:
    return {"value": value, "records": [str(one) for one in records]}


def versions(evidence: Mapping[str, Any]) -> dict[UUID, int]:
    """Give the version of each record that an evidence rests on."""
    return {UUID(one): number for one, number in evidence.get("versions", {}).items()}
