"""Flags over HTTP: whatever the order of arrival, seen by whom they concern, cleared by people (R-VISIT-3)."""

import io
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from models.journal import JournalEntry
from models.records import Flag, PhotoMark
from service.core.unit import SYSTEM, UnitOfWork
from service.records import neighbours, questions
from tests.cast import GAOPU, PUNING
from tests.make import a_pairing, a_record
from tests.web.test_photos import encoded, name_of, send
from tests.web.test_records import NOW, VISIT, a_point, codes, consent, seat
from tests.world import Answer, Caller, World

WORDS = "查看示范茶园虫口，讲解黄板与释放天敌的时机，并与合作社商定秋季修剪与施肥的安排。"
PHONE = (23.551234, 116.472345)


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def scene(seed: int) -> Image.Image:
    """A picture with as many features as a photo of a field."""
    rough = np.random.default_rng(seed).integers(0, 255, (12, 16), dtype=np.uint8)
    return Image.fromarray(rough).resize((640, 480), Image.Resampling.BICUBIC).convert("RGB")


def elsewhere(world: World, who: str = "chen") -> str:
    return a_pairing(world, who, township_code=GAOPU, county_code=PUNING)


def flags_of(world: World, who: str, *records: str) -> list[list[str]]:
    return [codes(world.as_(who).get(f"/records/{one}")) for one in records]


def story(world: World) -> dict[str, dict[str, Any]]:
    """Five services of one person: two at once far apart, a copied text, a photo twice, and a quiet one."""
    near, far = a_pairing(world), elsewhere(world)
    photo = name_of(encoded(scene(1)))
    mirrored = name_of(encoded(ImageOps.mirror(scene(1)), quality=60))
    days = timedelta(days=1)
    return {
        "here": a_record(near, VISIT, done=WORDS, photos=[photo]),
        "there": a_record(far, VISIT),
        "copied": a_record(near, VISIT + timedelta(hours=4) - 2 * days, hours=1, photos=[mirrored]),
        "first": a_record(near, VISIT - 3 * days, done=WORDS.replace("秋季", "冬季")),
        "quiet": a_record(near, VISIT - 4 * days),
    }


def found_in(world: World, bodies: dict[str, dict[str, Any]]) -> set[tuple[str, str, str | None]]:
    names = {body["id"]: name for name, body in bodies.items()}
    city = world.as_("city")
    return {
        (name, flag["code"], names.get(flag["other"]))
        for name, body in bodies.items()
        for flag in city.get(f"/records/{body['id']}")["flags"]
    }


EXPECTED = {
    ("here", "travel", "there"),
    ("there", "travel", "here"),
    ("here", "text", "first"),
    ("here", "photo", "copied"),
}


def test_flags_are_the_same_whatever_the_order_of_arrival(field: World) -> None:
    """R-VISIT-3, R-VISIT-5: singly and in batches, photos before, between or after; recomputed for neighbours only."""
    chen = field.as_("chen")
    pictures = [encoded(scene(1)), encoded(ImageOps.mirror(scene(1)), quality=60)]
    orders = list(itertools.permutations(("here", "there", "copied", "first", "quiet")))[::17]
    for turn, order in enumerate(orders):
        bodies = story(field)
        for place, name in enumerate(order):
            if turn % 3 == 0 and place == turn % 5:
                assert [send(chen, one).status for one in pictures]
            if turn % 2:
                assert chen.post("/records/batch", {"records": [bodies[name]]})["items"][0]["status"] == 201
            else:
                chen.ok("POST", "/records", bodies[name])
        assert all(send(chen, one).status in {200, 201} for one in pictures)
        assert found_in(field, bodies) == EXPECTED, order
        forget_everything(field.house.engine)


def forget_everything(engine: sa.Engine) -> None:
    tables = ("flags", "text_marks", "photo_marks", "photos", "record_photos", "record_versions", "companions")
    with engine.begin() as connection:
        for table in (*tables, "records"):
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608  (names of our own)


