"""How values read in Chinese on pages: times in Shanghai's, states, moves, roles, fields."""

import hashlib
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, request

from models.base import Stateful
from rules.access import ROLES
from rules.calendar import SHANGHAI
from rules.needs import FORM, URGENCY
from rules.states import label
from web.alone import sheet

ACTIONS = {
    "create": "起草",
    "edit": "修改",
    "submit": "提交",
    "approve": "审核通过",
    "return": "退回",
    "withdraw": "撤回",
    "close": "结束",
    "fill": "选定",
    "reject": "退回",
    "settle": "生效",
    "supersede": "被新方案取代",
    "open": "开启",
    "answer": "答复",
    "recall": "撤回",
    "replace": "调整",
    "confirm": "确认",
    "dispute": "提出异议",
    "accept": "采信",
    "correct": "更正",
    "object": "表示没有同行",
    "link": "发出农户确认链接",
    "witness": "农户确认",
    "doubt": "农户提出异议",
}
FIELDS = {
    "round_id": "批次",
    "township": "乡镇",
    "village": "村（社区）",
    "title": "标题",
    "problem": "要解决的问题",
    "wanted": "希望得到的结果",
    "specialties": "专业领域",
    "industry": "产业",
    "form": "服务方式",
    "places": "名额",
    "urgency": "紧急程度",
    "starts_on": "开始日期",
    "ends_on": "结束日期",
    "contact": "联系方式",
    "reason": "理由",
    "text": "内容",
    "name": "姓名",
    "q": "关键词",
    "person": "人员",
    "county": "县（市、区）",
    "state": "状态",
    "specialty": "专业领域",
    "cursor": "页码",
    "code": "口令",
    "credential": "通行密钥",
    "kind": "种类",
    "basis": "代价的依据",
    "loses": "将达不到保障人数的乡镇或县（市、区）",
    "pins": "固定",
    "bans": "排除",
    "earlier": "比较的方案",
}


PARTS_OF_DAY = ((6, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))


def moment(value: datetime) -> str:
    """Write a time as Shanghai's clocks show it: 2026年3月2日 10:05."""
    local = value.astimezone(SHANGHAI)
    return f"{day(local.date())} {local:%H:%M}"


def day(value: date) -> str:
    """Write a date: 2026年3月2日."""
    return f"{value.year}年{value.month}月{value.day}日"


def date_of(value: datetime) -> str:
    """Write the Shanghai date of a time: 2026年3月2日."""
    return day(value.astimezone(SHANGHAI).date())


def spoken(value: datetime) -> str:
    """Write a time as people say it: 上午9点, 下午3点20分."""
    local = value.astimezone(SHANGHAI)
    part = next(name for hour, name in PARTS_OF_DAY if local.hour < hour)
    minutes = f"{local.minute}分" if local.minute else ""
    return f"{part}{(local.hour - 1) % 12 + 1 if local.hour else 0}点{minutes}"


def since(value: datetime, now: datetime) -> str:
    """Say how long something has waited, in whole days, hours below one day."""
    waited = now - value
    if waited.days >= 1:
        return f"{waited.days} 天"
    hours = max(int(waited.total_seconds() // 3600), 0)
    return f"{hours} 小时" if hours else "不到 1 小时"


def state(row: Stateful) -> str:
    """Give the Chinese word of the state a row is in."""
    return label(row.__thing__, row.state)


def action(name: str) -> str:
    """Give the Chinese word of a journalled command, such as `need.approve`."""
    return ACTIONS.get(name.partition(".")[2], name)


def field(name: str) -> str:
    """Give the Chinese name of a field."""
    return FIELDS.get(name, name)


BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def browser(agent: str) -> str:
    """Say in words of our own what a browser calls itself; nothing of its text is kept."""
    kind = next((name for word, name in BROWSERS.items() if word in agent), "其他浏览器")
    return f"{kind} · {next((name for word, name in SYSTEMS.items() if word in agent), '其他系统')}"


def here_with(**changes: str | None) -> str:
    """Give this page's address with some of its query changed; what is empty is left out."""
    query = {**request.args.to_dict(), **changes}
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"{request.path}?{kept}" if kept else request.path


def init_app(app: Flask) -> None:
    """Teach the templates these words, and the addresses of static files, which change with their content."""
    folder = Path(app.root_path) / "static"
    digests = {one.name: hashlib.sha256(one.read_bytes()).hexdigest()[:12] for one in folder.iterdir()}
    app.jinja_env.filters.update(moment=moment, day=day, date=date_of, spoken=spoken, state=state, action=action,
                                 field=field)  # fmt: skip
    app.jinja_env.globals.update(
        since=since,
        sheet=sheet,
        here_with=here_with,
        asset=lambda name: f"/static/{name}?v={digests[name]}",
        FORM=FORM,
        URGENCY=URGENCY,
        ROLES=ROLES,
    )
