"""Everything that a sandbox remembers, in memory."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp

from wechat.sandbox.codes import CodeDesk
from wechat.sandbox.faults import FaultBook
from wechat.sandbox.inbox import Inbox
from wechat.sandbox.limits import LimitDesk
from wechat.sandbox.program import MiniProgram
from wechat.sandbox.pushes import Push, PushDesk
from wechat.sandbox.settings import STRANGERS, Phone, SandboxSettings
from wechat.sandbox.tokens import TokenDesk

_LOG_KEPT = 20_000
_RIDS_KEPT = 1_000
_CODES_SEEN = 6


@dataclass(frozen=True)
class DrawnCode:
    """A mini-program code that was drawn lately, as phones nearby may see it on a screen."""

    page: str
    scene: str
    at: datetime


@dataclass(frozen=True)
class LogEntry:
    """One call that was received. `errcode` is None where the answer had none; `fault` was one on command."""

    seq: int
    at: datetime
    method: str
    path: str
    errcode: int | None
    fault: str | None

    def as_json(self) -> dict[str, object]:
        """For `GET /sandbox/log`."""
        return {**vars(self), "at": self.at.isoformat()}


class CallLog:
    """The calls in the order of their answers. Neither query nor body is kept, so no secret, token or code is."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: deque[LogEntry] = deque(maxlen=_LOG_KEPT)
        self._count = 0

    def add(self, method: str, path: str, errcode: int | None, fault: str | None) -> None:
        """Note a call."""
        with self._lock:
            self._count += 1
            self._entries.append(LogEntry(self._count, self._now(), method, path, errcode, fault))

    def entries(self, since: int | datetime | None = None) -> list[LogEntry]:
        """All entries, those after a sequence number, or those from a time on."""
        with self._lock:
            entries = list(self._entries)
        if isinstance(since, int):
            return [entry for entry in entries if entry.seq > since]
        return [entry for entry in entries if since is None or entry.at >= since]


class World:
    """The account, its users and all desks of the platform."""

    def __init__(
        self, settings: SandboxSettings, phones: Callable[[], Sequence[Phone]], now: Callable[[], datetime], push: Push
    ) -> None:
        self.settings = settings
        self.now = now
        self._demo_phones = phones
        self.allowed_ips = settings.allowed_ips
        self.faults = FaultBook()
        self.tokens = TokenDesk(now)
        self.codes = CodeDesk(now)
        self.inbox = Inbox(now)
        self.limits = LimitDesk(settings.daily_limits, now)
        self.log = CallLog(now)
        #: Of each user the one key that is valid: the last login's.
        self.session_keys: dict[str, str] = {}
        self.pushes = PushDesk(settings, now, self.faults.take, push)
        self.drawn: deque[DrawnCode] = deque(maxlen=_CODES_SEEN)
        self.authenticators: dict[str, list[pyotp.TOTP]] = {}
        """By openid: what a phone's authenticator keeps."""
        self.program = MiniProgram(settings.app_url, self.new_login_code)
        self._rids: deque[tuple[str, dict[str, object]]] = deque(maxlen=_RIDS_KEPT)

    def phones(self) -> list[Phone]:
        """The demo people, then the strangers whom no demo person's phone has taken over."""
        demo = list(self._demo_phones())
        taken = {phone.openid for phone in demo}
        return demo + [stranger for stranger in STRANGERS if stranger.openid not in taken]

    def phone(self, openid: object) -> Phone | None:
        """The phone of this openid."""
        return next((phone for phone in self.phones() if phone.openid == openid), None)

    def new_login_code(self, openid: str) -> str:
        """Open the mini-program on a phone and call wx.login."""
        self.inbox.visit(openid)
        return self.codes.issue(openid, "login")

    def remember(self, rid: str, report: dict[str, object]) -> None:
        """Keep what the rid interface tells about a failed call."""
        self._rids.append((rid, report))

    def recall(self, rid: object) -> dict[str, object] | None:
        """The report of a failed call."""
        return next((report for known, report in list(self._rids) if known == rid), None)
