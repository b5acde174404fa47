"""The bill of a pair: integers that add up, tables that never punish the better (R-MATCH-1 aim 5)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching.score import STANDARD, TITLES, Facts, Feature, Scale, ScaleError, tell_bill, total
from tests.rules.matching.boards import examples


def test_a_bill_shows_every_row_and_its_sum():
    bill = STANDARD.bill(Facts(fit=1000, preference=1, grade=2, performance=None, urgency=3, distance_m=12_345))
    assert [row.product for row in bill] == [40_000, 25_000, 15_000, 3_000, 5_000, 3_750]
    assert tell_bill(bill) == (
        "产业匹配（1000）1000×40 + 本人志愿（第 1 志愿）1000×25 + 镇方评价（第 2 等）750×20 + 历年考核（无记录）600×5"
        " + 需求紧急（紧急）1000×5 + 路程远近（直线 12 公里）750×5 = 91,750 分（满分 100,000）"
    )


def test_the_best_pair_earns_everything_and_an_unknown_one_little():
    best = Facts(fit=1000, preference=1, grade=1, performance=2, urgency=3, distance_m=0)
    assert total(STANDARD.bill(best)) == 100_000
    assert total(STANDARD.bill(Facts())) == 600 * 5 + 300 * 5 + 150 * 5


@pytest.mark.parametrize("name", TITLES)
@settings(max_examples=examples(30))
@given(data=st.data())
def test_improving_one_feature_never_lowers_a_score(name, data):
    values = {other: data.draw(st.none() | st.integers(0, 300_000)) for other in TITLES}
    one, other = sorted((data.draw(st.integers(0, 1200)), data.draw(st.integers(0, 300_000))))
    feature = next(feature for feature in STANDARD.features if feature.name == name)
    better, worse = (other, one) if feature.better == "more" else (one, other)
    high, low = (total(STANDARD.bill(Facts(**{**values, name: value}))) for value in (better, worse))
    assert high >= low


def _with(**change: Any) -> Scale:
    return replace(STANDARD, features=(replace(STANDARD.features[0], **change), *STANDARD.features[1:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 41}, "sum to 100"),
        ({"weight": -1}, "weight from 0"),
        ({"weight": 40.0}, "must be integers"),
        ({"name": "height"}, "features must be"),
        ({"name": "grade"}, "each once"),
        ({"steps": ()}, "must be integers"),
        ({"steps": ((2, 1), (1, 2))}, "steps must rise"),
        ({"steps": ((1, 2), (2, 1))}, "must not earn fewer"),
        ({"steps": ((1, 1001),)}, "points from 0 to 1000"),
        ({"absent": 1001}, "points from 0 to 1000"),
        ({"better": "bigger"}, "better more or less"),
    ],
)
def test_a_scale_that_may_not_be_used_is_refused(change, message):
    with pytest.raises(ScaleError, match=message):
        _with(**change)


def test_r_match_5_a_scale_is_data_with_a_digest():
    assert Scale.from_json(STANDARD.to_json()) == STANDARD
    assert Scale.from_json({**STANDARD.to_json(), "note": "改"}).digest() != STANDARD.digest()
    with pytest.raises(ScaleError, match="not a scale"):
        Scale.from_json({"id": "1"})


def test_beyond_the_last_step_nothing_is_earned():
    assert Feature("distance_m", 5, "less", ((10, 7),)).points(11) == 0
    assert Feature("fit", 5, "more", ((10, 7),)).points(9) == 0
