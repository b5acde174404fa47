"""The price of an override: who moves, which townships fall empty, how many points (R-MATCH-5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching.changes import Move, compare, price, tell_changes
from rules.matching.market import InfeasiblePins
from rules.matching.sentences import Names
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances

GAME = board(
    {"王教授": 1, "李老师": 1, "赵博士": 1},
    {"生猪防疫": ("甲镇", 1), "茶园管理": ("乙镇", 1), "海带育苗": ("丙镇", 1)},
    fits={"王教授": "生猪防疫 茶园管理", "李老师": "生猪防疫 茶园管理", "赵博士": "海带育苗 茶园管理"},
    claims={"王教授": "生猪防疫 茶园管理", "李老师": "生猪防疫 茶园管理"},
    grades={"生猪防疫": "王教授 李老师", "茶园管理": "王教授 李老师"},
    scores={("赵博士", "海带育苗"): 50},
)
NAMES = Names(GAME.people.id, GAME.needs.id, GAME.townships.code, GAME.needs.township)


def test_r_match_5_a_pin_moves_a_chain_of_people():
    changes = price(GAME, solve(GAME), pins=[(1, 0)])
    assert changes.moves == (Move(0, (0,), (1,)), Move(1, (1,), (0,)))
    assert (changes.coverage, changes.score, changes.uncovered) == (0, 0, ())
    assert tell_changes(changes, NAMES) == (
        "王教授由甲镇「生猪防疫」改为乙镇「茶园管理」；李老师由乙镇「茶园管理」改为甲镇「生猪防疫」。"
    )


def test_r_match_5_a_pin_that_empties_a_township_names_it():
    changes = price(GAME, solve(GAME), pins=[(2, 1)])
    assert (changes.coverage, changes.uncovered, changes.score) == (-1, (2,), -50)
    assert changes.moves == (Move(2, (2,), (1,)), Move(1, (1,), ()))
    assert tell_changes(changes, NAMES) == (
        "赵博士由丙镇「海带育苗」改为乙镇「茶园管理」；李老师不再对接乙镇「茶园管理」；丙镇将达不到保障人数；"
        "总分减少 50 分。"
    )


def test_r_match_5_a_pin_on_what_is_planned_anyway_costs_nothing():
    assert tell_changes(price(GAME, solve(GAME), pins=[(0, 0)]), NAMES) == "与现方案相同，没有变化。"


def test_r_match_5_a_pin_that_no_plan_can_obey_has_no_price():
    with pytest.raises(InfeasiblePins):
        price(GAME, solve(GAME), pins=[(2, 0)])


@settings(deadline=None, max_examples=examples(15))
@given(instances(), st.data())
def test_r_match_5_moves_add_up_and_the_way_back_is_the_opposite(instance, data):
    plan = solve(instance)
    pairs = [(pair.person, pair.need) for pair in plan.pairs if pair.reason != "P4"]
    bans = data.draw(st.lists(st.sampled_from(pairs), max_size=1)) if pairs else []
    changes = price(instance, plan, bans=bans)
    assert not changes.coverage > 0
    assert all((move.person, need) not in bans for move in changes.moves for need in move.got)
    assert len({move.person for move in changes.moves}) == len(changes.moves)
    assert set(bans) <= {(move.person, need) for move in changes.moves for need in move.left}
    same = compare(instance, plan, plan)
    assert (same.moves, same.score, same.coverage) == ((), 0, 0)
