"""The score of a pair as a bill that anybody can add up: weights × table points, all integers (R-MATCH-1 aim 5)."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal

from rules.matching.instance import canonical_json

FULL = 1000
TOTAL_WEIGHT = 100
TITLES = {
    "fit": "产业匹配",
    "preference": "本人志愿",
    "grade": "镇方评价",
    "performance": "历年考核",
    "urgency": "需求紧急",
    "distance_m": "路程远近",
}


class ScaleError(ValueError):
    """A scale that may not be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a pair; None where nothing is.

    fit 0 to 1000 (`rules.claims.fit`), preference and grade from 1 = best, performance 0 不称职 to 2 优秀,
    urgency 1 to 3 (`rules.needs.URGENCY`), distance in whole metres as stored with the run (straight line, not road).
    """

    fit: int | None = None
    preference: int | None = None
    grade: int | None = None
    performance: int | None = None
    urgency: int | None = None
    distance_m: int | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a scale: a weight and a table from values to points.

    Where `better` is `more`, a value earns the points of the highest step that it reaches, and none below the first;
    where it is `less`, those of the first step that it does not exceed, and none beyond the last. `absent` is for what
    is unknown.
    """

    name: str
    weight: int
    better: Literal["more", "less"]
    steps: tuple[tuple[int, int], ...]
    absent: int = 0

    def points(self, value: int | None) -> int:
        """Give 0 to 1000 points; a better value never earns fewer."""
        if value is None:
            return self.absent
        bounds = [bound for bound, _ in self.steps]
        place = bisect_right(bounds, value) - 1 if self.better == "more" else bisect_left(bounds, value)
        return self.steps[place][1] if 0 <= place < len(bounds) else 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a bill: points × weight."""

    name: str
    value: int | None
    points: int
    weight: int

    @property
    def product(self) -> int:
        """Give what the line adds to the score."""
        return self.points * self.weight


@dataclass(frozen=True, slots=True)
class Scale:
    """A version of weights and tables: data that a run stores by its digest (R-MATCH-5).

    :raises ScaleError: if weights do not sum to 100, a feature is unknown or twice, or a table is not monotone.
    """

    id: str
    effective: str
    approver: str
    note: str
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if len(set(names)) < len(names) or not set(names) <= set(TITLES):
            raise ScaleError(f"features must be some of {', '.join(TITLES)}, each once")
        for feature in self.features:
            _check_feature(feature)
        if sum(feature.weight for feature in self.features) != TOTAL_WEIGHT:
            raise ScaleError("weights must sum to 100")

    def bill(self, facts: Facts) -> tuple[Row, ...]:
        """Give a pair's bill, one row a feature in the scale's order."""
        values = {feature.name: getattr(facts, feature.name) for feature in self.features}
        return tuple(Row(f.name, values[f.name], f.points(values[f.name]), f.weight) for f in self.features)

    def digest(self) -> str:
        """Give the SHA-256 (hex) of the canonical JSON."""
        return sha256(canonical_json(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Give the scale as data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Scale":
        """Read a scale.

        :raises ScaleError: if it has another form, or may not be used.
        """
        try:
            features = tuple(
                Feature(**{**row, "steps": tuple((bound, points) for bound, points in row["steps"])})
                for row in content["features"]
            )
            return cls(**{**content, "features": features})
        except (KeyError, TypeError) as error:
            raise ScaleError(f"not a scale: {error}") from error


def total(bill: tuple[Row, ...]) -> int:
    """Give the score: 0 to 100,000."""
    return sum(row.product for row in bill)


def tell_bill(bill: tuple[Row, ...]) -> str:
    """Write a bill for people: every row, then the sum."""
    rows = " + ".join(f"{TITLES[row.name]}（{_value(row)}）{row.points}×{row.weight}" for row in bill)
    return f"{rows} = {total(bill):,} 分（满分 {FULL * TOTAL_WEIGHT:,}）"


def _value(row: Row) -> str:
    if row.value is None:
        return "无记录"
    written = {
        "preference": f"第 {row.value} 志愿",
        "grade": f"第 {row.value} 等",
        "distance_m": f"直线 {(row.value + 500) // 1000} 公里",
    }
    levels = {"performance": ("不称职", "称职", "优秀"), "urgency": ("", "一般", "较急", "紧急")}
    if row.name in levels and 0 <= row.value < len(levels[row.name]):
        return levels[row.name][row.value]
    return written.get(row.name, str(row.value))


def _check_feature(feature: Feature) -> None:
    whole = [feature.weight, feature.absent, *(number for step in feature.steps for number in step)]
    if any(type(number) is not int for number in whole) or feature.better not in {"more", "less"} or not feature.steps:
        raise ScaleError(f"{feature.name}: weight, steps and absent must be integers, better more or less")
    bounds, points = [bound for bound, _ in feature.steps], [point for _, point in feature.steps]
    if bounds != sorted(set(bounds)):
        raise ScaleError(f"{feature.name}: steps must rise")
    if points != sorted(points, reverse=feature.better == "less"):
        raise ScaleError(f"{feature.name}: a better value must not earn fewer points")
    if feature.weight < 0 or not all(0 <= point <= FULL for point in (*points, feature.absent)):
        raise ScaleError(f"{feature.name}: weight from 0, points from 0 to 1000")


STANDARD = Scale(
    id="2026-1",
    effective="2026-01-01",
    approver="",
    note="出厂设置，启用前由市级主管部门审定",
    features=(
        Feature("fit", 40, "more", tuple((bound, bound) for bound in range(100, 1001, 100))),
        Feature("preference", 25, "less", ((1, 1000), (2, 800), (3, 600), (4, 450), (5, 300), (9, 150))),
        Feature("grade", 20, "less", ((1, 1000), (2, 750), (3, 500), (9, 250))),
        Feature("performance", 5, "more", ((0, 0), (1, 700), (2, 1000)), absent=600),
        Feature("urgency", 5, "more", ((1, 300), (2, 600), (3, 1000)), absent=300),
        Feature(
            "distance_m",
            5,
            "less",
            ((5_000, 1000), (10_000, 900), (20_000, 750), (50_000, 500), (100_000, 300), (200_000, 150)),
            absent=150,
        ),
    ),
)
