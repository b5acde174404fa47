"""The plan file: read, refused, hashed (issue 5, point 8)."""

import json
from hashlib import sha256
from typing import Any

import pytest

from rules.matching.plan import Plan, PlanError
from tests.proved import solve
from tests.rules.matching.boards import board

GAME = board(
    {"wang": 1, "li": 1}, {"pig": ("A", 1), "tea": ("B", 1), "fish": ("C", 1)}, {"wang": "pig tea", "li": "fish"}
)


def _file() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(solve(GAME).to_json()))
    return content


def test_a_plan_survives_its_file():
    assert Plan.from_json(_file()) == solve(GAME)


def test_r_match_2_digest_is_the_sha_256_of_canonical_json_without_itself():
    content = _file()
    digest = content.pop("digest")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sha256(text.encode()).hexdigest() == digest


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("covered", "2", "covered = '2'：应为整数"),
        ("covered", 2.0, "covered = 2.0"),
        ("score", None, "score = None"),
        ("score", False, "score = False"),
        ("digest", 7, "digest：应为文本"),
        ("pairs", {"person": [0], "need": [0]}, "pairs：缺少 reason"),
        ("pairs", {"person": [0], "need": ["0"], "reason": ["P2"]}, r"pairs.need\[0\] = '0'"),
        ("pairs", {"person": [0], "need": [0], "reason": ["P9"]}, r"pairs.reason\[0\] = 'P9'"),
        ("pairs", {"person": [0, 1], "need": [0], "reason": ["P2"]}, "pairs：各列长度不同（2、1、1）"),
        ("pairs", 7, "pairs：应为对象"),
        ("holds", [{"person": 0, "need": 0}], r"holds\[0\]：缺少 township"),
        ("holds", [{"person": 0, "need": 0, "township": "A"}], r"holds\[0\].township = 'A'"),
        (
            "violators",
            [{"townships": 0, "people": [], "capacity": 0, "floor": 1}],
            r"violators\[0\].townships：应为列表",
        ),
        ("violators", [{"townships": [], "people": [], "capacity": 0, "floor": 1, "full": []}], "没有时不应写出"),
        ("witnesses", [{"person": 0, "need": 0, "held": True}], r"witnesses\[0\].held = True"),
        ("certificate", {"root": "0", "tiers": [], "potentials": [[0.5]]}, r"certificate.potentials\[0\]\[0\] = 0.5"),
        ("certificate", {"root": 0, "tiers": [], "potentials": []}, "root 和 tiers 应为文本"),
        ("remark", "more", "不认识的键 remark"),
    ],
)
def test_what_is_not_a_plan_is_refused_by_key_and_place(key, value, message):
    with pytest.raises(PlanError, match=message):
        Plan.from_json({**_file(), key: value})


def test_a_missing_part_is_refused():
    content = _file()
    del content["holds"]
    with pytest.raises(PlanError, match="holds"):
        Plan.from_json(content)
