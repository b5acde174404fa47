"""What the phones keep: subscription credits, received messages, and when their owner last opened the mini-program."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from wechat.sandbox.refusals import Refused

_RECENT = timedelta(hours=2)


@dataclass(frozen=True)
class Message:
    """A subscription message as its reader sees it; lines are keyword, label and value."""

    template: str
    title: str
    lines: tuple[tuple[str, str, str], ...]
    page: str | None
    state: str
    at: datetime

    def as_json(self) -> dict[str, object]:
        """For `GET …/messages`."""
        return {
            "template": self.template,
            "title": self.title,
            "fields": [{"keyword": keyword, "label": label, "value": value} for keyword, label, value in self.lines],
            "page": self.page,
            "state": self.state,
            "at": self.at.isoformat(),
        }


class Inbox:
    """All phones' memory."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._credits: Counter[tuple[str, str]] = Counter()
        self._messages: defaultdict[str, list[Message]] = defaultdict(list)
        self._visits: dict[str, datetime] = {}
        self._sending: set[str] = set()

    def visit(self, openid: str) -> None:
        """The owner opened the mini-program."""
        with self._lock:
            self._visits[openid] = self._now()

    def require_recent_visit(self, openid: str) -> None:
        """Content checks need an author who was here within two hours.

        :raises Refused: 61010.
        """
        with self._lock:
            visited_at = self._visits.get(openid)
            if visited_at is None or abs(self._now() - visited_at) > _RECENT:
                raise Refused(61010)

    def answer_subscription(self, openid: str, template_id: str, *, accepted: bool) -> int:
        """Accepting adds one credit, refusing clears them. Gives the credits that remain."""
        with self._lock:
            self._credits[openid, template_id] = self._credits[openid, template_id] + 1 if accepted else 0
            return self._credits[openid, template_id]

    def credits(self, openid: str, template_id: str) -> int:
        """How many messages of this template the user would still accept."""
        with self._lock:
            return self._credits[openid, template_id]

    @contextmanager
    def sending(self, openid: str) -> Iterator[None]:
        """Hold the way to one user while a message is under way.

        :raises Refused: 43108, another message is.
        """
        with self._lock:
            if openid in self._sending:
                raise Refused(43108)
            self._sending.add(openid)
        try:
            yield
        finally:
            with self._lock:
                self._sending.discard(openid)

    def deliver(self, openid: str, template_id: str, message: Message, *, lasting: bool = False) -> None:
        """Show the message and spend a credit; that of a long-term template stays.

        :raises Refused: 43101, no credit.
        """
        with self._lock:
            if self._credits[openid, template_id] <= 0:
                raise Refused(43101)
            self._credits[openid, template_id] -= not lasting
            self._messages[openid].append(message)

    def messages(self, openid: str) -> list[Message]:
        """Received messages, oldest first."""
        with self._lock:
            return list(self._messages[openid])
