"""The verifier accepts what the solver makes and rejects every plan changed by one pair (R-MATCH-1)."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.matching import lottery
from rules.matching.instance import Instance
from rules.matching.plan import REASONS, Certificate, Hold, Pair, Plan, Violator, Witness
from rules.matching.solve import solve
from rules.matching.verify import verify
from tests.rules.matching.boards import board, instances


def retold(instance: Instance, plan: Plan, pairs: set[Pair]) -> Plan:
    """Give the plan with other pairs, and with every sum and the digest made to fit."""
    points = {
        (p, n): s for p, n, s in zip(instance.pairs.person, instance.pairs.need, instance.pairs.score, strict=True)
    }
    came = Counter(instance.needs.township[pair.need] for pair in pairs)
    return replace(
        plan,
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.person, pair.need))),
        covered=sum(min(floor, came[t]) for t, floor in enumerate(instance.townships.floor)),
        score=sum(points.get((pair.person, pair.need), 0) for pair in pairs),
    ).sealed()


def held_back() -> tuple[Instance, Plan]:
    """Wang is held for tea, which nobody else is able for; six townships hang on one more person."""
    needs = {"pig": ("A", 2), "tea": ("B", 1), "fish": ("C", 1), "rice": ("D", 1)}
    game = board(
        {"wang": 1, "li": 1, "zhao": 1},
        needs,
        fits={"wang": "pig tea", "li": "pig", "zhao": "fish rice"},
        claims={"wang": "pig", "li": "pig"},
        grades={"pig": "wang li"},
        scores={("zhao", "rice"): 50},
    )
    return game, solve(game)


@settings(deadline=None, max_examples=150)
@given(instances())
def test_r_match_1_every_plan_made_is_proved(instance):
    plan = solve(instance)
    assert verify(instance, plan) == ()
    assert verify(instance, Plan.from_json(plan.to_json())) == ()


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_r_match_1_every_plan_changed_by_one_pair_is_rejected(data):
    instance = data.draw(instances())
    plan = solve(instance)
    links = [(p, n) for p in range(len(instance.people.id)) for n in range(len(instance.needs.id))]
    person, need = data.draw(st.sampled_from(links))
    other = Pair(person, need, data.draw(st.sampled_from(REASONS)))
    pairs = set(plan.pairs)
    if pairs and data.draw(st.booleans()):
        pairs.discard(data.draw(st.sampled_from(sorted(pairs, key=lambda pair: (pair.person, pair.need)))))
        if data.draw(st.booleans()):
            pairs = {pair for pair in pairs if (pair.person, pair.need) != (other.person, other.need)} | {other}
    else:
        pairs = {pair for pair in pairs if (pair.person, pair.need) != (other.person, other.need)} | {other}
    changed = retold(instance, plan, pairs)
    assert bool(verify(instance, changed)) == (changed != plan)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_r_match_1_moving_one_held_pair_with_its_hold_is_rejected(data):
    instance = data.draw(instances())
    plan = solve(instance)
    if not plan.holds:
        return
    index = data.draw(st.integers(0, len(plan.holds) - 1))
    hold = plan.holds[index]
    need = data.draw(st.integers(0, len(instance.needs.id) - 1))
    if any((pair.person, pair.need) == (hold.person, need) for pair in plan.pairs):
        return
    pairs = {pair for pair in plan.pairs if (pair.person, pair.need) != (hold.person, hold.need)}
    changed = retold(instance, plan, pairs | {Pair(hold.person, need, "P2")})
    holds = [*plan.holds[:index], Hold(hold.person, need, instance.needs.township[need]), *plan.holds[index + 1 :]]
    assert verify(instance, replace(changed, holds=tuple(sorted(holds, key=lambda h: (h.person, h.need)))).sealed())


@pytest.mark.parametrize(
    ("part", "value", "objection"),
    [
        ("score", 7, "总分"),
        ("covered", 4, "方案称覆盖 4"),
        ("maximum", 4, "不能证明最大覆盖为 4"),
        ("maximum", 2, "不能证明最大覆盖为 2"),
        ("violators", (), "不能证明最大覆盖为 3"),
        ("violators", (Violator((2, 3), (2,), 0, 2),), "缺口证明的数字不符"),
        ("violators", (Violator((2, 3), (1, 2), 1, 2),), "缺口证明的数字不符"),
        ("violators", (Violator((2,), (2,), 1, 1),), "缺口证明不成立"),
        ("violators", (Violator((2, 9), (2,), 1, 2),), "不在范围内"),
        ("violators", (Violator((2, 3), (2,), 1, 2),) * 2, "两组缺口"),
        ("witnesses", (), "让位的双选没有如实全部列出"),
        ("witnesses", (Witness(0, 0, 0), Witness(1, 0, 0)), "让位的双选没有如实全部列出"),
        ("holds", (), "双方都更愿意"),
        ("holds", (Hold(0, 1, 0),), "写错了乡镇"),
        ("certificate", None, "没有附证书"),
        ("certificate", Certificate("every node at 0", ("coverage",), ((0,) * 13,)), "证书的格式不符"),
        ("certificate", "flat", "证书不能证明"),
    ],
)
def test_r_match_3_whatever_is_told_wrongly_is_named(part, value, objection):
    game, plan = held_back()
    assert verify(game, plan) == ()
    if value == "flat":
        assert plan.certificate is not None
        value = replace(plan.certificate, potentials=tuple((0,) * len(tier) for tier in plan.certificate.potentials))
    objections = verify(game, replace(plan, **{part: value}).sealed())
    assert any(objection in text for text in objections), objections


def test_r_match_2_a_changed_digest_is_named():
    game, plan = held_back()
    assert "方案的摘要与内容不符" in verify(game, replace(plan, digest="0" * 64))


def test_r_match_1_further_draws_part_plans_that_the_first_draw_leaves_equal():
    names = ("wang", "li", "zhao", "qian")
    game = board(dict.fromkeys(names, 1), {"pig": ("A", 1)}, dict.fromkeys(names, "pig"))

    def equal_at_first(seed: str, person: str, need: str) -> bytes:
        return bytes(lottery.BYTES) + sha256(f"{seed}\n{person}\n{need}".encode()).digest()[lottery.BYTES :]

    with (
        patch("rules.matching.completion.pair_ticket", equal_at_first),
        patch("rules.matching.solve.pair_ticket", equal_at_first),
        patch("rules.matching.reading.pair_ticket", equal_at_first),
    ):
        plan = solve(game)
        assert plan.certificate is not None
        assert plan.certificate.tiers[-2:] == ("lottery", "lottery2")
        assert verify(game, plan) == ()
        first = replace(
            plan.certificate, tiers=plan.certificate.tiers[:-1], potentials=plan.certificate.potentials[:-1]
        )
        assert verify(game, replace(plan, certificate=first).sealed()) == ("另有同样好的方案，抽签未能定出唯一结果",)
