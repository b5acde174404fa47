"""A round's figures add up, and the prices have the sign that they must have (issue 5 point 7)."""

from dataclasses import replace

from hypothesis import given, settings

from rules.matching.instance import Links
from rules.matching.statistics import Placed, Season, count, prices
from tests.rules.matching.boards import board, instances

SEASON = Season(
    floor=(1, 1, 1),
    county=("东区", "东区", "西区"),
    township=(0, 0, 1, 2),
    places=(1, 2, 1, 1),
    urgency=(3, 1, 1, 2),
    field=("种植", "种植", "养殖", "种植"),
    claims=((0, 0, 1, True), (0, 1, 2, True), (1, 0, 1, True), (1, 1, 4, True), (2, 0, 1, False)),
    pairs=(Placed(0, 0, "P1"), Placed(1, 1, "P1"), Placed(3, 2, "P2", held=True)),
    lost=((0, 1, "R2"), (1, 0, "R1"), (2, 0, "D1")),
)


def test_match_rate_and_placement_rate_are_counted_apart():
    found = count(SEASON)
    assert found["townships"] == {"asking": 3, "covered": 2}
    assert found["posts"] == {"needs": 4, "offered": 5, "filled": 3}
    assert found["claimants"] == {
        "claimants": 3,
        "with_mutual": 2,
        "matched": 2,
        "placed": 2,
        "without_claim": 1,
        "first_choice": 1,
        "top_three": 1,
    }
    assert found["lists"] == {"matched": {2: 2}, "unmatched": {1: 1}}
    assert (found["workload"], found["held"]) == ({1: 3}, 1)
    assert (found["reasons"], found["lost"]) == ({"P1": 2, "P2": 1}, {"D1": 1, "R1": 1, "R2": 1})
    assert found["by_county"]["东区"] == {"needs": 3, "offered": 4, "filled": 3}
    assert found["by_urgency"]["3"] == {"needs": 1, "offered": 1, "filled": 1}


def test_coverage_costs_a_choice_and_choice_costs_points():
    game = board(
        {"王教授": 1, "李老师": 1},
        {"茶园管理": ("甲镇", 2), "海带育苗": ("乙镇", 1)},
        fits={"王教授": "茶园管理 海带育苗", "李老师": "茶园管理"},
        claims={"王教授": "茶园管理", "李老师": "茶园管理"},
        grades={"茶园管理": "王教授 李老师"},
        scores={("王教授", "海带育苗"): 10},
    )
    found = prices(game)
    assert (found.covered, found.alone_covered) == (2, 1)
    assert (found.mutual, found.alone_mutual) == (1, 2)


@settings(deadline=None, max_examples=60)
@given(instances())
def test_choice_alone_never_covers_more_and_points_never_lose_by_going_first(instance):
    found = prices(replace(instance, pins=Links(), bans=Links(), previous=Links()))
    assert found.alone_covered <= found.covered == found.maximum
    assert found.alone_mutual >= 0
    assert found.score_first >= found.choice_first
