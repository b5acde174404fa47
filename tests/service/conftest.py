"""Fixtures of migrations and backups: the folder of migrations, databases without tables, a season worth keeping."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.base import new_id
from models.notifications import Message
from models.records import Photo
from service.core import schema
from service.core.database import make_engine
from service.core.unit import House
from tests.cast import RONGCHENG
from tests.databases import Postgres, Sqlite
from tests.make import an_approved_need
from tests.world import World, make_house

Empty = Callable[[], sa.Engine]


@pytest.fixture(scope="session")
def migrations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project's migrations; where there is none yet, the one that Alembic writes from the models."""
    if list((schema.FOLDER / "versions").glob("*.py")):
        yield schema.FOLDER
        return
    folder = tmp_path_factory.mktemp("migrations") / "migrations"
    shutil.copytree(schema.FOLDER, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "FOLDER", folder)
        engine = make_engine(f"sqlite:///{folder / 'empty.sqlite3'}")
        schema.upgrade(engine)
        schema.write_migration(engine, "everything")
        engine.dispose()
        yield folder


@contextmanager
def _without_tables(server: Sqlite | Postgres) -> Iterator[str]:
    name = f"empty_{uuid4().hex[:8]}"
    if isinstance(server, Sqlite):
        yield f"sqlite:///{server.folder / name}.sqlite3"
        return
    server._run(f"CREATE DATABASE {server.prefix}_{name}")
    yield server._dsn(f"{server.prefix}_{name}")
    server._run(f"DROP DATABASE {server.prefix}_{name} WITH (FORCE)")


@pytest.fixture
def empty_url(prepared: Sqlite | Postgres) -> Iterator[Callable[[], str]]:
    """Makes URLs of databases that hold nothing."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_without_tables(prepared))


@pytest.fixture
def empty(empty_url: Callable[[], str]) -> Iterator[Empty]:
    """Makes engines on databases that hold nothing."""
    with ExitStack() as stack:

        def make() -> sa.Engine:
            engine = make_engine(empty_url())
            stack.callback(engine.dispose)
            return engine

        yield make


PICTURE = b"\xff\xd8\xff not really a picture" * 40
SHA256 = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
def season(world: World, migrations: Path) -> World:
    """A world on a migrated database with needs, a photo's file, entries not fanned out and a message that waits."""
    house = world.house
    with house.engine.begin() as connection:
        MigrationContext.configure(connection).stamp(ScriptDirectory(str(schema.FOLDER)), schema.head())
    for number in range(3):
        an_approved_need(world, title=f"𠮷田村乌龙茶 {number}")
    house.ports.files.put(SHA256, PICTURE)
    who, now = world.as_("chen").id, house.clock.now()
    photo = {
        "county_code": RONGCHENG,
        "sha256": SHA256,
        "kept_sha256": SHA256,
        "thumb_sha256": SHA256,
        "media_type": "image/jpeg",
    }
    size = {"bytes": len(PICTURE), "width": 1, "height": 1}
    words = {"kind": "x", "title": "t", "body": "b", "thing": "need", "subject_id": "1", "wechat_state": "waiting"}
    with house.engine.begin() as connection:
        connection.execute(sa.insert(Photo).values(owner_id=UUID(who), created_at=now, **photo, **size))
        ids = {"id": new_id(), "entry_id": new_id(), "person_id": UUID(who), "county_code": RONGCHENG}
        connection.execute(sa.insert(Message).values(at=now, fields={"名": 1.5}, **ids, **words))
    return world


@pytest.fixture
def other(world: World, empty_url: Callable[[], str], tmp_path: Path) -> Iterator[House]:
    """Another installation with the same key, on a database without tables."""
    house = make_house(empty_url(), tmp_path / "other", world.sandbox)
    yield house
    house.close()
