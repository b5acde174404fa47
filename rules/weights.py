"""What a version of the matching weights must keep, so that a better claimant never scores less (R-MATCH-1 aim 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

from rules.matching.score import FULL, TITLES, TOTAL_WEIGHT

FLOOR_MAX = 5  # pairs that a township should get at least; more is a plan of its own (practice)


def judge_weights(features: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give every fault of a version's features, in Chinese; each names its row."""
    names = [row["name"] for row in features]
    wrong = [f"「{TITLES[name]}」重复" for name in sorted({name for name in names if names.count(name) > 1})]
    if (weight := sum(row["weight"] for row in features)) != TOTAL_WEIGHT:
        wrong.append(f"权重合计应为 {TOTAL_WEIGHT}，现为 {weight}")
    for row in features:
        wrong += [f"「{TITLES[row['name']]}」：{fault}" for fault in _judge_steps(row)]
    return wrong


def _judge_steps(row: Mapping[str, Any]) -> list[str]:
    steps = row["steps"]
    if not steps or any(len(step) != 2 for step in steps):
        return ["每一级应写明界限和得点"]
    bounds, points = [step[0] for step in steps], [step[1] for step in steps]
    wrong = []
    if bounds != sorted(set(bounds)):
        wrong.append("各级界限应由小到大，且不重复")
    if points != sorted(points, reverse=row["better"] == "less"):
        wrong.append("更好的一级得点不能更少")
    if not all(0 <= point <= FULL for point in (*points, row["absent"])):
        wrong.append(f"得点应在 0 到 {FULL} 之间")
    return wrong
