"""Checks a real account's settings one by one and says in Chinese what to do: `flask --app wsgi wechat doctor`."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from service.core.ports import Finding
from service.core.settings import Settings
from service.notifications.notice import HOME, PAGES
from wechat.account import sandbox_id
from wechat.advice import advice
from wechat.answers import AccountTemplate
from wechat.client import MiniProgramClient
from wechat.envelope import BadEnvelope, Envelope
from wechat.outcomes import WeChatFailure
from wechat.templates import Template

_SEND = "/cgi-bin/message/subscribe/send"
_COUNTED = {_SEND: "订阅消息", "/wxa/msg_sec_check": "文本内容安全", "/wxa/media_check_async": "图片内容安全"}
#: Pushes older or younger than five minutes are refused; a clock that is a minute wrong is about to be in trouble.
_SKEW_S = 60
#: What WeChat answers to a code or user of no one, once it has found everything else in order.
_IN_ORDER = {40003, 40029, 61010}
_NOBODY = "doctor"
#: Reached only by scanning a code: the invitation, the console login, the township, the confirmation of a record.
CODE_PAGES = frozenset({
    "pages/bind/index", "pages/console/confirm", "pages/townships/detail", "pages/confirmations/detail"
})  # fmt: skip
_TOKEN, _AES_KEY = re.compile(r"[0-9A-Za-z]{3,32}", re.ASCII), re.compile(r"[0-9A-Za-z]{43}", re.ASCII)


def examine(
    client: MiniProgramClient, templates: Mapping[str, Template], settings: Settings, now: datetime
) -> Iterator[Finding]:
    """Give the findings in the order in which an operator mends them; without a token the rest cannot be asked."""
    yield _address(settings.public_url)
    yield _state(settings.wechat_state)
    yield _asked("服务器时钟", lambda: _clock(client.time_there(), now))
    yield _pushes(settings, now)
    credential = _asked("AppID 与 AppSecret", lambda: _credential(client))
    yield credential
    if not credential.good:
        return
    yield _asked("登录接口", lambda: _answering("登录接口", client.login, _NOBODY))
    yield _asked("手机号接口", lambda: _answering("手机号接口", client.phone_number, _NOBODY, _NOBODY))
    yield _asked("内容安全接口", lambda: _answering("内容安全接口", client.check_text, "特派", 2, _NOBODY))
    yield from _templates(client, templates)
    for page in sorted({*PAGES.values(), *CODE_PAGES, HOME, *(template.page for template in templates.values())}):
        yield _asked(f"小程序页面 {page}", partial(_page, client, page))
    for path, what in _COUNTED.items():
        yield _asked(f"今日额度：{what}", partial(_quota, client, path, what))


def clear_quota(client: MiniProgramClient) -> Finding:
    """Set today's counters to zero."""

    def clear() -> Finding:
        client.clear_quota()
        return Finding("额度清零", good=True, says="已清零，每月十次")

    return _asked("额度清零", clear)


def _asked(what: str, ask: Callable[[], Finding]) -> Finding:
    """Turn a refusal into a finding with its advice."""
    try:
        return ask()
    except WeChatFailure as failure:
        return Finding(what, good=False, says=str(failure), todo=advice(failure))


def _address(public_url: str) -> Finding:
    parts = urlsplit(public_url)
    todo = "把 TEPAI_PUBLIC_URL 设为已备案域名的 https 地址，并在“开发管理 → 服务器域名”里登记该域名。"
    if parts.scheme != "https" or not parts.hostname:
        return Finding("公网地址", good=False, says=f"{public_url} 不是 https 地址，小程序不能访问", todo=todo)
    if parts.hostname == "localhost" or _is_ip(parts.hostname):
        return Finding("公网地址", good=False, says=f"{public_url} 不是域名，小程序不能访问", todo=todo)
    if parts.port not in {None, 443}:
        return Finding("公网地址", good=False, says=f"{public_url} 不在 443 端口，微信不能推送消息", todo=todo)
    return Finding("公网地址", good=True, says=public_url)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _state(state: str) -> Finding:
    if state == "formal":
        return Finding("消息打开的版本", good=True, says="正式版")
    todo = "正式使用前把 TEPAI_WECHAT_STATE 设为 formal。"
    return Finding("消息打开的版本", good=False, says=f"{state}：收到消息的人打开的不是正式版", todo=todo)


def _clock(there: datetime, now: datetime) -> Finding:
    skew_s = round((now - there).total_seconds())
    if abs(skew_s) <= _SKEW_S:
        return Finding("服务器时钟", good=True, says=f"与微信相差 {abs(skew_s)} 秒")
    direction = "快" if skew_s > 0 else "慢"
    todo = "打开服务器的时间同步（chrony 或 systemd-timesyncd），否则微信推送的消息会被当作过期而拒收。"
    return Finding("服务器时钟", good=False, says=f"比微信{direction} {abs(skew_s)} 秒", todo=todo)


