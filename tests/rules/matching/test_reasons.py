"""Reasons and their sentences: one for each pair, the first that applies for each lost claim (R-MATCH-4, R-CLAIM-2)."""

import pytest
from hypothesis import given, settings

from rules.matching.instance import Instance
from rules.matching.lottery import number, person_ticket
from rules.matching.reasons import Background, lost_claims, pair_reasons
from rules.matching.sentences import Names, retell_violator, tell, tell_violator
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances


def called(game: Instance) -> Names:
    return Names(game.people.id, game.needs.id, game.townships.code, game.needs.township, game.counties.code)


def told(game: Instance, background: Background | None = None, *, claimant: bool = True) -> dict[tuple[str, str], str]:
    """Give code and sentence of every pair and every lost claim, by names."""
    plan = solve(game)
    reasons = (*pair_reasons(game, plan, background), *lost_claims(game, plan, background))
    return {
        (game.people.id[r.person], game.needs.id[r.need]): f"{r.code} {tell(r, called(game), claimant=claimant)}"
        for r in reasons
    }


WANG, LI, ZHAO = "王教授", "李老师", "赵博士"


def test_r_match_4_choice_rank_and_lot_are_told():
    game = board(
        {WANG: 1, LI: 1, ZHAO: 1},
        {"生猪防疫": ("甲镇", 1), "茶园管理": ("乙镇", 1)},
        fits=dict.fromkeys((WANG, LI, ZHAO), "生猪防疫 茶园管理"),
        claims={WANG: "生猪防疫 茶园管理", LI: "茶园管理", ZHAO: "生猪防疫 茶园管理"},
        grades={"生猪防疫": f"{WANG} {ZHAO}", "茶园管理": f"{WANG} {LI} ={ZHAO}"},
        seed="3",
    )
    li, zhao = number(person_ticket("3", LI)), number(person_ticket("3", ZHAO))
    winner, loser = (LI, ZHAO) if li < zhao else (ZHAO, LI)
    first = {LI: "第 1 志愿", ZHAO: "第 2 志愿"}[winner]
    drawn = "同等的人选按公开抽签号从小到大确定，您的号是"
    assert told(game) == {
        (
            WANG,
            "生猪防疫",
        ): "P1 双选成功：甲镇「生猪防疫」是您的第 1 志愿，镇方评为第 1 等；该需求双选 2 人，名额 1 个。",
        (winner, "茶园管理"): f"P1 双选成功：乙镇「茶园管理」是您的{first}，镇方评为第 2 等；"
        f"该需求双选 3 人，名额 1 个。{drawn} {min(li, zhao)}。",
        (
            WANG,
            "茶园管理",
        ): "R2 您获得了志愿排序更靠前的甲镇「生猪防疫」，因此没有再安排乙镇「茶园管理」（第 2 志愿）。",
        (
            ZHAO,
            "生猪防疫",
        ): "R1 甲镇「生猪防疫」的 1 个名额给了镇方排序在前的人选：最后一名入选者为第 1 等，您为第 2 等。",
        (loser, "茶园管理"): "R1 乙镇「茶园管理」的 1 个名额给了镇方排序在前的人选：您与最后一名入选者同为第 2 等，"
        f"按公开抽签号从小到大确定，入选者的号是 {min(li, zhao)}，您的号是 {max(li, zhao)}。",
    }


def test_r_match_4_a_hold_names_the_township_and_what_was_given_up():
    game = board(
        {WANG: 1, LI: 1},
        {"生猪防疫": ("甲镇", 2), "茶园管理": ("乙镇", 1)},
        fits={WANG: "生猪防疫 茶园管理", LI: "生猪防疫"},
        claims={WANG: "生猪防疫", LI: "生猪防疫"},
        grades={"生猪防疫": f"{WANG} {LI}"},
    )
    sentences = told(game)
    assert sentences[WANG, "茶园管理"] == (
        "P2 保障覆盖：乙镇没有双选到位的人选，全批次符合条件的有 1 人，为不使该镇空缺，安排您对接乙镇「茶园管理」。"
        "您与甲镇「生猪防疫」虽有双选，但乙镇若失去您就会出现空缺，因此让位于保障覆盖。这是建议，双方都同意才列入名单。"
    )
    assert sentences[WANG, "生猪防疫"] == (
        "R3 您与甲镇「生猪防疫」双方都有意，但乙镇若失去您就会出现空缺，没有别的安排能补上，"
        "因此建议您对接乙镇「茶园管理」。"
    )
    assert told(game, claimant=False)[WANG, "生猪防疫"].startswith("R3 王教授与甲镇「生猪防疫」双方都有意")


