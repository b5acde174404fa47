"""The schema's version: migrate forward and back, say where a database stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models import Base
from service.core.problems import Unavailable

FOLDER = Path(__file__).parent.parent.parent / "models" / "migrations"


class SchemaBehind(Unavailable):
    """The database was not migrated to what this code needs."""

    kind, title = "schema-behind", "数据库结构尚未升级到本版本，请先运行 flask --app wsgi db upgrade"


class SchemaAhead(Unavailable):
    """The database was migrated by newer code."""

    kind, title = "schema-ahead", "数据库结构比本程序新，请改用新版程序"


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Give the revision that this code needs.

    :raises alembic.util.CommandError: if the migrations have more than one head.
    """
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("there is no migration")
    return revision


def current(engine: sa.Engine) -> str | None:
    """Give the revision that the database is at; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Say whether this code has the migration that leads to a revision."""
    return any(one.revision == revision for one in ScriptDirectory.from_config(_config()).walk_revisions())


def require_head(engine: sa.Engine) -> None:
    """Let nothing run on a database that is not what the models say.

    :raises SchemaBehind: if it must be migrated first.
    :raises SchemaAhead: if newer code migrated it.
    """
    at = current(engine)
    if at is not None and not knows(at):
        raise SchemaAhead
    if at != head():
        raise SchemaBehind


@contextmanager
def _patient(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection of its own, closed afterwards, whose statements may take as long as a migration needs."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.detach()
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.commit()
        yield connection


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Migrate forward. A migration that fails leaves the database at the revision before it, on SQLite too."""
    with _patient(engine) as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Migrate back to a revision, or to `base`."""
    with _patient(engine) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


def differences(engine: sa.Engine) -> list[object]:
    """List what the database has otherwise than the models say; empty when the migrations are complete."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def write_migration(engine: sa.Engine, message: str) -> None:
    """Write a new migration for what the models have and the migrated database lacks."""
    with engine.connect() as connection:
        command.revision(_config(connection), message, autogenerate=True)
