"""Where coverage is not full, the rules that kept people away are counted and the way out is named (R-MATCH-3)."""

from typing import Any

from rules.matching.gaps import BANS, PINS, explain_gaps, relaxations
from rules.matching.plan import Plan
from tests.proved import solve
from tests.rules.matching.boards import board

SPECIALTY, CONFLICT = "R-CLAIM-3:specialty", "R-CLAIM-3:conflict"
NEEDS = {"pig": ("A", 1), "tea": ("B", 1), "fish": ("C", 1)}


def plan_and_gaps(**change: Any) -> tuple[Plan, dict[str, int], dict[str, int]]:
    game = board({"wang": 1, "li": 1, "zhao": 1}, NEEDS, {"wang": "pig tea", "zhao": "fish"}, **change)
    excluded = {
        (1, 0): frozenset({SPECIALTY, CONFLICT}),
        (1, 1): frozenset({SPECIALTY}),
        (2, 0): frozenset({CONFLICT}),
        (2, 1): frozenset({SPECIALTY, CONFLICT}),
        (1, 2): frozenset({SPECIALTY}),
    }
    plan = solve(game)
    counted = {rule: n for gap in explain_gaps(game, plan.violators, excluded) for rule, n in gap.excluded.items()}
    return plan, counted, relaxations(game, excluded)


def test_r_match_3_the_rules_that_kept_others_away_are_counted():
    plan, counted, _ = plan_and_gaps()
    assert [violator.townships for violator in plan.violators] == [(0, 1)]
    assert counted == {SPECIALTY: 2, CONFLICT: 2}


def test_r_match_3_only_a_relaxation_that_helps_is_named():
    _, _, lifts = plan_and_gaps()
    assert lifts == {SPECIALTY: 1}, "without the conflict zhao could go to A, but then C would be empty"


def test_r_match_3_bans_and_pins_count_as_relaxations():
    _, _, lifts = plan_and_gaps(bans=[("zhao", "fish")])
    assert lifts == {SPECIALTY: 1, CONFLICT: 1, BANS: 1}
    game = board({"wang": 1, "li": 1}, {"pig": ("A", 2), "tea": ("B", 1)}, {"wang": "pig tea", "li": "pig"})
    assert relaxations(game, {}) == {}
    pinned = board(
        {"wang": 1, "li": 1},
        {"pig": ("A", 2), "tea": ("B", 1)},
        {"wang": "pig tea", "li": "pig"},
        pins=[("wang", "pig")],
    )
    assert relaxations(pinned, {}) == {PINS: 1}
