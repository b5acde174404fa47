"""Every job of the worker: when it runs, what is due, what it does. One transaction an item, safe to repeat.

A run claims its slot on the rules' time, so moving the clock makes jobs due; leases and beats are on real time.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError

from models.journal import Beat, JobFailure, JobRun
from rules.policy import RETRY_LAST_S, TRIES_MAX
from rules.retries import wait_after
from service.callbacks import jobs as callbacks
from service.content import jobs as content
from service.core import alarms, leases, seals
from service.core.jobs import Job, Pause
from service.core.problems import NotFound
from service.core.unit import SYSTEM, House, UnitOfWork
from service.me import jobs as me
from service.notifications import jobs as notifications
from service.notifications import reminders
from service.operations import jobs as operations
from service.pairings import jobs as pairings
from service.publicity import jobs as publicity
from service.records import jobs as records

log = structlog.get_logger("tepai.worker")

WORKER, LEASE_S, TICK_S = "worker", 30, 2
TURN_S = 3
"""How long a job may keep the worker from the others; what is left waits for its next slot. Deadlines move within ten
seconds of their time, however long the queue of messages is."""
CLOCK_BACK = timedelta(seconds=5)
PROMPT = {"content": "check_content"}
"""By what changed, the job that a server runs at once: what was handed in is checked before it is approved."""


@dataclass(frozen=True)
class Ran:
    """How a run of a job went: items done and items that failed."""

    done: int = 0
    failed: int = 0


JOBS: tuple[Job, ...] = (
    Job("end_pairings", 5, "结对期满自动结束", pairings.due, pairings.do),
    Job("complete_windows", 5, "日历载入后补定公示截止时间", publicity.due, publicity.do),
    *content.JOBS,
    *reminders.JOBS,
    *callbacks.JOBS,
    *records.JOBS,
    *me.JOBS,
    *notifications.JOBS,
    *seals.JOBS,
    *operations.JOBS,
)
"""In the order in which a pass runs them: deadlines move things, the journal becomes messages, messages go out."""


def job(name: str) -> Job:
    """Give a job by its name. :raises NotFound: if there is none."""
    for one in JOBS:
        if one.name == name:
            return one
    raise NotFound(f"没有名为 {name} 的任务")


def run(house: House, name: str) -> Ran:
    """Run one job now, by hand: everything that is due, also what was parked; no slot is claimed."""
    one = job(name)
    with house.read(SYSTEM) as uow:
        items, failures = list(one.due(uow)), _failures(uow, one)
    return _perform(house, one, items, failures, None)


def run_all(house: House) -> dict[str, Ran]:
    """Run every job once, by hand, in order."""
    return {one.name: run(house, one.name) for one in JOBS}


def run_due(house: House, fence: int | None = None) -> dict[str, Ran]:
    """Run every job that has something to do and whose slot nobody ran yet.

    :param fence: the worker's fencing number; an item commits only while it is the current one.
    :raises LeaseLost: once it is not.
    """
    if house.settings.development:
        _forget_runs_ahead(house)
    ran = {}
    for one in JOBS:
        with house.read(SYSTEM) as uow:
            now, failures = uow.now, _failures(uow, one)
            items = [item for item in one.due(uow) if not _waits(failures.get(str(item)), now)]
        slot = datetime.fromtimestamp(now.timestamp() // one.every_s * one.every_s, UTC)
        if items and _claim(house, one, slot, now):
            ran[one.name] = _perform(house, one, items, failures, fence)
            _finish(house, one, slot, ran[one.name])
    return ran


def last_runs(uow: UnitOfWork) -> dict[str, datetime]:
    """Give the time of each job's last finished run by a worker."""
    last = sa.select(JobRun.job, sa.func.max(JobRun.slot)).where(JobRun.finished_at.is_not(None)).group_by(JobRun.job)
    return dict(uow.session.execute(last).all())


def tick(house: House, holder: str) -> bool:
    """Do one beat of the worker, if it holds the right to work. Says whether it did."""
    fence = leases.take(house, WORKER, holder, LEASE_S)
    if fence is None:
        return False
    beat(house, WORKER)
    try:
        run_due(house, fence)
    except leases.LeaseLost:
        log.warning("another worker took over")
        return False
    return True


def beat(house: House, name: str, **facts: Any) -> None:
    """Leave a sign of life on real time, for `/readyz`."""
    values = {"at": datetime.now(UTC), "facts": facts}
    with house.engine.begin() as connection:
        if not connection.execute(sa.update(Beat).where(Beat.name == name).values(**values)).rowcount:
            connection.execute(sa.insert(Beat).values(name=name, **values))


