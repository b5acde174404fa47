"""How often an interface may be called: by Shanghai day and by minute (§B.7)."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from wechat.sandbox.refusals import Refused

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_CLEARS_A_MONTH = 10
_MINUTE_S = 60
_DAILY = {
    "/cgi-bin/token": 2_000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/message/subscribe/send": 10_000_000,
    "/wxa/msg_sec_check": 2_000_000,
    "/wxa/media_check_async": 200_000,
    "/wxa/generate_urllink": 500_000,
}
_USUAL_DAILY = 1_000_000


@dataclass
class _Window:
    minute: str
    since: float
    calls: int = 0


class LimitDesk:
    """Counts calls. A day's counters can be cleared ten times a month."""

    def __init__(self, daily_limits: Mapping[str, int], now: Callable[[], datetime]) -> None:
        self._daily = _DAILY | dict(daily_limits)
        self._now = now
        self._lock = threading.Lock()
        self._days: Counter[tuple[str, str]] = Counter()
        self._minutes: dict[str, _Window] = {}
        self._clears: Counter[str] = Counter()

    def count_day(self, path: str) -> None:
        """Count a call.

        :raises Refused: 45009, the day's calls are used up.
        """
        with self._lock:
            if self._days[path, self._today()] >= self._limit(path):
                raise Refused(45009)
            self._days[path, self._today()] += 1

    def count_minute(self, what: str, limit: int, errcode: int = 45011) -> None:
        """Count within the minute; the next begins when the clock's or the real one does.

        A clock that was set may stand still, and then its minute would never end.

        :raises Refused: with `errcode`, the minute's calls are used up.
        """
        with self._lock:
            minute, moment = f"{self._now():%Y%m%d%H%M}", time.monotonic()
            window = self._minutes.get(what)
            if window is None or window.minute != minute or moment - window.since >= _MINUTE_S:
                window = self._minutes[what] = _Window(minute, moment)
            if window.calls >= limit:
                raise Refused(errcode)
            window.calls += 1

    def report(self, path: str) -> dict[str, int]:
        """The day's figures of one interface."""
        with self._lock:
            used = self._days[path, self._today()]
            return {"daily_limit": self._limit(path), "used": used, "remain": self._limit(path) - used}

    def clear(self) -> None:
        """Set all counters of the day to zero.

        :raises Refused: 48006 at the eleventh time in a month.
        """
        with self._lock:
            month = self._today()[:7]
            if self._clears[month] >= _CLEARS_A_MONTH:
                raise Refused(48006)
            self._clears[month] += 1
            self._days.clear()
            self._minutes.clear()

    def _today(self) -> str:
        return self._now().astimezone(_SHANGHAI).date().isoformat()

    def _limit(self, path: str) -> int:
        return self._daily.get(path, _USUAL_DAILY)
