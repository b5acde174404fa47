"""WeChat as the service sees it: our ports, spoken through the client; and the token table that all processes share."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Literal, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError

from models.base import new_id
from models.journal import WechatToken
from service.core import leases
from service.core.ports import AuthorAway, CodeRefused, Finding, Scene, SendRefused, Verdict, WechatDown
from service.core.settings import Settings
from service.core.unit import House
from wechat import doctor
from wechat.account import SHIPPED, load
from wechat.client import MiniProgramClient
from wechat.outcomes import BackOff, Dropped, Misconfigured, UserMustAct, WeChatFailure
from wechat.templates import Template, fill
from wechat.tokens import LEASE_S

log = structlog.get_logger("tepai.wechat")

T = TypeVar("T")

#: What WeChat says of words that it does not like, as such or as a broken field (wechat.md §B.4).
_WORDS_REFUSED = {45168, 47003, 87014}
#: Its author is no user of this mini-program, or has not opened it within two hours (wechat.md §B.6).
_AWAY = {40003, 61010}
#: How the first version of the check said `risky`.
_FORBIDDEN = 87014
_PICTURE: Literal[2] = 2
_LONG_WAIT_S, _SHORT_WAIT_S = 60, 5


class TableTokenStore:
    """The access token in one encrypted row; the right to fetch it is a lease (take, commit, call, store)."""

    def __init__(self, house: House, lease_s: int = LEASE_S) -> None:
        self._house = house
        self._lease_s = lease_s

    def get(self, appid: str) -> tuple[str, datetime] | None:
        """Give the stored token and its end, if there is one."""
        with self._house.reader.connect() as connection:
            row = connection.execute(
                sa.select(WechatToken.token, WechatToken.expires_at).where(WechatToken.appid == appid)
            ).first()
        return None if row is None else (self._house.vault.unseal(row.token), row.expires_at)

    def lease(self, appid: str) -> str | None:
        """Take the right to fetch, for one thread of one process at a time."""
        holder = new_id().hex
        return holder if leases.take(self._house, _lease_of(appid), holder, self._lease_s) else None

    def put(self, appid: str, token: str, expires_at: datetime, holder: str) -> None:
        """Store a fetched token and give the lease back.

        Of two that store at once, the second after a pause longer than its lease, both hold WeChat's one stable token.
        """
        values = {"token": self._house.vault.seal(token), "expires_at": expires_at}
        mine = sa.update(WechatToken).where(WechatToken.appid == appid).values(**values)
        try:
            with self._house.engine.begin() as connection:
                if not connection.execute(mine).rowcount:
                    connection.execute(sa.insert(WechatToken).values(appid=appid, **values))
        except IntegrityError:
            pass
        leases.give_back(self._house, _lease_of(appid), holder)


def _lease_of(appid: str) -> str:
    return f"wechat-token-{appid}"


class Gateway:
    """Speaks to WeChat for the service. None of its calls may run inside a transaction."""

    def __init__(self, house: House, client: MiniProgramClient, templates: Mapping[str, Template]) -> None:
        self._house = house
        self._client = client
        self._templates = templates

    def login(self, code: str) -> str:
        """Give the openid of a login code. :raises CodeRefused, WechatDown:"""
        return _of_user("login", lambda: self._client.login(code))

    def phone_number(self, code: str, openid: str) -> str:
        """Give the phone number behind a code, checked to be this user's. :raises CodeRefused, WechatDown:"""
        return _of_user("phone_number", lambda: self._client.phone_number(code, openid))

    def send(self, openid: str, template: str, values: Mapping[str, str | int | date], page: str) -> None:
        """Send a subscription message; words that WeChat refuses are replaced by neutral ones, once.

        :raises SendRefused: user, fields, wait or broken. :raises WechatDown:
        """
        try:
            try:
                self._send(openid, template, values, page)
            except Dropped as refused:
                if refused.errcode not in _WORDS_REFUSED:
                    raise
                _note("send", refused)
                self._send(openid, template, values, page, neutral=True)
        except (KeyError, ValueError) as error:
            log.warning("message cannot be shown", template=template, kind=type(error).__name__)
            raise SendRefused("fields") from None
        except WeChatFailure as failure:
            _note("send", failure)
            raise _unsent(failure) from None

    def _send(
        self, openid: str, key: str, values: Mapping[str, str | int | date], page: str, *, neutral: bool = False
    ) -> None:
        template = self._templates[key]
        data = fill(template, values, neutral=neutral)
        state = self._house.settings.wechat_state
        self._client.send_subscription(openid, template.template_id, data, page or template.page, state=state)

    def code_image(self, scene: str, page: str) -> bytes:
        """Give the PNG of a mini-program code. :raises WechatDown:"""
        try:
            return self._client.mini_code(scene, page)
        except WeChatFailure as failure:
            _note("code_image", failure)
            raise _down(failure) from None

    def findings(self) -> Iterator[Finding]:
        """Check the account's settings one by one; see `doctor.examine`."""
        return doctor.examine(self._client, self._templates, self._house.settings, self._house.clock.now())

    def clear_quota(self) -> Finding:
        """Set WeChat's daily counters to zero, at an operator's command."""
        return doctor.clear_quota(self._client)

    def check_text(self, text: str, scene: Scene, openid: str) -> Verdict:
        """Have a text checked. :raises AuthorAway, WechatDown:"""
        try:
            found = self._client.check_text(text, scene, openid)
        except WeChatFailure as failure:
            _note("check_text", failure)
            if failure.errcode == _FORBIDDEN:
                return Verdict("", "risky", str(_FORBIDDEN))
            raise _unchecked(failure) from None
        return Verdict(found.trace_id, found.suggest, str(found.label))

    def check_picture(self, url: str, scene: Scene, openid: str) -> str:
        """Have a picture checked; the verdict comes as a push. :raises AuthorAway, WechatDown:"""
        try:
            return self._client.check_media(url, _PICTURE, scene, openid)
        except WeChatFailure as failure:
            _note("check_picture", failure)
            raise _unchecked(failure) from None


