"""What a user takes back in WeChat is taken back here, within one run of the job (quality.md bar 36, R-VISIT-8)."""

import hashlib
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from PIL import Image

from models.identity import Binding, Consent, Person, RoleGrant, Session, WechatAccount
from models.journal import JournalEntry
from models.records import Photo, Record
from service.core.unit import SYSTEM
from service.me.erasure import ERASED
from tests.cast import RONGCHENG
from tests.make import START, a_pairing, a_record
from tests.pushing import event, handle, push
from tests.world import Caller, World, new_id


def scalar(world: World, statement: Any) -> Any:
    with world.house.read(SYSTEM) as uow:
        return uow.session.scalar(statement)


def revoke(world: World, key: str, info: str) -> None:
    push(world, event(world, key, "user_authorization_revoke", RevokeInfo=info))
    handle(world)


def cancel(world: World, key: str) -> None:
    push(world, event(world, key, "user_authorization_cancellation"))
    handle(world)


def a_photo(caller: Caller, colour: str) -> str:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(picture, "JPEG")
    name = hashlib.sha256(picture.getvalue()).hexdigest()
    sent = {"file": (io.BytesIO(picture.getvalue()), "a.jpg")}
    headers = {"Authorization": f"Bearer {caller.token}"}
    assert caller.client.put(f"/api/v1/photos/{name}", data=sent, headers=headers).status_code == 201
    return name


def a_located_record(world: World, **more: Any) -> str:
    """A record of chen's with a point, under a consent."""
    consent = {"purpose": "location", "version": "2026-11", "given": True}
    assert world.as_("chen").post("/me/consents", consent).status == 200
    pairing = a_pairing(world)
    at = world.house.clock.now() - timedelta(hours=5)
    point = {"lat": 23.55, "lon": 116.37, "datum": "wgs84", "accuracy_m": 20, "source": "precise"}
    body = a_record(pairing, at, check_in=point | {"taken_at": at.isoformat()}, **more)
    return str(world.as_("chen").ok("POST", "/records", body)["id"])


@pytest.mark.parametrize("info", ["13", "18", "6,13"])
def test_taking_back_the_location_withdraws_the_consent_and_removes_the_points(world: World, info: str) -> None:
    record = a_located_record(world)
    point = sa.select(Record.check_in).where(Record.id == UUID(record))
    assert scalar(world, point)
    revoke(world, "chen", info)
    assert scalar(world, point) is None
    assert world.as_("chen").ok("GET", "/me")["consents"]["location"] is False
    word = sa.select(Consent.given).where(Consent.purpose == "location").order_by(Consent.at.desc()).limit(1)
    assert scalar(world, word) is False
    with world.house.read(SYSTEM) as uow:
        entry = uow.session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "person.withdraw")).one()
        assert (str(entry.actor_id), entry.subject_id) == (world.as_("chen").id,) * 2


def test_taking_back_the_phone_erases_it(world: World) -> None:
    chen = world.as_("chen")
    assert chen.ok("GET", "/me")["phone"]
    revoke(world, "chen", "8")
    me = chen.ok("GET", "/me")
    assert (me["phone"], me["consents"]["phone"]) == (None, False)
    assert scalar(world, sa.select(Person.phone_index).where(Person.id == UUID(chen.id))) is None


def test_taking_back_photos_removes_those_until_then(world: World) -> None:
    """What an open assessment needs goes when it is done, what is sent afterwards stays."""
    chen = world.as_("chen")
    needed, free = a_photo(chen, "green"), a_photo(chen, "red")
    a_located_record(world, photos=[needed])
    year = world.house.clock.now().year
    scheme = world.as_("city").get("/schemes")["items"][0]["id"]
    body = {"id": new_id(), "year": year, "county": RONGCHENG, "scheme": scheme}
    world.as_("county").ok("POST", "/assessments", body)
    names = sa.select(sa.func.count()).select_from(Photo)
    revoke(world, "chen", "14")
    assert scalar(world, names.where(Photo.sha256 == free)) == 0
    assert scalar(world, names.where(Photo.sha256 == needed)) == 1
    world.at(world.house.clock.now() + timedelta(hours=1))
    later = a_photo(world.as_("chen"), "blue")
    world.run_jobs()
    assert scalar(world, names) == 2
    with world.house.engine.begin() as connection:
        connection.execute(sa.text("UPDATE assessments SET state = 'confirmed'"))
    world.run_jobs()
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalars(sa.select(Photo.sha256)).all() == [later]
    world.run_jobs()
    assert len(world.house.ports.files.names()) == 1


