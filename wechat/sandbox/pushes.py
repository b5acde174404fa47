"""Pushes to the application's callback, signed and encrypted as the platform does it in safe mode with JSON (§B.5)."""

import base64
import hashlib
import json
import secrets
import struct
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wechat.sandbox.settings import SandboxSettings

_BLOCK = 32
_ATTEMPTS = 3
_PATIENCE_S = 5

#: Delivers one push: gets address and body, tells whether the application took it.
Push = Callable[[str, bytes], bool]


def post_push(url: str, body: bytes) -> bool:
    """Deliver over HTTP; taken means 200 with `success` or nothing, within five seconds."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands between two ports of this machine
            headers = {"Content-Type": "application/json"}
            answer = session.post(url, data=body, headers=headers, timeout=_PATIENCE_S)
    except (requests.RequestException, OSError):
        return False
    return answer.status_code == 200 and answer.text.strip() in {"", "success"}


class PushDesk:
    """Sends events after a while, in the background, up to three times each."""

    def __init__(
        self,
        settings: SandboxSettings,
        now: Callable[[], datetime],
        take_fault: Callable[[str], str | None],
        push: Push,
    ) -> None:
        self._settings = settings
        self._now = now
        self._take_fault = take_fault
        self._push = push

    def event(self, name: str, openid: str, members: Mapping[str, Any]) -> None:
        """Send an event about a user.

        A fault for `push` makes it `late` (after younger ones), a `duplicate`, or its time a text (`text_time`).
        """
        if self._settings.callback_url is None:
            return
        event: dict[str, Any] = {
            "ToUserName": self._settings.original_id,
            "FromUserName": openid,
            "CreateTime": int(self._now().timestamp()),
            "MsgType": "event",
            "Event": name,
            **members,
        }
        fault = self._take_fault("push")
        if fault == "text_time":
            event["CreateTime"] = str(event["CreateTime"])
        wait_s = self._settings.push_late_s if fault == "late" else self._settings.push_after_s
        for _copy in range(2 if fault == "duplicate" else 1):
            self._later(wait_s, event, openid, _ATTEMPTS)

    def _later(self, wait_s: float, event: Mapping[str, Any], openid: str, attempts: int) -> None:
        timer = threading.Timer(wait_s, self._attempt, (event, openid, attempts))
        timer.daemon = True
        timer.start()

    def _attempt(self, event: Mapping[str, Any], openid: str, attempts: int) -> None:
        # The event happened on the clock that the rules see; its request is made on real time, which is checked.
        address, body = seal(self._settings, event, openid, datetime.now(UTC))
        if not self._push(address, body) and attempts > 1:
            self._later(self._settings.push_retry_s, event, openid, attempts - 1)


def seal(settings: SandboxSettings, event: Mapping[str, Any], openid: str, now: datetime) -> tuple[str, bytes]:
    """Encrypt and sign an event; gives the address with its query and the body."""
    plain = json.dumps(event, ensure_ascii=False).encode()
    cipher = _encrypt(settings.callback_aes_key, plain, settings.appid)
    timestamp, nonce = str(int(now.timestamp())), str(secrets.randbelow(10**10))
    query = {
        "signature": _sign(settings.callback_token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": openid,
        "encrypt_type": "aes",
        "msg_signature": _sign(settings.callback_token, timestamp, nonce, cipher),
    }
    body = json.dumps({"ToUserName": settings.original_id, "Encrypt": cipher}).encode()
    return f"{settings.callback_url}?{urlencode(query)}", body


def _sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _encrypt(aes_key: str, plain: bytes, appid: str) -> str:
    key = base64.b64decode(aes_key + "=")
    message = secrets.token_bytes(16) + struct.pack(">I", len(plain)) + plain + appid.encode()
    padding = _BLOCK - len(message) % _BLOCK
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(message + bytes([padding]) * padding) + encryptor.finalize()).decode()
