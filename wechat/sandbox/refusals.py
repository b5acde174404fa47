"""WeChat's refusals: errcode, its usual errmsg, and a rid."""

import secrets
from datetime import datetime

_ERRMSG = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40037: "invalid template_id",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40165: "invalid weapp pagepath",
    40169: "invalid scene",
    40212: "invalid query",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43101: "user refuse to accept the msg",
    43108: "concurrent sending to the same user",
    44004: "empty content",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45168: "content contains sensitive words",
    47001: "data format error",
    47003: "argument invalid!",
    48006: "forbid to clear quota because of reaching the limit",
    61010: "code is expired",
    76001: "rid not found",
    87009: "invalid signature",
    85401: "invalid expire_time",
}


class Refused(Exception):
    """The platform says no; the dispatcher turns this into an answer."""

    def __init__(self, errcode: int, detail: str = "") -> None:
        super().__init__(errcode, detail)
        self.errcode = errcode
        self.detail = detail


def new_rid(now: datetime) -> str:
    """A request id in WeChat's form: seconds of the clock and two random parts, in hexadecimal."""
    return f"{int(now.timestamp()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"


def refusal(errcode: int, detail: str, rid: str) -> dict[str, object]:
    """The JSON that says no."""
    text = " ".join(part for part in (_ERRMSG.get(errcode, "error"), detail, f"rid: {rid}") if part)
    return {"errcode": errcode, "errmsg": text}