@pytest.mark.parametrize(
    ("change", "background", "expected"),
    [
        (
            {"fits": {WANG: "茶园管理"}},
            Background(excluded={(0, 0): ("产业不符。", "与发榜单位有利害关系，应当回避。")}),
            "F0 您不符合甲镇「生猪防疫」的条件：产业不符；与发榜单位有利害关系，应当回避。",
        ),
        ({"fits": {WANG: "茶园管理"}}, None, "F0 您不符合甲镇「生猪防疫」的条件。"),
        ({"grades": {}}, None, "D1 甲镇「生猪防疫」的发榜乡镇没有选择您。"),
        (
            {"grades": {}},
            Background(declined={(0, 0): "已有固定合作专家。"}),
            "D1 甲镇「生猪防疫」的发榜乡镇没有选择您，说明：已有固定合作专家。",
        ),
        (
            {"bans": [(WANG, "生猪防疫")]},
            Background(banned={(0, 0): "本人不同意"}),
            "F1 经办人员已排除您对接甲镇「生猪防疫」，理由：本人不同意。",
        ),
        (
            {"pins": [(WANG, "茶园管理")]},
            None,
            "R4 您可承担的名额已由人工指定用于乙镇「茶园管理」，因此没有安排甲镇「生猪防疫」。",
        ),
        ({"people": {WANG: 0, LI: 0}}, None, "R4 您本批次没有可承担的名额，因此没有安排甲镇「生猪防疫」。"),
        ({"pins": [(LI, "生猪防疫")]}, None, "R1 甲镇「生猪防疫」的 1 个名额已由人工指定占用。"),
        ({"needs": {"生猪防疫": ("甲镇", 0), "茶园管理": ("乙镇", 1)}}, None, "R1 甲镇「生猪防疫」本批次没有名额。"),
        ({}, Background(withdrawn=frozenset({(0, 0)})), "W1 您已撤回对甲镇「生猪防疫」的揭榜。"),
    ],
)
def test_r_match_4_the_first_reason_that_applies_is_told(change, background, expected):
    game = {
        "people": {WANG: 1, LI: 1},
        "needs": {"生猪防疫": ("甲镇", 1), "茶园管理": ("乙镇", 1)},
        "fits": {WANG: "生猪防疫 茶园管理", LI: "生猪防疫"},
        "claims": {} if background and background.withdrawn else {WANG: "生猪防疫"},
        "grades": {"生猪防疫": WANG},
        **change,
    }
    assert told(board(**game), background)[WANG, "生猪防疫"] == expected


def test_r_match_4_pins_kept_pairs_and_completion_are_told():
    game = board(
        {WANG: 1, LI: 1, ZHAO: 1},
        {"生猪防疫": ("甲镇", 3)},
        fits=dict.fromkeys((WANG, LI, ZHAO), "生猪防疫"),
        scores={(ZHAO, "生猪防疫"): 78300},
        pins=[(WANG, "生猪防疫")],
        previous=[(LI, "生猪防疫")],
        complete=True,
    )
    assert told(game, Background(pinned={(0, 0): "县级会议决定"})) == {
        (WANG, "生猪防疫"): "P4 人工指定：经办人员指定您对接甲镇「生猪防疫」。理由：县级会议决定。"
        "这是建议，双方都同意才列入名单。",
        (LI, "生猪防疫"): "P5 沿用：上一版方案已安排您对接甲镇「生猪防疫」，不影响双选和保障覆盖，为减少变动予以保留。"
        "尚未同意的，仍须双方同意。",
        (
            ZHAO,
            "生猪防疫",
        ): "P3 统筹补位：双选和保障覆盖之后甲镇「生猪防疫」仍有名额，按综合得分（78,300 分）安排您补位。"
        "这是建议，双方都同意才列入名单。",
    }


def test_r_match_3_a_gap_is_told_as_a_sum():
    game = board(
        {WANG: 1},
        {"生猪防疫": ("甲镇", 1), "茶园管理": ("乙镇", 1), "海带育苗": ("丙镇", 2)},
        fits={WANG: "生猪防疫 茶园管理"},
    )
    never = "无论怎样安排，都补不上这个缺口。"
    assert [tell_violator(violator, called(game)) for violator in solve(game).violators] == [
        f"甲镇、乙镇：至少应安排 2 人次，符合条件的只有王教授（共 1 人），最多能到位 1 人次，还差 1 人次。{never}",
        f"丙镇：至少应安排 1 人次，没有符合条件的人选，最多能到位 0 人次，还差 1 人次。{never}",
    ]


def test_r_visit_8_a_gap_forgets_one_name_and_no_longer_one():
    text = "砲台镇：符合条件的只有张三丰、张三、茶队（负责人张三）、小张三（共 4 人），最多能到位 1 人次"
    told = "砲台镇：符合条件的只有张三丰、甲、茶队（负责人甲）、小张三（共 4 人），最多能到位 1 人次"
    assert retell_violator(text, "张三", "甲") == told


@settings(deadline=None, max_examples=examples(40))
@given(instances())
def test_r_match_4_every_pair_and_every_lost_claim_has_a_reason_that_can_be_said(instance):
    plan = solve(instance)
    lost = lost_claims(instance, plan)
    granted = {(pair.person, pair.need) for pair in plan.pairs}
    claims = set(zip(instance.claims.person, instance.claims.need, strict=True))
    assert [(r.person, r.need, r.code) for r in pair_reasons(instance, plan)] == [
        (pair.person, pair.need, pair.reason) for pair in plan.pairs
    ]
    assert {(r.person, r.need) for r in lost} == claims - granted
    assert {(r.person, r.need) for r in lost if r.code == "R3"} == {(w.person, w.need) for w in plan.witnesses}
    for reason in (*pair_reasons(instance, plan), *lost):
        for claimant in (True, False):
            sentence = tell(reason, called(instance), claimant=claimant)
            assert sentence.endswith("。")
            assert "。。" not in sentence
            assert "None" not in sentence
