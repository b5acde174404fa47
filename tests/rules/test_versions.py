"""What a version changed, field by field (R-VISIT-6)."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.records import COUNTERS, FORM, KIND
from rules.versions import FIELDS, How, changes

NAMES = {"445202102001": "塘边村", "445202102002": "新寨村", "s1": "塘边合作社", "li": "李稻香", "wang": "王果实"}
NINE = "2026-06-15T01:00:00+00:00"
LONG = "上午到塘边村茶园查看虫口，挂黄板 20 张；下午讲解释放天敌的时机。"


def told(before, after):
    """Each changed field, its pieces marked: -went-, +came+, the rest as it is."""
    marks = {How.KEPT: "", How.NOTE: "", How.REMOVED: "-", How.ADDED: "+"}
    found = changes(before, after, NAMES)
    return {one.name: "".join(marks[how] + text + marks[how] for how, text in one.pieces) for one in found}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, {}),
        ({"next": None, "photos": []}, {"next": "", "counters": {}}, {}),
        ({"device": {"seq": 1}}, {"device": {"seq": 2}}, {}),
        ({"started_at": NINE}, {"started_at": "2026-06-15T17:30:00+00:00"},
         {"开始时间": "-2026年6月15日 09:00-+2026年6月16日 01:30+"}),
        ({"ended_at": NINE}, {"ended_at": "2026-06-15T01:00:09+00:00"},
         {"结束时间": "-2026年6月15日 09:00:00-+2026年6月15日 09:00:09+"}),
        ({"form": "on_site", "kind": "guidance"}, {"form": "remote", "kind": "training"},
         {"服务方式": "-现场服务-+远程服务+", "服务类型": "-技术指导-+培训+"}),
        ({"village_code": "445202102001"}, {"village_code": "445202102002"}, {"村（社区）": "-塘边村-+新寨村+"}),
        ({"village_code": "445202102001"}, {"village_code": None}, {"村（社区）": "-塘边村-"}),
        ({}, {"site_id": "s1", "place_name": "二号茶园", "place_kind": "base"},
         {"地点": "+二号茶园+", "地点类别": "+示范基地+", "服务点": "+塘边合作社+"}),
        ({"done": LONG}, {"done": LONG.replace("20", "25")},
         {"做了什么": "上午到塘边村茶园查看虫口，挂黄板 -20-+25+ 张；下午讲解释放天敌的时机。"}),
        ({"done": "查看茶园"}, {"done": "查看茶园虫口"}, {"做了什么": "查看茶园+虫口+"}),
        ({"done": "到茶园讲解修剪"}, {"done": "在果园演示嫁接"}, {"做了什么": "-到茶园讲解修剪-+在果园演示嫁接+"}),
        ({"done": "查看茶园虫口。复查"}, {"done": "查看果园虫口。讲解修剪。复查"},
         {"做了什么": "查看-茶-+果+园虫口。+讲解修剪。+复查"}),
        ({"done": "看茶，讲剪枝。"}, {"done": "看果，讲剪枝。\n另补签到表。"},
         {"做了什么": "看-茶-+果+，讲剪枝。+\n另补签到表。+"}),
        ({"done": "复查虫口"}, {"done": "下周五上午复查虫口，带色板 10 张"},
         {"做了什么": "+下周五上午+复查虫口+，带色板 10 张+"}),
        ({"done": "按计划完成。"}, {"done": "改为电话指导春茶后的修剪。"},
         {"做了什么": "-按计划完成。-+改为电话指导春茶后的修剪。+"}),
        ({"next": None}, {"next": "秋季修剪"}, {"下一步": "+秋季修剪+"}),
        ({"companions": ["li", "gone"]}, {"companions": ["wang"]},
         {"同行人": "添加王果实，移除李稻香、已不在名单上的 1 人"}),
        ({"photos": ["a", "b"]}, {"photos": ["b", "c", "d"]}, {"照片": "添加 2 张，移除 1 张"}),
        ({"photos": ["a", "b"]}, {"photos": ["b", "a"]}, {"照片": "顺序有调整"}),
        ({"travel_dates": []}, {"travel_dates": ["2026-06-13", "2026-06-14"]},
         {"在途日期": "添加2026年6月13日、2026年6月14日"}),
        ({"check_in": None}, {"check_in": "d1"}, {"定位": "定位已添加"}),
        ({"check_in": "d1"}, {"check_in": "d2"}, {"定位": "定位已更改"}),
        ({"check_in": "d1"}, {"check_in": None}, {"定位": "定位已移除"}),
        ({"counters": {"farmers_helped": 12, "trainings_held": 1}},
         {"counters": {"farmers_helped": 1200, "income_gained_fen": 123456, "trainings_held": 0}},
         {"带动农户": "-12-+1,200+", "培训场次": "-1-+0+", "增收": "+1,234.56 元+"}),
    ],
)  # fmt: skip
def test_a_change_reads_as_a_reviewer_would_say_it(before, after, expected):
    assert told(before, after) == expected


WORDS = st.one_of(
    st.none(),
    st.text("茶園é́e🌱👩‍🌾 <&>\"'\t\u200f0aß", max_size=60),  # some of everything; all of Unicode takes seconds to list
    st.text("茶园修剪，20\n", max_size=300),
)
MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)  # noqa: DTZ001
SOME = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)
CONTENTS = st.fixed_dictionaries({}, optional={
    "started_at": MOMENTS,
    "form": st.sampled_from(sorted(FORM)),
    "kind": st.sampled_from(sorted(KIND)),
    "village_code": st.one_of(st.none(), st.sampled_from(sorted(NAMES))),
    "place_name": WORDS,
    "done": WORDS,
    "next": WORDS,
    "companions": SOME.map(sorted),
    "photos": SOME,
    "travel_dates": st.lists(st.dates().map(str), max_size=3, unique=True).map(sorted),
    "check_in": st.one_of(st.none(), st.sampled_from(["d1", "d2"])),
    "counters": st.dictionaries(st.sampled_from(sorted(COUNTERS)), st.integers(0, 10**12)),
})  # fmt: skip


def side(change, how):
    return "".join(piece.text for piece in change.pieces if piece.how in {How.KEPT, how})


@given(CONTENTS, CONTENTS)
def test_what_is_equal_changes_nothing_and_what_is_not_is_told_both_ways_alike(one, other):
    assert changes(one, one, NAMES) == ()
    there, back = changes(one, other, NAMES), changes(other, one, NAMES)
    assert [change[:2] for change in there] == [change[:2] for change in back]
    for forth, home in zip(there, back, strict=True):
        assert all(text for _, text in forth.pieces)
        assert forth.pieces != home.pieces or forth.pieces[0].how == How.NOTE
        assert side(forth, How.REMOVED) == side(home, How.ADDED)
    told = {change.field.partition(".")[0].removesuffix("_code") for change in there}
    keys = [*FIELDS, "counters"]
    assert told == {key.removesuffix("_code") for key in keys if (one.get(key) or None) != (other.get(key) or None)}


@given(WORDS, WORDS)
def test_a_texts_pieces_give_both_wordings_back(was, now):
    for change in changes({"done": was}, {"done": now}, {}):
        assert side(change, How.REMOVED) == (was or "")
        assert side(change, How.ADDED) == (now or "")
        assert all(one.how != other.how for one, other in zip(change.pieces, change.pieces[1:], strict=False))


@pytest.mark.parametrize(
    ("was", "now"),
    [("一" * 2000, "一二" * 1000), ("一二" * 1000, "二一一" * 666), ("茶园" * 50 + "茶" * 99, "园" * 99 + "茶园" * 50)],
)  # fmt: skip
def test_texts_made_to_be_slow_are_not(was, now):
    start = time.process_time()
    changes({"done": was}, {"done": now}, {})
    assert time.process_time() - start < 1
