import contextlib
import json
import math
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.strict_json import BadJson, loads

GOOD = [
    b"{}",
    b" [] \r\n\t",
    b'{"a": [1, -2.5, true, false, null, "x"]}',
    '{"名": "𠮷𰻝😀·"}'.encode(),
    rb'["\ud83d\ude00\uD842\uDFB7"]',
    rb'["\t\n\r\/\\\"\u4e2d"]',
    rb'["\\u0000 \\b \\\\ud800"]',  # backslashes as text, not escapes
    rb'["C:\\b", "\\f", "\\\\b", "\\ud800"]',
    rb'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"", "}}}"]',
    b"[" * 32 + b"]" * 32,
    b'{"a":' * 31 + b"[]" + b"}" * 31,
    b"[9223372036854775807, -9223372036854775808, 0, -0, 1e2, 1E+2, 1.5e-400]",
    b"[1.7976931348623157e308, 0.12345678901234567890123456789]",
    b'[{"a": 1}, {"a": 2}, {"a": {"a": 3}}]',
    b'["NaN", "Infinity", "1e999", "99999999999999999999999999999999999"]',
    b"[" + b"1," * 1000 + b"1]",
]
BAD = [
    (b"", "有效的 JSON"),
    (b" ", "有效的 JSON"),
    (b"{", "括号不成对"),
    (b"]", "括号不成对"),
    (b"[}", "第 1 行第 2 列"),
    (b"[1,]", "第 1 行"),
    (b"{'a': 1}", "第 1 行第 2 列"),
    (b'{"a": 1,\n "b" 2}', "第 2 行第 6 列"),
    (b"[1] x", "有效的 JSON"),
    (b"{}{}", "有效的 JSON"),
    (b'{} ""', "有效的 JSON"),
    (b"[01]", "有效的 JSON"),
    (b"[+1]", "有效的 JSON"),
    (b"[1.]", "有效的 JSON"),
    (b"[.5]", "有效的 JSON"),
    (b"[0x10]", "有效的 JSON"),
    (b"[1 /* one */]", "有效的 JSON"),
    ("[１２]".encode(), "有效的 JSON"),
    (b'["\\x41"]', "有效的 JSON"),
    (b'["\\u12"]', "有效的 JSON"),
    (b'["open', "括号不成对"),
    (b'["tab\t"]', "有效的 JSON"),
    (b'["line\n"]', "有效的 JSON"),
    (b"1", "最外层"),
    (b'"text"', "最外层"),
    (b"null", "最外层"),
    (b"true", "最外层"),
    (b"NaN", "NaN"),
    (b"[NaN]", "NaN"),
    (b"[Infinity]", "NaN"),
    (b"[-Infinity]", "NaN"),
    (b'{"a": 1, "a": 1}', "重复的键"),
    (b'{"a": 1, "\\u0061": 2}', "重复的键"),
    (b'[[{"x": {"": 1, "b": 2, "": 3}}]]', "重复的键"),
    (b"[9223372036854775808]", "64 位"),
    (b"[-9223372036854775809]", "64 位"),
    (b"[" + b"9" * 31 + b"]", "64 位"),
    (b"[" + b"9" * 5000 + b"]", "64 位"),
    (b"[1e309]", "超出范围"),
    (b"[-1E+400]", "超出范围"),
    (b"[123456789012345678e999]", "超出范围"),
    (b"[0." + b"1" * 30 + b"]", "超过 30 位"),
    (b"[1." + b"0" * 5000 + b"]", "超过 30 位"),
    (b"[1e" + b"0" * 40 + b"]", "超过 30 位"),
    (b'["a\x00b"]', "控制字符"),
    (b'["a\x01b"]', "控制字符"),
    (b'["\x7f"]', "控制字符"),
    ('["\x85"]'.encode(), "控制字符"),
    (b"[\x0c]", "控制字符"),
    (rb'["\u0000"]', "控制字符"),
    (rb'["\u000B"]', "控制字符"),
    (rb'["\u001f"]', "控制字符"),
    (rb'["\u007F"]', "控制字符"),
    (rb'["\u009f"]', "控制字符"),
    (rb'["\b"]', "控制字符"),
    (rb'["\f"]', "控制字符"),
    (rb'["\\\u0000"]', "控制字符"),
    (rb'{"\u0000": 1}', "控制字符"),
    (rb'["\ud800"]', "代理"),
    (rb'["\udc00"]', "代理"),
    (rb'["\uDE00\uD83D"]', "代理"),
    (rb'["\ud83d\ud83d\ude00"]', "代理"),
    (rb'["\ud83d\ude00\ude00"]', "代理"),
    (rb'["\ud83d\\\ude00"]', "代理"),
    (rb'["\ud83d \ude00"]', "代理"),
    (rb'{"\ud83d": 1}', "代理"),
    (b'\xef\xbb\xbf{"a": 1}', "BOM"),
    (b'["\xff"]', "UTF-8"),
    (b'["\xc0\x80"]', "UTF-8"),
    (b'["\xed\xa0\x80"]', "UTF-8"),
    ('["科技"]'.encode("gb18030"), "UTF-8"),
    ("[1]".encode("utf-16"), "UTF-8"),
    ("[1]".encode("utf-16-le"), "控制字符"),
    ("[1]".encode("utf-32-be"), "控制字符"),
    (b"[" * 33 + b"]" * 33, "32 层"),
    (b'{"a":' * 32 + b"[]" + b"}" * 32, "32 层"),
    (b"[" * 100_000, "32 层"),
    (b'{"a":' * 100_000, "32 层"),
    (b"[" * 100_000 + b"]" * 100_000, "32 层"),
    (b'["' + b'\\"' * 100_000, "括号不成对"),
    (b'"\\' * 100_000, "有效的 JSON"),
]


