"""How long a list stands in public: what the jurisdiction chose, the official calendar, years not loaded yet."""

import csv
from collections.abc import Iterator
from datetime import date
from io import StringIO

import sqlalchemy as sa

from models.publicity import Publicity, PublicityDays
from models.regions import Region
from rules.calendar import OfficialCalendar, Window, publicity_window
from rules.policy import PUBLICITY_DAYS
from service.core.problems import Invalid
from service.core.unit import UnitOfWork
from service.regions.commands import load_calendar_year
from service.regions.queries import calendar

DAYS_MIN, DAYS_MAX = 1, 60
SOURCE_MAX = 200  # what the calendar keeps of a notice's name
WORDS = {"1": True, "true": True, "班": True, "是": True, "0": False, "false": False, "休": False, "否": False}


def days_for(uow: UnitOfWork, county_code: str) -> int:
    """Give a county's publicity in working days: its own figure, else its city's, else the policy's (R-PUB-1)."""
    city = uow.session.scalar(sa.select(Region.city_code).where(Region.code == county_code))
    found = uow.session.execute(
        sa.select(PublicityDays.region_code, PublicityDays.days).where(
            PublicityDays.region_code.in_({county_code, city or county_code})
        )
    )
    chosen: dict[str, int] = dict(found.all())
    return chosen.get(county_code) or chosen.get(city or "") or PUBLICITY_DAYS


def set_days(uow: UnitOfWork, region_code: str, days: int) -> None:
    """Choose how many working days a county's or city's lists stand from now on; running windows keep theirs.

    :raises Invalid: if there is no such county or city, or the number is out of bounds.
    """
    region = uow.session.get(Region, region_code)
    wrong = {}
    if region is None or region.level not in {"county", "city"}:
        wrong["region"] = ["没有这个县（市、区）或市"]
    if not DAYS_MIN <= days <= DAYS_MAX:
        wrong["days"] = [f"应在 {DAYS_MIN} 到 {DAYS_MAX} 之间"]
    if wrong:
        raise Invalid(errors=wrong)
    uow.session.merge(PublicityDays(region_code=region_code, days=days))
    change = {"thing": "region", "id": region_code, "fields": ["publicity_days"], "to": days}
    uow.record("region.publicity_days", region, [change])


def complete_windows(uow: UnitOfWork) -> int:
    """Reckon again, from its opening, every window that has no end yet or still runs; give how many changed.

    An end that was announced never comes closer: people rely on it (R-PUB-1).
    """
    running = sa.or_(Publicity.ends_at.is_(None), Publicity.ends_at > uow.now)
    statement = sa.select(Publicity).where(Publicity.state == "open", running).order_by(Publicity.id)
    known = calendar(uow)
    return sum([complete(uow, row, known) for row in uow.session.scalars(statement.with_for_update()).all()])


def complete(uow: UnitOfWork, row: Publicity, known: OfficialCalendar) -> bool:
    """Give a window the end that the calendar knows by now; say whether anything changed."""
    window = publicity_window(row.opens_at, row.days, known)
    if not _later(row, window):
        return False
    row.first_day, row.last_day = window.first_day, window.last_day
    row.ends_at, row.unknown_year = window.ends_at, window.unknown_year
    row.version += 1
    fields = ["first_day", "last_day", "ends_at", "unknown_year"]
    change = {"thing": "publicity", "id": str(row.id), "fields": fields, "event": "publicity.complete"}
    uow.record("publicity.complete", row, [change])
    return True


def _later(row: Publicity, window: Window) -> bool:
    if window.ends_at is None:
        return row.ends_at is None and (row.first_day, row.unknown_year) != (window.first_day, window.unknown_year)
    return row.ends_at is None or window.ends_at > row.ends_at


def load_calendar(uow: UnitOfWork, year: int, content: bytes, source: str) -> int:
    """Load one year of the official calendar from CSV (`day,workday`), and give open windows their end.

    The file names the days that differ from Monday to Friday: 1 for a working day (调休), 0 for a day off.

    :returns: how many windows changed.
    :raises Invalid: naming every line that cannot be right; a year without National Day is not whole.
    """
    try:
        days, wrong = _read_days(year, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Invalid(errors={"file": ["应为 UTF-8 文本"]}) from error
    if days.get(date(year, 10, 1), True):
        wrong = [*wrong, f"没有 {year}-10-01 的放假安排，不像是完整的年度通知"]
    if wrong:
        raise Invalid(errors={"file": wrong})
    load_calendar_year(uow, year, days, source[:SOURCE_MAX])
    uow.session.flush()
    return complete_windows(uow)


def _read_days(year: int, content: str) -> tuple[dict[date, bool], list[str]]:
    reader = csv.DictReader(StringIO(content))
    if not {"day", "workday"} <= set(reader.fieldnames or ()):
        return {}, ["首行应为 day,workday"]
    days: dict[date, bool] = {}
    wrong = []
    for number, (day, workday) in enumerate(_cells(reader), start=2):
        if day is None or day.year != year or workday is None:
            wrong.append(f"第 {number} 行应为 {year} 年的日期和 0 或 1")
        elif days.setdefault(day, workday) != workday:
            wrong.append(f"第 {number} 行与前面的 {day.isoformat()} 矛盾")
    return days, wrong


def _cells(reader: "csv.DictReader[str]") -> Iterator[tuple[date | None, bool | None]]:
    for row in reader:
        try:
            day = date.fromisoformat((row["day"] or "").strip())
        except ValueError:
            day = None
        yield day, WORDS.get((row["workday"] or "").strip().lower())
