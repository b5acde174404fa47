"""The database stops under a running server: it says so with a time to come back, loses nothing and goes on by itself.

Issue 4 point 10, quality.md §4 rows 1-2. What is killed here is every connection of the test's own database, which then
lets nobody in, as after `pg_ctl stop`; `bench/kill.py` restarts whole servers.
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from models.records import Record
from service.core import database
from tests.make import a_pairing, a_record
from tests.web.pages import at
from tests.web.test_records import NOW, VISIT, count
from tests.world import Answer, Caller, World

BACK_S = 5
"""Row 2: within so many seconds after the database is back, everything goes on without a restart."""


@contextmanager
def stopped(world: World) -> Iterator[None]:
    """A database that lets nobody in: PostgreSQL as when stopped, SQLite while another program writes."""
    url = world.house.engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    server = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database])
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')


@pytest.fixture
def hasty(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world at a fixed afternoon, whose writers on SQLite wait a tenth of a second for another program."""
    world.at(NOW)
    monkeypatch.setattr(database, "WAIT_S", 0.1)

    @sa.event.listens_for(world.house.engine, "checkout")
    def _wait_less(connection: Any, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA busy_timeout=100")

    return world


def away(answer: Answer) -> bool:
    return answer.status == 503 and answer.headers["Retry-After"].isdigit()


def test_a_stopped_database_is_a_503_with_a_time_and_all_goes_on_when_it_is_back(hasty: World) -> None:
    """What was refused is sent again and is there once; what was acknowledged before is there too."""
    chen, pairing, county = hasty.as_("chen"), a_pairing(hasty), at(hasty, "county")
    kept, refused = a_record(pairing, VISIT), a_record(pairing, VISIT - timedelta(days=1))
    chen.ok("POST", "/records", kept)
    page = county.get(f"/console/records/{kept['id']}")
    sqlite = hasty.house.engine.dialect.name == "sqlite"
    with stopped(hasty):
        for _ in range(3):
            assert away(chen.post("/records", refused))
            assert away(chen.post("/records/batch", {"records": [refused, kept]}))
        shown = county.send(page, "/return", reason="请补充") if not sqlite else None
        assert shown is None or (shown.status, "服务暂时不可用" in shown.html) == (503, True)
        assert chen.get("/records").status == (200 if sqlite else 503), "SQLite's readers go on beside a writer"
        assert hasty.anyone().client.get("/healthz").status_code == 200
    back = time.monotonic()
    tries = 0
    while (answer := chen.post("/records", refused)).status == 503:
        tries += 1
        assert time.monotonic() - back < BACK_S, (tries, answer)
    assert answer.status == 201
    items = chen.post("/records/batch", {"records": [refused, kept]})["items"]
    assert [one["status"] for one in items] == [201, 201]
    assert count(hasty, Record) == 2


def test_a_writer_that_waited_too_long_gives_its_turn_back(hasty: World) -> None:
    """SQLite: while another process holds the turn, everybody is told to come back; then all of them get through."""
    if hasty.house.engine.dialect.name != "sqlite":
        pytest.skip("the turn is SQLite's")
    chen, pairing = hasty.as_("chen"), a_pairing(hasty)
    bodies = [a_record(pairing, VISIT - timedelta(days=day)) for day in range(4)]
    with Path(f"{hasty.house.engine.url.database}.turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        assert all(away(Caller(hasty.app, chen.token).post("/records", body)) for body in bodies)
    assert [chen.post("/records", body).status for body in bodies] == [201] * 4
