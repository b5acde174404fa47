"""Whoever waits is told: of invitations, a team's answers, the seed, a farmer's word, an end that became known."""

from datetime import timedelta
from typing import Any

from service.core.unit import SYSTEM
from service.publicity import windows
from tests.cast import DIDU
from tests.make import a_frozen_round, a_pairing, a_record
from tests.web.test_publicity import an_open_publicity
from tests.world import World
from wechat.sandbox.settings import STRANGERS


def told(world: World, key: str, kind: str) -> list[str]:
    """What one of the cast reads in their inbox of a kind of message, after the worker ran."""
    world.run_jobs()
    items: list[dict[str, Any]] = world.as_(key).get("/me/messages", limit=100)["items"]
    return [one["body"] for one in items if one["kind"] == kind]


def test_who_is_bound_hears_that_an_invitation_is_out(world: World) -> None:
    """quality.md §5: whoever makes one behind somebody's back is seen; who has no WeChat yet hears nothing."""
    world.as_("admin").ok("POST", "/invitations", {"person": world.as_("didu").id})
    assert len(told(world, "didu", "person.invite")) == 1
    assert told(world, "township", "person.invite") == []


def test_an_inviter_hears_that_another_phone_showed_the_invitation(world: World) -> None:
    """quality.md §3 row 9: refused, journalled, and the one who can make another is told."""
    admin = world.as_("admin")
    person = admin.ok("POST", "/people", {"name": "老赵", "phone": "19900007777"})["id"]
    invitation = admin.ok("POST", "/invitations", {"person": person})["invitation"]
    caller = world.login(STRANGERS[0].name)
    code = world.sandbox.post(f"/sandbox/phones/{STRANGERS[0].openid}/phone-code")["code"]
    assert caller.post("/auth/bind", {"invitation": invitation, "phone_code": code}).status == 422
    (body,) = told(world, "admin", "person.mismatch")
    assert body.startswith("有人出示了老赵的绑定邀请")
    assert "1990000" not in body


def test_roles_and_teams_are_told_to_those_who_wait(world: World) -> None:
    """A role that is proposed, refused or ended; a team whose members answer one by one."""
    admin, body = world.as_("admin"), {"person": world.as_("township").id, "role": "township", "region": DIDU}
    first, second = (admin.ok("POST", "/roles", body)["id"] for _ in range(2))
    world.as_("admin2").ok("POST", f"/roles/{first}/reject", {"reason": "辖区有误"})
    world.as_("admin2").ok("POST", f"/roles/{second}/approve")
    world.as_("admin2").ok("POST", f"/roles/{second}/end", {"reason": "调岗"})
    assert told(world, "admin", "role.reject") == ["砲小满的地都镇乡镇经办角色未获批准。理由：辖区有误"]
    assert told(world, "township", "role.approve")[0] == "您的地都镇乡镇经办角色已批准生效。"
    assert told(world, "township", "role.end") == ["您的地都镇乡镇经办角色已终止。理由：调岗"]
    members = {"name": "茶组", "members": [world.as_("li").id, world.as_("wang").id]}
    team = world.as_("chen").ok("POST", "/teams", members)["id"]
    assert len(told(world, "li", "team.create")) == 1
    world.as_("li").ok("POST", f"/teams/{team}/agree")
    assert told(world, "chen", "team.agree") == ["又有成员同意加入团队「茶组」，其余成员尚待答复。"]
    world.as_("wang").ok("POST", f"/teams/{team}/agree")
    assert len(told(world, "chen", "team.confirm")) == len(told(world, "chen", "team.agree")) == 1


def test_counties_hear_that_the_seed_was_drawn(world: World) -> None:
    """R-MATCH-2: from then on they can compute."""
    a_frozen_round(world)
    assert len(told(world, "county", "round.seed")) == len(told(world, "lead", "round.seed")) == 1
    assert told(world, "chen", "round.seed") == []


def test_a_commissioner_hears_of_the_farmers_word(world: World) -> None:
    """R-VISIT-4: confirmed by whom; a word against a township's dispute is for the county."""
    chen, farmer = world.as_("chen"), world.anyone()
    pairing, at = a_pairing(world), world.house.clock.now() - timedelta(hours=9)
    for disputed in (False, True):
        path = f"/records/{chen.ok('POST', '/records', a_record(pairing, at))['id']}"
        link = chen.ok("POST", path + "/confirmation-link")["token"]
        if disputed:
            world.as_("township").ok("POST", path + "/dispute", {"reason": "没有见到人"})
        farmer.ok("POST", f"/confirmations/{link}", {})
    (confirmed,) = told(world, "chen", "record.confirm")
    assert confirmed.startswith("服务对象确认了您")
    assert len(told(world, "chen", "record.witness")) == len(told(world, "county", "record.witness")) == 1


def test_an_end_that_became_known_is_told(world: World) -> None:
    """R-PUB-1: the list stood without an end; loading the year gives it one, and those listed and the staff hear it."""
    an_open_publicity(world, "2026-12-29T10:00")
    with world.house.write(SYSTEM) as uow:
        windows.load_calendar(uow, 2027, b"day,workday\n2027-01-01,0\n2027-10-01,0\n", "通知")
    for who in ("chen", "county", "city"):
        (body,) = told(world, who, "publicity.complete")
        assert body.endswith("公示至 2027年1月7日 00:00。"), body


def test_what_was_withdrawn_is_said_to_be_gone(world: World) -> None:
    """R-VISIT-8: what stays, and why, is told to the person."""
    chen, at = world.as_("chen"), world.house.clock.now() - timedelta(hours=5)
    consent = {"purpose": "location", "version": "2026-11"}
    chen.ok("POST", "/me/consents", consent | {"given": True})
    point = {"lat": 23.55, "lon": 116.37, "datum": "wgs84", "accuracy_m": 20, "source": "precise"}
    body = a_record(a_pairing(world), at, check_in=point | {"taken_at": at.isoformat()})
    chen.ok("POST", "/records", body)
    chen.ok("POST", "/me/consents", consent | {"given": False})
    assert len(told(world, "chen", "person.forget")) == 1
