"""The flow: exact whatever the solver proposes, and the same plan for any order of rows (R-MATCH-2)."""

import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching import lottery
from rules.matching.flow import Network, TiedLottery, best_circulation
from rules.matching.instance import TABLES, Instance
from rules.matching.market import Flags, Ints
from rules.matching.solvers import ORTOOLS, minimiser
from tests.proved import solve
from tests.rules.matching.boards import board, examples, instances


def no_solver(network: Network, cost: Ints, supply: Ints) -> Ints:
    """Propose nothing: all the work is left to the cancelling of cycles."""
    return np.zeros(len(cost), dtype=np.int64)


def bad_solver(network: Network, cost: Ints, supply: Ints) -> Ints:
    """Propose what no network can carry."""
    return np.full(len(cost), -1, dtype=np.int64)


def shuffled(instance: Instance, dice: random.Random) -> Instance:
    """Give the same problem with the rows of every table in another order."""
    content = json.loads(json.dumps(instance.to_json()))
    moved: dict[str, list[int]] = {}
    for table, key in (("people", "person"), ("needs", "need"), ("townships", "township"), ("counties", "county")):
        if table not in content:
            continue
        order = list(range(len(next(iter(content[table].values())))))
        dice.shuffle(order)
        moved[key] = [order.index(old) for old in range(len(order))]
        content[table] = {name: [values[old] for old in order] for name, values in content[table].items()}
    for name in TABLES.keys() & content.keys():
        columns = content[name]
        for key in moved.keys() & columns.keys():
            columns[key] = [moved[key][index] for index in columns[key]]
        if "person" in columns:
            order = list(range(len(columns["person"])))
            dice.shuffle(order)
            content[name] = {key: [values[old] for old in order] for key, values in columns.items()}
    return Instance.from_json(content)


@settings(deadline=None, max_examples=examples(25))
@given(instances(), st.randoms(use_true_random=False))
def test_r_match_2_the_order_of_rows_changes_nothing(instance, dice):
    other = shuffled(instance, dice)
    assert solve(other.canonical()).to_json() == solve(instance.canonical()).to_json()
    here, there = solve(instance), solve(other)
    by_names = [
        {(game.people.id[p.person], game.needs.id[p.need], p.reason) for p in plan.pairs}
        for game, plan in ((instance, here), (other, there))
    ]
    assert by_names[0] == by_names[1]
    assert (here.score, here.covered, here.maximum) == (there.score, there.covered, there.maximum)


def renamed(instance: Instance, dice: random.Random) -> tuple[Instance, dict[str, str]]:
    """Give the same problem with everybody and everything under another name, and the old name of each."""
    content = json.loads(json.dumps(instance.to_json()))
    old: dict[str, str] = {}
    tables = (("people", "id"), ("needs", "id"), ("townships", "code"), ("counties", "code"))
    for table, column in (named for named in tables if named[0] in content):
        names = [f"{table} {number}" for number in range(len(content[table][column]))]
        dice.shuffle(names)
        old |= dict(zip(names, content[table][column], strict=True))
        content[table][column] = names
    return Instance.from_json(content), old


@settings(deadline=None, max_examples=examples(60))
@given(instances(), st.randoms(use_true_random=False))
def test_r_match_2_names_change_nothing_but_the_lottery(instance, dice):
    """With the tickets of the old names the plan is the same to the last byte, proof, holds and witnesses too."""
    other, old = renamed(instance, dice)
    known = old | {name: name for name in old.values()}
    with ExitStack() as stack:
        for module in ("choice", "completion", "holds", "market", "reading", "solve", "stability"):
            for draw in (lottery.person_ticket, lottery.pair_ticket):
                place = f"rules.matching.{module}.{draw.__name__}"
                if hasattr(import_module(f"rules.matching.{module}"), draw.__name__):
                    told = partial(_drawn_by_old_names, draw, known)
                    stack.enter_context(patch(place, told))
        assert solve(other).to_json() == solve(instance).to_json()


def _drawn_by_old_names(draw: Callable[..., bytes], old: dict[str, str], seed: str, *names: str) -> bytes:
    return draw(seed, *(old[name] for name in names))


def test_r_match_2_the_witness_of_two_holds_is_picked_by_the_lottery_and_not_by_an_id():
    """Wang is held twice, at needs that nobody claimed; which of the two explains the lost choice no id may decide."""
    told = set()
    for seed in map(str, range(12)):
        needs = {"pig": ("A", 2), "fish": ("B", 1), "tea": ("C", 1)}
        game = board(
            {"wang": 2, "li": 1, "zhao": 1, "sun": 1},
            needs | {"rice": ("D", 2)},
            fits={"wang": "pig fish tea rice", "li": "pig", "zhao": "rice", "sun": "pig"},
            claims={"wang": "pig rice", "li": "pig", "zhao": "rice"},
            grades={"pig": "wang li", "rice": "wang zhao"},
            seed=seed,
        )
        plan = solve(game)
        assert [hold.need for hold in plan.holds] == [1, 2]
        told |= {witness.held for witness in plan.witnesses}
        assert len({witness.held for witness in plan.witnesses}) == 1
    assert told == {0, 1}


@settings(deadline=None, max_examples=examples(25))
@given(instances(), st.sampled_from([no_solver, bad_solver, minimiser(ORTOOLS)]), st.sampled_from([0, 20]))
def test_r_match_2_no_solver_can_change_the_bytes(instance, minimise, dense):
    """Nor can it matter whether a solver gets all arcs, or at first the cheapest one of each node (dense = 0)."""
    with patch.multiple("rules.matching.flow", SMALL=0, DENSE=dense, FEW=1):
        assert solve(instance, minimise).to_json() == solve(instance).to_json()


def test_a_tie_that_no_draw_parts_is_an_error_and_not_a_guess():
    side_by_side = Network(2, np.array([0, 0, 1]), np.array([1, 1, 0]), np.array([1, 1, 1]))

    def draw(turn: int, _: Flags) -> Ints:
        if turn > 2:
            raise TiedLottery
        return np.zeros(3, dtype=np.int64)

    with pytest.raises(TiedLottery):
        best_circulation(side_by_side, [np.array([0, 0, -1])], draw)


def test_a_negative_cycle_is_cancelled_to_its_last_unit():
    ring = Network(3, np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([5, 3, 9]))
    flow, potentials = best_circulation(ring, [np.array([2, 2, -5])], lambda _, __: np.array([1, 0, 0]), no_solver)
    assert flow.tolist() == [3, 3, 3]
    assert len(potentials) == 2  # one tier, one draw
