"""WeChat's events in our words, whatever shape they come in (wechat.md §B.4, §B.5)."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.core.ports import Answer, Verdict
from wechat import events
from wechat.account import TEMPLATES
from wechat.envelope import BadEnvelope

NEAR, TASK = TEMPLATES["deadline_near"].template_id, TEMPLATES["task_waiting"].template_id
AT = 1_795_000_000
ACCOUNT = events.Account(TEMPLATES, sandboxed=True)
pytestmark = pytest.mark.one_database


def said(name: str, **members: Any) -> str:
    return json.dumps({"FromUserName": "o1", "CreateTime": AT, "MsgType": "event", "Event": name, **members})


def entry(template: str, result: str) -> dict[str, str]:
    return {"TemplateId": template, "SubscribeStatusString": result, "PopupScene": "1"}


def test_a_list_may_be_one_entry_or_several_and_a_time_text_or_number() -> None:
    one = said("subscribe_msg_popup_event", List=entry(NEAR, "accept"), CreateTime=str(AT))
    read = ACCOUNT.read_event(one)
    assert (read.answers, read.at, read.openid) == (
        (Answer("deadline_near", True),),
        datetime.fromtimestamp(AT, UTC),
        "o1",
    )
    several = said("subscribe_msg_change_event", List=[entry(NEAR, "reject"), entry("foreign", "accept"), 7])
    assert ACCOUNT.read_event(several).answers == (Answer("deadline_near", False),)
    xml = (
        f"<xml><FromUserName>o1</FromUserName><CreateTime>{AT}</CreateTime><MsgType>event</MsgType>"
        "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>"
        f"<List><TemplateId>{NEAR}</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
        f"<List><TemplateId>{TASK}</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List>"
        "</SubscribeMsgPopupEvent></xml>"
    )
    assert ACCOUNT.read_event(xml).answers == (Answer("deadline_near", True), Answer("task_waiting", False))


@pytest.mark.parametrize(("code", "answers"), [("0", ()), ("43101", (Answer("task_waiting", False),)), (45168, ())])
def test_a_sent_message_that_the_user_wants_none_of_is_a_refusal(code: object, answers: tuple[Answer, ...]) -> None:
    result = {"TemplateId": TASK, "MsgID": "1", "ErrorCode": code, "ErrorStatus": "?"}
    assert ACCOUNT.read_event(said("subscribe_msg_sent_event", List=result)).answers == answers


@pytest.mark.parametrize(
    ("info", "revoked"),
    [
        ("8", {"phone"}),
        ("8,13", {"phone", "location"}),
        ("14、18", {"photos", "location"}),
        ("6", set()),
        (8, {"phone"}),
    ],
)
def test_what_a_user_takes_back(info: object, revoked: set[str]) -> None:
    event = ACCOUNT.read_event(said("user_authorization_revoke", OpenID="o2", RevokeInfo=info))
    assert (set(event.revoked), event.openid) == (revoked, "o2")


@pytest.mark.parametrize(
    ("members", "suggest"),
    [
        ({"result": {"suggest": "pass", "label": 100}}, "pass"),
        ({"result": {"suggest": "risky", "label": 20006}, "errcode": "0"}, "risky"),
        ({"result": {"suggest": "review", "label": 10001}}, "review"),
        ({"result": {"suggest": "pass", "label": 100}, "errcode": -1010}, "review"),
        ({"result": {"suggest": "fine", "label": 100}}, "review"),
    ],
)
def test_a_verdict_passes_only_what_wechat_passed(members: dict[str, Any], suggest: str) -> None:
    """Whatever else is said waits for a person."""
    verdict = ACCOUNT.read_event(said("wxa_media_check", trace_id="t-1", **members)).verdict
    assert verdict == Verdict("t-1", suggest, str(members["result"]["label"]))


@pytest.mark.parametrize(
    "members", [{"CreateTime": "soon"}, {"CreateTime": 10**30}, {"Event": "wxa_media_check"}, {"CreateTime": None}]
)
def test_an_event_that_does_not_say_what_it_should_is_an_error(members: dict[str, Any]) -> None:
    """The job tries again and parks it; nothing is guessed."""
    with pytest.raises(BadEnvelope):
        ACCOUNT.read_event(said("subscribe_msg_popup_event", **members))


def test_which_tellings_are_the_same() -> None:
    def same(text: str) -> list[str]:
        return events.same(json.loads(text), text)

    popup = said("subscribe_msg_popup_event", List=[entry(NEAR, "accept"), entry(TASK, "accept")])
    turned = said("subscribe_msg_popup_event", List=[entry(TASK, "accept"), entry(NEAR, "accept")], CreateTime=str(AT))
    assert same(popup) == same(turned)
    assert same(popup) != same(said("subscribe_msg_popup_event", List=entry(NEAR, "accept")))
    assert same(popup) != same(said("subscribe_msg_popup_event", List=entry(NEAR, "accept"), CreateTime=AT + 1))
    sent = [{"TemplateId": TASK, "MsgID": number, "ErrorCode": "0"} for number in "12"]
    first, second = (said("subscribe_msg_sent_event", List=one) for one in sent)
    assert same(first) != same(second)
    verdict = said("wxa_media_check", trace_id="t-1", result={})
    retold = said("wxa_media_check", trace_id="t-1", CreateTime=1)
    assert same(verdict) == same(retold)
    assert same(said("user_info_modified")) != same(said("user_info_modified", CreateTime=AT + 1))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"MsgType": "event", "Event": "user_info_modified"}, "user_info_modified"),
        ({"MsgType": "text", "Content": "您好"}, "message.text"),
        ({"MsgType": "event", "Event": "a\0b"}, "unknown"),
        ({"MsgType": "event", "Event": ["x"]}, "unknown"),
        ({}, "message.None"),
    ],
)
def test_every_event_has_a_name_that_can_be_stored(body: dict[str, Any], name: str) -> None:
    assert events.name_of(body) == name


def test_a_template_that_was_not_applied_for_is_offered_by_the_sandbox_alone() -> None:
    """Asking a real WeChat for a sandbox's id would fail the whole dialogue (20001)."""
    applied = replace(TEMPLATES["task_waiting"], template_id="of-the-account", lasting=True)
    templates = dict(TEMPLATES) | {"task_waiting": applied}
    assert [one.template for one in events.Account(templates, sandboxed=True).subscribable] == list(templates)
    (one,) = events.Account(templates, sandboxed=False).subscribable
    assert (one.template, one.template_id, one.lasting) == ("task_waiting", "of-the-account", True)
