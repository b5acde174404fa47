"""Every pair has one reason, whoever asks for it and however many at once (R-MATCH-4)."""

from hypothesis import given, settings

from rules.matching.explain import codes, count_codes, explain
from rules.matching.reasons import Background
from rules.matching.sentences import Names, tell
from rules.matching.solve import solve
from tests.rules.matching.boards import board, examples, instances

TEA = board(
    {"王教授": 1, "李老师": 1, "赵博士": 1},
    {"茶园管理": ("甲镇", 1), "海带育苗": ("乙镇", 1)},
    fits={"王教授": "茶园管理", "李老师": "茶园管理", "赵博士": "茶园管理 海带育苗"},
    claims={"王教授": "茶园管理", "李老师": "茶园管理"},
    grades={"茶园管理": "王教授 李老师"},
    scores={("赵博士", "茶园管理"): 70},
)
NAMES = Names(TEA.people.id, TEA.needs.id, TEA.townships.code, TEA.needs.township)


def test_r_match_4_a_pair_that_nobody_asked_for_has_its_facts_too():
    reason = explain(TEA, solve(TEA), (2, 0))
    assert reason.code == "N1"
    assert tell(reason, NAMES, claimant=False) == (
        "赵博士没有揭榜甲镇「茶园管理」。该需求名额 1 个，方案安排 1 人；赵博士可承担 1 项，方案安排 1 项；"
        "条件符合，综合得分 70 分。"
    )


def test_r_match_4_a_pair_that_is_not_eligible_says_by_which_rule():
    words = Background(excluded={(0, 1): ("专业不对口",)})
    reason = explain(TEA, solve(TEA), (0, 1), words)
    assert (reason.code, reason.facts["why"]) == ("F0", ("专业不对口",))


@settings(deadline=None, max_examples=examples(25))
@given(instances())
def test_r_match_4_all_reasons_at_once_are_those_of_each_pair(instance):
    plan = solve(instance)
    links = list(zip(instance.pairs.person, instance.pairs.need, strict=True))
    assert codes(instance, plan).tolist() == [explain(instance, plan, link).code for link in links]
    counted = count_codes(instance, plan)
    assert sum(counted["pairs"].values()) == len(plan.pairs)
    assert sum(counted["all"].values()) == len(links)
