"""The ledger of subscriptions: what two tellers tell is counted once, in whatever order (issue 3 point 9, §B.4)."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.notifications import Accept, Message
from service import schedule
from service.core.ports import SendRefused
from service.core.unit import SYSTEM
from tests.make import START, a_need
from tests.pushing import event, handle, popup, push
from tests.world import World
from wechat.account import TEMPLATES

TASK = "task_waiting"


def report(world: World, key: str = "county", result: str = "accept") -> int:
    """The mini-program tells; gives the credits that are left."""
    return int(world.as_(key).ok("POST", "/me/subscriptions", {"template": TASK, "result": result})["credits"])


def left(world: World, key: str = "county") -> int:
    """Ask without changing anything."""
    return report(world, key, "filter")


def told(world: World, result: str = "accept", at: datetime | None = None, key: str = "county") -> None:
    """WeChat tells, and the worker hears it."""
    push(world, popup(world, key, TASK, result, at))
    handle(world)


@pytest.mark.parametrize("apart_s", [0, 1, 40, 119])
def test_an_accept_that_both_tell_is_one_credit(world: World, apart_s: int) -> None:
    """In either order, and told again by WeChat as well."""
    world.at(START)
    assert report(world) == 1
    world.at(START + timedelta(seconds=apart_s))
    told(world, at=START)
    told(world, at=START)
    assert left(world) == 1
    later = START + timedelta(hours=1)
    world.at(later + timedelta(seconds=apart_s))
    told(world, at=later)
    assert left(world) == 2
    assert report(world) == 2


def test_each_teller_alone_is_enough_and_every_accept_counts(world: World) -> None:
    world.at(START)
    assert report(world) == 1
    told(world, at=START + timedelta(minutes=10))
    assert left(world) == 2
    for second in range(3):
        told(world, at=START + timedelta(minutes=30, seconds=second))
    assert left(world) == 5


ACTS = [("report", 0), ("report", 20), ("push", 0), ("push", 20)]


@pytest.mark.parametrize("order", list(itertools.permutations(ACTS))[::5])
def test_two_accepts_told_four_times_in_any_order_are_two_credits(world: World, order: Any) -> None:
    for teller, second in order:
        at = START + timedelta(seconds=second)
        world.at(at)
        if teller == "report":
            report(world)
        else:
            told(world, at=at)
    assert left(world) == 2


def test_a_refusal_ends_what_was_accepted_before_and_nothing_since(world: World) -> None:
    """Also when pushes arrive out of order: the time of the event decides, not that of its arrival."""
    moment = [START + timedelta(minutes=10 * number) for number in range(5)]
    world.at(moment[4])
    told(world, at=moment[0])
    told(world, at=moment[3])
    told(world, "reject", at=moment[2])
    assert left(world) == 1
    told(world, at=moment[1])
    assert left(world) == 1
    told(world, "reject", at=moment[0])
    assert left(world) == 1
    entry = popup(world, "county", TASK, "reject")["List"]
    change = event(world, "county", "subscribe_msg_change_event", moment[4], List=entry)
    push(world, change)
    handle(world)
    assert left(world) == 0


def test_one_event_may_answer_for_several_templates(world: World) -> None:
    entries = [popup(world, "county", template)["List"] for template in (TASK, "deadline_near")]
    push(world, event(world, "county", "subscribe_msg_popup_event", List=entries))
    handle(world)
    assert left(world) == 1
    near = world.as_("county").ok("POST", "/me/subscriptions", {"template": "deadline_near", "result": "ban"})
    assert near["credits"] == 1


def test_whoever_is_bound_to_nobody_has_no_ledger(world: World) -> None:
    """A stranger, and an openid that nobody has: taken, handled, without effect."""
    for who in (world.sandbox.openid("陌生人甲"), "oNobody"):
        push(world, popup(world, "county", TASK) | {"FromUserName": who})
    world.login("陌生人甲")
    handle(world)
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.select(sa.func.count()).select_from(Accept)) == 0


def test_a_pushed_accept_lets_one_message_out_and_a_refused_one_ends_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """−1 on a message; WeChat's later word that the user wanted none leaves nothing."""
    sent = phone(world, monkeypatch)
    for second in range(3):
        told(world, at=world.house.clock.now() - timedelta(seconds=second))
    submit(world)
    assert (len(sent), left(world)) == (1, 2)
    result = {"TemplateId": TEMPLATES[TASK].template_id, "MsgID": "1", "ErrorCode": "43101", "ErrorStatus": "refused"}
    push(world, event(world, "county", "subscribe_msg_sent_event", List=result))
    handle(world)
    submit(world)
    assert (len(sent), left(world)) == (1, 0)


def phone(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A WeChat that takes every message; gives what it took."""
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(world.house.ports.wechat, "send", lambda *what: sent.append(what), raising=False)
    return sent


def submit(world: World) -> None:
    """A need that the county hears of, by WeChat where it accepted."""
    need = world.as_("township").ok("POST", "/needs", a_need())
    world.as_("township").ok("POST", f"/needs/{need['id']}/submit")
    schedule.run(world.house, "fan_out")
    schedule.run(world.house, "send")


def test_a_long_term_template_is_accepted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of messages until a refusal; which templates are so is data (wechat.md §B.4)."""
    monkeypatch.setattr(world.house.ports.account, "lasting", frozenset({TASK}))
    sent = phone(world, monkeypatch)
    assert report(world) == 1
    told(world, at=world.house.clock.now() - timedelta(hours=1))
    for _ in range(3):
        submit(world)
    assert (len(sent), left(world)) == (3, 1)
    assert report(world, result="reject") == 0
    submit(world)
    assert len(sent) == 3


def test_a_parked_message_gives_no_credit_back_that_was_refused_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """47003 after a refusal: nothing is left to give back."""

    def send(*_: Any) -> None:
        report(world, result="reject")
        raise SendRefused("fields")

    monkeypatch.setattr(world.house.ports.wechat, "send", send, raising=False)
    report(world)
    submit(world)
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.select(Message.wechat_state).where(Message.kind == "need.submit")) == "parked"
    assert left(world) == 0
