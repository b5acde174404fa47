"""The sandbox is as strict as the platform (wechat.md §E 1-8); the development routes are those of api.md."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.wechat.acts import DATA, DEADLINE
from tests.wechat.running import LI, running
from wechat.outcomes import Misconfigured
from wechat.sandbox.settings import STRANGERS

STABLE, CLASSIC, LIST = "/cgi-bin/stable_token", "/cgi-bin/token", "/wxaapi/newtmpl/gettemplate"


def account(sandbox, **change):
    grant = {"grant_type": "client_credential", "appid": sandbox.settings.appid, "secret": sandbox.settings.secret}
    return {name: value for name, value in (grant | change).items() if value is not None}


def stable(sandbox, **change):
    return sandbox.call("post", STABLE, json=account(sandbox, **change)).json()


def classic(sandbox):
    return sandbox.call("get", CLASSIC, params=account(sandbox)).json()["access_token"]


def errcode_with(sandbox, token):
    return sandbox.call("get", LIST, params={"access_token": token} if token else {}).json()["errcode"]


# -- tokens (E 1) -----------------------------------------------------------------------------------------------------


def test_the_stable_token_repeats_and_overlaps_within_its_last_five_minutes(sandbox):
    first = stable(sandbox)
    assert first["expires_in"] == 7200
    sandbox.clock.pass_by(seconds=6800)
    again = stable(sandbox)
    assert again["access_token"] == first["access_token"]
    assert 300 <= again["expires_in"] <= 400
    sandbox.clock.pass_by(seconds=150)
    second = stable(sandbox)
    assert second["access_token"] != first["access_token"]
    assert errcode_with(sandbox, first["access_token"]) == errcode_with(sandbox, second["access_token"]) == 0
    sandbox.clock.pass_by(seconds=300)
    assert errcode_with(sandbox, first["access_token"]) == 40001
    assert errcode_with(sandbox, second["access_token"]) == 0


def test_a_forced_token_kills_the_old_one_every_thirty_seconds_twenty_times_a_day(sandbox):
    first = stable(sandbox)["access_token"]
    second = stable(sandbox, force_refresh=True)["access_token"]
    assert errcode_with(sandbox, first) == 40001
    assert stable(sandbox, force_refresh=True)["access_token"] == second
    sandbox.clock.set(datetime(2026, 3, 2, 1, tzinfo=UTC))
    codes = []
    for _ in range(21):
        sandbox.clock.pass_by(seconds=31)
        codes.append(stable(sandbox, force_refresh=True).get("errcode", 0))
    assert codes == [0] * 20 + [45009]


def test_the_classic_token_is_its_own_line_and_lives_five_minutes_beside_its_successor(sandbox):
    kept, first = stable(sandbox)["access_token"], classic(sandbox)
    second = classic(sandbox)
    assert len({kept, first, second}) == 3
    sandbox.clock.pass_by(seconds=299)
    assert errcode_with(sandbox, first) == 0
    sandbox.clock.pass_by(seconds=2)
    assert [errcode_with(sandbox, token) for token in (first, second, kept)] == [40001, 0, 0]


def test_a_calls_token_is_judged(sandbox):
    token = stable(sandbox)["access_token"]
    assert [errcode_with(sandbox, it) for it in (None, "short", "x" * 100, token)] == [41001, 40014, 40001, 0]
    sandbox.clock.pass_by(seconds=7201)
    assert errcode_with(sandbox, token) == 42001


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40002, {"grant_type": "other"}),
        (41002, {"appid": None}),
        (40013, {"appid": "wxother"}),
        (41004, {"secret": None}),
        (40125, {"secret": "other"}),
    ],
)
def test_an_account_is_judged_everywhere_alike(sandbox, errcode, change):
    assert stable(sandbox, **change)["errcode"] == errcode
    grant = {"grant_type": "authorization_code", "js_code": sandbox.login_code(LI)}
    for path, more in ((CLASSIC, {}), ("/sns/jscode2session", grant)):
        answer = sandbox.call("get", path, params=account(sandbox, **(more | change))).json()
        assert answer["errcode"] == errcode
        assert "rid: " in answer["errmsg"]


@pytest.mark.parametrize(
    ("method", "path", "body", "errcode"),
    [
        ("get", STABLE, None, 43002),
        ("post", CLASSIC, b"{}", 43001),
        ("post", STABLE, b"not json", 47001),
        ("post", STABLE, b"[]", 47001),
        ("post", STABLE, b'"\xff"', 47001),
        ("post", STABLE, b"[" * 100_000, 47001),
    ],
)
def test_a_malformed_request_is_refused(sandbox, method, path, body, errcode):
    assert sandbox.call(method, path, data=body).json()["errcode"] == errcode


@pytest.mark.parametrize("odd", [None, [], {}, True, 1.0, "", "x", -1, 10**30])
def test_no_odd_argument_upsets_the_platform(sandbox, odd):
    """Whatever comes in whatever member, the answer is 200 with an errcode."""
    sandbox.accept(LI, "deadline_near")
    token = sandbox.token()
    bodies = {
        "/wxa/business/getuserphonenumber": {"code": sandbox.phone_code(LI), "openid": LI.openid},
        "/cgi-bin/message/subscribe/send": {
            "touser": LI.openid,
            "template_id": DEADLINE.template_id,
            "data": DATA,
            "page": "pages/tasks/index",
            "miniprogram_state": "formal",
            "lang": "zh_CN",
        },
        "/wxa/msg_sec_check": {"content": "水稻", "version": 2, "scene": 2, "openid": LI.openid},
        "/wxa/media_check_async": {
            "media_url": "https://f.test/a",
            "media_type": 2,
            "version": 2,
            "scene": 2,
            "openid": LI.openid,
        },
        "/wxa/getwxacodeunlimit": {"scene": "a", "page": "pages/index/index", "check_path": True, "width": 430},
        "/wxa/generate_urllink": {"path": "pages/index/index", "query": "", "expire_type": 1, "expire_interval": 1},
        "/cgi-bin/openapi/quota/get": {"cgi_path": LIST},
        "/cgi-bin/openapi/rid/get": {"rid": "x"},
        "/cgi-bin/clear_quota": {"appid": "x"},
        STABLE: account(sandbox),
    }
    for path, body in bodies.items():
        for member in body:
            answer = sandbox.call("post", path, params={"access_token": token}, json=body | {member: odd})
            assert answer.status_code == 200, (path, member)


def test_a_clock_that_was_put_back_leaves_no_eternal_token(sandbox):
    sandbox.clock.pass_by(days=300)
    code, future = sandbox.login_code(LI), stable(sandbox)["access_token"]
    sandbox.clock.set(None)
    assert stable(sandbox)["access_token"] != future
    assert stable(sandbox)["expires_in"] <= 7200
    grant = account(sandbox, grant_type="authorization_code", js_code=code)
    assert sandbox.call("get", "/sns/jscode2session", params=grant).json()["errcode"] == 40029


# -- quotas (E 7) -----------------------------------------------------------------------------------------------------


def test_counters_can_be_cleared_ten_times_a_month(sandbox):
    body = {"appid": sandbox.settings.appid, "appsecret": sandbox.settings.secret}
    with running(daily_limits={LIST: 1}) as small:
        small.clock.set(datetime(2026, 3, 2, tzinfo=UTC))
        token = small.token()
        codes = []
        for clear in ["/cgi-bin/clear_quota", "/cgi-bin/clear_quota/v2"] * 5:
            codes += [errcode_with(small, token), errcode_with(small, token)]
            assert small.call("post", clear, params={"access_token": token}, json=body).json()["errcode"] == 0
        assert codes == [0, 45009] * 10
        answer = small.call("post", "/cgi-bin/clear_quota", params={"access_token": token}, json=body)
        assert answer.json()["errcode"] == 48006
        wrong = body | {"appsecret": "other"}
        assert small.call("post", "/cgi-bin/clear_quota/v2", json=wrong).json()["errcode"] == 40125


# -- the development routes -------------------------------------------------------------------------------------------


def test_phones_are_the_demo_people_and_strangers(sandbox):
    phones = sandbox.control("get", "/phones")
    shown = {"openid": LI.openid, "name": "李一", "phone": LI.phone, "roles": [dict(LI.roles[0])], "bound": True}
    assert phones[0] == shown
    assert [phone["openid"] for phone in phones[2:]] == [stranger.openid for stranger in STRANGERS]
    assert all(stranger.phone.startswith("1990000") and len(stranger.phone) == 11 for stranger in STRANGERS)


@pytest.mark.parametrize("act", ["login", "phone-code", "subscribe", "privacy"])
def test_nobody_has_an_unknown_phone(sandbox, act):
    body = {"template": "deadline_near", "result": "accept", "act": "cancel"}
    assert sandbox.call("post", f"/sandbox/phones/oNobody/{act}", json=body).status_code == 404
    assert sandbox.call("get", "/sandbox/phones/oNobody/messages").status_code == 404
    assert sandbox.call("get", "/phone/oNobody").status_code == 404


def test_a_phone_without_quota_gives_no_code(sandbox):
    answer = sandbox.call("post", f"/sandbox/phones/{STRANGERS[2].openid}/phone-code")
    assert (answer.status_code, answer.json()["errno"]) == (409, 1400001)


@pytest.mark.parametrize(
    ("results", "credits_left"),
    [(["accept"], 1), (["accept", "accept"], 2), (["accept", "reject"], 0), (["ban"], 0), (["accept", "filter"], 1)],
)
def test_credits_follow_the_users_answers(sandbox, results, credits_left):
    for result in results:
        body = {"template": DEADLINE.template_id, "result": result}
        answer = sandbox.control("post", f"/phones/{LI.openid}/subscribe", body)
    assert answer["credits"] == credits_left


@pytest.mark.parametrize(
    "body",
    [
        {"template": "none", "result": "accept"},
        {"template": "deadline_near", "result": "maybe"},
        [],
        {"template": [], "result": {}},
    ],
)
def test_an_answer_to_no_template_is_refused(sandbox, body):
    assert sandbox.call("post", f"/sandbox/phones/{LI.openid}/subscribe", json=body).status_code == 400


def test_the_log_tells_every_call_and_no_secret(sandbox):
    token = sandbox.token()
    errcode_with(sandbox, token)
    sandbox.call("get", "/cgi-bin/not/there", params={"secret": "s3cret"})
    log = sandbox.control("get", "/log")
    assert [(entry["method"], entry["path"], entry["errcode"]) for entry in log] == [
        ("POST", STABLE, 0),
        ("GET", LIST, 0),
        ("GET", "/cgi-bin/not/there", None),
    ]
    assert "s3cret" not in str(log)
    assert token not in str(log)
    assert sandbox.control("get", f"/log?since={log[0]['seq']}") == log[1:]
    assert sandbox.control("get", f"/log?since={quote(log[1]['at'])}") == log[1:]
    assert sandbox.control("get", f"/log?since={log[1]['at']}") == log[1:]
    assert sandbox.call("get", "/sandbox/log?since=yesterday").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"call": "send", "kind": "odd"},
        {"call": "send", "kind": "errcode:x"},
        {"call": "send", "kind": "late"},
        {"call": "push", "kind": "html"},
        {"call": "get", "kind": "html"},
        {"call": "/no/such/call", "kind": "html"},
        {"call": "send", "kind": "html", "times": 0},
        {"call": "send", "kind": "html", "times": True},
        {"call": 1, "kind": "html"},
        {"call": "send", "kind": []},
        "text",
    ],
)
def test_a_fault_that_does_not_exist_is_refused(sandbox, body):
    assert sandbox.call("post", "/sandbox/faults", json=body).status_code == 400


@pytest.mark.parametrize("call", ["*", "gettemplate", "newtmpl/gettemplate", LIST])
def test_a_fault_happens_as_often_as_ordered_and_can_be_taken_back(sandbox, call):
    token = sandbox.token()
    sandbox.fault(call, "errcode:40097", 2)
    assert [errcode_with(sandbox, token) for _ in range(3)] == [40097, 40097, 0]
    sandbox.fault(call, "errcode:-1", 99)
    sandbox.control("delete", "/faults")
    assert errcode_with(sandbox, token) == 0


def test_a_slow_platform_still_does_its_work(sandbox):
    sandbox.fault("stable_token", "slow")
    assert stable(sandbox)["access_token"]
    assert sandbox.control("get", "/log")[0]["fault"] == "slow"


@pytest.mark.parametrize("text", ["2026-03-02T08:00:00+08:00", "2026-03-02T00:00:00Z", "2026-03-02t00:00:00.000000z"])
def test_the_clock_takes_rfc_3339_with_its_offset(sandbox, text):
    now = datetime.fromisoformat(sandbox.control("post", "/clock", {"now": text})["now"])
    assert timedelta(0) <= now - datetime(2026, 3, 2, tzinfo=UTC) < timedelta(minutes=5)
    sandbox.control("delete", "/clock")
    assert sandbox.clock.offset == timedelta(0)


@pytest.mark.parametrize(
    "now",
    [
        "2026-03-02T08:00:00",
        "2026-03-02",
        "2026-03-02 08:00:00+08:00",
        "20260302T080000Z",
        "2026-02-30T08:00:00Z",
        "2026-03-02T24:01:00Z",
        "2026-03-02T08:00:00+25:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "２０26-03-02T08:00:00Z",
        "now",
        "",
        None,
        1772409600,
    ],
)
def test_the_clock_refuses_other_times(sandbox, now):
    assert sandbox.call("post", "/sandbox/clock", json={"now": now}).status_code == 400
    assert sandbox.clock.offset == timedelta(0)


# -- pages ------------------------------------------------------------------------------------------------------------


def test_a_newcomer_subscribes_and_reads_on_the_pages(sandbox, client):
    """What the phones do with an application stands in tests/web/test_phones.py."""
    index = sandbox.call("get", "/").text
    assert "李一" in index
    assert STRANGERS[0].name in index
    form = {"template": "deadline_near", "result": "accept"}
    page = sandbox.call("post", f"/phone/{LI.openid}/subscribe", data=form).text
    assert "还可接收 1 条" in page
    data = DATA | {"thing1": {"value": "<b>水稻</b>"}}
    client.send_subscription(LI.openid, DEADLINE.template_id, data, "pages/tasks/index")
    page = sandbox.call("get", f"/phone/{LI.openid}").text
    assert "&lt;b&gt;水稻&lt;/b&gt;" in page
    assert "2026年3月2日 00:05" in page
    assert "<script" not in page
    assert "还可接收 1 条" not in sandbox.call("get", f"/phone/{LI.openid}/subscriptions").text
    assert sandbox.call("post", f"/phone/{LI.openid}/subscribe", data={"template": "x"}).status_code == 400


def test_the_whitelist_is_switched_while_it_runs(sandbox, client):
    """40164 names the address; the doctor and `wechat.md` §B.2 know it."""
    client.fetch_access_token()
    sandbox.control("put", "/whitelist", {"ips": ["10.0.0.1"]})
    with pytest.raises(Misconfigured) as refused:
        client.templates()
    assert refused.value.errcode == 40164
    sandbox.control("put", "/whitelist", {"ips": None})
    assert client.templates()
    assert sandbox.call("put", "/sandbox/whitelist", json={"ips": "10.0.0.1"}).status_code == 400


def test_only_known_answers_to_known_templates_are_pushed(sandbox):
    path = f"/sandbox/phones/{LI.openid}/subscriptions"
    odd: list[object] = [{}, [], {"nonsense": "accept"}, {"deadline_near": "perhaps"}, {"deadline_near": []}]
    for results in odd:
        assert sandbox.call("post", path, json={"results": results}).status_code == 400
