"""Raise, renew and clear hints on records. What rests on other records is right whatever order they arrive in:

a record that comes is judged against its neighbours, and those neighbours that it touches are judged again.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import joinedload, selectinload

from models.base import new_id
from models.identity import Person
from models.pairings import Pairing
from models.records import Companion, Flag, Photo, PhotoMark, Record, RecordPhoto, TextMark
from models.regions import Region
from rules import flags as rules
from rules import geo, likeness
from rules import records as record_rules
from rules.calendar import shanghai_date
from rules.flags import Finding, Visit
from service.core import moves
from service.core.unit import UnitOfWork

RADIUS_M = 5_000
"""What counts as there for a township whose own radius is not known (practice)."""
AROUND_MAX = 30
"""Beside how many records of a few days presence is judged, the earliest first: a busy team's days hold far fewer."""
ALIKE_MAX, LATER_MAX = 60, 20
"""Of those who share a photo or a text the earliest are compared, and the next later ones judged again."""
Judged = tuple[Iterable[Finding], Collection[UUID]]
_MARK = sa.func.unnest(sa.bindparam("marks", type_=postgresql.ARRAY(sa.BigInteger))).column_valued("mark")
_TURN = sa.select(sa.func.pg_advisory_xact_lock(_MARK))
"""Waits for each mark in the order of the array, which is the same for all, so that nobody waits in a ring."""


def place_of(township: Region) -> geo.Place:
    """Give a township as positions are compared with it."""
    seat = None if township.lat is None or township.lon is None else geo.Point(township.lat, township.lon)
    return geo.Place(township.name, seat, township.radius_m or RADIUS_M)


def visit_of(row: Record) -> Visit:
    """Give as much of a record as comparing takes; a companion who objected was not there."""
    return Visit(
        row.id,
        row.person_id,
        frozenset(one.person_id for one in row.companions if one.objected_at is None),
        row.started_at,
        row.ended_at,
        row.form,
        row.township_code,
        place_of(row.township),
        _fix(row.check_in),
        row.done,
    )


def _fix(check_in: dict[str, Any] | None) -> geo.Fix | None:
    if check_in is None or check_in["source"] == "chosen" or not check_in["taken_at"]:
        return None
    point = geo.Point(**check_in["wgs84"])
    return geo.Fix(point, check_in["accuracy_m"], datetime.fromisoformat(check_in["taken_at"]))


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
        flag = Flag(
            id=new_id(),
            county_code=row.county_code,
            township_code=row.township_code,
            record_id=row.id,
            code=one.code,
            reason=one.reason,
            other_id=one.other,
            theirs=one.theirs,
        )
        row.flags.append(flag)
        moves.start(uow, flag)
    return fallen


def judge(uow: UnitOfWork, row: Record, *, fresh: bool = False) -> None:
    """Judge a record that was handed in or changed, and every neighbour that it touches.

    Whoever serves with the same people, or brings what may be a copy, waits for their turn, so that of two records
    that arrive together one sees the other.

    :param fresh: it was not there before, so that nothing rests on it yet.
    """
    visit = visit_of(row)
    people = sa.select(Person.id).where(Person.id.in_(visit.people)).order_by(Person.id)
    uow.session.execute(people.with_for_update(key_share=True))
    _take_turns(uow, likeness.text_marks(row.done), _photos_of(uow, row))
    _mark_text(uow, row, fresh=fresh)
    for kind in KINDS:
        _settle(uow, row, kind, fresh=fresh)


def _take_turns(uow: UnitOfWork, words: Iterable[int], photos: Iterable[Photo]) -> None:
    """Let those who bring the same words or photos judge them one after another, until their transactions end.

    Of two copies that arrive together neither would see the other's marks. SQLite has one writer anyway.
    """
    if uow.house.engine.dialect.name != "postgresql":
        return
    sought = {mark for one in photos if one.looks for mark in likeness.sought_marks(one.looks)}
    same = {int(one.sha256[:15], 16) for one in photos}
    if marks := sorted({*words, *sought, *same}):
        uow.session.execute(_TURN, {"marks": marks})


def photo_came(uow: UnitOfWork, photo: Photo) -> None:
    """Judge the records that named a photo before it arrived."""
    named = (
        sa.select(Record.id)
        .join(RecordPhoto, RecordPhoto.record_id == Record.id)
        .where(RecordPhoto.sha256 == photo.sha256, Record.person_id == photo.owner_id)
    )
    for row in _loaded(uow, uow.session.scalars(named.order_by(Record.id).limit(LATER_MAX)).all()):
        _settle(uow, row, PICTURES, fresh=False)


def presence_changed(uow: UnitOfWork, row: Record) -> None:
    """Judge again where people were: a companion said that they were not there."""
    _settle(uow, row, PRESENCE, fresh=False)


