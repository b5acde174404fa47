"""Limits on what can be guessed or flooded, counted in the database so that all workers count together."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.identity import Attempt, Brake
from service.core.problems import TooMany
from service.core.unit import House, UnitOfWork


def count(house: House, scope: str, *, limit: int, minutes: int) -> None:
    """Count one try in its own transaction, so that the refusal of what follows does not undo it. Real time.

    :param scope: what is being tried and by whom; only its keyed digest is stored.
    :raises TooMany: with the seconds until the window ends, once more than `limit` tries fell into it.
    """
    now = datetime.now(UTC)
    length = minutes * 60
    start = datetime.fromtimestamp(now.timestamp() // length * length, UTC)
    key = house.vault.digest("attempt", scope)
    make = postgresql.insert if house.engine.dialect.name == "postgresql" else sqlite.insert
    one = make(Attempt).values(scope=key, window_start=start, count=1)
    same = [Attempt.scope, Attempt.window_start]
    counted = one.on_conflict_do_update(index_elements=same, set_={"count": Attempt.count + 1})
    with house.engine.begin() as connection:
        tries = connection.scalar(counted.returning(Attempt.count))
        if tries == 1:
            connection.execute(sa.delete(Attempt).where(Attempt.window_start < now - timedelta(days=1)))
    if (tries or 0) > limit:
        raise TooMany(retry_after=int(start.timestamp() + length - now.timestamp()) + 1)


def forget(house: House, scope: str) -> None:
    """Take back the tries of a scope, where what was tried could not be judged."""
    with house.engine.begin() as connection:
        connection.execute(sa.delete(Attempt).where(Attempt.scope == house.vault.digest("attempt", scope)))


def brake(house: House, scope: str, wait: Callable[[int], int]) -> None:
    """Count one try in a row, in its own transaction; after too many each waits longer than the one before. Real time.

    :param scope: what is being tried and by whom; only its keyed digest is stored.
    :param wait: gives the seconds that the next try must wait after so many.
    :raises TooMany: with the seconds that are left; such a try counts for nothing.
    """
    mine = Brake.scope == house.vault.digest("attempt", scope)
    make = postgresql.insert if house.engine.dialect.name == "postgresql" else sqlite.insert
    first = make(Brake).values(scope=house.vault.digest("attempt", scope), tries=0, next_at=datetime.now(UTC))
    # One statement makes the row or locks it: between two, a success elsewhere could release it.
    turn = first.on_conflict_do_update(index_elements=[Brake.scope], set_={"tries": Brake.tries})
    with house.engine.begin() as connection:
        tries, next_at = connection.execute(turn.returning(Brake.tries, Brake.next_at)).one()
        now = datetime.now(UTC)  # once it is our turn: whoever went before us has not come after us
        if next_at <= now:
            after = now + timedelta(seconds=wait(tries + 1))
            connection.execute(sa.update(Brake).where(mine).values(tries=tries + 1, next_at=after))
    if next_at > now:
        raise TooMany(retry_after=int((next_at - now).total_seconds()) + 1)


def release(uow: UnitOfWork, scope: str) -> None:
    """Forget the tries, as part of what succeeded."""
    mine = Brake.scope == uow.vault.digest("attempt", scope)
    uow.session.execute(sa.delete(Brake).where(mine).execution_options(synchronize_session=False))


def neighbourhood(address: str | None) -> str:
    """Give what counts as one caller: an IPv4 address, or the /64 network of an IPv6 address that one household has."""
    if address is None or ":" not in address:
        return address or "nowhere"
    try:
        return str(ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
