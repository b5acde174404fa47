"""How people enter: WeChat login, invitations, verification, roles by two people, sessions, profiles, teams."""

from datetime import timedelta
from threading import Thread

import pytest

from tests.cast import CITY, DIDU, PAOTAI, PUNING, RONGCHENG
from tests.world import Caller, World, new_id

STRANGER = "陌生人甲"


def _registered(world: World, role: str = "township", phone: str | None = None, **scope: str) -> dict[str, str]:
    admin = world.as_("admin")
    person = admin.ok("POST", "/people", {"name": "新来的", "phone": phone})["id"]
    grant = admin.ok("POST", "/roles", {"person": person, "role": role} | (scope or {"region": PAOTAI}))["id"]
    invitation = admin.ok("POST", "/invitations", {"person": person})["invitation"]
    return {"person": person, "grant": grant, "invitation": invitation}


def _phone_code(world: World, name: str) -> str:
    openid = world.sandbox.phone(name)["openid"]
    code: str = world.sandbox.post(f"/sandbox/phones/{openid}/phone-code")["code"]
    return code


def test_a_stranger_is_a_visitor_and_sees_public_routes_only(world: World) -> None:
    """quality.md bar 20: unbound, nothing private answers."""
    stranger = world.login(STRANGER)
    assert stranger.person == {}
    assert stranger.get("/board").status == 200
    assert stranger.get("/needs").status == 403
    assert stranger.post("/needs", {}).status == 403
    assert world.anyone().get("/needs").status == 401


def test_a_login_code_works_once(world: World) -> None:
    """WeChat's codes are single use; a second use is a clear refusal, not a session."""
    openid = world.sandbox.phone(STRANGER)["openid"]
    code = world.sandbox.post(f"/sandbox/phones/{openid}/login")["code"]
    assert world.anyone().post("/auth/wechat", {"code": code}).status == 200
    again = world.anyone().post("/auth/wechat", {"code": code})
    assert (again.status, list(again["errors"])) == (422, ["code"])


def test_a_township_binding_waits_for_a_second_person(world: World) -> None:
    """quality.md §5: from township upward a second staff member verifies, and not the one who invited."""
    made = _registered(world)
    world.as_("admin2").ok("POST", f"/roles/{made['grant']}/approve")
    stranger = world.login(STRANGER)
    bound = stranger.ok("POST", "/auth/bind", {"invitation": made["invitation"]})
    assert bound["state"] == "claimed"
    assert stranger.get("/needs").status == 403
    assert stranger.delete("/me").status in {403, 404, 405}
    path = f"/bindings/{bound['binding']}/approve"
    assert world.as_("admin").post(path).status == 403
    world.as_("admin2").ok("POST", path)
    assert stranger.get("/needs").status == 200


def test_a_commissioner_who_shows_the_registered_phone_is_bound_at_once(world: World) -> None:
    """quality.md §5: invitation and phone together; another phone burns a try."""
    made = _registered(world, "commissioner", world.sandbox.phone(STRANGER)["phone"], region=CITY)
    world.as_("admin2").ok("POST", f"/roles/{made['grant']}/approve")
    other = world.login("陌生人乙")
    wrong = other.post("/auth/bind", {"invitation": made["invitation"], "phone_code": _phone_code(world, "陌生人乙")})
    assert (wrong.status, list(wrong["errors"])) == (422, ["phone_code"])
    stranger = world.login(STRANGER)
    foreign = stranger.post(
        "/auth/bind", {"invitation": made["invitation"], "phone_code": _phone_code(world, "陌生人乙")}
    )
    assert foreign.status == 422
    answer = stranger.ok(
        "POST", "/auth/bind", {"invitation": made["invitation"], "phone_code": _phone_code(world, STRANGER)}
    )
    assert (answer["state"], answer["person"]["roles"][0]["role"]) == ("bound", "commissioner")
    again = other.post("/auth/bind", {"invitation": made["invitation"]})
    assert again.status == 422


def test_an_invitation_ends_after_a_day_and_after_five_tries(world: World) -> None:
    """quality.md bar 21."""
    made = _registered(world, "commissioner", "19900007777", region=CITY)
    for _ in range(5):
        stranger = world.login(STRANGER)
        body = {"invitation": made["invitation"], "phone_code": _phone_code(world, STRANGER)}
        assert stranger.post("/auth/bind", body).status == 422
    refused = world.login("陌生人乙").post("/auth/bind", {"invitation": made["invitation"]})
    assert refused["detail"] == "邀请码因多次尝试失败已作废"
    made = _registered(world, "commissioner", region=CITY)
    world.at(world.house.clock.now() + timedelta(hours=24, seconds=1))
    late = world.login("陌生人乙").post("/auth/bind", {"invitation": made["invitation"]})
    assert late["detail"] == "邀请码已过期"


