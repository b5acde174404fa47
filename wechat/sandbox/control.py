"""The development routes: the acts of a phone, the log, faults and the clock (api.md, "Development mode only")."""

import re
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, abort, current_app, request

from wechat.sandbox.calls import CALLS
from wechat.sandbox.faults import EVERY
from wechat.sandbox.settings import WITHOUT_PHONE_QUOTA, Phone
from wechat.sandbox.world import World
from wechat.templates import Template

control = Blueprint("control", __name__, url_prefix="/sandbox")

_RFC_3339 = re.compile(r"(\d{4})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_RESULTS = frozenset({"accept", "reject", "ban", "filter"})
_PRIVACY = {
    "revoke": "user_authorization_revoke",
    "modify": "user_info_modified",
    "cancel": "user_authorization_cancellation",
}
_MOST_TIMES = 1_000_000
Json = dict[str, Any]


def this_world() -> World:
    """The sandbox that answers the current request."""
    return cast("World", current_app.extensions["sandbox"])


def phone_or_404(openid: str) -> Phone:
    """The phone of this openid, or a 404."""
    phone = this_world().phone(openid)
    if phone is None:
        abort(404, "没有这部手机")
    return phone


@control.get("/phones")
def list_phones() -> list[Json]:
    """All phones, demo people first."""
    return [
        {
            "openid": phone.openid,
            "name": phone.name,
            "phone": phone.phone,
            "roles": [dict(role) for role in phone.roles],
            "bound": phone.bound,
        }
        for phone in this_world().phones()
    ]


@control.post("/phones/<openid>/login")
def log_in(openid: str) -> Json:
    """What wx.login gives; opening the mini-program counts as a visit."""
    return {"code": this_world().new_login_code(phone_or_404(openid).openid)}


@control.post("/phones/<openid>/phone-code")
def show_phone(openid: str) -> Json | tuple[Json, int]:
    """What the phone-number button gives; 409 with WeChat's errno when the account's free numbers are used up."""
    code = new_phone_code(phone_or_404(openid))
    if code is None:
        return {"title": "手机号额度已用完", "status": 409, "errno": 1400001}, 409
    return {"code": code}


def new_phone_code(phone: Phone) -> str | None:
    """Press the phone-number button; None when the account's free numbers are used up."""
    if phone.openid == WITHOUT_PHONE_QUOTA:
        return None
    this_world().inbox.visit(phone.openid)
    return this_world().codes.issue(phone.openid, "phone")


@control.get("/phones/<openid>/messages")
def list_messages(openid: str) -> list[Json]:
    """The received subscription messages, oldest first."""
    return [message.as_json() for message in this_world().inbox.messages(phone_or_404(openid).openid)]


@control.post("/phones/<openid>/subscribe")
def subscribe(openid: str) -> Json:
    """The user's answer to wx.requestSubscribeMessage for one template, by its key or its id."""
    given = _body()
    template, result = given.get("template"), given.get("result")
    credits_left = answer_subscription(phone_or_404(openid), template, result)
    return {"template": template, "result": result, "credits": credits_left}


def answer_subscription(phone: Phone, name: object, result: object) -> int:
    """Let the user accept or refuse a template; aborts with 400 for an unknown one. Gives the credits."""
    world = this_world()
    template = _template(world, name)
    if template is None or not isinstance(result, str) or result not in _RESULTS:
        abort(400, "没有这个模板，或结果不是 accept、reject、ban、filter 之一")
    world.inbox.visit(phone.openid)
    if result in {"ban", "filter"}:
        return world.inbox.credits(phone.openid, template.template_id)
    popup = {"TemplateId": template.template_id, "SubscribeStatusString": result, "PopupScene": "0"}
    world.pushes.event("subscribe_msg_popup_event", phone.openid, {"List": popup})
    return world.inbox.answer_subscription(phone.openid, template.template_id, accepted=result == "accept")


@control.post("/phones/<openid>/subscriptions")
def subscribe_to_several(openid: str) -> Json:
    """Answers to several templates at once, `{template: result}`: in the dialogue, or in the phone's settings.

    WeChat tells of a change in the settings only where it is a refusal (wechat.md §B.4).
    """
    phone, world, given = phone_or_404(openid), this_world(), _body()
    results, settings = given.get("results"), given.get("settings", False) is True
    if not isinstance(results, dict) or not results:
        abort(400, "results 须为模板与结果的对照")
    told = []
    for name, result in results.items():
        template = _template(world, name)
        if template is None or not isinstance(result, str) or result not in {"accept", "reject"}:
            abort(400, "没有这个模板，或结果不是 accept、reject 之一")
        if not (settings and result == "accept"):
            told.append({"TemplateId": template.template_id, "SubscribeStatusString": result})
    for one in told:
        accepted = one["SubscribeStatusString"] == "accept"
        world.inbox.answer_subscription(phone.openid, one["TemplateId"], accepted=accepted)
    event = "subscribe_msg_change_event" if settings else "subscribe_msg_popup_event"
    if told:
        world.pushes.event(event, phone.openid, {"List": told if len(told) > 1 else told[0]})
    return {"pushed": event if told else None}


@control.post("/phones/<openid>/privacy")
def act_on_privacy(openid: str) -> Json:
    """The user revokes consents (`revoke`, with WeChat's item numbers in `items`), changes their WeChat name or picture
    (`modify`) or closes the account (`cancel`).
    """
    phone, given = phone_or_404(openid), _body()
    items = given.get("items", [])
    act = given.get("act")
    if not isinstance(act, str) or act not in _PRIVACY or not isinstance(items, list):
        abort(400, "act 须为 revoke、modify 或 cancel，items 须为数组")
    name = _PRIVACY[act]
    members: Json = {"OpenID": phone.openid, "AppID": this_world().settings.appid}
    if act == "revoke":
        members["RevokeInfo"] = ",".join(str(item) for item in items)
    this_world().pushes.event(name, phone.openid, members)
    return {"pushed": name}


@control.get("/log")
def show_log() -> list[Json]:
    """The calls received: all, those after `since` as a sequence number, or those from `since` as a time on."""
    since = request.args.get("since", "")
    if not since:
        return [entry.as_json() for entry in this_world().log.entries()]
    # A plus sign that nobody encoded arrives as a space.
    position = int(since) if re.fullmatch(r"[0-9]{1,18}", since) else _time(since.replace(" ", "+"))
    return [entry.as_json() for entry in this_world().log.entries(position)]


@control.post("/faults")
def add_fault() -> Json:
    """Let the next calls fail. `call`: a path or its end, `*` for all, `push` for pushes to the application."""
    given = _body()
    call, kind, times = _call(given.get("call")), given.get("kind"), given.get("times", 1)
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= _MOST_TIMES:
        abort(400, "times 须为 1 到 1000000 的整数")
    if call is None or not isinstance(kind, str):
        abort(400, "没有这个调用")
    try:
        this_world().faults.add(call, kind, times)
    except ValueError:
        abort(400, "没有这种故障")
    return {"call": call, "kind": kind, "times": times}


@control.delete("/faults")
def clear_faults() -> tuple[str, int]:
    """All is well again."""
    this_world().faults.clear()
    return "", 204


@control.put("/whitelist")
def set_whitelist() -> Json:
    """Let only these addresses call (`ips`; others get 40164), or every one (`null`)."""
    ips = _body().get("ips")
    if ips is not None and not (isinstance(ips, list) and all(isinstance(ip, str) for ip in ips)):
        abort(400, "ips 须为地址数组或 null")
    this_world().allowed_ips = None if ips is None else frozenset(ips)
    return {"ips": ips}


@control.post("/clock")
def move_clock() -> Json:
    """Set the clock that the rules see, to an RFC 3339 time with offset."""
    current_app.extensions["sandbox_set_clock"](_time(_body().get("now")))
    return {"now": this_world().now().isoformat()}


@control.delete("/clock")
def restore_clock() -> Json:
    """Back to real time."""
    current_app.extensions["sandbox_set_clock"](None)
    return {"now": this_world().now().isoformat()}


def _body() -> Json:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        abort(400, "须为 JSON 对象")
    return body


def _time(text: object) -> datetime:
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 2000 <= int(match[1]) <= 2199:
        abort(400, "须为带时区偏移的 RFC 3339 时间，年份在 2000 到 2199 之间")
    try:
        return datetime.fromisoformat(match[0].upper()).astimezone(UTC)
    except ValueError:
        abort(400, "没有这个时刻")


def _template(world: World, name: object) -> Template | None:
    for template in world.settings.templates.values():
        if isinstance(name, str) and name in {template.key, template.template_id}:
            return template
    return None


def _call(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    if name in {EVERY, "push"}:
        return name
    ends = [path for path in CALLS if path == name or path.endswith("/" + name.removeprefix("/"))]
    return ends[0] if len(ends) == 1 else None
