"""What a service record must say, and how accepted records become service days (R-VISIT-1, R-VISIT-7)."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from rules.calendar import end_of_day, shanghai_date, start_of_day
from rules.geo import Hint
from rules.needs import FORM as NEED_FORM
from rules.needs import Form
from rules.policy import CLOCK_OFF_MINUTES, PHOTOS_MAX, RECORD_LATE_DAYS

LONGEST = timedelta(days=7)  # one record is one visit; a longer stay is several (practice)
CLOCK_SLACK = timedelta(minutes=10)  # a phone's clock may run ahead by this much (practice)
EARLIEST = datetime(1999, 1, 1, tzinfo=UTC)  # the first commissioners were sent out in that year; before is a slip
BEFOREHAND = timedelta(minutes=30)  # people type the hour at which they began, not the minute (practice)
COUNTER_MAX = 10**12  # fen or heads; more than any county's budget is a slip of the hand

WHOLE, HALF, NOTHING = Decimal(1), Decimal("0.5"), Decimal(0)


class Kind(StrEnum):
    """What sort of service was given (R-VISIT-1, `kind` in api.md)."""

    GUIDANCE = "guidance"
    DEMONSTRATION = "demonstration"
    RESEARCH = "research"
    TRANSFER = "transfer"
    TRAINING = "training"
    OUTREACH = "outreach"
    OTHER = "other"


KIND: Mapping[str, str] = {
    Kind.GUIDANCE: "技术指导",
    Kind.DEMONSTRATION: "示范推广",
    Kind.RESEARCH: "研发",
    Kind.TRANSFER: "成果转化",
    Kind.TRAINING: "培训",
    Kind.OUTREACH: "政策科普",
    Kind.OTHER: "其他",
}
FORM: Mapping[str, str] = {form: NEED_FORM[form] for form in (Form.ON_SITE, Form.REMOTE)}
COUNTERS: Mapping[str, str] = {
    "farmers_helped": "带动农户",
    "enterprises_served": "服务企业/合作社",
    "results_introduced": "引进成果",
    "trainings_held": "培训场次",
    "people_trained": "培训人次",
    "new_techniques": "新技术",
    "new_varieties": "新品种",
    "problems_solved": "解决难题",
    "funds_brought_fen": "引进资金",
    "income_gained_fen": "增收",
}
"""The counters of domain §5 by code; those ending in `_fen` are money in fen, the others are counts."""


def counted(code: str, value: int) -> str:
    """Write a counter's value as people read it: money in yuan."""
    return f"{value // 100:,}.{value % 100:02d} 元" if code.endswith("_fen") else f"{value:,}"


class Problem(NamedTuple):
    """A field of a record that cannot stay as it is (`counters.people_trained` names a part), and why, in Chinese."""

    field: str
    text: str


def judge_record(values: Mapping[str, Any], now: datetime) -> tuple[Problem, ...]:
    """Name everything that keeps a service record from being submitted (R-VISIT-1); late is no problem (R-VISIT-5).

    :param values: the record under api.md's field names, times as aware datetimes; absent means empty.
    :param now: the aware time of arrival.
    :returns: every problem in the order of the form; empty when the record can be submitted.
    """
    found = _time_problems(values.get("started_at"), values.get("ended_at"), now)
    if values.get("form") not in tuple(FORM):
        found.append(Problem("form", "请选择服务方式：现场或远程"))
    if values.get("kind") not in tuple(KIND):
        found.append(Problem("kind", "请选择服务类型：" + "、".join(KIND.values())))
    if not str(values.get("done") or "").strip():
        found.append(Problem("done", "请填写服务内容"))
    found += _counter_problems(values.get("counters") or {})
    found += _travel_problems(values)
    if len(values.get("photos") or ()) > PHOTOS_MAX:
        found.append(Problem("photos", f"照片最多 {PHOTOS_MAX} 张"))
    return tuple(found)


