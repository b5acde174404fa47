"""What a job is. Features declare theirs in `jobs.py`, `service/schedule.py` puts them in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class Job:
    """One job: `due` lists what waits, `do` does one of them in a transaction of its own, safe to repeat.

    :param every_s: seconds between two slots on the rules' time; a slot without anything due is not used up.
    """

    name: str
    every_s: int
    says: str
    due: Callable[[UnitOfWork], Sequence[Any]]
    do: Callable[[UnitOfWork, Any], None]


class Pause(Exception):
    """The job's other items would fare no better now; they wait for the next slot."""
