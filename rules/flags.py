"""What makes a record worth a second look beside others: hints, each with an honest explanation (R-VISIT-3).

What a record says alone is judged in `rules/geo.py` (position) and `rules/records.py` (late, clock).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from rules import geo
from rules.calendar import shanghai_date
from rules.geo import Fix, Place
from rules.likeness import text_alike
from rules.needs import Form
from rules.records import CLOCK, LATE

TRAVEL, COMPANION, SAME_FIX, PHOTO, TEXT = "travel", "companion", "same_fix", "photo", "text"
POINT_CODES = geo.FIX_CODES | {SAME_FIX, TRAVEL, COMPANION}
"""Every code of a hint whose words rest on a position; they go when the position goes (R-VISIT-8)."""

HONEST: Mapping[str, str] = {
    geo.FAR: "参考点多为乡镇驻地，误差约 2 公里；偏远的村、跨镇的园地或定位漂移都会显得较远。",
    geo.OUTSIDE_CITY: "行政界线为概略边界，沿界的村、在外地采样或回程时才定位都可能落在界外。",
    geo.POOR_ACCURACY: "山区、室内信号弱，或手机只允许模糊定位时，精度本来就低。",
    geo.FIX_TIME: "当时没有信号，到家或次日才补上定位，是常有的事。",
    SAME_FIX: "手机放在同一处、室内靠同一无线网络定位，或系统返回缓存位置时，数字可能完全一样。",
    TRAVEL: "时间按整点估填、把整天行程写成一条、乘高铁或飞机，都可能显得来不及。",
    COMPANION: "同行人可能只参加了一段，或两条记录的时间按整点估填。",
    PHOTO: "同一行程分条填写、同行人共用合影、或误选了相册里的旧照片，都会重复。",
    TEXT: "例行服务内容相近、沿用自己的模板，或同行人共同起草，都会相似。",
    LATE: "长期没有信号、手机损坏或集中补录都会迟到；离线填写与在线填写同等对待。",
    CLOCK: "手机换电池、恢复出厂或手动设过时间后，时钟会不准；也可能是出发前先写好的。",
}
"""What may honestly lie behind each hint, in words that are shown beside it."""

TYPED = timedelta(minutes=30)
"""People type the hour, not the minute (practice)."""
STAY_MAX = timedelta(hours=12)
"""A record longer than this is a trip with nights; it does not say where somebody was at each hour (practice)."""
NEAR = timedelta(hours=12)
"""No two places on earth that a commissioner serves are further apart in time than this."""
SAME_FIX_DAYS = 3
"""Satellites never give the same digits on three days; a wireless network may on two (practice)."""
FIX_DECIMALS_MIN = 5
"""Coordinates with fewer decimals were rounded by the phone, and everybody nearby has them."""
MODES = ((0.0, 100.0), (0.5, 280.0), (2.0, 750.0))
"""Road, train and plane: hours lost before moving, then kilometres an hour in a straight line; on the fast side."""


class Finding(NamedTuple):
    """A hint about one record; `other` is the record that it rests on, `theirs` says that this one is somebody else's.

    What rests on somebody else's record is for reviewers alone: it would tell one person of another.
    """

    code: str
    reason: str
    other: UUID | None = None
    theirs: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """As much of a record as comparing takes; `fix` is None where the position was chosen on a map or is not known."""

    id: UUID
    person: UUID
    companions: frozenset[UUID]
    started_at: datetime
    ended_at: datetime
    form: str
    township: str
    place: Place
    fix: Fix | None = None
    text: str = ""

    @property
    def people(self) -> frozenset[UUID]:
        """Everybody who served."""
        return self.companions | {self.person}

    @property
    def order(self) -> tuple[datetime, str]:
        """Of two records that say the same, the service that began first is the earlier, whichever arrived first."""
        return self.started_at, str(self.id)


def one_outing(a: Visit, b: Visit) -> bool:
    """Say whether two records tell of one outing: the same day and township, with somebody in both.

    They share photos and sentences as a matter of course.
    """
    same_day = shanghai_date(a.started_at) == shanghai_date(b.started_at)
    return same_day and a.township == b.township and bool(a.people & b.people)


class _Sighting(NamedTuple):
    """Somebody was within so many metres of a point from one time to another."""

    point: geo.Point
    slack_m: float
    start: datetime
    end: datetime


def _sightings(visit: Visit) -> Iterable[_Sighting]:
    """Give what a record says of where somebody was: at the township throughout, at the fix when it was taken."""
    if visit.form != Form.ON_SITE:
        return
    if visit.place.point is not None and visit.ended_at - visit.started_at <= STAY_MAX:
        slack_m = visit.place.radius_m + geo.SEAT_WORTH_M
        yield _Sighting(visit.place.point, slack_m, visit.started_at, visit.ended_at)
    if visit.fix is not None and visit.fix.taken_at is not None:
        yield _Sighting(visit.fix.point, visit.fix.accuracy_m or 0, visit.fix.taken_at, visit.fix.taken_at)


def hours_needed(metres: float) -> float:
    """Say how many hours a way takes at the least, by the fastest of road, train and plane."""
    return min(lost + metres / 1000 / speed for lost, speed in MODES)


def _missed(a: _Sighting, b: _Sighting) -> tuple[timedelta, float] | None:
    """Give the time between two sightings (negative where they overlap) and the metres, if nobody can do both."""
    metres = geo.distance_m(a.point, b.point) - a.slack_m - b.slack_m
    between = max(a.start, b.start) - min(a.end, b.end)
    if metres <= 0 or (between + TYPED) >= timedelta(hours=hours_needed(metres)):
        return None
    return between, metres


def judge_travel(mine: Visit, other: Visit) -> tuple[Finding, ...]:
    """Say where one person would have to be in two places, or on the way faster than any train (R-VISIT-3).

    Two records of the same author contradict each other (`travel`); a companion's contradict the record that names
    them (`companion`).
    """
    own = mine.person == other.person
    if not own and not mine.companions & other.people:
        return ()
    found = [one for a in _sightings(mine) for b in _sightings(other) if (one := _missed(a, b))]
    if not found:
        return ()
    between, metres = max(found, key=lambda one: one[1])
    apart = f"相距至少 {metres / 1000:.0f} 公里" if metres >= 1000 else "不在同一处"
    when = f"时间重叠约 {_span(-between)}" if between < timedelta(0) else f"间隔约 {_span(between)}"
    who = "与本人另一条记录" if own else "一名同行人同一时间另有记录，两处"
    text = f"{who}{apart}，{when}，按最快的交通也来不及"
    return (Finding(TRAVEL if own else COMPANION, text, other.id, theirs=not own),)


def _span(gap: timedelta) -> str:
    minutes = gap // timedelta(minutes=1)
    return f"{minutes} 分钟" if minutes < 120 else f"{minutes / 60:.1f} 小时"


def telling_fix(lat: float, lon: float, source: str) -> bool:
    """Say whether a position has digits enough that only the same measurement gives them again."""
    long = all(len(repr(one).partition(".")[2]) >= FIX_DECIMALS_MIN for one in (lat, lon))
    return long and source == "precise"


def judge_same_fix(mine: date, others: Mapping[UUID, date]) -> tuple[Finding, ...]:
    """Say that a position came back to the last digit on several days (R-VISIT-3).

    On one day it proves nothing: WeChat gives the same position again for half a minute, and a phone may lie still.

    :param others: the Shanghai dates of the person's other records with exactly this position.
    """
    if len({mine, *others.values()}) < SAME_FIX_DAYS:
        return ()
    first = min(others, key=lambda one: (others[one], str(one)))
    return (Finding(SAME_FIX, f"定位与至少 {SAME_FIX_DAYS} 个不同日期的记录逐位相同", first),)


def judge_text(mine: Visit, others: Iterable[Visit]) -> tuple[Finding, ...]:
    """Say that what was done is told in the words of an earlier service, one's own or another's; once at most."""
    for other in sorted(others, key=lambda one: one.order):
        if other.order >= mine.order or one_outing(mine, other):
            continue
        if percent := text_alike(mine.text, other.text):
            theirs = mine.person != other.person
            whose = "另一人较早" if theirs else "本人较早"
            return (Finding(TEXT, f"服务内容与{whose}一条记录的文字相同 {percent}%", other.id, theirs),)
    return ()


class Copy(NamedTuple):
    """A photo of a record that is another record's too: its place among the photos, how it was changed, where else."""

    place: int
    how: str
    other: Visit


def judge_photos(mine: Visit, copies: Collection[Copy]) -> tuple[Finding, ...]:
    """Say which photos were seen with an earlier service (R-VISIT-3); each photo once, with the earliest."""
    found: dict[int, Finding] = {}
    for place, how, other in sorted(copies, key=lambda one: (one.place, one.other.order)):
        if place not in found and other.order < mine.order and not one_outing(mine, other):
            theirs = mine.person != other.person
            whose = "另一人较早" if theirs else "本人较早"
            text = f"第 {place} 张照片{how}与{whose}一次服务的照片相同"
            found[place] = Finding(PHOTO, text, other.id, theirs)
    return tuple(found.values())
