"""Counties have floors too: filled after those of townships, proved, explained (R-MATCH-1, R-MATCH-3, R-MATCH-4)."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from rules.matching.changes import compare, price, tell_changes
from rules.matching.gaps import explain_gaps, relaxations
from rules.matching.instance import Counties
from rules.matching.plan import Plan, Violator
from rules.matching.sentences import tell_violator
from rules.matching.statistics import Placed, Season, count, prices
from rules.matching.verify import verify
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances, named
from tests.rules.matching.test_reasons import called, told

WANG, LI, ZHAO = "王教授", "李老师", "赵博士"
NEEDS = {"生猪防疫": ("甲镇", 2), "茶园管理": ("乙镇", 1), "海带育苗": ("丙镇", 2)}
EAST: dict[str, Any] = {
    "people": {WANG: 1, LI: 1, ZHAO: 1},
    "needs": NEEDS,
    "fits": {WANG: "生猪防疫", LI: "生猪防疫 海带育苗", ZHAO: "茶园管理"},
    "counties": {"东县": (3, "甲镇 乙镇"), "西县": (0, "丙镇")},
    "floors": {"甲镇": 1, "乙镇": 1, "丙镇": 0},
}


def test_r_match_1_a_county_gets_beyond_its_townships_floors_what_its_own_asks():
    game = board(**EAST)
    plan = solve(game)
    assert named(game, plan) == {
        (WANG, "生猪防疫"): "P6",
        (LI, "生猪防疫"): "P2",
        (ZHAO, "茶园管理"): "P2",
    } or named(game, plan) == {(WANG, "生猪防疫"): "P2", (LI, "生猪防疫"): "P6", (ZHAO, "茶园管理"): "P2"}
    assert (plan.covered, plan.maximum, plan.county_covered, plan.county_maximum) == (2, 2, 1, 1)
    second = next(link for link, reason in named(game, plan).items() if reason == "P6")
    assert told(game)[second] == (
        "P6 保障县级：东县各镇合计至少应有 3 人，双选到位 0 人，符合条件的有 3 人，为达到全县保障人数，"
        "安排您对接甲镇「生猪防疫」。这是建议，双方都同意才列入名单。"
    )
    assert len(solve(board(**EAST | {"counties": {"东县": (2, "甲镇 乙镇"), "西县": (0, "丙镇")}})).pairs) == 2


def test_r_match_1_townships_come_before_counties():
    """Li alone is able for both: the township of the west has the first call, the county of the east goes short."""
    game = board(**EAST | {"floors": {"甲镇": 1, "乙镇": 1, "丙镇": 1}})
    plan = solve(game)
    assert named(game, plan)[LI, "海带育苗"] == "P2"
    assert (plan.covered, plan.maximum, plan.county_covered, plan.county_maximum) == (3, 3, 0, 0)
    assert plan.violators == ()
    assert plan.county_violators == (Violator((2,), (0, 1), 3, 4, full=(1,), counties=(0,)),)
    assert tell_violator(plan.county_violators[0], called(game)) == (
        "东县、丙镇，其中乙镇「茶园管理」名额不足：至少应安排 4 人次，符合条件的只有王教授、李老师（共 2 人），"
        "最多能到位 3 人次，还差 1 人次。无论怎样安排，都补不上这个缺口。"
    )
    excluded = {(0, 2): frozenset({"specialty"}), (2, 0): frozenset({"specialty"})}
    assert relaxations(game, excluded) == {}
    (gap,) = explain_gaps(game, plan.county_violators, {(0, 2): frozenset({"specialty"})})
    assert gap.excluded == {}, "wang is able for something there"


def test_r_match_3_what_a_township_cannot_have_its_county_still_asks_for():
    """Nobody is able for tea. The county's three pairs are not fewer for that: its other township has all of them."""
    game = board({WANG: 1, LI: 1, ZHAO: 1}, {"生猪防疫": ("甲镇", 3), "茶园管理": ("乙镇", 1)},
                 dict.fromkeys((WANG, LI, ZHAO), "生猪防疫"), counties={"东县": (3, "甲镇 乙镇")})  # fmt: skip
    plan = solve(game)
    assert (plan.covered, plan.county_covered, len(plan.pairs)) == (1, 2, 3)
    assert (plan.violators, plan.county_violators) == ((Violator((1,), (), 0, 1),), ())


