"""Raise, renew and clear hints on records. What rests on other records is right whatever order they arrive in:

a record that comes is judged against its neighbours, and those neighbours that it touches are judged again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import joinedload, selectinload

from models.base import new_id
from models.identity import Person
from models.records import Flag, Photo, PhotoMark, Record, RecordPhoto, TextMark
from rules import likeness
from rules.flags import Finding
from service.core import moves
from service.core.prepared import Prepared, among
from service.core.unit import UnitOfWork
from service.records import neighbours
from service.records.neighbours import KINDS, LATER_MAX, PICTURES, PRESENCE, Kind, Subject, photos_of, subject_of

_PEOPLE = Person.__table__.c
_SERVERS = (
    sa.select(_PEOPLE.id)
    .where(among(_PEOPLE.id, "people"))
    .order_by(_PEOPLE.id)
    .with_for_update(key_share=True)
    .cte("servers")
    .prefix_with("MATERIALIZED")
)
_MARKS = (
    sa.func.unnest(sa.bindparam("marks", type_=postgresql.ARRAY(sa.BigInteger))).table_valued("mark").render_derived()
)
_LOOK_UP = [sa.func.set_config(f"enable_{way}", "off", True).label(way) for way in ("seqscan", "hashjoin", "mergejoin")]
_HELD = sa.select(sa.func.count().label("many"), *_LOOK_UP).select_from(_SERVERS).subquery()
_TURN = Prepared(
    sa.select(*_HELD.c, sa.func.pg_advisory_xact_lock(_MARKS.c.mark)).select_from(_HELD).outerjoin(_MARKS, sa.true())
)
"""Waits for the people, then for each mark, in an order that is the same for all, so that nobody waits in a ring; and
says that what follows looks single rows up by their indexes. A plan stays as long as its connection, and one that was
made while the tables were empty would read them whole ever after."""


def put(uow: UnitOfWork, row: Record, codes: Collection[str], found: Iterable[Finding]) -> bool:
    """Make the open flags of these codes what was found now; what a person cleared stays cleared. Says if any fell."""
    wanted = {(one.code, one.reason, one.other): one for one in found}
    fallen = False
    for flag in [one for one in row.flags if one.code in codes]:
        if wanted.pop((flag.code, flag.reason, flag.other_id), None) is None and flag.state == "open":
            row.flags.remove(flag)
            fallen = True
            uow.record("flag.lapse", flag, [{"thing": "flag", "id": str(flag.id), "from": "open", "to": None}])
    for one in wanted.values():
        flag = Flag(**values_of(row, one))
        row.flags.append(flag)
        moves.start(uow, flag)
    return fallen


def values_of(row: Record, found: Finding) -> dict[str, Any]:
    """Give a finding as the columns of a flag of its record, but for its state."""
    return {
        "id": new_id(),
        "county_code": row.county_code,
        "township_code": row.township_code,
        "record_id": row.id,
        "code": found.code,
        "reason": found.reason,
        "other_id": found.other,
        "theirs": found.theirs,
        "cleared_by": None,
    }


def judge(uow: UnitOfWork, row: Record, *, fresh: bool = False) -> None:
    """Judge a record that was handed in or changed, and every neighbour that it touches.

    :param fresh: it was not there before, so that nothing rests on it yet.
    """
    subject = subject_of(row)
    take_turns(uow, [subject])
    if not fresh:
        uow.session.execute(sa.delete(TextMark).where(TextMark.record_id == row.id))
    mark_texts(uow, [subject])
    for kind in KINDS:
        _settle_from(uow, row, kind, fresh=fresh)


Touched = Mapping[Kind, Collection[UUID]]


def judge_fresh(uow: UnitOfWork, subjects: Sequence[Subject]) -> list[tuple[list[Finding], Touched]]:
    """Give for records that came just now what is found of each, and by kind the neighbours that it touches."""
    told: list[tuple[list[Finding], Touched]] = []
    for one, beside in zip(subjects, neighbours.near(uow, subjects), strict=True):
        judged = {kind: kind.judge(uow, one, beside) for kind in KINDS}
        found = [each for findings, _ in judged.values() for each in findings]
        told.append((found, {kind: touched for kind, (_, touched) in judged.items()}))
    return told


def judge_again(uow: UnitOfWork, touched: Touched, judged: Collection[UUID]) -> None:
    """Judge neighbours again that a record touches which came just now; those judged are right already."""
    for kind, near in touched.items():
        _settle(uow, kind, _loaded(uow, set(near) - set(judged)), set(judged))


def take_turns(uow: UnitOfWork, subjects: Sequence[Subject]) -> None:
    """Let whoever serves with the same people, or brings what may be a copy, wait until their transactions end.

    Of two records that arrive together neither would see the other. SQLite has one writer anyway.
    """
    if uow.house.engine.dialect.name != "postgresql":
        return
    people = {person for one in subjects for person in one.visit.people}
    words = {mark for one in subjects for mark in one.look.marks}
    _take_turn(uow, people, words, [photo for one in subjects for photo in photos_of(uow, one)])


def _take_turn(uow: UnitOfWork, people: Collection[UUID], words: Collection[int], photos: Sequence[Photo]) -> None:
    if uow.house.engine.dialect.name != "postgresql":
        return
    sought = {mark for one in photos if one.looks for mark in likeness.sought_marks(one.looks)}
    same = {int(one.sha256[:15], 16) for one in photos}
    uow.rows(_TURN, people=sorted(people), marks=sorted({*words, *sought, *same}))


def mark_texts(uow: UnitOfWork, subjects: Sequence[Subject]) -> None:
    """Keep the marks under which copies of what was said are found."""
    rows = [
        {"mark": mark, "record_id": one.visit.id, "county_code": one.county_code, "sketch": one.look.sketch}
        for one in subjects
        for mark in one.look.marks
    ]
    uow.insert(TextMark, rows)


def photo_came(uow: UnitOfWork, photo: Photo) -> None:
    """Judge the records that named a photo before it arrived."""
    named = (
        sa.select(Record.id)
        .join(RecordPhoto, RecordPhoto.record_id == Record.id)
        .where(RecordPhoto.sha256 == photo.sha256, Record.person_id == photo.owner_id)
    )
    for row in _loaded(uow, uow.session.scalars(named.order_by(Record.id).limit(LATER_MAX)).all()):
        _settle_from(uow, row, PICTURES)


def presence_changed(uow: UnitOfWork, row: Record) -> None:
    """Judge again where people were: a companion said that they were not there."""
    _settle_from(uow, row, PRESENCE)


def mark_photo(uow: UnitOfWork, photo: Photo) -> None:
    """Keep the marks under which copies of a photo are found."""
    _take_turn(uow, (), (), [photo])
    marks = likeness.picture_marks(photo.looks) if photo.looks else ()
    uow.session.flush()
    rows = [{"mark": mark, "photo_id": photo.id, "county_code": photo.county_code} for mark in marks]
    uow.insert(PhotoMark, rows)


def _settle_from(uow: UnitOfWork, row: Record, kind: Kind, *, fresh: bool = False) -> None:
    """Judge a record, then all that it touches or that rested on it."""
    found, near = _judged(uow, row, kind)
    put(uow, row, kind.codes, found)
    touched = set(near) | (set() if fresh else _resting(uow, row, kind))
    _settle(uow, kind, _loaded(uow, touched - {row.id}), {row.id})


def _settle(uow: UnitOfWork, kind: Kind, rows: Sequence[Record], seen: set[UUID]) -> None:
    """Judge records, then those whose flag rested on one that fell."""
    waiting = list(rows)
    seen |= {row.id for row in rows}
    while waiting:
        one = waiting.pop()
        if put(uow, one, kind.codes, _judged(uow, one, kind)[0]):
            resting = _resting(uow, one, kind)
            waiting += _loaded(uow, resting - seen)
            seen |= resting


def _judged(uow: UnitOfWork, row: Record, kind: Kind) -> neighbours.Judged:
    one = subject_of(row)
    return kind.judge(uow, one, neighbours.near(uow, [one])[0])


def _resting(uow: UnitOfWork, row: Record, kind: Kind) -> set[UUID]:
    """Give the records with a flag of this kind that rests on one."""
    resting = sa.select(Flag.record_id).where(Flag.other_id == row.id, Flag.code.in_(kind.codes))
    return set(uow.session.scalars(resting))


def _loaded(uow: UnitOfWork, ids: Collection[UUID]) -> Sequence[Record]:
    if not ids:
        return ()
    together = (joinedload(Record.township), joinedload(Record.pairing))
    parts = (selectinload(Record.companions), selectinload(Record.flags))
    standing = sa.select(Record).where(Record.state != "draft", Record.id.in_(ids)).options(*together, *parts)
    return uow.session.scalars(standing.order_by(Record.id)).all()
