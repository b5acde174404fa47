"""Oneself: who I am, what waits for me, a copy of my data, the end of my account (R-VISIT-8)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.identity import Person, WechatAccount
from models.journal import DiscardedFile
from models.records import Record, RecordVersion
from service.core.unit import SYSTEM
from service.me.erasure import ERASED
from tests.cast import CITY, PAOTAI, RONGCHENG
from tests.make import (
    START,
    a_need,
    a_pairing,
    a_ranked_round,
    a_record,
    a_submitted_plan,
    a_team,
    an_accepted_record,
    an_approved_need,
)
from tests.world import World, new_id


def tasks(world: World, key: str) -> dict[str, Any]:
    return {one["kind"]: one for one in world.as_(key).ok("GET", "/me/tasks")["items"]}


def scalar(world: World, statement: Any) -> Any:
    with world.house.read(SYSTEM) as uow:
        return uow.session.scalar(statement)


# ---- who I am ----


def test_i_see_myself_with_the_phone_masked(world: World) -> None:
    """GET /me: roles that act, profile, consents; the ETag is what PATCH /me/profile wants."""
    chen = world.as_("chen")
    me = chen.ok("GET", "/me")
    assert (me["name"], me["phone"]) == ("陈茶生", "199******01")
    assert me["roles"] == [{"role": "commissioner", "region": CITY, "organisation": None}]
    assert me["consents"] == {"location": False, "phone": False}
    assert (me["binding"], me["teams"]) == ("bound", [])
    changed = chen.patch("/me/profile", {"capacity": 2}, me.etag)
    assert changed.status == 200
    assert chen.ok("GET", "/me")["capacity"] == 2
    assert chen.patch("/me/profile", {"capacity": 3}, me.etag).status == 412
    assert world.as_("township").ok("GET", "/me")["roles"] == [
        {"role": "township", "region": PAOTAI, "organisation": None}
    ]


def test_a_stranger_has_no_self_here(world: World) -> None:
    """Nobody: 401; a visitor with a session: 403, on every route of oneself."""
    stranger = world.login("陌生人甲")
    for method, path in (("GET", "/me"), ("GET", "/me/tasks"), ("GET", "/me/data"), ("DELETE", "/me")):
        assert world.anyone().call(method, path).status == 401
        assert stranger.call(method, path).status == 403


# ---- what waits for me ----


def test_a_need_waits_for_its_county_until_it_is_decided(world: World) -> None:
    """Each sees what waits in their own jurisdiction, with the moves that they may make."""
    need = world.as_("township").ok("POST", "/needs", a_need())
    assert "needs_to_review" not in tasks(world, "county")
    world.as_("township").ok("POST", f"/needs/{need['id']}/submit")
    waiting = tasks(world, "county")["needs_to_review"]
    assert (waiting["count"], waiting["thing"]) == (1, "need")
    assert waiting["items"][0]["title"] == need["title"]
    assert waiting["items"][0]["moves"] == ["approve", "return"]
    assert "needs_to_review" not in tasks(world, "other_county")
    assert "needs_to_review" not in tasks(world, "township")
    world.as_("county").ok("POST", f"/needs/{need['id']}/return", {"reason": "请补充"})
    assert "needs_to_review" not in tasks(world, "county")
    assert tasks(world, "township")["needs_returned"]["items"][0]["id"] == need["id"]


def test_claims_wait_for_their_township_then_for_its_county(world: World) -> None:
    """R-CLAIM-4: the township's with its deadline; the silent township's become the county's."""
    made = a_ranked_round(world)
    world.at(START + timedelta(days=20))
    waiting = tasks(world, "township")["claims_to_rank"]
    assert [one["id"] for one in waiting["items"]] == [made["needs"]["pruning"]["id"]]
    assert waiting["items"][0]["until"]
    assert "claims_to_rank_for_township" not in tasks(world, "county")
    world.at(START + timedelta(days=22))
    assert "claims_to_rank" not in tasks(world, "township")
    late = tasks(world, "county")["claims_to_rank_for_township"]
    assert [one["id"] for one in late["items"]] == [made["needs"]["pruning"]["id"]]


def test_a_submitted_plan_waits_for_the_lead(world: World) -> None:
    plan = a_submitted_plan(world)
    assert tasks(world, "lead")["plans_to_approve"]["items"][0]["id"] == plan["plan"]
    assert "plans_to_approve" not in tasks(world, "other_lead")
    assert "plans_to_approve" not in tasks(world, "county")