def mark_photo(uow: UnitOfWork, photo: Photo) -> None:
    """Keep the marks under which copies of a photo are found."""
    _take_turns(uow, (), [photo])
    marks = likeness.picture_marks(photo.looks) if photo.looks else ()
    if marks:
        rows = [{"mark": mark, "photo_id": photo.id, "county_code": photo.county_code} for mark in marks]
        uow.session.execute(sa.insert(PhotoMark), rows)


def _mark_text(uow: UnitOfWork, row: Record, *, fresh: bool) -> None:
    if not fresh:
        uow.session.execute(sa.delete(TextMark).where(TextMark.record_id == row.id))
    if marks := likeness.text_marks(row.done):
        rows = [{"mark": mark, "record_id": row.id, "county_code": row.county_code} for mark in marks]
        uow.session.execute(sa.insert(TextMark), rows)


@dataclass(frozen=True)
class _Kind:
    """Flags that are judged together: their codes, and what gives the findings and the neighbours that they touch."""

    codes: frozenset[str]
    judge: Callable[[UnitOfWork, Record], Judged]


def _settle(uow: UnitOfWork, row: Record, kind: _Kind, *, fresh: bool) -> None:
    """Judge one record, then those that it touches, then those whose flag rested on one that fell."""
    waiting, seen = [row], {row.id}
    while waiting:
        one = waiting.pop()
        found, near = kind.judge(uow, one)
        fallen = put(uow, one, kind.codes, found)
        touched = set(near) if one is row else set()
        if fallen or (one is row and not fresh):
            resting = sa.select(Flag.record_id).where(Flag.other_id == one.id, Flag.code.in_(kind.codes))
            touched |= set(uow.session.scalars(resting))
        waiting += _loaded(uow, touched - seen)
        seen |= touched


def _standing() -> sa.Select[Record]:
    """Start a query over records that were handed in, with all that comparing takes."""
    together = (joinedload(Record.township), selectinload(Record.companions), selectinload(Record.flags))
    return sa.select(Record).where(Record.state != "draft").options(*together)


def _loaded(uow: UnitOfWork, ids: Collection[UUID]) -> Sequence[Record]:
    return uow.session.scalars(_standing().where(Record.id.in_(ids)).order_by(Record.id)).all() if ids else ()


def last_day(pairing: Pairing) -> date:
    """Give the last Shanghai date on which a pairing is or was in force."""
    return min(pairing.ends_on, pairing.ended_on or pairing.ends_on)


def _judge_times(uow: UnitOfWork, row: Record) -> Judged:
    """Judge arrival and clock (R-VISIT-5); of the same device the record made next is judged by this one's clock."""
    hints = list(record_rules.judge_lateness(row.ended_at, row.received_at, last_day(row.pairing)))
    near: Sequence[UUID] = ()
    if row.device:
        mine = (Record.person_id == row.person_id, Record.device_id == row.device_id, Record.state != "draft")
        before = sa.select(Record.device).where(*mine, Record.device_seq < row.device_seq)
        device = uow.session.scalar(before.order_by(Record.device_seq.desc(), Record.id).limit(1))
        reading, earlier = _reading(row.device), _reading(device) if device else None
        hints += record_rules.judge_clock(reading, row.received_at, earlier, row.started_at)
        after = sa.select(Record.id).where(*mine, Record.device_seq > row.device_seq)
        near = uow.session.scalars(after.order_by(Record.device_seq, Record.id).limit(1)).all()
    return [Finding(*hint) for hint in hints], near


def _reading(device: dict[str, Any]) -> record_rules.Reading:
    return record_rules.Reading(datetime.fromisoformat(device["made_at"]), device["uptime_ms"])


def _judge_presence(uow: UnitOfWork, row: Record) -> Judged:
    """Judge whether the people of a record could be there, beside their other records around that time."""
    mine = visit_of(row)
    first, last = row.started_at - rules.NEAR, row.ended_at + rules.NEAR
    named = sa.select(Companion.record_id).where(Companion.person_id.in_(mine.people), Companion.objected_at.is_(None))
    around = _standing().where(
        sa.or_(Record.person_id.in_(mine.people), Record.id.in_(named)),
        Record.id != row.id,
        Record.started_at.between(first - record_rules.LONGEST, last),
        Record.ended_at >= first,
    )
    nearest = around.order_by(Record.started_at, Record.id).limit(AROUND_MAX)
    visits = [visit_of(one) for one in uow.session.scalars(nearest)]
    found = [one for other in visits for one in rules.judge_travel(mine, other)]
    return found, [other.id for other in visits if rules.judge_travel(other, mine)]


