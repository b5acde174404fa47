"""A sandbox that really listens on loopback, with a clock in the test's hand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from werkzeug.serving import make_server

from wechat.client import MiniProgramClient
from wechat.sandbox import Phone, SandboxSettings, create_sandbox
from wechat.tokens import InMemoryTokenStore, TokenStore

LI = Phone(
    "oTestLi0000000000000000000001", "李一", "19900000001", ({"role": "commissioner", "region": "445200"},), bound=True
)
WANG = Phone("oTestWang00000000000000000002", "王二", "19900000002")


class Clock:
    """The clock of the rules: real time plus an offset."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def set(self, moment: datetime | None) -> None:
        self.offset = timedelta(0) if moment is None else moment - datetime.now(UTC)

    def pass_by(self, **duration: float) -> None:
        self.offset += timedelta(**duration)


class Running:
    """A listening sandbox, with the development routes as methods."""

    def __init__(self, settings: SandboxSettings, root: str, clock: Clock, pushed: list[tuple[str, bytes]]) -> None:
        self.settings = settings
        self.root = root
        self.clock = clock
        self.pushed = pushed

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return requests.request(method, self.root + path, timeout=10, **kwargs)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, "/sandbox" + path, json=body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def login_code(self, phone: Phone) -> str:
        return str(self.control("post", f"/phones/{phone.openid}/login")["code"])

    def phone_code(self, phone: Phone) -> str:
        return str(self.control("post", f"/phones/{phone.openid}/phone-code")["code"])

    def accept(self, phone: Phone, template: str) -> None:
        self.control("post", f"/phones/{phone.openid}/subscribe", {"template": template, "result": "accept"})

    def messages(self, phone: Phone) -> Any:
        return self.control("get", f"/phones/{phone.openid}/messages")

    def fault(self, call: str, kind: str, times: int = 1) -> None:
        self.control("post", "/faults", {"call": call, "kind": kind, "times": times})

    def calls(self) -> list[tuple[str, int | None]]:
        """What was received: the path's last part and the errcode."""
        return [(entry["path"].rpartition("/")[2], entry["errcode"]) for entry in self.control("get", "/log")]

    def token(self) -> str:
        account = {"appid": self.settings.appid, "secret": self.settings.secret}
        answer = self.call("post", "/cgi-bin/stable_token", json={"grant_type": "client_credential", **account})
        return str(answer.json()["access_token"])

    def client(self, store: TokenStore | None = None, **options: Any) -> MiniProgramClient:
        appid, secret = options.pop("appid", self.settings.appid), options.pop("secret", self.settings.secret)
        return MiniProgramClient(
            appid, secret, self.root, store or InMemoryTokenStore(), **({"wait_for_token_s": 0.3} | options)
        )


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve a WSGI application on a free loopback port; gives its root."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(**options: Any) -> Iterator[Running]:
    """A sandbox with these settings."""
    push = options.pop("push", None)
    settings = SandboxSettings(
        **{"hang_s": 3.0, "drip_s": 0.05, "slow_s": 0.0, "push_after_s": 0.0, "push_retry_s": 0.0} | options
    )
    clock, pushed = Clock(), []

    def keep(url: str, body: bytes) -> bool:
        pushed.append((url, body))
        return True

    app = create_sandbox(settings, phones=lambda: [LI, WANG], now=clock.now, set_clock=clock.set, push=push or keep)
    with listening(app) as root:
        yield Running(settings, root, clock, pushed)
