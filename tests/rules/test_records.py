from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import SHANGHAI, shanghai_date
from rules.records import (
    COUNTER_MAX,
    COUNTERS,
    DEFAULT_DAYS,
    FORM,
    HALF,
    KIND,
    NOTHING,
    WHOLE,
    AcceptedRecord,
    DaySettings,
    Problem,
    Reading,
    counted,
    county_days,
    judge_clock,
    judge_lateness,
    judge_posting,
    judge_record,
    service_days,
    team_days,
)

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
NAIVE = datetime(2026, 5, 20, 9)  # noqa: DTZ001 - the missing offset is the case
START = datetime(2026, 5, 20, 1, tzinfo=UTC)
GOOD = {
    "started_at": START,
    "ended_at": START + timedelta(hours=3),
    "form": "on_site",
    "kind": "guidance",
    "done": "青梅病虫害防治",
    "counters": {"farmers_helped": 12, "funds_brought_fen": 0},
    "photos": ["a"] * 9,
}


def at(text):
    """A Shanghai time such as `05-20 09:00`, in 2026 unless it names its year, as UTC."""
    full = text if text[4:5] == "-" else f"2026-{text}"
    return datetime.fromisoformat(full).replace(tzinfo=SHANGHAI).astimezone(UTC)


def visit(start, end, form="on_site", key="r1", travel=()):
    return AcceptedRecord(key, at(start), at(end), form, frozenset(date.fromisoformat(day) for day in travel))


