"""The circuit breaker (issue 3 point 3, `quality.md` fault 13): five failures, a rest, one probe; few calls at once."""

import threading
from collections.abc import Callable

import pytest

from tests.wechat.acts import ACTS
from tests.wechat.running import LI, Running
from wechat.breaker import AT_ONCE, FAILURES, REST_S, Breaker
from wechat.client import MiniProgramClient
from wechat.outcomes import BackOff, RetryLater, UserMustAct


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at


def call(breaker: Breaker, failure: Exception | None = None, interface: str = "/a") -> None:
    with breaker.guarding(interface):
        if failure:
            raise failure


def opened(hands: Hands) -> Breaker:
    breaker = Breaker(hands.now)
    for _ in range(FAILURES):
        with pytest.raises(RetryLater, match="ill"):
            call(breaker, RetryLater("ill"))
    return breaker


def test_after_five_failures_in_a_row_the_interface_is_left_alone_and_says_for_how_long():
    hands = Hands()
    breaker = opened(hands)
    hands.at += 0.5
    with pytest.raises(RetryLater, match="暂停调用") as refused:
        call(breaker)
    assert refused.value.retry_after_s == REST_S
    call(breaker, interface="/b")


def test_after_the_rest_one_probe_decides():
    hands = Hands()
    breaker = opened(hands)
    hands.at += REST_S
    with breaker.guarding("/a"), pytest.raises(RetryLater, match="暂停调用"):
        call(breaker)
    for _ in range(2):
        call(breaker)


def test_a_probe_that_fails_means_another_rest():
    hands = Hands()
    breaker = opened(hands)
    hands.at += REST_S
    with pytest.raises(RetryLater, match="still ill"):
        call(breaker, RetryLater("still ill"))
    hands.at += REST_S - 1
    with pytest.raises(RetryLater, match="暂停调用"):
        call(breaker)
    hands.at += 1
    call(breaker)


@pytest.mark.parametrize(
    "answer", [None, BackOff("full", 45009), UserMustAct("no credit", 43101), RetryLater("token", 40001), KeyError()]
)
def test_an_answer_of_a_working_platform_ends_the_row_of_failures(answer):
    breaker = Breaker(Hands().now)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            with pytest.raises(RetryLater):
                call(breaker, RetryLater("busy", -1))
        if answer is None:
            call(breaker)
        else:
            with pytest.raises(type(answer)):
                call(breaker, answer)


def test_a_process_has_few_calls_under_way_at_once():
    """Who hangs in WeChat leaves the other threads of a server to those who need no WeChat."""
    breaker, leave = Breaker(), threading.Event()
    inside = threading.Barrier(AT_ONCE + 1)

    def hang() -> None:
        with breaker.guarding("/a"):
            inside.wait()
            leave.wait()

    threads = [threading.Thread(target=hang) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    inside.wait()
    with pytest.raises(RetryLater, match="过多") as refused:
        call(breaker, interface="/b")
    assert refused.value.retry_after_s == 1
    leave.set()
    for thread in threads:
        thread.join()
    call(breaker, interface="/b")


@pytest.mark.parametrize("kind", ["http500", "html", "reset", "errcode:-1", "truncated"])
def test_an_ill_interface_gets_five_calls_and_the_others_work_on(sandbox: Running, kind: str):
    client = sandbox.client()
    client.fetch_access_token()
    sandbox.fault("msg_sec_check", kind, 1000)
    for _ in range(3 * FAILURES):
        with pytest.raises(RetryLater):
            ACTS["msg_sec_check"](client)
    assert [name for name, _ in sandbox.calls()].count("msg_sec_check") == FAILURES
    assert client.login(sandbox.login_code(LI)) == LI.openid
    client.close()


@pytest.mark.parametrize("name", ["jscode2session", "msg_sec_check", "getwxacodeunlimit"])
@pytest.mark.parametrize(("kind", "reason"), [("drip", "ReadTimeout"), ("huge", "ContentDecodingError")])
def test_an_answer_that_drips_or_floods_ends_in_time(sandbox: Running, name: str, kind: str, reason: str):
    """`quality.md` fault 13: one byte a second, 20 MB. Every byte comes before a read times out; the whole is late."""
    client = sandbox.client(timeout=(0.1, 0.3))
    if name != "jscode2session":
        client.fetch_access_token()
    sandbox.fault(name, kind)
    act: Callable[[MiniProgramClient], object] = ACTS[name]
    with pytest.raises(RetryLater, match=reason):
        act(client)
    client.close()
