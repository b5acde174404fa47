"""What all schemas share: unknown keys refused, `load` builds the command's dataclass, text is checked and in NFC."""

import re
from datetime import date, datetime
from typing import Any, ClassVar

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, post_load, validate
from marshmallow_sqlalchemy import SQLAlchemySchema

from models.base import Base
from rules.calendar import SHANGHAI
from rules.states import label
from rules.text import clean, judge_line, judge_words
from service.core.paging import LIMIT_DEFAULT, LIMIT_MAX, Ask

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC3339 = re.compile(_DATE.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
MESSAGES: dict[str, Any] = {
    "required": "必填",
    "null": "不能为空",
    "validator_failed": "格式不正确",
    "invalid": "格式不正确",
    "type": "类型不正确",
    "unknown": "不认识的字段",
    "invalid_uuid": "编号格式不正确",
    "special": "不是有效的数字",
    "too_large": "数字过大",
    "naive": "时间必须带时区",
    "format": "格式不正确",
}


class Declared(Schema):
    """A schema that a route declares. It never changes, so whoever copies a declaration shares it.

    flask-smorest copies a route's declaration for every response that is added to it; with each schema copied through,
    composing the application took most of its time.
    """

    def __deepcopy__(self, _: Any) -> "Declared":
        return self


class In(Declared):
    """A body or query. `makes` names the frozen dataclass that `load` builds; without it a dict comes out."""

    makes: ClassVar[type[Any] | None] = None

    class Meta:
        unknown = RAISE
        ordered = True

    error_messages = {"unknown": "不认识的字段", "type": "应为对象", "invalid": "应为对象"}

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        return self.makes(**data) if self.makes else data


class Out(Declared, SQLAlchemySchema[Any]):
    """A representation, on an allow-list of columns."""

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Give a row's attribute as such: rows are no mappings, and asking each field whether they are one is dear."""
        if isinstance(obj, Base) and "." not in attr:
            return getattr(obj, attr, default)
        return super().get_attribute(obj, attr, default)


class Line(fields.String):
    """One line of text that people type: NFC, trimmed, without invisible characters."""

    judge = staticmethod(judge_line)

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        checks = [validate.Length(min=shortest, max=longest, error=f"长度应为 {shortest} 到 {longest} 个字")]
        super().__init__(validate=checks, error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = clean(super()._deserialize(value, attr, data, **kwargs))
        if problem := self.judge(text):
            raise ValidationError(problem)
        return text


class Words(Line):
    """Text of several lines."""

    judge = staticmethod(judge_words)


class Secret(fields.String):
    """A text that no person reads here, such as a code or a file; taken as it is, never repeated in a complaint."""

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        checks = [validate.Length(shortest, longest, error=f"长度应为 {shortest} 到 {longest}")]
        super().__init__(validate=checks, error_messages=MESSAGES, **kwargs)


class Id(fields.UUID):
    """A UUID."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(error_messages=MESSAGES, **kwargs)


class Code(fields.String):
    """A code of reference data."""

    def __init__(self, **kwargs: Any) -> None:
        checks = [validate.Regexp(r"\A[A-Za-z0-9_.-]{1,16}\Z", error="编码格式不正确")]
        super().__init__(validate=checks, error_messages=MESSAGES, **kwargs)


class Choice(fields.String):
    """One word of a fixed set."""

    def __init__(self, words: Any, **kwargs: Any) -> None:
        listed = sorted(words)
        checks = [validate.OneOf(listed, error="应为以下之一：" + "、".join(listed))]
        super().__init__(validate=checks, error_messages=MESSAGES, **kwargs)


class Number(fields.Integer):
    """A whole number between two bounds; texts, booleans and fractions are refused."""

    def __init__(self, low: int, high: int, *, from_text: bool = False, **kwargs: Any) -> None:
        self._from_text = from_text
        checks = [validate.Range(low, high, error=f"应在 {low} 到 {high} 之间")]
        super().__init__(strict=not from_text, validate=checks, error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        plain = isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) < 20
        if (self._from_text and not plain) or (not self._from_text and (isinstance(value, (str, bool)))):
            raise ValidationError("应为整数")
        return super()._deserialize(value, attr, data, **kwargs)


class Real(fields.Float):
    """A number between two bounds; texts, booleans, NaN and infinities are refused."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        checks = [validate.Range(low, high, error=f"应在 {low:g} 到 {high:g} 之间")]
        super().__init__(validate=checks, error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, (str, bool)):
            raise ValidationError("应为数字")
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """True or false; in a body only the JSON words."""

    def __init__(self, *, from_text: bool = False, **kwargs: Any) -> None:
        self._from_text = from_text
        super().__init__(error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if self._from_text and value in ("0", "1", "true", "false"):
            return value in ("1", "true")
        if not isinstance(value, bool):
            raise ValidationError("应为 true 或 false")
        return value


class Moment(fields.AwareDateTime):
    """A time in RFC 3339 with offset; shown in Shanghai's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not (isinstance(value, str) and _RFC3339.fullmatch(value)):
            raise ValidationError("应为带时区的时间，如 2026-11-22T08:00:00+08:00")
        try:
            moment: datetime = super()._deserialize(value.upper(), attr, data, **kwargs)
            if not 1970 <= moment.year <= 2199:
                raise ValidationError("年份超出范围")
            return moment
        except (OverflowError, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
            raise ValidationError("格式不正确") from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else value.astimezone(SHANGHAI).isoformat(timespec="seconds")


class Day(fields.Date):
    """A Shanghai date, YYYY-MM-DD."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not (isinstance(value, str) and _DATE.fullmatch(value)):
            raise ValidationError("应为日期，如 2026-11-22")
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not 1900 <= day.year <= 2199:
            raise ValidationError("年份超出范围")
        return day


class Inner(fields.Nested):
    """An object within a body."""

    def __init__(self, schema: Schema, **kwargs: Any) -> None:
        super().__init__(schema, error_messages=MESSAGES, **kwargs)


class ListOf(fields.List[Any]):
    """A list with a length limit, without repetition where asked."""

    def __init__(self, inner: Any, longest: int, *, shortest: int = 0, distinct: bool = True, **kwargs: Any) -> None:
        self._distinct = distinct
        checks = [validate.Length(min=shortest, max=longest, error=f"应有 {shortest} 到 {longest} 项")]
        super().__init__(inner, validate=checks, error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > 1000:
            raise ValidationError("项数过多")
        items: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        if self._distinct and len({str(item) for item in items}) < len(items):
            raise ValidationError("有重复的项")
        return items


class Asked(In):
    """The two words of every list; a list's own filters derive from this."""

    limit = Number(1, LIMIT_MAX, from_text=True, load_default=LIMIT_DEFAULT)
    cursor = Secret(500, shortest=0, load_default=None)


class AskedWhole(Asked):
    """The same for short lists of reference data, which come whole unless a limit is given."""

    limit = Number(1, LIMIT_MAX, from_text=True, load_default=None)


def split_ask(query: dict[str, Any]) -> tuple[Ask, dict[str, Any]]:
    """Part a loaded list query into its page and its filters; filters that were not given are left out."""
    rest = {name: value for name, value in query.items() if name not in {"limit", "cursor"} and value is not None}
    return Ask(query["limit"], query["cursor"]), rest


class StatefulOut(Out):
    """What every thing with states shows."""

    id = fields.UUID()
    state = fields.String()
    state_label = fields.Function(lambda row: label(row.__thing__, row.state), metadata={"type": "string"})
    state_since = Moment()
    state_reason = fields.String(allow_none=True)
    moves = fields.List(fields.String())


def state_filter() -> fields.String:
    """Make the filter by state that every list of things with states takes."""
    checks = validate.Regexp(r"\A[a-z_]{1,32}\Z", error="状态不正确")
    return fields.String(load_default=None, validate=checks, error_messages=MESSAGES)


class Reason(In):
    """The body of a move that needs a reason."""

    reason = Words(2000, required=True)


class Empty(In):
    """The body of a move that takes nothing."""


class ProblemOut(Declared):
    """RFC 9457 problem details; a kind of refusal may bring further members."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    trace = fields.String(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.Raw())
