import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.assessments import (
    GRADES,
    Decision,
    Grade,
    Ground,
    Proposed,
    Sheet,
    judge_grades,
    judge_ratio,
    judge_scores,
    points,
    propose,
    quota,
    snapshot_digest,
    total,
)
from rules.schemes import read_scheme

SCHEME = read_scheme(
    json.loads((Path(__file__).parents[2] / "data" / "scheme_default.json").read_text(encoding="utf-8"))
)
ITEMS = SCHEME.items_of("public_benefit")
GROUND = Ground("连续两年超额完成任务", "县考核领导小组", "揭农〔2026〕1号")


def scores(hundredths, nature="public_benefit"):
    """Spread a total over the items of a nature, filling one after the other."""
    found = {}
    for code, item in SCHEME.items_of(nature).items():
        found[code] = min(item.max_hundredths, hundredths)
        hundredths -= found[code]
    return found


def sheets(*totals):
    return [Sheet(f"{n:03d}", "public_benefit", scores(one)) for n, one in enumerate(totals)]


def grades(limit, *totals):
    return list(propose(sheets(*totals), limit, SCHEME).grades.values())


def test_r_assess_1_there_are_three_grades_in_the_policys_words():
    assert [GRADES[grade] for grade in Grade] == ["优秀", "称职", "不称职"]


@pytest.mark.parametrize(
    ("base", "ratio", "ground", "expected"),
    [
        (0, 20, None, 0),
        (4, 20, None, 0),
        (5, 20, None, 1),
        (14, 20, None, 2),
        (14, 25, GROUND, 3),
        (14, 15, GROUND, 2),
        (199, 20, None, 39),
        (100, 20, GROUND, 20),
    ],
)
def test_r_assess_4_the_quota_is_rounded_down(base, ratio, ground, expected):
    assert quota(base, ratio, ground) == expected


@pytest.mark.parametrize(
    ("ratio", "ground", "count"),
    [
        (20, None, 0),
        (25, GROUND, 0),
        (25, None, 3),
        (15, Ground("", "甲", "号"), 1),
        (21, Ground("依据", " ", ""), 2),
        (14, GROUND, 1),
        (26, GROUND, 1),
        (True, GROUND, 1),
        (20.0, GROUND, 1),
    ],
)
def test_r_assess_4_another_ratio_needs_ground_approver_and_document_and_stays_between_15_and_25(ratio, ground, count):
    assert len(judge_ratio(ratio, ground)) == count
    if count:
        with pytest.raises(ValueError, match="优秀比例"):
            quota(100, ratio, ground)


def test_r_assess_4_a_base_is_never_negative():
    with pytest.raises(ValueError, match="基数"):
        quota(-1)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10_000), st.integers(15, 25))
def test_law_r_assess_4_the_quota_never_passes_the_ratio(base, ratio):
    limit = quota(base, ratio, GROUND)
    assert limit * 100 <= base * ratio < (limit + 1) * 100


@pytest.mark.parametrize(("hundredths", "text"), [(8550, "85.5"), (8500, "85"), (1, "0.01"), (0, "0"), (10000, "100")])
def test_points_are_written_as_people_read_them(hundredths, text):
    assert points(hundredths) == text


def test_r_assess_8_a_total_is_the_exact_sum():
    assert total(scores(8123), SCHEME) == 8123
    assert total({"public_training": 750, "public_problems": 1}, SCHEME) == 751
    assert total({}, SCHEME) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"nothing": 1},
        {"public_training": 1501},
        {"public_training": -1},
        {"public_training": 7.5},
        {"public_training": True},
        {"public_training": 1, "paid_income": 1},
    ],
)
def test_r_assess_8_a_total_of_impossible_scores_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^[a-z_]+: "):
        total(wrong, SCHEME)


def test_scores_are_judged_item_by_item():
    assert judge_scores(scores(9000), "public_benefit", SCHEME) == {}
    found = judge_scores({"public_training": 9999, "paid_income": 1}, "public_benefit", SCHEME)
    assert set(found) == {*ITEMS, "paid_income"}
    assert "0 至 15 分" in found["public_training"]


E, C, T, N = Proposed.EXCELLENT, Proposed.COMPETENT, Proposed.TIE, Proposed.NEEDS_DECISION


@pytest.mark.parametrize(
    ("limit", "totals", "expected"),
    [
        (1, [9000, 8900], [E, C]),
        (2, [9000, 8900], [E, E]),
        (5, [9000, 8499], [E, C]),  # a quota is a ceiling, not a duty
        (0, [9900, 9900], [C, C]),
        (1, [9000, 9000], [T, T]),
        (2, [9000, 9500, 9000, 8600], [T, E, T, C]),
        (2, [9000, 9000, 8600], [E, E, C]),  # level, but the edge does not run through them
        (3, [9000, 9000, 9000, 9000], [T, T, T, T]),
        (1, [9000, 5999, 6000, 0], [E, N, C, N]),
        (1, [], []),
    ],
)
def test_r_assess_5_and_6_grades_under_the_quota_with_ties_and_low_totals_left_to_people(limit, totals, expected):
    assert grades(limit, *totals) == expected


def test_r_assess_5_a_tie_lists_everybody_level_and_the_places_left_between_them():
    proposal = propose(sheets(9000, 9500, 9000, 9000), 3, SCHEME)
    assert proposal.ties == ("000", "002", "003")
    assert proposal.tie_places == 2
    assert "3 人并列" in proposal.reasons["000"]
    assert "2 名" in proposal.reasons["000"]


