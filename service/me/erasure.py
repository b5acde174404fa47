"""What an assessment still needs of a person's evidence, and the removal of everything else (R-VISIT-8)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment, Review, Sheet
from models.base import Base
from models.identity import Person
from models.journal import DiscardedFile
from models.records import (
    Companion,
    Flag,
    Photo,
    PhotoMark,
    PhotoUpload,
    Record,
    RecordConflict,
    RecordPhoto,
    RecordVersion,
)
from models.regions import Region
from rules.calendar import shanghai_date
from rules.evidence import Source
from rules.flags import PHOTO, POINT_CODES
from service.core import moves, replies
from service.core.unit import UnitOfWork
from service.me import mentions, reasons
from service.sites import commands as sites

ERASED = "已注销用户"
REMOVED = "定位已按您的撤回、注销或保存期满删除。"
_QUIETLY = {"synchronize_session": False}


def open_years(uow: UnitOfWork, person: UUID) -> list[int]:
    """Give the years whose assessment of this person is not done: not confirmed, or under review or appeal."""
    contested = sa.exists().where(Review.sheet_id == Sheet.id, Review.state.in_(("open", "appealed")))
    mine = (
        sa.select(Assessment.year)
        .join(Sheet, Sheet.assessment_id == Assessment.id)
        .where(Sheet.person_id == person, sa.or_(Assessment.state != "confirmed", contested))
    )
    return sorted(set(uow.session.scalars(mine)) | {year for _, year in _begun(uow) if year in _served(uow, person)})


def _begun(uow: UnitOfWork) -> set[tuple[str, int]]:
    rows = uow.session.execute(sa.select(Assessment.county_code, Assessment.year).where(Assessment.state == "open"))
    return {(county, year) for county, year in rows}


def _served(uow: UnitOfWork, person: UUID) -> dict[int, set[str]]:
    """Give the years in which the person served, with the counties that assess them."""
    rows = uow.session.execute(
        sa.select(Record.started_at, Record.county_code, Region.managing_county_code)
        .join(Region, Region.code == Record.township_code)
        .where(Record.person_id == person)
    )
    found: dict[int, set[str]] = {}
    for at, county, managing in rows:
        found.setdefault(shanghai_date(at).year, set()).update({county, managing or county})
    return found


def holds_point() -> sa.ColumnElement[bool]:
    """Give the condition under which a record holds a point, in the version that stands or in an earlier one."""
    earlier = sa.exists().where(RecordVersion.record_id == Record.id, RecordVersion.check_in.is_not(None))
    return sa.or_(Record.check_in.is_not(None), Record.distance_m.is_not(None), earlier)


def _free(uow: UnitOfWork, person: UUID, holding: sa.ColumnElement[bool]) -> Sequence[Record]:
    """List those of the person's records that no open assessment needs."""
    needed = set(open_years(uow, person))
    rows = uow.session.scalars(sa.select(Record).where(Record.person_id == person, holding).order_by(Record.id))
    return [row for row in rows if shanghai_date(row.started_at).year not in needed]


def free_records(uow: UnitOfWork, person: UUID) -> Sequence[Record]:
    """List the person's records whose location and photos no open assessment needs, as long as they have any."""
    pictured = sa.exists().where(RecordPhoto.record_id == Record.id)
    return _free(uow, person, sa.or_(holds_point(), pictured))


def free_points(uow: UnitOfWork, person: UUID, before: datetime | None = None) -> Sequence[Record]:
    """List the person's records whose location no open assessment needs, as long as they have any.

    :param before: of services that ended by then; None: of all.
    """
    return [row for row in _free(uow, person, holds_point()) if before is None or row.ended_at <= before]


def drop_locations(uow: UnitOfWork, person: UUID, before: datetime | None = None) -> list[dict[str, Any]]:
    """Remove points, distances, what hints and sites say of them, and what earlier answers showed, from records that
    no open assessment needs.

    :param before: of services that ended by then; None: of all.
    """
    rows = free_points(uow, person, before)
    for row in rows:
        values = {"check_in": None, "distance_m": None, "point_mark": None}
        _set(uow, Record, Record.id == row.id, version=row.version + 1, **values)
        _set(uow, RecordVersion, RecordVersion.record_id == row.id, check_in=None)
        told = sa.and_(Flag.code.in_(POINT_CODES), sa.or_(Flag.record_id == row.id, Flag.other_id == row.id))
        uow.session.execute(sa.delete(Flag).where(told).execution_options(**_QUIETLY))
    old = sa.true() if before is None else RecordConflict.created_at <= before
    _set(uow, RecordConflict, sa.and_(RecordConflict.person_id == person, old), located=None)
    _redact_answers(uow, person, {str(row.id) for row in rows})
    found = [{"thing": "record", "id": str(row.id), "fields": ["check_in", "distance_m", "flags"]} for row in rows]
    return found + sites.forget_visits(uow, [row.id for row in rows])


def _redact_answers(uow: UnitOfWork, person: UUID, records: Collection[str]) -> None:
    """Take the points out of the answers that are kept for whoever sends the same again (R-VISIT-5)."""
    for reply in replies.all_of(uow, person) if records else ():
        shown = replies.body_of(uow, reply)
        if isinstance(shown, dict) and shown.get("id") in records and shown.get("check_in"):
            shown |= {"check_in": None, "distance_m": None, "notices": [REMOVED]}
            shown["flags"] = [flag for flag in shown.get("flags") or () if flag["code"] not in POINT_CODES]
            shown["evidence"] = [one for one in shown.get("evidence") or () if one["source"] != Source.CHECK_IN]
            replies.rewrite(uow, reply, shown)


