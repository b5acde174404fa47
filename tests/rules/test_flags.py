"""Every kind of flag beside its honest twins (R-VISIT-3, quality.md bar 37)."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from rules import flags, geo
from rules.flags import COMPANION, HONEST, PHOTO, SAME_FIX, TEXT, TRAVEL, Copy, Visit
from rules.geo import Fix, Place, Point

NINE = datetime(2026, 6, 15, 1, tzinfo=UTC)  # in Shanghai
PAOTAI, GAOPU = Place("砲台镇", Point(23.55, 116.47), 5_000), Place("高埔镇", Point(23.34, 115.88), 5_000)  # 64 km
GUANGZHOU, BEIJING = Place("天河区", Point(23.13, 113.36), 5_000), Place("海淀区", Point(39.96, 116.3), 5_000)
CHEN, LI, WANG = (UUID(int=number) for number in (1, 2, 3))
WORDS = "查看示范茶园虫口，讲解黄板与释放天敌的时机，并与合作社商定秋季修剪与施肥的安排。"


def visit(key=1, person=CHEN, start=0.0, hours=2.0, place=PAOTAI, **changes):
    """A visit that begins so many hours after nine."""
    at = NINE + timedelta(hours=start)
    facts = {
        "companions": frozenset(),
        "form": "on_site",
        "township": place.name,
        "place": place,
    } | changes
    return Visit(UUID(int=100 + key), person, started_at=at, ended_at=at + timedelta(hours=hours), **facts)


def fix(place, hours=0.0, accuracy_m=30.0):
    return Fix(place.point, accuracy_m, NINE + timedelta(hours=hours))


def codes(found):
    return [one.code for one in found]


TRAVELS = [
    ("in two townships at once", visit(), visit(2, place=GAOPU), True),
    ("an hour for three hundred kilometres", visit(), visit(2, start=3, place=GUANGZHOU), True),
    ("the next county ten minutes later", visit(), visit(2, start=2.2, place=BEIJING), True),
    ("a fix elsewhere in the middle of the visit", visit(fix=fix(PAOTAI)), visit(2, start=5, fix=fix(GAOPU, 1)), True),
    ("honest: the next village of the township", visit(), visit(2, start=1), False),
    ("honest: the hour was typed, not the minute", visit(), visit(2, start=2.1, place=GAOPU), False),
    ("honest: by car to the next county", visit(), visit(2, start=3, place=GAOPU), False),
    ("honest: a train that runs", visit(), visit(2, start=4.5, place=GUANGZHOU), False),
    ("honest: a morning plane", visit(), visit(2, start=7, place=BEIJING), False),
    (
        "honest: three days as one record, an afternoon as another",
        visit(hours=60),
        visit(2, start=20, place=GAOPU),
        False,
    ),
    ("honest: advice by telephone", visit(), visit(2, place=GAOPU, form="remote"), False),
    ("honest: a township without a point", visit(), visit(2, place=Place("鲘溪乡", None, 5_000)), False),
    ("honest: a poor fix in the hills", visit(fix=fix(PAOTAI)), visit(2, start=5, fix=fix(GAOPU, 1, 60_000)), False),
    ("honest: another person", visit(), visit(2, LI, place=GAOPU), False),
]


@pytest.mark.parametrize(("case", "one", "other", "flagged"), TRAVELS, ids=[one[0] for one in TRAVELS])
def test_impossible_travel_and_what_only_looks_like_it(case, one, other, flagged):
    """R-VISIT-3: both records are flagged, whichever is asked first."""
    for a, b in ((one, other), (other, one)):
        found = flags.judge_travel(a, b)
        assert codes(found) == ([TRAVEL] if flagged else [])
        assert all(hint.other == b.id and not hint.theirs for hint in found)


TOGETHER = [
    ("a companion who records elsewhere", visit(companions=frozenset({LI})), visit(2, LI, place=GAOPU), True),
    (
        "a companion named by two people at once",
        visit(companions=frozenset({LI})),
        visit(2, WANG, place=GAOPU, companions=frozenset({LI})),
        True,
    ),
    ("honest: the companion's own record of the visit", visit(companions=frozenset({LI})), visit(2, LI), False),
    ("honest: somebody who is not named", visit(), visit(2, LI, place=GAOPU), False),
    (
        "honest: a companion who came for the morning",
        visit(companions=frozenset({LI})),
        visit(2, LI, start=4, place=GAOPU),
        False,
    ),
    (
        "honest: advice by telephone on the way",
        visit(companions=frozenset({LI})),
        visit(2, LI, place=GAOPU, form="remote"),
        False,
    ),
]


@pytest.mark.parametrize(("case", "one", "other", "flagged"), TOGETHER, ids=[one[0] for one in TOGETHER])
def test_a_companion_elsewhere_contradicts_the_record_that_names_them(case, one, other, flagged):
    """R-VISIT-3: it rests on somebody else's record, so it is for reviewers alone."""
    found = flags.judge_travel(one, other)
    assert codes(found) == ([COMPANION] if flagged else [])
    assert all(hint.theirs for hint in found)
    if not other.companions:
        assert flags.judge_travel(other, one) == ()


@pytest.mark.parametrize(
    ("case", "mine", "others", "flagged"),
    [
        ("the same digits on three days", 15, (13, 14), True),
        ("honest: a phone that lies still for a day", 15, (15, 15, 15), False),
        ("honest: a wireless network on two days", 15, (14,), False),
        ("honest: a cached fix in two records of a trip", 15, (15, 14), False),
    ],
)
def test_a_position_that_comes_back_to_the_digit(case, mine, others, flagged):
    """R-VISIT-3, wechat.md §C: release builds give the same position again for half a minute; that is no reason."""
    days = {UUID(int=n): date(2026, 6, day) for n, day in enumerate(others)}
    assert codes(flags.judge_same_fix(date(2026, 6, mine), days)) == ([SAME_FIX] if flagged else [])


