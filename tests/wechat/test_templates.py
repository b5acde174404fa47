"""Template fields (wechat.md §B.4): what `fill` makes is always accepted by the sandbox's own, independent rules."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wechat.account import CAN_SHOW, TEMPLATES, BadTemplates, load
from wechat.graphemes import cut, graphemes, width
from wechat.sandbox.fields import check_data
from wechat.sandbox.refusals import Refused
from wechat.templates import NEUTRAL_TEXT, Field, Template, fill

FREE = ("thing", "name", "phrase", "character_string")
STRICT = ("letter", "symbol", "phone_number", "car_number", "number", "amount", "time", "date", "enum")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(st.characters(), max_size=80) | st.text(
    "水稻病虫害👨‍👩‍👧‍👦🇨🇳é\u0301\u202e\u200d 　\n1a-_`", max_size=40
)
numbers = st.integers() | st.decimals() | st.integers(0, 10**33)
values = texts | numbers | moments | st.dates() | st.tuples(moments, moments)


def one(kind: str) -> Template:
    choices = ("同意", "不同意") if kind == "enum" else ()
    return Template("one", "id", "标题", "pages/index/index", {"value": Field(f"{kind}1", "标签", choices)})


@pytest.mark.parametrize("kind", FREE)
@settings(deadline=None)
@given(text=texts)
@example(text="")
@example(text="\u200d\u200d")
@example(text="👨‍👩‍👧‍👦" * 9)
@example(text="e" + "\u0301" * 99)
@example(text="一二三四五六七八九十一二三四五六七八九十超")
def test_any_free_text_is_made_to_fit(kind, text):
    check_data(one(kind), fill(one(kind), {"value": text}))


@pytest.mark.parametrize("kind", FREE + STRICT)
@settings(deadline=None)
@given(value=values)
@example(value=10**32 - 1)
@example(value=Decimal("1E-50"))
@example(value=Decimal("NaN"))
@example(value=99_999_999_99)
@example(value="粤V12345")
@example(value="_")
def test_what_fill_gives_the_platform_accepts(kind, value):
    """A strict type may be refused by `fill` itself, but what it gives never is by the platform."""
    try:
        data = fill(one(kind), {"value": value})
    except ValueError:
        assert kind in STRICT
    else:
        check_data(one(kind), data)


@settings(deadline=None, max_examples=30)
@given(text=texts, number=st.integers(0, 10**40), moment=moments)
def test_every_template_of_the_table_can_be_filled(text, number, moment):
    sorts = {"number": min(number, 10**32 - 1), "time": moment, "date": moment.date()}
    for template in TEMPLATES.values():
        given_values = {name: sorts.get(field.kind, text) for name, field in template.fields.items()}
        check_data(template, fill(template, given_values))
        check_data(template, fill(template, given_values, neutral=True))


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("thing", "水稻纹枯病", "水稻纹枯病"),
        ("thing", "请派专家\n指导\t嫁接", "请派专家 指导 嫁接"),
        ("thing", "一二三四五六七八九十一二三四五六七八九十超", "一二三四五六七八九十一二三四五六七八九…"),
        ("thing", "\x00\u202e", NEUTRAL_TEXT),
        ("name", "张三2", "张三"),
        ("name", "欧阳某某某某某某某某某", "欧阳某某某某某某某某"),
        ("name", "Alexander von Humboldt", "Alexander von Humbol"),
        ("phrase", "优秀（拟）", "优秀拟"),
        ("phrase", "OK", "请查看"),
        ("character_string", "编号A-1", "A-1"),
        ("number", Decimal("12.50"), "12.50"),
        ("number", 2026, "2026"),
        ("amount", 123_405, "¥1234.05元"),
        ("time", datetime(2026, 3, 1, 16, 5, tzinfo=UTC), "2026年3月2日 00:05"),
        ("date", date(2026, 3, 1), "2026年3月1日"),
        ("date", (date(2026, 3, 1), date(2026, 4, 1)), "2026年3月1日~2026年4月1日"),
        ("enum", "同意", "同意"),
    ],
)
def test_values_are_shown_as_a_reader_expects(kind, value, shown):
    assert fill(one(kind), {"value": value}) == {f"{kind}1": {"value": shown}}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "12"),
        ("number", -1),
        ("number", 10**32),
        ("amount", -1),
        ("time", date(2026, 3, 1)),
        ("time", datetime(2026, 3, 1)),  # noqa: DTZ001  # a time without offset is the point
        ("enum", "也许"),
        ("letter", "汉字"),
        ("car_number", "汉字汉字"),
    ],
)
def test_strict_types_refuse_what_they_cannot_show(kind, value):
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        fill(one(kind), {"value": value})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thing", "字" * 21),
        ("thing", "😀" * 11),
        ("thing", "换\n行"),
        ("name", "张三2"),
        ("name", "字" * 11),
        ("name", "a" * 21),
        ("phrase", "六个汉字太长"),
        ("phrase", "ok"),
        ("number", "-1"),
        ("number", "1" * 33),
        ("number", "１２"),
        ("amount", "¥12345678901"),
        ("amount", "12.345"),
        ("time", "2026年3月1日"),
        ("time", "25:00"),
        ("date", "15:01"),
        ("date", "2026年2月30日"),
        ("date", "2026年2月1日~2026年2月2日~2026年2月3日"),
        ("character_string", "汉字"),
        ("letter", "a1"),
        ("symbol", "a"),
        ("phone_number", "1" * 18),
        ("car_number", "粤V1234567890"),
        ("enum", "也许"),
    ],
)
def test_the_platform_refuses_broken_fields_by_name(kind, value):
    with pytest.raises(Refused) as refused:
        check_data(one(kind), {f"{kind}1": {"value": value}})
    assert refused.value.errcode == 47003
    assert f"data.{kind}1" in refused.value.detail


@pytest.mark.parametrize(
    "data", [{}, {"thing1": "字"}, {"thing1": {"value": 1}}, {"thing1": {"value": "字"}, "thing2": {"value": "字"}}]
)
def test_missing_unexpected_and_untyped_fields_are_refused(data):
    with pytest.raises(Refused) as refused:
        check_data(one("thing"), data)
    assert refused.value.errcode == 47003


@settings(deadline=None)
@given(text=texts, units=st.integers(0, 40))
def test_a_cut_keeps_whole_characters(text, units):
    """The graphemes put together are the text; a cut is at most as wide as asked and begins like the text."""
    assert "".join(graphemes(text)) == text
    short = cut(text, units)
    assert width(short) <= units
    clusters = list(graphemes(text))
    assert any(
        short == "".join(clusters[:n]).rstrip() or short == "".join(clusters[:n]) for n in range(len(clusters) + 1)
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("👨‍👩‍👧‍👦", 1),
        ("🇨🇳🇨🇳", 2),
        ("e\u0301", 1),
        ("👍🏽好", 2),
        ("각", 1),
        ("\u1100\u1161\u11a8", 1),
        ("☎️", 1),
        ("水稻", 2),
    ],
)
def test_graphemes_are_what_a_reader_takes_for_one_character(text, count):
    assert len(list(graphemes(text))) == count


NEAR = """
[deadline_near]
id = " real-id "
title = "截止时间提醒"
page = "pages/tasks/index"
fields.task = ["thing5", "事项"]
fields.until = ["thing6", "截止时间"]
"""


def test_an_operators_file_replaces_the_sandboxes_ids_and_keywords(tmp_path):
    """Ids and keywords are data (issue 3 point 8); a moment reads well even where the account shows it as text."""
    path = tmp_path / "mine.toml"
    path.write_text(NEAR, encoding="utf-8")
    (near,) = load(path).values()
    data = fill(near, {"task": "提交需求", "until": datetime(2026, 3, 1, 16, 5, tzinfo=UTC)})
    assert near.template_id == "real-id"
    assert data == {"thing5": {"value": "提交需求"}, "thing6": {"value": "2026年3月2日 00:05"}}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("[deadline_near]", "[deadline_far]", "deadline_far"),
        ("fields.until", "fields.end", "deadline_near: its fields are task, until"),
        ('"thing6"', '"phrase6"', "deadline_near.until: a phrase cannot show a time"),
        ('"thing6"', '"thing5"', "deadline_near: a keyword stands twice"),
        ('"thing6"', '"thing"', "deadline_near.until: thing is no keyword"),
        ('"thing6"', '"thong6"', "deadline_near.until: thong6 is no keyword"),
        ("title", "tilte", "title"),
        ("fields.task", "fields", "mine.toml"),
        ("]", "", "mine.toml"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path, before, after, named):
    path = tmp_path / "mine.toml"
    path.write_text(NEAR.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(BadTemplates, match=re.escape(named)):
        load(path)


def test_every_type_that_may_stand_for_another_can_show_it():
    """Whatever keyword `load` lets an operator choose, the value of our field fits it."""
    moment = datetime(2026, 3, 1, 16, 5, tzinfo=UTC)
    shown: dict[str, Any] = {"time": moment, "date": moment.date(), "number": 2026}
    for ours, kinds in CAN_SHOW.items():
        for kind in kinds:
            check_data(one(kind), fill(one(kind), {"value": shown.get(ours, "水稻")}))


def test_no_file_no_templates(tmp_path):
    with pytest.raises(BadTemplates, match=r"none\.toml"):
        load(tmp_path / "none.toml")


def test_the_tables_keys_pages_and_keywords_are_sound():
    assert len({template.template_id for template in TEMPLATES.values()}) == len(TEMPLATES)
    for template in TEMPLATES.values():
        assert len(template.template_id) == 43
        assert len({field.keyword for field in template.fields.values()}) == len(template.fields) <= 5
