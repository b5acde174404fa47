"""The shared access token: one row for all processes, fetched by one of them at a time (wechat.md §A.4, §B.2)."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wechat.outcomes import RetryLater
from wechat.redaction import Hidden

#: WeChat gives a new stable token only within the last 300 s of the old one; asking a minute into them surely gets it.
RENEW_BEFORE = timedelta(seconds=240)
#: How long a lease lasts whose holder never stored a token. It is also the pause after a failed fetch: two a minute.
LEASE_S = 30
#: Pauses between two looks at the store while another process fetches: short at first, for a fetch takes a moment.
_FIRST_LOOK_S, _LAST_LOOK_S = 0.05, 0.5


class TokenStore(Protocol):
    """Where all processes keep the access token. Times are real time, never the clock of the rules."""

    def get(self, appid: str) -> tuple[str, datetime] | None:
        """The stored token and its aware end of life, or None."""

    def lease(self, appid: str) -> str | None:
        """Take the right to fetch, for one caller until `put` or until about `LEASE_S` have passed.

        :returns: the name under which this caller holds it; None while another does.
        """

    def put(self, appid: str, token: str, expires_at: datetime, holder: str) -> None:
        """Store a fetched token and give the lease back."""


class InMemoryTokenStore:
    """A `TokenStore` for one process: tests and trials."""

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._leased_until: dict[str, float] = {}

    def get(self, appid: str) -> tuple[str, datetime] | None:
        """See `TokenStore.get`."""
        with self._lock:
            return self._tokens.get(appid)

    def lease(self, appid: str) -> str | None:
        """See `TokenStore.lease`."""
        with self._lock:
            if self._leased_until.get(appid, 0.0) > time.monotonic():
                return None
            self._leased_until[appid] = time.monotonic() + self._lease_s
            return "here"

    def put(self, appid: str, token: str, expires_at: datetime, holder: str) -> None:
        """See `TokenStore.put`."""
        with self._lock:
            self._tokens[appid] = (token, expires_at)
            self._leased_until.pop(appid, None)


class TokenKeeper:
    """Hands out the shared token and renews it under the store's lease."""

    def __init__(
        self, appid: str, store: TokenStore, fetch: Callable[[], tuple[str, int]], *, wait_s: float = 5.0
    ) -> None:
        """Prepare; nothing is fetched yet.

        :param fetch: asks WeChat; gives token and remaining life in seconds, or raises an outcome.
        :param wait_s: how long a caller waits for the process that holds the lease.
        """
        self._appid = appid
        self._store = store
        self._fetch = fetch
        self._wait_s = wait_s

    def current(self, refused: str | None = None) -> Hidden:
        """A token that should be good.

        :param refused: a token that WeChat has just refused; any other one is returned, newly fetched if need be.
        :raises RetryLater: no other token could be had in time, or WeChat insists on the refused one.
        :raises WeChatFailure: the fetch itself was refused.
        """
        give_up_at, pause_s = time.monotonic() + self._wait_s, _FIRST_LOOK_S
        while True:
            token, left = self._stored(refused)
            if token and left > RENEW_BEFORE:
                return token
            if holder := self._store.lease(self._appid):
                return self._renew(refused, holder)
            if token and left > timedelta(0):
                return token
            if time.monotonic() >= give_up_at:
                raise RetryLater("其他进程正在获取访问凭证，或刚刚获取失败")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LAST_LOOK_S)

    def ask(self) -> None:
        """Fetch without the lease and store: an operator's check must not wait for the pause after a failed fetch.

        :raises WeChatFailure: the fetch was refused.
        """
        token, expires_in_s = self._fetch()
        self._store.put(self._appid, token, datetime.now(UTC) + timedelta(seconds=expires_in_s), "")

    def _stored(self, refused: str | None) -> tuple[Hidden | None, timedelta]:
        stored = self._store.get(self._appid)
        if stored is None or stored[0] == refused:
            return None, timedelta(0)
        return Hidden(stored[0]), stored[1] - datetime.now(UTC)

    def _renew(self, refused: str | None, holder: str) -> Hidden:
        """Fetch under the lease. On failure the lease is kept, so that an ill WeChat is not asked again at once."""
        token, left = self._stored(refused)
        if not token or left <= RENEW_BEFORE:
            fetched, expires_in_s = self._fetch()
            if fetched == refused:
                raise RetryLater("微信仍给出刚被拒绝的访问凭证")
            token, left = Hidden(fetched), timedelta(seconds=expires_in_s)
        self._store.put(self._appid, str(token), datetime.now(UTC) + left, holder)
        return token