def _judge_same_fix(uow: UnitOfWork, row: Record) -> Judged:
    """Judge whether the position came back to the last digit on other days."""
    if row.point_mark is None:
        return (), ()
    same = sa.select(Record.id, Record.started_at).where(
        Record.person_id == row.person_id,
        Record.point_mark == row.point_mark,
        Record.id != row.id,
        Record.state != "draft",
    )
    others = uow.session.execute(same.order_by(Record.started_at, Record.id).limit(ALIKE_MAX)).all()
    days = {identity: shanghai_date(at) for identity, at in others}
    found = rules.judge_same_fix(shanghai_date(row.started_at), days) if days else ()
    bare = sa.select(Record.id).where(Record.id.in_(days), ~Record.flags.any(Flag.code == rules.SAME_FIX))
    return found, uow.session.scalars(bare).all() if found else ()


def _judge_text(uow: UnitOfWork, row: Record) -> Judged:
    """Judge whether the words are another record's, among those that share a mark."""
    marks = likeness.text_marks(row.done)
    if not marks:
        return (), ()
    sharing = sa.select(TextMark.record_id).where(TextMark.mark.in_(marks), TextMark.record_id != row.id)
    alike = _standing().where(Record.id.in_(sharing)).order_by(Record.started_at, Record.id).limit(ALIKE_MAX)
    mine, others = visit_of(row), {one.id: one for one in uow.session.scalars(alike)}
    visits = [visit_of(one) for one in others.values()]
    later = [
        other.id
        for other in visits
        if not any(flag.code == rules.TEXT for flag in others[other.id].flags) and rules.judge_text(other, [mine])
    ]
    return rules.judge_text(mine, visits), later[:LATER_MAX]


def _judge_photos(uow: UnitOfWork, row: Record) -> Judged:
    """Judge whether the photos were seen with another record: the same, or made from it."""
    photos = _photos_of(uow, row)
    seen = _alike(uow, photos)
    naming = (
        _standing()
        .join(RecordPhoto, RecordPhoto.record_id == Record.id)
        .where(
            sa.tuple_(Record.person_id, RecordPhoto.sha256).in_(list(seen)),
            Record.id != row.id,
        )
        .order_by(Record.started_at, Record.id)
        .limit(ALIKE_MAX)
    )
    mine = visit_of(row)
    copies = [
        rules.Copy(row.photos.index(sha256) + 1, how, visit_of(other))
        for other in (uow.session.scalars(naming).unique() if seen else ())
        for named in other.photos
        for sha256, how in seen.get((other.person_id, named), ())
    ]
    later = [one.other.id for one in copies if rules.judge_photos(one.other, [one._replace(other=mine)])]
    return rules.judge_photos(mine, copies), list(dict.fromkeys(later))[:LATER_MAX]


def _photos_of(uow: UnitOfWork, row: Record) -> Sequence[Photo]:
    if not row.photos:
        return ()
    mine = sa.select(Photo).where(Photo.owner_id == row.person_id, Photo.sha256.in_(row.photos))
    return uow.session.scalars(mine.order_by(Photo.id)).all()


def _alike(uow: UnitOfWork, photos: Sequence[Photo]) -> dict[tuple[UUID, str], list[tuple[str, str]]]:
    """Give, by owner and digest, the photos that are one of these or were made from one, each with which and how."""
    if not photos:
        return {}
    sought = {mark for one in photos if one.looks for mark in likeness.sought_marks(one.looks)}
    sharing = sa.select(PhotoMark.photo_id).where(PhotoMark.mark.in_(sought)).group_by(PhotoMark.photo_id)
    copies = sharing.having(sa.func.count() >= likeness.MARKS_SHARED_MIN)
    same = Photo.sha256.in_([one.sha256 for one in photos])
    found = uow.session.scalars(
        sa.select(Photo).where(sa.or_(same, Photo.id.in_(copies))).order_by(Photo.id).limit(ALIKE_MAX * 9)
    )
    seen: dict[tuple[UUID, str], list[tuple[str, str]]] = {}
    for other in found:
        for one in photos:
            how = _made_from(one, other)
            if how is not None:
                seen.setdefault((other.owner_id, other.sha256), []).append((one.sha256, how))
    return seen


def _made_from(one: Photo, other: Photo) -> str | None:
    if one.sha256 == other.sha256:
        return ""
    return likeness.picture_alike(one.looks, other.looks) if one.looks and other.looks else None


TIMES = _Kind(frozenset({record_rules.LATE, record_rules.CLOCK}), _judge_times)
PRESENCE = _Kind(frozenset({rules.TRAVEL, rules.COMPANION}), _judge_presence)
SAME_FIX = _Kind(frozenset({rules.SAME_FIX}), _judge_same_fix)
PICTURES = _Kind(frozenset({rules.PHOTO}), _judge_photos)
WORDS = _Kind(frozenset({rules.TEXT}), _judge_text)
KINDS = (TIMES, PRESENCE, SAME_FIX, PICTURES, WORDS)