def _time_problems(started_at: datetime | None, ended_at: datetime | None, now: datetime) -> list[Problem]:
    found = []
    for field, name, moment in (("started_at", "开始时间", started_at), ("ended_at", "结束时间", ended_at)):
        if moment is None:
            found.append(Problem(field, f"请填写{name}"))
        elif moment.utcoffset() is None:
            found.append(Problem(field, f"{name}须带时区"))
        elif moment < EARLIEST:
            found.append(Problem(field, f"{name}过早，请检查年份"))
        elif moment - now > CLOCK_SLACK:
            found.append(Problem(field, f"{name}晚于当前时间，请在服务结束后提交"))
    if started_at and ended_at and started_at.utcoffset() is not None and ended_at.utcoffset() is not None:
        if ended_at <= started_at:
            found.append(Problem("ended_at", "结束时间应晚于开始时间"))
        elif ended_at - started_at > LONGEST:
            found.append(Problem("ended_at", f"一条记录最长 {LONGEST.days} 天，请分条填写"))
    return found


def _travel_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Name dates on the road that the service does not touch (R-VISIT-7); the times themselves are judged elsewhere."""
    start, end, travelled = values.get("started_at"), values.get("ended_at"), values.get("travel_dates") or ()
    if not travelled or not start or not end or None in {start.utcoffset(), end.utcoffset()} or end <= start:
        return []
    first, last = service_dates(start, end)
    within = all(first.isoformat() <= str(one) <= last.isoformat() for one in travelled)
    return [] if within else [Problem("travel_dates", "在途日期须在服务的起止日期之内")]


def _counter_problems(counters: Mapping[str, Any]) -> list[Problem]:
    found = []
    for code, value in counters.items():
        name = COUNTERS.get(code)
        if name is None:
            # The key came from outside and may be anything, so it is not repeated in the answer.
            found.append(Problem("counters", "含有未定义的统计项"))
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            found.append(Problem(f"counters.{code}", f"{name}应为不小于 0 的整数"))
        elif value > COUNTER_MAX:
            found.append(Problem(f"counters.{code}", f"{name}数值过大，请检查单位"))
    return list(dict.fromkeys(found))


LATE, CLOCK = "late", "clock"


class Reading(NamedTuple):
    """A device's two clocks when it made a record: the wall's (aware) and the milliseconds since it was started."""

    made_at: datetime
    uptime_ms: int | None = None


def service_dates(started_at: datetime, ended_at: datetime) -> tuple[date, date]:
    """Give the first and last Shanghai date of a service; one that ends at 24:00 does not touch the next day."""
    first = shanghai_date(started_at)
    return first, max(first, shanghai_date(ended_at - timedelta(microseconds=1)))


def judge_posting(started_at: datetime, ended_at: datetime, starts_on: date, ends_on: date) -> str | None:
    """Say why a service does not belong to a pairing in force from one date to another, both included (R-VISIT-1)."""
    first, last = service_dates(started_at, ended_at)
    if starts_on <= first and last <= ends_on:
        return None
    return f"服务日期不在结对期内（{starts_on:%Y-%m-%d} 至 {ends_on:%Y-%m-%d}）"


def judge_lateness(ended_at: datetime, received_at: datetime, ends_on: date) -> tuple[Hint, ...]:
    """Flag a record that arrives long after the service or after its pairing ended (R-VISIT-5: a hint alone).

    :param ends_on: the last Shanghai date of the pairing.
    """
    texts = []
    if received_at - ended_at > timedelta(days=RECORD_LATE_DAYS):
        texts.append(f"服务结束 {(received_at - ended_at).days} 天后才收到")
    if shanghai_date(received_at) > ends_on:
        texts.append(f"结对已于 {ends_on:%Y-%m-%d} 结束，此后补录")
    return (Hint(LATE, "；".join(texts)),) if texts else ()


def judge_clock(
    now: Reading, received_at: datetime, before: Reading | None = None, started_at: datetime | None = None
) -> tuple[Hint, ...]:
    """Flag a device's clock that cannot be right (R-VISIT-3: a hint alone).

    Waiting without a network makes `made_at` old, and a restart or sleep makes the uptime small; neither says anything.
    But nothing is made after it arrived, nobody tells of a service before it began, and between two records the wall's
    clock cannot gain less than the uptime.

    :param before: the readings of the record that the same device made before this one.
    :param started_at: when the service began, as it was typed: to the half hour.
    """
    slack = timedelta(minutes=CLOCK_OFF_MINUTES)
    if now.made_at - received_at > slack:
        return (Hint(CLOCK, f"设备时间比收到时间快约 {_minutes(now.made_at - received_at)} 分钟"),)
    if started_at is not None and started_at - now.made_at > BEFOREHAND:
        return (Hint(CLOCK, f"按设备时间，写于服务开始前约 {_minutes(started_at - now.made_at)} 分钟"),)
    if before is None or now.uptime_ms is None or before.uptime_ms is None or now.uptime_ms < before.uptime_ms:
        return ()
    set_back = timedelta(milliseconds=now.uptime_ms - before.uptime_ms) - (now.made_at - before.made_at)
    return (Hint(CLOCK, f"设备时间被调慢过约 {_minutes(set_back)} 分钟"),) if set_back > slack else ()


def _minutes(gap: timedelta) -> int:
    return gap // timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """What an accepted record says about time: aware start and end, form, dates of it spent on the road only.

    :raises ValueError: if it ends before it starts, or a time has no offset.
    """

    id: Hashable
    started_at: datetime
    ended_at: datetime
    form: str = Form.ON_SITE
    travel_dates: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        shanghai_date(self.ended_at)
        shanghai_date(self.started_at)
        if self.ended_at < self.started_at:
            raise ValueError("a record ends before it starts")


@dataclass(frozen=True, slots=True)
class DaySettings:
    """How a jurisdiction counts (R-VISIT-7). By default every date with an accepted record counts one whole day.

    :param min_minutes: a date with less service than this does not count.
    :param whole_from_minutes: a date with less service than this counts half.
    :param remote: what a date counts at most if nothing on it was on site: `WHOLE`, `HALF` or `NOTHING`.
    :param travel: what a date counts at most if it was spent on the road only.
    """

    min_minutes: int = 0
    whole_from_minutes: int = 0
    remote: Decimal = WHOLE
    travel: Decimal = WHOLE

    def __post_init__(self) -> None:
        if self.min_minutes < 0 or self.whole_from_minutes < 0:
            raise ValueError("minutes cannot be negative")
        if not {self.remote, self.travel} <= {WHOLE, HALF, NOTHING}:
            raise ValueError("a date counts whole, half or not at all")

    def cap(self, piece: "_Piece") -> Decimal:
        """Say what a piece of service can make of its date at most."""
        return {_ROAD: self.travel, Form.REMOTE: self.remote}.get(piece.way, WHOLE)

    def minutes_for(self, level: Decimal) -> int:
        """Say how many minutes a date needs to count a whole or a half day."""
        return max(self.min_minutes, self.whole_from_minutes) if level == WHOLE else self.min_minutes


DEFAULT_DAYS = DaySettings()


class ServiceDay(NamedTuple):
    """A Shanghai date with service, what it counts (0, 0.5 or 1), how that came about in Chinese, by which records."""

    date: date
    counted: Decimal
    how: str
    record_ids: tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class ServiceDays:
    """The days of a person or a team in a year, in the order of the calendar; `total` adds whole and half days."""

    total: Decimal
    days: tuple[ServiceDay, ...]


class _Piece(NamedTuple):
    """The part of a record that lies within one Shanghai date."""

    record_id: Hashable
    way: str
    start: datetime
    end: datetime


_ROAD = "road"
_WAYS: Mapping[str, str] = {**FORM, _ROAD: "在途"}


def service_days(records: Iterable[AcceptedRecord], settings: DaySettings, year: int) -> ServiceDays:
    """Count a person's service days in a Shanghai year (R-VISIT-7, R-ASSESS-2).

    A date counts once however many records touch it, and overlapping hours are not added up. A record over midnight
    counts each date it touches; one that ends at 24:00 does not touch the next. One more record never lowers the total.
    """
    by_date: dict[date, list[_Piece]] = {}
    for record in records:
        for day, piece in _pieces(record):
            if day.year == year:
                by_date.setdefault(day, []).append(piece)
    return _summed(_judge_day(day, by_date[day], settings) for day in sorted(by_date))


def team_days(members: Iterable[ServiceDays]) -> ServiceDays:
    """Count a team's days as the union of its members' (R-VISIT-7): a date counts as much as for its best member.

    :param members: each member's days with the team, as `service_days` gives them.
    """
    return _united(members, "名成员")


def county_days(counties: Iterable[ServiceDays]) -> ServiceDays:
    """Count a person's days over counties that count differently: a date counts as much as where it counts most."""
    return _united(counties, "个县（市、区）")