def test_r_assess_6_low_or_unscored_sheets_need_a_decision_and_say_why():
    proposal = propose([*sheets(3000), Sheet("999", "paid", {"paid_income": 3500})], 5, SCHEME)
    assert proposal.needs_decision == ("000", "999")
    assert "30 分" in proposal.reasons["000"]
    assert "尚未完成" in proposal.reasons["999"]
    assert proposal.totals == {"000": 3000, "999": 3500}


def test_a_sheet_scored_by_the_other_natures_items_is_refused():
    with pytest.raises(ValueError, match="paid_income"):
        propose([Sheet("1", "public_benefit", {"paid_income": 1})], 1, SCHEME)


def test_two_sheets_of_one_id_are_refused():
    with pytest.raises(ValueError, match="编号相同"):
        propose([*sheets(9000), *sheets(8000)], 1, SCHEME)


TOTALS = st.lists(st.sampled_from([0, 5999, 6000, 8499, 8500, 8501, 9000, 9999, 10_000]), max_size=12)
LADDER = [N, C, T, E]


@settings(deadline=None, max_examples=150)
@given(TOTALS, st.integers(0, 8), st.randoms(use_true_random=False))
def test_law_r_assess_4_5_8_quota_order_and_ties(totals, limit, rng):
    given_sheets = sheets(*totals)
    proposal = propose(given_sheets, limit, SCHEME)
    rng.shuffle(given_sheets)
    assert propose(given_sheets, limit, SCHEME) == proposal
    kinds = list(proposal.grades.values())
    assert kinds.count(E) + proposal.tie_places <= limit
    assert not set(kinds) - set(LADDER)
    by_total: dict[int, set[Proposed]] = {}
    for one, grade in proposal.grades.items():
        by_total.setdefault(proposal.totals[one], set()).add(grade)
    assert all(len(same) == 1 for same in by_total.values()), "equals are treated alike"
    if proposal.ties:
        assert 0 < proposal.tie_places < len(proposal.ties)
    assert all(proposal.reasons[one] for one in proposal.grades)


@settings(deadline=None, max_examples=150)
@given(TOTALS.filter(bool), st.integers(0, 8), st.integers(0, 10_000), st.data())
def test_law_more_points_never_lower_a_grade_and_more_quota_never_either(totals, limit, more, data):
    at = data.draw(st.integers(0, len(totals) - 1))
    better = [*totals]
    better[at] = min(10_000, totals[at] + more)
    before = grades(limit, *totals)
    assert LADDER.index(grades(limit, *better)[at]) >= LADDER.index(before[at])
    wider = grades(limit + 1, *totals)
    assert all(LADDER.index(now) >= LADDER.index(was) for now, was in zip(wider, before, strict=True))


@pytest.mark.parametrize(
    ("decided", "limit", "ties", "words"),
    [
        ({}, 0, [], []),
        ({"a": Decision(Grade.EXCELLENT), "b": Decision(Grade.COMPETENT)}, 1, [], []),
        ({"a": Decision(Grade.EXCELLENT), "b": Decision(Grade.EXCELLENT)}, 1, [], ["超过名额 1 名"]),
        ({"a": Decision(None)}, 1, [], ["尚未定档"]),
        ({"a": Decision(Grade.INCOMPETENT)}, 1, [], ["理由", "听取"]),
        ({"a": Decision(Grade.INCOMPETENT, "长期失联", heard=True)}, 1, [], []),
        ({"a": Decision(Grade.INCOMPETENT, "长期失联")}, 1, [], ["听取"]),
        ({"a": Decision(Grade.INCOMPETENT, " ", heard=True)}, 1, [], ["理由"]),
        ({"a": Decision(Grade.EXCELLENT), "b": Decision(Grade.COMPETENT)}, 1, ["a", "b"], ["并列", "并列"]),
        ({"a": Decision(Grade.EXCELLENT, "集体研究"), "b": Decision(Grade.COMPETENT, "集体研究")}, 1, ["a", "b"], []),
    ],
)
def test_r_assess_4_5_6_decided_grades_are_judged_before_approval(decided, limit, ties, words):
    found = judge_grades(decided, limit, ties)
    assert len(found) == len(words)
    assert all(word in one.text for word, one in zip(words, found, strict=True))


def test_r_assess_8_a_snapshots_digest_is_stable_and_notices_every_change():
    snapshot = {"乙": [1, None, True], "甲": {"分": 8550}}
    assert snapshot_digest(snapshot) == snapshot_digest({"甲": {"分": 8550}, "乙": [1, None, True]})
    assert snapshot_digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    others = [
        {"乙": [1, None, True], "甲": {"分": 8551}},
        {"乙": [None, 1, True], "甲": {"分": 8550}},
        {"甲": {"分": 8550}},
    ]
    assert len({snapshot_digest(one) for one in [snapshot, *others]}) == 4


@pytest.mark.parametrize("bad", [1.0, {"a": [0.5]}, {1: "a"}, {"a": {2}}, b"x", float("nan")])
def test_r_assess_8_nothing_that_could_be_rounded_goes_into_a_snapshot(bad):
    with pytest.raises(ValueError, match="快照"):
        snapshot_digest(bad)