def test_r_visit_1_a_good_record_has_no_problem():
    assert judge_record(GOOD, NOW) == ()
    assert judge_record(GOOD | {"counters": None, "photos": None}, NOW) == ()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"ended_at": START - timedelta(seconds=1)}, ["ended_at"]),
        ({"ended_at": START}, ["ended_at"]),
        ({"ended_at": START + timedelta(days=7)}, []),
        ({"ended_at": START + timedelta(days=7, seconds=1)}, ["ended_at"]),
        ({"started_at": NOW, "ended_at": NOW + timedelta(minutes=10)}, []),
        ({"started_at": NOW, "ended_at": NOW + timedelta(minutes=10, seconds=1)}, ["ended_at"]),
        ({"started_at": NOW + timedelta(days=1), "ended_at": NOW + timedelta(days=2)}, ["started_at", "ended_at"]),
        ({"started_at": datetime(1970, 1, 1, tzinfo=UTC)}, ["started_at", "ended_at"]),
        ({"started_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, ["started_at", "ended_at"]),
        ({"ended_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))}, ["ended_at", "ended_at"]),
        ({"started_at": None}, ["started_at"]),
        ({"started_at": NAIVE}, ["started_at"]),
        ({"started_at": NAIVE, "ended_at": NAIVE}, ["started_at", "ended_at"]),
        ({"form": "both"}, ["form"]),
        ({"form": None, "kind": "visit"}, ["form", "kind"]),
        ({"done": " \n"}, ["done"]),
        ({"photos": ["a"] * 10}, ["photos"]),
        ({"counters": {"people_trained": -1}}, ["counters.people_trained"]),
        ({"counters": {"people_trained": 1.5}}, ["counters.people_trained"]),
        ({"counters": {"people_trained": True}}, ["counters.people_trained"]),
        ({"counters": {"people_trained": "3"}}, ["counters.people_trained"]),
        ({"counters": {"people_trained": COUNTER_MAX}}, []),
        ({"counters": {"people_trained": COUNTER_MAX + 1}}, ["counters.people_trained"]),
        ({"counters": {"likes": 1, "steps": 2, "new_varieties": -3}}, ["counters", "counters.new_varieties"]),
        ({"kind": "x", "done": "", "photos": ["a"] * 99}, ["kind", "done", "photos"]),
    ],
)
def test_r_visit_1_every_problem_is_named_at_once(change, fields):
    problems = judge_record(GOOD | change, NOW)
    assert [problem.field for problem in problems] == fields
    assert all("\u4e00" <= problem.text[0] <= "\u9fff" for problem in problems)


def test_r_visit_1_an_empty_record_names_all_that_is_needed():
    assert [problem.field for problem in judge_record({}, NOW)] == ["started_at", "ended_at", "form", "kind", "done"]


def test_r_visit_5_a_late_entry_is_no_problem():
    assert judge_record(GOOD, NOW + timedelta(days=2000)) == ()


def test_an_unknown_counter_is_not_repeated_in_the_answer():
    assert judge_record(GOOD | {"counters": {"13800138000": 1}}, NOW) == (Problem("counters", "含有未定义的统计项"),)


def test_the_words_of_the_domain_are_there_once():
    assert list(KIND.values()) == ["技术指导", "示范推广", "研发", "成果转化", "培训", "政策科普", "其他"]
    assert list(FORM) == ["on_site", "remote"]
    assert len(COUNTERS) == len(set(COUNTERS.values())) == 10
    assert {code for code in COUNTERS if code.endswith("_fen")} == {"funds_brought_fen", "income_gained_fen"}


@pytest.mark.parametrize(
    ("records", "dates"),
    [
        ([], []),
        ([visit("05-20 09:00", "05-20 09:01")], ["05-20"]),
        ([visit("05-20 09:00", "05-20 09:00")], ["05-20"]),
        ([visit("05-20 09:00", "05-20 12:00"), visit("05-20 11:00", "05-20 17:00", key="r2")], ["05-20"]),
        ([visit("05-20 22:00", "05-21 01:00")], ["05-20", "05-21"]),
        ([visit("05-20 22:00", "05-21 00:00")], ["05-20"]),
        ([visit("05-20 22:00", "05-21 00:00:00.000001")], ["05-20", "05-21"]),
        ([visit("05-21 00:00", "05-21 00:00")], ["05-21"]),
        ([visit("05-20 00:00", "05-23 00:00")], ["05-20", "05-21", "05-22"]),
        ([visit("05-20 09:00", "05-20 10:00", "remote")], ["05-20"]),
        ([visit("05-20 09:00", "05-22 10:00", travel=["2026-05-20"])], ["05-20", "05-21", "05-22"]),
        ([visit("2025-12-31 23:00", "2026-01-01 01:00")], ["01-01"]),
        ([visit("2026-12-31 23:00", "2027-01-01 01:00")], ["12-31"]),
        ([visit("2025-12-31 23:00", "2026-01-01 00:00")], []),
    ],
)
def test_r_visit_7_by_default_every_date_counts_one(records, dates):
    found = service_days(records, DEFAULT_DAYS, 2026)
    assert [day.date.strftime("%m-%d") for day in found.days] == dates
    assert {day.counted for day in found.days} <= {WHOLE}
    assert found.total == len(dates)


def test_r_visit_7_the_year_turns_at_1600_utc():
    before = AcceptedRecord(1, datetime(2026, 12, 31, 15, 59, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC))
    after = AcceptedRecord(2, datetime(2026, 12, 31, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, 1, tzinfo=UTC))
    assert [day.record_ids for day in service_days([before, after], DEFAULT_DAYS, 2026).days] == [(1,)]
    assert [day.record_ids for day in service_days([before, after], DEFAULT_DAYS, 2027).days] == [(2,)]


STRICT = DaySettings(min_minutes=60, whole_from_minutes=240, remote=HALF, travel=NOTHING)


@pytest.mark.parametrize(
    ("records", "counted", "how"),
    [
        ([visit("05-20 09:00", "05-20 13:00")], WHOLE, "现场服务，计 1 天"),
        ([visit("05-20 09:00", "05-20 12:59")], HALF, "现场服务，共 239 分钟，不足 240 分钟，计 0.5 天"),
        ([visit("05-20 09:00", "05-20 09:59")], NOTHING, "现场服务，共 59 分钟，不足 60 分钟，不计"),
        ([visit("05-20 09:00", "05-20 17:00", "remote")], HALF, "远程服务，按设置，计 0.5 天"),
        ([visit("05-20 09:00", "05-20 17:00", travel=["2026-05-20"])], NOTHING, "在途，按设置，不计"),
        (
            [visit("05-20 09:00", "05-20 11:00"), visit("05-20 10:00", "05-20 12:30", key="r2")],
            HALF,
            "现场服务（2 条记录，同日只计一次），共 210 分钟，不足 240 分钟，计 0.5 天",
        ),
        (
            [visit("05-20 09:00", "05-20 11:00"), visit("05-20 14:00", "05-20 16:00", key="r2")],
            WHOLE,
            "现场服务（2 条记录，同日只计一次），计 1 天",
        ),
        (
            [visit("05-20 09:00", "05-20 10:00"), visit("05-20 14:00", "05-20 18:00", "remote", key="r2")],
            HALF,
            "现场服务、远程服务（2 条记录，同日只计一次），按设置，计 0.5 天",
        ),
        (
            [visit("05-20 09:00", "05-20 09:30"), visit("05-20 14:00", "05-20 14:30", "remote", key="r2")],
            HALF,
            "现场服务、远程服务（2 条记录，同日只计一次），共 60 分钟，不足 240 分钟，计 0.5 天",
        ),
    ],
)
def test_r_visit_7_half_remote_and_travel_days_by_setting(records, counted, how):
    (day,) = service_days(records, STRICT, 2026).days
    assert (day.counted, day.how) == (counted, how)


@pytest.mark.parametrize(
    "bad", [{"min_minutes": -1}, {"whole_from_minutes": -1}, {"remote": Decimal("0.7")}, {"travel": Decimal(2)}]
)
def test_r_visit_7_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=r"negative|whole, half"):
        DaySettings(**bad)


def test_r_visit_7_a_record_that_ends_before_it_starts_or_has_no_offset_is_no_record():
    with pytest.raises(ValueError, match="ends before"):
        visit("05-20 09:00", "05-20 08:59")
    with pytest.raises(ValueError, match="without an offset"):
        AcceptedRecord(1, NAIVE, NAIVE)


def test_r_visit_7_a_team_has_the_union_of_its_members_days_and_each_their_own():
    shared = visit("05-20 09:00", "05-20 17:00", key="shared")
    one = service_days([shared, visit("05-21 09:00", "05-21 10:00", key="a")], STRICT, 2026)
    two = service_days([shared, visit("05-21 09:00", "05-21 17:00", key="b")], STRICT, 2026)
    three = service_days([visit("05-22 09:00", "05-22 17:00", key="c")], STRICT, 2026)
    team = team_days([one, two, three])
    assert [days.total for days in (one, two, three, team)] == [Decimal("1.5"), 2, 1, 3]
    assert [day.record_ids for day in team.days] == [("shared",), ("a", "b"), ("c",)]
    assert [day.how for day in team.days] == [*["2 名成员同日有服务，合并计 1 天"] * 2, "现场服务，计 1 天"]
    assert team_days([]).total == 0


RECORDS = st.builds(
    lambda key, start, minutes, form, travels: AcceptedRecord(
        key,
        start,
        start + timedelta(minutes=minutes),
        form,
        frozenset({shanghai_date(start)}) if travels else frozenset(),
    ),
    st.integers(0, 10**9),
    st.datetimes(datetime(2025, 12, 25), datetime(2026, 1, 10), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 3000),
    st.sampled_from(["on_site", "remote"]),
    st.booleans(),
)
LEVELS = st.sampled_from([WHOLE, HALF, NOTHING])
SETTINGS = st.builds(DaySettings, st.integers(0, 600), st.integers(0, 600), LEVELS, LEVELS)
law = settings(deadline=None, max_examples=150)


@law
@given(st.lists(RECORDS, max_size=8), RECORDS, SETTINGS)
def test_r_visit_7_one_record_more_never_lowers_the_days(records, another, how):
    before = service_days(records, how, 2026)
    after = service_days([*records, another], how, 2026)
    assert after.total >= before.total
    counted = {day.date: day.counted for day in after.days}
    assert all(counted[day.date] >= day.counted for day in before.days)


@law
@given(st.lists(RECORDS, max_size=8), SETTINGS, st.randoms())
def test_r_visit_7_order_and_repetition_do_not_matter(records, how, dice):
    shuffled = [*records, *records[:3]]
    dice.shuffle(shuffled)
    assert service_days(shuffled, how, 2026) == service_days(records, how, 2026)


@law
@given(st.lists(RECORDS, max_size=8))
def test_r_visit_7_overlaps_count_once_and_two_years_share_nothing(records):
    touched = {
        shanghai_date(record.started_at + timedelta(minutes=minute))
        for record in records
        for minute in range(max(1, int((record.ended_at - record.started_at) / timedelta(minutes=1))))
    }
    touched |= {
        shanghai_date(max(record.started_at, record.ended_at - timedelta(microseconds=1))) for record in records
    }
    for year in (2025, 2026):
        found = service_days(records, DEFAULT_DAYS, year)
        assert [day.date for day in found.days] == sorted(day for day in touched if day.year == year)
        assert found.total == len(found.days)


@law
@given(st.lists(RECORDS, max_size=6), st.lists(RECORDS, max_size=6), SETTINGS)
def test_r_visit_7_a_team_has_at_least_its_best_members_and_at_most_their_sum(one, two, how):
    each = [service_days(records, how, 2026) for records in (one, two)]
    team = team_days(each)
    assert team == team_days(reversed(each))
    assert max(member.total for member in each) <= team.total <= sum(member.total for member in each)
    plain = team_days(service_days(records, DEFAULT_DAYS, 2026) for records in (one, two))
    assert plain.total == service_days([*one, *two], DEFAULT_DAYS, 2026).total


@pytest.mark.parametrize(
    ("late", "ends_on", "words"),
    [
        (timedelta(days=7), date(2026, 12, 31), ""),
        (timedelta(days=7, seconds=1), date(2026, 12, 31), "服务结束 7 天后才收到"),
        (timedelta(hours=1), date(2026, 6, 15), ""),
        (timedelta(hours=9), date(2026, 6, 15), "结对已于 2026-06-15 结束"),
        (timedelta(days=9), date(2026, 6, 15), "服务结束 9 天后才收到；结对已于 2026-06-15 结束"),
    ],
)
def test_r_visit_5_late_entry_is_one_hint_with_every_reason(late, ends_on, words):
    ended = datetime(2026, 6, 15, 8, tzinfo=UTC)  # four in the afternoon in Shanghai
    hints = judge_lateness(ended, ended + late, ends_on)
    assert [hint.code for hint in hints] == (["late"] if words else [])
    assert all(words in hint.reason for hint in hints)


@pytest.mark.parametrize(
    ("made", "uptime", "before", "flagged"),
    [
        (0, None, None, False),
        (5, None, None, False),
        (6, None, None, True),
        (-100_000, None, None, False),  # days without a network
        (0, 200, (-60, 140), False),
        (0, 205, (-60, 140), False),
        (0, 206, (-60, 140), True),  # the wall gained an hour, the uptime more: set back
        (0, 10, (-60, 140), False),  # started again in between
        (0, 150, (-600, 140), False),  # slept in between: its uptime stood still
        (0, None, (-60, 140), False),
        (0, 200, (-60, None), False),
    ],
)
def test_r_visit_3_a_clock_that_cannot_be_right_is_a_hint(made, uptime, before, flagged):
    """Minutes from arrival and of uptime; each flagged case has an honest twin."""
    arrival = datetime(2026, 6, 15, 8, tzinfo=UTC)

    def reading(minutes, up):
        return Reading(arrival + timedelta(minutes=minutes), None if up is None else up * 60_000)

    hints = judge_clock(reading(made, uptime), arrival, reading(*before) if before else None)
    assert [hint.code for hint in hints] == (["clock"] if flagged else [])


@pytest.mark.parametrize(
    ("made", "flagged"),
    [
        ("1970-01-01T00:00+00:00", True),
        ("2025-06-15T09:00+08:00", True),
        ("2026-06-14T12:00+08:00", True),  # a day behind
        ("2026-06-15T08:29+08:00", True),
        ("2026-06-15T08:30+08:00", False),  # honest: began at half past eight and typed nine
        ("2026-06-15T09:10+08:00", False),  # honest: written while it went on
        ("2026-06-15T20:00+08:00", False),
        ("2026-06-16T12:00+08:00", True),  # a day ahead
        ("2099-01-01T00:00+08:00", True),
    ],
)
def test_r_visit_3_nobody_tells_of_a_service_before_it_began(made, flagged):
    """quality.md §3 row 16: phones at ±1 day, ±1 year, 1970 and 2099; the service began at nine."""
    start = datetime.fromisoformat("2026-06-15T09:00+08:00")
    hints = judge_clock(Reading(datetime.fromisoformat(made)), start + timedelta(hours=12), None, start)
    assert [hint.code for hint in hints] == (["clock"] if flagged else [])


@pytest.mark.parametrize(
    ("started", "hours", "within"),
    [
        ("2026-01-01T00:00+08:00", 1, True),
        ("2025-12-31T23:59+08:00", 1, False),
        ("2026-12-31T22:00+08:00", 2, True),
        ("2026-12-31T22:00+08:00", 3, False),
        ("2026-12-31T17:00+00:00", 1, False),
    ],
)
def test_r_visit_1_a_service_lies_within_the_shanghai_dates_of_its_pairing(started, hours, within):
    start = datetime.fromisoformat(started)
    wrong = judge_posting(start, start + timedelta(hours=hours), date(2026, 1, 1), date(2026, 12, 31))
    assert (wrong is None) is within


@pytest.mark.parametrize(
    ("days", "fields"),
    [
        (["2026-05-20"], []),
        (["2026-05-20", "2026-05-21"], []),
        ([date(2026, 5, 21)], []),
        (["2026-05-19"], ["travel_dates"]),
        (["2026-05-20", "2026-05-22"], ["travel_dates"]),
    ],
)
def test_r_visit_7_dates_on_the_road_lie_within_the_service(days, fields):
    """A draft brings dates, a stored row their texts."""
    value = GOOD | {"ended_at": at("05-21 12:00"), "travel_dates": days}
    assert [one.field for one in judge_record(value, NOW)] == fields
    assert judge_record(GOOD | {"ended_at": None, "travel_dates": days}, NOW)[0].field == "ended_at"


@law
@given(st.lists(RECORDS, max_size=6), st.lists(RECORDS, max_size=6), RECORDS, SETTINGS, SETTINGS)
def test_r_visit_7_counties_count_as_each_does_and_a_date_once(one, two, another, here, there):
    before = county_days([service_days(one, here, 2026), service_days(two, there, 2026)])
    after = county_days([service_days([*one, another], here, 2026), service_days(two, there, 2026)])
    dates = [day.date for day in after.days]
    assert dates == sorted(set(dates))
    assert before.total <= after.total <= len(dates)
    assert county_days([service_days(one, here, 2026)]) == service_days(one, here, 2026)


def test_money_reads_in_yuan_and_counts_as_they_are():
    assert [counted("income_gained_fen", fen) for fen in (0, 5, 120050)] == ["0.00 元", "0.05 元", "1,200.50 元"]
    assert counted("farmers_helped", 1200) == "1,200"
