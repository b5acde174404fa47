"""What an operator does about each of WeChat's refusals, in words for them (places: docs/wechat.md)."""

from collections.abc import Mapping

from wechat.outcomes import BackOff, Dropped, Misconfigured, RetryLater, UserMustAct, WeChatFailure

_CREDENTIAL = (
    "在微信公众平台“管理 → 开发管理”核对 AppID 与 AppSecret，改正 TEPAI_WECHAT_APPID、TEPAI_WECHAT_SECRET 后重启。"
)
_CREDENTIAL_OLD = "系统会自动换用新凭证；若持续出现，检查是否有别的程序用同一 AppSecret 强制刷新凭证。"
_WAIT = "无需处理，系统稍后自动重试。"
_AGAIN = "请用户在小程序里重新操作一次；旧的凭证只能用一次，五分钟内有效。"
_DAY = "等到次日零点自动恢复；急需时运行 flask --app wsgi wechat clear-quota（每月十次）。"
_ADMIN = "请小程序管理员登录微信公众平台查看“通知中心”，按提示处理后再试。"
_BUG = "这是程序的问题：记下错误码和 rid，连同时间报给维护人员。"
_CONFIRM = "请小程序管理员在手机微信里确认这次 IP 调用，或在“开发管理 → IP 白名单”加入服务器的出口 IP。"
_TEMPLATE = "在“订阅消息 → 我的模板”核对模板，改正模板文件 wechat_templates.toml 后重启。"
_PAGE = "先发布含有该页面的小程序版本；或在 wechat_templates.toml 里改成已发布的页面。"

ADVICE: Mapping[int, str] = {
    -1: _WAIT,
    40001: _CREDENTIAL_OLD,
    40002: _BUG,
    40003: "该用户不属于本小程序：确认 AppID 没有换过；换过 AppID 后，所有人须重新绑定。",
    40013: _CREDENTIAL,
    40014: _CREDENTIAL_OLD,
    40029: _AGAIN,
    40037: _TEMPLATE,
    40097: _BUG,
    40125: _CREDENTIAL,
    40163: _AGAIN,
    40164: "在微信公众平台“开发管理 → IP 白名单”加入服务器的出口 IP，约五分钟后生效。",
    40165: _PAGE,
    40169: _BUG,
    40212: _BUG,
    40226: "微信认定该用户有风险，本系统无法解除：请用户联系微信客服，期间由同事代办。",
    40243: "在“开发管理”里解冻或重置 AppSecret，改正 TEPAI_WECHAT_SECRET 后重启。",
    41001: _BUG,
    41002: _CREDENTIAL,
    41004: _CREDENTIAL,
    41008: _BUG,
    41030: _PAGE,
    42001: _CREDENTIAL_OLD,
    43001: _BUG,
    43002: _BUG,
    43101: "无需处理：用户没有可用的订阅次数，消息已在站内；用户下次在小程序里点“允许”后恢复。",
    43106: _ADMIN,
    43107: _ADMIN,
    43108: _WAIT,
    43116: _ADMIN,
    44004: _BUG,
    44990: _WAIT,
    45002: _BUG,
    45009: _DAY,
    45011: _WAIT,
    45168: "系统已换用中性文字重发；若仍被拒，消息只在站内，请检查模板本身的用词。",
    47001: _BUG,
    47003: "核对该关键词的类型与模板是否一致（wechat doctor 会指出），改正 wechat_templates.toml 后重启。",
    48001: "在微信公众平台开通该接口：核对主体类型、类目（政务民生）和“接口设置”。",
    48006: "本月清零次数已用完，只能等到次日零点额度恢复。",
    50002: _AGAIN,
    61010: "无需处理：内容转由人工审核；用户打开一次小程序后，两小时内可以机审。",
    76001: "rid 只保留七天，且须属于本小程序：核对是否抄错。",
    85096: _PAGE,
    85401: _BUG,
    87009: _AGAIN,
    87014: "内容违规，请作者修改后再提交。",
    89503: _CONFIRM,
    89506: _CONFIRM,
    89507: _CONFIRM,
}

_OTHERWISE: Mapping[type[WeChatFailure], str] = {
    RetryLater: "检查服务器能否访问微信接口地址（DNS、防火墙、出口 443 端口），再试一次。",
    BackOff: _DAY,
    UserMustAct: _AGAIN,
    Dropped: _BUG,
    Misconfigured: "在微信公众平台“开发管理 → 运维中心”用 rid 查询原因，或在微信开放社区搜索该错误码。",
}


def advice(failure: WeChatFailure) -> str:
    """Say what to do about a refusal."""
    return ADVICE.get(failure.errcode or 0) or _OTHERWISE[type(failure)]
