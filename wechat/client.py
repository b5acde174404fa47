"""The calls of a mini-program's server to WeChat, over wechatpy's transport (wechat.md §A.6, §B)."""

import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
import urllib3
from wechatpy import WeChatClient
from wechatpy.client.api import WeChatWxa
from wechatpy.exceptions import WeChatClientException

from wechat.answers import SUGGESTIONS, AccountTemplate, BoundedSession, Quota, Verdict, mapping, member, text
from wechat.breaker import Breaker
from wechat.outcomes import (
    TOKEN_REFUSED,
    Misconfigured,
    RetryLater,
    UserMustAct,
    WeChatFailure,
    outcome_of,
    unreachable,
    wrong_secret,
)
from wechat.redaction import Hidden, hide_secrets_in_logs
from wechat.tokens import TokenKeeper, TokenStore

_PNG_OR_JPEG = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_LINE = re.compile(r"([^\n{}]*?)[:：]?\s*\{\{(\w+)\.DATA\}\}")
#: What else than wechatpy's own exception a broken answer can raise inside requests, urllib3 and wechatpy.
_BROKEN = (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError, TypeError, RecursionError)


class _RootedWxa(WeChatWxa):  # type: ignore[misc]  # wechatpy is untyped
    """wechatpy's own mini-program calls, sent to the configured root like all others."""

    @property
    def API_BASE_URL(self) -> str:  # noqa: N802  # wechatpy reads this name
        return str(self._client.api_root) + "/"


