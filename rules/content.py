"""What may be shown to strangers, after WeChat's check of it and people's word (R-NEED-4, wechat.md §B.6)."""

from collections.abc import Iterable
from typing import Literal

from rules.policy import CONTENT_OVERLAP, CONTENT_PIECE_MAX

SUBJECTS = {
    "need": "需求",
    "round": "批次",
    "supplement": "补报",
    "team": "团队名称",
    "photo": "照片",
    "confirmation_link": "农户的话",
}
SCENES: dict[str, Literal[1, 2, 3, 4]] = {
    "need": 3,
    "round": 3,
    "supplement": 3,
    "team": 1,
    "photo": 4,
    "confirmation_link": 2,
}
"""WeChat's scene of each: 1 profile, 2 comment, 3 forum, 4 log."""
BY_STAFF = frozenset({"round", "supplement"})
"""Typed by the staff whose act publishes it: that is its human check, and only what is risky is blocked."""
CLEAR = ("passed", "released")
HELD = ("review", "risky", "unavailable")
"""These wait for a person."""
BLOCKED = ("risky", "rejected")
"""These go nowhere, not even into a message."""

ABSENT, DOWN, SILENT = "absent", "down", "silent"
CAUSES = {
    ABSENT: "作者近两小时没有打开小程序，微信不予检测，须人工审核",
    DOWN: "微信内容安全检测暂时不可用，须人工审核",
    SILENT: "微信没有在三十分钟内给出检测结果，须人工审核",
}
LABELS = {
    "100": "正常",
    "10001": "广告",
    "20001": "时政",
    "20002": "色情",
    "20003": "辱骂",
    "20006": "违法犯罪",
    "20008": "欺诈",
    "20012": "低俗",
    "20013": "版权",
}
MOVES = {"pass": "pass", "review": "doubt", "risky": "risk"}
"""The move that each of WeChat's suggestions makes."""


def why(suggest: str, label: str) -> str | None:
    """Say in Chinese what WeChat found; None where it found nothing."""
    found = {"review": "微信内容安全检测建议人工复核", "risky": "微信内容安全检测判定违规"}.get(suggest)
    return found and f"{found}：{LABELS.get(label, '其他')}"


def pieces(text: str) -> list[str]:
    """Cut a text into what one check takes; neighbours overlap, so that no forbidden word falls between two."""
    step = CONTENT_PIECE_MAX - CONTENT_OVERLAP
    last = max(len(text) - CONTENT_OVERLAP, 1)
    return [text[at : at + CONTENT_PIECE_MAX] for at in range(0, last, step)]


def worst(suggestions: Iterable[str]) -> str:
    """Give the most severe of some suggestions: risky before review before pass."""
    found = set(suggestions)
    return next((one for one in ("risky", "review") if one in found), "pass")