def test_a_flag_says_why_and_what_may_honestly_lie_behind_it(field: World) -> None:
    """R-VISIT-3: in words, with the record that it rests on."""
    bodies, chen = story(field), field.as_("chen")
    for name in ("first", "here"):
        chen.ok("POST", "/records", bodies[name])
    flag = chen.get(f"/records/{bodies['here']['id']}")["flags"][0]
    assert (flag["code"], flag["state"], flag["state_label"], flag["moves"]) == ("text", "open", "待核实", [])
    assert "本人较早" in flag["reason"]
    assert "模板" in flag["honest"]
    assert (flag["other"], flag["cleared_by"]) == (bodies["first"]["id"], None)


def test_a_reviewer_clears_a_flag_with_a_reason_and_it_stays_as_cleared(field: World) -> None:
    """Issue 4 point 4: who, when and why are kept; the filter follows; nothing else of the record moves."""
    bodies, chen, county = story(field), field.as_("chen"), field.as_("county")
    for name in ("first", "here"):
        chen.ok("POST", "/records", bodies[name])
    path = f"/records/{bodies['here']['id']}"
    before = county.get(path)
    flag = before["flags"][0]
    clear = f"/flags/{flag['id']}/clear"
    assert flag["moves"] == ["clear"]
    assert list(county.post(clear)["errors"]) == ["reason"]
    for who, status in (("chen", 403), ("township", 403), ("auditor", 403), ("other_county", 404), ("li", 403)):
        assert field.as_(who).post(clear, {"reason": "看过了"}).status == status, who
    cleared = county.ok("POST", clear, {"reason": "电话核实：同一套管护方案，两次都讲"})
    shown = cleared["flags"][0]
    assert (shown["state"], shown["state_reason"], shown["moves"]) == (
        "cleared",
        "电话核实：同一套管护方案，两次都讲",
        [],
    )
    assert (shown["cleared_by"]["name"], shown["state_since"][:10]) == ("金榕生", "2026-06-15")
    assert (cleared["state"], cleared["number"], cleared["confirmation"]) == (before["state"], before["number"], None)
    assert county.post(clear, {"reason": "再来一次"}).status == 409
    assert county.get("/records", flagged=1)["items"] == []
    assert bodies["here"]["id"] in [one["id"] for one in county.get("/records", flagged=0)["items"]]
    assert codes(chen.get(path)) == ["text"]
    fixed = chen.ok("POST", path + "/versions", {"place_name": "二号茶园", "reason": "补地点"})
    assert [one["state"] for one in fixed["flags"]] == ["cleared"]
    with field.house.read(SYSTEM) as uow:
        entry = uow.session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "flag.clear")).one()
        assert (entry.subject_id, str(entry.actor_id)) == (flag["id"], field.as_("county").id)


def test_a_correction_takes_the_flags_with_it_on_both_sides(field: World) -> None:
    """R-VISIT-6: what no longer contradicts is no longer flagged; nothing was lowered meanwhile."""
    bodies, chen = story(field), field.as_("chen")
    for name in ("here", "there"):
        chen.ok("POST", "/records", bodies[name])
    here, there = bodies["here"]["id"], bodies["there"]["id"]
    assert flags_of(field, "chen", here, there) == [["travel"], ["travel"]]
    earlier = {
        "started_at": (VISIT - timedelta(days=6)).isoformat(),
        "ended_at": (VISIT - timedelta(days=6, hours=-2)).isoformat(),
    }
    chen.ok("POST", f"/records/{there}/versions", earlier | {"reason": "日期写错"})
    assert flags_of(field, "chen", here, there) == [[], []]


def test_a_companions_other_record_is_for_reviewers_alone(field: World) -> None:
    """R-VISIT-3, R-VISIT-7: neither learns from a flag where the other was; an objection takes it away."""
    li = field.as_("li")
    named = a_record(a_pairing(field), VISIT, companions=[li.id])
    field.as_("chen").ok("POST", "/records", named)
    li.ok("POST", "/records", a_record(elsewhere(field, "li"), VISIT))
    assert flags_of(field, "city", named["id"]) == [["companion"]]
    assert flags_of(field, "chen", named["id"]) == [[]]
    assert field.as_("chen").get("/records", flagged=1)["items"] == []
    flag = field.as_("county").get(f"/records/{named['id']}")["flags"][0]
    assert (flag["code"], flag["other"]) == ("companion", None)  # the other lies in another county
    assert field.as_("city").get(f"/records/{named['id']}")["flags"][0]["other"] is not None
    li.ok("POST", f"/records/{named['id']}/object")
    assert flags_of(field, "city", named["id"]) == [[]]


