"""Statements of every request: compiled once for each database, then run by their text, over tables alone.

Compiling is what Core remembers; looking it up, binding and reading by way of its cache is what this leaves out.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler

from models.base import Base

Given = Mapping[str, Any]
Waiting = Mapping[type[Base], Sequence[Given]]


class Many(sa.TypeDecorator[Sequence[Any]]):
    """Any number of values as one parameter, so that the text of the statement is always the same."""

    impl = sa.String
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """An array on PostgreSQL, a list in JSON on SQLite."""
        return postgresql.ARRAY(self.item) if dialect.name == "postgresql" else sa.String()

    def process_bind_param(self, value: Sequence[Any] | None, dialect: sa.Dialect) -> Any:
        """Give the values as the database takes them."""
        if dialect.name == "postgresql":
            return value
        bind = self.item.dialect_impl(dialect).bind_processor(dialect)
        return orjson.dumps([bind(one) for one in value or ()] if bind else list(value or ())).decode()


class among(sa.BinaryExpression[bool]):  # noqa: N801  (it is called as a function)
    """Whether a column is one of the values of a parameter."""

    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=Many(column.type)), operators.in_op, type_=sa.Boolean())


@compiles(among)
def _among(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = compiler.process(element.left, **kw), compiler.process(element.right, **kw)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  (both are the compiler's)


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.left, **kw)} = ANY ({compiler.process(element.right, **kw)})"


class _Text:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: sa.ClauseElement, dialect: sa.Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        if compiled.post_compile_params:
            raise TypeError("a list is no parameter of one text: say `among`")
        self.sql = str(compiled)
        self._named: bool = compiled.positiontup is None
        self._order: Sequence[str] = list(compiled.params) if self._named else compiled.positiontup
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        types = {name: parameter.type for name, parameter in compiled.binds.items()}
        given = {name: type_.dialect_impl(dialect).bind_processor(dialect) for name, type_ in types.items()}
        self._given = {name: process for name, process in given.items() if process}

    def parameters(self, values: Given) -> Any:
        """Give values as the driver takes them.

        :raises KeyError: for one that the statement names and nobody gave.
        """
        told = {**self._fixed, **values}
        bind = self._given.get
        bound = (one(told[name]) if (one := bind(name)) else told[name] for name in self._order)
        return dict(zip(self._order, bound, strict=True)) if self._named else tuple(bound)


class Prepared:
    """A statement made once; its parameters are named by `bindparam` and `among`."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}
        columns = statement.selected_columns if isinstance(statement, sa.Select) else None
        self._types, names = ([one.type for one in columns], columns.keys()) if columns else ([], [])
        self._row: Callable[[Sequence[Any]], Any] = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]  # noqa: PYI024
        self._reads: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}

    def text(self, dialect: sa.Dialect) -> _Text:
        """Give it as this kind of database takes it."""
        made = self._texts.get(dialect.name)
        if made is None:
            made = self._texts[dialect.name] = _Text(self._statement, dialect)
        return made

    def rows(self, connection: sa.Connection, values: Given) -> list[Any]:
        """Run it and give its rows, each a tuple that names its columns."""
        text, dialect = self.text(connection.dialect), connection.dialect
        found = connection.exec_driver_sql(text.sql, text.parameters(values))
        if found.cursor is None:
            return []
        rows, kinds = found.cursor.fetchall(), found.cursor.description
        found.close()
        if (reads := self._reads.get(dialect.name)) is None:
            made = [
                type_.dialect_impl(dialect).result_processor(dialect, kind[1])
                for type_, kind in zip(self._types, kinds, strict=True)
            ]
            reads = self._reads[dialect.name] = [(place, one) for place, one in enumerate(made) if one]
        return [self._read(row, reads) for row in rows]

    def _read(self, row: Sequence[Any], reads: Sequence[tuple[int, Callable[[Any], Any]]]) -> Any:
        told = list(row)
        for place, read in reads:
            told[place] = read(told[place])
        return self._row(told)


Table = tuple[type[Base], tuple[str, ...]]
"""A table, and which of its columns are said; the others stay empty."""


@cache
def inserting(model: type[Base], names: tuple[str, ...]) -> Prepared:
    """Put one row into a table, its columns as parameters."""
    return Prepared(sa.insert(model.__table__).values({name: sa.bindparam(name) for name in names}))  # type: ignore[arg-type]


@cache
def _inserting_all(tables: tuple[Table, ...]) -> str:
    """Put rows into several tables, by what a parameter for each says of them in JSON."""
    parts = []
    for model, names in tables:
        listed, table = ", ".join(f'"{name}"' for name in names), model.__tablename__
        said = f"json_populate_recordset(NULL::{table}, %({table})s)"
        parts.append(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {said}")  # noqa: S608  (names of our own)
    first = ", ".join(f"put_{place} AS ({part})" for place, part in enumerate(parts[:-1]))
    return f"WITH {first} {parts[-1]}" if first else parts[-1]


def insert(connection: sa.Connection, waiting: Waiting) -> None:
    """Put new rows in, those of a table with the same columns each: on PostgreSQL, far away, by one statement."""
    tables = tuple((model, tuple(rows[0])) for model, rows in waiting.items())
    for model, rows in waiting.items():
        if any(row.keys() != rows[0].keys() for row in rows):
            raise TypeError(f"rows of {model.__tablename__} say different columns")
    if connection.dialect.name == "postgresql":
        said = {model.__tablename__: _said(rows) for model, rows in waiting.items()}
        connection.exec_driver_sql(_inserting_all(tables), said)
        return
    for model, names in tables:
        text = inserting(model, names).text(connection.dialect)
        connection.exec_driver_sql(text.sql, [text.parameters(row) for row in waiting[model]])


def _said(rows: Sequence[Given]) -> str:
    try:
        return orjson.dumps(rows, default=_as_text, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError as error:
        raise error.__cause__ or error from None  # what `_as_text` said


def _as_text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a time without a zone")
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)
