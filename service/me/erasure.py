"""What an assessment still needs of a person's evidence, and the removal of everything else (R-VISIT-8)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment, Review, Sheet
from models.base import Base
from models.identity import Person
from models.journal import DiscardedFile
from models.records import Flag, Photo, PhotoMark, Record, RecordConflict, RecordPhoto, RecordVersion
from models.regions import Region
from rules.calendar import shanghai_date
from rules.flags import PHOTO, POINT_CODES
from service.core.unit import UnitOfWork

ERASED = "已注销用户"
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


def free_records(uow: UnitOfWork, person: UUID) -> Sequence[Record]:
    """List the person's records whose location and photos no open assessment needs, as long as they have any."""
    needed = set(open_years(uow, person))
    located = sa.or_(Record.check_in.is_not(None), Record.distance_m.is_not(None))
    versions = sa.exists().where(RecordVersion.record_id == Record.id, RecordVersion.check_in.is_not(None))
    pictured = sa.exists().where(RecordPhoto.record_id == Record.id)
    rows = uow.session.scalars(
        sa.select(Record).where(Record.person_id == person, sa.or_(located, versions, pictured)).order_by(Record.id)
    )
    return [row for row in rows if shanghai_date(row.started_at).year not in needed]


def drop_locations(uow: UnitOfWork, person: UUID, before: datetime | None = None) -> list[dict[str, Any]]:
    """Remove points, distances and what hints say of them from records that no open assessment needs.

    :param before: of services that ended by then; None: of all.
    """
    located = [row for row in free_records(uow, person) if row.check_in or row.distance_m is not None]
    rows = [row for row in located if before is None or row.ended_at <= before]
    for row in rows:
        values = {"check_in": None, "distance_m": None, "point_mark": None}
        _set(uow, Record, Record.id == row.id, version=row.version + 1, **values)
        _set(uow, RecordVersion, RecordVersion.record_id == row.id, check_in=None)
        told = sa.and_(Flag.code.in_(POINT_CODES), sa.or_(Flag.record_id == row.id, Flag.other_id == row.id))
        uow.session.execute(sa.delete(Flag).where(told).execution_options(**_QUIETLY))
    old = sa.true() if before is None else RecordConflict.created_at <= before
    _set(uow, RecordConflict, sa.and_(RecordConflict.person_id == person, old), located=None)
    return [{"thing": "record", "id": str(row.id), "fields": ["check_in", "distance_m", "flags"]} for row in rows]


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
    return [{"thing": "photo", "id": str(one.id), "from": "kept", "to": "removed"} for one in photos]


def drop_name(uow: UnitOfWork, person: Person) -> list[dict[str, Any]]:
    """Remove the name and what else tells who somebody was, unless an open assessment needs it."""
    if person.name == ERASED or open_years(uow, person.id):
        return []
    person.name, person.organisation_code = ERASED, None
    person.version += 1
    return [{"thing": "person", "id": str(person.id), "fields": ["name", "organisation"]}]


def _set(uow: UnitOfWork, model: type[Base], where: sa.ColumnElement[bool], **values: Any) -> None:
    uow.session.execute(sa.update(model).where(where).values(**values).execution_options(**_QUIETLY))
