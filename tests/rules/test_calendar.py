from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import (
    OfficialCalendar,
    UnknownYear,
    Window,
    end_of_day,
    publicity_window,
    shanghai_date,
    shanghai_year,
    shipped_years,
    start_of_day,
)

SHIPPED = OfficialCalendar(shipped_years())
UNTIL_2026 = OfficialCalendar({year: days for year, days in SHIPPED.years.items() if year <= 2026})


def noon(text):
    return datetime.fromisoformat(text + "T12:00:00+08:00")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-05-01T15:59:59.999999+00:00", date(2026, 5, 1)),
        ("2026-05-01T16:00:00+00:00", date(2026, 5, 2)),
        ("2026-12-31T15:59:59+00:00", date(2026, 12, 31)),
        ("2026-12-31T16:00:00+00:00", date(2027, 1, 1)),
        ("2026-12-31T23:00:00-05:00", date(2027, 1, 1)),
        ("2027-01-01T00:30:00+09:00", date(2026, 12, 31)),
    ],
)
def test_a_day_and_a_year_are_shanghais(moment, day):
    assert shanghai_date(datetime.fromisoformat(moment)) == day
    assert shanghai_year(datetime.fromisoformat(moment)) == day.year


def test_a_moment_without_an_offset_has_no_shanghai_date():
    naive = datetime(2026, 5, 1)  # noqa: DTZ001 - the missing offset is the case
    with pytest.raises(ValueError, match="without an offset"):
        shanghai_date(naive)
    with pytest.raises(ValueError, match="without an offset"):
        publicity_window(naive, 5, SHIPPED)


@given(st.dates(date(1950, 1, 1), date(2100, 12, 31)))
@settings(deadline=None, max_examples=200)
def test_a_day_ends_where_the_next_begins(day):
    end = end_of_day(day)
    assert end == start_of_day(day + timedelta(days=1))
    assert end.utcoffset() == timedelta(0)
    assert shanghai_date(end) == day + timedelta(days=1)
    assert shanghai_date(end - timedelta(microseconds=1)) == day == shanghai_date(start_of_day(day))


def test_the_end_of_a_day_is_1600_utc():
    assert end_of_day(date(2026, 10, 9)) == datetime(2026, 10, 9, 16, tzinfo=UTC)


# From the notices of the State Council's general office on the holidays of 2025 and 2026.
WEEKEND_WORK = "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09"
WEEKDAYS_OFF = "2025-01-01 2025-02-04 2025-05-05 2025-10-08 2026-01-02 2026-02-23 2026-05-05 2026-06-19 2026-10-07"
PLAIN = {"2025-03-03": True, "2025-03-08": False, "2026-10-08": True, "2026-10-11": False, "2026-10-10": True}
DAYS = dict.fromkeys(WEEKEND_WORK.split(), True) | dict.fromkeys(WEEKDAYS_OFF.split(), False) | PLAIN


@pytest.mark.parametrize(("day", "works"), DAYS.items())
def test_r_pub_1_official_working_days_with_weekend_work(day, works):
    assert SHIPPED.is_workday(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("opened", "days", "first", "last"),
    [
        ("2026-04-07", 5, "2026-04-08", "2026-04-14"),  # a plain week
        ("2026-04-10", 5, "2026-04-13", "2026-04-17"),  # opened on a Friday
        ("2026-04-11", 5, "2026-04-13", "2026-04-17"),  # opened on a Saturday
        ("2025-09-26", 5, "2025-09-28", "2025-10-10"),  # Sunday 28 September works; National Day to 8 October
        ("2025-09-30", 5, "2025-10-09", "2025-10-14"),  # Saturday 11 October works
        ("2026-09-30", 5, "2026-10-08", "2026-10-13"),  # Saturday 10 October works
        ("2026-10-03", 1, "2026-10-08", "2026-10-08"),  # opened within the holiday
        ("2026-02-13", 5, "2026-02-14", "2026-02-27"),  # Saturday 14 February works; Spring Festival 15 to 23
        ("2026-02-13", 6, "2026-02-14", "2026-02-28"),  # and Saturday 28 February too
        ("2025-12-31", 5, "2026-01-04", "2026-01-08"),  # Sunday 4 January 2026 works
        ("2026-12-23", 5, "2026-12-24", "2026-12-30"),
        ("2026-12-24", 5, "2026-12-25", "2026-12-31"),  # ends at the last known midnight
    ],
)
def test_r_pub_1_windows_of_real_weeks(opened, days, first, last):
    first, last = date.fromisoformat(first), date.fromisoformat(last)
    assert publicity_window(noon(opened), days, UNTIL_2026) == Window(first, last, end_of_day(last), None)


