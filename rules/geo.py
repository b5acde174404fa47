"""Where things are: WGS-84 points, the public GCJ-02 shift and its inverse, distances, outlines, check-in hints."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from geopy.distance import great_circle

POOR_ACCURACY_M = 1_000
"""A position less certain than this says little about a township (R-VISIT-3, practice)."""
VISIT_MARGIN = timedelta(hours=2)
"""A position taken this long before or after the visit still belongs to it (R-VISIT-3, practice)."""

METRES_A_DEGREE = 111_320
"""Of latitude, and of longitude at the equator."""
OUTLINE_WORTH_M = 1_000
"""How far an outline may be off: data/SOURCES.md gives 0.4 km for 95 % of it, 0.9 km on the coast."""
SEAT_WORTH_M = 2_000
"""How far a township's point may lie from its seat: the roster's points are gazetteer seats (data/SOURCES.md)."""

_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_E2 = 0.00669342162296594323
_CHINA_LAT = (0.8293, 55.8271)
_CHINA_LON = (72.004, 137.8347)
_INVERSE_STEP_DEG = 1e-11
_INVERSE_ROUNDS = 30

Geometry = Mapping[str, Any]
"""A GeoJSON geometry: `type` Polygon or MultiPolygon, positions as [lon, lat] in WGS-84 degrees."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on earth in WGS-84 degrees.

    :raises ValueError: if a coordinate is not on earth (not a number included).
    """

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ValueError("not a position on earth")


@dataclass(frozen=True, slots=True)
class Fix:
    """A check-in's position as it arrived: accuracy in metres, aware time of taking; None where the phone gave none."""

    point: Point
    accuracy_m: float | None = None
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a fix is compared with: a township's name, its seat (None if unknown), the radius that counts as there."""

    name: str
    point: Point | None
    radius_m: int


class Hint(NamedTuple):
    """A reason in Chinese for a second look, under a code that programs can filter by."""

    code: str
    reason: str


FAR, OUTSIDE_CITY, POOR_ACCURACY, FIX_TIME = "far", "outside_city", "poor_accuracy", "fix_time"
FIX_CODES = frozenset({FAR, OUTSIDE_CITY, POOR_ACCURACY, FIX_TIME})
"""Every code of a hint that a check-in's position can give."""


@dataclass(frozen=True, slots=True)
class FixVerdict:
    """Metres to the site or the township's seat (None where neither is known) and every hint for a second look."""

    distance_m: int | None
    hints: tuple[Hint, ...]
    measured_from: str | None = None
    """What the distance was measured from: `site` or `township`."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The hints' texts alone."""
        return tuple(hint.reason for hint in self.hints)


def _waves(angle: float, *terms: tuple[float, float]) -> float:
    """Sum of amplitude × sin(frequency × π × angle), times 2/3: the ripples of the shift, in metres."""
    return sum(amplitude * math.sin(frequency * math.pi * angle) for amplitude, frequency in terms) * 2 / 3


def _shift(lat: float, lon: float) -> tuple[float, float]:
    """How far GCJ-02 moves a WGS-84 position, in degrees of latitude and longitude."""
    x, y = lon - 105.0, lat - 35.0
    root = math.sqrt(abs(x))
    ripples = _waves(x, (20, 6), (20, 2))
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripples
    north_m += _waves(y, (20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30))
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripples
    east_m += _waves(x, (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30))
    phi = math.radians(lat)
    squeeze = 1 - _KRASOVSKY_E2 * math.sin(phi) ** 2
    meridian_m = _KRASOVSKY_A_M * (1 - _KRASOVSKY_E2) / squeeze**1.5
    parallel_m = _KRASOVSKY_A_M / math.sqrt(squeeze) * math.cos(phi)
    return math.degrees(north_m / meridian_m), math.degrees(east_m / parallel_m)


