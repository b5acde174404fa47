import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.claims import (
    DECLINE_REASON_MAX,
    YEAR_DAYS_MAX,
    Claimant,
    ClaimedNeed,
    Posting,
    Specialty,
    SpecialtyTree,
    Terms,
    fit,
    judge_claim,
    judge_offer,
    judge_ranking,
    places_of,
    ranking_classes,
    specialty_tree,
)
from rules.policy import SERVICE_DAYS_PER_PLACE

DATA = Path(__file__).parents[2] / "data"
with (DATA / "specialties.csv").open(encoding="utf-8", newline="") as file:
    TREE = specialty_tree(csv.DictReader(file))
CODES = [row.code for row in TREE.rows]

NEED = ClaimedNeed("445203107000", frozenset({"JY04"}))
ABLE = Claimant(frozenset({"JY04"}), frozenset({"ORG01"}), available=True)


def claimant(**changes):
    return Claimant(**{**ABLE.__dict__, **changes})


def rules(*args):
    return [one.rule for one in judge_claim(*args)]


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        ("JY07", "JY07", 1000),
        ("JY01", "JY07", 700),  # parent
        ("JY07", "A", 700),  # far below
        ("A0151", "JY07", 500),  # the mapping itself
        ("C1373", "JY07", 500),
        ("A015", "JY07", 300),  # above a mapped code
        ("A0153", "JY01", 300),  # below a mapped code
        ("JY07", "JY08", 0),  # siblings are strangers
        ("A0313", "JY07", 0),
        ("NEW1", "JY07", 0),  # unknown to the catalogue
        ("NEW1", "NEW1", 1000),
    ],
)
def test_r_claim_3_fit_follows_the_catalogue(own, wanted, expected):
    assert fit([own], [wanted], TREE) == expected
    assert fit([wanted], [own], TREE) == expected


def test_r_claim_3_the_best_pair_of_specialties_decides():
    assert fit(["A0313", "A015"], ["JY07", "A01"], TREE) == 700
    assert fit([], ["JY07"], TREE) == fit(["JY07"], [], TREE) == 0


@settings(deadline=None, max_examples=100)
@given(st.frozensets(st.sampled_from(CODES), max_size=3), st.frozensets(st.sampled_from(CODES), max_size=3), st.data())
def test_law_r_claim_3_another_specialty_never_makes_the_fit_worse(own, wanted, data):
    more = own | {data.draw(st.sampled_from(CODES))}
    assert fit(more, wanted, TREE) >= fit(own, wanted, TREE)
    assert fit(own, wanted, TREE) == fit(wanted, own, TREE)


def test_a_loop_in_the_catalogue_does_not_hang():
    loop = SpecialtyTree((Specialty("X", "甲", "Y"), Specialty("Y", "乙", "X")))
    assert fit(["X"], ["Y"], loop) == 700
    assert fit(["X"], ["Z"], loop) == 0


@pytest.mark.parametrize(
    ("changes", "rule", "word"),
    [
        ({"specialties": frozenset({"A0313"})}, "R-CLAIM-3:specialty", "猪的饲养"),
        ({"specialties": frozenset()}, "R-CLAIM-3:specialty", "未填写"),
        ({"available": False}, "R-CLAIM-3:availability", "可以承接"),
        ({"postings": (Posting("445224107000", "神泉镇"),)}, "R-APP-5", "神泉镇"),
        ({"banned": True}, "R-CLAIM-3:banned", "暂停"),
        ({"led_by_other": True}, "R-APP-1", "负责人"),
    ],
)
def test_r_claim_3_each_exclusion_names_its_rule_and_says_why_in_chinese(changes, rule, word):
    (exclusion,) = judge_claim(claimant(**changes), NEED, TREE)
    assert exclusion.rule == rule
    assert word in exclusion.sentence


def test_r_claim_3_own_organisation_is_excluded_only_where_it_is_a_conflict():
    own = ClaimedNeed(NEED.township, NEED.specialties, frozenset({"ORG01", "ORG99"}))
    assert rules(ABLE, own, TREE) == ["R-CLAIM-3:conflict"]
    assert rules(ABLE, own, TREE, Terms(own_organisation_conflicts=False)) == []
    assert rules(ABLE, NEED, TREE) == []


