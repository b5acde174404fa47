"""The demo season: people come in, last year is served and graded, this year's round runs up to the approval."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import sqlalchemy as sa

from demo import content, rounds, service, today
from demo.cast import Cast, Places
from demo.stage import Stage
from models.journal import JournalEntry
from models.regions import Organisation, Region, Specialty
from rules.calendar import SHANGHAI, shipped_years
from service import schedule
from service.core.clock import Clock
from service.core.settings import Settings
from service.core.unit import OPERATOR
from service.identity import commands as identity

SEED = 4452
CITY = "4452"
COMMISSIONERS = 200
Step = Callable[[str, Callable[[], object]], None]


def play(settings: Settings, step: Step) -> None:
    """Play the whole season through the real commands, with one seed, on a database that holds the reference data."""
    now = story_now(datetime.now(UTC))
    rng = Random(SEED)
    year = now.astimezone(SHANGHAI).year - (1 if now > shanghai(now.astimezone(SHANGHAI).year, 2, 1) else 2)
    stage = Stage(settings, shanghai(year, 1, 6))
    places = _places(stage)
    cast = Cast((UUID(int=0), UUID(int=0)), UUID(int=0))
    step("正在登记干部与科技特派员 · people come in", lambda: _people(stage, rng, places, cast))
    told = rounds.Teller(stage, rng, places, cast)
    step(f"{year} 年的小批次 · last year's small round", lambda: told.last_year(year))
    step(f"{year} 年的服务记录 · last year's service records", lambda: service.records_of(told, year))
    step(f"{year} 年度考核 · last year's assessment", lambda: service.assessment(told, year, until=now))
    step("今年的需求与榜单 · this year's needs and board", lambda: told.needs(now - timedelta(days=45)))
    step("揭榜与双向选择 · claims and rankings", told.claims)
    step("统筹方案与双方同意 · plan and proposals", told.plan)
    step("今天各处待办 · what waits at each desk", lambda: today.desks(told, CITY, now))
    step("通知与封存 · messages and seals", lambda: _tell(stage, now - timedelta(days=24)))
    stage.house.close()
    if abs(now - datetime.now(UTC)) > timedelta(hours=1):
        Clock(settings.var_dir / "clock.json").set(now)


def _tell(stage: Stage, since: datetime) -> None:
    """Turn the journal of the last weeks into messages, as the worker would have done all along, and seal all of it.

    What happened before is history: nobody's inbox waits for it.
    """
    stage.at(story_now(datetime.now(UTC)))
    with stage.house.engine.begin() as connection:
        old = sa.update(JournalEntry).where(JournalEntry.at < since, JournalEntry.fanned_at.is_(None))
        connection.execute(old.values(fanned_at=JournalEntry.at))
    for name in ("fan_out", "seal"):
        schedule.run(stage.house, name)


def shanghai(year: int, month: int, day: int, hour: int = 9) -> datetime:
    """Give an hour of a Shanghai day."""
    return datetime(year, month, day, hour, tzinfo=SHANGHAI)


def story_now(now: datetime) -> datetime:
    """Give the time at which the demo stands: now, or an autumn day of the last year whose official calendar is known.

    Publicity runs on official working days, and those of an unknown year are never guessed (R-PUB-1).
    """
    known = shipped_years()
    if (now + timedelta(days=14)).astimezone(SHANGHAI).year in known:
        return now
    return shanghai(max(known), 10, 20)


def _places(stage: Stage) -> Places:
    with stage.house.read(OPERATOR) as uow:
        rows = uow.session.scalars(sa.select(Region).where(Region.city_code == CITY).order_by(Region.code)).all()
        names = {row.code: row.name for row in rows}
        villages: dict[str, list[content.Region]] = {}
        for row in rows:
            if row.level == "village" and row.parent_code:
                villages.setdefault(row.parent_code, []).append(content.Region(row.code, row.name))
        return Places(
            tuple(
                content.Township(
                    row.code,
                    row.name,
                    row.managing_county_code or "",
                    names[row.managing_county_code or ""],
                    tuple(villages.get(row.code, ())),
                )
                for row in rows
                if row.level == "township" and row.agricultural
            ),
            tuple(content.Region(row.code, row.name) for row in rows if row.level == "county"),
            tuple(
                content.Organisation(row.code, row.name, row.kind, tuple(row.disciplines))
                for row in uow.session.scalars(sa.select(Organisation).order_by(Organisation.code))
            ),
            dict(uow.session.execute(sa.select(Specialty.code, Specialty.name).order_by(Specialty.code)).all()),
        )


def _people(stage: Stage, rng: Random, places: Places, cast: Cast) -> None:
    staff = content.staff(rng, places.counties, places.townships, places.organisations)
    admin = next(one for one in staff if one.role == "admin")
    cast.admins = stage.first_admins((admin.name, "管" + admin.name[1:]), (admin.phone, "19900009999"), CITY)
    taken: set[tuple[str, str]] = set()
    for one in staff:
        if one.role == "admin" or (one.role in {"city", "county", "auditor"} and (one.role, one.scope) in taken):
            continue
        taken.add((one.role, one.scope))
        organisation = one.scope if one.role == "dispatcher" else None
        region = {"city": CITY, "auditor": CITY}.get(one.role, None if organisation else one.scope)
        form = identity.NewPerson(
            name=one.name, phone=one.phone, title=one.title, region=CITY, organisation=organisation
        )
        person = stage.bring_in(cast.admins, form, one.role, region=region, organisation=organisation)
        _place(cast, one.role, one.scope, person)
    for someone in content.people(rng, places.organisations, places.specialties, COMMISSIONERS):
        form = identity.NewPerson(
            name=someone.name,
            phone=someone.phone,
            title=someone.title,
            region=CITY,
            organisation=someone.organisation,
            specialties=someone.specialties,
            bio=someone.bio,
            nature=someone.nature,
            available=someone.available,
        )
        cast.commissioners.append((stage.bring_in(cast.admins, form, "commissioner", region=CITY), someone))


def _place(cast: Cast, role: str, scope: str, person: UUID) -> None:
    if role == "city":
        cast.city = person
    elif role == "co_reviewer":
        cast.co_reviewers.setdefault(scope, []).append(person)
    elif role in {"county", "county_lead", "township", "dispatcher"}:
        getattr(cast, {"county_lead": "lead"}.get(role, role))[scope] = person
