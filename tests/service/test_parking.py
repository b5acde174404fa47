"""What is given up is told, what only had to wait is not given up (issue 3 point 9, quality.md §4 rows 13 to 17)."""

from datetime import timedelta

import pytest

from rules.policy import TRIES_MAX
from service import schedule
from service.core.ports import SendRefused, WechatDown
from tests.make import START
from tests.service.test_schedule import Phone, sent, submitted
from tests.world import World


@pytest.mark.parametrize("error", [WechatDown(), SendRefused("wait")])
def test_two_days_without_wechat_lose_no_message(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Away, or the day's quota used up: everything waits, however often it was tried, and goes out afterwards."""
    world.at(START)
    needs = submitted(world, "甲", "乙", "丙")
    phone = Phone(lambda _: error).put_into(world, monkeypatch)
    for half_hours in range(96):
        world.at(START + timedelta(minutes=30 * half_hours))
        schedule.run(world.house, "send")
    assert len(phone.tried) > 3 * TRIES_MAX
    assert [sent(world, need).wechat_state for need in needs] == ["waiting"] * 3
    phone.fail = lambda _: None
    world.at(START + timedelta(days=3))
    schedule.run(world.house, "send")
    assert sorted(phone.sent) == sorted(needs)


def test_a_message_that_looks_like_an_outage_is_parked_while_others_go_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WeChat takes the others: it is this message that ails."""
    world.at(START)
    [bad] = submitted(world, "甲")
    phone = Phone(lambda subject: WechatDown() if subject == bad else None).put_into(world, monkeypatch)
    for hours in range(TRIES_MAX + 2):
        world.at(START + timedelta(hours=2 * hours))
        [good] = submitted(world, f"乙{hours}")
        for _ in range(2):
            schedule.run(world.house, "send")
        assert sent(world, good).wechat_state == "sent"
    assert phone.tried.count(bad) == TRIES_MAX
    assert sent(world, bad).wechat_state == "parked"


def test_a_parked_message_is_told_once_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """47003 means that our template data is wrong: the administrators hear of it, `/readyz` and `/metrics` count it."""
    world.at(START)
    Phone(lambda _: SendRefused("fields")).put_into(world, monkeypatch)
    for day in (0, 0, 2):
        world.at(START + timedelta(days=day))
        submitted(world, "甲")
        schedule.run(world.house, "send")
    schedule.run(world.house, "fan_out")
    told = world.as_("admin").get("/me/messages", thing="job")["items"]
    assert [one["subject"] for one in told] == ["send", "send"]
    assert "站内消息经微信发出" in told[0]["body"]
    client = world.app.test_client()
    assert client.get("/readyz").get_json()["parked"] == 3
    assert 'tepai_messages{state="parked"} 3.0' in client.get("/metrics").text