@pytest.mark.parametrize(
    ("lat", "lon", "source", "telling"),
    [
        (23.551234, 116.472345, "precise", True),
        (23.5512, 116.4723, "precise", False),
        (23.55, 116.472345, "precise", False),
        (23.551234, 116.472345, "fuzzy", False),
        (23.551234, 116.472345, "chosen", False),
    ],
)
def test_only_many_digits_can_tell_a_measurement(lat, lon, source, telling):
    assert flags.telling_fix(lat, lon, source) is telling


ALMOST = WORDS.replace("秋季", "冬季")
TEXTS = [
    ("one's own words of another day", visit(text=WORDS), visit(2, start=-48, text=WORDS), True),
    ("another's words with a word changed", visit(text=ALMOST), visit(2, LI, start=-48, text=WORDS), True),
    ("honest: an outing told by both", visit(text=WORDS), visit(2, LI, -1, text=WORDS, companions={CHEN}), False),
    ("honest: two records of one trip", visit(text=WORDS), visit(2, start=-3, text=WORDS), False),
    (
        "honest: a routine line",
        visit(text="查看茶园，讲解修剪。"),
        visit(2, start=-48, text="查看茶园，讲解修剪。"),
        False,
    ),
    (
        "honest: a sentence used again in another report",
        visit(text=WORDS + "新建品比园两亩，引进金萱与翠玉两个品种，登记农户十二户，商定秋后回访并带土样回校化验。"),
        visit(2, start=-48, text=WORDS),
        False,
    ),
    ("honest: the earlier one is not the copy", visit(text=WORDS), visit(2, start=48, text=WORDS), False),
]


@pytest.mark.parametrize(("case", "mine", "other", "flagged"), TEXTS, ids=[one[0] for one in TEXTS])
def test_copied_words_and_words_used_again(case, mine, other, flagged):
    """R-VISIT-3: near-identical to an earlier service, once at most."""
    found = flags.judge_text(mine, [other, other])
    assert codes(found) == ([TEXT] if flagged else [])
    assert all(hint.theirs is (other.person != mine.person) for hint in found)


PHOTOS = [
    ("one's own photo of another day", visit(), visit(2, start=-48), True),
    ("a colleague's photo of another day", visit(), visit(2, LI, start=-48), True),
    ("a photo of the same day from another township", visit(start=8), visit(2, place=GAOPU), True),
    ("honest: two records of one trip", visit(start=3), visit(2), False),
    ("honest: a shared field, each with the group's photo", visit(start=0.5, companions={LI}), visit(2, LI), False),
    ("honest: the first who used it", visit(), visit(2, start=48), False),
]


@pytest.mark.parametrize(("case", "mine", "other", "flagged"), PHOTOS, ids=[one[0] for one in PHOTOS])
def test_photos_seen_before_and_photos_shared(case, mine, other, flagged):
    """R-VISIT-3: only the later service is flagged, each photo once."""
    found = flags.judge_photos(mine, [Copy(1, "左右翻转后", other), Copy(1, "", other), Copy(2, "", other)])
    assert codes(found) == ([PHOTO, PHOTO] if flagged else [])


def test_every_code_has_an_honest_explanation():
    """Issue 4 point 4: whoever reads a flag also reads what may honestly lie behind it."""
    said = {TRAVEL, COMPANION, SAME_FIX, PHOTO, TEXT, "late", "clock"} | geo.FIX_CODES
    assert set(HONEST) == said
    assert all(len(words) > 15 for words in HONEST.values())


SITE = Place("溪头村委会", Point(23.60, 116.47), 1_000)
COUNTY = {
    "type": "Polygon",
    "coordinates": [[[116.3, 23.4], [116.6, 23.4], [116.6, 23.7], [116.3, 23.7], [116.3, 23.4]]],
}
NOWHERE = Place("鲘溪乡", None, 5_000)
AT_SITE, BESIDE, FAR = Point(23.601, 116.47), Point(23.62, 116.47), Point(23.80, 116.47)


@pytest.mark.parametrize(
    ("case", "point", "facts", "flagged", "measured"),
    [
        ("far from the seat", FAR, {}, True, "township"),
        ("at a site that lies far from the seat", AT_SITE, {"sites": [SITE]}, False, "site"),
        ("far from the site that it names", BESIDE, {"named": SITE}, True, "site"),
        ("honest: the village at the township's end", Point(23.59, 116.47), {}, False, "township"),
        ("honest: the fix is not better than that", Point(23.602, 116.47), {"accuracy": 900}, False, "township"),
        ("honest: the fields around the office", Point(23.607, 116.47), {"named": SITE}, False, "site"),
        ("without a point, outside the county", FAR, {"township": NOWHERE, "county": COUNTY}, True, None),
        ("honest: without a point, in the county", BESIDE, {"township": NOWHERE, "county": COUNTY}, False, None),
        ("honest: nothing is known of the place", FAR, {"township": NOWHERE}, False, None),
    ],
)
def test_distance_from_the_best_that_is_known(case, point, facts, flagged, measured):
    """R-VISIT-3, data/SOURCES.md: the site first, then the seat with its two kilometres, then the county's outline."""
    more = {name: value for name, value in facts.items() if name in {"sites", "named", "county"}}
    township = facts.get("township", PAOTAI)
    verdict = geo.judge_fix(Fix(point, facts.get("accuracy", 20)), township, (NINE, NINE + timedelta(hours=1)), **more)
    assert [hint.code for hint in verdict.hints] == (["far"] if flagged else [])
    assert verdict.measured_from == measured
