"""What had to stay for an open assessment goes once it is done; what a withdrawn consent covered goes; files follow."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from models.identity import Consent, Person
from models.journal import DiscardedFile
from models.records import Photo, Record
from rules.policy import POINT_KEPT_DAYS
from service.core.jobs import Job
from service.core.unit import UnitOfWork
from service.me import erasure


def closed(uow: UnitOfWork) -> list[UUID]:
    """List closed accounts of which an assessment needed something that it needs no more."""
    still_named = sa.select(Person.id).where(Person.closed_at.is_not(None), Person.name != erasure.ERASED)
    people = uow.session.scalars(still_named.order_by(Person.id)).all()
    return [person for person in people if not erasure.open_years(uow, person)]


def forget(uow: UnitOfWork, person_id: UUID) -> None:
    """Remove what was left of a closed account (R-VISIT-8)."""
    person = uow.session.get_one(Person, person_id, with_for_update=True)
    changes = erasure.drop_locations(uow, person.id) + erasure.drop_photos(uow, person.id)
    if changes := changes + erasure.drop_name(uow, person):
        uow.record("person.forget", person, changes)


def withdrawn(uow: UnitOfWork) -> list[UUID]:
    """List people whose last word on location was a no and whose records still hold points that nobody needs."""
    word = sa.select(Consent.given).where(Consent.person_id == Person.id, Consent.purpose == "location")
    last = word.order_by(Consent.at.desc(), Consent.id.desc()).limit(1).scalar_subquery()
    located = sa.exists().where(Record.person_id == Person.id, erasure.holds_point())
    people = uow.session.scalars(sa.select(Person.id).where(located, last.is_(False)).order_by(Person.id)).all()
    return [person for person in people if erasure.free_points(uow, person)]


def drop(uow: UnitOfWork, person_id: UUID) -> None:
    """Remove the points of somebody who withdrew the consent (R-VISIT-8)."""
    person = uow.session.get_one(Person, person_id)
    if changes := erasure.drop_locations(uow, person_id):
        uow.record("person.forget", person, changes)


def outdated(uow: UnitOfWork) -> list[UUID]:
    """List people with points that were kept as long as they may be and that no open assessment needs."""
    old = sa.and_(erasure.holds_point(), Record.ended_at <= _kept_since(uow))
    people = uow.session.scalars(sa.select(Record.person_id).where(old).distinct().order_by(Record.person_id)).all()
    return [one for one in people if erasure.free_points(uow, one, _kept_since(uow))]


def _kept_since(uow: UnitOfWork) -> datetime:
    return uow.now - timedelta(days=POINT_KEPT_DAYS)


def drop_outdated(uow: UnitOfWork, person_id: UUID) -> None:
    """Remove the points of services that ended so long ago, to the second (quality.md bar 36)."""
    person = uow.session.get_one(Person, person_id)
    if changes := erasure.drop_locations(uow, person_id, _kept_since(uow)):
        uow.record("person.forget", person, changes)


def taken_back(uow: UnitOfWork) -> list[UUID]:
    """List people who took back their photos in WeChat and of whose photos until then some are needed no more."""
    mine = sa.and_(Consent.person_id == Photo.owner_id, Consent.purpose == "photos", Photo.created_at <= Consent.at)
    people = uow.session.scalars(sa.select(Photo.owner_id).join(Consent, mine).distinct().order_by(Photo.owner_id))
    return [one for one in people.all() if erasure.free_photos(uow, one, _last_word(uow, one, "photos"))]


def _last_word(uow: UnitOfWork, person: UUID, purpose: str) -> datetime | None:
    mine = sa.and_(Consent.person_id == person, Consent.purpose == purpose)
    return uow.session.scalar(sa.select(sa.func.max(Consent.at)).where(mine))


def drop_taken(uow: UnitOfWork, person_id: UUID) -> None:
    """Remove the photos that somebody took back; what they sent since stays (R-VISIT-8)."""
    person = uow.session.get_one(Person, person_id)
    if changes := erasure.drop_photos(uow, person_id, _last_word(uow, person_id, "photos")):
        uow.record("person.forget", person, changes)


def discarded(uow: UnitOfWork) -> Sequence[str]:
    """List the files that were given up."""
    return uow.session.scalars(sa.select(DiscardedFile.sha256).order_by(DiscardedFile.sha256)).all()


def remove(uow: UnitOfWork, sha256: str) -> None:
    """Remove a file unless somebody's photo still is, or again became, the same; a second time changes nothing."""
    here = sa.select(DiscardedFile).where(DiscardedFile.sha256 == sha256).with_for_update()
    if uow.session.scalar(here) is None:
        return  # somebody's new photo took it back
    used = sa.select(Photo.id).where(sa.or_(Photo.kept_sha256 == sha256, Photo.thumb_sha256 == sha256)).limit(1)
    if uow.session.scalar(used) is None:
        uow.ports.files.delete(sha256)
    mine = sa.delete(DiscardedFile).where(DiscardedFile.sha256 == sha256)
    uow.session.execute(mine.execution_options(synchronize_session=False))


JOBS = (
    Job("forget", 60, "考核办结后删除已注销账号的留存信息", closed, forget),
    Job("drop_locations", 60, "撤回同意后删除不再需要的定位", withdrawn, drop),
    Job("drop_old_locations", 3600, "删除保存期满的定位", outdated, drop_outdated),
    Job("drop_photos", 60, "考核办结后删除已撤回授权的照片", taken_back, drop_taken),
    Job("discard", 60, "删除不再被引用的照片文件", discarded, remove),
)
