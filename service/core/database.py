"""The engine: SQLite with WAL and immediate write transactions, or PostgreSQL with bounded waits."""

import fcntl
import os
import sqlite3
import time
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler

WAIT_S = 15
"""How long a writer waits for its turn, on SQLite; on PostgreSQL `lock_timeout` bounds the wait."""


class bits_apart(sa.sql.functions.GenericFunction[int]):  # noqa: N801  (it is called as a function)
    """In how many bits two whole numbers differ, as SQL."""

    type = sa.Integer()
    inherit_cache = True


@compiles(bits_apart, "postgresql")
def _bits_apart(element: bits_apart, compiler: SQLCompiler, **kw: Any) -> str:
    one, other = element.clauses
    return compiler.process(sa.func.bit_count(sa.func.int8send(sa.cast(one, sa.BigInteger).op("#")(other))), **kw)


def make_engine(url: str, *, threads: int = 16) -> sa.Engine:
    """Make the engine for a database URL (`sqlite:///…` or `postgresql://…`)."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=threads,
        max_overflow=4,
        pool_timeout=5,
        pool_recycle=1800,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": 5,
            "options": "-c statement_timeout=15s -c idle_in_transaction_session_timeout=30s -c lock_timeout=5s"
            " -c timezone=UTC -c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1",
        },
    )


def read_only(engine: sa.Engine) -> sa.Engine:
    """Give an engine for the same database whose transactions may not write; on PostgreSQL it shares the pool."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(postgresql_readonly=True)
    return _sqlite(engine.url, reading=True)


def unwrapped(engine: sa.Engine) -> sa.Engine:
    """Give the same engine without a transaction around each question: on PostgreSQL that saves two journeys of three.

    SQLite keeps it: there it costs nothing, and one connection's snapshot ends with it.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "postgresql" else engine


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=15000",
    "cache_size=-32768",
    "temp_store=MEMORY",
    "secure_delete=ON",
    "wal_autocheckpoint=4000",  # pages; most of them are written again and again before that
)


class SqliteInLine(SQLiteDialect_pysqlite):
    """SQLite whose writers wait in line, each from the first statement of its transaction on.

    A listener for `begin` would do the same, and be asked about every statement besides.
    """

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin to read, or wait for one's turn and begin to write."""
        line = dbapi_connection.info["line"]
        if line is None:
            dbapi_connection.execute("BEGIN")
            return
        if not dbapi_connection.info.get("turn"):
            line.take()
            dbapi_connection.info["turn"] = True
        dbapi_connection.execute("BEGIN IMMEDIATE")


registry.register("sqlite.in_line", __name__, SqliteInLine.__name__)


def _sqlite(url: sa.URL, *, reading: bool = False) -> sa.Engine:
    """Make the engine that reads, or the one that writes: by one connection, which so keeps what it read in memory."""
    pool = {"pool_size": 16, "max_overflow": 16, "pool_use_lifo": True} if reading else {"pool_size": 1}
    engine = sa.create_engine(
        url.set(drivername="sqlite+in_line"),
        json_serializer=_json,
        json_deserializer=orjson.loads,
        connect_args={"timeout": 15, "check_same_thread": False},
        **({"max_overflow": 0, "pool_timeout": WAIT_S} | pool),
    )
    line = None if reading else WriteTurn(url.database)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: pysqlite would begin late, and never for DDL
        for pragma in (*PRAGMAS, f"query_only={'ON' if reading else 'OFF'}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("bits_apart", 2, lambda one, other: (one ^ other).bit_count(), deterministic=True)
        record.info["line"] = line

    @sa.event.listens_for(engine, "checkin")
    def _done(_connection: Any, record: ConnectionPoolEntry) -> None:
        if line is not None and record.info.pop("turn", False):
            line.give()

    return engine


class WriteTurn:
    """Lines up the processes that write one SQLite file, by `flock` on files beside it; threads line up at the pool.

    SQLite's own busy handler sleeps up to a tenth of a second between tries, so that under load some writers starve for
    seconds. Here whoever is next holds a lock of its own until it writes: a process that just wrote, and whose next
    thread is there at once, cannot go first again.
    """

    def __init__(self, database: str | None) -> None:
        self._path = database if database and database != ":memory:" else None
        self._file: int | None = None

    def take(self) -> None:
        """Wait for this process's turn.

        :raises sqlalchemy.exc.OperationalError: if it does not come within `WAIT_S` seconds.
        """
        if self._path is None:
            return
        until = time.monotonic() + WAIT_S
        next_in_line = _locked(f"{self._path}.next", until)
        try:
            self._file = _locked(f"{self._path}.turn", until)
        finally:
            os.close(next_in_line)

    def give(self) -> None:
        """Let the next writer go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locked(path: str, until: float) -> int:
    """Open a file and lock it; closing it lets go, also when the process dies.

    :raises sqlalchemy.exc.OperationalError: if somebody else holds it until that time of the monotonic clock.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(file)
                raise _too_late() from None
            time.sleep(0.0001)  # a writer holds it for some milliseconds
        else:
            return file


def _too_late() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