def test_r_app_5_a_posting_in_the_same_township_or_a_round_that_allows_several_excludes_nobody():
    assert rules(claimant(postings=(Posting(NEED.township, "埔田镇"),)), NEED, TREE) == []
    elsewhere = claimant(postings=(Posting("445224107000", "神泉镇"),))
    assert rules(elsewhere, NEED, TREE, Terms(several_postings=True)) == []


def test_r_claim_3_all_reasons_are_given_not_only_the_first():
    worst = Claimant(
        frozenset({"A0313"}), frozenset({"ORG01"}), available=False, postings=(Posting("X", "甲镇"),), banned=True,
        led_by_other=True,
    )  # fmt: skip
    need = ClaimedNeed(NEED.township, NEED.specialties, frozenset({"ORG01"}))
    assert len(rules(worst, need, TREE)) == len(set(rules(worst, need, TREE))) == 6


def test_r_claim_3_nothing_that_is_judged_knows_a_distance():
    asked = set(Claimant.__dataclass_fields__) | set(ClaimedNeed.__dataclass_fields__) | set(Terms.__dataclass_fields__)
    assert not [name for name in asked if any(word in name for word in ("point", "lat", "lon", "distance", "city"))]


@pytest.mark.parametrize(
    ("ranked", "declined", "fields"),
    [
        ([], [], []),
        ([2, 1], [(3, "专业不符")], []),
        ([9], [], ["ranked"]),
        ([], [(9, "专业不符")], ["declined"]),
        ([1, 1], [], ["ranked"]),
        ([1], [(1, "专业不符")], ["declined"]),
        ([], [(1, "一"), (1, "二")], ["declined"]),
        ([], [(1, " ")], ["declined"]),
        ([], [(1, "长" * (DECLINE_REASON_MAX + 1))], ["declined"]),
        ([9, 1, 1], [(2, "")], ["ranked", "ranked", "declined"]),
    ],
)
def test_r_claim_4_a_ranking_knows_its_claims_names_none_twice_and_declines_with_a_reason(ranked, declined, fields):
    assert [one.field for one in judge_ranking([1, 2, 3], ranked, declined)] == fields


def test_r_claim_4_the_unmentioned_are_one_last_class_of_equals():
    assert ranking_classes([1, 2, 3, 4, 5], [4, 2], [5]) == (frozenset({4}), frozenset({2}), frozenset({1, 3}))
    assert ranking_classes([1, 2], [2, 1], []) == (frozenset({2}), frozenset({1}))
    assert ranking_classes([1, 2], [], []) == (frozenset({1, 2}),)


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(6)), st.integers(0, 6), st.integers(0, 6))
def test_law_r_claim_4_classes_hold_every_claim_once_except_the_declined(order, a, b):
    low, high = sorted((a, b))
    ranked, declined = order[:low], order[high:]
    classes = ranking_classes(range(6), ranked, declined)
    assert sorted(one for each in classes for one in each) == sorted(set(range(6)) - set(declined))
    assert judge_ranking(range(6), ranked, [(one, "名额有限") for one in declined]) == ()


@pytest.mark.parametrize(
    ("days", "places", "wrong"),
    [
        (None, 7, {}),
        (30, None, {}),
        (89, 2, {}),
        (29, None, {"service_days": ["每年 29 天不足一个名额（每个名额按每年 30 天计）；说不准天数的，请改填名额"]}),
        (60, 3, {"capacity": ["名额由服务天数得出（每个名额按每年 30 天计，60 天为 2 个），不能另填"]}),
    ],
)
def test_r_claim_3_places_follow_from_service_days(days, places, wrong):
    assert judge_offer(days, places) == wrong


@settings(deadline=None, max_examples=60)
@given(st.integers(1, YEAR_DAYS_MAX), st.integers(1, YEAR_DAYS_MAX))
def test_law_r_claim_3_more_days_are_never_fewer_places_and_no_place_lacks_its_days(some, more):
    assert places_of(min(some, more)) <= places_of(max(some, more))
    assert places_of(some) * SERVICE_DAYS_PER_PLACE <= some