def test_guessing_invitations_is_limited(world: World) -> None:
    """Five tries in fifteen minutes, then 429 with Retry-After."""
    stranger = world.login("陌生人乙")
    statuses = [stranger.post("/auth/bind", {"invitation": f"{n:020x}"}).status for n in range(6)]
    assert statuses == [422] * 5 + [429]


def test_roles_are_granted_by_one_and_approved_by_another(world: World) -> None:
    """Separation of duties; a revoked role is gone at the next request."""
    admin, other = world.as_("admin"), world.as_("admin2")
    grant = admin.ok("POST", "/roles", {"person": world.as_("township").id, "role": "township", "region": DIDU})
    assert grant["state"] == "proposed"
    assert admin.post(f"/roles/{grant['id']}/approve").status == 403
    assert world.as_("township").get("/needs", township=DIDU)["items"] == []
    assert other.ok("POST", f"/roles/{grant['id']}/approve")["state"] == "active"
    need = world.as_("township").ok("POST", "/needs", {"id": new_id(), "township": DIDU, "title": "地都青枣保鲜"})
    other.ok("POST", f"/roles/{grant['id']}/end", {"reason": "调岗"})
    assert world.as_("township").get(f"/needs/{need['id']}").status == 404


@pytest.mark.parametrize(
    ("role", "scope", "field"),
    [
        ("township", {"region": RONGCHENG}, "region"),
        ("county", {"region": PAOTAI}, "region"),
        ("city", {"region": PUNING}, "region"),
        ("dispatcher", {"region": CITY}, "organisation"),
        ("township", {"organisation": "ORG01"}, "region"),
        ("township", {"region": "999"}, "region"),
    ],
)
def test_a_role_and_its_jurisdiction_must_go_together(
    world: World, role: str, scope: dict[str, str], field: str
) -> None:
    """A role is held for a region of its level, or for an organisation."""
    refused = world.as_("admin").post("/roles", {"person": world.as_("township").id, "role": role, **scope})
    assert refused.status == 422
    assert field in refused["errors"]


def test_a_county_grants_below_itself_only(world: World) -> None:
    """No climbing: a county gives no city role, and nothing in another county."""
    county = world.as_("county")
    person = county.ok("POST", "/people", {"name": "县里登记的人"})["id"]
    assert county.post("/roles", {"person": person, "role": "city", "region": CITY}).status == 422
    assert county.post("/roles", {"person": person, "role": "township", "region": "445281113000"}).status == 422
    assert county.post("/roles", {"person": person, "role": "township", "region": PAOTAI}).status == 201
    assert world.as_("other_county").get(f"/people/{person}").status == 404


def test_logging_out_ends_a_session_at_once(world: World) -> None:
    """7.4.1: the token is dead; others of the same person live on."""
    first, second = world.login("砲小满"), world.login("砲小满")
    before = len(second.get("/auth/sessions")["items"])
    assert first.delete("/auth/session").status == 204
    assert first.get("/needs").status == 401
    assert second.get("/needs").status == 200
    assert len(second.get("/auth/sessions")["items"]) == before - 1


def test_a_session_ends_when_idle(world: World) -> None:
    """Seven idle days."""
    caller = world.login("砲小满")
    now = world.house.clock.now()
    world.at(now + timedelta(days=6, hours=23))
    assert caller.get("/needs").status == 200
    world.at(now + timedelta(days=14))
    assert caller.get("/needs").status == 401


