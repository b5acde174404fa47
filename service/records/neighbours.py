"""What a record is compared with, and what comes of it: for each kind of flag the findings, and whom they touch.

Comparing reads tables alone: a phone that comes home brings fifty records, and each may lie beside thirty others.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.records import Flag, Photo, PhotoMark, Record, RecordPhoto
from rules import flags as rules
from rules import geo, likeness
from rules import records as record_rules
from rules.calendar import shanghai_date
from rules.flags import Finding, Visit
from rules.needs import Form
from service.core.unit import UnitOfWork
from service.records import questions

RADIUS_M = 5_000
"""What counts as there for a township whose own radius is not known (practice)."""
ALIKE_MAX, LATER_MAX = 60, 20
"""Of those who share a photo the earliest are compared, and as with a text the next later ones judged again."""
Judged = tuple[Iterable[Finding], Collection[UUID]]


@dataclass(frozen=True)
class Subject:
    """A record as it is judged: as a visit, and what else flags rest on. `last_day` is its pairing's, in Shanghai."""

    visit: Visit
    county_code: str
    received_at: datetime
    last_day: date
    device: dict[str, Any] | None
    point_mark: str | None
    photos: Sequence[str]
    look: likeness.TextLook


def subject_of(row: Record) -> Subject:
    """Give a record as it is judged."""
    return subject(row, visit_of(row), last_day(row.pairing))


def subject(row: Any, as_visit: Visit, last: date) -> Subject:
    """Give a record as it is judged, where the rest is known."""
    look = likeness.look_of_text(row.done)
    return Subject(as_visit, row.county_code, row.received_at, last, row.device, row.point_mark, row.photos, look)


def last_day(pairing: Any) -> date:
    """Give the last Shanghai date on which a pairing is or was in force."""
    ends: date = min(pairing.ends_on, pairing.ended_on or pairing.ends_on)
    return ends


def place_of(township: Any) -> geo.Place:
    """Give a township as positions are compared with it."""
    seat = None if township.lat is None or township.lon is None else geo.Point(township.lat, township.lon)
    return geo.Place(township.name, seat, township.radius_m or RADIUS_M)


def visit_of(row: Record) -> Visit:
    """Give as much of a record as comparing takes; a companion who objected was not there."""
    there = frozenset(one.person_id for one in row.companions if one.objected_at is None)
    return visit(row, there, place_of(row.township))


def visit(row: Any, companions: frozenset[UUID], place: geo.Place) -> Visit:
    """Give as much of a record as comparing takes, where its companions and its place are known."""
    return Visit(
        row.id,
        row.person_id,
        companions,
        row.started_at,
        row.ended_at,
        row.form,
        row.township_code,
        place,
        _fix(row.check_in),
        row.done,
    )


def _fix(check_in: dict[str, Any] | None) -> geo.Fix | None:
    if check_in is None or check_in["source"] == "chosen" or not check_in["taken_at"]:
        return None
    point = geo.Point(**check_in["wgs84"])
    return geo.Fix(point, check_in["accuracy_m"], datetime.fromisoformat(check_in["taken_at"]))


# ---- what lies near ----


@dataclass
class Near:
    """What a record is compared with: what its device made before and after, who served around, who wrote alike."""

    before: record_rules.Reading | None = None
    after: tuple[UUID, record_rules.Reading] | None = None
    around: list[Visit] = field(default_factory=list)
    alike: list[Visit] = field(default_factory=list)
    copies: set[UUID] = field(default_factory=set)
    """Those of them whose words are flagged as a copy's already."""


def near(uow: UnitOfWork, subjects: Sequence[Subject]) -> list[Near]:
    """Give for each subject the records that it is compared with."""
    found = [Near() for _ in subjects]
    told: dict[tuple[int, int, UUID], tuple[Any, list[UUID]]] = {}
    # What waits to be put in is, of a single one, its own.
    for turn, row in questions.rows(uow, [_said(one) for one in subjects], unseen=len(subjects) == 1):
        _, companions = told.setdefault((turn, row.how, row.id), (row, []))
        if row.companion is not None:
            companions.append(row.companion)
    for (turn, how, _), (row, companions) in told.items():
        one = found[turn]
        if how == questions.BEFORE:
            one.before = _reading(row.device)
        elif how == questions.AFTER:
            one.after = (row.id, _reading(row.device))
        else:
            there = visit(row, frozenset(companions), place_of(row))
            (one.around if how == questions.AROUND else one.alike).append(there)
            one.copies |= {row.id} if row.copied else set()
    return found


def _reading(device: Mapping[str, Any]) -> record_rules.Reading:
    return record_rules.Reading(datetime.fromisoformat(device["made_at"]), device["uptime_ms"])


def _said(one: Subject) -> dict[str, Any]:
    """Give what is asked about a subject; where a kind of flag cannot be raised, something that nothing answers."""
    mine, device = one.visit, one.device or {"id": None, "seq": None}
    return {
        "me": mine.id,
        "person": mine.person,
        "device": device["id"],
        "seq": device["seq"],
        "people": list(mine.people) if mine.form == Form.ON_SITE else [],
        "first": mine.started_at - rules.NEAR - record_rules.LONGEST,
        "last": mine.ended_at + rules.NEAR,
        "since": mine.started_at - rules.NEAR,
        "township": mine.township,
        "placed": mine.fix is not None,
        "sketch": one.look.sketch,
        "marks": one.look.marks,
    }


