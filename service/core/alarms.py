"""What a job gave up is told to the administrators, once a day for each job; figures and readiness count all of it."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from models.journal import JournalEntry
from service.core.unit import SYSTEM, House

_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class JobSubject:
    """A job as the subject of a journal entry; it has no row."""

    __thing__ = "job"
    id: str


def parked(house: House, job: str, says: str, item: str) -> None:
    """Journal that nobody tries an item again until an operator does, unless the job's alarm is out already.

    In a unit of work of its own, so that the alarm outlives whatever becomes of the job's.

    :param says: what the job does, in Chinese.
    """
    with house.write(SYSTEM) as uow:
        mine = sa.and_(JournalEntry.thing == "job", JournalEntry.subject_id == job, JournalEntry.action == "job.park")
        last = uow.session.scalar(sa.select(sa.func.max(JournalEntry.at)).where(mine))
        if last is None or abs(uow.now - last) >= _AGAIN:
            change = {"thing": "item", "id": item, "from": "waiting", "to": "parked"}
            uow.record("job.park", JobSubject(job), [change], says=says)
