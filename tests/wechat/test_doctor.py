"""`wechat doctor` (issue 3 point 13): right settings pass, each wrong one is named with what to do about it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.core.ports import Finding
from service.core.settings import Settings
from service.identity import bindings
from service.regions import queries as regions
from tests.wechat.running import Running, running
from wechat.account import TEMPLATES
from wechat.advice import ADVICE, advice
from wechat.doctor import CODE_PAGES, examine
from wechat.outcomes import OUTCOMES, Misconfigured, WeChatFailure
from wechat.templates import Field, Template

RIGHT = Settings(
    public_url="https://tepai.example.cn",
    wechat_state="formal",
    wechat_callback_token="sometoken",
    wechat_callback_aes_key="c2FuZGJveC1hZXMta2V5LW9mLTMyLWJ5dGVzLSEhISE",
)


def examined(
    sandbox: Running, settings: Settings = RIGHT, templates: Mapping[str, Template] = TEMPLATES, **account: Any
) -> list[Finding]:
    client = sandbox.client(**account)
    now = sandbox.clock.now()
    found = list(examine(client, templates, settings, now))
    client.close()
    return found


def bad(found: list[Finding]) -> Finding:
    """The one finding that is not good; it says what to do."""
    (finding,) = (one for one in found if not one.good)
    assert finding.todo
    return finding


def test_right_settings_pass_and_nothing_is_sent(sandbox: Running):
    found = examined(sandbox)
    assert [one.what for one in found if not one.good] == []
    assert len(found) > 20
    assert not {"send", "media_check_async"} & {name for name, _ in sandbox.calls()}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://tepai.example.cn", "不是 https"),
        ("https://localhost", "不是域名"),
        ("https://10.1.2.3", "不是域名"),
        ("https://tepai.example.cn:8443", "443"),
        ("", "不是 https"),
    ],
)
def test_an_address_that_no_mini_program_reaches_is_named(sandbox: Running, url: str, says: str):
    finding = bad(examined(sandbox, replace(RIGHT, public_url=url)))
    assert says in finding.says
    assert "TEPAI_PUBLIC_URL" in finding.todo


def test_messages_that_open_a_trial_version_are_named(sandbox: Running):
    assert "TEPAI_WECHAT_STATE" in bad(examined(sandbox, replace(RIGHT, wechat_state="trial"))).todo


def test_push_settings_that_work_are_told_with_what_to_enter(sandbox: Running):
    says = next(one.says for one in examined(sandbox) if one.what == "消息推送")
    assert "https://tepai.example.cn/wechat/callback，安全模式，JSON" in says


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"wechat_callback_token": ""}, "TEPAI_WECHAT_CALLBACK_TOKEN"),
        ({"wechat_callback_token": "a-b-c"}, "TEPAI_WECHAT_CALLBACK_TOKEN"),
        ({"wechat_callback_aes_key": ""}, "TEPAI_WECHAT_CALLBACK_AES_KEY"),
        ({"wechat_callback_aes_key": "a" * 42}, "TEPAI_WECHAT_CALLBACK_AES_KEY"),
    ],
)
def test_push_settings_that_wechat_would_not_take_are_named(sandbox: Running, wrong: dict[str, Any], named: str):
    finding = bad(examined(sandbox, replace(RIGHT, **wrong)))
    assert finding.what == "消息推送"
    assert named in finding.todo


def test_a_receiver_that_cannot_open_its_own_envelope_is_told(sandbox: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wechat.envelope.Envelope.open", lambda *_: "")
    assert bad(examined(sandbox)).what == "消息推送"


@pytest.mark.parametrize(
    ("wrong", "errcode", "todo"),
    [({"appid": "wxother"}, 40013, "TEPAI_WECHAT_APPID"), ({"secret": "other"}, 40125, "TEPAI_WECHAT_SECRET")],
)
def test_a_wrong_account_ends_the_examination(sandbox: Running, wrong: dict[str, Any], errcode: int, todo: str):
    found = examined(sandbox, **wrong)
    assert f"errcode {errcode}" in bad(found).says
    assert todo in bad(found).todo
    assert found[-1] is bad(found)


def test_an_address_off_the_whitelist_is_told():
    with running(allowed_ips=frozenset({"10.0.0.1"})) as sandbox:
        finding = bad(examined(sandbox))
    assert "address 127.0.0.1" in finding.says
    assert "IP 白名单" in finding.todo


@pytest.mark.parametrize("minutes", [-3, 3])
def test_a_wrong_clock_is_told_with_its_direction(sandbox: Running, minutes: int):
    client = sandbox.client()
    found = list(examine(client, TEMPLATES, RIGHT, sandbox.clock.now() + timedelta(minutes=minutes)))
    client.close()
    assert ("快" if minutes > 0 else "慢") in bad(found).says


def test_a_template_that_is_not_applied_for_is_told_with_the_keywords_to_look_for():
    left = {key: one for key, one in TEMPLATES.items() if key != "deadline_near"}
    with running(templates=left) as sandbox:
        finding = bad(examined(sandbox))
        assert "还没有填写模板 ID" in finding.says
        assert "事项（thing1）" in finding.todo
        mine = dict(TEMPLATES) | {"deadline_near": replace(TEMPLATES["deadline_near"], template_id="of-another")}
        assert "账号里没有这个模板" in bad(examined(sandbox, templates=mine)).says


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"task": Field("thing7", "待办事项"), "until": Field("time2", "截止时间")}, "没有关键词 thing1（事项）"),
        (dict(TEMPLATES["deadline_near"].fields) | {"more": Field("thing9", "备注")}, "多出关键词 thing9"),
    ],
)
def test_a_keyword_that_differs_is_named_with_those_of_the_account(fields: dict[str, Field], says: str):
    held = dict(TEMPLATES) | {"deadline_near": replace(TEMPLATES["deadline_near"], fields=fields)}
    with running(templates=held) as sandbox:
        finding = bad(examined(sandbox))
    assert says in finding.says
    for field in fields.values():
        assert f"{field.keyword} {field.label}" in finding.todo


def test_the_pages_of_codes_are_those_that_the_codes_lead_to():
    assert {bindings.CODE_PAGE, regions.CODE_PAGE} <= CODE_PAGES


@pytest.mark.parametrize("page", ["pages/tasks/index", *sorted(CODE_PAGES)])
def test_each_page_that_is_not_published_is_named(page: str):
    published = {template.page for template in TEMPLATES.values()} | CODE_PAGES
    with running(pages=frozenset(published - {page})) as sandbox:
        finding = bad(examined(sandbox))
    assert finding.what == f"小程序页面 {page}"
    assert "errcode 41030" in finding.says
    assert "发布" in finding.todo


def test_a_quota_that_runs_out_is_told():
    with running(daily_limits={"/wxa/msg_sec_check": 1}) as sandbox:
        finding = bad(examined(sandbox))
    assert (finding.what, finding.says) == ("今日额度：文本内容安全", "已用 1，共 1")


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("jscode2session", "登录接口"),
        ("getuserphonenumber", "手机号接口"),
        ("msg_sec_check", "内容安全接口"),
        ("gettemplate", "订阅消息模板"),
    ],
)
def test_an_interface_that_is_not_opened_is_named(sandbox: Running, call: str, what: str):
    sandbox.fault(call, "errcode:48001")
    finding = bad(examined(sandbox))
    assert finding.what == what
    assert "接口设置" in finding.todo


def test_a_platform_that_cannot_be_reached_is_told_at_every_question(sandbox: Running):
    sandbox.fault("*", "html", 1000)
    assert "防火墙" in bad(examined(sandbox)).todo


@pytest.mark.parametrize("errcode", sorted(OUTCOMES))
def test_every_errcode_leads_to_advice(sandbox: Running, errcode: int):
    sandbox.fault("stable_token", f"errcode:{errcode}")
    finding = bad(examined(sandbox))
    assert f"errcode {errcode}" in finding.says
    assert ADVICE.get(errcode) == finding.todo or finding.todo.startswith("在微信公众平台“开发管理")


def test_every_known_errcode_has_advice_of_its_own_and_others_that_of_their_kind():
    assert set(ADVICE) == set(OUTCOMES)
    assert "rid" in advice(Misconfigured("?", 123456))
    for kind in WeChatFailure.__subclasses__():
        assert advice(kind("?"))
