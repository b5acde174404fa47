import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.geo import (
    Fix,
    FixVerdict,
    Place,
    Point,
    distance_m,
    gcj02_to_wgs84,
    inside,
    judge_fix,
    round_for_storage,
    wgs84_to_gcj02,
)

# Addressed places of 揭阳 whose positions a public list gives in GCJ-02, with their WGS-84 found by another tool.
PLACES = [
    ("京溪园镇", 23.502445, 116.066103, 23.50486, 116.06133),
    ("军埠镇", 23.243271, 116.257703, 23.24589, 116.25317),
    ("仙桥街道", 23.514938, 116.361456, 23.51736, 116.35677),
    ("惠城镇", 23.028427, 116.287834, 23.03111, 116.28330),
    ("登岗镇", 23.5388, 116.524417, 23.54142, 116.51995),
    ("周田镇", 22.980334, 116.471221, 22.98296, 116.46663),
    ("占陇镇", 23.297667, 116.282828, 23.30025, 116.27829),
    ("坪上镇", 23.406278, 115.898156, 23.40904, 115.89368),
    ("埔田镇", 23.622809, 116.388636, 23.62520, 116.38391),
    ("新亨镇", 23.608969, 116.300527, 23.61150, 116.29594),
    ("梅塘镇", 23.337941, 116.099284, 23.34035, 116.09450),
]
# A little inside the box of the public algorithm, so that a shifted position is inside as well.
CHINA = st.tuples(st.floats(0.85, 55.8), st.floats(72.02, 137.81))
ELSEWHERE = [(35.68, 139.69), (51.5, -0.12), (-33.87, 151.2), (0.5, 110.0), (56.0, 110.0), (30.0, 72.0), (90.0, 180.0)]


def shifted_by_matrix(lat, lon):
    """The published forward shift once more, as products of coefficient matrices over many positions at a time."""
    lat, lon = np.atleast_1d(lat), np.atleast_1d(lon)
    x, y = lon - 105, lat - 35
    powers = np.stack([np.ones_like(x), x, y, x**2, x * y, y**2, np.abs(x) ** 0.5])
    poly = np.array([[-100, 2, 3, 0, 0.1, 0.2, 0.2], [300, 1, 2, 0.1, 0.1, 0, 0.1]]) @ powers
    fast = np.sin(2 * np.pi * np.outer([3, 1], x)).sum(axis=0) * 40 / 3
    periods = np.array([[2], [6], [24], [60]])
    slow_north = np.array([40, 80, 320, 640]) / 3 @ np.sin(2 * np.pi * y / periods)
    slow_east = np.array([40, 80, 300, 600]) / 3 @ np.sin(2 * np.pi * x / periods)
    north_m, east_m = poly + fast + np.stack([slow_north, slow_east])
    magic = 1 - 0.00669342162296594323 * np.sin(np.deg2rad(lat)) ** 2
    a, ee = 6378245.0, 0.00669342162296594323
    d_lat = north_m * 180 / (a * (1 - ee) / (magic * np.sqrt(magic)) * np.pi)
    d_lon = east_m * 180 / (a / np.sqrt(magic) * np.cos(np.deg2rad(lat)) * np.pi)
    return lat + d_lat, lon + d_lon


def test_forward_shift_agrees_with_a_second_implementation_over_all_china():
    grid_lat, grid_lon = (g.ravel() for g in np.meshgrid(np.linspace(1, 55.7, 83), np.linspace(72.1, 137.7, 97)))
    expected = np.stack(shifted_by_matrix(grid_lat, grid_lon))
    ours = np.array([wgs84_to_gcj02(*at) for at in zip(grid_lat.tolist(), grid_lon.tolist(), strict=True)]).T
    assert np.abs(ours - expected).max() < 1e-10
    assert np.abs(ours - np.stack([grid_lat, grid_lon])).max() > 1e-3  # the shift is there at all


@pytest.mark.parametrize(("name", "gcj_lat", "gcj_lon", "lat", "lon"), PLACES)
def test_places_of_jieyang_come_back_from_gcj02(name, gcj_lat, gcj_lon, lat, lon):
    found = gcj02_to_wgs84(gcj_lat, gcj_lon)
    assert (found.lat, found.lon) == pytest.approx((lat, lon), abs=6e-6), name
    assert distance_m(found, Point(gcj_lat, gcj_lon)) > 400


@settings(deadline=None, max_examples=300)
@given(CHINA)
def test_inverse_of_the_second_implementation_is_exact(at):
    (lat,), (lon,) = shifted_by_matrix(*at)
    back = gcj02_to_wgs84(float(lat), float(lon))
    assert abs(back.lat - at[0]) < 1e-9
    assert abs(back.lon - at[1]) < 1e-9


