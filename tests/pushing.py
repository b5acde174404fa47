"""WeChat's side of the message push: events, sealed as the sandbox seals them, and handed to the application."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from service import schedule
from tests.cast import CAST
from tests.world import APPID, World
from wechat.account import TEMPLATES
from wechat.sandbox import SandboxSettings
from wechat.sandbox.pushes import seal

ACCOUNT = SandboxSettings(appid=APPID, callback_url="http://127.0.0.1/wechat/callback")
PATH = "/wechat/callback"


def sealed(event: Any, at: datetime | None = None, account: SandboxSettings = ACCOUNT) -> tuple[dict[str, str], bytes]:
    """A request of WeChat's: its query and its body."""
    address, body = seal(account, event, "o-query-decides-nothing", at or datetime.now(UTC))
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}, body


def hand_in(app: Flask, query: dict[str, str], body: bytes, **more: Any) -> tuple[int, str]:
    """Give a request to the application; gives status and text."""
    answer = app.test_client(use_cookies=False).post(PATH, query_string=query, data=body, **more)
    return answer.status_code, answer.text


def push(world: World, event: dict[str, Any]) -> None:
    """Let WeChat tell an event, and be thanked."""
    assert hand_in(world.app, *sealed(event)) == (200, "success")


def handle(world: World) -> None:
    """Let the worker act on what was pushed: one run of one job."""
    assert schedule.run(world.house, "callbacks").failed == 0


def event(world: World, key: str, name: str, at: datetime | None = None, **members: Any) -> dict[str, Any]:
    """An event about the phone of one of the cast."""
    person = next(part.name for part in CAST if part.key == key)
    moment = at or world.house.clock.now()
    who = world.sandbox.openid(person)
    head = {"ToUserName": "gh_test", "FromUserName": who, "CreateTime": int(moment.timestamp()), "MsgType": "event"}
    return head | {"Event": name, **members}


def popup(world: World, key: str, template: str, result: str = "accept", at: datetime | None = None) -> dict[str, Any]:
    """The event of an answer to the subscription dialogue."""
    entry = {"TemplateId": TEMPLATES[template].template_id, "SubscribeStatusString": result, "PopupScene": "0"}
    return event(world, key, "subscribe_msg_popup_event", at, List=entry)
