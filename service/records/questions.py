"""What lies near some records, asked in one statement for all of them and all kinds of flags.

PostgreSQL gets the records as rows and looks beside each in turn; SQLite knows no such join, and gets a part for each.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from models.records import Companion, Flag, Record, TextMark
from models.regions import Region
from rules import flags as rules
from rules import likeness
from rules.needs import Form
from service.core.database import bits_apart
from service.core.prepared import Prepared, among
from service.core.unit import UnitOfWork

AROUND_MAX = 30
"""Beside how many records of a few days presence is judged, the earliest first: a busy team's days hold far fewer."""
ALIKE_MAX = 60
"""Of those who share a text the earliest are compared."""
TOGETHER = 8
"""About so many records SQLite is asked in one statement, or about one: one of each length would be compiled anew."""
BEFORE, AFTER, AROUND, ALIKE = range(4)

_R, _T, _C, _M, _F = (one.__table__.c for one in (Record, Region, Companion, TextMark, Flag))
_SAID: dict[str, sa.types.TypeEngine[Any]] = {
    "turn": sa.Integer(),
    "me": sa.Uuid(),
    "person": sa.Uuid(),
    "device": sa.String(),
    "seq": sa.Integer(),
    "people": postgresql.ARRAY(sa.Uuid()),
    "first": _R.started_at.type,
    "last": _R.started_at.type,
    "since": _R.ended_at.type,
    "township": sa.String(),
    "placed": sa.Boolean(),
    "sketch": sa.BigInteger(),
    "marks": postgresql.ARRAY(sa.BigInteger()),
}
"""What is said of a record that others lie near to; `turn` is its place among those asked about."""
_SUBJECTS = (
    sa.func.json_to_recordset(sa.bindparam("subjects", type_=postgresql.JSON()))
    .table_valued(*(sa.column(name, type_) for name, type_ in _SAID.items()))
    .render_derived("subject", with_types=True)
)


def rows(uow: UnitOfWork, said: Sequence[dict[str, Any]], *, unseen: bool) -> list[tuple[int, Any]]:
    """Give what lies near records, each row with the place of the record: whole visits, one row a companion.

    :param said: of each record what `_SAID` names but its `turn`.
    :param unseen: what waits to be put in is no neighbour.
    """
    if uow.house.engine.dialect.name == "postgresql":
        subjects = [one | {"turn": turn} for turn, one in enumerate(said)]
        return [(row.turn, row) for row in uow.rows(_beside(), unseen=unseen, subjects=subjects)]
    found: list[tuple[int, Any]] = []
    done = 0
    while done < len(said):
        some = said[done : done + TOGETHER] if len(said) - done >= TOGETHER else said[done : done + 1]
        values = {f"{name}_{turn}": value for turn, one in enumerate(some) for name, value in one.items()}
        told = uow.rows(_part_by_part(len(some)), unseen=unseen, **values)
        found += [(done + row.turn, row) for row in told]
        done += len(some)
    return found


