"""The mini-program on the sandbox's phones: it talks to the application's API over HTTP, as the real one does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

_PATIENCE_S = (3, 15)
DEVICE = "微信沙箱的手机"


@dataclass(frozen=True)
class Reply:
    """What the application answered; `body` is its JSON."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 300

    @property
    def says(self) -> str:
        """The refusal, in the words that a person reads."""
        body = self.body if isinstance(self.body, dict) else {}
        wrong = [str(text) for texts in (body.get("errors") or {}).values() for text in texts]
        return "；".join(wrong) or str(body.get("detail") or body.get("title") or f"服务器答复 {self.status}")


class MiniProgram:
    """Keeps a session a phone, in memory.

    :param root: the application's address; None where there is none to talk to.
    :param login_code: gives what wx.login gives on a phone.
    """

    def __init__(self, root: str | None, login_code: Callable[[str], str]) -> None:
        self._root = root
        self._login_code = login_code
        self._tokens: dict[str, str] = {}
        self._http = requests.Session()
        self._http.trust_env = False

    def logged_in(self, openid: str) -> bool:
        """Whether this phone's mini-program has a session."""
        return openid in self._tokens

    def log_in(self, openid: str) -> Reply:
        """Exchange a login code for a session."""
        self._tokens.pop(openid, None)
        reply = self._send("POST", "/auth/wechat", None, {"code": self._login_code(openid), "device": DEVICE})
        if reply.ok:
            self._tokens[openid] = reply.body["token"]
        return reply

    def log_out(self, openid: str) -> None:
        """End the session."""
        self._send("DELETE", "/auth/session", self._tokens.pop(openid, None))

    def call(self, openid: str, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """Ask the API as this phone's user; a session that is missing or over is made anew, once."""
        if openid in self._tokens:
            reply = self._send(method, path, self._tokens[openid], body, query)
            if reply.status != 401:
                return reply
        login = self.log_in(openid)
        return self._send(method, path, self._tokens[openid], body, query) if login.ok else login

    def _send(
        self, method: str, path: str, token: str | None, body: Any = None, query: dict[str, str] | None = None
    ) -> Reply:
        if self._root is None:
            return Reply(503, {"title": "这个沙箱没有连接应用"})
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = self._http.request(
                method, f"{self._root}/api/v1{path}", json=body, params=query, headers=headers, timeout=_PATIENCE_S
            )
            return Reply(answer.status_code, answer.json() if answer.content else None)
        except (requests.RequestException, ValueError):
            return Reply(503, {"title": "小程序连不上服务器，请确认应用已启动"})