class MiniProgramClient(WeChatClient):  # type: ignore[misc]  # wechatpy is untyped
    """One mini-program's access to WeChat. Threads may share it.

    Every method raises only `WeChatFailure`s, one of its five kinds; `timeout` bounds every HTTP request.
    """

    wxa = _RootedWxa()

    def __init__(
        self,
        appid: str,
        secret: str,
        api_root: str,
        token_store: TokenStore,
        *,
        timeout: tuple[float, float] = (3, 8),
        wait_for_token_s: float = 5.0,
    ) -> None:
        """Prepare; nothing is called yet.

        :param api_root: scheme and host that stand for https://api.weixin.qq.com, for example the sandbox's.
        :param timeout: seconds to connect and seconds between bytes, for every single call; together they bound it.
        """
        super().__init__(appid, Hidden(secret), timeout=timeout, auto_retry=False)
        self.api_root = api_root.rstrip("/")
        self._http = BoundedSession(sum(timeout))
        self._breaker = Breaker()
        self._tokens = TokenKeeper(appid, token_store, self._fetch_stable_token, wait_s=wait_for_token_s)
        # A proxy that the environment names is for the outer world; a sandbox on this machine is reached directly.
        self._http.trust_env = urlsplit(self.api_root).hostname not in {"127.0.0.1", "localhost", "::1"}
        hide_secrets_in_logs("urllib3.connectionpool", "urllib3.util.retry", "wechatpy.client.base")

    def __repr__(self) -> str:
        return f"<MiniProgramClient {self.appid} at {self.api_root}>"

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    @property
    def API_BASE_URL(self) -> str:  # noqa: N802  # wechatpy's other calls read this name
        """Where wechatpy's own calls go."""
        return self.api_root + "/cgi-bin/"

    @property
    def access_token(self) -> Hidden:
        """The shared stable token; see `TokenKeeper.current`."""
        return self._tokens.current()

    def fetch_access_token(self) -> None:
        """Renew the shared token where it is due; wechatpy's own method would call a fixed address."""
        self._tokens.current()

    def renew_token(self) -> None:
        """Ask WeChat for the token at once, whoever else may be asking: an operator's check of the account.

        Only a check: WeChat gives the same token to everybody.
        """
        self._tokens.ask()

    # -- who is it ----------------------------------------------------------------------------------------------

    def login(self, code: str) -> str:
        """Exchange a code of wx.login for the openid; one request without a token, never repeated (codes work once).

        WeChat's `session_key` comes along and is forgotten here; we never need it.

        :raises UserMustAct: the code is used, old or unknown (ask for a new one), or WeChat blocks this user.
        """
        params = {
            "appid": self.appid,
            "secret": self.secret,
            "js_code": Hidden(code),
            "grant_type": "authorization_code",
        }
        return text(mapping(self._send("get", f"{self.api_root}/sns/jscode2session", params)), "openid")

    def check_session(self, openid: str, key: str) -> bool:
        """Say whether WeChat still takes a user's session key.

        The product keeps no session key and never asks this; it is for one who holds a key, of a login made by hand.
        """
        signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        query = {"openid": openid, "signature": Hidden(signature), "sig_method": "hmac_sha256"}
        try:
            text(self._request("get", f"{self.api_root}/wxa/checksession", params=query), "errmsg")
        except UserMustAct as stale:
            if stale.errcode != 87009:
                raise
            return False
        return True

    def phone_number(self, code: str, openid: str) -> str:
        """Exchange a code of the phone button for the number; WeChat checks that code and openid belong together.

        :returns: the plain number for mainland China, `+<country><number>` for others.
        :raises UserMustAct: the code is used, old or another user's.
        """
        answer = self._post("wxa/business/getuserphonenumber", {"code": Hidden(code), "openid": openid})
        phone = member(answer, "phone_info", dict)
        if member(phone, "watermark", dict).get("appid") != self.appid:
            raise Misconfigured("手机号应答属于另一个小程序")
        number, country = text(phone, "purePhoneNumber"), str(phone.get("countryCode", "86"))
        return number if country == "86" else f"+{country}{number}"

    # -- messages -----------------------------------------------------------------------------------------------

    def send_subscription(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, Mapping[str, str]],
        page: str | None = None,
        *,
        state: Literal["developer", "trial", "formal"] = "formal",
        lang: str = "zh_CN",
    ) -> None:
        """Send one subscription message; it costs the user's credit for this template.

        :param data: as `wechat.templates.fill` makes it.
        :param page: the published page that a tap opens, with its query; None opens nothing.
        :raises UserMustAct: 43101, no credit. :raises Dropped: 47003, `field` names the keyword.
        """
        body = {
            "touser": openid,
            "template_id": template_id,
            "data": {keyword: dict(cell) for keyword, cell in data.items()},
            "miniprogram_state": state,
            "lang": lang,
        }
        self._post("cgi-bin/message/subscribe/send", body | ({"page": page} if page else {}))

    def templates(self) -> list[AccountTemplate]:
        """The subscription templates of the account, to be compared with our table at deploy time."""
        rows = member(mapping(self._request("get", f"{self.api_root}/wxaapi/newtmpl/gettemplate")), "data", list)
        return [
            AccountTemplate(
                text(row, "priTmplId"),
                text(row, "title"),
                {keyword: label.strip() for label, keyword in _LINE.findall(text(row, "content"))},
            )
            for row in rows
        ]

    # -- content ------------------------------------------------------------------------------------------------

    def check_text(self, content: str, scene: Literal[1, 2, 3, 4], openid: str) -> Verdict:
        """Have a text checked (msg_sec_check v2).

        :param content: at most 2500 characters.
        :param scene: 1 profile, 2 comment, 3 forum, 4 log.
        :param openid: its author, who must have opened the mini-program within two hours.
        :raises UserMustAct: 61010, the author has not been here lately; a person has to judge.
        """
        body = {"content": content, "version": 2, "scene": scene, "openid": openid}
        answer = self._post("wxa/msg_sec_check", body)
        result = member(answer, "result", dict)
        suggest = SUGGESTIONS.get(text(result, "suggest"))
        if suggest is None:
            raise unreachable("unknown suggestion")
        return Verdict(suggest, member(result, "label", int), text(answer, "trace_id"))

    def check_media(self, media_url: str, media_type: Literal[1, 2], scene: Literal[1, 2, 3, 4], openid: str) -> str:
        """Have a picture (2) or sound (1) checked; the verdict comes later as a `wxa_media_check` push.

        :param media_url: an address from which WeChat can fetch it, at most 10 MB.
        :returns: the trace id that the push will carry.
        """
        body = {"media_url": media_url, "media_type": media_type, "version": 2, "scene": scene, "openid": openid}
        return text(self._post("wxa/media_check_async", body), "trace_id")

    # -- codes and links ----------------------------------------------------------------------------------------

    def mini_code(
        self,
        scene: str,
        page: str,
        *,
        env_version: Literal["release", "trial", "develop"] = "release",
        check_path: bool = True,
        width_px: int = 430,
    ) -> bytes:
        """A mini-program code as an image.

        :param scene: up to 32 characters: digits, letters and ``!#$&'()*+,/:;=?@-._~``.
        :param page: without a leading slash and without a query; with `check_path` it must be published.
        """
        body = {
            "scene": scene,
            "page": page,
            "check_path": check_path,
            "env_version": env_version,
            "width": width_px,
        }
        answer = self._request("post", f"{self.api_root}/wxa/getwxacodeunlimit", data=body)
        if not isinstance(answer, requests.Response):
            raise unreachable("not an image")
        return answer.content

    def url_link(self, page: str, query: str = "", *, valid_days: int = 30) -> str:
        """A link that opens the mini-program from a text message.

        :param query: at most 1024 characters, without the question mark.
        :param valid_days: 1 to 30.
        """
        body = {"path": page, "query": query, "expire_type": 1, "expire_interval": valid_days}
        return text(self._post("wxa/generate_urllink", body), "url_link")

    # -- diagnosis ----------------------------------------------------------------------------------------------

    def quota(self, path: str) -> Quota:
        """How much of an interface's daily limit is left.

        :param path: for example `/cgi-bin/message/subscribe/send`.
        """
        numbers = member(self._post("cgi-bin/openapi/quota/get", {"cgi_path": path}), "quota", dict)
        return Quota(*(member(numbers, name, int) for name in ("daily_limit", "used", "remain")))

    def clear_quota(self) -> None:
        """Set today's counters of all interfaces to zero, by the secret, as no token may be left; ten times a month.

        Only for an operator's command: a loop that clears its own limit would use up the month's clears in minutes.

        :raises BackOff: 48006, the month's clears are used up.
        """
        body = {"appid": self.appid, "appsecret": self.secret}
        text(self._send("post", f"{self.api_root}/cgi-bin/clear_quota/v2", {}, data=body), "errmsg")

    def time_there(self) -> datetime:
        """What WeChat's clock shows, in full seconds, by the `Date` of an answer."""
        url = self.api_root + "/"
        try:
            answer = self._http.head(url, timeout=self.timeout, allow_redirects=False)
            return parsedate_to_datetime(answer.headers.get("Date", "")).replace(tzinfo=UTC)
        except _BROKEN as error:
            failure = unreachable(type(error).__name__)
        raise failure

    def explain(self, rid: str) -> dict[str, Any]:
        """When and from where a failed request was made, and how long it took; its full text would hold secrets."""
        report = member(self._post("cgi-bin/openapi/rid/get", {"rid": rid}), "request", dict)
        return {name: report.get(name) for name in ("invoke_time", "cost_in_ms", "client_ip")}

    # -- transport ----------------------------------------------------------------------------------------------

    def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return mapping(self._request("post", f"{self.api_root}/{path}", data=body))

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """Go through wechatpy's single door: add the token, and after a refused one try once more with another."""
        query = dict(kwargs.pop("params", None) or {})
        url = url_or_endpoint
        if not url.startswith(("http://", "https://")):
            url = kwargs.pop("api_base_url", self.API_BASE_URL) + url
        token = self._tokens.current()
        try:
            return self._send(method, url, query | {"access_token": token}, **kwargs)
        except WeChatFailure as failure:
            if failure.errcode not in TOKEN_REFUSED:
                raise
            refusal = failure
        another = self._another_token(token)
        if another is None:
            raise refusal
        return self._send(method, url, query | {"access_token": another}, **kwargs)

    def _another_token(self, refused: Hidden) -> Hidden | None:
        try:
            return self._tokens.current(refused)
        except RetryLater:
            return None

    def _fetch_stable_token(self) -> tuple[str, int]:
        body = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret, "force_refresh": False}
        try:
            answer = mapping(self._send("post", f"{self.api_root}/cgi-bin/stable_token", {}, data=body))
        except WeChatFailure as failure:
            if failure.errcode not in TOKEN_REFUSED:
                raise
            refusal = wrong_secret(failure)
        else:
            return Hidden(text(answer, "access_token")), member(answer, "expires_in", int)
        raise refusal

    def _send(self, method: str, url: str, query: Mapping[str, Any], **kwargs: Any) -> Any:
        """One HTTP request. Failures are raised outside the except blocks, so that no foreign exception hangs on them.

        The query goes as pairs: to a dict wechatpy would add a token, and a login must not ask for one.
        """
        if not url.startswith(self.api_root + "/"):
            raise Misconfigured("该接口不在配置的微信接口地址之下")
        kwargs |= {"params": list(query.items()), "timeout": self.timeout, "allow_redirects": False}
        with self._breaker.guarding(url.removeprefix(self.api_root)):
            try:
                return _readable(super()._request(method, url, **kwargs))
            except WeChatClientException as error:
                failure = _failure_of(error)
            except _BROKEN as error:
                failure = unreachable(type(error).__name__)
            raise failure


def _readable(value: Any) -> Any:
    """Let a JSON object or an image through; a gateway's page in HTML is a failure of the interface."""
    if isinstance(value, dict) or (isinstance(value, requests.Response) and value.content.startswith(_PNG_OR_JPEG)):
        return value
    raise ValueError("neither an object nor an image")


def _failure_of(error: WeChatClientException) -> WeChatFailure:
    if error.errcode is None:
        return unreachable(f"HTTP {error.response.status_code}")
    return outcome_of(error.errcode, error.errmsg)
