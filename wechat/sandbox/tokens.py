"""Access tokens as the platform keeps them (wechat.md §B.2)."""

import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from wechat.sandbox.refusals import Refused

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_LIFE = timedelta(seconds=7200)
_OVERLAP = timedelta(minutes=5)
_BETWEEN_FORCED = timedelta(seconds=30)
_FORCED_A_DAY = 20
_KEPT = 10_000


@dataclass
class _Grant:
    token: str
    dies_at: datetime
    superseded: bool = False


class TokenDesk:
    """Issues classic and stable tokens, each in its own line, and judges the token of every call."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._grants: dict[str, _Grant] = {}
        self._latest: dict[str, _Grant] = {}
        self._forced_at: datetime | None = None
        self._forced: Counter[date] = Counter()

    def classic(self) -> tuple[str, int]:
        """A new token and its seconds; the token before lives on for at most five minutes."""
        with self._lock:
            return self._issue("classic", _OVERLAP)

    def stable(self, *, force: bool) -> tuple[str, int]:
        """The current token, or a new one within its last five minutes. `force` makes a new one and kills the old.

        :raises Refused: 45009 at the twenty-first forced renewal of a day.
        """
        with self._lock:
            now, latest = self._now(), self._latest.get("stable")
            if force and (self._forced_at is None or abs(now - self._forced_at) >= _BETWEEN_FORCED):
                today = now.astimezone(_SHANGHAI).date()
                if self._forced[today] >= _FORCED_A_DAY:
                    raise Refused(45009)
                self._forced[today] += 1
                self._forced_at = now
                return self._issue("stable", timedelta(0))
            if latest and _OVERLAP < latest.dies_at - now <= _LIFE:  # more than a life: the clock was put back
                return latest.token, int((latest.dies_at - now).total_seconds())
            return self._issue("stable", _OVERLAP)

    def check(self, token: object) -> None:
        """Judge a call's token.

        :raises Refused: 41001 missing, 40014 malformed, 42001 expired, 40001 unknown or superseded.
        """
        if not token:
            raise Refused(41001)
        if not isinstance(token, str) or not 40 <= len(token) <= 512:
            raise Refused(40014)
        with self._lock:
            grant = self._grants.get(token)
            if grant is None:
                raise Refused(40001)
            if grant.dies_at <= self._now():
                raise Refused(40001 if grant.superseded else 42001)

    def _issue(self, line: str, overlap: timedelta) -> tuple[str, int]:
        now, before = self._now(), self._latest.get(line)
        if before and before.dies_at > now:
            before.superseded = True
            before.dies_at = min(before.dies_at, now + overlap)
        grant = _Grant(f"{secrets.randbelow(90) + 10}_{secrets.token_urlsafe(90)}", now + _LIFE)
        self._latest[line] = self._grants[grant.token] = grant
        if len(self._grants) > _KEPT:
            self._grants.pop(next(iter(self._grants)))
        return grant.token, int(_LIFE.total_seconds())
