"""How many planted contradictions the flags find, and how many honest records they flag (`make bench`, bar 37).

Seasons of many commissioners are generated: most serve honestly, with every honest reason that looks odd (a phone that
lies still, a wireless network, a cached fix, shared photos and sentences, trains, typed hours, clocks a little off);
some records are planted. Each kind is judged by the product's own rules on all pairs that its indexes would bring
together. Prints recall and false flags by kind; ends with 1 when a bar is broken.
"""

import io
import random
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from PIL import Image, ImageOps

from rules import flags, geo, likeness, records
from rules.calendar import shanghai_date
from rules.flags import Visit
from rules.geo import Fix, Place, Point

RECALL_MIN, FALSE_MAX, COPIES_MIN = 0.9, 0.02, 0.98
SEED = 20260115
NINE = datetime(2026, 3, 2, 1, tzinfo=UTC)
PHRASES = [
    "查看{crop}长势",
    "调查{pest}虫口密度",
    "取土样三份带回化验",
    "讲解{crop}修剪要点",
    "示范黄板挂放",
    "查看滴灌管网",
    "登记{crop}品种",
    "商定秋季施肥方案",
    "指导{pest}绿色防控",
    "培训农户操作喷雾机",
    "查看冷库温度记录",
    "帮助合作社填写申报表",
    "测定糖度与单果重",
    "查看苗圃出苗情况",
    "讲解农药安全间隔期",
    "协助对接收购企业",
    "查看测报灯",
    "修剪示范{crop}二十株",
    "回访上月{crop}病株",
    "指导清园与树干涂白",
    "统计{crop}受灾面积",
    "查看大棚通风",
    "指导{crop}疏花疏果",
    "讲解有机肥堆制",
    "调试水肥一体机",
    "查看{pest}天敌释放效果",
    "指导采后分级",
    "商定下次到场时间",
]
CROPS, PESTS = (
    ["茶树", "青梅", "水稻", "竹笋", "荔枝", "橄榄", "番薯"],
    ["叶蝉", "红蜘蛛", "稻飞虱", "蓟马", "象甲", "粉虱"],
)
Cases = Iterable[tuple[bool, bool]]
"""Whether a record was planted, and whether it was flagged."""


def townships(rng: random.Random) -> list[Place]:
    """Sixty-five townships over a city of some 100 by 70 kilometres."""
    points = [Point(rng.uniform(22.95, 23.75), rng.uniform(115.65, 116.6)) for _ in range(65)]
    return [Place(f"镇{n}", point, rng.randrange(3_000, 8_000)) for n, point in enumerate(points)]


def near(rng: random.Random, place: Place, within_m: float) -> Point:
    """A point so far from a seat at most, to the digit that a phone gives."""
    assert place.point is not None
    north, east = (rng.gauss(0, within_m / 2.5) / 111_000 for _ in range(2))
    return Point(round(place.point.lat + north, 6), round(place.point.lon + east * 1.09, 6))


def visit(number: int, person: int, at: datetime, hours: float, place: Place, **changes: object) -> Visit:
    """A visit with the facts that a kind of flag needs."""
    facts = {"companions": frozenset(), "form": "on_site", "township": place.name, "place": place} | changes
    identity = UUID(int=number + 1)
    return Visit(identity, UUID(int=person), started_at=at, ended_at=at + timedelta(hours=hours), **facts)  # type: ignore[arg-type]


def distance(rng: random.Random) -> Cases:
    """Fakes from home, 25 km and more away; honest ones in all the township, poor fixes and seats 2 km off included."""
    for place in townships(rng):
        assert place.point is not None
        for n in range(30):
            planted = n < 5
            off = near(rng, Place("", place.point, 0), 1_500)  # the roster's point is not quite the seat
            true = near(rng, place, place.radius_m * 0.8)
            if planted:
                bearing = rng.choice((-1, 1)) * rng.uniform(0.25, 0.9)
                true = Point(true.lat, true.lon + bearing)
            accuracy = rng.choice((8, 20, 35, 60, 400, 900))
            told = Place(place.name, off, place.radius_m)
            verdict = geo.judge_fix(Fix(true, accuracy), told, (NINE, NINE + timedelta(hours=2)))
            yield planted, bool(verdict.hints)


