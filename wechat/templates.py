"""The subscription messages: which template carries which fields, and how values are made to fit (wechat.md §B.4)."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from wechat.graphemes import cut, width

_SHANGHAI = ZoneInfo("Asia/Shanghai")
#: What stands where a text cannot be shown: it says nothing and can offend no filter.
NEUTRAL_TEXT = "详情请在小程序内查看"
_NEUTRAL = {"thing": NEUTRAL_TEXT, "name": "有关同志", "phrase": "请查看", "character_string": "-"}
_UNSHOWABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
#: Format characters that hold emoji together: the zero-width joiner, and the tags of regional flags.
_JOINERS = {"\u200d", *map(chr, range(0xE0020, 0xE0080))}

Value = str | int | Decimal | date | tuple[date, date]
Data = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Field:
    """One line of a message.

    :ivar keyword: WeChat's name of the line in this account's template, for example `thing1`; it tells the type.
    :ivar label: what the reader sees before the value.
    :ivar choices: the values of an `enum`.
    """

    keyword: str
    label: str
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """WeChat's type of the field: the keyword without its number."""
        return self.keyword.rstrip("0123456789")


@dataclass(frozen=True)
class Template:
    """One subscription message as the account has it: our key, WeChat's id, and our field names → WeChat's lines.

    :ivar lasting: a long-term template: one accept allows any number of messages until a refusal.
    """

    key: str
    template_id: str
    title: str
    page: str
    fields: Mapping[str, Field]
    lasting: bool = False


def fill(template: Template, values: Mapping[str, Value], *, neutral: bool = False) -> Data:
    """Make the `data` of a message: every value in the form of its field's type, cut to its length.

    Free texts (thing, name, phrase, character_string) always fit: they are cleaned, cut between what a reader sees as
    characters, and replaced by a neutral word when nothing is left. Other types are strict.

    :param values: by our field names. Times must be aware; they are shown in Shanghai time. `amount` is in fen.
    :param neutral: replace every free text by its neutral word; for a message that tripped WeChat's word filter.
    :raises KeyError: if a field has no value.
    :raises ValueError: if a strict value cannot be shown in its type.
    """
    data: Data = {}
    for name, field in template.fields.items():
        value: Value = _NEUTRAL.get(field.kind, values[name]) if neutral else values[name]
        data[field.keyword] = {"value": _fit(field, value)}
    return data


def _fit(field: Field, value: Value) -> str:
    if field.kind == "enum":
        if value not in field.choices:
            raise ValueError(f"{field.keyword} takes only its own values")
        return str(value)
    text = _FITTERS[field.kind](value) or _NEUTRAL.get(field.kind, "")
    if not text:
        raise ValueError(f"nothing to show in {field.keyword}")
    return text


def _clean(value: Value) -> str:
    """One line that begins with something to see: no control, private, unassigned or direction-turning characters."""
    spaced = " ".join(_said(value).split())
    kept = [c for c in spaced if c in _JOINERS or unicodedata.category(c) not in _UNSHOWABLE]
    first = next((at for at, c in enumerate(kept) if unicodedata.category(c)[0] in "LNPS"), len(kept))
    return "".join(kept[first:]).strip()


def _said(value: Value) -> str:
    """A value as text; moments as a reader in Shanghai says them."""
    if isinstance(value, (date, tuple)):
        return _moment(value, clock=isinstance(value, datetime))
    return str(value)


def _only(pattern: str, length: int) -> Callable[[Value], str]:
    allowed = re.compile(pattern)

    def fit(value: Value) -> str:
        return "".join(allowed.findall(_clean(value)))[:length].strip()

    return fit


def _thing(value: Value) -> str:
    return cut(_clean(value), 20, "…")


def _name(value: Value) -> str:
    text = "".join(c for c in _clean(value) if not c.isdecimal()).strip()
    return cut(text, 20 if text.isascii() else 10)


def _number(value: Value) -> str:
    number = Decimal(value) if isinstance(value, (int, Decimal)) else Decimal("NaN")
    if not number.is_finite() or not 0 <= number < 10**32:
        raise ValueError("a number field takes a number from 0 to below 10^32")
    text = f"{number.copy_abs():f}"
    return text[:33].rstrip(".") if "." in text else text


def _amount(value: Value) -> str:
    if not isinstance(value, int) or not 0 <= value < 10**12:
        raise ValueError("an amount field takes fen, below ten thousand million yuan")
    yuan, fen = divmod(value, 100)
    return f"¥{yuan}.{fen:02}元" if yuan < 10**8 else f"¥{yuan}元"


def _moment(value: Value, *, clock: bool) -> str:
    if isinstance(value, tuple):
        return "~".join(_moment(end, clock=clock) for end in value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without its offset")
        local = value.astimezone(_SHANGHAI)
        return f"{local.year:04}年{local.month}月{local.day}日" + (f" {local:%H:%M}" if clock else "")
    if isinstance(value, date) and not clock:
        return f"{value.year:04}年{value.month}月{value.day}日"
    raise ValueError("a time field takes an aware time, a date field a date")


def _car_number(value: Value) -> str:
    text = "".join(_clean(value).split())
    return text if re.fullmatch(r"[\u4e00-\u9fff]?[A-Za-z0-9]{5,7}[\u4e00-\u9fff]?", text) and width(text) <= 8 else ""


_FITTERS: Mapping[str, Callable[[Value], str]] = {
    "thing": _thing,
    "name": _name,
    "phrase": _only(r"[\u4e00-\u9fff]", 5),
    "character_string": _only(r"[!-~ ]", 32),
    "letter": _only(r"[A-Za-z]", 32),
    "symbol": _only(r"[!-/:-@\[-^`{-~]", 5),
    "phone_number": _only(r"[0-9+\-() #*]", 17),
    "car_number": _car_number,
    "number": _number,
    "amount": _amount,
    "time": lambda value: _moment(value, clock=True),
    "date": lambda value: _moment(value, clock=False),
}
#: WeChat's types of fields.
KINDS = frozenset({*_FITTERS, "enum"})