def test_a_record_waits_for_its_township_then_for_its_county(world: World) -> None:
    pairing = a_pairing(world)
    made = world.as_("chen").ok("POST", "/records", a_record(pairing, world.house.clock.now() - timedelta(hours=5)))
    assert tasks(world, "township")["records_to_confirm"]["items"][0]["id"] == made["id"]
    assert "records_to_accept" not in tasks(world, "county")
    world.as_("township").ok("POST", f"/records/{made['id']}/confirm")
    assert "records_to_confirm" not in tasks(world, "township")
    assert tasks(world, "county")["records_to_accept"]["items"][0]["id"] == made["id"]


def test_bindings_roles_and_teams_wait_for_a_word(world: World) -> None:
    """A grant waits for everybody who may approve it but the one who proposed it; a team for its members."""
    admin = world.as_("admin")
    person = admin.ok("POST", "/people", {"id": new_id(), "name": "新来者", "region": RONGCHENG})["id"]
    grant = admin.ok("POST", "/roles", {"person": person, "role": "county", "region": RONGCHENG})["id"]
    assert grant in {one["id"] for one in tasks(world, "admin2")["roles_to_approve"]["items"]}
    assert "roles_to_approve" not in tasks(world, "admin")
    members = [world.as_(key).id for key in ("li", "wang")]
    team = world.as_("chen").ok("POST", "/teams", {"id": new_id(), "name": "茶稻果", "members": members})
    asked = tasks(world, "li")["teams_to_answer"]
    assert (asked["items"][0]["id"], asked["items"][0]["moves"]) == (team["id"], ["agree", "leave"])
    world.as_("li").ok("POST", f"/teams/{team['id']}/agree")
    assert "teams_to_answer" not in tasks(world, "li")
    assert "teams_to_answer" not in tasks(world, "chen")


@pytest.mark.parametrize("key", ["admin", "auditor", "dispatcher", "co_reviewer", "zhao", "city"])
def test_whoever_has_nothing_to_do_has_an_empty_list(world: World, key: str) -> None:
    assert world.as_(key).ok("GET", "/me/tasks").json == {"items": [], "next": None}


# ---- a copy of my data ----


def test_the_copy_has_all_of_mine_and_no_secret_nor_anybody_elses(world: World) -> None:
    """Own rows in full, acts on others by their ids alone, nothing of how I am authenticated."""
    pairing = a_pairing(world)
    record = world.as_("chen").ok("POST", "/records", a_record(pairing, world.house.clock.now() - timedelta(hours=5)))
    copy = world.as_("chen").ok("GET", "/me/data")
    assert copy["phone"] == "19900001001"
    rows = {one["name"]: one["rows"] for one in copy["sections"]}
    assert [one["id"] for one in rows["records.person_id"]] == [record["id"]]
    assert rows["record_versions.record_id"][0]["content"]["done"] == record["done"]
    assert rows["people.id"][0]["name"] == "陈茶生"
    assert {one["action"] for one in rows["journal.actor_id"]} == {"record.submit"}
    assert rows["sessions.person_id"]
    assert not [name for one in rows["sessions.person_id"] for name in one if "digest" in name]
    admin = world.as_("admin").ok("GET", "/me/data")
    assert "陈茶生" not in admin.content.decode()
    registered = next(one for one in admin["sections"] if one["name"] == "people.registered_by")
    assert set(registered["rows"][0]) == {"id", "created_at"}


# ---- the end of my account ----


def consent(world: World, key: str, *, given: bool = True) -> None:
    body = {"purpose": "location", "version": "2026-11", "given": given}
    assert world.as_(key).post("/me/consents", body).status == 200


def a_point(at: Any) -> dict[str, Any]:
    return {
        "lat": 23.55,
        "lon": 116.37,
        "datum": "wgs84",
        "accuracy_m": 20,
        "source": "precise",
        "taken_at": at.isoformat(),
    }


def test_closing_an_account_ends_everything_and_erases_what_nobody_needs(world: World) -> None:
    """R-VISIT-8: sessions, roles, binding, phone, location and name go at once; the answer says what stays and why."""
    world.at(START + timedelta(days=60))
    consent(world, "chen")
    pairing = a_pairing(world)
    at = world.house.clock.now() - timedelta(hours=5)
    made = world.as_("chen").ok("POST", "/records", a_record(pairing, at, check_in=a_point(at)))
    chen = world.as_("chen")
    closed = chen.ok("DELETE", "/me")
    assert closed["stays"][0]["what"] == "1 项在期的结对"
    assert "姓名与单位" in closed["removed"]
    assert chen.get("/me").status == 401
    with world.house.read(SYSTEM) as uow:
        person = uow.session.get_one(Person, UUID(chen.id))
        assert (person.name, person.phone_sealed, person.phone_index) == (ERASED, None, None)
        row = uow.session.get_one(Record, UUID(made["id"]))
        assert (row.check_in, row.distance_m) == (None, None)
        assert all(one.check_in is None for one in row.versions)
        accounts = uow.session.scalars(sa.select(WechatAccount.openid).where(WechatAccount.person_id == person.id))
        assert accounts.all() == []
    world.run_jobs()
    left = [one["kind"] for one in world.as_("township").get("/me/messages")["items"]]
    assert "person.close" in left
    assert world.as_("county").get(f"/records/{made['id']}")["done"] == made["done"]
    assert "陈茶生" not in str(world.sandbox.get("/sandbox/phones"))


