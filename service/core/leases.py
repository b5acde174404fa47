"""A right that one process holds at a time: a row with its holder, an end on real time, and a fencing number."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.journal import Lease
from service.core.unit import House, UnitOfWork


class LeaseLost(Exception):
    """Somebody else holds the right by now; what was being done under it must not be committed."""


def take(house: House, name: str, holder: str, seconds: int) -> int | None:
    """Take a right or prolong it, for so many seconds of real time.

    :returns: its fencing number, which grows with every change of holder; None while somebody else holds it.
    """
    now = datetime.now(UTC)
    until = now + timedelta(seconds=seconds)
    mine = sa.and_(Lease.name == name, Lease.holder == holder)
    free = sa.and_(Lease.name == name, Lease.until <= now, Lease.holder != holder)
    try:
        with house.engine.begin() as connection:
            kept = connection.execute(sa.update(Lease).where(mine).values(until=until)).rowcount
            if not kept:
                values = {"holder": holder, "until": until, "fence": Lease.fence + 1}
                kept = connection.execute(sa.update(Lease).where(free).values(**values)).rowcount
            if not kept:
                if connection.scalar(sa.select(Lease.name).where(Lease.name == name)) is not None:
                    return None
                connection.execute(sa.insert(Lease).values(name=name, holder=holder, until=until, fence=1))
            return connection.scalar(sa.select(Lease.fence).where(mine))
    except IntegrityError:
        return None


def keep(uow: UnitOfWork, name: str, fence: int, seconds: int) -> None:
    """Make the running transaction commit only if the right is still the one that was taken, and prolong it.

    :raises LeaseLost: if another holder took it since.
    """
    same = sa.and_(Lease.name == name, Lease.fence == fence)
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    touched = uow.session.execute(
        sa.update(Lease).where(same).values(until=until).execution_options(synchronize_session=False)
    )
    if not touched.rowcount:  # type: ignore[attr-defined]
        raise LeaseLost


def give_back(house: House, name: str, holder: str) -> None:
    """End the right at once, so that the next holder need not wait; its fencing number stays."""
    with house.engine.begin() as connection:
        mine = sa.and_(Lease.name == name, Lease.holder == holder)
        connection.execute(sa.update(Lease).where(mine).values(until=datetime.now(UTC), holder=""))