def _in_china(lat: float, lon: float) -> bool:
    """Whether the shift applies: the box around China that the public algorithm uses, edges included."""
    return _CHINA_LAT[0] <= lat <= _CHINA_LAT[1] and _CHINA_LON[0] <= lon <= _CHINA_LON[1]


def wgs84_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """Shift WGS-84 degrees to the GCJ-02 degrees (lat, lon) that Chinese maps draw; unchanged outside China."""
    if not _in_china(lat, lon):
        return lat, lon
    north, east = _shift(lat, lon)
    return lat + north, lon + east


def gcj02_to_wgs84(lat: float, lon: float) -> Point:
    """Undo the GCJ-02 shift (domain §6: WeChat gives GCJ-02, we store WGS-84); unchanged outside China.

    The shift changes by about one percent of the way moved at most, so guessing and correcting gains some two digits a
    round; it stops below 1e-11 degrees (about a micrometre).

    :raises ValueError: if a coordinate is not on earth.
    """
    given = Point(lat, lon)
    if not _in_china(lat, lon):
        return given
    guess = (lat, lon)
    for _ in range(_INVERSE_ROUNDS):
        north, east = _shift(*guess)
        better = (lat - north, lon - east)
        moved = max(abs(better[0] - guess[0]), abs(better[1] - guess[1]))
        guess = better
        if moved < _INVERSE_STEP_DEG:
            break
    return Point(*guess)


def distance_m(a: Point, b: Point) -> int:
    """Metres between two points along the great circle (straight line, not road), rounded to whole metres."""
    metres: float = great_circle((a.lat, a.lon), (b.lat, b.lon)).m
    return round(metres)


def _crossings(point: Point, ring: Sequence[Sequence[float]]) -> int:
    """How often a ray from the point to the east crosses a closed ring of [lon, lat] positions."""
    count = 0
    for (lon_1, lat_1, *_), (lon_2, lat_2, *_) in pairwise(ring):
        if (lat_1 > point.lat) != (lat_2 > point.lat):
            count += point.lon < lon_1 + (point.lat - lat_1) / (lat_2 - lat_1) * (lon_2 - lon_1)
    return count


def inside(point: Point, geometry: Geometry) -> bool:
    """Whether a point lies in a GeoJSON Polygon or MultiPolygon; a hole is outside, an edge may be either.

    :raises ValueError: for any other kind of geometry.
    """
    match geometry.get("type"):
        case "Polygon":
            polygons = [geometry["coordinates"]]
        case "MultiPolygon":
            polygons = geometry["coordinates"]
        case other:
            raise ValueError(f"neither Polygon nor MultiPolygon: {other!r}")
    # The ray leaves a hole through its ring and its polygon's, so an odd sum over all rings means inside.
    return any(sum(_crossings(point, ring) for ring in rings) % 2 for rings in polygons)


def judge_fix(
    fix: Fix,
    township: Place,
    visit: tuple[datetime, datetime],
    city: Iterable[Geometry] = (),
    *,
    county: Geometry | None = None,
    sites: Sequence[Place] = (),
    named: Place | None = None,
) -> FixVerdict:
    """Compare a check-in's position with the place and the visit it names (R-VISIT-3: hints, never a refusal).

    To be asked on arrival, at full precision; what is stored afterwards is `round_for_storage`.

    :param visit: aware times of the visit's start and end.
    :param city: outlines that together make the city; none given, none checked.
    :param county: the outline of the township's county, for townships of which no point is known.
    :param sites: the known sites of the township; whoever is at one of them is there, wherever the seat lies.
    :param named: the site that the record names; then only that one counts.
    """
    away_m, hints, measured = _judge_place(fix, township, county, sites, named)
    outlines = tuple(city)
    if outlines and not any(_within(fix, outline) for outline in outlines):
        hints.append(Hint(OUTSIDE_CITY, "定位点在本市（概略边界）以外"))
    if fix.accuracy_m is not None and fix.accuracy_m > POOR_ACCURACY_M:
        hints.append(Hint(POOR_ACCURACY, f"定位精度较差，误差约 {_kilometres(fix.accuracy_m)}"))
    if fix.taken_at is not None:
        hints.extend(Hint(FIX_TIME, text) for text in _time_hints(fix.taken_at, *visit))
    return FixVerdict(away_m, tuple(hints), measured)