def travel(rng: random.Random) -> Cases:
    """A season of each person: honest trips one after another by car and train; planted ones at the same hours."""
    places = townships(rng)
    guangzhou = Place("广州", Point(23.13, 113.36), 8_000)
    for person in range(25):
        season, number = [], 0
        for day in range(40):
            start = NINE + timedelta(days=2 * day, minutes=30 * rng.randrange(4))
            first = rng.choice(places)
            season.append(_stay(rng, (number, person), start, rng.choice((1.5, 2, 3)), first))
            second = rng.choice([first, *rng.sample(places, 3), guangzhou if rng.random() < 0.1 else first])
            on_the_road = flags.hours_needed(geo.distance_m(first.point, second.point)) * rng.uniform(1.4, 2.5)  # type: ignore[arg-type]
            typed = season[-1].ended_at + timedelta(hours=on_the_road, minutes=rng.uniform(-15, 15))
            season.append(_stay(rng, (number + 1, person), typed, 2, second))
            number += 2
        planted = set()
        for n in rng.sample(range(0, number, 2), 3):
            away = [one for one in places if geo.distance_m(one.point, season[n].place.point) > 40_000]  # type: ignore[arg-type]
            copy = _stay(rng, (number, person), season[n].started_at + timedelta(minutes=20), 2, rng.choice(away))
            season.append(copy)
            planted |= {copy.id, season[n].id}
            number += 1
        for one in season:
            around = [other for other in season if other is not one and _around(one, other)]
            if one.id in planted or not any(other.id in planted for other in around):
                yield one.id in planted, any(flags.judge_travel(one, other) for other in around)


def _around(one: Visit, other: Visit) -> bool:
    """Whether the product's query brings the two together."""
    return other.started_at <= one.ended_at + flags.NEAR and other.ended_at >= one.started_at - flags.NEAR


def _stay(rng: random.Random, ids: tuple[int, int], at: datetime, hours: float, place: Place) -> Visit:
    taken = at + timedelta(hours=hours * rng.random())
    fix = Fix(near(rng, place, 3_000), rng.choice((15, 40, 300)), taken) if rng.random() < 0.6 else None
    return visit(*ids, at, hours, place, fix=fix)


def companions(rng: random.Random) -> Cases:
    """Companions who were along, came for a part or went on; planted: who records 40 km away at that time."""
    places = townships(rng)
    for n in range(3_000):
        place, planted = rng.choice(places), n % 10 == 0
        mine = visit(0, 1, NINE, 3, place, companions=frozenset({UUID(int=2)}))
        away = [one for one in places if geo.distance_m(one.point, place.point) > 40_000]  # type: ignore[arg-type]
        other = rng.choice(away) if planted else rng.choice([place, *rng.sample(places, 1)])
        road = flags.hours_needed(geo.distance_m(place.point, other.point)) * rng.uniform(1.3, 2)  # type: ignore[arg-type]
        start = rng.uniform(0, 1) if planted or other is place else 3 + road - rng.uniform(0, 0.25)
        theirs = visit(1, 2, NINE + timedelta(hours=start), 2, other)
        yield planted, bool(flags.judge_travel(mine, theirs))


