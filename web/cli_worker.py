"""The worker, its jobs by hand, and the proof of the journal."""

import logging
import signal
from contextlib import closing
from datetime import datetime
from typing import Any

import click
import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from flask.cli import with_appcontext

from models.base import new_id
from rules.calendar import SHANGHAI
from service import schedule
from service.core import leases, schema, seals
from service.core.unit import OPERATOR, House
from web.host import Refusing, RefusingCommand, house

log = structlog.get_logger("tepai.worker")


@click.command("worker", cls=RefusingCommand)
@with_appcontext
def worker() -> None:
    """Run the jobs when they are due, until SIGTERM or Ctrl-C. A second worker stands by."""
    here, holder = house(), new_id().hex
    schema.require_head(here.engine)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=SHANGHAI)
    scheduler.add_job(
        _tick,
        "interval",
        seconds=schedule.TICK_S,
        args=(here, holder),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=300,
        next_run_time=datetime.now(SHANGHAI),
    )

    def stop(_number: int, _frame: Any) -> None:
        scheduler.shutdown(wait=True)  # the item that is being done is done to its end

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("worker started", holder=holder)
    scheduler.start()
    leases.give_back(here, schedule.WORKER, holder)
    log.info("worker ended", holder=holder)


def _tick(here: House, holder: str) -> None:
    try:
        schedule.tick(here, holder)
    except Exception as error:  # noqa: BLE001  (the database may be away for a while; its errors may quote data)
        log.warning("tick failed", kind=type(error).__name__)


@click.group(cls=Refusing)
def jobs() -> None:
    """The worker's jobs."""


@jobs.command("list")
def list_jobs() -> None:
    """List every job: its interval, its last run, what it does."""
    with house().read(OPERATOR) as uow:
        last = schedule.last_runs(uow)
    for job in schedule.JOBS:
        run = last.get(job.name)
        when = run.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if run else "-"
        click.echo(f"{job.name}\t{job.every_s} s\t{when}\t{job.says}")


@jobs.command("run")
@click.argument("name", required=False)
def run_jobs(name: str | None) -> None:
    """Run one job now, or all of them in order; also what was parked."""
    ran = {name: schedule.run(house(), name)} if name else schedule.run_all(house())
    for job, one in ran.items():
        click.echo(f"{job}: {one.done} done, {one.failed} failed")
    if any(one.failed for one in ran.values()):
        raise click.exceptions.Exit(1)


@click.group(cls=Refusing)
def audit() -> None:
    """The journal and its seals."""


@audit.command("verify")
def verify() -> None:
    """Recompute every entry and every seal; name the first that is wrong and fail."""
    with house().read(OPERATOR) as uow:
        with closing(seals.faults(uow)) as found:
            fault = next(found, None)
        entries, sealed = seals.counts(uow)
    if fault is not None:
        raise click.ClickException(str(fault))
    click.echo(f"ok: {entries} entries, {sealed} of them sealed")


COMMANDS: tuple[click.Command, ...] = (worker, jobs, audit)
