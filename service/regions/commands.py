"""Load the roster and the other reference data; edit a township's row. Loading twice changes nothing."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from models.regions import CalendarYear, Holiday, Organisation, Region, Specialty
from rules.calendar import shipped_years
from rules.geo import Point, gcj02_to_wgs84
from service.core import gate
from service.core.problems import Invalid, NotFound
from service.core.unit import UnitOfWork
from service.identity.roles import follow_township
from service.regions import queries


class _Roster:
    """What a load journals about: one roster, by the code of its city."""

    __thing__ = "roster"

    def __init__(self, code: str) -> None:
        self.code = code
        self.county_code = code


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def load(uow: UnitOfWork, folder: Path, city: str, city_name: str, province_name: str) -> dict[str, int]:
    """Load a city's roster and the shared lists from a folder of CSV files; rows that staff edited stay as they are.

    :returns: how many rows of each kind are new or changed.
    """
    counted: dict[str, int] = {}
    regions = [*_above(city, city_name, province_name), *_counties(folder, city), *_townships(folder, city)]
    counted["regions"] = _merge(uow, Region, "code", regions)
    uow.session.flush()
    counted["villages"] = _merge(uow, Region, "code", _villages(uow, folder, city))
    counted["specialties"] = _merge(uow, Specialty, "code", _specialties(folder))
    counted["organisations"] = _merge(uow, Organisation, "code", _organisations(folder))
    counted["holidays"] = load_shipped_calendar(uow)
    if any(counted.values()):
        uow.record("roster.load", _Roster(city), [{"thing": "roster", "id": city, "counts": counted}])
    return counted


def _merge(uow: UnitOfWork, model: type[Any], key: str, rows: Any) -> int:
    """Insert what is new, update what differs, leave what staff edited; give the number touched."""
    known = {getattr(row, key): row for row in uow.session.scalars(sa.select(model))}
    touched = 0
    for values in rows:
        row = known.get(values[key])
        if row is None:
            uow.session.add(model(**values))
            touched += 1
        elif getattr(row, "edited_at", None) is None:
            changed = {name: value for name, value in values.items() if getattr(row, name) != value}
            for name, value in changed.items():
                setattr(row, name, value)
            touched += bool(changed)
    return touched


def _above(city: str, city_name: str, province_name: str) -> list[dict[str, Any]]:
    province = city[:2]
    return [
        {"code": province, "name": province_name, "level": "province", "parent_code": None},
        {"code": city, "name": city_name, "level": "city", "parent_code": province, "city_code": city},
    ]


def _counties(folder: Path, city: str) -> Iterator[dict[str, Any]]:
    outlines = json.loads((folder / "counties.geojson").read_text(encoding="utf-8"))
    for feature in outlines["features"]:
        facts = feature["properties"]
        yield {
            "code": feature["id"],
            "name": facts["name"],
            "level": "county",
            "kind": facts["name"][-1],
            "parent_code": city,
            "county_code": feature["id"],
            "managing_county_code": feature["id"],
            "city_code": city,
            "lat": facts["label_lat"],
            "lon": facts["label_lon"],
            "outline": feature["geometry"],
        }


def _townships(folder: Path, city: str) -> Iterator[dict[str, Any]]:
    for row in _rows(folder / "townships.csv"):
        yield {
            "code": row["code"],
            "name": row["name"],
            "level": "township",
            "kind": row["kind"],
            "parent_code": row["county_code"],
            "county_code": row["county_code"],
            "managing_county_code": row.get("managing_county_code") or row["county_code"],
            "city_code": city,
            "agricultural": row["agricultural"] == "1",
            "basis": row["basis"][:200] or None,
            "lat": float(row["lat"]) if row["lat"] else None,
            "lon": float(row["lon"]) if row["lon"] else None,
            "radius_m": int(row["suggested_radius_m"]) if row["suggested_radius_m"] else None,
            "aliases": row["aliases"] or None,
        }


def _villages(uow: UnitOfWork, folder: Path, city: str) -> Iterator[dict[str, Any]]:
    townships = {
        region.code: region
        for region in uow.session.scalars(sa.select(Region).where(Region.level == "township", Region.city_code == city))
    }
    for row in _rows(folder / "villages.csv"):
        township = townships.get(row["township_code"])
        if row["kind"] == "virtual" or township is None:
            continue
        yield {
            "code": row["code"],
            "name": row["name"],
            "level": "village",
            "kind": row["kind"],
            "parent_code": township.code,
            "county_code": township.county_code,
            "managing_county_code": township.managing_county_code,
            "city_code": city,
        }


def _specialties(folder: Path) -> Iterator[dict[str, Any]]:
    for row in _rows(folder / "specialties.csv"):
        yield {
            "code": row["code"],
            "name": row["name_zh"],
            "parent_code": row["parent"] or None,
            "level": int(row["level"]) if row["level"] else None,
            "local": row["local"] == "1",
            "maps_to": [code for code in row["maps_to"].split("|") if code],
        }


def _organisations(folder: Path) -> Iterator[dict[str, Any]]:
    for row in _rows(folder / "organisations.csv"):
        yield {
            "code": row["code"],
            "name": row["name"],
            "kind": row["kind"],
            "city": row["city"] or None,
            "lat": float(row["lat"]) if row["lat"] else None,
            "lon": float(row["lon"]) if row["lon"] else None,
            "disciplines": [code for code in row["disciplines"].split("|") if code],
        }


def load_shipped_calendar(uow: UnitOfWork) -> int:
    """Load the official calendar of every year that the shipped library knows and the table does not (R-PUB-1)."""
    known = set(uow.session.scalars(sa.select(CalendarYear.year)))
    added = 0
    for year, days in shipped_years().items():
        if year in known:
            continue
        uow.session.add(CalendarYear(year=year, source="chinesecalendar"))
        uow.session.add_all(Holiday(day=day, workday=work, note=None) for day, work in days.items())
        added += 1
    return added


def load_calendar_year(uow: UnitOfWork, year: int, days: Mapping[Any, bool], source: str) -> None:
    """Load or replace one year of the official calendar, as the yearly notice gives it.

    :param days: the days that differ from Monday-to-Friday: True for a working day, False for a day off.
    """
    uow.session.execute(sa.delete(Holiday).where(sa.extract("year", Holiday.day) == year))
    uow.session.merge(CalendarYear(year=year, source=source))
    uow.session.add_all(Holiday(day=day, workday=work, note=None) for day, work in days.items())
    uow.record("calendar.load", _Roster(str(year)), [{"thing": "calendar", "id": str(year), "to": len(days)}])


@dataclass(frozen=True)
class PointForm:
    """Where a township's seat is, in degrees of its datum."""

    lat: float
    lon: float
    datum: str


