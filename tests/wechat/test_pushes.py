"""Pushes of the sandbox (wechat.md §E 5, 8): sealed as WeChat's are, retried, now and then double or out of order."""

import json
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, request
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from tests.wechat.acts import DATA, DEADLINE
from tests.wechat.running import LI, WANG, listening, running
from wechat.sandbox import post_push
from wechat.sandbox.pushes import seal
from wechat.sandbox.settings import SandboxSettings

CALLBACK = "http://127.0.0.1:1/wechat/callback"


def opened(settings, url, body):
    """Check and decrypt a push with wechatpy's own code."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    check_signature(settings.callback_token, query["signature"], query["timestamp"], query["nonce"])
    crypto = WeChatCrypto(settings.callback_token, settings.callback_aes_key, settings.appid)
    plain = crypto.decrypt_message(json.loads(body), query["msg_signature"], query["timestamp"], query["nonce"])
    return json.loads(plain)


def wait_for(pushed, count):
    waiting = datetime.now(UTC) + timedelta(seconds=20)
    while len(pushed) < count:
        assert datetime.now(UTC) < waiting, "the push did not come"
        time.sleep(0.01)


@pytest.mark.parametrize("length", range(100, 133))
def test_a_push_can_be_opened_by_wechatpy_at_any_length(length):
    settings = SandboxSettings(callback_url=CALLBACK)
    event = {"text": "稻" * length}
    assert opened(settings, *seal(settings, event, LI.openid, datetime.now(UTC))) == event


def test_the_callback_key_is_in_wechats_form():
    assert len(SandboxSettings().callback_aes_key) == 43
    assert b64encode(b"sandbox-aes-key-of-32-bytes-!!!!").decode().rstrip("=") == SandboxSettings().callback_aes_key


def test_events_of_a_user_are_pushed():
    with running(callback_url=CALLBACK) as sandbox:
        client = sandbox.client()
        sandbox.accept(LI, "deadline_near")
        wait_for(sandbox.pushed, 1)
        client.send_subscription(LI.openid, DEADLINE.template_id, DATA)
        wait_for(sandbox.pushed, 2)
        trace_id = client.check_media("https://files.test/赌博.jpg", 2, 2, LI.openid)
        wait_for(sandbox.pushed, 3)
        sandbox.control("post", f"/phones/{LI.openid}/privacy", {"act": "revoke", "items": [8, 13]})
        wait_for(sandbox.pushed, 4)
        sandbox.control("post", f"/phones/{LI.openid}/privacy", {"act": "cancel"})
        wait_for(sandbox.pushed, 5)
        popup, sent, media, revoked, cancelled = (opened(sandbox.settings, *push) for push in sandbox.pushed)
        assert (popup["Event"], popup["List"]["SubscribeStatusString"]) == ("subscribe_msg_popup_event", "accept")
        assert (sent["Event"], sent["List"]["TemplateId"]) == ("subscribe_msg_sent_event", DEADLINE.template_id)
        assert (media["Event"], media["trace_id"], media["result"]["suggest"]) == ("wxa_media_check", trace_id, "risky")
        assert (revoked["Event"], revoked["RevokeInfo"]) == ("user_authorization_revoke", "8,13")
        assert cancelled["Event"] == "user_authorization_cancellation"
        assert {event["FromUserName"] for event in (popup, sent, media, revoked, cancelled)} == {LI.openid}
        client.close()


def test_a_push_may_come_twice_or_after_a_younger_one():
    with running(callback_url=CALLBACK, push_late_s=0.3) as sandbox:
        sandbox.fault("push", "duplicate")
        sandbox.accept(LI, "deadline_near")
        wait_for(sandbox.pushed, 2)
        sandbox.fault("push", "late")
        sandbox.accept(LI, "need_returned")
        sandbox.accept(WANG, "deadline_near")
        wait_for(sandbox.pushed, 4)
        events = [opened(sandbox.settings, *push) for push in sandbox.pushed]
        assert events[0] == events[1]
        assert [event["FromUserName"] for event in events[2:]] == [WANG.openid, LI.openid]


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [([("success", 200)], 1), ([("", 200)], 1), ([("no", 200), ("success", 200)], 2), ([("success", 500)] * 9, 3)],
)
def test_a_push_is_tried_three_times_at_most_over_http(answers, attempts):
    app, got, taken = Flask("callback"), [], []

    @app.post("/wechat/callback")
    def callback():
        got.append(request.get_data())
        return answers[len(got) - 1]

    def push(url, body):
        taken.append(post_push(url, body))
        return taken[-1]

    with listening(app) as root, running(callback_url=f"{root}/wechat/callback", push=push) as sandbox:
        sandbox.accept(LI, "deadline_near")
        wait_for(taken, attempts)
        sandbox.control("get", "/log")
    assert taken == [False] * (attempts - 1) + [attempts < 3]
    assert len(got) == attempts


def test_a_push_to_nobody_is_not_taken():
    with listening(Flask("gone")) as root:
        pass
    assert post_push(f"{root}/wechat/callback", b"{}") is False
