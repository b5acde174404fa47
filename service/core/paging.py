"""Keyset paging: a page and the key that the next one starts after. Flat cost at any depth (`stack.md` §3)."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from models.base import UtcDateTime
from service.core.problems import Malformed

Item = TypeVar("Item")

LIMIT_DEFAULT, LIMIT_MAX = 20, 100


@dataclass(frozen=True)
class Ask:
    """What a caller wants of a list: at most `limit` rows after `cursor`; None where a short list is given whole."""

    limit: int | None = LIMIT_DEFAULT
    cursor: str | None = None


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some rows, and where the next ones start (None at the end)."""

    items: Sequence[Item]
    next: str | None = None


def _encode(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(cursor: str, columns: Sequence[Any]) -> list[Any]:
    try:
        texts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("not a cursor")
        return [_value(text, column) for text, column in zip(texts, columns, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
        raise Malformed("cursor 无效") from error


def _value(text: str, column: Any) -> Any:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("not a cursor")
        return moment.astimezone(UTC)  # overflows here, not in the driver, at both ends of the calendar
    if isinstance(kind, sa.Uuid):
        return UUID(text)
    if isinstance(kind, sa.Integer):
        number = int(text)
        if abs(number) >= 2**31:
            raise ValueError("not a cursor")
        return number
    text.encode()  # lone surrogates
    if "\0" in text:
        raise ValueError("not a cursor")
    return text


def page(
    statement: sa.Select[Any],
    columns: Sequence[Any],
    ask: Ask,
    fetch: Callable[[sa.Select[Any]], Sequence[Item]],
    *,
    newest_first: bool = True,
) -> Page[Item]:
    """Run a query one page at a time over columns that order its rows uniquely (row-value comparison, one direction).

    :raises Malformed: if the cursor is not one of ours.
    """
    key = sa.tuple_(*columns)
    if ask.cursor:
        decoded = zip(_decode(ask.cursor, columns), columns, strict=True)
        values = sa.tuple_(*(sa.bindparam(None, value, column.type) for value, column in decoded))
        statement = statement.where(key < values if newest_first else key > values)
    order = [column.desc() if newest_first else column.asc() for column in columns]
    rows = fetch(statement.order_by(*order).limit(ask.limit and ask.limit + 1))
    if ask.limit is None or len(rows) <= ask.limit:
        return Page(rows)
    shown = rows[: ask.limit]
    return Page(shown, _encode([getattr(shown[-1], column.key) for column in columns]))