def same_fix(rng: random.Random) -> Cases:
    """A mocked position on each of eight days; honest: jitter, still phones, a network on two days, cached fixes."""
    for person in range(400):
        mocked = person % 8 == 0
        fixes: list[tuple[datetime, str]] = []
        network = f"{rng.random()}"
        for day in range(8):
            at = NINE + timedelta(days=3 * day)
            if mocked:
                fixes.append((at, "mock"))
            elif day < 2 and rng.random() < 0.3:
                fixes.append((at, network))
            else:
                here = f"{rng.random()}"
                fixes += [(at, here)] + [(at + timedelta(hours=3), here)] * (rng.random() < 0.3)
        for n, (at, point) in enumerate(fixes):
            others = {UUID(int=m): shanghai_date(t) for m, (t, p) in enumerate(fixes) if m != n and p == point}
            yield mocked, bool(others) and bool(flags.judge_same_fix(shanghai_date(at), others))


def words(rng: random.Random, count: int) -> str:
    """A report of so many sentences."""
    crop, pest = rng.choice(CROPS), rng.choice(PESTS)
    return (
        "，".join(one.format(crop=crop, pest=pest) for one in rng.sample(PHRASES, count))
        + f"，农户{rng.randrange(3, 40)}户。"
    )


def text(rng: random.Random) -> Cases:
    """Copies with a word or number changed; honest: reports from the same small stock of phrases, routine lines."""
    place = townships(rng)[0]
    marked: dict[int, list[tuple[Visit, int]]] = {}
    for n in range(3_000):
        planted = n > 500 and n % 20 == 0
        said = words(rng, rng.choice((3, 4, 5, 6)))
        if planted:
            said = rng.choice([one for ones in marked.values() for one, _ in ones]).text
            at = rng.randrange(len(said) - 2)
            said = rng.choice((said, said[:at] + "再" + said[at + 1 :], said.replace("农户", "茶农")))
        elif n % 15 == 0:
            said = "到村查看，讲解修剪。"
        mine = visit(n, n % 150, NINE + timedelta(days=n), 2, place, text=said)
        marks, sketch = likeness.look_of_text(said)
        near = [one for mark in marks for one in marked.get(mark, ())]
        others = {one.id: one for one, other in near if (sketch ^ other).bit_count() <= likeness.SKETCH_APART_MAX}
        yield planted, bool(flags.judge_text(mine, others.values()))
        for mark in marks:
            marked.setdefault(mark, []).append((mine, sketch))


def clock(rng: random.Random) -> Cases:
    """Clocks set ahead or back between two records; honest: minutes off, days without a network, restarts, sleep."""
    for n in range(4_000):
        planted = n % 10 == 0
        made, uptime = NINE, rng.randrange(10**6, 10**8)
        later = timedelta(hours=rng.uniform(1, 72))
        waited = timedelta(hours=rng.choice((0, 0, 1, 30, 100)))
        drift = timedelta(minutes=rng.uniform(-4, 4))
        gained = later / timedelta(milliseconds=1)
        uptime_2 = rng.choice((uptime + gained, uptime + gained * rng.random(), rng.random() * uptime))
        if planted:
            ahead = rng.random() < 0.5
            drift = timedelta(minutes=rng.uniform(12, 600)) * (1 if ahead else -1)
            waited, uptime_2 = (timedelta(0), uptime_2) if ahead else (waited, uptime + gained)
        second = records.Reading(made + later + drift, int(uptime_2))
        received = made + later + waited + timedelta(seconds=20)
        yield planted, bool(records.judge_clock(second, received, records.Reading(made, uptime)))


def late(rng: random.Random) -> Cases:
    """Records sent in after more than a week; honest: within it, however long the phone was offline."""
    for n in range(2_000):
        planted = n % 10 == 0
        days = rng.uniform(7.01, 60) if planted else rng.uniform(0, 7)
        yield (
            planted,
            bool(records.judge_lateness(NINE, NINE + timedelta(days=days), shanghai_date(NINE) + timedelta(99))),
        )