COPIES = {
    "the same": lambda made: made,
    "coded again": lambda made: encoded(opened(made), quality=45),
    "smaller": lambda made: encoded(opened(made).resize((300, 225)), quality=70),
    "as png": lambda made: encoded(opened(made), "PNG"),
    "mirrored": lambda made: encoded(ImageOps.mirror(opened(made)), quality=70),
    "upside down": lambda made: encoded(ImageOps.flip(opened(made)), quality=70),
}


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def serve_with(caller: Caller, pairing: str, day: int, content: bytes) -> str:
    """A record of so many days ago with one photo, which arrives after it."""
    body = a_record(pairing, VISIT - timedelta(days=day), photos=[name_of(content)])
    caller.ok("POST", "/records", body)
    assert send(caller, content).status in {200, 201}
    return str(body["id"])


def test_a_photo_seen_before_is_found_however_it_was_changed(field: World) -> None:
    """R-VISIT-3, bar 37: exact, re-encoded, resized, mirrored; another's photo tells neither of the other."""
    chen, li, pairing = field.as_("chen"), field.as_("li"), a_pairing(field)
    hers = a_pairing(field, "li")
    assert flags_of(field, "city", serve_with(chen, pairing, 6, encoded(scene(2)))) == [[]]
    assert flags_of(field, "city", serve_with(chen, pairing, 5, encoded(scene(3)))) == [[]]
    for name, change in COPIES.items():
        own = serve_with(chen, pairing, 4, change(encoded(scene(2))))
        assert flags_of(field, "chen", own) == [["photo"]], name
    copied = serve_with(li, hers, 3, encoded(scene(3)))
    assert flags_of(field, "county", copied) == [["photo"]]
    assert flags_of(field, "li", copied) == [[]]
    with field.house.read(SYSTEM) as uow:
        blank = encoded(Image.new("RGB", (640, 480), (120, 130, 120)))
        marks = uow.session.scalar(sa.select(sa.func.count()).select_from(PhotoMark))
    assert flags_of(field, "city", serve_with(chen, pairing, 2, blank)) == [[]]
    with field.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.select(sa.func.count()).select_from(PhotoMark)) == marks


def test_a_position_to_the_digit_on_three_days_and_its_honest_twins(field: World) -> None:
    """R-VISIT-3: the third day flags all three; a still phone on one day, fewer digits and map choices do not."""
    consent(field)
    chen, pairing = field.as_("chen"), a_pairing(field)
    lat, lon = (round(one, 4) + 0.000012345 for one in seat(field))

    def at(day: int, hour: int = 0, **changes: Any) -> str:
        moment = VISIT - timedelta(days=day, hours=hour)
        body = a_record(pairing, moment, hours=1, check_in=a_point(lat, lon) | changes)
        return str(chen.ok("POST", "/records", body)["id"])

    one, two, twin = at(5), at(4), at(4, 2)
    assert flags_of(field, "chen", one, two, twin) == [[], [], []]
    third = at(6)
    assert flags_of(field, "chen", one, two, twin, third) == [["same_fix"]] * 4
    chosen = [at(day, source="chosen") for day in (1, 2, 3)]
    rounded = [at(day, 4, lat=round(lat, 4), lon=round(lon, 4)) for day in (1, 2, 3)]
    assert flags_of(field, "chen", *chosen, *rounded) == [[]] * 6
    for record in (one, third):
        chen.ok("POST", f"/records/{record}/versions", {"check_in": None, "reason": "不再提供定位"})
    assert flags_of(field, "chen", one, two, twin, third) == [[]] * 4
    consent(field, given=False)
    field.run_jobs()
    with field.house.read(SYSTEM) as uow:
        assert uow.session.scalars(sa.select(Flag.id)).all() == []


