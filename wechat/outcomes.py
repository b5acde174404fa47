"""What can come of a call to WeChat: five typed outcomes, and the table from errcode to outcome (wechat.md §B)."""

import re

_RID = re.compile(r"\brid:\s*([0-9a-fA-F]+(?:-[0-9a-fA-F]+)*)")
_ADDRESS = re.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b")
_FIELD = re.compile(r"\bdata\.([a-z_]{1,20}\d{1,3})\b")


class WeChatFailure(Exception):
    """A call that did not succeed. Its text holds WeChat's number, the rid and our own words, nothing that was sent.

    :ivar errcode: WeChat's number; None when no readable answer came.
    :ivar rid: WeChat's id of the failed request, for its diagnosis page; None where it gave none.
    :ivar message: one safe Chinese sentence for operators.
    :ivar field: the template keyword that WeChat refused (47003 only), for example `thing1`.
    :ivar address: our own address as WeChat saw it (40164 only).
    :ivar retry_after_s: seconds after which another call may be worth its while, where we know.
    """

    def __init__(
        self,
        message: str,
        errcode: int | None = None,
        rid: str | None = None,
        *,
        field: str | None = None,
        address: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, errcode, rid, field)
        self.message = message
        self.errcode = errcode
        self.rid = rid
        self.field = field
        self.address = address
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        facts = {"errcode": self.errcode, "rid": self.rid, "field": self.field, "address": self.address}
        return self.message + "".join(f" [{name} {value}]" for name, value in facts.items() if value is not None)


class RetryLater(WeChatFailure):
    """WeChat or the way to it is ill; the same call may succeed in a moment."""


class BackOff(WeChatFailure):
    """A limit is used up: of the minute (45011) or of the day (45009). Wait long before the next call of this kind."""


class UserMustAct(WeChatFailure):
    """Only the user can change this: log in again, open the mini-program, accept the subscription."""


class Dropped(WeChatFailure):
    """This very content will never be accepted; sending it again is useless."""


class Misconfigured(WeChatFailure):
    """The account or our settings are wrong; an operator has to look. Also the outcome of an errcode unknown to us."""


#: The errcodes that mean: this access token is not (or no longer) good.
TOKEN_REFUSED = frozenset({40001, 40014, 42001})

OUTCOMES: dict[int, tuple[type[WeChatFailure], str]] = {
    -1: (RetryLater, "微信系统繁忙"),
    40001: (RetryLater, "访问凭证被微信拒绝"),
    40014: (RetryLater, "访问凭证不合法"),
    42001: (RetryLater, "访问凭证已过期"),
    43108: (RetryLater, "同一用户的消息正在发送"),
    44990: (BackOff, "接口请求过快"),
    45009: (BackOff, "接口当日调用次数已用完"),
    45011: (BackOff, "接口每分钟调用次数已用完"),
    48006: (BackOff, "清零次数已用完"),
    40029: (UserMustAct, "登录或手机号凭证无效，请重新获取"),
    40163: (UserMustAct, "登录凭证已被使用，请重新登录"),
    40226: (UserMustAct, "该微信用户被微信限制登录"),
    41008: (UserMustAct, "缺少登录凭证，请重新登录"),
    43101: (UserMustAct, "用户未订阅该消息或订阅次数已用完"),
    50002: (UserMustAct, "该微信用户受限"),
    61010: (UserMustAct, "用户近两小时未打开小程序"),
    87009: (UserMustAct, "会话密钥已失效，请重新登录"),
    40003: (Dropped, "接收人不是本小程序的用户"),
    40097: (Dropped, "参数不合规则"),
    40165: (Dropped, "小程序页面路径不合规则"),
    40169: (Dropped, "小程序码参数不合规则"),
    40212: (Dropped, "小程序页面参数不合规则"),
    44004: (Dropped, "内容为空"),
    45002: (Dropped, "内容过长"),
    45168: (Dropped, "消息含有敏感词"),
    47001: (Dropped, "请求数据格式错误"),
    47003: (Dropped, "模板字段不合规则"),
    76001: (Dropped, "没有这个请求编号"),
    85401: (Dropped, "链接有效期不合规则"),
    87014: (Dropped, "内容含有违规信息"),
    40002: (Misconfigured, "凭证类型不正确"),
    40013: (Misconfigured, "AppID 不正确"),
    40037: (Misconfigured, "订阅消息模板不存在"),
    40125: (Misconfigured, "AppSecret 不正确"),
    40164: (Misconfigured, "服务器出口地址不在微信的 IP 白名单内"),
    40243: (Misconfigured, "AppSecret 已被冻结"),
    41001: (Misconfigured, "缺少访问凭证"),
    41002: (Misconfigured, "缺少 AppID"),
    41004: (Misconfigured, "缺少 AppSecret"),
    41030: (Misconfigured, "小程序页面尚未发布"),
    43001: (Misconfigured, "应使用 GET 请求"),
    43002: (Misconfigured, "应使用 POST 请求"),
    43106: (Misconfigured, "账号暂不能添加模板"),
    43107: (Misconfigured, "账号的订阅消息能力被封禁"),
    43116: (Misconfigured, "该订阅消息模板被封禁"),
    48001: (Misconfigured, "账号没有该接口的权限"),
    85096: (Misconfigured, "小程序码的页面不合规则"),
    89503: (Misconfigured, "该 IP 的调用需要管理员确认"),
    89506: (Misconfigured, "该 IP 的调用被管理员拒绝"),
    89507: (Misconfigured, "该 IP 的调用被管理员拒绝"),
}


def outcome_of(errcode: int, errmsg: object) -> WeChatFailure:
    """Translate WeChat's refusal. Of the foreign `errmsg` only the rid, the refused keyword and our address stay."""
    kind, message = OUTCOMES.get(errcode, (Misconfigured, "微信返回了未知的错误码"))
    text = errmsg if isinstance(errmsg, str) else ""
    rid = _RID.search(text)
    field = _FIELD.search(text) if errcode == 47003 else None
    address = _ADDRESS.search(text) if errcode == 40164 else None
    return kind(message, errcode, rid and rid[1], field=field and field[1], address=address and address[0])


def wrong_secret(refusal: WeChatFailure) -> Misconfigured:
    """What a refused credential means where the token itself was asked for: the secret is wrong."""
    return Misconfigured("微信拒绝发放访问凭证，请检查 AppID 与 AppSecret", refusal.errcode, refusal.rid)


def unreachable(reason: str) -> RetryLater:
    """No answer came, or none that can be read.

    :param reason: a safe word, such as the name of the error's class or an HTTP status.
    """
    return RetryLater(f"微信没有给出可用的应答（{reason}）")