def free_photos(uow: UnitOfWork, person: UUID, before: datetime | None = None) -> Sequence[Photo]:
    """List the person's photos that no record of an open assessment names.

    :param before: those that came until then; None: all.
    """
    free = [row.id for row in free_records(uow, person)]
    named = sa.select(RecordPhoto.sha256).join(Record, Record.id == RecordPhoto.record_id)
    needed = named.where(Record.person_id == person, Record.id.not_in(free))
    old = sa.true() if before is None else Photo.created_at <= before
    mine = sa.select(Photo).where(Photo.owner_id == person, old, Photo.sha256.not_in(needed))
    return uow.session.scalars(mine.order_by(Photo.id)).all()


def drop_photos(uow: UnitOfWork, person: UUID, before: datetime | None = None) -> list[dict[str, Any]]:
    """Remove the person's free photos, and what names them; their files go once nobody has them.

    :param before: those that came until then; None: all, also names whose photo never came.
    """
    photos = free_photos(uow, person, before)
    gone = {one.sha256 for one in photos}
    going = sa.true() if before is None else RecordPhoto.sha256.in_(gone)
    for row in free_records(uow, person):
        naming = sa.delete(RecordPhoto).where(RecordPhoto.record_id == row.id, going)
        uow.session.execute(naming.execution_options(**_QUIETLY))
        seen = sa.and_(Flag.code == PHOTO, sa.or_(Flag.record_id == row.id, Flag.other_id == row.id))
        if before is None or gone & set(row.photos):
            uow.session.execute(sa.delete(Flag).where(seen).execution_options(**_QUIETLY))
    for sha256 in sorted({one for photo in photos for one in (photo.kept_sha256, photo.thumb_sha256)}):
        if uow.session.get(DiscardedFile, sha256) is None:
            uow.session.execute(sa.insert(DiscardedFile).values(sha256=sha256, at=uow.now))
    marks = PhotoMark.photo_id.in_([one.id for one in photos])
    uow.session.execute(sa.delete(PhotoMark).where(marks).execution_options(**_QUIETLY))
    uow.session.execute(sa.delete(Photo).where(Photo.id.in_([one.id for one in photos])).execution_options(**_QUIETLY))
    gone_photos = [{"thing": "photo", "id": str(one.id), "from": "kept", "to": "removed"} for one in photos]
    return gone_photos + _end_uploads(uow, person, before)


def _end_uploads(uow: UnitOfWork, person: UUID, before: datetime | None) -> list[dict[str, Any]]:
    """End the person's photos that are under way; no assessment needs them, and their chunks go by a job."""
    old = sa.true() if before is None else PhotoUpload.created_at <= before
    mine = sa.and_(PhotoUpload.owner_id == person, PhotoUpload.ended_at.is_(None), old)
    uploads = uow.session.scalars(sa.select(PhotoUpload.id).where(mine).order_by(PhotoUpload.id)).all()
    _set(uow, PhotoUpload, PhotoUpload.id.in_(uploads), ended_at=uow.now)
    return [{"thing": "photo_upload", "id": str(one), "from": "open", "to": "given_up"} for one in uploads]


def drop_unsent(uow: UnitOfWork, person: UUID, reason: str) -> list[dict[str, Any]]:
    """Remove what was never handed in: drafts, and contents that came second and were not kept.

    Of the latter the place in their device's sequence stays, so that no gap opens there (R-VISIT-6).
    """
    rivals = sa.select(RecordConflict).where(RecordConflict.person_id == person).order_by(RecordConflict.id)
    for rival in uow.session.scalars(rivals.with_for_update()).all():
        if rival.state == "open":
            moves.apply(uow, rival, "discard", reason, record=str(rival.record_id))
        rival.content, rival.located = {"device": rival.content.get("device")}, None
    uow.session.flush()
    unsent = sa.select(Record.id).where(Record.person_id == person, Record.state == "draft")
    drafts = uow.session.scalars(unsent.order_by(Record.id)).all()
    parts: tuple[Any, ...] = (Flag, Companion, RecordPhoto, RecordConflict)
    for table in parts:
        uow.session.execute(sa.delete(table).where(table.record_id.in_(drafts)).execution_options(**_QUIETLY))
    uow.session.execute(sa.delete(Record).where(Record.id.in_(drafts)).execution_options(**_QUIETLY))
    objected = sa.and_(Companion.person_id == person, Companion.objection.is_not(None))
    _set(uow, Companion, objected, objection=None)
    return [{"thing": "record", "id": str(one), "from": "draft", "to": "removed"} for one in drafts]


def drop_name(uow: UnitOfWork, person: Person) -> list[dict[str, Any]]:
    """Remove the name and what else tells who somebody was, unless an open assessment needs it."""
    if person.name == ERASED or open_years(uow, person.id):
        return []
    mentions.replace(uow, person, ERASED)
    told = reasons.replace(uow, person, ERASED)
    person.name, person.organisation_code = ERASED, None
    person.version += 1
    return [{"thing": "person", "id": str(person.id), "fields": ["name", "organisation"]}, *told]


def _set(uow: UnitOfWork, model: type[Base], where: sa.ColumnElement[bool], **values: Any) -> None:
    uow.session.execute(sa.update(model).where(where).values(**values).execution_options(**_QUIETLY))
