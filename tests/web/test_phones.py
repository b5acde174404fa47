"""The sandbox's phones: what a newcomer uses in place of WeChat, against the real API (issue 3 point 5)."""

import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pyotp
import pytest
import segno

import wsgi
from tests.cast import PAOTAI
from tests.make import an_approved_need
from tests.web.desk import outside
from tests.web.door import asking, inside, number_of, scene_of
from tests.wechat.running import listening
from tests.world import World
from wechat.sandbox import picture
from wechat.sandbox.program import MiniProgram


class Phone:
    """One phone, used as its owner would."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.openid = world, world.sandbox.openid(name)

    def get(self, page: str = "") -> str:
        answer = self.world.sandbox.http.get(f"{self.world.sandbox.url}/phone/{self.openid}{page}", timeout=20)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    def post(self, page: str, files: Any = None, **typed: str) -> str:
        url = f"{self.world.sandbox.url}/phone/{self.openid}{page}"
        answer = self.world.sandbox.http.post(url, data=typed, files=files, timeout=20)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    def scan(self, image: bytes) -> str:
        return self.post("/scan", files={"picture": ("code.png", image)})


@pytest.fixture
def connected(world: World) -> Iterator[World]:
    """The application over HTTP, and phones whose mini-program talks to it."""
    platform = world.sandbox._platform
    before = platform.program
    with listening(world.app) as root:
        platform.program = MiniProgram(root, platform.new_login_code)
        platform.authenticators.clear()
        yield world
    platform.program = before


def test_a_newcomer_finds_a_phone_by_name_office_or_place(connected: World) -> None:
    """Everybody of the demo, with their offices in Chinese, and strangers."""
    http, url = connected.sandbox.http, connected.sandbox.url
    everybody = http.get(url, timeout=20).text
    for told in ("金榕生", "县级经办 · 榕城区", "陌生人甲", "未绑定"):
        assert told in everybody
    found = http.get(url, params={"q": "乡镇经办 砲台"}, timeout=20).text
    assert "砲小满" in found
    assert "金榕生" not in found


@pytest.mark.parametrize("way", ["the picture", "a screenshot", "the text", "a code nearby"])
def test_a_phone_scans_the_consoles_code_and_lets_its_browser_in(connected: World, way: str) -> None:
    """Browser, place, time and three numbers on the phone; the right one leads the browser to the second factor."""
    visitor, phone = asking(connected), Phone(connected, "金榕生")
    image = visitor.client.get("/console/login/code.png", base_url=visitor.base).data
    if way == "the picture":
        shown = phone.scan(image)
    elif way == "a screenshot":
        shown = phone.scan(on_a_screen(image))
    elif way == "the text":
        shown = phone.post("/scan", text=scene_of(visitor))
    else:
        shown = phone.post("/scan", text=re.findall(r'name="text" value="(l=[^"]+)"', phone.get("/scan"))[0])
    assert "127.0.*.*" in shown
    numbers = re.findall(r'name="number" value="(\d\d)"', shown)
    assert str(number_of(visitor)) in numbers
    assert "已确认登录" in phone.post("/answer", scene=scene_in(shown), number=str(number_of(visitor)))
    assert visitor.send(visitor.get("/console/login"), "/console/login/enter").location == "/console/factors"
    assert not inside(visitor)


def scene_in(page: str) -> str:
    return re.findall(r'name="scene" value="([^"]+)"', page)[0]


def on_a_screen(image: bytes) -> bytes:
    """The code as one thing among others, scaled, without what the file says besides."""
    from PIL import Image

    screen = Image.new("RGB", (1280, 900), "#f6f6f1")
    with Image.open(io.BytesIO(image)) as code:
        screen.paste(code.convert("RGB").resize((240, 240)), (97, 177))
    kept = io.BytesIO()
    screen.save(kept, "PNG")
    return kept.getvalue()


def test_a_wrong_number_a_refusal_and_a_commissioner_open_nothing(connected: World) -> None:
    """The phone says what became of it in the API's words."""
    visitor, phone = asking(connected), Phone(connected, "金榕生")
    shown = phone.post("/scan", text=scene_of(visitor))
    wrong = next(one for one in re.findall(r'value="(\d\d)"', shown) if one != str(number_of(visitor)))
    assert "数字不对，这次登录已作废" in phone.post("/answer", scene=scene_in(shown), number=wrong)
    again = asking(connected)
    shown = phone.post("/scan", text=scene_of(again))
    assert "已拒绝" in phone.post("/answer", scene=scene_in(shown), refuse="yes")
    assert "不能登录工作台" in Phone(connected, "陈茶生").post("/scan", text=scene_of(asking(connected)))
    assert "登录码无效或已失效" in phone.post("/scan", text="l=AAAAAAAAAAAAAAAAAAAAAA")