def _united(parts: Iterable[ServiceDays], of: str) -> ServiceDays:
    by_date: dict[date, list[ServiceDay]] = {}
    for part in parts:
        for entry in part.days:
            by_date.setdefault(entry.date, []).append(entry)
    return _summed(_union(by_date[day], of) for day in sorted(by_date))


def _summed(days: Iterable[ServiceDay]) -> ServiceDays:
    listed = tuple(days)
    return ServiceDays(sum((entry.counted for entry in listed), NOTHING), listed)


def _union(entries: list[ServiceDay], of: str) -> ServiceDay:
    counted = max(entry.counted for entry in entries)
    ids = _ordered(one for entry in entries for one in entry.record_ids)
    how = entries[0].how if len(entries) == 1 else f"{len(entries)} {of}同日有服务，合并{_worth(counted)}"
    return ServiceDay(entries[0].date, counted, how, ids)


def _pieces(record: AcceptedRecord) -> Iterable[tuple[date, _Piece]]:
    day, last = service_dates(record.started_at, record.ended_at)
    while day <= last:
        way = _ROAD if day in record.travel_dates else record.form
        start, end = max(record.started_at, start_of_day(day)), min(record.ended_at, end_of_day(day))
        yield day, _Piece(record.id, way, start, end)
        day += timedelta(days=1)


