from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.needs import (
    FORM,
    TEXT_MAX,
    TITLE_MAX,
    URGENCY,
    Form,
    NeedSketch,
    likely_duplicates,
    likeness,
    missing_for_board,
)
from rules.text import search_key

COMPLETE = {
    "township": "445203107000",
    "title": "竹笋保鲜",
    "problem": "竹笋采后两天就纤维化。",
    "wanted": "一套预冷与保鲜办法。",
    "specialties": ["JY04"],
    "form": "on_site",
    "places": 1,
    "urgency": 2,
    "starts_on": date(2026, 3, 1),
    "ends_on": date(2026, 3, 1),
    "contact": "农业农村办公室 19900000001",
}


def without(**changes):
    return {**COMPLETE, **changes}


def test_r_need_1_a_complete_need_lacks_nothing():
    assert missing_for_board(COMPLETE) == ()


def test_r_need_1_an_empty_need_lacks_every_field_once_in_the_order_of_the_form():
    names = [lack.field for lack in missing_for_board({})]
    assert names == ["township", "title", "problem", "wanted", "specialties", "form", "places", "urgency", "contact"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("township", ""),
        ("title", " \t"),
        ("title", "字" * (TITLE_MAX + 1)),
        ("title", 7),
        ("problem", None),
        ("problem", "字" * (TEXT_MAX + 1)),
        ("wanted", "字" * (TEXT_MAX + 1)),
        ("specialties", []),
        ("specialties", "JY04"),
        ("specialties", [""]),
        ("specialties", None),
        ("form", "by_post"),
        ("form", None),
        ("form", ["on_site"]),
        ("places", 0),
        ("places", 21),
        ("places", True),
        ("places", 1.0),
        ("places", "2"),
        ("urgency", 0),
        ("urgency", 4),
        ("ends_on", date(2026, 2, 28)),
        ("contact", ""),
    ],
)
def test_r_need_1_each_wrong_field_is_named_with_a_chinese_sentence(field, value):
    lacks = missing_for_board(without(**{field: value}))
    assert [lack.field for lack in lacks] == [field]
    assert any("一" <= one <= "鿿" for one in lacks[0].text)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "字" * TITLE_MAX},
        {"problem": "字" * TEXT_MAX, "wanted": "字" * TEXT_MAX},
        {"places": 20, "urgency": 3},
        {"starts_on": None},
        {"ends_on": None},
        {"specialties": ("JY04", "A0141")},
        *({"form": form} for form in Form),
    ],
)
def test_r_need_1_the_limits_themselves_are_allowed(changes):
    assert missing_for_board(without(**changes)) == ()


def test_every_form_and_urgency_has_a_chinese_label():
    assert set(FORM) == set(Form)
    assert list(URGENCY) == [1, 2, 3]
    assert all([*FORM.values(), *URGENCY.values()])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ABC", "abc"),  # full width Latin
        ("5吨", "5吨"),
        ("荔枝 保鲜", " 荔枝  保鲜 "),  # ideographic space
        ("Ph值", "pH值"),
        ("㎡", "m2"),
        ("⽵笋", "竹笋"),  # Kangxi radical
    ],
)
def test_what_looks_alike_is_searched_alike(typed, stored):
    assert search_key(typed) == search_key(stored)


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_law_folding_twice_changes_nothing(text):
    assert search_key(search_key(text)) == search_key(text)


def sketch(key, title="青梅疮痂病防治", problem="梅园连片发病。", specialties=("JY07",), township="A"):
    return NeedSketch(key, township, title, problem, frozenset(specialties))


SKETCHES = st.builds(
    sketch,
    st.integers(0, 99),
    st.text("青梅茶叶病虫防治保鲜。 ", max_size=12),
    st.text("青梅茶叶病虫防治保鲜。 ", max_size=40),
    st.frozensets(st.sampled_from(["JY07", "JY02", "A0164"])),
)


@settings(deadline=None, max_examples=150)
@given(SKETCHES, SKETCHES)
def test_law_r_need_3_likeness_is_a_symmetric_integer_from_0_to_100(a, b):
    assert likeness(a, b) == likeness(b, a)
    assert likeness(a, b) in range(101)


@settings(deadline=None, max_examples=100)
@given(SKETCHES.filter(lambda one: any(letter.isalnum() for letter in one.title + one.problem)))
def test_law_r_need_3_a_need_is_wholly_like_itself(one):
    assert likeness(one, one) == 100


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (sketch(1), sketch(2), 100),
        (sketch(1), sketch(2, specialties=("JY02",)), 70),
        (sketch(1), sketch(2, title="对虾", problem="塘", specialties=("JY07",)), 30),
        (sketch(1, specialties=()), sketch(2, specialties=()), 100),
        (sketch(1), sketch(2, title="对虾", problem="塘", specialties=()), 0),
        (sketch(1, title="", problem="", specialties=()), sketch(2, title="", problem="", specialties=()), 0),
        (sketch(1, "甲乙丙", "", ("JY07",)), sketch(2, "甲乙丁", "", ("JY07", "JY02")), 55),  # 70·1/2 + 30·2/3
    ],
)
def test_r_need_3_likeness_weighs_words_70_and_specialties_30(a, b, expected):
    assert likeness(a, b) == expected


def test_r_need_3_duplicates_are_listed_by_likeness_with_whose_they_are_and_never_the_need_itself():
    mine = sketch(1)
    others = [
        sketch(4, "对虾肝肠胞虫防控", "虾塘排塘。", ("A0411",)),
        sketch(3, "青梅疮痂病防治技术", "梅园连片发病。", township="B"),
        sketch(2),
        sketch(1),
    ]
    found = likely_duplicates(mine, others)
    assert [one.id for one in found] == [2, 3]
    assert found[0].likeness == 100
    assert found[0].reason.startswith("本乡镇已有相近需求「青梅疮痂病防治」，相似度 100%，有 1 个相同的专业领域")
    assert found[1].reason.startswith("邻近乡镇")
    assert likely_duplicates(mine, reversed(others)) == found


def test_r_need_3_the_threshold_is_the_least_likeness_that_is_shown():
    other = sketch(2, specialties=("JY02",))
    assert [one.likeness for one in likely_duplicates(sketch(1), [other], threshold=70)] == [70]
    assert likely_duplicates(sketch(1), [other], threshold=71) == []