def test_r_pub_1_the_window_starts_after_the_shanghai_date_of_opening():
    before = publicity_window(datetime(2026, 4, 7, 15, 59, 59, tzinfo=UTC), 5, SHIPPED)
    after = publicity_window(datetime(2026, 4, 7, 16, 0, tzinfo=UTC), 5, SHIPPED)
    assert (before.first_day, after.first_day) == (date(2026, 4, 8), date(2026, 4, 9))
    assert before.ends_at == datetime(2026, 4, 14, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("opened", "days", "first"),
    [
        ("2026-12-25", 5, date(2026, 12, 28)),
        ("2026-12-30", 5, date(2026, 12, 31)),
        ("2026-12-31", 5, None),
        ("2026-12-31", 1, None),
        ("2027-03-01", 1, None),
        ("2026-10-01", 90, date(2026, 10, 8)),
    ],
)
def test_r_pub_1_an_unknown_year_leaves_the_window_without_an_end(opened, days, first):
    assert publicity_window(noon(opened), days, UNTIL_2026) == Window(first, None, None, 2027)


def test_r_pub_1_the_loaded_year_gives_the_end():
    with_2027 = OfficialCalendar({**UNTIL_2026.years, 2027: {date(2027, 1, 1): False}})
    last = date(2027, 1, 4)
    assert publicity_window(noon("2026-12-25"), 5, with_2027) == Window(
        date(2026, 12, 28), last, end_of_day(last), None
    )


def test_r_pub_1_nothing_is_said_of_a_day_in_an_unknown_year():
    with pytest.raises(UnknownYear) as unknown:
        UNTIL_2026.is_workday(date(2027, 1, 1))
    assert unknown.value.year == 2027


def test_r_pub_1_a_year_without_any_working_day_leads_into_the_next_unknown_one():
    closed = {date(2026, 1, 1) + timedelta(days=n): False for n in range(365)}
    assert publicity_window(noon("2026-03-01"), 1, OfficialCalendar({2026: closed})).unknown_year == 2027


@pytest.mark.parametrize("days", [0, -1])
def test_r_pub_1_a_window_has_at_least_one_day(days):
    with pytest.raises(ValueError, match="at least one day"):
        publicity_window(noon("2026-04-07"), days, SHIPPED)


MINUTES_2010_TO_2025 = st.datetimes(datetime(2010, 1, 1), datetime(2025, 9, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MINUTES_2010_TO_2025, st.integers(1, 40))
@settings(deadline=None, max_examples=150)
def test_r_pub_1_a_window_holds_exactly_its_working_days(opened_at, days):
    window = publicity_window(opened_at, days, SHIPPED)
    assert window.first_day is not None
    assert window.last_day is not None
    span = (window.last_day - window.first_day).days + 1
    within = [window.first_day + timedelta(days=n) for n in range(span)]
    assert sum(SHIPPED.is_workday(day) for day in within) == days
    assert SHIPPED.is_workday(window.first_day)
    assert SHIPPED.is_workday(window.last_day)
    between = (window.first_day - shanghai_date(opened_at)).days
    assert not any(SHIPPED.is_workday(window.first_day - timedelta(days=n)) for n in range(1, between))
    assert between >= 1
    assert window.ends_at == end_of_day(window.last_day)
    longer = publicity_window(opened_at, days + 1, SHIPPED)
    assert longer.first_day == window.first_day
    assert longer.last_day == SHIPPED.workday_after(window.last_day)


def test_a_day_filed_under_another_year_is_refused():
    with pytest.raises(ValueError, match="another year"):
        OfficialCalendar({2026: {date(2027, 1, 1): False}})


def test_shipped_years_name_both_kinds_of_days_and_no_half_known_year(monkeypatch):
    assert set(range(2004, 2027)) <= set(SHIPPED.years)
    assert all(set(days.values()) == {True, False} for days in SHIPPED.years.values())
    monkeypatch.setitem(__import__("chinese_calendar").holidays, date(2099, 1, 1), "New Year's Day")
    assert 2099 not in shipped_years()
