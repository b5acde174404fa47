"""The shared token: one fetch for all, one bounded retry, no secret anywhere (wechat.md §A.4, issue 3 point 1)."""

import logging
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.wechat.acts import ACTS
from tests.wechat.running import LI
from wechat.account import TEMPLATES
from wechat.outcomes import BackOff, Misconfigured, RetryLater, WeChatFailure
from wechat.redaction import Hidden
from wechat.tokens import InMemoryTokenStore, TokenKeeper


def force_new_token(sandbox):
    account = {"appid": sandbox.settings.appid, "secret": sandbox.settings.secret, "force_refresh": True}
    answer = sandbox.call("post", "/cgi-bin/stable_token", json={"grant_type": "client_credential", **account})
    return answer.json()["access_token"]


def calls_of(sandbox, name):
    return [errcode for call, errcode in sandbox.calls() if call == name]


def test_sixteen_cold_callers_fetch_one_token(sandbox):
    store = InMemoryTokenStore()
    clients = [sandbox.client(store, wait_for_token_s=10) for _ in range(16)]
    barrier = threading.Barrier(16)

    def look(client):
        barrier.wait()
        return len(client.templates())

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(look, clients)) == [len(TEMPLATES)] * 16
    assert calls_of(sandbox, "stable_token") == [0]
    for client in clients:
        client.close()


def test_a_lasting_40001_costs_two_requests(sandbox, client):
    """The token call gives the same token again, so there is nothing to try once more with."""
    client.templates()
    before = len(sandbox.calls())
    sandbox.fault("gettemplate", "errcode:40001", 1000)
    with pytest.raises(RetryLater) as failure:
        client.templates()
    assert failure.value.errcode == 40001
    assert failure.value.rid
    assert sandbox.calls()[before:] == [("gettemplate", 40001), ("stable_token", 0)]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_lasting_refusal_costs_two_api_requests_even_with_a_new_token(sandbox, client, errcode):
    client.templates()
    sandbox.clock.pass_by(seconds=7000)  # within the last five minutes, WeChat gives a new token
    before = len(sandbox.calls())
    sandbox.fault("gettemplate", f"errcode:{errcode}", 1000)
    with pytest.raises(RetryLater) as failure:
        client.templates()
    assert failure.value.errcode == errcode
    assert sandbox.calls()[before:] == [("gettemplate", errcode), ("stable_token", 0), ("gettemplate", errcode)]


def test_a_lasting_40001_asks_for_no_token_again_within_the_lease(sandbox, client):
    sandbox.fault("gettemplate", "errcode:40001", 1000)
    for _ in range(3):
        with pytest.raises(RetryLater):
            client.templates()
    assert len(calls_of(sandbox, "stable_token")) == 2
    assert len(calls_of(sandbox, "gettemplate")) == 3


def test_a_token_replaced_elsewhere_is_recovered_with_one_retry(sandbox, client):
    client.templates()
    force_new_token(sandbox)
    before = len(sandbox.calls())
    assert client.templates()
    assert sandbox.calls()[before:] == [("gettemplate", 40001), ("stable_token", 0), ("gettemplate", 0)]


def test_an_expired_token_is_recovered_with_one_retry(sandbox, client):
    client.templates()
    sandbox.clock.pass_by(seconds=7300)
    before = len(sandbox.calls())
    assert client.templates()
    assert sandbox.calls()[before:] == [("gettemplate", 42001), ("stable_token", 0), ("gettemplate", 0)]


def test_callers_with_a_dead_token_fetch_one_new_token_together(sandbox):
    store = InMemoryTokenStore()
    clients = [sandbox.client(store, wait_for_token_s=10) for _ in range(8)]
    clients[0].templates()
    force_new_token(sandbox)
    barrier = threading.Barrier(8)

    def look(client):
        barrier.wait()
        return len(client.templates())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, clients)) == {len(TEMPLATES)}
    assert len(calls_of(sandbox, "stable_token")) == 3  # cold, by force, together
    for client in clients:
        client.close()


@pytest.mark.parametrize(("left_s", "token"), [(250, "old"), (230, "new")])
def test_a_token_is_kept_until_wechat_surely_gives_another(left_s, token):
    """Within its last 300 s WeChat gives a new one; asked earlier, it would give the same."""
    store = InMemoryTokenStore()
    store.put("wx1", "old", datetime.now(UTC) + timedelta(seconds=left_s), "")
    assert TokenKeeper("wx1", store, lambda: ("new", 7200)).current() == token


