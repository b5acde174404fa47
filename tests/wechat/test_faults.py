"""The client against an ill platform: timeouts on every call, one outcome for every damage, nothing else escapes."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, Response

from tests.wechat.acts import ACTS, DATA, DEADLINE
from tests.wechat.running import LI, listening
from wechat.account import TEMPLATES
from wechat.client import MiniProgramClient
from wechat.outcomes import Dropped, Misconfigured, RetryLater
from wechat.sandbox.calls import CALLS
from wechat.tokens import InMemoryTokenStore


def test_every_call_that_the_client_makes_is_among_the_acts_of_these_tests():
    unused = {"/cgi-bin/token", "/cgi-bin/clear_quota"}
    assert {path for path in CALLS if not path.endswith(tuple("/" + name for name in ACTS))} == unused


@pytest.mark.parametrize("name", ACTS)
def test_no_call_waits_for_a_hanging_platform(sandbox, name):
    """Each call runs into its own timeout; a call without one would wait for the connection to be reset instead."""
    client = sandbox.client(timeout=(1, 0.15))
    if name not in {"stable_token", "jscode2session"}:
        client.fetch_access_token()
    sandbox.fault(name, "hang")
    with pytest.raises(RetryLater, match="Timeout"):
        ACTS[name](client)
    client.close()


@pytest.mark.parametrize("name", ["send", "stable_token", "getwxacodeunlimit", "jscode2session"])
@pytest.mark.parametrize("kind", ["refused", "reset", "http500", "html", "truncated", "wrong_types", "errcode:-1"])
def test_an_ill_platform_means_retry_later_and_heals(sandbox, name, kind):
    client = sandbox.client(InMemoryTokenStore(lease_s=0))
    acts = ACTS | {"jscode2session": lambda client: client.login(sandbox.login_code(LI))}
    for _ in range(2):
        sandbox.accept(LI, "deadline_near")
    sandbox.fault(name, kind)
    with pytest.raises(RetryLater) as failure:
        acts[name](client)
    assert failure.value.__context__ is None
    assert "Timeout" not in str(failure.value)
    acts[name](client)
    client.close()


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("answer", [[], {}, {"errcode": None}, {"errcode": "0"}, {"access_token": 1}, "ok", None])
def test_no_answer_however_odd_escapes_the_outcomes(name, answer):
    app = Flask("odd")
    app.add_url_rule(
        "/<path:path>", "all", lambda path: Response(json.dumps(answer, default=path)), methods=["GET", "POST"]
    )
    with listening(app) as root:
        client = MiniProgramClient("wx1", "s", root, InMemoryTokenStore(), wait_for_token_s=0)
        with pytest.raises(RetryLater):
            ACTS[name](client)
        client.close()


def test_a_redirect_is_not_followed():
    app = Flask("redirecting")
    app.add_url_rule("/sns/jscode2session", "login", lambda: ("", 302, {"Location": "/elsewhere"}))
    app.add_url_rule("/elsewhere", "elsewhere", lambda: {"openid": "oOther"})
    with listening(app) as root:
        client = MiniProgramClient("wx1", "s", root, InMemoryTokenStore())
        with pytest.raises(RetryLater):
            client.login("code")
        client.close()


def test_nothing_listens_at_the_root():
    with listening(Flask("gone")) as root:
        pass
    client = MiniProgramClient("wx1", "s", root, InMemoryTokenStore())
    with pytest.raises(RetryLater, match="ConnectionError"):
        client.login("code")
    client.close()


def test_wechatpys_own_calls_go_to_the_configured_root_or_nowhere(sandbox, client):
    sandbox.accept(LI, "deadline_near")
    with pytest.raises(Dropped) as refused:  # wechatpy sends neither state nor language
        client.wxa.send_subscribe_message(LI.openid, DEADLINE.template_id, DATA)
    assert refused.value.errcode == 40097
    with pytest.raises(Misconfigured):
        client.get("https://api.weixin.qq.com/cgi-bin/anything")
    with pytest.raises(RetryLater, match="HTTP 404"):
        client.user.get("oNobody")


def test_a_thread_may_use_the_client_while_another_does(sandbox, client):
    barrier = threading.Barrier(8)

    def look(_: int) -> int:
        barrier.wait()
        return len(client.templates())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(8))) == {len(TEMPLATES)}