@settings(deadline=None, max_examples=300)
@given(CHINA)
def test_round_trip_from_gcj02_is_below_a_centimetre(at):
    back = Point(*wgs84_to_gcj02(*_as_tuple(gcj02_to_wgs84(*at))))
    metre_per_degree = 111_320
    assert abs(back.lat - at[0]) * metre_per_degree < 0.01
    assert abs(back.lon - at[1]) * metre_per_degree < 0.01


def test_kinks_of_the_formula_at_105_east_are_inverted_too():
    for lon in (105.0, 105.0 + 1e-12, 105.0 - 1e-12):
        back = gcj02_to_wgs84(*wgs84_to_gcj02(35.0, lon))
        assert (back.lat, back.lon) == pytest.approx((35.0, lon), abs=1e-9)


@pytest.mark.parametrize("at", ELSEWHERE)
def test_outside_china_nothing_is_shifted(at):
    assert wgs84_to_gcj02(*at) == at
    assert _as_tuple(gcj02_to_wgs84(*at)) == at


@pytest.mark.parametrize(
    "at", [(90.1, 0), (-91, 0), (0, 180.5), (0, -181), (math.nan, 0), (0, math.nan), (math.inf, 0), (23, -math.inf)]
)
def test_what_is_not_on_earth_is_no_point(at):
    with pytest.raises(ValueError, match="not a position on earth"):
        Point(*at)
    with pytest.raises(ValueError, match="not a position on earth"):
        gcj02_to_wgs84(*at)


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [
        (Point(0, 0), Point(0, 0), 0),
        (Point(0, 0), Point(0, 1), 111_195),
        (Point(0, 179.5), Point(0, -179.5), 111_195),
        (Point(23.5, 116.3), Point(23.5, 116.4), 10_197),
        (Point(90, 0), Point(-90, 0), 20_015_115),
    ],
)
def test_distance_in_whole_metres(a, b, metres):
    assert distance_m(a, b) == metres == distance_m(b, a)
    assert isinstance(distance_m(a, b), int)


def square(west, south, east, north):
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


HOLED = {"type": "Polygon", "coordinates": [square(0, 0, 10, 10), square(4, 4, 6, 6)]}
TWO = {"type": "MultiPolygon", "coordinates": [HOLED["coordinates"], [square(4.5, 4.5, 5.5, 5.5)]]}
# A horseshoe open to the north, with heights, as GeoJSON allows them.
HORSESHOE = {
    "type": "Polygon",
    "coordinates": [
        [[0, 0, 7], [9, 0, 7], [9, 9, 7], [6, 9, 7], [6, 3, 7], [3, 3, 7], [3, 9, 7], [0, 9, 7], [0, 0, 7]]
    ],
}


@pytest.mark.parametrize(
    ("geometry", "lat", "lon", "expected"),
    [
        (HOLED, 1, 1, True),
        (HOLED, 5, 5, False),
        (HOLED, 5, 3.9, True),
        (HOLED, 5, 11, False),
        (HOLED, 11, 5, False),
        (HOLED, 5, -1, False),
        (HOLED, 4, 1, True),  # the ray runs along an edge of the hole
        (TWO, 5, 5, True),  # an island in the hole
        (TWO, 4.2, 4.2, False),
        (HORSESHOE, 6, 4.5, False),
        (HORSESHOE, 6, 1, True),
        (HORSESHOE, 6, 8, True),
        (HORSESHOE, 1, 4.5, True),
    ],
)
def test_inside_outlines_holes_and_islands(geometry, lat, lon, expected):
    assert inside(Point(lat, lon), geometry) is expected


@pytest.mark.parametrize("geometry", [{"type": "Point", "coordinates": [0, 0]}, {}])
def test_other_geometries_have_no_inside(geometry):
    with pytest.raises(ValueError, match="neither Polygon"):
        inside(Point(0, 0), geometry)


@settings(deadline=None, max_examples=100)
@given(st.floats(0, 2 * math.pi), st.floats(0, 3), st.integers(3, 40))
def test_inside_agrees_with_the_radius_of_a_polygon_around_a_circle(bearing, radius, corners):
    angles = [2 * math.pi * n / corners for n in range(corners)] + [0]
    ring = [[math.cos(angle), math.sin(angle)] for angle in angles]
    at = Point(radius * math.sin(bearing), radius * math.cos(bearing))
    if radius < math.cos(math.pi / corners) - 1e-9:
        assert inside(at, {"type": "Polygon", "coordinates": [ring]})
    if radius > 1 + 1e-9:
        assert not inside(at, {"type": "Polygon", "coordinates": [ring]})