def _judge_day(day: date, pieces: Collection[_Piece], settings: DaySettings) -> ServiceDay:
    """Give the highest level that the date reaches with the pieces that are able to carry it there."""
    counted = NOTHING
    for level in (HALF, WHOLE):
        able = [piece for piece in pieces if settings.cap(piece) >= level]
        if able and _merged(able) >= timedelta(minutes=settings.minutes_for(level)):
            counted = level
    ids = _ordered(piece.record_id for piece in pieces)
    ways = "、".join(name for way, name in _WAYS.items() if any(piece.way == way for piece in pieces))
    overlap = f"（{len(ids)} 条记录，同日只计一次）" if len(ids) > 1 else ""
    return ServiceDay(day, counted, f"{ways}{overlap}{_why(counted, pieces, settings)}，{_worth(counted)}", ids)


def _why(counted: Decimal, pieces: Collection[_Piece], settings: DaySettings) -> str:
    """Say which setting kept a date from a whole day; nothing where none did."""
    if counted == WHOLE:
        return ""
    served = _merged(pieces)
    needed = settings.minutes_for(WHOLE if counted == HALF else HALF)
    if served < timedelta(minutes=needed):
        return f"，共 {served // timedelta(minutes=1)} 分钟，不足 {needed} 分钟"
    return "，按设置"


def _worth(counted: Decimal) -> str:
    return f"计 {counted} 天" if counted else "不计"


def _merged(pieces: Collection[_Piece]) -> timedelta:
    """Add up the time that the pieces cover together, overlaps once."""
    total, until = timedelta(0), None
    for piece in sorted(pieces, key=lambda one: (one.start, one.end)):
        start = piece.start if until is None else max(piece.start, until)
        if piece.end > start:
            total += piece.end - start
        until = piece.end if until is None else max(until, piece.end)
    return total


def _ordered(ids: Iterable[Hashable]) -> tuple[Hashable, ...]:
    return tuple(sorted(set(ids), key=str))
