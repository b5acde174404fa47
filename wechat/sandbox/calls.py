"""The platform's interfaces: real paths, parameters and errcodes (wechat.md §B). Each handler answers one call."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wechat.sandbox import picture
from wechat.sandbox.fields import check_data
from wechat.sandbox.inbox import Message
from wechat.sandbox.refusals import Refused
from wechat.sandbox.settings import BLOCKED
from wechat.sandbox.world import DrawnCode, World
from wechat.templates import Template

Given = Mapping[str, Any]
Answer = dict[str, Any] | bytes
Handler = Callable[[World, Given], Answer]

_SCENE = re.compile(r"[0-9a-zA-Z!#$&'()*+,/:;=?@\-._~]{1,32}")
_LABELS = {"pass": 100, "review": 10001, "risky": 20006}


@dataclass(frozen=True)
class Call:
    """An interface. `with_token`: it needs an access_token in the query; `limited`: it counts against a daily limit."""

    path: str
    method: str
    handler: Handler
    with_token: bool
    limited: bool


CALLS: dict[str, Call] = {}


def _call(
    path: str, method: str = "POST", *, with_token: bool = True, limited: bool = True
) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        CALLS[path] = Call(path, method, handler, with_token, limited)
        return handler

    return register


# -- tokens ---------------------------------------------------------------------------------------------------------


@_call("/cgi-bin/token", "GET", with_token=False)
def _classic_token(world: World, given: Given) -> Answer:
    _check_account(world, given, "client_credential")
    token, life_s = world.tokens.classic()
    return {"access_token": token, "expires_in": life_s}


@_call("/cgi-bin/stable_token", with_token=False)
def _stable_token(world: World, given: Given) -> Answer:
    world.limits.count_minute("stable_token", 10_000)
    _check_account(world, given, "client_credential")
    token, life_s = world.tokens.stable(force=given.get("force_refresh") is True)
    return {"access_token": token, "expires_in": life_s}


def _check_account(world: World, given: Given, grant_type: str) -> None:
    if given.get("grant_type") != grant_type:
        raise Refused(40002)
    _check_credential(world, given, "secret")


def _check_credential(world: World, given: Given, secret_name: str) -> None:
    for name, missing, wrong, right in (
        ("appid", 41002, 40013, world.settings.appid),
        (secret_name, 41004, 40125, world.settings.secret),
    ):
        if not given.get(name):
            raise Refused(missing)
        if given[name] != right:
            raise Refused(wrong)


# -- who is it ------------------------------------------------------------------------------------------------------


@_call("/sns/jscode2session", "GET", with_token=False, limited=False)
def _login(world: World, given: Given) -> Answer:
    _check_account(world, given, "authorization_code")
    if not given.get("js_code"):
        raise Refused(41008)
    openid = world.codes.redeem(given["js_code"], "login")
    world.limits.count_minute(f"login {openid}", 100)
    if openid == BLOCKED:
        raise Refused(40226)
    world.session_keys[openid] = secrets.token_urlsafe(16) + "=="
    return {"session_key": world.session_keys[openid], "openid": openid}


@_call("/wxa/checksession", "GET", limited=False)
def _check_session(world: World, given: Given) -> Answer:
    openid = _known_openid(world, given, "openid")
    if given.get("sig_method") != "hmac_sha256":
        raise Refused(40097)
    expected = hmac.new(world.session_keys.get(openid, "").encode(), b"", hashlib.sha256).hexdigest()
    if openid not in world.session_keys or given.get("signature") != expected:
        raise Refused(87009)
    return {}


@_call("/wxa/business/getuserphonenumber")
def _phone_number(world: World, given: Given) -> Answer:
    claimed = given.get("openid")
    phone = world.phone(world.codes.redeem(given.get("code"), "phone", claimed))
    if phone is None:
        raise Refused(40029)
    world.limits.count_minute(f"phone {phone.openid}", 100)
    watermark = {"timestamp": int(world.now().timestamp()), "appid": world.settings.appid}
    info = {"phoneNumber": phone.phone, "purePhoneNumber": phone.phone, "countryCode": "86", "watermark": watermark}
    return {"phone_info": info}


# -- messages -------------------------------------------------------------------------------------------------------


@_call("/cgi-bin/message/subscribe/send")
def _send(world: World, given: Given) -> Answer:
    openid = _known_openid(world, given, "touser")
    template = next((t for t in world.settings.templates.values() if t.template_id == given.get("template_id")), None)
    if template is None:
        raise Refused(40037)
    state, lang, page = given.get("miniprogram_state"), given.get("lang"), given.get("page")
    if not _is_one_of(state, "developer", "trial", "formal") or not _is_one_of(
        lang, "zh_CN", "en_US", "zh_HK", "zh_TW"
    ):
        raise Refused(40097)
    if page is not None and (not isinstance(page, str) or page.split("?")[0] not in world.settings.pages):
        raise Refused(41030)
    check_data(template, given.get("data"))
    message = _message(world, template, given["data"], page, str(state))
    if any(word in value for word in world.settings.forbidden_words for _, _, value in message.lines):
        raise Refused(45168)
    with world.inbox.sending(openid):
        time.sleep(world.settings.send_takes_s)
        world.inbox.deliver(openid, template.template_id, message, lasting=template.lasting)
    message_id = str(secrets.randbelow(10**18))
    sent = {"TemplateId": template.template_id, "MsgID": message_id, "ErrorCode": "0", "ErrorStatus": "success"}
    world.pushes.event("subscribe_msg_sent_event", openid, {"List": sent})
    return {"msgid": int(message_id)}


def _message(world: World, template: Template, data: Given, page: str | None, state: str) -> Message:
    fields = template.fields.values()
    lines = tuple((field.keyword, field.label, data[field.keyword]["value"]) for field in fields)
    return Message(template.key, template.title, lines, page, state, world.now())


@_call("/wxaapi/newtmpl/gettemplate", "GET")
def _templates(world: World, _given: Given) -> Answer:
    rows = [
        {
            "priTmplId": template.template_id,
            "title": template.title,
            "content": "".join(f"{field.label}:{{{{{field.keyword}.DATA}}}}\n" for field in template.fields.values()),
            "example": "",
            "type": 3 if template.lasting else 2,
        }
        for template in world.settings.templates.values()
    ]
    return {"data": rows}


# -- content --------------------------------------------------------------------------------------------------------


@_call("/wxa/msg_sec_check")
def _check_text(world: World, given: Given) -> Answer:
    world.limits.count_minute("text", 4000, 45009)
    content = given.get("content")
    if not isinstance(content, str) or not content:
        raise Refused(44004)
    if len(content) > 2500:
        raise Refused(45002)
    _check_author(world, given)
    opinion = _opinion(world, content)
    return {"trace_id": _trace_id(world), **opinion}


@_call("/wxa/media_check_async")
def _check_media(world: World, given: Given) -> Answer:
    world.limits.count_minute("media", 2000, 45009)
    address = given.get("media_url")
    if not isinstance(address, str) or urlsplit(address).scheme not in {"http", "https"}:
        raise Refused(40097)
    if not _is_one_of(given.get("media_type"), 1, 2):
        raise Refused(40097)
    openid = _check_author(world, given)
    trace_id = _trace_id(world)
    verdict = {"appid": world.settings.appid, "trace_id": trace_id, "version": 2, "errcode": 0, "errmsg": "ok"}
    world.pushes.event("wxa_media_check", openid, verdict | _opinion(world, address))
    return {"trace_id": trace_id}


def _check_author(world: World, given: Given) -> str:
    if not _is_one_of(given.get("version"), 2) or not _is_one_of(given.get("scene"), 1, 2, 3, 4):
        raise Refused(40097)
    openid = _known_openid(world, given, "openid")
    world.inbox.require_recent_visit(openid)
    return openid


def _opinion(world: World, content: str) -> dict[str, Any]:
    """The verdict by word lists; for media the address stands for what it shows."""
    suggest = "pass"
    if any(word in content for word in world.settings.risky_words):
        suggest = "risky"
    elif any(word in content for word in world.settings.review_words):
        suggest = "review"
    result = {"suggest": suggest, "label": _LABELS[suggest]}
    return {"result": result, "detail": [{"strategy": "content_model", "errcode": 0, "prob": 90, **result}]}


def _trace_id(world: World) -> str:
    return f"{int(world.now().timestamp()):x}-{secrets.token_hex(8)}"


# -- codes and links ------------------------------------------------------------------------------------------------


@_call("/wxa/getwxacodeunlimit")
def _mini_code(world: World, given: Given) -> Answer:
    world.limits.count_minute("mini code", 5000, 45009)
    scene, page, width_px = given.get("scene"), given.get("page", "pages/index/index"), given.get("width", 430)
    if not isinstance(scene, str) or not _SCENE.fullmatch(scene):
        raise Refused(40169)
    if not isinstance(page, str) or page.startswith("/") or "?" in page:
        raise Refused(41030)
    if given.get("check_path", True) is not False and page not in world.settings.pages:
        raise Refused(41030)
    if not _is_one_of(given.get("env_version", "release"), "release", "trial", "develop"):
        raise Refused(40097)
    if not _is_one_of(width_px, *range(280, 1281)):
        raise Refused(40097)
    world.drawn.appendleft(DrawnCode(page, scene, world.now()))
    return picture.draw(page, scene, width_px)


@_call("/wxa/generate_urllink")
def _url_link(world: World, given: Given) -> Answer:
    page, query, days = given.get("path"), given.get("query", ""), given.get("expire_interval")
    if not isinstance(page, str) or page.removeprefix("/") not in world.settings.pages:
        raise Refused(40165)
    if not isinstance(query, str) or len(query) > 1024:
        raise Refused(40212)
    if not _is_one_of(given.get("expire_type"), 1) or not _is_one_of(days, *range(1, 31)):
        raise Refused(85401)
    return {"url_link": f"https://wxaurl.cn/{secrets.token_urlsafe(8)}"}


# -- diagnosis ------------------------------------------------------------------------------------------------------


@_call("/cgi-bin/openapi/quota/get", limited=False)
def _quota(world: World, given: Given) -> Answer:
    path = given.get("cgi_path")
    if not isinstance(path, str) or path not in CALLS:
        raise Refused(40097)
    return {"quota": world.limits.report(path)}


@_call("/cgi-bin/openapi/rid/get", limited=False)
def _rid(world: World, given: Given) -> Answer:
    report = world.recall(given.get("rid"))
    if report is None:
        raise Refused(76001)
    return {"request": report}


@_call("/cgi-bin/clear_quota", limited=False)
def _clear_quota(world: World, given: Given) -> Answer:
    if given.get("appid") != world.settings.appid:
        raise Refused(40013)
    world.limits.clear()
    return {}


@_call("/cgi-bin/clear_quota/v2", with_token=False, limited=False)
def _clear_quota_without_token(world: World, given: Given) -> Answer:
    _check_credential(world, given, "appsecret")
    world.limits.clear()
    return {}


def _known_openid(world: World, given: Given, name: str) -> str:
    phone = world.phone(given.get(name))
    if phone is None:
        raise Refused(40003)
    return phone.openid


def _is_one_of(value: Any, *allowed: str | int) -> bool:
    """Equal and of the same type, so that neither true nor 1.0 passes for 1."""
    return any(type(value) is type(one) and value == one for one in allowed)


def parse(body: bytes) -> Given:
    """A call's JSON body, whatever its Content-Type says.

    :raises Refused: 47001 when it is no JSON object in UTF-8.
    """
    try:
        given = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Refused(47001) from None
    if not isinstance(given, dict):
        raise Refused(47001)
    return given