START = datetime(2026, 4, 7, 1, 0, tzinfo=UTC)
VISIT = (START, START + timedelta(hours=3))
SEAT = Point(23.6115, 116.2959)
TOWNSHIP = Place("新亨镇", SEAT, radius_m=4000)
CITY = [{"type": "Polygon", "coordinates": [square(115.6, 22.8, 116.7, 23.8)]}]
HERE = Point(23.612, 116.297)


@pytest.mark.parametrize(
    ("fix", "hints"),
    [
        (Fix(HERE, 30, START), []),
        (Fix(HERE), []),
        (Fix(HERE, 1000, START - timedelta(hours=2)), []),
        (Fix(HERE, 1000, VISIT[1] + timedelta(hours=2)), []),
        (Fix(Point(23.70, 116.2959), 30, START), ["定位点距新亨镇约 9.8 公里，超出 4.0 公里的参考范围"]),
        (Fix(HERE, 1001, START), ["定位精度较差，误差约 1.0 公里"]),
        (Fix(HERE, 30, START - timedelta(hours=3)), ["定位时间早于服务开始约 3.0 小时"]),
        (Fix(HERE, 30, VISIT[1] + timedelta(days=3)), ["定位时间晚于服务结束约 3.0 天"]),
        (
            Fix(Point(39.9, 116.4), 5000, START - timedelta(days=30)),
            ["定位点距新亨镇约", "本市（概略边界）以外", "误差约 5.0 公里", "早于服务开始约 30.0 天"],
        ),
    ],
)
def test_r_visit_3_a_fix_gets_every_hint_and_no_refusal(fix, hints):
    verdict = judge_fix(fix, TOWNSHIP, VISIT, CITY)
    assert len(verdict.reasons) == len(hints)
    assert all(hint in reason for hint, reason in zip(hints, verdict.reasons, strict=True))
    assert verdict.distance_m == distance_m(fix.point, SEAT)


def test_r_visit_3_a_township_without_a_point_gives_no_distance():
    assert judge_fix(Fix(HERE), Place("鲘溪乡", None, 4000), VISIT, CITY) == FixVerdict(None, ())


def test_r_visit_3_the_city_is_checked_only_where_outlines_are_given_and_any_of_them_will_do():
    far = Fix(Point(39.9, 116.4))
    place = Place("鲘溪乡", None, 4000)
    assert judge_fix(far, place, VISIT).reasons == ()
    assert judge_fix(far, place, VISIT, iter(CITY)).reasons == ("定位点在本市（概略边界）以外",)
    assert judge_fix(Fix(HERE), place, VISIT, [{"type": "MultiPolygon", "coordinates": []}, *CITY]).reasons == ()


@pytest.mark.parametrize(
    ("point", "accuracy_m", "flagged"),
    [
        (Point(23.82, 116.3), 30, True),  # 2.2 km beyond the border
        (Point(23.815, 116.3), 30, True),  # 1.7 km
        (Point(23.3, 116.72), 30, True),  # 2 km to the east
        (Point(23.806, 116.3), 30, False),  # honest: a village on the border, as the outline is drawn
        (Point(23.3, 116.708), 30, False),
        (Point(23.815, 116.3), 900, False),  # honest: the fix is no better than that
    ],
)
def test_r_visit_3_a_village_on_the_border_is_not_outside(point, accuracy_m, flagged):
    """data/SOURCES.md: an outline is worth one kilometre, of the city and of a county whose township has no point."""
    nowhere = Place("鲘溪乡", None, 4000)
    assert [hint.code for hint in judge_fix(Fix(point, accuracy_m), nowhere, VISIT, CITY).hints] == (
        ["outside_city"] if flagged else []
    )
    assert len(judge_fix(Fix(point, accuracy_m), nowhere, VISIT, county=CITY[0]).hints) == flagged
    assert judge_fix(Fix(Point(90, 0)), nowhere, VISIT, CITY).reasons


def test_r_visit_3_the_radius_itself_is_still_within():
    away = distance_m(Point(23.70, 116.2959), SEAT)
    fix = Fix(Point(23.70, 116.2959))
    assert judge_fix(fix, Place("新亨镇", SEAT, away), VISIT).reasons == ()
    assert len(judge_fix(fix, Place("新亨镇", SEAT, away - 1), VISIT).reasons) == 1


def test_r_visit_3_the_stored_point_keeps_four_decimals():
    assert round_for_storage(Point(23.61154999, -116.29595001)) == Point(23.6115, -116.296)
    assert round_for_storage(Point(-90, 179.99999)) == Point(-90, 180)


def _as_tuple(point):
    return point.lat, point.lon
