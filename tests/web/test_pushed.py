"""From a tap on a phone of the sandbox to the ledger, over HTTP both ways (issue 3 points 5, 9 and 10)."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa

import wsgi
from models.callbacks import Callback
from models.identity import Consent
from service.core.unit import SYSTEM
from tests.cast import CAST
from tests.pushing import handle
from tests.wechat.running import listening
from tests.world import APPID, World
from wechat.people import phones
from wechat.sandbox import SandboxSettings, create_sandbox

TASK = "task_waiting"


class Phones:
    """A sandbox that pushes to the application as it listens."""

    def __init__(self, world: World, platform: str) -> None:
        self.world, self.platform = world, platform
        self.http = requests.Session()
        self.http.trust_env = False

    def use(self, key: str, button: str, **body: Any) -> None:
        openid = self.world.sandbox.openid(next(part.name for part in CAST if part.key == key))
        self._post(f"/sandbox/phones/{openid}/{button}", body)

    def fault(self, kind: str) -> None:
        self._post("/sandbox/faults", {"call": "push", "kind": kind})

    def _post(self, path: str, body: Any) -> None:
        answer = self.http.post(self.platform + path, json=body, timeout=10)
        assert answer.ok, answer.text

    def arrived(self, count: int) -> list[str]:
        """Wait until so many events are stored; gives their names as they arrived."""
        until = time.monotonic() + 20
        while True:
            with self.world.house.read(SYSTEM) as uow:
                names = list(uow.session.scalars(sa.select(Callback.name).order_by(Callback.id)))
            if len(names) >= count:
                return names
            assert time.monotonic() < until, f"{names} and no more"
            time.sleep(0.02)


@pytest.fixture
def pushing(world: World) -> Iterator[Phones]:
    with ExitStack() as stack:
        root = stack.enter_context(listening(world.app))
        settings = SandboxSettings(
            appid=APPID, callback_url=f"{root}/wechat/callback", push_after_s=0.0, push_late_s=0.4, push_retry_s=0.1
        )
        platform = create_sandbox(
            settings, phones=lambda: phones(world.house), now=world.house.clock.now, set_clock=world.house.clock.set
        )
        one = Phones(world, stack.enter_context(listening(platform)))
        yield one
        one.http.close()


def left(world: World) -> int:
    return int(world.as_("county").ok("POST", "/me/subscriptions", {"template": TASK, "result": "ban"})["credits"])


def test_a_tap_on_accept_is_a_credit(pushing: Phones, world: World) -> None:
    """Also while the clock of the rules stands elsewhere: the request is made, and checked, on real time."""
    world.at(world.house.clock.now() - timedelta(days=200))
    pushing.use("county", "subscribe", template=TASK, result="accept")
    assert pushing.arrived(1) == ["subscribe_msg_popup_event"]
    handle(world)
    assert left(world) == 1
    told = world.as_("county").ok("POST", "/me/subscriptions", {"template": TASK, "result": "accept"})
    assert told["credits"] == 1


def test_doubled_late_and_retried_pushes_count_once(pushing: Phones, world: World) -> None:
    """A copy of a push, one overtaken by a younger, and one that finds nobody the first time."""
    pushing.fault("duplicate")
    pushing.use("county", "subscribe", template=TASK, result="accept")
    pushing.arrived(1)
    pushing.fault("late")
    pushing.use("county", "subscribe", template=TASK, result="reject")
    pushing.use("county", "subscribe", template="deadline_near", result="accept")
    assert len(pushing.arrived(3)) == 3
    handle(world)
    assert left(world) == 0
    near = world.as_("county").ok("POST", "/me/subscriptions", {"template": "deadline_near", "result": "ban"})
    assert near["credits"] == 1


def test_several_answers_at_once_and_a_change_in_the_settings_are_heard(pushing: Phones, world: World) -> None:
    """`List` is an array then, `CreateTime` now and then a text (§B.4); of the settings only refusals are told."""
    pushing.fault("text_time")
    pushing.use("county", "subscriptions", results={TASK: "accept", "deadline_near": "accept"})
    pushing.arrived(1)
    handle(world)
    assert credits_of(world) == {TASK: 1, "deadline_near": 1}
    pushing.use("county", "subscriptions", results={TASK: "reject", "deadline_near": "accept"}, settings=True)
    pushing.use("county", "privacy", act="modify")
    names = ["subscribe_msg_popup_event", "subscribe_msg_change_event", "user_info_modified"]
    assert sorted(pushing.arrived(3)) == sorted(names)
    handle(world)
    assert credits_of(world) == {TASK: 0, "deadline_near": 1}
    with world.house.read(SYSTEM) as uow:
        outcomes = dict(uow.session.execute(sa.select(Callback.name, Callback.outcome)).all())
    assert outcomes == dict(zip(names, ("handled", "handled", "ignored"), strict=True))


def credits_of(world: World) -> dict[str, int]:
    shown = world.as_("county").ok("GET", "/me/subscriptions")["items"]
    return {one["template"]: one["credits"] for one in shown if one["template"] in {TASK, "deadline_near"}}


def test_an_answer_that_never_arrived_lets_wechat_try_again(
    pushing: Phones, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the application fails, once before and once after it stored the event; the third try is thanked."""
    real, tries = world.app.view_functions["wechat.receive"], []

    def failing() -> Any:
        tries.append(1)
        if len(tries) == 1:
            return "away", 503
        answer = real()
        return ("lost", 500) if len(tries) == 2 else answer

    monkeypatch.setitem(world.app.view_functions, "wechat.receive", failing)
    pushing.use("county", "subscribe", template=TASK, result="accept")
    until = time.monotonic() + 20
    while len(tries) < 3:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert pushing.arrived(1) == ["subscribe_msg_popup_event"]
    handle(world)
    assert left(world) == 1


def test_what_is_taken_back_on_the_phone_is_gone_after_one_run(pushing: Phones, world: World) -> None:
    """quality.md bar 36: within a minute; one run of one job is enough."""
    pushing.use("chen", "privacy", act="revoke", items=[8, 13])
    pushing.arrived(1)
    handle(world)
    assert world.as_("chen").ok("GET", "/me")["phone"] is None
    with world.house.read(SYSTEM) as uow:
        words = uow.session.execute(sa.select(Consent.purpose, Consent.given).order_by(Consent.purpose)).all()
    assert [tuple(one) for one in words][-2:] == [("location", False), ("phone", False)]
    pushing.use("chen", "privacy", act="cancel")
    pushing.arrived(2)
    handle(world)
    assert world.as_("li").ok("GET", "/me")["name"]
    assert "陈茶生" not in str(phones(world.house))


def test_the_sandbox_of_make_run_pushes_to_the_application(world: World) -> None:
    """The wiring of `make run`: address, token, key and account are those that the application checks."""
    settings = wsgi.create_sandbox_app(world.house).extensions["sandbox"].settings
    ours = world.house.settings
    assert settings.callback_url == f"http://127.0.0.1:{ours.port}/wechat/callback"
    told = (settings.callback_token, settings.callback_aes_key, settings.appid)
    assert told == (ours.wechat_callback_token, ours.wechat_callback_aes_key, ours.wechat_appid)