def _degrees(point: PointForm | None) -> dict[str, float | None]:
    """Give a point as the roster keeps it: WGS-84, or nothing."""
    if point is None:
        return {"lat": None, "lon": None}
    at = gcj02_to_wgs84(point.lat, point.lon) if point.datum == "gcj02" else Point(point.lat, point.lon)
    return {"lat": at.lat, "lon": at.lon}


def edit(uow: UnitOfWork, code: str, *, if_match: str | None, **values: Any) -> dict[str, Any]:
    """Correct a township's row of the roster: the agricultural flag with its basis, the point, the managing county.

    :raises NotFound: if it is no township of the actor's city.
    :raises Invalid: if the managing county is none of that city.
    """
    region = uow.session.get(Region, code, with_for_update=True)
    counties = uow.actor.counties_for("region.edit")
    if region is None or region.level != "township" or region.managing_county_code not in counties:
        raise NotFound
    gate.match(region, if_match)
    county = values.get("managing_county_code", region.managing_county_code)
    if county not in counties or uow.session.get_one(Region, county).level != "county":
        raise Invalid(errors={"managing_county": ["没有这个县（市、区）"]})
    if "point" in values:
        values |= _degrees(values.pop("point"))
    before = {name: getattr(region, name) for name in values}
    for name, value in values.items():
        setattr(region, name, value)
    region.edited_at, region.version = uow.now, region.version + 1
    if "managing_county_code" in values:
        below = sa.update(Region).where(Region.parent_code == code).values(managing_county_code=county)
        uow.session.execute(below.execution_options(synchronize_session=False))
        follow_township(uow, code, county)
    change = {"thing": "region", "id": code, "fields": sorted(values), "from": before, "to": values}
    uow.record("region.edit", region, [change])
    return queries.shown(uow, region)
