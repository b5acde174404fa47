"""Read regions, townships, specialties, organisations and the calendar."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from models.regions import CalendarYear, Holiday, Organisation, Region, Specialty
from rules.calendar import OfficialCalendar
from service.core.paging import Ask, Page, page
from service.core.problems import NotFound
from service.core.unit import UnitOfWork

CODE_PAGE = "pages/townships/detail"
"""The page of the mini-program that a township's code opens, with `t=<code>` as its scene."""


def regions(uow: UnitOfWork, ask: Ask, *, parent: str | None = None, level: str | None = None) -> Page[Region]:
    """List regions below a parent (or of a level), by code."""
    statement = sa.select(Region)
    if level:
        statement = statement.where(Region.level == level)
    if parent or not level:
        below = Region.parent_code == parent if parent else Region.parent_code.is_(None)
        statement = statement.where(below)
    return page(statement, (Region.code,), ask, lambda s: uow.session.scalars(s).all(), newest_first=False)


def region(uow: UnitOfWork, code: str) -> Region:
    """Give one region. :raises NotFound: if there is none of that code."""
    found = uow.session.get(Region, code)
    if found is None:
        raise NotFound
    return found


def townships(
    uow: UnitOfWork, ask: Ask, *, agricultural: bool | None = None, county: str | None = None, city: str | None = None
) -> Page[dict[str, Any]]:
    """List townships by code, each with its managing county."""
    statement = sa.select(Region).where(Region.level == "township")
    if agricultural is not None:
        statement = statement.where(Region.agricultural.is_(agricultural))
    if county:
        statement = statement.where(Region.managing_county_code == county)
    if city:
        statement = statement.where(Region.city_code == city)
    found = page(statement, (Region.code,), ask, lambda s: uow.session.scalars(s).all(), newest_first=False)
    names = county_names(uow)
    shown = [{"township": row, "county_name": names.get(row.managing_county_code or "")} for row in found.items]
    return Page(shown, found.next)


def roster(uow: UnitOfWork) -> Sequence[Region]:
    """List the agricultural townships whole (a city has some sixty), by code: what a choice of townships offers."""
    statement = sa.select(Region).where(Region.level == "township", Region.agricultural)
    return uow.session.scalars(statement.order_by(Region.code)).all()


def reached_townships(uow: UnitOfWork) -> Sequence[Region]:
    """List the townships that the actor's roles reach, by code."""
    codes = {code for held in uow.actor.held for code in held.townships}
    return uow.session.scalars(sa.select(Region).where(Region.code.in_(codes)).order_by(Region.code)).all()


def township(uow: UnitOfWork, code: str) -> dict[str, Any]:
    """Give one township with its managing county. :raises NotFound: if it is none."""
    found = region(uow, code)
    if found.level != "township":
        raise NotFound
    return shown(uow, found)


def township_code(uow: UnitOfWork, code: str) -> bytes:
    """Give the PNG of a township's mini-program code.

    :raises NotFound: if it is no township.
    :raises WechatDown: if WeChat cannot draw it now.
    """
    with uow.house.read(uow.actor, uow.trace) as reading:  # over before WeChat is asked
        township(reading, code)
    return uow.ports.wechat.code_image(f"t={code}", CODE_PAGE)


def shown(uow: UnitOfWork, row: Region) -> dict[str, Any]:
    """Give a township as lists and pages show it."""
    county = uow.session.get_one(Region, row.managing_county_code)
    return {"township": row, "county_name": county.name, "etag": row.etag}


def county_names(uow: UnitOfWork) -> dict[str, str]:
    """Give the names of all counties by code."""
    found = uow.session.execute(sa.select(Region.code, Region.name).where(Region.level == "county"))
    return dict(found.all())


def specialties(uow: UnitOfWork, ask: Ask) -> Page[Specialty]:
    """List specialties by code."""
    return page(
        sa.select(Specialty), (Specialty.code,), ask, lambda s: uow.session.scalars(s).all(), newest_first=False
    )


def specialty_names(uow: UnitOfWork, codes: Sequence[str]) -> list[str]:
    """Give the names of specialties, in the order of the codes."""
    found = uow.session.execute(sa.select(Specialty.code, Specialty.name).where(Specialty.code.in_(codes)))
    names = dict(found.all())
    return [names[code] for code in codes if code in names]


def organisations(uow: UnitOfWork, ask: Ask) -> Page[Organisation]:
    """List organisations by code."""
    return page(
        sa.select(Organisation), (Organisation.code,), ask, lambda s: uow.session.scalars(s).all(), newest_first=False
    )


def calendar(uow: UnitOfWork) -> OfficialCalendar:
    """Give the official calendar, as far as it is loaded."""
    years = list(uow.session.scalars(sa.select(CalendarYear.year)))
    days = uow.session.execute(sa.select(Holiday.day, Holiday.workday)).all()
    return OfficialCalendar({year: {day: work for day, work in days if day.year == year} for year in years})


def check(uow: UnitOfWork) -> list[str]:
    """Say in Chinese what of the roster is unconfirmed or has no point (`flask --app wsgi roster check`)."""
    rows = uow.session.scalars(
        sa.select(Region).where(Region.level == "township", Region.agricultural).order_by(Region.code)
    ).all()
    lines = [f"{len(rows)} 个涉农乡镇，{sum(not row.confirmed for row in rows)} 个未确认"]
    for row in rows:
        faults = [] if row.confirmed else [f"未确认（依据：{row.basis or '无'}）"]
        faults += [] if row.lat is not None else ["没有坐标"]
        if faults:
            lines.append(f"{row.code} {row.name}：{'；'.join(faults)}")
    return lines
