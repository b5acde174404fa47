"""How figures and reasons of a round read in Chinese, on the page and in the file."""

REASONS: dict[str, str] = {
    "P1": "双选成功",
    "P2": "保障覆盖",
    "P3": "统筹补位",
    "P4": "人工指定",
    "P5": "沿用上一版",
    "P6": "保障县级",
    "W1": "本人撤回",
    "F0": "不符合条件",
    "D1": "镇方谢绝",
    "F1": "已被排除",
    "R1": "名额给了排序更前的人选",
    "R2": "获得了志愿更靠前的需求",
    "R3": "因保障覆盖另有安排",
    "R4": "名额已由人工指定占用",
    "N1": "没有揭榜",
}
COUNTS: tuple[tuple[str, str, tuple[str, str], str | None], ...] = (
    ("townships", "asking", ("乡镇", "有需求的乡镇"), None),
    ("townships", "covered", ("乡镇", "已覆盖的乡镇"), "asking"),
    ("posts", "needs", ("名额", "需求"), None),
    ("posts", "offered", ("名额", "名额"), None),
    ("posts", "filled", ("名额", "已选定的名额"), "offered"),
    ("claimants", "claimants", ("揭榜者", "揭榜者（人或团队）"), None),
    ("claimants", "with_mutual", ("揭榜者", "至少一项双选的揭榜者"), "claimants"),
    ("claimants", "matched", ("揭榜者", "双选成功（匹配率）"), "claimants"),
    ("claimants", "placed", ("揭榜者", "含统筹调剂在内有安排（安置率）"), "claimants"),
    ("claimants", "first_choice", ("揭榜者", "获得第一志愿"), "claimants"),
    ("claimants", "top_three", ("揭榜者", "获得前三志愿"), "claimants"),
    ("claimants", "without_claim", ("揭榜者", "没有揭榜而被提议的人选"), None),
)
"""Section, figure, its titles, and the figure that it is a share of."""
GROUPS: dict[str, str] = {"by_county": "按县（市、区）", "by_urgency": "按紧急程度", "by_field": "按专业"}
OVERRIDES: dict[str, str] = {
    "pin": "固定",
    "replacement": "调整",
    "ban": "排除",
    "cost_coverage": "使乡镇或县达不到保障人数",
}
PRICES: dict[str, str] = {
    "covered": "不计人工指定时覆盖的乡镇",
    "maximum": "任何方案最多能覆盖的乡镇",
    "alone_covered": "只按双选（不作统筹）能覆盖的乡镇",
    "mutual": "保障覆盖之后的双选配对",
    "alone_mutual": "只按双选（不作统筹）的双选配对",
    "county_floor": "各县应保障的人数合计",
    "county_filled": "不计人工指定时各县保障到位的人数",
    "alone_county_filled": "只按双选（不作统筹）各县保障到位的人数",
    "score_first": "名额补满且只看总分时的总分",
    "choice_first": "名额补满且双选优先时的总分",
}


def share(value: int, of: int | None) -> str:
    """Write a share in per cent to one digit; nothing where there is nothing to divide by."""
    if not of:
        return ""
    tenths = (value * 2000 + of) // (2 * of)
    return f"{tenths // 10}.{tenths % 10}%"
