"""The field rules of subscription messages, judged as the platform does: on the finished text, by type (§B.4).

On purpose this shares nothing with `wechat.templates.fill`: what one of them misreads, the other must catch.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from wechat.sandbox.refusals import Refused
from wechat.templates import Template

_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_CHINESE_CAR = r"[\u4e00-\u9fff]?[A-Za-z0-9]{2,7}[\u4e00-\u9fff]?"


def check_data(template: Template, data: Any) -> None:
    """Judge the `data` of a message.

    :raises Refused: 47001 when it is no object; 47003, naming the keyword, when a value breaks its type's rule.
    """
    if not isinstance(data, Mapping):
        raise Refused(47001)
    fields = {field.keyword: field for field in template.fields.values()}
    for keyword in fields.keys() | data.keys():
        cell = data.get(keyword)
        value = cell.get("value") if isinstance(cell, Mapping) else None
        if keyword not in fields or not isinstance(value, str) or not value.strip():
            raise Refused(47003, f"data.{keyword}.value is empty or unexpected")
        choices = fields[keyword].choices
        fits = value in choices if choices else _RULES[re.sub(r"\d+$", "", keyword)](value)
        if not fits or _has_control(value):
            raise Refused(47003, f"data.{keyword}.value is invalid")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def _is_thing(text: str) -> bool:
    return _units(text) <= 20 and any(unicodedata.category(character)[0] in "LNPS" for character in text)


def _is_name(text: str) -> bool:
    ascii_only = all(" " <= character <= "~" for character in text)
    digits = any(unicodedata.category(character) == "Nd" for character in text)
    return not digits and _units(text) <= (20 if ascii_only else 10)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)) and len(text.replace(".", "")) <= 32


def _is_amount(text: str) -> bool:
    match = re.fullmatch(r"[¥￥$€£]?([0-9]+(?:\.[0-9]{1,2})?)元?", text)
    return match is not None and len(match[1].replace(".", "")) <= 10


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _range_of(one: Callable[[str], bool]) -> Callable[[str], bool]:
    def judge(text: str) -> bool:
        ends = text.split("~")
        return len(ends) <= 2 and all(one(end.strip()) for end in ends)

    return judge


def _is_day(text: str, clock: str) -> bool:
    match = re.fullmatch(rf"(\d{{4}})年(\d{{1,2}})月(\d{{1,2}})日{clock}", text, re.ASCII)
    if match is None:
        return False
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    return _is_day(text, rf"(?: {_CLOCK})?")


def _is_time(text: str) -> bool:
    return re.fullmatch(_CLOCK, text, re.ASCII) is not None or _is_day(text, f" {_CLOCK}")


_RULES: Mapping[str, Callable[[str], bool]] = {
    "thing": _is_thing,
    "name": _is_name,
    "phrase": _matches(r"[\u4e00-\u9fff]{1,5}"),
    "number": _is_number,
    "letter": _matches(r"[A-Za-z]{1,32}"),
    "symbol": _matches(r"[^\w\s]{1,5}"),
    "character_string": _matches(r"[ -~]{1,32}"),
    "time": _range_of(_is_time),
    "date": _range_of(_is_date),
    "amount": _is_amount,
    "phone_number": _matches(r"[0-9+\-() #*]{1,17}"),
    "car_number": lambda text: _units(text) <= 8 and re.fullmatch(_CHINESE_CAR, text) is not None,
    "enum": lambda _text: False,
}
