"""The client against a listening sandbox: what it asks for, and that every refusal becomes the right outcome."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import segno
from flask import Flask, Response
from PIL import Image

from tests.wechat.acts import DATA, DEADLINE
from tests.wechat.running import LI, WANG, listening, running
from wechat.account import TEMPLATES
from wechat.answers import Verdict
from wechat.client import MiniProgramClient
from wechat.outcomes import OUTCOMES, BackOff, Dropped, Misconfigured, RetryLater, UserMustAct, WeChatFailure
from wechat.sandbox.picture import content
from wechat.sandbox.settings import BLOCKED, STRANGERS
from wechat.templates import fill
from wechat.tokens import InMemoryTokenStore


def refusal(outcome: type[WeChatFailure], errcode: int, act: Any) -> WeChatFailure:
    with pytest.raises(outcome) as caught:
        act()
    assert caught.value.errcode == errcode
    assert caught.value.rid
    return caught.value


# -- login and phone --------------------------------------------------------------------------------------------------


def test_login_gives_the_openid_with_one_request_and_keeps_no_session_key(sandbox, client):
    assert client.login(sandbox.login_code(LI)) == LI.openid
    assert sandbox.calls() == [("jscode2session", 0)]
    assert "session_key" not in repr(vars(client))


def test_a_login_code_works_once_and_for_five_minutes(sandbox, client):
    code = sandbox.login_code(LI)
    client.login(code)
    refusal(UserMustAct, 40163, lambda: client.login(code))
    refusal(UserMustAct, 40029, lambda: client.login("no-such-code"))
    refusal(UserMustAct, 40029, lambda: client.login(sandbox.phone_code(LI)))
    refusal(UserMustAct, 41008, lambda: client.login(""))
    old = sandbox.login_code(LI)
    sandbox.clock.pass_by(minutes=5, seconds=1)
    refusal(UserMustAct, 40029, lambda: client.login(old))


def test_a_blocked_user_cannot_log_in(sandbox, client):
    blocked = next(stranger for stranger in STRANGERS if stranger.openid == BLOCKED)
    refusal(UserMustAct, 40226, lambda: client.login(sandbox.login_code(blocked)))


def test_only_the_last_session_key_of_a_user_is_good(sandbox, client):
    """The product keeps none; who has one of a login made by hand may ask (issue 3 point 2)."""
    keys = []
    for _ in range(2):
        account = {"appid": sandbox.settings.appid, "secret": sandbox.settings.secret}
        grant = {"grant_type": "authorization_code", "js_code": sandbox.login_code(LI)}
        keys.append(sandbox.call("get", "/sns/jscode2session", params=account | grant).json()["session_key"])
    assert [client.check_session(LI.openid, key) for key in keys] == [False, True]
    refusal(Dropped, 40003, lambda: client.check_session("oNobody", keys[1]))


def test_logins_of_one_user_are_limited_by_minute(sandbox, client):
    """From the beginning of a minute on, so that the test does not reach into the next."""
    sandbox.clock.pass_by(seconds=60 - sandbox.clock.now().second)
    for _ in range(100):
        client.login(sandbox.login_code(LI))
    refusal(BackOff, 45011, lambda: client.login(sandbox.login_code(LI)))
    client.login(sandbox.login_code(WANG))


@pytest.mark.parametrize("kind", ["reset", "http500", "html", "truncated", "wrong_types", "hang", "errcode:40001"])
def test_a_login_is_never_repeated(sandbox, kind):
    client = sandbox.client(timeout=(1, 0.2))
    sandbox.fault("jscode2session", kind)
    with pytest.raises(RetryLater):
        client.login(sandbox.login_code(LI))
    assert [call for call, _ in sandbox.calls()] == ["jscode2session"]
    client.close()


@pytest.mark.parametrize(("wrong", "errcode"), [({"appid": "wxother"}, 40013), ({"secret": "other"}, 40125)])
def test_a_wrong_account_is_a_matter_for_the_operator(sandbox, wrong, errcode):
    client = sandbox.client(**wrong)
    refusal(Misconfigured, errcode, lambda: client.login(sandbox.login_code(LI)))
    refusal(Misconfigured, errcode, client.templates)
    client.close()


def test_a_phone_code_gives_its_owners_number_once(sandbox, client):
    code = sandbox.phone_code(LI)
    refusal(UserMustAct, 40029, lambda: client.phone_number(code, WANG.openid))
    assert client.phone_number(code, LI.openid) == LI.phone
    refusal(UserMustAct, 40029, lambda: client.phone_number(code, LI.openid))
    old = sandbox.phone_code(LI)
    sandbox.clock.pass_by(minutes=6)
    refusal(UserMustAct, 40029, lambda: client.phone_number(old, LI.openid))


def played(answer: dict[str, Any]) -> Flask:
    """A platform that gives a token and otherwise always the same answer."""
    app = Flask("played")
    app.add_url_rule(
        "/cgi-bin/stable_token", "token", lambda: {"access_token": "t" * 50, "expires_in": 7200}, methods=["POST"]
    )
    app.add_url_rule(
        "/<path:path>", "else", lambda path: Response(json.dumps(answer, default=path)), methods=["GET", "POST"]
    )
    return app


@pytest.mark.parametrize(
    ("country", "appid", "expected"), [("86", "wx1", "123"), ("852", "wx1", "+852123"), ("86", "wx2", Misconfigured)]
)
def test_a_number_is_taken_only_from_our_own_mini_program(country, appid, expected):
    phone = {"purePhoneNumber": "123", "countryCode": country, "watermark": {"appid": appid}}
    with listening(played({"phone_info": phone})) as root:
        client = MiniProgramClient("wx1", "s", root, InMemoryTokenStore())
        if isinstance(expected, str):
            assert client.phone_number("c", "o") == expected
        else:
            with pytest.raises(expected):
                client.phone_number("c", "o")
        client.close()


# -- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_costs_a_credit_and_arrives_readable(sandbox, client):
    sandbox.accept(LI, "deadline_near")
    data = fill(DEADLINE, {"task": "提交需求", "until": sandbox.clock.now()})
    client.send_subscription(LI.openid, DEADLINE.template_id, data, "pages/tasks/index?id=1", state="trial")
    (message,) = sandbox.messages(LI)
    assert message["title"] == DEADLINE.title
    assert [field["label"] for field in message["fields"]] == ["事项", "截止时间"]
    assert message["fields"][0]["value"] == "提交需求"
    assert (message["page"], message["state"]) == ("pages/tasks/index?id=1", "trial")
    refusal(UserMustAct, 43101, lambda: client.send_subscription(LI.openid, DEADLINE.template_id, data))
    assert sandbox.messages(WANG) == []


@pytest.mark.parametrize(
    ("outcome", "errcode", "change"),
    [
        (Dropped, 40003, {"openid": "oNobody"}),
        (Misconfigured, 40037, {"template_id": "no-template"}),
        (Misconfigured, 41030, {"page": "pages/unpublished"}),
        (Misconfigured, 41030, {"page": "/pages/tasks/index"}),
        (Dropped, 40097, {"state": "beta"}),
        (Dropped, 40097, {"lang": "tlh"}),
        (Dropped, 47003, {"data": {}}),
        (Dropped, 47003, {"data": DATA | {"time2": {"value": "2026-03-02"}}}),
        (Dropped, 45168, {"data": DATA | {"thing1": {"value": "违禁词"}}}),
        (UserMustAct, 43101, {}),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused(sandbox, client, outcome, errcode, change):
    message = {"openid": LI.openid, "template_id": DEADLINE.template_id, "data": DATA} | change
    refusal(outcome, errcode, lambda: client.send_subscription(**message))
    assert sandbox.messages(LI) == []


def test_the_refused_field_is_named(sandbox, client):
    data = DATA | {"time2": {"value": "明天"}}
    assert (
        refusal(Dropped, 47003, lambda: client.send_subscription(LI.openid, DEADLINE.template_id, data)).field
        == "time2"
    )


def test_two_messages_at_once_to_one_user_collide():
    with running(send_takes_s=0.4) as sandbox:
        client = sandbox.client()
        for _ in range(2):
            sandbox.accept(LI, "deadline_near")
        client.access_token  # noqa: B018  # fetched beforehand, so that both messages leave together

        def send(_: int) -> int | None:
            try:
                client.send_subscription(LI.openid, DEADLINE.template_id, DATA)
            except RetryLater as failure:
                return failure.errcode
            return None

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(send, range(2)), key=str) == [43108, None]
        client.close()


def test_the_accounts_templates_are_those_of_the_table(client):
    held = {template.template_id: template for template in client.templates()}
    assert len(held) == len(TEMPLATES)
    for template in TEMPLATES.values():
        assert held[template.template_id].title == template.title
        assert held[template.template_id].keywords == tuple(field.keyword for field in template.fields.values())


# -- content ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "suggest"), [("水稻怎么施肥", "pass"), ("加微信了解", "review"), ("网上赌博", "risky")]
)
def test_a_text_gets_its_verdict(sandbox, client, text, suggest):
    sandbox.login_code(LI)
    verdict = client.check_text(text, 3, LI.openid)
    assert isinstance(verdict, Verdict)
    assert verdict.suggest == suggest
    assert (verdict.label == 100) is (suggest == "pass")
    assert verdict.trace_id


@pytest.mark.parametrize(
    ("outcome", "errcode", "check"),
    [
        (UserMustAct, 61010, {"openid": WANG.openid}),
        (Dropped, 40003, {"openid": "oNobody"}),
        (Dropped, 44004, {"content": ""}),
        (Dropped, 45002, {"content": "字" * 2501}),
        (Dropped, 40097, {"scene": 5}),
    ],
)
def test_a_text_check_that_breaks_a_rule_is_refused(sandbox, client, outcome, errcode, check):
    sandbox.login_code(LI)
    refusal(
        outcome, errcode, lambda: client.check_text(**({"content": "水稻", "scene": 3, "openid": LI.openid} | check))
    )


def test_an_author_counts_as_recent_for_two_hours(sandbox, client):
    sandbox.login_code(LI)
    sandbox.clock.pass_by(hours=1, minutes=59)
    client.check_text("水稻", 2, LI.openid)
    client.check_media("https://files.test/a.jpg", 2, 2, LI.openid)
    sandbox.clock.pass_by(minutes=2)
    refusal(UserMustAct, 61010, lambda: client.check_text("水稻", 2, LI.openid))
    refusal(UserMustAct, 61010, lambda: client.check_media("https://files.test/a.jpg", 2, 2, LI.openid))


@pytest.mark.parametrize(("url", "kind"), [("ftp://x", 2), ("", 2), ("https://files.test/a.mp4", 3)])
def test_a_media_check_that_breaks_a_rule_is_refused(sandbox, client, url, kind):
    sandbox.login_code(LI)
    refusal(Dropped, 40097, lambda: client.check_media(url, kind, 2, LI.openid))


# -- codes and links --------------------------------------------------------------------------------------------------


def modules_of(image: Image.Image) -> list[bytes]:
    """The dark and light modules of a QR picture: the dark pixels frame it, the corner mark tells its scale."""
    dark = np.asarray(image.convert("L")) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    code = dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = int(np.argmin(code[0])) // 7
    return [bytes(row) for row in code[scale // 2 :: scale, scale // 2 :: scale].astype(np.uint8)]


@pytest.mark.parametrize(
    ("scene", "width"), [("t=445200", 430), ("l=" + "a" * 30, 280), ("!#$&'()*+,/:;=?@-._~", 1280)]
)
def test_a_mini_program_code_is_a_png_that_carries_its_scene(client, scene, width):
    image = Image.open(io.BytesIO(client.mini_code(scene, "pages/index/index", width_px=width)))
    assert (image.format, image.size) == ("PNG", (width, width))
    expected = segno.make_qr(content("pages/index/index", scene), error="m").matrix
    assert modules_of(image) == [bytes(row) for row in expected]
    assert image.info == {"scene": scene, "page": "pages/index/index"}


@pytest.mark.parametrize(
    ("outcome", "errcode", "code"),
    [
        (Dropped, 40169, {"scene": ""}),
        (Dropped, 40169, {"scene": "a" * 33}),
        (Dropped, 40169, {"scene": "乡镇"}),
        (Dropped, 40169, {"scene": "50%"}),
        (Misconfigured, 41030, {"page": "/pages/index/index"}),
        (Misconfigured, 41030, {"page": "pages/index/index?x=1"}),
        (Misconfigured, 41030, {"page": "pages/unpublished"}),
        (Dropped, 40097, {"env_version": "beta"}),
        (Dropped, 40097, {"width_px": 100}),
    ],
)
def test_a_code_that_breaks_a_rule_is_refused(client, outcome, errcode, code):
    refusal(outcome, errcode, lambda: client.mini_code(**({"scene": "a", "page": "pages/index/index"} | code)))


def test_an_unpublished_page_is_fine_without_the_page_check(client):
    assert client.mini_code("a", "pages/unpublished", check_path=False)


@pytest.mark.parametrize(
    ("errcode", "options"),
    [(40165, {"page": "pages/unpublished"}), (40212, {"query": "a" * 1025}), (85401, {"valid_days": 31})],
)
def test_a_link_is_made_and_a_wrong_one_refused(client, errcode, options):
    assert client.url_link("pages/index/index", "a=1").startswith("https://")
    refusal(Dropped, errcode, lambda: client.url_link(**({"page": "pages/index/index"} | options)))


# -- limits and diagnosis ---------------------------------------------------------------------------------------------


def test_a_days_calls_run_out_and_can_be_looked_up():
    path = "/wxaapi/newtmpl/gettemplate"
    with running(daily_limits={path: 2}) as sandbox:
        client = sandbox.client()
        for _ in range(2):
            client.templates()
        refusal(BackOff, 45009, client.templates)
        assert vars(client.quota(path)) == {"daily_limit": 2, "used": 2, "remain": 0}
        refusal(Dropped, 40097, lambda: client.quota("/no/such/call"))
        sandbox.clock.pass_by(days=1)
        client.templates()
        client.close()


def test_an_operator_clears_the_counters_ten_times_a_month():
    path = "/wxaapi/newtmpl/gettemplate"
    with running(daily_limits={path: 1}) as sandbox:
        client = sandbox.client()
        sandbox.clock.set(datetime(2026, 3, 2, tzinfo=UTC))
        for _ in range(10):
            client.templates()
            refusal(BackOff, 45009, client.templates)
            client.clear_quota()
        refusal(BackOff, 48006, client.clear_quota)
        client.close()


def test_a_failed_request_can_be_explained_by_its_rid(sandbox, client):
    failure = refusal(Dropped, 40169, lambda: client.mini_code("乡", "pages/index/index"))
    assert failure.rid
    assert client.explain(failure.rid)["client_ip"] == "127.0.0.1"
    refusal(Dropped, 76001, lambda: client.explain("0-0-0"))


def test_a_caller_off_the_whitelist_is_refused():
    with running(allowed_ips=frozenset({"10.0.0.1"})) as sandbox:
        client = sandbox.client()
        refusal(Misconfigured, 40164, client.templates)
        refusal(Misconfigured, 40164, lambda: client.login(sandbox.login_code(LI)))
        client.close()


@pytest.mark.parametrize("errcode", sorted(OUTCOMES))
def test_every_known_errcode_becomes_its_outcome(sandbox, client, errcode):
    sandbox.fault("msg_sec_check", f"errcode:{errcode}", 2)
    failure = refusal(OUTCOMES[errcode][0], errcode, lambda: client.check_text("水稻", 2, LI.openid))
    assert OUTCOMES[errcode][1] in str(failure)


def test_an_unknown_errcode_is_a_matter_for_the_operator(sandbox, client):
    sandbox.fault("gettemplate", "errcode:123456")
    refusal(Misconfigured, 123456, client.templates)
