"""Fourteen ways in which WeChat can be ill, while people work (`quality.md` bar 28, issue 3 points 3 and 12)."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from models.journal import Lease, WechatToken
from tests.make import a_need
from tests.web.test_wechat_errcodes import accept, carry, impatient, states
from tests.world import Caller, World, new_id
from wechat.account import TEMPLATES
from wechat.gateway import Gateway

KINDS = (
    "nobody listens",
    "refused",
    "reset",
    "hang",
    "slow",
    "drip",
    "huge",
    "http500",
    "html",
    "truncated",
    "wrong_types",
    "errcode:-1",
    "errcode:40001",
    "errcode:45009",
)
NOBODY = "http://127.0.0.1:9"


def work(world: World, stranger: Caller, seen: dict[str, list[int]]) -> list[Callable[[], None]]:
    """A township and a county work, two people try to get in, the worker carries messages."""
    township, county = world.as_("township"), world.as_("county")

    def writes() -> None:
        for _ in range(2):
            made = township.post("/needs", a_need())
            seen["action"].append(made.status)
            seen["action"].append(township.post(f"/needs/{made['id']}/submit").status)

    def reads() -> None:
        for path in ("/me/tasks", "/needs", "/me/messages", "/me"):
            seen["action"].append(county.get(path).status)

    def enters() -> None:
        for _ in range(2):
            refused = world.anyone().post("/auth/wechat", {"code": new_id()})
            seen["entry"].append(refused.status if refused.headers.get("Retry-After") else 0)

    def binds() -> None:
        refused = stranger.post("/auth/bind", {"invitation": "any", "phone_code": "any"})
        seen["bind"].append(refused.status)

    def carries() -> None:
        carry(world)

    return [writes, reads, enters, binds, carries]


def test_people_work_on_while_wechat_is_ill(world: World) -> None:
    """All actions succeed but login and binding, which say 503; no message is lost; few tokens are asked for."""
    accept(world, 3 * len(KINDS))
    stranger, _ = world.login("陌生人甲"), world.as_("township")
    with world.house.engine.begin() as connection:
        connection.execute(sa.delete(WechatToken))
    before = len(world.messages("county"))
    log, began = world.sandbox.get("/sandbox/log")[-1]["seq"], time.monotonic()
    seen: dict[str, list[int]] = {"action": [], "entry": [], "bind": []}
    real = world.house.ports
    for kind in KINDS:
        if kind != "nobody listens":
            world.sandbox.post("/sandbox/faults", {"call": "*", "kind": kind, "times": 100_000})
        with closing(impatient(world, NOBODY if kind == "nobody listens" else world.sandbox.url)) as client:
            world.house.ports = replace(real, wechat=Gateway(world.house, client, TEMPLATES))
            threads = [threading.Thread(target=one) for one in work(world, stranger, seen)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults")
    minutes = (time.monotonic() - began) / 60
    calls = [one for one in world.sandbox.get(f"/sandbox/log?since={log}") if one["path"] == "/cgi-bin/stable_token"]
    world.house.ports = real
    assert set(seen["action"]) <= {200, 201}
    assert len(seen["action"]) == 8 * len(KINDS)
    assert set(seen["entry"]) == {503}
    assert set(seen["bind"]) <= {503, 429}
    assert len(calls) <= 2 * (minutes + 1)
    _heal(world, before)


def _heal(world: World, before: int) -> None:
    """Half a minute later the pause after the last failed fetch is over, twenty minutes later all has arrived."""
    with world.house.engine.begin() as connection:
        connection.execute(sa.delete(Lease).where(Lease.name.startswith("wechat-token")))
    for _ in range(3):
        world.house.clock.set(world.house.clock.now() + timedelta(minutes=7))
        carry(world)
    assert set(states(world)) == {"sent"}
    assert len(states(world)) == 2 * len(KINDS)
    assert len(world.messages("county")) - before >= 2 * len(KINDS)