def _pushes(settings: Settings, now: datetime) -> Finding:
    """Look at token and key of the message push, and open with them what was wrapped with them."""
    token, key = settings.wechat_callback_token, settings.wechat_callback_aes_key
    wrong = [
        name
        for name, value, form in (("TOKEN", token, _TOKEN), ("AES_KEY", key, _AES_KEY))
        if not form.fullmatch(value)
    ]
    if wrong:
        names = "、".join(f"TEPAI_WECHAT_CALLBACK_{name}" for name in wrong)
        todo = f"设置 {names}：令牌为 3 至 32 位、密钥为 43 位字母和数字，与“开发管理 → 消息推送”里填写的一致。"
        return Finding("消息推送", good=False, says=f"{names} 没有填写或格式不对", todo=todo)
    opener, timestamp = Envelope(token, key, settings.wechat_appid), str(int(now.timestamp()))
    cipher = opener.seal(_NOBODY)
    try:
        opener.check(opener.sign(timestamp, _NOBODY, cipher), timestamp, _NOBODY, cipher)
        taken = opener.open(cipher) == _NOBODY
    except BadEnvelope:
        taken = False
    if not taken:
        todo = "另生成一个 EncodingAESKey，填入 TEPAI_WECHAT_CALLBACK_AES_KEY 和“开发管理 → 消息推送”。"
        return Finding("消息推送", good=False, says="用令牌和密钥加密的消息不能解开", todo=todo)
    says = "令牌和密钥可用；微信一侧的设置只能在网页上核对"
    if urlsplit(settings.public_url).scheme == "https":
        says += f"：地址 {settings.public_url.rstrip('/')}/wechat/callback，安全模式，JSON"
    return Finding("消息推送", good=True, says=says)


def _credential(client: MiniProgramClient) -> Finding:
    client.renew_token()
    return Finding("AppID 与 AppSecret", good=True, says="微信已发放访问凭证，服务器出口 IP 未被拦截")


def _answering(what: str, call: Callable[..., Any], *given: Any) -> Finding:
    """Call with something of nobody: a refusal of just that shows that all else is in order, and costs nothing."""
    try:
        call(*given)
    except WeChatFailure as failure:
        if failure.errcode not in _IN_ORDER:
            raise
    return Finding(what, good=True, says="已开通")


def _templates(client: MiniProgramClient, ours: Mapping[str, Template]) -> Iterator[Finding]:
    try:
        held = {template.template_id: template for template in client.templates()}
    except WeChatFailure as failure:
        yield Finding("订阅消息模板", good=False, says=str(failure), todo=advice(failure))
        return
    for template in ours.values():
        yield _template(template, held.get(template.template_id))


def _template(ours: Template, held: AccountTemplate | None) -> Finding:
    what = f"订阅消息模板 {ours.key}（{ours.title}）"
    wanted = "、".join(f"{field.label}（{field.keyword}）" for field in ours.fields.values())
    if held is None:
        missing = "还没有填写模板 ID" if ours.template_id == sandbox_id(ours.key) else "账号里没有这个模板 ID"
        todo = f"在“订阅消息”里选用含有 {wanted} 的模板，把模板 ID 填入 wechat_templates.toml 的 [{ours.key}]。"
        return Finding(what, good=False, says=missing, todo=todo)
    there = "、".join(f"{keyword} {label}" for keyword, label in held.labels.items())
    lacking = [field for field in ours.fields.values() if field.keyword not in held.labels]
    left_over = held.labels.keys() - {field.keyword for field in ours.fields.values()}
    if lacking:
        says = "账号的模板没有关键词 " + "、".join(f"{field.keyword}（{field.label}）" for field in lacking)
    elif left_over:
        says = "账号的模板多出关键词 " + "、".join(sorted(left_over)) + "，微信会拒收缺值的消息"
    else:
        return Finding(what, good=True, says=held.title)
    todo = f"账号的关键词是：{there}。在 wechat_templates.toml 的 [{ours.key}] 里改成它们，或另选含有 {wanted} 的模板。"
    return Finding(what, good=False, says=says, todo=todo)


def _page(client: MiniProgramClient, page: str) -> Finding:
    client.mini_code(_NOBODY, page)
    return Finding(f"小程序页面 {page}", good=True, says="已发布")


def _quota(client: MiniProgramClient, path: str, what: str) -> Finding:
    quota = client.quota(path)
    says = f"已用 {quota.used}，共 {quota.daily_limit}"
    enough = quota.remain * 10 > quota.daily_limit
    todo = "" if enough else "今日余量不足一成：查明是谁在大量调用；急需时运行 flask --app wsgi wechat clear-quota。"
    return Finding(f"今日额度：{what}", good=enough, says=says, todo=todo)