class Prompt:
    """Runs in a server what somebody waits for, right after the commit that asked for it; the worker does what is left.

    Nobody's action waits for it, and what fails here is tried again by the worker like any item.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._pool = ThreadPoolExecutor(1, "prompt")
        self._called: set[str] = set()

    def __call__(self, things: frozenset[str]) -> None:
        """Hear of a commit (`House.committed`). What is called already and has not begun is not called twice."""
        for name in {PROMPT[thing] for thing in things & PROMPT.keys()} - self._called:
            self._called.add(name)
            self._pool.submit(self._run, name)

    def close(self) -> None:
        """Finish what was called and take nothing more."""
        self._pool.shutdown(wait=True)

    def _run(self, name: str) -> None:
        self._called.discard(name)
        try:
            run(self._house, name)
        except Exception as error:  # noqa: BLE001  (the database may be away; the worker comes round again)
            log.warning("prompt failed", job=name, kind=type(error).__name__)


def _perform(house: House, one: Job, items: Sequence[Any], failures: dict[str, JobFailure], fence: int | None) -> Ran:
    done = failed = 0
    until = time.monotonic() + TURN_S
    for item in items:
        if fence is not None and time.monotonic() > until:
            break
        try:
            with house.write(SYSTEM) as uow:
                one.do(uow, item)
                if str(item) in failures:
                    uow.session.execute(sa.delete(JobFailure).where(_of(one, item)))
                if fence is not None:
                    leases.keep(uow, WORKER, fence, LEASE_S)
            done += 1
        except Pause:
            break
        except leases.LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (whatever an item raises, the others go on)
            failed += 1
            _note_failure(house, one, item, error)
    return Ran(done, failed)


def _of(one: Job, item: Any) -> sa.ColumnElement[bool]:
    return sa.and_(JobFailure.job == one.name, JobFailure.item == str(item))


def _failures(uow: UnitOfWork, one: Job) -> dict[str, JobFailure]:
    rows = uow.session.scalars(sa.select(JobFailure).where(JobFailure.job == one.name))
    return {row.item: row for row in rows}


def _waits(failure: JobFailure | None, now: datetime) -> bool:
    """Say whether a failed item waits; one that would wait longer than ever allowed has seen the clock go back."""
    if failure is None:
        return False
    if failure.try_after is None:
        return True
    return now < failure.try_after <= now + timedelta(seconds=RETRY_LAST_S)


def _note_failure(house: House, one: Job, item: Any, error: Exception) -> None:
    kind = type(error).__name__
    with house.engine.begin() as connection:
        tries = (connection.scalar(sa.select(JobFailure.tries).where(_of(one, item))) or 0) + 1
        after = house.clock.now() + timedelta(seconds=wait_after(tries))
        values = {"tries": tries, "try_after": after if tries < TRIES_MAX else None, "kind": kind}
        if not connection.execute(sa.update(JobFailure).where(_of(one, item)).values(**values)).rowcount:
            connection.execute(sa.insert(JobFailure).values(job=one.name, item=str(item), **values))
    log.error("item failed", job=one.name, item=str(item), kind=kind, tries=tries)
    if tries == TRIES_MAX:
        alarms.parked(house, one.name, one.says, str(item))


def _claim(house: House, one: Job, slot: datetime, now: datetime) -> bool:
    """Take a slot of a job; the key lets one worker have it."""
    try:
        with house.engine.begin() as connection:
            connection.execute(sa.insert(JobRun).values(job=one.name, slot=slot, started_at=now, done=0, failed=0))
    except IntegrityError:
        return False
    return True


def _finish(house: House, one: Job, slot: datetime, ran: Ran) -> None:
    mine = sa.and_(JobRun.job == one.name, JobRun.slot == slot)
    with house.engine.begin() as connection:
        values = {"finished_at": house.clock.now(), "done": ran.done, "failed": ran.failed}
        connection.execute(sa.update(JobRun).where(mine).values(**values))


def _forget_runs_ahead(house: House) -> None:
    """Forget slots that lie ahead: in development the clock was moved back, and the same days come again."""
    ahead = JobRun.slot > house.clock.now() + CLOCK_BACK
    with house.reader.connect() as connection:
        if connection.scalar(sa.select(JobRun.job).where(ahead).limit(1)) is None:
            return
    with house.engine.begin() as connection:
        connection.execute(sa.delete(JobRun).where(ahead))
