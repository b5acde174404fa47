"""Assessment schemes as data (R-ASSESS-1): which items, worth how much, with which evidence shown beside them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from rules.records import COUNTERS, HALF, NOTHING, WHOLE, DaySettings

FULL_HUNDREDTHS = 100_00  # the items of one nature add up to 100 points
ITEM_LABEL_MAX = 40  # characters
GUIDE_MAX = 500  # characters
TITLE_MAX = 60  # characters

NATURES: Mapping[str, str] = {"public_benefit": "公益服务型", "paid": "技术有偿服务型"}  # R-APP-1

EVIDENCE: Mapping[str, str] = {
    "service_days": "服务天数",
    "records": "已采信的服务记录",
    "confirmations": "服务对象确认",
    **COUNTERS,
}
"""What may be shown beside an item. Check-ins, photos and log-ins are left out on purpose (国办函〔2026〕12号)."""

DAY_WORTH = {"whole": WHOLE, "half": HALF, "none": NOTHING}
MINUTES_MAX = 24 * 60

_KEYS = frozenset({"title", "version", "competent_hundredths", "excellent_hundredths", "items", "days"})
_DAY_MINUTES, _DAY_WORTHS = ("min_minutes", "whole_from_minutes"), ("remote", "travel")
_ITEM_KEYS = frozenset({"code", "label", "nature", "max_hundredths", "evidence", "guide"})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Item:
    """One thing that people score: at most `max_hundredths`; `evidence` is only shown, it never becomes points."""

    code: str
    label: str
    nature: str
    max_hundredths: int
    evidence: tuple[str, ...]
    guide: str


@dataclass(frozen=True)
class Scheme:
    """A version of the rules of one assessment; all figures are hundredths of a point."""

    title: str
    version: int
    competent_hundredths: int
    excellent_hundredths: int
    items: tuple[Item, ...]
    days: DaySettings
    """How service days are counted (R-VISIT-7)."""

    def items_of(self, nature: str) -> dict[str, Item]:
        """Give the items that commissioners of this nature are scored by, by code."""
        return {item.code: item for item in self.items if item.nature == nature}


def read_scheme(document: object) -> Scheme:
    """Make a scheme of its JSON document (data/scheme_default.json shows the form).

    :raises ValueError: with every Chinese sentence of `judge_scheme`.
    """
    problems = judge_scheme(document)
    if problems or not isinstance(document, Mapping):
        raise ValueError(";".join(f"{path}:{text}" for path, text in problems.items()))
    items = tuple(
        Item(
            one["code"],
            one["label"],
            one["nature"],
            one["max_hundredths"],
            tuple(one.get("evidence", ())),
            one.get("guide", ""),
        )
        for one in document["items"]
    )
    return Scheme(
        document["title"],
        document["version"],
        document["competent_hundredths"],
        document["excellent_hundredths"],
        items,
        day_settings(document),
    )


def day_settings(document: Mapping[str, Any]) -> DaySettings:
    """Give how a sound scheme counts service days; what it leaves out counts as everywhere (R-VISIT-7)."""
    given = document.get("days") or {}
    return DaySettings(
        given.get("min_minutes", 0),
        given.get("whole_from_minutes", 0),
        DAY_WORTH[given.get("remote", "whole")],
        DAY_WORTH[given.get("travel", "whole")],
    )


def judge_scheme(document: object) -> dict[str, str]:
    """Say in Chinese what is wrong with a scheme's JSON document, by path (`items.0.code`); empty if it can be used."""
    if not isinstance(document, Mapping):
        return {"": "考核方案应为一个对象"}
    found = _unknown_keys("", document, _KEYS)
    if not _is_text(document.get("title"), TITLE_MAX):
        found["title"] = f"请填写方案名称，不超过 {TITLE_MAX} 字"
    if not _is_whole(document.get("version"), 1, None):
        found["version"] = "版本应为正整数"
    lowest = document.get("competent_hundredths")
    if not _is_whole(lowest, 1, FULL_HUNDREDTHS):
        found["competent_hundredths"] = "合格分数线应大于 0 分，不高于 100 分，最多两位小数"
        lowest = 1
    if not _is_whole(document.get("excellent_hundredths"), lowest, FULL_HUNDREDTHS):
        found["excellent_hundredths"] = "优秀分数线应不低于合格分数线，不高于 100 分，最多两位小数"
    found |= _judge_days(document.get("days"))
    items = document.get("items")
    if not isinstance(items, list) or not items:
        return found | {"items": "请至少设一个考核项目"}
    for at, item in enumerate(items):
        found |= _judge_item(f"items.{at}", item)
    return found if any(path.startswith("items.") for path in found) else found | _judge_whole(items)


