"""What only has to be kept for a while is removed: answers, tries, ended sessions, seen pushes, the book of runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from models.base import Base
from models.callbacks import Callback, CallbackNonce
from models.identity import Attempt, Brake, ConsoleCode, ConsoleScan, Session
from models.journal import JobRun, Reply
from models.notifications import Accept
from models.records import PhotoUpload
from rules.policy import (
    ACCEPT_KEPT_DAYS,
    CALLBACK_KEPT_DAYS,
    CALLBACK_NONCE_MINUTES,
    REPLY_DAYS,
    RUN_KEPT_DAYS,
    SESSION_KEPT_DAYS,
)
from service.core.jobs import Job
from service.core.unit import UnitOfWork
from service.operations import contents

Old = Callable[[datetime], sa.ColumnElement[bool]]


def _old_session(now: datetime) -> sa.ColumnElement[bool]:
    before = now - timedelta(days=SESSION_KEPT_DAYS)
    return sa.or_(Session.ended_at < before, Session.expires_at < before)


_NONCES_KEPT = timedelta(minutes=CALLBACK_NONCE_MINUTES)
OLD: dict[str, tuple[type[Base], Old]] = {
    "replies": (Reply, lambda now: Reply.at < now - timedelta(days=REPLY_DAYS)),
    "sessions": (Session, _old_session),
    "attempts": (Attempt, lambda _now: Attempt.window_start < datetime.now(UTC) - timedelta(days=1)),
    "callbacks": (Callback, lambda now: Callback.arrived_at < now - timedelta(days=CALLBACK_KEPT_DAYS)),
    "nonces": (CallbackNonce, lambda _now: CallbackNonce.at < datetime.now(UTC) - _NONCES_KEPT),
    "accepts": (Accept, lambda now: Accept.at < now - timedelta(days=ACCEPT_KEPT_DAYS)),
    "brakes": (Brake, lambda _now: Brake.next_at < datetime.now(UTC) - timedelta(days=1)),
    "scans": (ConsoleScan, lambda now: ConsoleScan.expires_at < now - timedelta(hours=1)),
    "codes": (ConsoleCode, lambda now: ConsoleCode.expires_at < now - timedelta(days=1)),
    "runs": (JobRun, lambda now: JobRun.slot < now - timedelta(days=RUN_KEPT_DAYS)),
}
"""By name: which rows may go. Tries to guess, and what guards against replays, are counted on real time."""


def due(uow: UnitOfWork) -> list[str]:
    """List the tables in which something is old enough to go."""
    return [
        name
        for name, (model, old) in OLD.items()
        if uow.session.execute(sa.select(sa.exists().where(old(uow.now)).select_from(model))).scalar()
    ]


def do(uow: UnitOfWork, name: str) -> None:
    """Remove what is old from one table; nobody's doing, so the journal does not hear of it."""
    model, old = OLD[name]
    uow.session.execute(sa.delete(model).where(old(uow.now)).execution_options(synchronize_session=False))


SWEEP, SWEEP_EVERY_S = "sweep_files", 86_400


def unswept(uow: UnitOfWork) -> list[str]:
    """Give today's sweep, unless it was run."""
    since = uow.now - timedelta(seconds=SWEEP_EVERY_S)
    ran = sa.select(JobRun.slot).where(JobRun.job == SWEEP, JobRun.slot > since, JobRun.slot <= uow.now).limit(1)
    return [f"{uow.now:%Y-%m-%d}"] if uow.session.scalar(ran) is None else []


def sweep(uow: UnitOfWork, _day: str) -> None:
    """Remove files of yesterday and before that no row names: their sender's process died before it noted them."""
    before = datetime.now(UTC) - timedelta(days=1)  # files carry real time
    named = contents.files_named(uow.session.connection())
    under_way = {str(one) for one in uow.session.scalars(sa.select(PhotoUpload.id))}
    uow.ports.files.sweep(named | under_way, before)


JOBS = (
    Job("clean", 3600, "清理过期的幂等答复、会话、扫码、应急口令、尝试次数、推送和任务记录", due, do),
    Job(SWEEP, SWEEP_EVERY_S, "清理没有任何记录引用的遗留文件", unswept, sweep),
)
