"""One act for every call that the client can make, by the end of its path."""

from tests.wechat.running import LI
from wechat.account import TEMPLATES

DEADLINE = TEMPLATES["deadline_near"]
DATA = {"thing1": {"value": "提交需求"}, "time2": {"value": "2026年3月2日 00:05"}}

ACTS = {
    "jscode2session": lambda client: client.login("code"),
    "getuserphonenumber": lambda client: client.phone_number("code", LI.openid),
    "send": lambda client: client.send_subscription(LI.openid, DEADLINE.template_id, DATA),
    "gettemplate": lambda client: client.templates(),
    "msg_sec_check": lambda client: client.check_text("水稻", 2, LI.openid),
    "media_check_async": lambda client: client.check_media("https://files.test/a.jpg", 2, 2, LI.openid),
    "getwxacodeunlimit": lambda client: client.mini_code("a", "pages/index/index"),
    "generate_urllink": lambda client: client.url_link("pages/index/index"),
    "quota/get": lambda client: client.quota("/cgi-bin/token"),
    "rid/get": lambda client: client.explain("0-0-0"),
    "checksession": lambda client: client.check_session(LI.openid, "key"),
    "clear_quota/v2": lambda client: client.clear_quota(),
    "stable_token": lambda client: client.access_token,
}