def _judge_days(days: object) -> dict[str, str]:
    if days is None:
        return {}
    if not isinstance(days, Mapping):
        return {"days": "服务天数的算法应为一个对象"}
    found = _unknown_keys("days.", days, frozenset({*_DAY_MINUTES, *_DAY_WORTHS}))
    for name in _DAY_MINUTES:
        if not _is_whole(days.get(name, 0), 0, MINUTES_MAX):
            found[f"days.{name}"] = f"应为 0 到 {MINUTES_MAX} 之间的分钟数"
    for name in _DAY_WORTHS:
        if days.get(name, "whole") not in tuple(DAY_WORTH):
            found[f"days.{name}"] = "应为 whole（计 1 天）、half（计 0.5 天）或 none（不计）"
    return found


def _judge_item(path: str, item: object) -> dict[str, str]:
    if not isinstance(item, Mapping):
        return {path: "考核项目应为一个对象"}
    found = _unknown_keys(f"{path}.", item, _ITEM_KEYS)
    code = item.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        found[f"{path}.code"] = "代码由小写字母、数字和下划线组成，以字母开头，不超过 40 个字符"
    if not _is_text(item.get("label"), ITEM_LABEL_MAX):
        found[f"{path}.label"] = f"请填写项目名称，不超过 {ITEM_LABEL_MAX} 字"
    if item.get("nature") not in tuple(NATURES):
        found[f"{path}.nature"] = "类型应为 public_benefit（公益服务型）或 paid（技术有偿服务型）"
    if not _is_whole(item.get("max_hundredths"), 1, FULL_HUNDREDTHS):
        found[f"{path}.max_hundredths"] = "满分应大于 0 分，不高于 100 分，最多两位小数"
    evidence = item.get("evidence", [])
    if not isinstance(evidence, list) or any(one not in tuple(EVIDENCE) for one in evidence):
        found[f"{path}.evidence"] = "含有不能作为参考的数据；签到、照片、登录等不得用于考核（国办函〔2026〕12号）"
    if "guide" in item and not _is_text(item["guide"], GUIDE_MAX):
        found[f"{path}.guide"] = f"评分说明应为不超过 {GUIDE_MAX} 字的文字"
    return found


def _judge_whole(items: list[Mapping[str, object]]) -> dict[str, str]:
    """Look at items that are sound each: codes differ, and each nature adds up to 100 points."""
    codes = [str(item["code"]) for item in items]
    found = {f"items.{at}.code": "代码重复" for at, code in enumerate(codes) if code in codes[:at]}
    for nature, label in NATURES.items():
        worth = [item["max_hundredths"] for item in items if item["nature"] == nature]
        full = sum(one for one in worth if isinstance(one, int))
        if full != FULL_HUNDREDTHS:
            found["items"] = f"{label}各项满分合计应为 100 分，现为 {full // 100}.{full % 100:02d} 分"
    return found


def _unknown_keys(prefix: str, value: Mapping[str, object], known: frozenset[str]) -> dict[str, str]:
    return {f"{prefix}{key}": "没有这个字段" for key in value if key not in known}


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= limit


def _is_whole(value: object, lowest: int, highest: int | None) -> TypeGuard[int]:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value >= lowest and (highest is None or value <= highest)
