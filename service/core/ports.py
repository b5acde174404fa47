"""What the service asks of the outside world. `wsgi.py` brings the real ones; nothing here knows how they work."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

Scene = Literal[1, 2, 3, 4]
"""Where WeChat supposes checked content to stand: profile, comment, forum, log."""


class WechatDown(Exception):
    """WeChat cannot be reached or asked us to wait; `retry_after` in seconds."""

    def __init__(self, retry_after: int = 5) -> None:
        super().__init__("WeChat is away")
        self.retry_after = retry_after


class CodeRefused(Exception):
    """WeChat did not accept a login or phone code: used, expired, or another user's."""


class AuthorAway(Exception):
    """WeChat checks only what somebody wrote who opened the mini-program within two hours (61010)."""


class SendRefused(Exception):
    """WeChat will not deliver this message; `why` is user, fields, wait or broken."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Finding:
    """One setting of the WeChat account that was looked at: what it is, whether it is good, what to do. In Chinese."""

    what: str
    good: bool
    says: str
    todo: str = ""


@dataclass(frozen=True)
class Answer:
    """What a WeChat user said to a template, by our key."""

    template: str
    accepted: bool


@dataclass(frozen=True)
class Subscribable:
    """A template that a user can be asked for: our key, WeChat's id and what it is about.

    :ivar lasting: a long-term one; `wx.requestSubscribeMessage` takes no long-term and one-time ones in one call.
    """

    template: str
    template_id: str
    title: str
    lasting: bool


@dataclass(frozen=True)
class Verdict:
    """What WeChat's check came to: `suggest` is pass, review or risky; `label` is WeChat's word for why."""

    trace_id: str
    suggest: str
    label: str


@dataclass(frozen=True)
class Event:
    """What WeChat told us on its own, in our words. `at` is when it happened, by WeChat's clock, in whole seconds.

    :ivar revoked: purposes (phone, location, photos) for which the user took back the consent.
    """

    name: str
    openid: str
    at: datetime
    answers: tuple[Answer, ...] = ()
    revoked: frozenset[str] = frozenset()
    verdict: Verdict | None = None


class Wechat(Protocol):
    """The calls to WeChat that the product needs. None of them may run inside a transaction."""

    def login(self, code: str) -> str:
        """Give the openid of a login code. :raises CodeRefused, WechatDown:"""
        ...

    def phone_number(self, code: str, openid: str) -> str:
        """Give the phone number of a phone code, checked to be that user's. :raises CodeRefused, WechatDown:"""
        ...

    def send(self, openid: str, template: str, values: Mapping[str, str | int | date], page: str) -> None:
        """Send a subscription message: texts, numbers, dates, aware times. :raises SendRefused, WechatDown:"""
        ...

    def code_image(self, scene: str, page: str) -> bytes:
        """Give the PNG of a mini-program code. :raises WechatDown:"""
        ...

    def findings(self) -> Iterator[Finding]:
        """Look at the account's settings one by one, for an operator."""
        ...

    def clear_quota(self) -> Finding:
        """Set WeChat's daily counters to zero; only at an operator's command, ten times a month."""
        ...

    def check_text(self, text: str, scene: Scene, openid: str) -> Verdict:
        """Have up to 2500 characters of an author's checked. :raises AuthorAway, WechatDown:"""
        ...

    def check_picture(self, url: str, scene: Scene, openid: str) -> str:
        """Have a picture checked; gives the trace id of the verdict to come. :raises AuthorAway, WechatDown:"""
        ...


class Account(Protocol):
    """What is known of the WeChat account without asking: its templates, and what its events mean."""

    @property
    def lasting(self) -> frozenset[str]:
        """Our keys of the long-term templates: one accept allows any number of messages until a refusal (§B.4)."""
        ...

    @property
    def subscribable(self) -> tuple[Subscribable, ...]:
        """The templates that the account has; what was not applied for yet is not among them."""
        ...

    def read_event(self, text: str) -> Event:
        """Read an event that WeChat pushed. :raises ValueError: if it does not say what such events say."""
        ...


class FilesAway(Exception):
    """The file store does not answer, or not as it should."""


class FilesFull(Exception):
    """The file store has no room left."""


class Files(Protocol):
    """Content-addressed storage: a name is the SHA-256 of what it holds. Beside it lie the parts of uploads.

    Every call may raise FilesAway, those that write FilesFull as well; then nothing of it was written.
    """

    def put(self, sha256: str, content: bytes) -> None:
        """Keep content under its digest; keeping it twice is once."""
        ...

    def get(self, sha256: str) -> bytes:
        """Give the content. :raises FileNotFoundError:"""
        ...

    def has(self, sha256: str) -> bool:
        """Say whether it is kept."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove it if it is there."""
        ...

    def names(self) -> list[str]:
        """List every digest that is kept."""
        ...

    def sweep(self, keep: AbstractSet[str], before: datetime) -> int:
        """Remove what was last written before a moment (real time) and is no kept digest nor of a kept upload."""
        ...

    def size(self) -> int:
        """Give how many bytes everything takes."""
        ...

    def put_part(self, upload: UUID, number: int, content: bytes) -> None:
        """Keep a part of an upload; the same number again takes its place."""
        ...

    def part(self, upload: UUID, number: int) -> bytes:
        """Give a part. :raises FileNotFoundError:"""
        ...

    def parts(self, upload: UUID) -> dict[int, int]:
        """Give the numbers of the parts that are there, each with its bytes."""
        ...

    def drop_parts(self, upload: UUID) -> None:
        """Remove every part of an upload."""
        ...


@dataclass(frozen=True)
class Ports:
    """The outside world, as one value."""

    wechat: Wechat
    files: Files
    account: Account
