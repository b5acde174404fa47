"""JSON from outside, read strictly: what PostgreSQL, other readers or our stack could not bear stops here."""

import json
import math
import re
from typing import Any, NoReturn

DEPTH_MAX = 32
DIGITS_MAX = 30
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

# A string left open matches to the end of the text, so no text makes the search start over at every quote.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TO_SHAPE = bytes.maketrans(b"[]{}.123456789E+", b"()()0000000000e-")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"()")
_UNUSUAL_NUMBERS = (b"0" * 19, b"e000", b"e-000")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ESCAPED_CONTROL = re.compile(r"\\(?:[bf]|u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]|7[fF]|[89][0-9a-fA-F]))")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")


class BadJson(ValueError):
    """A body that is not the JSON we read; its text is a short Chinese reason without any of the body's content."""


def loads(body: bytes, charset: str | None = None) -> Any:
    """Read a body as one JSON object or array (api.md: JSON, UTF-8; refusal 400).

    What can be found without Python code per value is searched for in the whole text, or in its shape: the text without
    its strings, brackets all round, digits all zero. So a megabyte takes some ten milliseconds.

    :param charset: the charset that the Content-Type named, if any.
    :raises BadJson: for anything deeper than 32 levels, double keys, NaN, infinities, control characters other than tab
        and line breaks, lone surrogates, integers beyond 64 bits, floats not finite or of more than 30 digits, a byte
        order mark, another encoding than UTF-8, another value than an object or array, anything after it.
    """
    text = _decoded(body, charset)
    shape = "".join(_STRING.split(text)).encode().translate(_TO_SHAPE)
    _refuse_depth(shape)
    _refuse_characters(text)
    numbers: dict[str, Any] = {}
    if any(unusual in shape for unusual in _UNUSUAL_NUMBERS):
        numbers = {"parse_int": _integer, "parse_float": _float}
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, **numbers)
    except json.JSONDecodeError as error:
        raise BadJson(f"第 {error.lineno} 行第 {error.colno} 列不是有效的 JSON") from None
    if not isinstance(value, dict | list):
        raise BadJson("JSON 最外层应为对象或数组")
    return value


def _decoded(body: bytes, charset: str | None) -> str:
    if charset is not None and charset.strip("\"' ").lower() not in {"utf-8", "utf8"}:
        raise BadJson("只接受 UTF-8 编码")
    if body.startswith(b"\xef\xbb\xbf"):
        raise BadJson("JSON 开头不能有字节顺序标记（BOM）")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("不是有效的 UTF-8 编码") from None


def _refuse_depth(shape: bytes) -> None:
    """Peel the innermost pairs of brackets, level by level, before the parser descends into them."""
    brackets = shape.translate(None, _NO_BRACKETS)
    too_deep = b"(" * (DEPTH_MAX + 1) in brackets
    for _ in range(0 if too_deep else DEPTH_MAX):
        brackets = brackets.replace(b"()", b"")
    if brackets:
        raise BadJson(f"括号不成对，或嵌套超过 {DEPTH_MAX} 层")


def _refuse_characters(text: str) -> None:
    """Look for characters that no field may hold, plain or as escapes; an escaped backslash starts no escape."""
    if _CONTROL.search(text):
        raise BadJson("含有控制字符")
    if "\\" in text:
        escapes = text.replace("\\\\", "__")
        if _ESCAPED_CONTROL.search(escapes):
            raise BadJson("含有控制字符")
        if _LONE_SURROGATE.search(escapes):
            raise BadJson("含有不成对的 Unicode 代理字符")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("对象中有重复的键")
    return found


def _constant(_name: str) -> NoReturn:
    raise BadJson("不接受 NaN 和 Infinity")


def _integer(text: str) -> int:
    # The length comes first: Python itself refuses to read thousands of digits.
    if len(text) > DIGITS_MAX or not INTEGER_MIN <= int(text) <= INTEGER_MAX:
        raise BadJson("整数超出 64 位范围")
    return int(text)


def _float(text: str) -> float:
    if sum(map(str.isdigit, text)) > DIGITS_MAX:
        raise BadJson(f"数字超过 {DIGITS_MAX} 位")
    value = float(text)
    if not math.isfinite(value):
        raise BadJson("数值超出范围")
    return value