def test_a_token_that_arrived_just_before_the_lease_is_used():
    class Raced(InMemoryTokenStore):
        def lease(self, appid):
            self.put(appid, "theirs", datetime.now(UTC) + timedelta(hours=2), "there")
            return super().lease(appid)

    keeper = TokenKeeper("wx1", Raced(), lambda: pytest.fail("a token is there"))
    assert keeper.current() == "theirs"


def test_while_another_process_renews_the_old_token_serves():
    store = InMemoryTokenStore()
    store.put("wx1", "old", datetime.now(UTC) + timedelta(seconds=100), "")
    assert store.lease("wx1")
    keeper = TokenKeeper("wx1", store, lambda: pytest.fail("another process holds the lease"), wait_s=0)
    assert keeper.current() == "old"


def test_a_failed_fetch_is_not_repeated_within_the_lease(sandbox):
    store = InMemoryTokenStore()
    client = sandbox.client(store)
    sandbox.fault("stable_token", "http500", 1000)
    for _ in range(5):
        with pytest.raises(RetryLater):
            client.templates()
    assert len(calls_of(sandbox, "stable_token")) == 1
    client.close()


def test_a_lease_ends_by_itself():
    store = InMemoryTokenStore(lease_s=0)
    assert store.lease("wx1")
    assert store.lease("wx1")
    store = InMemoryTokenStore()
    assert store.lease("wx1")
    assert not store.lease("wx1")
    assert store.lease("wx2")
    store.put("wx1", "t", datetime.now(UTC), "here")
    assert store.lease("wx1")


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("errcode:40001", Misconfigured),
        ("errcode:40164", Misconfigured),
        ("errcode:45009", BackOff),
        ("errcode:-1", RetryLater),
        ("html", RetryLater),
    ],
)
def test_a_refused_token_call_has_the_outcome_of_the_account(sandbox, client, kind, outcome):
    sandbox.fault("stable_token", kind)
    with pytest.raises(outcome):
        client.templates()


def test_no_secret_shows_in_errors_representations_or_logs(sandbox, caplog):
    """All calls, healthy and ill, with every library's log at DEBUG, the development server's included."""
    caplog.set_level(logging.DEBUG)
    client = sandbox.client(InMemoryTokenStore(lease_s=0), timeout=(1, 0.2))
    codes = [sandbox.login_code(LI), sandbox.phone_code(LI), sandbox.login_code(LI)]
    client.login(codes[0])
    texts = [repr(client), repr(client.secret), repr(client.access_token)]
    for name in ACTS:
        for kind in ("reset", "html", "http500", "truncated", "wrong_types", "hang", "errcode:40001", "errcode:40013"):
            sandbox.fault(name, kind, 2)
            try:
                client.phone_number(codes[1], LI.openid) if name == "getuserphonenumber" else ACTS[name](client)
            except WeChatFailure as failure:
                texts += [str(failure), repr(failure), repr(failure.__context__), locals_inside(failure)]
            sandbox.control("delete", "/faults")
    client.close()
    secrets = [sandbox.settings.secret, sandbox.token(), codes[0]]
    logged = caplog.text + "".join(repr(record.args) + str(record.msg) for record in caplog.records)
    assert any(record.name == "urllib3.connectionpool" and "***" in record.getMessage() for record in caplog.records)
    assert any(record.name == "werkzeug" and "***" in record.getMessage() for record in caplog.records)
    for secret in [*secrets, "session_key"]:
        assert secret not in logged
        assert not any(secret in text for text in texts)
    assert not any(secret in repr(entry) for secret in secrets for entry in sandbox.control("get", "/log"))


def locals_inside(failure):
    """What a traceback that shows locals would print of the client's own frames."""
    full = traceback.TracebackException.from_exception(failure, capture_locals=True)
    own = [frame for frame in full.stack if frame.filename.endswith(("client.py", "tokens.py", "base.py"))]
    return "".join(str(frame.locals) for frame in own if "test_" not in frame.filename)


def test_hidden_text_works_but_does_not_show():
    assert Hidden("abc") + "d" == "abcd"
    assert repr({"secret": Hidden("abc")}) == "{'secret': '***'}"