def test_what_an_open_assessment_needs_stays_until_it_is_done(world: World) -> None:
    """The name, the points and the photos of that year stay, as the answer says; the job removes them afterwards."""
    consent(world, "chen")
    pairing = a_pairing(world)
    at = world.house.clock.now() - timedelta(days=3)
    record = an_accepted_record(world, pairing, at, check_in=a_point(at))
    year = int(record["started_at"][:4])
    scheme = world.as_("city").get("/schemes")["items"][0]["id"]
    body = {"id": new_id(), "year": year, "county": RONGCHENG, "scheme": scheme}
    opened = world.as_("county").ok("POST", "/assessments", body)
    chen = world.as_("chen")
    closed = chen.ok("DELETE", "/me")
    assert str(year) in closed["stays"][0]["what"]
    assert "姓名与单位" not in closed["removed"]
    located = sa.select(RecordVersion.check_in).where(RecordVersion.record_id == UUID(record["id"]))
    name = sa.select(Person.name).where(Person.id == UUID(chen.id))
    world.run_jobs()
    assert scalar(world, name) == "陈茶生"
    assert scalar(world, located) is not None
    with world.house.engine.begin() as connection:
        connection.execute(sa.text("UPDATE assessments SET state = 'confirmed'"))
    world.run_jobs()
    assert scalar(world, name) == ERASED
    assert scalar(world, located) is None
    assert opened["id"]


def test_withdrawing_the_consent_removes_the_points(world: World) -> None:
    """R-VISIT-8: the record stays, its point goes."""
    consent(world, "chen")
    pairing = a_pairing(world)
    at = world.house.clock.now() - timedelta(hours=5)
    made = world.as_("chen").ok("POST", "/records", a_record(pairing, at, check_in=a_point(at)))
    world.run_jobs()
    point = sa.select(Record.check_in).where(Record.id == UUID(made["id"]))
    assert scalar(world, point)
    consent(world, "chen", given=False)
    world.run_jobs()
    assert scalar(world, point) is None


def test_a_team_without_its_leader_is_dissolved_and_claims_are_taken_back(world: World) -> None:
    """Whoever leaves takes back what they offered; the others hear of it."""
    team = a_team(world, "chen", "li", "wang")
    world.as_("chen").ok("DELETE", "/me")
    world.run_jobs()
    assert world.as_("li").get(f"/teams/{team}")["state"] == "dissolved"
    assert "team.dissolve" in {one["kind"] for one in world.as_("li").get("/me/messages")["items"]}
    other = a_ranked_round_of_li(world)
    world.as_("li").ok("DELETE", "/me")
    shown = world.as_("township").get(f"/needs/{other}/claims")["items"]
    assert "active" not in {one["state"] for one in shown if one["commissioner"] == world.as_("li").id}


def a_ranked_round_of_li(world: World) -> str:
    """An approved everyday need that li claims."""
    need = an_approved_need(world, title="再来一项")
    world.as_("li").ok("POST", f"/needs/{need['id']}/claims", {"plan": "每月到园指导两次，建示范点。"})
    return str(need["id"])


def test_the_only_administrator_cannot_leave(world: World) -> None:
    """Somebody must be able to register people."""
    world.as_("admin2").ok("DELETE", "/me")
    refused = world.as_("admin").delete("/me")
    assert (refused.status, refused["type"]) == (409, "/problems/last-administrator")


def test_photos_that_nobody_needs_go_with_their_files(world: World) -> None:
    """The row at once, the file by the job, unless another photo is the same."""
    import hashlib
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(picture, "JPEG")
    content = picture.getvalue()
    name = hashlib.sha256(content).hexdigest()
    for key in ("chen", "li"):
        sent = {"file": (io.BytesIO(content), "a.jpg")}
        caller = world.as_(key)
        headers = {"Authorization": f"Bearer {caller.token}"}
        answer = caller.client.put(f"/api/v1/photos/{name}", data=sent, headers=headers)
        assert answer.status_code == 201, answer.data
    files = world.house.ports.files
    kept = set(files.names())
    for key, left in (("chen", kept), ("li", set())):
        world.as_(key).ok("DELETE", "/me")
        world.run_jobs()
        assert set(files.names()) == left
        assert scalar(world, sa.select(DiscardedFile.sha256)) is None
