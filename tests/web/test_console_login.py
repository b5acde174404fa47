"""Into the console by a scanned code: the right browser, the right number, once, in time (quality.md §5, bar 22)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models.identity import ConsoleScan
from service import schedule
from tests.web.door import BASE, asking, at_the_door, confirm, enrol_totp, inside, number_of, production, scene_of
from tests.web.pages import Visitor, at
from tests.world import World

ENTER = "/console/login/enter"


def look(world: World, visitor: Visitor, key: str = "county"):
    return world.as_(key).post("/auth/console/look", {"scene": scene_of(visitor)})


def choose(world: World, scene: str, number: int | None, key: str = "county"):
    return world.as_(key).post("/auth/console/answer", {"scene": scene, "number": number})


def try_to_enter(visitor: Visitor) -> bool:
    """Send the form that goes on, whatever the page shows."""
    visitor.post(ENTER, {"next": "/console/"})
    return visitor.client.get_cookie("tepai") is not None


def test_a_scan_with_the_right_number_leads_to_the_second_factor_and_then_in(world: World) -> None:
    """The phone sees browser, coarse address and time, and three numbers; the browser goes on by itself."""
    visitor = Visitor(world)
    agent = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Origin": visitor.base}
    visitor.client.post("/console/login/scan", base_url=visitor.base, headers=agent)
    scene = scene_of(visitor)
    assert len(scene) == 24
    seen = look(world, visitor)
    assert (seen["browser"], seen["network"], len(set(seen["numbers"]))) == ("Edge · Windows", "127.0.*.*", 3)
    assert "已扫码" in visitor.get("/console/login").html
    assert choose(world, scene, number_of(visitor)).json == {"state": "confirmed"}
    assert not inside(visitor)
    page = visitor.get("/console/login")
    assert "data-onward" in page.html
    sent = visitor.send(page, ENTER)
    assert (sent.status, sent.location) == (303, "/console/factors")
    assert visitor.get("/console/needs").location == "/console/factor?next=%2Fconsole%2Fneeds"
    enrol_totp(visitor)
    assert inside(visitor)
    assert visitor.get("/console/needs").status == 200


def test_a_wrong_number_or_a_refusal_ends_it_at_once(world: World) -> None:
    """The first answer is the last one: even the right number comes too late after a wrong one."""
    for wrong in (True, None):
        visitor = asking(world)
        scene, number = scene_of(visitor), number_of(visitor)
        others = [one for one in look(world, visitor)["numbers"] if one != number]
        assert choose(world, scene, others[0] if wrong else None).json == {"state": "ended"}
        assert choose(world, scene, number).status == 409
        assert "登录码已失效" in visitor.get("/console/login").html
        assert not try_to_enter(visitor)


def test_a_victim_who_scans_a_strangers_code_lets_nobody_in_without_his_number(world: World) -> None:
    """Bar 22, the hijack: the attacker shows his code; the victim's screen shows another number or none."""
    attacker = asking(world)
    scene = scene_of(attacker)
    numbers = look(world, attacker, "lead")["numbers"]
    assert not try_to_enter(attacker)
    wrong = next(one for one in numbers if one != number_of(attacker))
    choose(world, scene, wrong, "lead")
    assert not try_to_enter(attacker)
    assert choose(world, scene, None, "county").status == 409


def test_another_browser_gets_nothing(world: World) -> None:
    """Neither picture nor session without the cookie of the browser that asked, nor with another's or a made up one."""
    visitor, other, stranger = asking(world), asking(world), Visitor(world)
    confirm(world, visitor, "county")
    assert not try_to_enter(other)
    stranger.client.set_cookie("tepai-scan", scene_of(other))
    assert not try_to_enter(stranger)
    assert stranger.client.get("/console/login/code.png", base_url=stranger.base).status_code == 404
    assert try_to_enter(visitor)


def test_a_confirmed_code_opens_once(world: World) -> None:
    """The same cookie again gets nothing: the exchange is single use."""
    visitor = asking(world)
    confirm(world, visitor, "county")
    cookie = visitor.client.get_cookie("tepai-scan")
    assert cookie is not None
    assert try_to_enter(visitor)
    again = Visitor(world)
    again.client.set_cookie("tepai-scan", cookie.value)
    assert not try_to_enter(again)
    assert visitor.client.get_cookie("tepai-scan") is None


@pytest.mark.parametrize(("before", "status"), [(5, 200), (0, 409)])
def test_a_code_ends_at_the_second(world: World, before: int, status: int) -> None:
    """Shortly before its end it still answers, at its end it does not; its end is ninety seconds on."""
    world.as_("county")
    visitor = asking(world)
    scene, number = scene_of(visitor), number_of(visitor)
    with world.house.engine.connect() as connection:
        row = connection.execute(sa.select(ConsoleScan.created_at, ConsoleScan.expires_at)).one()
    assert row.expires_at - row.created_at == timedelta(seconds=90)
    world.house.clock.set(row.expires_at - timedelta(seconds=before))
    assert look_at(world, scene) == status
    assert choose(world, scene, number).status == status
    assert try_to_enter(visitor) == (status == 200)


