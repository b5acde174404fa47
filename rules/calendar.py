"""Days as people here count them: Shanghai dates, China's official working days, publicity windows (R-PUB-1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")


class UnknownYear(LookupError):
    """A day was asked for in a year whose official calendar is not loaded (R-PUB-1: never guessed)."""

    def __init__(self, year: int) -> None:
        super().__init__(year)
        self.year = year


def shanghai_date(moment: datetime) -> date:
    """Give the calendar day in Shanghai on which an aware moment falls (domain §6).

    :raises ValueError: if the moment has no offset.
    """
    if moment.utcoffset() is None:
        raise ValueError("a moment without an offset has no Shanghai date")
    return moment.astimezone(SHANGHAI).date()


def shanghai_year(moment: datetime) -> int:
    """Give the calendar year in Shanghai in which an aware moment falls (domain §6).

    :raises ValueError: if the moment has no offset.
    """
    return shanghai_date(moment).year


def start_of_day(day: date) -> datetime:
    """Give 00:00 Shanghai of a day, as aware UTC."""
    return datetime.combine(day, time.min, tzinfo=SHANGHAI).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """Give 24:00 Shanghai of a day (the first moment that is no longer that day), as aware UTC."""
    return start_of_day(day + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class OfficialCalendar:
    """China's official working days of the years that are loaded, as a value.

    :param years: for each known year the days that its notice names, True for a working day (调休), False for a day
        off; days that are not named follow the plain week. A year that is not a key is unknown.
    :raises ValueError: if a day is filed under another year.
    """

    years: Mapping[int, Mapping[date, bool]]

    def __post_init__(self) -> None:
        for year, named in self.years.items():
            if any(day.year != year for day in named):
                raise ValueError(f"a day of another year is filed under {year}")

    def is_workday(self, day: date) -> bool:
        """Whether offices work on that day, 调休 included (R-PUB-1).

        :raises UnknownYear: if the day's year is not loaded.
        """
        named = self.years.get(day.year)
        if named is None:
            raise UnknownYear(day.year)
        return named.get(day, day.weekday() < 5)

    def workday_after(self, day: date) -> date:
        """Give the first working day later than that day.

        :raises UnknownYear: if a day on the way lies in a year that is not loaded.
        """
        later = day + timedelta(days=1)
        while not self.is_workday(later):
            later += timedelta(days=1)
        return later


@dataclass(frozen=True, slots=True)
class Window:
    """A publicity window: its first and last working day, and the aware UTC moment at which it ends.

    Either `unknown_year` is None and all else is set, or it names the year to be loaded first: then nothing may settle
    on the window, `last_day` and `ends_at` are None, and `first_day` is set only if it is certain.
    """

    first_day: date | None
    last_day: date | None
    ends_at: datetime | None
    unknown_year: int | None


def publicity_window(opened_at: datetime, days: int, calendar: OfficialCalendar) -> Window:
    """Reckon the publicity window that opens at a moment (R-PUB-1).

    The first day is the working day after the Shanghai date of opening; the end is 24:00 Shanghai of the last.

    :param days: working days in the window, at least one; `policy.PUBLICITY_DAYS` where nobody set another number.
    :raises ValueError: if there are no days or the moment has no offset.
    """
    if days < 1:
        raise ValueError("a publicity window has at least one day")
    first = None
    day = shanghai_date(opened_at)
    try:
        for _ in range(days):
            day = calendar.workday_after(day)
            first = first or day
    except UnknownYear as unknown:
        return Window(first, None, None, unknown.year)
    return Window(first, day, end_of_day(day), None)


def shipped_years() -> dict[int, dict[date, bool]]:
    """Give the calendars that come with the package `chinesecalendar`, to seed the table of holidays.

    Only a year that has its National Day in the package counts as known, so that a year of which it holds just the
    first days is left out rather than guessed (R-PUB-1). A notice has at times named the last days of the year before
    it (29 to 31 December 2018), which is why the table stays editable.
    """
    named = dict.fromkeys(chinese_calendar.holidays, False) | dict.fromkeys(chinese_calendar.workdays, True)
    years = sorted({day.year for day in chinese_calendar.holidays if (day.month, day.day) == (10, 1)})
    return {year: {day: named[day] for day in sorted(named) if day.year == year} for year in years}
