"""The phones as pages: what a newcomer uses in place of WeChat. Forms, and one line of script to paste a picture."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pyotp
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from wechat.sandbox import picture
from wechat.sandbox.control import answer_subscription, new_phone_code, phone_or_404, this_world
from wechat.sandbox.settings import Phone
from wechat.sandbox.world import World

screens = Blueprint("screens", __name__)

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHOWN = 20
_OUR_OWN = {None, "same-origin", "none"}


@screens.before_request
def _own_forms_alone() -> None:
    """No page elsewhere in the developer's browser presses the buttons of these phones."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site") not in _OUR_OWN:
        abort(403, "表单须来自沙箱自己的页面")


@screens.app_template_filter("moment")
def _moment(value: Any) -> str:
    """Write a time as Shanghai's clocks show it."""
    local = value.astimezone(_SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


@screens.get("/")
def phones() -> str:
    """All phones, those of the same office together."""
    world, words = this_world(), request.args.get("q", "").split()
    found: dict[str, list[Phone]] = {}
    for one in world.phones():
        told = " ".join((one.name, *one.offices))
        if all(word in told for word in words):
            first = one.offices[0].partition(" · ")[0] if one.offices else "没有角色的人"
            found.setdefault(first, []).append(one)
    return render_template("phones.html", groups=found, now=world.now(), q=" ".join(words))


@screens.get("/phone/<openid>")
def phone(openid: str) -> str:
    """The service notices that arrived, the newest first."""
    world, owner = this_world(), phone_or_404(openid)
    messages = list(enumerate(world.inbox.messages(openid)))[::-1]
    return _screen(owner, "messages.html", "messages", messages=messages)


@screens.get("/phone/<openid>/program")
def program(openid: str) -> str:
    """The mini-program: who one is there, and the inbox; `notice` is the number of the notice that was tapped."""
    world, owner = this_world(), phone_or_404(openid)
    found: dict[str, Any] = {"me": None, "inbox": [], "refused": "", "opened": None, "subject": ""}
    number = request.args.get("notice", type=int)
    notices = world.inbox.messages(openid)
    if number is not None and 0 <= number < len(notices):
        found["opened"] = notices[number]
        found["subject"] = next(iter(parse_qs(urlsplit(notices[number].page or "").query).get("id", [])), "")
    if world.program.logged_in(openid) or found["opened"]:
        me = world.program.call(openid, "GET", "/me")
        inbox = world.program.call(openid, "GET", "/me/messages", limit=str(_SHOWN)) if me.ok else me
        found |= {"me": me.body} if me.ok else {"refused": me.says}
        found["inbox"] = inbox.body["items"] if inbox.ok else []
    return _screen(owner, "program.html", "program", logged_in=world.program.logged_in(openid), **found)


@screens.post("/phone/<openid>/login")
def login(openid: str) -> Response | str:
    """Open the mini-program and log in."""
    reply = this_world().program.log_in(phone_or_404(openid).openid)
    return (
        redirect(url_for("screens.program", openid=openid), 303)
        if reply.ok
        else _told(openid, "登录没有成功", reply.says)
    )


@screens.post("/phone/<openid>/logout")
def logout(openid: str) -> Response:
    """Leave the mini-program."""
    this_world().program.log_out(phone_or_404(openid).openid)
    return redirect(url_for("screens.program", openid=openid), 303)


@screens.get("/phone/<openid>/subscriptions")
def subscriptions(openid: str) -> str:
    """The kinds of message that the user may accept or refuse."""
    world, owner = this_world(), phone_or_404(openid)
    rows = [(one, world.inbox.credits(openid, one.template_id)) for one in world.settings.templates.values()]
    return _screen(owner, "subscriptions.html", "subscriptions", rows=rows)


@screens.post("/phone/<openid>/subscribe")
def subscribe(openid: str) -> Response:
    """Accept or refuse a template; the mini-program reports it to the application, as the real one does."""
    world, name, result = this_world(), request.form.get("template"), request.form.get("result")
    answer_subscription(phone_or_404(openid), name, result)
    if world.program.logged_in(openid):
        world.program.call(openid, "POST", "/me/subscriptions", {"template": name, "result": result})
    return redirect(url_for("screens.subscriptions", openid=openid), 303)


@screens.get("/phone/<openid>/authenticator")
def authenticator(openid: str) -> str:
    """The codes of the phone's authenticator, on real time as every authenticator's."""
    owner = phone_or_404(openid)
    codes = [(one.issuer, one.name, one.now()) for one in this_world().authenticators.get(openid, [])]
    return _screen(owner, "authenticator.html", "authenticator", codes=codes)


# -- scanning ---------------------------------------------------------------------------------------------------------


@screens.get("/phone/<openid>/scan")
def scanner(openid: str) -> str:
    """The scanner: a picture, a text, or a code on a screen nearby."""
    return _screen(phone_or_404(openid), "scan.html", "scan", drawn=list(this_world().drawn))


@screens.post("/phone/<openid>/scan")
def scan(openid: str) -> Response | str:
    """Do what the mini-program does with what was scanned."""
    owner, file = phone_or_404(openid), request.files.get("picture")
    text = picture.read(file.read()) if file and file.filename else request.form.get("text", "")
    if not text:
        return _told(openid, "没有识别到码", "请换一张清楚的图片，或直接填写码里的文字。")
    if text.startswith("otpauth://"):
        return _keep_secret(openid, text.strip())
    scene = picture.scene_of(text)
    kind, _, value = scene.partition("=")
    if kind == "l":
        return _console(this_world(), owner, scene)
    if kind == "i":
        return _screen(owner, "bind.html", "scan", invitation=value)
    if kind == "t":
        return _township(this_world(), owner, value)
    return _told(openid, "这不是本小程序的码", "登录码、邀请码和乡镇码才能在这里打开。")


@screens.post("/phone/<openid>/answer")
def answer(openid: str) -> str:
    """Choose the number that the computer shows, or refuse."""
    number = request.form.get("number", type=int)
    body = {"scene": request.form.get("scene", ""), "number": number}
    reply = this_world().program.call(phone_or_404(openid).openid, "POST", "/auth/console/answer", body)
    if not reply.ok:
        return _told(openid, "没有登录", reply.says)
    if reply.body["state"] == "confirmed":
        return _told(openid, "已确认登录", "请回到电脑上继续。", good=True)
    return _told(
        openid, "已拒绝" if number is None else "数字不对，这次登录已作废", "如果不是您本人在登录，无需再做什么。"
    )


@screens.post("/phone/<openid>/bind")
def bind(openid: str) -> str:
    """Bind this WeChat to the invited person, with the phone number shown or not."""
    owner, body = phone_or_404(openid), {"invitation": request.form.get("invitation", "")}
    if request.form.get("show") == "yes":
        code = new_phone_code(owner)
        if code is None:
            return _told(openid, "没有取到手机号", "微信的免费额度已用完，请改选不出示手机号。")
        body["phone_code"] = code
    reply = this_world().program.call(openid, "POST", "/auth/bind", body)
    if not reply.ok:
        return _told(openid, "没有绑定", reply.says)
    bound = reply.body["state"] == "bound"
    then = "现在就可以使用了。" if bound else "已提交，等另一位工作人员核实后生效。"
    return _told(openid, f"{reply.body['person']['name']}，{'绑定成功' if bound else '绑定待核实'}", then, good=True)


def _console(world: World, owner: Phone, scene: str) -> str:
    reply = world.program.call(owner.openid, "POST", "/auth/console/look", {"scene": scene})
    if not reply.ok:
        return _told(owner.openid, "不能登录工作台", reply.says)
    return _screen(owner, "confirm.html", "scan", scene=scene, asked=reply.body)


def _township(world: World, owner: Phone, code: str) -> str:
    reply = world.program.call(owner.openid, "GET", f"/townships/{code}")
    if not reply.ok:
        return _told(owner.openid, "没有这个乡镇", reply.says)
    board = world.program.call(owner.openid, "GET", "/board", township=code)
    return _screen(owner, "township.html", "scan", town=reply.body, needs=board.body["items"] if board.ok else [])


def _keep_secret(openid: str, address: str) -> Response | str:
    try:
        found = pyotp.parse_uri(address)
    except ValueError:
        found = None
    if not isinstance(found, pyotp.TOTP):
        return _told(openid, "没有识别到码", "这不是动态口令的密钥。")
    this_world().authenticators.setdefault(openid, []).insert(0, found)
    return redirect(url_for("screens.authenticator", openid=openid), 303)


def _told(openid: str, title: str, text: str, *, good: bool = False) -> str:
    return _screen(phone_or_404(openid), "told.html", "scan", title=title, text=text, good=good)


def _screen(owner: Phone, template: str, tab: str, **facts: Any) -> str:
    return render_template(template, phone=owner, tab=tab, now=this_world().now(), **facts)