def look_at(world: World, scene: str) -> int:
    return world.as_("county").post("/auth/console/look", {"scene": scene}).status


def test_a_confirmed_code_waits_for_its_browser_ninety_seconds_and_no_more(world: World) -> None:
    visitor = asking(world)
    confirm(world, visitor, "county")
    world.at(world.house.clock.now() + timedelta(seconds=91))
    assert not try_to_enter(visitor)


def test_only_who_scanned_first_may_answer(world: World) -> None:
    """A colleague who sees the screen cannot answer in place of whoever holds the phone."""
    visitor = asking(world)
    scene, number = scene_of(visitor), number_of(visitor)
    assert look(world, visitor).status == 200
    assert world.as_("lead").post("/auth/console/look", {"scene": scene}).status == 409
    assert choose(world, scene, number, "lead").status == 409
    assert choose(world, scene, number).status == 200


def test_who_has_no_office_at_the_console_cannot_open_it(world: World) -> None:
    """Commissioners work in the mini-program; strangers nowhere."""
    visitor = asking(world)
    scene = scene_of(visitor)
    assert world.as_("chen").post("/auth/console/look", {"scene": scene}).status == 403
    assert world.login("陌生人甲").post("/auth/console/look", {"scene": scene}).status == 403
    assert world.anyone().post("/auth/console/look", {"scene": scene}).status == 401
    assert look_at(world, "l=AAAAAAAAAAAAAAAAAAAAAA") == 409


def test_what_the_door_keeps_tells_no_secret_and_is_cleaned(world: World) -> None:
    """Ticket and cookie are digests in the table; an hour after its end the row goes."""
    visitor = asking(world)
    scene, cookie = scene_of(visitor), visitor.client.get_cookie("tepai-scan")
    with world.house.engine.connect() as connection:
        kept = str(connection.execute(sa.select(ConsoleScan.__table__)).mappings().one())
    assert cookie is not None
    assert scene[2:] not in kept
    assert cookie.value not in kept
    world.at(world.house.clock.now() + timedelta(hours=1, seconds=89))
    schedule.run(world.house, "clean")
    assert visitor.get("/console/login").read.text.count("登录码已失效") == 1
    world.at(world.house.clock.now() + timedelta(seconds=3))
    schedule.run(world.house, "clean")
    with world.house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(ConsoleScan)) == 0


def test_when_wechat_is_away_the_page_stands_and_says_so(world: World) -> None:
    """The picture alone fails, with Retry-After; the page and the emergency way stay."""
    visitor = asking(world)
    world.sandbox.post("/sandbox/faults", {"call": "getwxacodeunlimit", "kind": "http500", "times": 1})
    answer = visitor.client.get("/console/login/code.png", base_url=visitor.base)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "显示不出时请稍后重新获取" in visitor.get("/console/login").html


def test_binding_again_ends_the_console_of_the_old_phone(world: World) -> None:
    """quality.md §5: a session from a scan lives as long as the binding that scanned."""
    visitor = at_the_door(world, "county")
    enrol_totp(visitor)
    binding = next(
        one for one in world.as_("admin").get("/bindings", limit=100)["items"] if one["person_name"] == "金榕生"
    )
    world.as_("admin2").ok("POST", f"/bindings/{binding['id']}/suspend", {"reason": "手机丢失"})
    assert not inside(visitor)


def test_outside_development_the_door_is_the_same(world: World) -> None:
    """`__Host-` cookies, our own address alone; an API token and a cookie stay strangers to one another."""
    with production(world):
        visitor = at_the_door(world, "county", BASE)
        assert not inside(visitor)
        enrol_totp(visitor)
        assert inside(visitor)
        names = {cookie.key for cookie in visitor.client._cookies.values()}  # type: ignore[union-attr]
        assert names <= {"__Host-tepai", "__Host-tepai-said"}
        assert visitor.client.get("/api/v1/auth/sessions", base_url=BASE).status_code == 401


def test_a_foreign_page_cannot_begin_or_end_a_login(world: World) -> None:
    """Login CSRF: forms of the door come from our own pages alone."""
    visitor = asking(world)
    confirm(world, visitor, "county")
    for path in ("/console/login/scan", ENTER, "/console/login/code"):
        assert visitor.post(path, {}, Origin="https://evil.example").status == 403
    assert at(world).post(ENTER, {"next": "//evil.example"}).status == 422
    assert try_to_enter(visitor)
