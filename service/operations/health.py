"""How the system is: what `/readyz` and `/metrics` tell. Nothing here is about a person (R-REP-3)."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from models.journal import Beat, JobFailure, JobRun, JournalEntry
from models.notifications import Message
from service.core.unit import SYSTEM, House, UnitOfWork

BEATS = ("worker", "backup_verified")


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a part: when, on real time, and how many seconds ago; None where there was none."""

    at: datetime | None
    age_s: int | None


@dataclass(frozen=True)
class Figures:
    """What Prometheus asks: how much waits, and how the jobs went."""

    journal_waiting: int
    journal_unsealed: int
    messages: dict[str, int]
    items_failing: dict[str, int]
    items_parked: dict[str, int]
    last_runs: dict[str, tuple[datetime, int, int]]
    """By job: the slot of the last finished run, items done, items failed."""


def signs(uow: UnitOfWork) -> dict[str, Sign]:
    """Give the last beats of the worker and of the last verified backup."""
    now = datetime.now(UTC)
    beats = dict(uow.session.execute(sa.select(Beat.name, Beat.at).where(Beat.name.in_(BEATS))).all())
    return {
        name: Sign(beats[name], max(0, int((now - beats[name]).total_seconds()))) if name in beats else Sign(None, None)
        for name in BEATS
    }


def readiness(house: House) -> tuple[dict[str, Sign], int]:
    """Ask the database for the signs of life, and for how much was given up.

    :raises sqlalchemy.exc.SQLAlchemyError: if it is away.
    """
    with house.read(SYSTEM) as uow:
        return signs(uow), parked(uow)


def parked(uow: UnitOfWork) -> int:
    """Count what nobody tries again until an operator looks at it: WeChat copies and items of jobs."""
    given_up = Message.wechat_state == sa.literal_column("'parked'")  # as the partial index has it
    messages = sa.select(sa.func.count()).select_from(Message).where(given_up)
    items = sa.select(sa.func.count()).select_from(JobFailure).where(JobFailure.try_after.is_(None))
    return (uow.session.scalar(messages) or 0) + (uow.session.scalar(items) or 0)


def figures(uow: UnitOfWork) -> Figures:
    """Count what waits and what failed."""

    def count(*where: sa.ColumnElement[bool]) -> int:
        return uow.session.scalar(sa.select(sa.func.count()).select_from(JournalEntry).where(*where)) or 0

    unfinished = ("waiting", "parked")
    by_state = sa.select(Message.wechat_state, sa.func.count()).where(Message.wechat_state.in_(unfinished))
    messages = dict(uow.session.execute(by_state.group_by(Message.wechat_state)).all())
    given_up = sa.select(JobFailure.job, sa.func.count()).where(JobFailure.try_after.is_(None))
    failing = dict(uow.session.execute(sa.select(JobFailure.job, sa.func.count()).group_by(JobFailure.job)).all())
    last = sa.select(JobRun.job, sa.func.max(JobRun.slot).label("slot")).where(JobRun.finished_at.is_not(None))
    newest = last.group_by(JobRun.job).subquery()
    runs = uow.session.scalars(
        sa.select(JobRun).join(newest, sa.and_(JobRun.job == newest.c.job, JobRun.slot == newest.c.slot))
    )
    return Figures(
        journal_waiting=count(JournalEntry.fanned_at.is_(None)),
        journal_unsealed=count(JournalEntry.seal_number.is_(None)),
        messages={state: messages.get(state, 0) for state in unfinished},
        items_failing=failing,
        items_parked=dict(uow.session.execute(given_up.group_by(JobFailure.job)).all()),
        last_runs={run.job: (run.slot, run.done, run.failed) for run in runs},
    )