class _Asked(Protocol):
    """How a part of the question names what is said of its record."""

    def value(self, name: str) -> sa.ColumnElement[Any]:
        """Name it."""

    def among(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
        """Say that a column is one of several values."""


class _Given:
    """As parameters of the statement."""

    def __init__(self, turn: int) -> None:
        self._turn = turn

    def value(self, name: str) -> sa.ColumnElement[Any]:
        return sa.bindparam(f"{name}_{self._turn}", type_=_SAID[name])

    def among(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
        return among(column, f"{name}_{self._turn}")


class _Row:
    """As columns of the row of `_SUBJECTS` that it is beside."""

    def value(self, name: str) -> sa.ColumnElement[Any]:
        return _SUBJECTS.c[name]

    def among(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
        return column == sa.any_(_SUBJECTS.c[name])


@cache
def _part_by_part(many: int) -> Prepared:
    parts = [
        one.add_columns(sa.literal_column(str(turn)).label("turn"))
        for turn in range(many)
        for one in _parts(_Given(turn))
    ]
    most = many * (2 + AROUND_MAX + ALIKE_MAX)  # no more can come; said, it keeps SQLite from joining part by part
    ids = sa.union_all(*parts).limit(most).subquery()
    return _visits(ids.c.turn, ids.c.how, ids.c.id, ids)


@cache
def _beside() -> Prepared:
    ids = sa.union_all(*_parts(_Row())).lateral("near")
    return _visits(_SUBJECTS.c.turn, ids.c.how, ids.c.id, _SUBJECTS.join(ids, sa.true()))


def _parts(one: _Asked) -> list[sa.Select[Any]]:
    """Ask for the ids of each kind of neighbour."""
    kinds = [part.subquery() for part in (_before(one), _after(one), _around(one), _alike(one))]
    return [sa.select(sa.literal_column(str(how)).label("how"), part.c.id) for how, part in enumerate(kinds)]


def _visits(turn: Any, how: Any, identity: Any, found: sa.FromClause) -> Prepared:
    columns = (_R.id, _R.person_id, _R.started_at, _R.ended_at, _R.form, _R.township_code, _R.check_in, _R.done)
    named = (_T.name, _T.lat, _T.lon, _T.radius_m, _C.person_id.label("companion"))
    copied = sa.select(_F.code).where(_F.record_id == _R.id, _F.code == rules.TEXT).limit(1).scalar_subquery()
    return Prepared(
        sa.select(turn, how, *columns, _R.device, *named, copied.label("copied"))
        .select_from(found)
        .join(Record.__table__, _R.id == identity)
        .join(Region.__table__, _T.code == _R.township_code)
        .outerjoin(Companion.__table__, sa.and_(_C.record_id == _R.id, _C.objected_at.is_(None)))
        .order_by(turn, how, _R.started_at, _R.id)
    )


def _of_device(one: _Asked) -> sa.Select[Any]:
    mine = sa.select(_R.id).where(_R.person_id == one.value("person"), _R.device_id == one.value("device"))
    return mine.where(_R.state != "draft").correlate(_SUBJECTS)


def _before(one: _Asked) -> sa.Select[Any]:
    """What the same device made just before."""
    earlier = _of_device(one).where(_R.device_seq < one.value("seq"))
    return earlier.order_by(_R.device_seq.desc(), _R.id).limit(1)


def _after(one: _Asked) -> sa.Select[Any]:
    """What the same device made just after."""
    later = _of_device(one).where(_R.device_seq > one.value("seq"))
    return later.order_by(_R.device_seq, _R.id).limit(1)


def _around(one: _Asked) -> sa.Select[Any]:
    """The records of the same people about that time that could contradict one."""
    told = sa.select(_R.id, _R.started_at).where(
        _R.id != one.value("me"),
        _R.state != "draft",
        _R.form == Form.ON_SITE,
        _R.started_at.between(one.value("first"), one.value("last")),
        _R.ended_at >= one.value("since"),
        # Two who were in one township and brought no position do not contradict each other, whatever the hours.
        sa.or_(_R.township_code != one.value("township"), _R.check_in.is_not(None), one.value("placed")),
    )
    told = told.correlate(_SUBJECTS)
    named = sa.select(_C.record_id).where(one.among(_C.person_id, "people"), _C.objected_at.is_(None))
    theirs = told.where(_R.id.in_(named.correlate(_SUBJECTS)))
    found = sa.union(told.where(one.among(_R.person_id, "people")), theirs).subquery()
    return sa.select(found.c.id).order_by(found.c.started_at, found.c.id).limit(AROUND_MAX)


def _alike(one: _Asked) -> sa.Select[Any]:
    """The records of which a mark is the same and the sketch nearly so."""
    apart = bits_apart(_M.sketch, one.value("sketch"))
    sharing = sa.select(_M.record_id).where(one.among(_M.mark, "marks"), apart <= likeness.SKETCH_APART_MAX)
    found = sa.select(_R.id).where(
        _R.id != one.value("me"), _R.state != "draft", _R.id.in_(sharing.correlate(_SUBJECTS))
    )
    return found.correlate(_SUBJECTS).order_by(_R.started_at, _R.id).limit(ALIKE_MAX)
