"""Chunks of photos that nobody finished are given up, and what is left of an upload that ended is removed."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from models.records import PhotoUpload
from service.core.jobs import Job
from service.core.unit import UnitOfWork
from service.records.uploads import KEPT

BATCH = 500
_QUIETLY = {"synchronize_session": False}


def overdue(uow: UnitOfWork) -> Sequence[UUID]:
    """List the uploads that were begun too long ago."""
    old = sa.and_(PhotoUpload.ended_at.is_(None), PhotoUpload.created_at <= uow.now - KEPT)
    return uow.session.scalars(sa.select(PhotoUpload.id).where(old).order_by(PhotoUpload.id).limit(BATCH)).all()


def expire(uow: UnitOfWork, upload_id: UUID) -> None:
    """End an upload that is overdue; nobody's doing, so the journal does not hear of it."""
    mine = sa.and_(PhotoUpload.id == upload_id, PhotoUpload.ended_at.is_(None))
    uow.session.execute(sa.update(PhotoUpload).where(mine).values(ended_at=uow.now).execution_options(**_QUIETLY))


def ended(uow: UnitOfWork) -> Sequence[UUID]:
    """List the uploads that ended."""
    gone = PhotoUpload.ended_at.is_not(None)
    return uow.session.scalars(sa.select(PhotoUpload.id).where(gone).order_by(PhotoUpload.id).limit(BATCH)).all()


def remove(uow: UnitOfWork, upload_id: UUID) -> None:
    """Remove an ended upload's chunks, then the upload; a second time changes nothing."""
    uow.ports.files.drop_parts(upload_id)
    mine = sa.delete(PhotoUpload).where(PhotoUpload.id == upload_id)
    uow.session.execute(mine.execution_options(**_QUIETLY))


JOBS = (
    Job("expire_uploads", 3600, "作废逾期未传完的照片分块", overdue, expire),
    Job("drop_uploads", 60, "删除已结束的照片分块", ended, remove),
)
