"""Every errcode of `wechat.md` §B that the product can meet: what people see and what becomes of a message.

Driven over HTTP by the sandbox's faults on command (issue 3 point 12).
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from models.notifications import Credit, Message
from service import schedule
from service.core.unit import SYSTEM
from tests.cast import CAST
from tests.make import a_need
from tests.world import Answer, World
from wechat.account import TEMPLATES
from wechat.client import MiniProgramClient
from wechat.gateway import Gateway, TableTokenStore
from wechat.outcomes import OUTCOMES, BackOff, Dropped, Misconfigured, RetryLater, UserMustAct

USER = {errcode for errcode, (kind, _) in OUTCOMES.items() if kind in {UserMustAct, Dropped}}


def impatient(world: World, root: str) -> MiniProgramClient:
    """What a freshly started process has, but it waits for nothing: five seconds for a token are long in a test."""
    store, settings = TableTokenStore(world.house), world.house.settings
    account = settings.wechat_appid, settings.wechat_secret
    return MiniProgramClient(*account, root, store, timeout=(0.2, 0.2), wait_for_token_s=0.1)


@pytest.fixture(autouse=True)
def _well_again(world: World) -> Iterator[None]:
    yield
    world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults")


def fault(world: World, call: str, errcode: int, times: int = 1) -> None:
    world.sandbox.post("/sandbox/faults", {"call": call, "kind": f"errcode:{errcode}", "times": times})


def judge(answer: Answer, errcode: int, blamed: str = "code") -> None:
    """The user can act: 422. Nobody here can: 503, with the time after which it is worth another try."""
    if errcode in USER:
        assert (answer.status, list(answer["errors"])) == (422, [blamed]), errcode
    else:
        assert answer.status == 503, errcode
        assert int(answer.headers["Retry-After"]) in range(1, 61), errcode
    assert str(errcode) not in str(answer.json)


@pytest.mark.parametrize("kind", [RetryLater, BackOff, UserMustAct, Dropped, Misconfigured])
def test_a_login_says_whether_to_try_again(world: World, kind: type) -> None:
    """Login makes one call, whatever comes of it."""
    for errcode in sorted(code for code, (outcome, _) in OUTCOMES.items() if outcome is kind):
        before = world.sandbox.get("/sandbox/log")[-1]["seq"]
        fault(world, "jscode2session", errcode)
        judge(world.anyone().post("/auth/wechat", {"code": f"code {errcode}"}), errcode)
        calls = world.sandbox.get(f"/sandbox/log?since={before}")
        assert [(call["path"], call["errcode"]) for call in calls] == [("/sns/jscode2session", errcode)]


@pytest.mark.parametrize("errcode", [-1, 40029, 45011, 40013, 48001, 45009])
def test_a_binding_with_a_phone_says_whether_to_try_again(world: World, errcode: int) -> None:
    """§B.3; the invitation is not used up by it."""
    fault(world, "getuserphonenumber", errcode)
    stranger = world.login("陌生人甲")
    judge(stranger.post("/auth/bind", {"invitation": "any", "phone_code": "any"}), errcode, "phone_code")


def accept(world: World, count: int) -> None:
    openid = world.sandbox.phone(next(part.name for part in CAST if part.key == "county"))["openid"]
    for _ in range(count):
        world.sandbox.post(f"/sandbox/phones/{openid}/subscribe", {"template": "task_waiting", "result": "accept"})
        world.as_("county").ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})


def told(world: World) -> None:
    """Something happens that the county's phone should show, and the worker tries to send it."""
    happens(world)
    assert not schedule.run(world.house, "send").failed


def happens(world: World) -> None:
    """The message is written and waits."""
    township = world.as_("township")
    need = township.ok("POST", "/needs", a_need())
    township.ok("POST", f"/needs/{need['id']}/submit")
    assert not schedule.run(world.house, "fan_out").failed


def carry(world: World) -> None:
    for name in ("fan_out", "send"):
        assert not schedule.run(world.house, name).failed


def states(world: World) -> list[str]:
    with world.house.read(SYSTEM) as uow:
        rows = sa.select(Message.wechat_state).where(Message.kind == "need.submit").order_by(Message.id)
        return list(uow.session.scalars(rows))


def credit(world: World) -> int | None:
    with world.house.read(SYSTEM) as uow:
        return uow.session.scalar(sa.select(Credit.count).where(Credit.template == "task_waiting"))


@pytest.mark.parametrize("kind", [RetryLater, BackOff, Misconfigured])
def test_a_message_waits_out_what_passes_and_what_an_operator_mends(world: World, kind: type) -> None:
    """One message meets every such errcode, one try after the other, and arrives once when all is well again."""
    accept(world, 1)
    before, real = len(world.messages("county")), world.house.ports
    happens(world)
    with closing(impatient(world, world.sandbox.url)) as client:
        world.house.ports = replace(real, wechat=Gateway(world.house, client, TEMPLATES))
        for errcode in sorted(code for code, (outcome, _) in OUTCOMES.items() if outcome is kind and code != 40243):
            fault(world, "send", errcode, 2)
            _try(world)
            assert states(world) == ["waiting"], errcode
            assert errcode in {call["errcode"] for call in world.sandbox.get("/sandbox/log")[-2:]}
            world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults")
    world.house.ports = real
    _try(world)
    assert states(world) == ["sent"]
    assert len(world.messages("county")) - before == 1


def _try(world: World) -> None:
    """Send what waits as if for the first time. The clock stands still: hours on it would end the sandbox's token."""
    with world.house.engine.begin() as connection:
        connection.execute(sa.update(Message).values(try_after=None, tries=0))
    assert not schedule.run(world.house, "send").failed


@pytest.mark.parametrize("errcode", [40003, 40097, 47001, 47003, 45168, 87014])
def test_a_message_that_will_never_be_taken_is_parked_and_the_credit_stays(world: World, errcode: int) -> None:
    """47003 parks with an alert (issue 3 point 9): /metrics and the log show it."""
    accept(world, 1)
    fault(world, "send", errcode, 2)
    told(world)
    assert (states(world), credit(world)) == (["parked"], 1)


@pytest.mark.parametrize("errcode", [47003, 45168])
def test_words_that_wechat_dislikes_are_said_neutrally(world: World, errcode: int) -> None:
    """§B.4: a word can trip a filter; the message arrives all the same and says where to read on."""
    accept(world, 1)
    fault(world, "send", errcode)
    told(world)
    assert states(world) == ["sent"]
    assert world.messages("county")[-1]["fields"][0]["value"] == "详情请在小程序内查看"


@pytest.mark.parametrize("errcode", [43101, 50002])
def test_a_user_who_takes_no_more_messages_gets_the_inbox_alone(world: World, errcode: int) -> None:
    """43101 clears the credit, silently."""
    accept(world, 2)
    fault(world, "send", errcode)
    told(world)
    assert (states(world), credit(world)) == (["refused"], 0)
