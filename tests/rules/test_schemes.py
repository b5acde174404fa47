import copy
import json
from pathlib import Path

import pytest

from rules.records import DEFAULT_DAYS, HALF, NOTHING, DaySettings
from rules.schemes import EVIDENCE, NATURES, judge_scheme, read_scheme

DEFAULT = json.loads((Path(__file__).parents[2] / "data" / "scheme_default.json").read_text(encoding="utf-8"))


def changed(**changes):
    return {**copy.deepcopy(DEFAULT), **changes}


def with_item(**changes):
    document = copy.deepcopy(DEFAULT)
    document["items"][0].update(changes)
    return document


def test_r_assess_1_the_shipped_scheme_is_sound_and_covers_both_natures():
    assert judge_scheme(DEFAULT) == {}
    scheme = read_scheme(DEFAULT)
    for nature in NATURES:
        assert sum(item.max_hundredths for item in scheme.items_of(nature).values()) == 10_000


def test_r_assess_1_social_results_weigh_most_for_public_benefit_and_economic_ones_for_paid_service():
    scheme = read_scheme(DEFAULT)
    paid = scheme.items_of("paid")
    assert max(paid.values(), key=lambda item: item.max_hundredths).code == "paid_income"
    assert "income_gained_fen" not in {
        name for item in scheme.items_of("public_benefit").values() for name in item.evidence
    }


def test_r_assess_2_no_evidence_is_a_check_in_a_photo_or_a_log_in():
    assert not [
        name for name in EVIDENCE if any(word in name for word in ("check", "photo", "login", "track", "point"))
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        (None, ""),
        (changed(title=" "), "title"),
        (changed(version=0), "version"),
        (changed(version=True), "version"),
        (changed(competent_hundredths=60.0), "competent_hundredths"),
        (changed(excellent_hundredths=5999), "excellent_hundredths"),
        (changed(excellent_hundredths=10_001), "excellent_hundredths"),
        (changed(items=[]), "items"),
        (changed(items={}), "items"),
        (changed(items=["x"]), "items.0"),
        (changed(weights=1), "weights"),
        (with_item(code="Ä"), "items.0.code"),
        (with_item(code="paid_income"), "items.6.code"),
        (with_item(label=""), "items.0.label"),
        (with_item(nature="both"), "items.0.nature"),
        (with_item(nature=[]), "items.0.nature"),
        (with_item(max_hundredths=0), "items.0.max_hundredths"),
        (with_item(max_hundredths=1999), "items"),
        (with_item(evidence=["check_ins"]), "items.0.evidence"),
        (with_item(evidence=[{}]), "items.0.evidence"),
        (with_item(evidence="records"), "items.0.evidence"),
        (with_item(guide=3), "items.0.guide"),
        (with_item(bonus=3), "items.0.bonus"),
    ],
)
def test_r_assess_1_an_unsound_scheme_is_refused_by_path_with_a_chinese_sentence(document, path):
    problems = judge_scheme(document)
    assert list(problems) == [path]
    assert any("一" <= one <= "鿿" for one in problems[path])
    with pytest.raises(ValueError, match=problems[path][:4]):
        read_scheme(document)


def test_r_assess_1_all_problems_are_named_at_once():
    assert set(judge_scheme(changed(title="", version=None, competent_hundredths=None))) == {
        "title",
        "version",
        "competent_hundredths",
    }


def test_r_visit_7_a_scheme_may_say_how_days_count():
    """What it leaves out counts as everywhere; every wrong word is named by its path."""
    days = {"min_minutes": 60, "whole_from_minutes": 240, "remote": "half", "travel": "none"}
    assert read_scheme(DEFAULT).days == DEFAULT_DAYS
    assert read_scheme(DEFAULT | {"days": days}).days == DaySettings(60, 240, HALF, NOTHING)
    assert read_scheme(DEFAULT | {"days": {"remote": "none"}}).days == DaySettings(remote=NOTHING)
    wrong = {"min_minutes": -1, "whole_from_minutes": 1441, "remote": 0.5, "travel": "maybe", "check_in": True}
    assert set(judge_scheme(DEFAULT | {"days": wrong})) == {f"days.{name}" for name in wrong}
    assert set(judge_scheme(DEFAULT | {"days": []})) == {"days"}
