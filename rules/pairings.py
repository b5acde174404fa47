"""Terms of pairings, and who would hold more postings at once than the round allows (R-APP-5)."""

from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import date, timedelta
from typing import NamedTuple

from rules.policy import PAIRING_YEARS, TASK_DAYS


class Place(NamedTuple):
    """Somebody's posting to a township: one they hold, or one that a plan would give them."""

    person: Hashable
    township: str


def term_end(starts_on: date, years: int = PAIRING_YEARS) -> date:
    """Give the last day of a pairing: the day before the anniversary of its first (domain §3 step 7).

    A pairing that starts on 29 February ends on the last of February where the year has none.

    :raises ValueError: if there are no years.
    """
    if years < 1:
        raise ValueError("a pairing lasts at least a year")
    try:
        anniversary = starts_on.replace(year=starts_on.year + years)
    except ValueError:
        anniversary = date(starts_on.year + years, 3, 1)
    return anniversary - timedelta(days=1)


def task_end(starts_on: date, need_ends_on: date | None) -> date:
    """Give the last day of an everyday assignment: the need's own where it lies ahead, else a year on."""
    if need_ends_on is not None and need_ends_on >= starts_on:
        return need_ends_on
    return starts_on + timedelta(days=TASK_DAYS - 1)


def overposted(held: Iterable[Place], given: Iterable[Place], at_most: int) -> frozenset[Hashable]:
    """Give the people who would hold more than `at_most` postings if the given ones joined those they hold (R-APP-5).

    A posting that is held in a township that is given again does not stand in the way: it goes on.
    """
    new = list(given)
    count = Counter(one.person for one in new)
    gaining = frozenset(count)
    count.update(one.person for one in set(held) - set(new))
    return frozenset(person for person in gaining if count[person] > at_most)
