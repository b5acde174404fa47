"""What is stored about a person is copied to them and leaves when they leave (quality.md bar 36, R-VISIT-8)."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models import Base
from models.identity import Person
from models.sites import Site
from service.core.unit import SYSTEM
from service.me.erasure import ERASED
from service.me.inventory import INVENTORY, OUTSIDE, Held
from tests.make import a_pairing, a_record
from tests.web.test_flags import WORDS, scene
from tests.web.test_photos import encoded, name_of, send
from tests.web.test_records import NOW, VISIT, a_point, codes, consent, count, seat
from tests.world import World

NAMED: dict[str, Any] = {"place_name": "溪头合作社", "place_kind": "cooperative"}
DRAFT, RIVAL, OBJECTED = "只写了一半的草稿甲", "第二台手机上的另一份乙", "那天我在学校丙"


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def test_every_column_that_refers_to_a_person_or_to_a_thing_of_theirs_is_in_the_inventory() -> None:
    """A new table about people fails here until somebody says how it is copied and what closing an account leaves."""
    about_me = {held.column.class_.__tablename__ for held in INVENTORY if held.about_me}
    owned = {held.column.class_.__tablename__ for held in INVENTORY if held.about_me and held.through is None}
    referring = set()
    for table in Base.metadata.tables.values():
        for column in table.columns:
            targets = {key.target_fullname.split(".")[0] for key in column.foreign_keys}
            to_thing = targets & about_me and table.name not in owned
            loose = isinstance(column.type, sa.Uuid) and not targets and not column.primary_key
            if "people" in targets or to_thing or loose:
                referring.add(f"{table.name}.{column.name}")
    declared = {held.name for held in INVENTORY}
    assert referring - declared - set(OUTSIDE) == set()
    assert set(OUTSIDE) <= referring - declared, "a reason that nothing needs any more"


def a_whole_life(world: World) -> str:
    """Rows in every table that this product's records know, all about chen; gives the cooperative's id."""
    consent(world)
    chen, li, pairing = world.as_("chen"), world.as_("li"), a_pairing(world)
    lat, lon = seat(world)
    photo = encoded(scene(5))
    body = a_record(pairing, VISIT, done=WORDS, companions=[li.id], photos=[name_of(photo)], **NAMED,
                    check_in=a_point(lat + 0.0312345, lon + 0.0112345),
                    device={"id": "phone-1", "seq": 2, "made_at": VISIT.isoformat()})  # fmt: skip
    made = chen.ok("POST", "/records", body)["id"]
    assert send(chen, photo).status == 201
    chen.ok("POST", "/records", a_record(pairing, VISIT - timedelta(days=8), done=WORDS))
    chen.ok("POST", "/records", a_record(pairing, VISIT, draft=True, done=DRAFT))
    assert chen.post("/records", body | {"done": RIVAL}).status == 409
    chen.ok("POST", f"/records/{made}/confirmation-link")
    fixed = {"check_in": None, "reason": "不再提供定位"}
    away = a_record(pairing, VISIT - timedelta(days=2), check_in=a_point(lat + 0.0212345, lon))
    chen.ok("POST", f"/records/{chen.ok('POST', '/records', away)['id']}/versions", fixed)
    world.as_("county").ok("POST", f"/records/{made}/accept", {"reason": "核实"})
    along = a_record(a_pairing(world, "li"), VISIT - timedelta(days=3), companions=[chen.id])
    li.ok("POST", "/records", along)
    chen.ok("POST", f"/records/{along['id']}/object", {"reason": OBJECTED})
    world.run_jobs()
    return str(world.as_("township").get("/sites")["items"][0]["id"])


def left(world: World, held: Held, person: str) -> list[Any]:
    with world.house.read(SYSTEM) as uow:
        return list(uow.session.scalars(sa.select(held.column.class_).where(held.mine(UUID(person)))))


RECORDS = {"records", "record_versions", "record_conflicts", "record_photos", "companions", "flags", "photos",
           "confirmation_links", "site_visits"}  # fmt: skip


def test_the_copy_shows_all_of_it_and_nothing_of_others(field: World) -> None:
    """PIPL 45: every table of records has its rows, and none says what a companion's objection was."""
    a_whole_life(field)
    copy = field.as_("chen").ok("GET", "/me/data")
    sections = {one["name"]: one["rows"] for one in copy["sections"]}
    assert set(sections) == {held.name for held in INVENTORY}
    for held in INVENTORY:
        if held.about_me and held.column.class_.__tablename__ in RECORDS:
            assert sections[held.name], held.name
    assert DRAFT in copy.content.decode()
    assert RIVAL in copy.content.decode()
    assert OBJECTED not in field.as_("li").ok("GET", "/me/data").content.decode()