def test_registering_the_same_phone_twice_is_refused_even_in_a_race(world: World) -> None:
    """One phone number, one person."""
    admin = world.as_("admin")
    callers = [Caller(world.app, admin.token) for _ in range(6)]
    seen: list[int] = []
    bodies = [{"name": f"同号{n}", "phone": "19900008888"} for n in range(6)]
    threads = [
        Thread(target=lambda c=c, b=b: seen.append(c.post("/people", b).status))
        for c, b in zip(callers, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [201, 422, 422, 422, 422, 422]


def test_a_team_is_confirmed_when_every_member_agreed(world: World) -> None:
    """R-APP-1, decision 2: three or more, a leader, everybody's own word."""
    leader, one, two = world.as_("chen"), world.as_("li"), world.as_("wang")
    assert leader.post("/teams", {"name": "茶组", "members": [one.id]}).status == 422
    team = leader.ok("POST", "/teams", {"name": "岭南茶组", "members": [one.id, two.id]})
    path = f"/teams/{team['id']}"
    assert team["state"] == "forming"
    assert world.as_("zhao").get(path).status == 404
    assert one.ok("POST", path + "/agree")["state"] == "forming"
    assert two.ok("POST", path + "/agree")["state"] == "confirmed"
    assert world.as_("zhao").post("/teams", {"name": "抢人组", "members": [one.id, world.as_("sun").id]}).status == 422
    assert two.ok("POST", path + "/leave")["state"] == "dissolved"


def test_people_come_from_a_csv_with_a_dry_run(world: World) -> None:
    """Every fault by line; all or none; a dry run changes nothing."""
    admin = world.as_("admin")
    good = (
        "name,phone,organisation,title,nature,specialties\n𠮷田禾,19900006001,ORG01,教授,public_benefit,A0111|A0164\n"
    )
    report = admin.ok("POST", "/people/import", {"csv": good, "dry_run": True})
    assert (report["lines"], report["registered"], report["problems"]) == (1, 0, [])
    bad = good + "重号,19900006001,ORG01,,,\n,1,ORGXX,,,ZZZ\n"
    report = admin.ok("POST", "/people/import", {"csv": bad, "dry_run": False})
    assert (report["registered"], [one["line"] for one in report["problems"]]) == (0, [3, 4])
    assert admin.ok("POST", "/people/import", {"csv": good, "dry_run": False})["registered"] == 1
    assert admin.get("/people", q="𠮷田")["items"][0]["specialties"] == ["A0111", "A0164"]


def test_a_profile_is_edited_with_its_etag(world: World) -> None:
    """428 without If-Match, 412 when stale; unknown fields refused."""
    chen = world.as_("chen")
    etag = chen.get("/me").etag
    assert chen.patch("/me/profile", {"available": False}).status == 428
    assert chen.patch("/me/profile", {"available": False, "role": "admin"}, etag).status == 422
    assert chen.patch("/me/profile", {"available": False}, etag).status == 200
    assert chen.patch("/me/profile", {"available": True}, etag).status == 412


def test_r_claim_3_who_states_service_days_has_the_places_that_follow(world: World) -> None:
    """At registration, in the profile and in the file; who states no days states places."""
    county, chen = world.as_("county"), world.as_("chen")
    made = county.ok("POST", "/people", {"id": new_id(), "name": "林农艺", "service_days": 95})
    assert (made["service_days"], made["capacity"]) == (95, 3)
    assert county.ok("POST", "/people", {"id": new_id(), "name": "林园艺"})["capacity"] == 1
    assert county.ok("POST", "/people", {"id": new_id(), "name": "林果树", "capacity": 4})["service_days"] is None
    refusals: list[tuple[dict[str, object], str]] = [
        ({"service_days": 20}, "service_days"),
        ({"service_days": 367}, "service_days"),
        ({"service_days": "60"}, "service_days"),
        ({"service_days": 60, "capacity": 1}, "capacity"),
    ]
    for body, field in refusals:
        refused = county.post("/people", {"id": new_id(), "name": "林某"} | body)
        assert (refused.status, list(refused["errors"])) == (422, [field])
        refused = chen.patch("/me/profile", body, chen.get("/me").etag)
        assert (refused.status, list(refused["errors"])) == (422, [field])
    assert chen.patch("/me/profile", {"service_days": 70}, chen.get("/me").etag).status == 200
    me = chen.get("/me")
    assert (me["service_days"], me["capacity"]) == (70, 2)
    beside = chen.patch("/me/profile", {"capacity": 5}, me.etag)
    assert beside["errors"] == {"capacity": ["名额由服务天数得出（每个名额按每年 30 天计，70 天为 2 个），不能另填"]}
    assert chen.patch("/me/profile", {"title": "研究员"}, me.etag)["capacity"] == 2
    assert chen.patch("/me/profile", {"service_days": None, "capacity": 5}, chen.get("/me").etag)["capacity"] == 5
    file = "name,service_days\n林茶叶,61\n"
    assert county.ok("POST", "/people/import", {"csv": file, "dry_run": False})["registered"] == 1
    assert county.get("/people", q="林茶叶")["items"][0]["capacity"] == 2
    for days in ("12", "0", "4000", "两月", "６０"):
        report = county.ok("POST", "/people/import", {"csv": f"name,service_days\n林某,{days}\n", "dry_run": True})
        assert [list(one["errors"]) for one in report["problems"]] == [["service_days"]], days


def test_a_patch_may_come_as_a_post(world: World) -> None:
    """wx.request has no PATCH."""
    chen = world.as_("chen")
    headers = {"If-Match": chen.get("/me").etag, "X-HTTP-Method-Override": "PATCH"}
    answer = chen.call("POST", "/me/profile", {"specialties": ["A0164"]}, headers=headers)
    assert (answer.status, answer["specialties"]) == (200, ["A0164"])