def _unchecked(failure: WeChatFailure) -> Exception:
    return AuthorAway() if failure.errcode in _AWAY else _down(failure)


def _of_user(call: str, ask: Callable[[], T]) -> T:
    """Make a call with something that a user brought."""
    try:
        return ask()
    except (UserMustAct, Dropped) as refused:
        _note(call, refused)
        raise CodeRefused from None
    except WeChatFailure as failure:
        _note(call, failure)
        raise _down(failure) from None


def _unsent(failure: WeChatFailure) -> Exception:
    why = {UserMustAct: "user", Dropped: "fields", BackOff: "wait", Misconfigured: "broken"}.get(type(failure))
    return SendRefused(why) if why else _down(failure)


def _down(failure: WeChatFailure) -> WechatDown:
    otherwise = _LONG_WAIT_S if isinstance(failure, (BackOff, Misconfigured)) else _SHORT_WAIT_S
    return WechatDown(failure.retry_after_s or otherwise)


def _note(call: str, failure: WeChatFailure) -> None:
    """Write what WeChat's diagnosis page needs: number and rid."""
    log.warning("wechat refused", call=call, outcome=type(failure).__name__, errcode=failure.errcode, rid=failure.rid)


def templates_of(settings: Settings) -> Mapping[str, Template]:
    """Read the account's templates. :raises BadTemplates: if the file cannot be used."""
    return load(settings.wechat_templates or SHIPPED)


def make_gateway(house: House) -> Gateway:
    """Build the gateway of a house from its settings."""
    settings = house.settings
    client = MiniProgramClient(
        settings.wechat_appid, settings.wechat_secret, settings.wechat_api_root, TableTokenStore(house)
    )
    return Gateway(house, client, templates_of(settings))
