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
    ("key", "value"),
    [
        ("covered", "2"),
        ("covered", 2.0),
        ("score", None),
        ("score", False),
        ("pairs", {"person": [0], "need": [0]}),
        ("pairs", {"person": [0], "need": ["0"], "reason": ["P2"]}),
        ("pairs", {"person": [0, 1], "need": [0], "reason": ["P2"]}),
        ("pairs", 7),
        ("holds", [{"person": 0, "need": 0}]),
        ("holds", [{"person": 0, "need": 0, "township": "A"}]),
        ("violators", [{"townships": 0, "people": [], "capacity": 0, "floor": 1}]),
        ("witnesses", [{"person": 0, "need": 0, "held": True}]),
        ("certificate", {"root": "every node at 0", "tiers": [], "potentials": [[0.5]]}),
        ("remark", "more"),
    ],
)
def test_what_is_not_a_plan_is_refused(key, value):
    with pytest.raises(PlanError, match="not a plan"):
        Plan.from_json({**_file(), key: value})


def test_a_missing_part_is_refused():
    content = _file()
    del content["holds"]
    with pytest.raises(PlanError, match="holds"):
        Plan.from_json(content)
