"""The short codes that a phone hands to the mini-program: of wx.login and of the phone-number button (§B.1, §B.3)."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from wechat.sandbox.refusals import Refused

_LIFE = timedelta(minutes=5)
_KEPT = 10_000

Purpose = Literal["login", "phone"]


@dataclass
class _Code:
    purpose: Purpose
    openid: str
    issued_at: datetime
    used: bool = False


class CodeDesk:
    """Codes are good once, for five minutes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}

    def issue(self, openid: str, purpose: Purpose) -> str:
        """A new code of 32 characters."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = _Code(purpose, openid, self._now())
            if len(self._codes) > _KEPT:
                self._codes.pop(next(iter(self._codes)))
        return code

    def redeem(self, text: object, purpose: Purpose, openid: object = None) -> str:
        """Use a code up and give its openid.

        :param openid: whom the caller takes for its owner; a phone code of somebody else stays unused.
        :raises Refused: 40029 unknown, old or another user's; 40163 a used login code (a used phone code: 40029).
        """
        with self._lock:
            code = self._codes.get(text) if isinstance(text, str) else None
            if code is None or code.purpose != purpose:
                raise Refused(40029)
            if code.used:
                raise Refused(40163 if purpose == "login" else 40029)
            if abs(self._now() - code.issued_at) > _LIFE or (openid is not None and openid != code.openid):
                raise Refused(40029)
            code.used = True
            return code.openid