def scene(rng: np.random.Generator) -> Image.Image:
    """A picture with a photo's statistics: sky above ground, detail at every scale."""
    high, wide = 240, 320
    waves = np.hypot(np.fft.fftfreq(wide)[None, :], np.fft.fftfreq(high)[:, None])
    waves[0, 0] = 1
    rough = np.fft.ifft2(np.fft.fft2(rng.normal(size=(high, wide))) / waves ** rng.uniform(1.0, 1.6)).real
    rough = (rough - rough.mean()) / rough.std()
    down = np.linspace(0, 1, high)[:, None]
    light = 150 - 90 * (down > rng.uniform(0.2, 0.5)) + rng.uniform(-30, 30) * down + rough * rng.uniform(15, 45)
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def coded(picture: Image.Image, quality: int) -> Image.Image:
    """The picture after JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": lambda one: coded(one, 40),
    "resized": lambda one: coded(one.resize((150, 113), Image.Resampling.LANCZOS), 75),
    "mirrored": lambda one: coded(ImageOps.mirror(one), 60),
    "upside down": lambda one: coded(ImageOps.flip(one.resize((256, 192))), 60),
}


def looks(picture: Image.Image) -> str | None:
    """What the product keeps of a photo to tell it by."""
    grid = picture.convert("L").resize((likeness.CELLS, likeness.STRIPS), Image.Resampling.BOX)
    return likeness.looks_of(grid.tobytes())


def found_among(one: str, kept: dict[int, str], index: dict[int, list[int]]) -> set[int]:
    """The photos that the index brings together with one and that are alike."""
    hits: dict[int, int] = {}
    for mark in likeness.sought_marks(one):
        for number in index.get(mark, ()):
            hits[number] = hits.get(number, 0) + 1
    near_enough = [number for number, shared in hits.items() if shared >= likeness.MARKS_SHARED_MIN]
    return {number for number in near_enough if likeness.picture_alike(one, kept[number]) is not None}


def photos(name: str) -> Callable[[random.Random], Cases]:
    """Copies of one sort among four hundred photos; every photo is also looked for among the others."""

    def cases(_rng: random.Random) -> Cases:
        rng = np.random.default_rng(SEED)
        pictures = [coded(scene(rng), 85) for _ in range(400)]
        kept = {n: told for n, one in enumerate(pictures) if (told := looks(one))}
        index: dict[int, list[int]] = {}
        for n, told in kept.items():
            for mark in likeness.picture_marks(told):
                index.setdefault(mark, []).append(n)
        for n, one in enumerate(pictures):
            copy = looks(COPIES[name](one))
            yield True, copy is not None and n in found_among(copy, kept, index)
            yield False, n in kept and bool(found_among(kept[n], kept, index) - {n})

    return cases


KINDS: dict[str, tuple[Callable[[random.Random], Cases], float]] = {
    "distance": (distance, RECALL_MIN),
    "travel": (travel, RECALL_MIN),
    "companions elsewhere": (companions, RECALL_MIN),
    "fixed to the digit": (same_fix, RECALL_MIN),
    "copied text": (text, RECALL_MIN),
    "clock": (clock, RECALL_MIN),
    "late": (late, RECALL_MIN),
    **{f"photo {name}": (photos(name), COPIES_MIN) for name in COPIES},
}


def main() -> int:
    """Print a line a kind; give 1 if any is below its bar."""
    broken = False
    print(f"{'kind':<22}{'planted':>8}{'recall':>9}{'honest':>8}{'false':>9}   bar")
    for name, (cases, least) in KINDS.items():
        counted = {True: [0, 0], False: [0, 0]}
        for planted, flagged in cases(random.Random(SEED)):
            counted[planted][0] += 1
            counted[planted][1] += flagged
        recall = counted[True][1] / counted[True][0]
        false = counted[False][1] / counted[False][0]
        wrong = recall < least or false > FALSE_MAX
        broken |= wrong
        bar = f"{'BROKEN ' if wrong else ''}≥ {least:.2f}, ≤ {FALSE_MAX:.2f}"
        print(f"{name:<22}{counted[True][0]:>8}{recall:>9.3f}{counted[False][0]:>8}{false:>9.4f}   {bar}")
    print("refused by a flag: 0 (flags are raised after a record is taken, R-VISIT-3)")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