def _judge_place(
    fix: Fix, township: Place, county: Geometry | None, sites: Sequence[Place], named: Place | None
) -> tuple[int | None, list[Hint], str | None]:
    """Give the distance, what it says, and from where: the site first, then the seat, then the county's outline.

    The fix's own error is to its favour, up to what is called poor.
    """
    doubt_m = min(fix.accuracy_m or 0, POOR_ACCURACY_M)
    reached = [named] if named else [one for one in sites if _away(fix, one) <= one.radius_m + doubt_m]
    if reached:
        site = min(reached, key=lambda one: _away(fix, one))
        away_m = round(_away(fix, site))
        far = away_m > site.radius_m + doubt_m
        return away_m, [_far(f"服务点「{site.name}」", away_m, site.radius_m, "")] if far else [], "site"
    if township.point is None:
        outside = county is not None and not _within(fix, county)
        return None, [Hint(FAR, f"定位点不在{township.name}所属县（市、区）的概略边界内")] if outside else [], None
    away_m = distance_m(fix.point, township.point)
    worth = f"（参考点为驻地，误差约 {SEAT_WORTH_M // 1000} 公里）"
    far = away_m > township.radius_m + doubt_m
    return away_m, [_far(township.name, away_m, township.radius_m, worth)] if far else [], "township"


def _within(fix: Fix, outline: Geometry) -> bool:
    """Say whether a fix lies inside an outline, or beside it by no more than outline and fix may be off.

    Beside: one of eight points around it, so far away, lies inside.
    """
    if inside(fix.point, outline):
        return True
    lat, lon = fix.point.lat, fix.point.lon
    off = (OUTLINE_WORTH_M + min(fix.accuracy_m or 0, POOR_ACCURACY_M)) / METRES_A_DEGREE
    if abs(lat) > 80 or abs(lon) > 179:  # degrees; the way around a pole or a date line is no way across a border
        return False
    wide = off / math.cos(math.radians(lat))
    turns = [math.pi / 4 * step for step in range(8)]
    return any(inside(Point(lat + off * math.cos(one), lon + wide * math.sin(one)), outline) for one in turns)


def _away(fix: Fix, place: Place) -> float:
    return math.inf if place.point is None else distance_m(fix.point, place.point)


def _far(name: str, away_m: float, radius_m: int, worth: str) -> Hint:
    text = f"定位点距{name}约 {_kilometres(away_m)}，超出 {_kilometres(radius_m)}的参考范围{worth}"
    return Hint(FAR, text)


def _time_hints(taken_at: datetime, started_at: datetime, ended_at: datetime) -> list[str]:
    """Say how far outside the visit the position was taken; nothing within `VISIT_MARGIN` of it."""
    if started_at - taken_at > VISIT_MARGIN:
        return [f"定位时间早于服务开始约 {_hours(started_at - taken_at)}"]
    if taken_at - ended_at > VISIT_MARGIN:
        return [f"定位时间晚于服务结束约 {_hours(taken_at - ended_at)}"]
    return []


def _kilometres(metres: float) -> str:
    return f"{metres / 1000:.1f} 公里"


def _hours(gap: timedelta) -> str:
    hours = gap / timedelta(hours=1)
    return f"{hours / 24:.1f} 天" if hours >= 48 else f"{hours:.1f} 小时"


def round_for_storage(point: Point) -> Point:
    """Keep four decimals (about 11 m) of a point, as much as is ever stored of a check-in (R-VISIT-3)."""
    return Point(round(point.lat, 4), round(point.lon, 4))