def test_withdrawing_location_leaves_no_point_in_any_table_nor_answer(field: World) -> None:
    """R-VISIT-8: also not in an earlier version, a second content, a site, or what is answered to a second sending."""
    site = a_whole_life(field)
    chen = field.as_("chen")
    located = [held for held in INVENTORY if held.located]
    assert all(left(field, held, chen.id) for held in located)
    sent = a_record(a_pairing(field), VISIT - timedelta(days=4), check_in=a_point(*seat(field)))
    assert chen.ok("POST", "/records", sent)["check_in"]
    consent(field, given=False)
    field.run_jobs()
    for held in located:
        for row in left(field, held, chen.id):
            assert [name for name in held.located if getattr(row, name) is not None] == [], held.name
    again = chen.post("/records", sent)
    assert (again.status, again["check_in"], again["distance_m"], len(again["notices"])) == (201, None, None, 1)
    assert "check_in" not in {one["source"] for one in again["evidence"]}
    shown = field.as_("township").get("/sites")["items"][0]
    assert (shown["id"], shown["name"], shown["lat"], shown["lon"]) == (site, "溪头合作社", None, None)
    verified = field.app.test_cli_runner().invoke(args=["records", "verify"])
    assert verified.exit_code == 0, verified.output


def test_a_site_that_another_visit_or_its_township_confirmed_stays(field: World) -> None:
    """docs/decisions/0010: it then lies where the other said; one whom nobody confirms is set again by the next."""
    site = a_whole_life(field)
    consent(field, "li")
    lat, lon = seat(field)
    point = a_point(lat + 0.0301, lon + 0.0101)
    hers = a_record(a_pairing(field, "li"), VISIT - timedelta(days=5), check_in=point, site=site)
    field.as_("li").ok("POST", "/records", hers)
    field.as_("county").ok("POST", f"/records/{hers['id']}/accept", {"reason": "核实"})
    consent(field, given=False)
    field.run_jobs()
    township = field.as_("township")
    shown = township.get("/sites")["items"][0]
    assert (shown["lat"], shown["lon"], shown["source"]) == (round(lat + 0.0301, 3), round(lon + 0.0101, 3), "visit")
    consent(field, "li", given=False)
    field.run_jobs()
    shown = township.get("/sites")["items"][0]
    assert shown["lat"] is None
    chen = field.as_("chen")
    offered = chen.post("/sites/nearest", {"pairing_id": a_pairing(field), "point": {"lat": lat, "lon": lon}})
    assert offered["items"][0]["distance_m"] is None
    named = a_record(a_pairing(field), VISIT, site=site, check_in=None)
    assert codes(chen.ok("POST", "/records", named)) == []
    moved = township.patch(f"/sites/{site}", {"point": {"lat": lat, "lon": lon, "datum": "wgs84"}}, shown["etag"])
    assert (moved.status, moved["source"]) == (200, "township")


def test_closing_leaves_what_the_inventory_says_and_no_planted_byte(field: World) -> None:
    """R-VISIT-8: every table by its fate; drafts, second contents, objections and name are in no file afterwards."""
    a_whole_life(field)
    chen = field.as_("chen")
    before = {held.name for held in INVENTORY if left(field, held, chen.id)}
    closed = chen.ok("DELETE", "/me")
    assert "未提交的草稿与未采用的记录内容" in closed["removed"]
    for held in INVENTORY:
        if not held.about_me:
            continue
        rows = left(field, held, chen.id)
        assert (rows == []) or not held.gone, held.name
        for row in rows:
            assert [name for name in held.empties + held.located if getattr(row, name)] == [], held.name
    assert {held.name for held in INVENTORY if held.gone} & before
    with field.house.read(SYSTEM) as uow:
        assert uow.session.get_one(Person, UUID(chen.id)).name == ERASED
    assert count(field, Site) == 1
    field.run_jobs()
    assert planted(field) == []
    told = [one["body"] for one in field.as_("township").get("/me/messages", limit=100)["items"]]
    assert [body for body in told if ERASED in body], "what it told of stays, without the name"


def planted(world: World) -> list[str]:
    """Which of the planted words the database still holds: in its files where it has some, else in its rows."""
    engine = world.house.engine
    words = [DRAFT, RIVAL, OBJECTED, "陈茶生", "19900001001"]
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        engine.dispose()
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        held = b"".join(part.read_bytes() for part in file.parent.glob(file.name + "*"))
        return [word for word in words if word.encode() in held]
    with engine.connect() as connection:
        told = "".join(str(connection.execute(sa.select(table)).all()) for table in Base.metadata.sorted_tables)
    return [word for word in words if word in told]