def test_what_we_do_not_keep_is_taken_back_without_a_word(world: World) -> None:
    """Nickname, camera, address book: nothing of ours to remove, and no journal entry that says otherwise."""
    revoke(world, "chen", "1,2,6,7,16")
    assert scalar(world, sa.select(JournalEntry.id).where(JournalEntry.action == "person.withdraw")) is None


def test_an_account_that_ended_in_wechat_ends_here(world: World) -> None:
    """As by `DELETE /me`: sessions, roles, phone, openid and name go at once; the county hears of open posts."""
    record = a_located_record(world)
    chen, openid = world.as_("chen"), world.sandbox.openid("陈茶生")
    cancel(world, "chen")
    assert chen.get("/me").status == 401
    person = UUID(chen.id)
    with world.house.read(SYSTEM) as uow:
        row = uow.session.get_one(Person, person)
        assert (row.name, row.phone_sealed) == (ERASED, None)
        assert uow.session.get_one(Record, UUID(record)).check_in is None
        assert uow.session.scalar(sa.select(WechatAccount.id).where(WechatAccount.openid == openid)) is None
        living = sa.select(RoleGrant.id).where(RoleGrant.person_id == person, RoleGrant.state == "active")
        assert uow.session.scalar(living) is None
    world.run_jobs()
    assert "person.close" in {one["kind"] for one in world.as_("township").get("/me/messages")["items"]}
    cancel_again = {**event(world, "li", "user_authorization_cancellation"), "FromUserName": openid}
    push(world, cancel_again)
    handle(world)


def test_a_strangers_wechat_is_forgotten(world: World) -> None:
    """A visitor's openid and session go; nobody else is touched."""
    stranger = world.login("陌生人甲")
    openid = world.sandbox.openid("陌生人甲")
    push(world, {**event(world, "li", "user_authorization_cancellation"), "FromUserName": openid})
    handle(world)
    assert scalar(world, sa.select(WechatAccount.id).where(WechatAccount.openid == openid)) is None
    assert stranger.get("/auth/sessions").status == 401
    assert world.as_("li").ok("GET", "/me")["name"]


def test_a_wechat_that_only_claims_to_be_somebody_closes_nobodys_account(world: World) -> None:
    """Who got hold of an invitation cannot end the account of the person it was made for, nor erase the phone."""
    admin, chen = world.as_("admin"), world.as_("chen")
    invitation = admin.ok("POST", "/invitations", {"person": chen.id})["invitation"]
    thief, openid = world.login("陌生人甲"), world.sandbox.openid("陌生人甲")
    assert thief.ok("POST", "/auth/bind", {"invitation": invitation})["state"] == "claimed"
    for name in ("user_authorization_revoke", "user_authorization_cancellation"):
        push(world, {**event(world, "li", name, RevokeInfo="8"), "FromUserName": openid})
        handle(world)
    with world.house.read(SYSTEM) as uow:
        person = uow.session.get_one(Person, UUID(chen.id))
        assert (person.closed_at, person.name) == (None, "陈茶生")
        assert person.phone_sealed is not None
        states = uow.session.scalars(sa.select(Binding.state).where(Binding.person_id == person.id))
        assert sorted(states) == ["rejected", "retired"]
        mine = sa.select(Session.id).where(Session.person_id == person.id, Session.ended_at.is_(None))
        assert uow.session.scalar(mine) is None


def test_even_the_last_administrator_may_leave_wechat(world: World) -> None:
    """The law asks for it; the host can make a new one."""
    world.at(START)
    cancel(world, "admin2")
    cancel(world, "admin")
    office = sa.select(RoleGrant.id).where(RoleGrant.role == "admin", RoleGrant.state == "active")
    assert scalar(world, office) is None
    made = world.app.test_cli_runner().invoke(args=["people", "first-admin", "管新来"])
    assert made.exit_code == 0, made.output