def test_two_contradictory_records_that_arrive_at_once_see_each_other(field: World) -> None:
    """R-VISIT-3: whoever serves with the same people waits for their turn."""
    bodies, chen = story(field), field.as_("chen")
    start = threading.Barrier(2)

    def post(name: str) -> None:
        caller = Caller(field.app, chen.token)
        start.wait()
        assert caller.post("/records", bodies[name]).status == 201

    threads = [threading.Thread(target=post, args=(name,)) for name in ("here", "there")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found_in(field, {name: bodies[name] for name in ("here", "there")}) == {
        ("here", "travel", "there"),
        ("there", "travel", "here"),
    }


def at_once(*posts: Callable[[], Answer]) -> None:
    """Send at the same moment."""
    start = threading.Barrier(len(posts))

    def send_one(post: Callable[[], Answer]) -> int:
        start.wait()
        return post().status

    with ThreadPoolExecutor(len(posts)) as line:
        assert set(line.map(send_one, posts)) <= {200, 201}


@pytest.mark.parametrize("turn", range(4))
def test_copies_of_two_strangers_that_arrive_at_once_see_each_other(field: World, turn: int) -> None:
    """R-VISIT-3: the later service is flagged whoever's transaction ends first, for its words and for its photo."""
    chen, li = field.as_("chen"), field.as_("li")
    photo, mirrored = encoded(scene(turn)), encoded(ImageOps.mirror(scene(turn)), quality=70)
    texts = [a_record(a_pairing(field, who), VISIT - timedelta(days=day), done=WORDS)
             for who, day in (("chen", 1), ("li", 2))]  # fmt: skip
    shown = [a_record(a_pairing(field, who), VISIT - timedelta(days=day), photos=[name_of(one)])
             for who, day, one in (("chen", 3, photo), ("li", 4, mirrored))]  # fmt: skip
    at_once(lambda: chen.post("/records", texts[0]), lambda: li.post("/records", texts[1]))
    assert flags_of(field, "county", *(one["id"] for one in texts)) == [["text"], []]
    for who, one in (("chen", photo), ("li", mirrored)):
        assert send(field.as_(who), one).status == 201
    at_once(lambda: chen.post("/records", shown[0]), lambda: li.post("/records", shown[1]))
    assert flags_of(field, "county", *(one["id"] for one in shown)) == [["photo"], []]


def test_the_cost_of_a_record_is_bounded_when_all_are_of_one_hour(
    field: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who sends record after record of the same hour slows nobody down."""
    bounds = {"AROUND_MAX": 3, "ALIKE_MAX": 3}
    for name, most in bounds.items():
        monkeypatch.setattr(questions, name, most)
    made = (questions._part_by_part, questions._beside)
    for one in made:
        one.cache_clear()
    compared: list[int] = []
    real = neighbours.near

    def near(uow: UnitOfWork, subjects: Sequence[neighbours.Subject]) -> list[neighbours.Near]:
        found = real(uow, subjects)
        compared.extend(len(one.around) + len(one.alike) for one in found)
        return found

    monkeypatch.setattr(neighbours, "near", near)
    chen, places = field.as_("chen"), itertools.cycle([a_pairing(field), elsewhere(field)])
    try:
        for _ in range(12):
            chen.ok("POST", "/records", a_record(next(places), VISIT, done=WORDS))
    finally:
        for one in made:
            one.cache_clear()
    assert compared[0] == 0
    assert max(compared) == compared[-1] == 3 + 3


def test_the_cost_of_a_record_does_not_grow_with_the_others(field: World) -> None:
    """No scan of everybody: the statements of a record are the same after forty others."""
    chen, pairing = field.as_("chen"), a_pairing(field)

    def statements(day: int) -> int:
        seen: list[str] = []

        def note(*args: Any) -> None:
            seen.append(args[2])

        sa.event.listen(field.house.engine, "before_cursor_execute", note)
        made = chen.post("/records", a_record(pairing, VISIT - timedelta(days=day), done=f"第{day}天，" + WORDS))
        sa.event.remove(field.house.engine, "before_cursor_execute", note)
        assert made.status == 201
        return len(seen)

    few = [statements(day) for day in (100, 99)][1]
    many = [statements(day) for day in range(98, 58, -1)][-1]
    assert many == few