def held_for_county() -> dict[str, Any]:
    return {
        "people": {WANG: 1, LI: 1},
        "needs": {"茶园管理": ("乙镇", 1), "生猪防疫": ("甲镇", 2)},
        "fits": {WANG: "茶园管理 生猪防疫", LI: "生猪防疫"},
        "claims": {WANG: "茶园管理", LI: "生猪防疫"},
        "grades": {"茶园管理": WANG, "生猪防疫": LI},
        "floors": {"甲镇": 1, "乙镇": 0},
        "counties": {"东县": (2, "甲镇"), "西县": (0, "乙镇")},
    }


def test_r_match_1_somebody_is_held_for_a_county_and_the_lost_choice_says_so():
    game = board(**held_for_county())
    plan = solve(game)
    assert named(game, plan) == {(WANG, "生猪防疫"): "P6", (LI, "生猪防疫"): "P1"}
    assert [(hold.person, hold.need, hold.township, hold.county) for hold in plan.holds] == [(0, 1, 0, 0)]
    assert [(lost.person, lost.need, lost.held) for lost in plan.witnesses] == [(0, 0, 0)]
    assert told(game)[WANG, "茶园管理"] == (
        "R3 您与乙镇「茶园管理」双方都有意，但东县若失去您就达不到保障人数，没有别的安排能补上，"
        "因此建议您对接甲镇「生猪防疫」。"
    )
    assert (
        "王教授与乙镇「茶园管理」虽有双选，但东县若失去王教授就达不到保障人数"
        in (told(game, claimant=False)[WANG, "生猪防疫"])
    )
    for hold in (replace(plan.holds[0], county=None), replace(plan.holds[0], county=1)):
        assert verify(game, replace(plan, holds=(hold,)).sealed()) == ("王教授 → 生猪防疫：保障名单写错了县",)
    found = prices(game)
    assert (found.mutual, found.alone_mutual) == (1, 2)
    assert (found.county_floor, found.county_filled, found.alone_county_filled) == (2, 2, 1)


def test_r_match_5_the_price_of_a_ban_names_the_county():
    game = board(**held_for_county())
    found = price(game, solve(game), bans=[(0, 1)])
    assert (found.counties_short, found.uncovered, found.released) == ((0,), (), (0,))
    assert tell_changes(found, called(game)).startswith(
        "王教授由甲镇「生猪防疫」改为乙镇「茶园管理」；东县将达不到县级保障人数；"
    )
    banned = solve(replace(game, bans=replace(game.bans, person=(0,), need=(1,))))
    assert compare(game, banned, solve(game)).counties_reached == (0,)


def test_a_county_with_a_floor_is_counted():
    season = Season((1, 1), ("东县", "西县"), (0, 1), (2, 1), (1, 1), ("种植", "种植"), (), [Placed(0, 0, "P1")], (),
                    county_floor={"东县": 2, "西县": 0})  # fmt: skip
    assert count(season)["counties"] == {"asking": 1, "covered": 0, "each": {"东县": {"floor": 2, "came": 1}}}
    assert "counties" not in count(replace(season, county_floor={}))


@settings(deadline=None, max_examples=examples(40))
@given(instances())
def test_r_match_1_floors_that_ask_nothing_change_nothing(instance):
    """A county that asks for no more than its townships is as good as none, but for the proof's further nodes."""
    nothing = replace(instance, counties=replace(instance.counties, floor=(0,) * len(instance.counties.code)))
    alone = replace(instance, counties=Counties(), townships=replace(instance.townships, county=()))
    with_, without = solve(nothing), solve(alone)
    parts = ("pairs", "holds", "witnesses", "violators", "covered", "maximum", "score")
    assert [getattr(with_, part) for part in parts] == [getattr(without, part) for part in parts]
    assert with_.county_maximum in {0, None}
    assert Plan.from_json(with_.to_json()) == with_
    assert not {"county_covered", "county_maximum", "county_violators"} & without.to_json().keys()
