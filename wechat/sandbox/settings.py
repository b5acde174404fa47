"""What a sandbox is told: the account it plays, and the people whose phones it plays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wechat.account import TEMPLATES
from wechat.templates import Template


@dataclass(frozen=True)
class Phone:
    """A WeChat user: a demo person, or a stranger whom the application does not know."""

    openid: str
    name: str
    phone: str
    roles: tuple[Mapping[str, str], ...] = ()
    bound: bool = False
    offices: tuple[str, ...] = ()
    """The roles as a person reads them."""


#: Fictional people; 1990000 is no assigned number range.
STRANGERS = (
    Phone("oSandboxStranger00000000001", "陌生人甲", "19900009001"),
    Phone("oSandboxStranger00000000002", "陌生人乙", "19900009002"),
    Phone("oSandboxStranger00000000003", "陌生人丙（手机号额度用完）", "19900009003"),
    Phone("oSandboxStranger00000000004", "陌生人丁（被微信限制登录）", "19900009004"),
)
WITHOUT_PHONE_QUOTA = STRANGERS[2].openid
BLOCKED = STRANGERS[3].openid

_MORE_PAGES = (
    "pages/index/index",
    "pages/bind/index",
    "pages/console/confirm",
    "pages/townships/detail",
    "pages/confirmations/detail",
)


@dataclass(frozen=True)
class SandboxSettings:
    """The account. Durations are in seconds; the defaults suit a developer's screen, tests shorten them.

    :ivar pages: published pages, without a leading slash.
    :ivar allowed_ips: addresses that may call (40164 for others); None switches the whitelist off, as is usual;
        `PUT /sandbox/whitelist` changes it.
    :ivar daily_limits: path → calls a day, in place of WeChat's real figures.
    :ivar app_url: the application that the phones' mini-program talks to; None where there is none.
    :ivar callback_url: where pushes go; None when the application takes none.
    :ivar send_takes_s: how long one subscription message is under way; a second one to the same user gets 43108.
    """

    appid: str = "wxsandbox000000001"
    secret: str = field(default="sandbox-secret-of-no-account", repr=False)
    original_id: str = "gh_sandbox000001"
    app_url: str | None = None
    callback_url: str | None = None
    callback_token: str = field(default="sandboxtoken", repr=False)
    callback_aes_key: str = field(default="c2FuZGJveC1hZXMta2V5LW9mLTMyLWJ5dGVzLSEhISE", repr=False)
    templates: Mapping[str, Template] = field(default_factory=lambda: TEMPLATES)
    pages: frozenset[str] = frozenset({template.page for template in TEMPLATES.values()} | set(_MORE_PAGES))
    allowed_ips: frozenset[str] | None = None
    daily_limits: Mapping[str, int] = field(default_factory=dict)
    risky_words: tuple[str, ...] = ("赌博", "枪支")
    review_words: tuple[str, ...] = ("加微信", "代办")
    forbidden_words: tuple[str, ...] = ("违禁词",)
    slow_s: float = 3.0
    hang_s: float = 30.0
    drip_s: float = 1.0
    send_takes_s: float = 0.0
    push_after_s: float = 1.0
    push_late_s: float = 5.0
    push_retry_s: float = 5.0