# ---- what comes of it ----


def _judge_times(_uow: UnitOfWork, one: Subject, beside: Near) -> Judged:
    """Judge arrival and clock (R-VISIT-5); of the same device the record made next is judged by this one's clock."""
    hints = list(record_rules.judge_lateness(one.visit.ended_at, one.received_at, one.last_day))
    if one.device:
        hints += record_rules.judge_clock(_reading(one.device), one.received_at, beside.before, one.visit.started_at)
    rests = beside.after is not None and beside.after[1].uptime_ms is not None  # without it on nothing before
    return [Finding(*hint) for hint in hints], [beside.after[0]] if beside.after and rests else ()


def _judge_presence(_uow: UnitOfWork, one: Subject, beside: Near) -> Judged:
    """Judge whether the people of a record could be there, beside their other records around that time."""
    found = [finding for other in beside.around for finding in rules.judge_travel(one.visit, other)]
    return found, [other.id for other in beside.around if rules.judge_travel(other, one.visit)]


def _judge_same_fix(uow: UnitOfWork, one: Subject, _beside: Near) -> Judged:
    """Judge whether the position came back to the last digit on other days."""
    if one.point_mark is None:
        return (), ()
    same = sa.select(Record.id, Record.started_at).where(
        Record.person_id == one.visit.person,
        Record.point_mark == one.point_mark,
        Record.id != one.visit.id,
        Record.state != "draft",
    )
    others = uow.session.execute(same.order_by(Record.started_at, Record.id).limit(ALIKE_MAX)).all()
    days = {identity: shanghai_date(at) for identity, at in others}
    found = rules.judge_same_fix(shanghai_date(one.visit.started_at), days) if days else ()
    bare = sa.select(Record.id).where(Record.id.in_(days), ~Record.flags.any(Flag.code == rules.SAME_FIX))
    return found, uow.session.scalars(bare).all() if found else ()


def _judge_text(_uow: UnitOfWork, one: Subject, beside: Near) -> Judged:
    """Judge whether the words are another record's, among those that share a mark and look the same."""
    mine, bare = one.visit, [other for other in beside.alike if other.id not in beside.copies]
    later = [other.id for other in bare if rules.judge_text(other, [mine])]
    return rules.judge_text(mine, beside.alike), later[:LATER_MAX]


def _judge_photos(uow: UnitOfWork, one: Subject, _beside: Near) -> Judged:
    """Judge whether the photos were seen with another record: the same, or made from it."""
    mine, seen = one.visit, _copies(uow, photos_of(uow, one))
    if not seen:
        return (), ()
    naming = (
        sa.select(Record)
        .join(RecordPhoto, RecordPhoto.record_id == Record.id)
        .where(
            sa.tuple_(Record.person_id, RecordPhoto.sha256).in_(list(seen)),
            Record.id != mine.id,
            Record.state != "draft",
        )
        .order_by(Record.started_at, Record.id)
        .limit(ALIKE_MAX)
    )
    copies = [
        rules.Copy(one.photos.index(sha256) + 1, how, visit_of(other))
        for other in uow.session.scalars(naming).unique()
        for named in other.photos
        for sha256, how in seen.get((other.person_id, named), ())
    ]
    later = [copy.other.id for copy in copies if rules.judge_photos(copy.other, [copy._replace(other=mine)])]
    return rules.judge_photos(mine, copies), list(dict.fromkeys(later))[:LATER_MAX]


def photos_of(uow: UnitOfWork, one: Subject) -> Sequence[Photo]:
    """Give those photos of a record that have arrived."""
    if not one.photos:
        return ()
    mine = sa.select(Photo).where(Photo.owner_id == one.visit.person, Photo.sha256.in_(one.photos))
    return uow.session.scalars(mine.order_by(Photo.id)).all()


def _copies(uow: UnitOfWork, photos: Sequence[Photo]) -> dict[tuple[UUID, str], list[tuple[str, str]]]:
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


@dataclass(frozen=True)
class Kind:
    """Flags that are judged together: their codes, and what gives the findings and the neighbours that they touch."""

    codes: frozenset[str]
    judge: Callable[[UnitOfWork, Subject, Near], Judged]


TIMES = Kind(frozenset({record_rules.LATE, record_rules.CLOCK}), _judge_times)
PRESENCE = Kind(frozenset({rules.TRAVEL, rules.COMPANION}), _judge_presence)
SAME_FIX = Kind(frozenset({rules.SAME_FIX}), _judge_same_fix)
PICTURES = Kind(frozenset({rules.PHOTO}), _judge_photos)
WORDS = Kind(frozenset({rules.TEXT}), _judge_text)
KINDS = (TIMES, PRESENCE, SAME_FIX, PICTURES, WORDS)