@pytest.mark.parametrize(("show", "state"), [("yes", "绑定成功"), ("no", "绑定待核实")])
def test_an_invitation_is_scanned_and_binds(connected: World, show: str, state: str) -> None:
    """With the registered phone shown a commissioner is bound at once; without it a second person decides."""
    admin, stranger = connected.as_("admin"), Phone(connected, "陌生人甲")
    number = connected.sandbox.phone("陌生人甲")["phone"]
    person = admin.ok("POST", "/people", {"name": "新特派员", "phone": number})["id"]
    grant = admin.ok("POST", "/roles", {"person": person, "role": "commissioner", "region": "4452"})["id"]
    connected.as_("admin2").ok("POST", f"/roles/{grant}/approve")
    invitation = admin.ok("POST", "/invitations", {"person": person})["invitation"]
    shown = stranger.scan(picture.draw("pages/bind/index", f"i={invitation}", 430))
    assert "出示手机号" in shown
    assert state in stranger.post("/bind", invitation=invitation, show=show)
    assert "没有绑定" in stranger.post("/bind", invitation=invitation, show="no")


def test_a_townships_code_opens_its_board(connected: World) -> None:
    an_approved_need(connected, title="青枣保鲜")
    shown = Phone(connected, "陌生人甲").post("/scan", text=f"t={PAOTAI}")
    assert "砲台镇" in shown
    assert "青枣保鲜" in shown
    assert "没有这个乡镇" in Phone(connected, "陌生人甲").post("/scan", text="t=000")


def test_a_phone_logs_in_subscribes_receives_and_taps(connected: World) -> None:
    """The accepted credit reaches the application; the notice arrives and opens the mini-program's inbox."""
    phone = Phone(connected, "林审言")
    assert "微信登录" in phone.get("/program")
    assert "林审言" in phone.post("/login")
    assert "还可接收 1 条" in phone.post("/subscribe", template="task_waiting", result="accept")
    admin = connected.as_("admin")
    admin.ok("POST", "/roles", {"person": connected.as_("chen").id, "role": "co_reviewer", "region": "445202"})
    connected.run_jobs()
    assert "待办事项提醒" in phone.get()
    assert "角色授权待批准" in phone.get("/program?notice=0")
    connected.sandbox._platform.program._tokens[phone.openid] = "over"
    assert "林审言" in phone.get("/program")
    assert "微信登录" in phone.post("/logout")


def test_the_authenticator_keeps_a_secret_and_shows_its_codes(connected: World) -> None:
    """It scans the console's own picture; a text that is no secret is refused."""
    phone, secret = Phone(connected, "金榕生"), pyotp.random_base32()
    image = io.BytesIO()
    address = pyotp.TOTP(secret).provisioning_uri(name="金榕生", issuer_name="特派工作台")
    segno.make(address).save(image, kind="png", scale=4)
    before = pyotp.TOTP(secret).now()
    shown = phone.scan(image.getvalue())
    assert {before, pyotp.TOTP(secret).now()} & set(re.findall(r'class="code">(\d{6})', shown))
    for junk in ("otpauth://totp/x", "otpauth://hotp/x?secret=AAAA&counter=1", "otpauth://"):
        assert "没有识别到码" in phone.post("/scan", text=junk)


def test_what_is_no_code_of_ours_is_told_kindly(connected: World) -> None:
    phone = Phone(connected, "金榕生")
    assert "没有识别到码" in phone.scan(b"no picture")
    assert "没有识别到码" in phone.scan(on_a_screen(picture.draw("p", "x=1", 300))[:200])
    assert "没有识别到码" in phone.post("/scan", text="")
    assert "这不是本小程序的码" in phone.post("/scan", text="https://example.com/")


def test_without_an_application_the_phone_says_so(world: World) -> None:
    assert "这个沙箱没有连接应用" in Phone(world, "金榕生").post("/login")


def test_pages_elsewhere_cannot_press_a_phones_buttons(connected: World) -> None:
    url = f"{connected.sandbox.url}/phone/{connected.sandbox.openid('金榕生')}/login"
    answer = connected.sandbox.http.post(url, headers={"Sec-Fetch-Site": "cross-site"}, timeout=20)
    assert answer.status_code == 403


def test_outside_development_there_are_no_phones(world: World) -> None:
    house, _ = outside(world)
    try:
        with pytest.raises(RuntimeError, match="development only"):
            wsgi.create_sandbox_app(house)
    finally:
        house.close()