@pytest.mark.parametrize("body", GOOD)
def test_good_bodies_read_as_the_plain_reader_does(body):
    assert loads(body) == json.loads(body)


@pytest.mark.parametrize(("body", "reason"), BAD, ids=range(len(BAD)))
def test_bad_bodies_are_refused_with_a_short_chinese_reason(body, reason):
    with pytest.raises(BadJson, match=reason) as refusal:
        loads(body)
    assert len(str(refusal.value)) < 40
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("charset", [None, "utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_utf_8_by_any_of_its_names(charset):
    assert loads('{"名": 1}'.encode(), charset) == {"名": 1}


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "utf-16", "latin-1", "", "utf-7", "utf-8-sig"])
def test_other_charsets_are_refused_even_where_the_bytes_are_utf_8(charset):
    with pytest.raises(BadJson, match="UTF-8"):
        loads(b"{}", charset)


def test_a_reason_repeats_nothing_of_the_body():
    with pytest.raises(BadJson) as refusal:
        loads(b'{"13800138000": 1, "13800138000": 2}')
    assert "138" not in str(refusal.value)


def test_depth_is_found_without_recursion():
    limit = sys.getrecursionlimit()
    with pytest.raises(BadJson, match="32 层"):
        loads(b"[" * (limit * 50))


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from('\t\n\r\\"/[]{}'))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(LEAVES, lambda part: st.lists(part) | st.dictionaries(TEXT, part), max_leaves=30)
DOCUMENTS = st.lists(VALUES) | st.dictionaries(TEXT, VALUES)


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_any_valid_json_reads_as_the_plain_reader_does(document, ascii_only, indent):
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert loads(text.encode()) == json.loads(text) == document


def _is_tame(value):
    """Whether a value of the plain reader holds only what the strict one lets through."""
    if isinstance(value, str):
        return all(c in "\t\n\r" or unicodedata.category(c) not in {"Cc", "Cs"} for c in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return all(map(_is_tame, value)) if isinstance(value, list) else value is None or abs(value) <= 2**63


NOISE = [
    *(
        "[",
        "]",
        "{",
        "}",
        '"',
        ",",
        ":",
        "\\",
        "\\\\",
        '\\"',
        "u",
        "\\u",
        "\\u0000",
        "\\u00",
        "00",
        "\\ud83d",
        "\\ude00",
    ),
    *("\\b", "\\n", "a", '"a"', "1", "-", ".", "e", "e9", "99", "9999999999", "NaN", "Infinity", "true", "null"),
    *(" ", "\n", "\x00", "é", "中"),
]


@settings(deadline=None, max_examples=800)
@given(st.lists(st.sampled_from(NOISE), max_size=14), st.booleans())
def test_nothing_wild_gets_through_and_nothing_but_a_refusal_comes_back(parts, quoted):
    body = "".join(parts)
    body = f'["{body}"]' if quoted else f"[{body}]"
    try:
        value = loads(body.encode())
    except BadJson:
        return
    assert value == json.loads(body)
    assert _is_tame(value)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(BadJson):
        assert loads(body) == json.loads(body)
