"""Migrations, on SQLite and PostgreSQL: forward, back, and cut at every statement (quality.md bar 6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import wsgi
from service.core import schema
from tests.service.conftest import Empty
from tests.world import World

pytestmark = pytest.mark.usefixtures("migrations")

VERSIONS = Path(__file__).parent.parent.parent / "models" / "migrations" / "versions"
READS = ("SELECT", "PRAGMA", "BEGIN", "SET", "SHOW")


def tables(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names()) - {"alembic_version"}


class Cut(Exception):
    """The connection was lost, as far as the migration can tell."""


@contextmanager
def cut_at(engine: sa.Engine, number: int) -> Iterator[list[str]]:
    """Fail at the writing statement of that number, counted from 0; gives the statements that came so far."""
    seen: list[str] = []

    def watch(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(READS):
            return
        if len(seen) == number:
            raise Cut
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", watch)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", watch)


def test_the_project_has_migrations_and_one_head():
    script = ScriptDirectory(str(VERSIONS.parent))
    assert len(script.get_heads()) == 1


def test_upgrade_from_empty_gives_what_the_models_say(empty: Empty):
    engine = empty()
    schema.upgrade(engine)
    assert schema.current(engine) == schema.head()
    assert schema.differences(engine) == []


def test_differences_names_what_the_models_do_not_have(empty: Empty):
    engine = empty()
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE people ADD COLUMN stray INTEGER"))
    assert "stray" in str(schema.differences(engine))


def test_downgrade_to_base_leaves_nothing(empty: Empty):
    engine = empty()
    schema.upgrade(engine)
    schema.downgrade(engine, "base")
    assert schema.current(engine) is None
    assert tables(engine) == set()
    schema.upgrade(engine)
    assert schema.differences(engine) == []


def stations(engine: sa.Engine) -> list[tuple[str | None, set[str]]]:
    """Where a database may stand: nothing, and each revision with its tables."""
    found: list[tuple[str | None, set[str]]] = [(None, set())]
    for one in reversed(list(ScriptDirectory(str(schema.FOLDER)).walk_revisions())):
        schema.upgrade(engine, one.revision)
        found.append((one.revision, tables(engine)))
    return found


def test_a_migration_that_fails_anywhere_leaves_the_old_revision_and_runs_again(empty: Empty):
    """DDL is transactional on SQLite too (quality.md §1.4)."""
    whole, engine = empty(), empty()
    for one in (whole, engine):
        with cut_at(one, 0), pytest.raises(Cut):
            schema.upgrade(one)  # cut where Alembic makes its own table
        assert tables(one) == set()
        schema.downgrade(one, "base")  # makes that table, so that the counts below agree
    with cut_at(whole, -1) as statements:
        allowed = stations(whole)
    steps = range(0, len(statements), 4 if engine.dialect.name == "sqlite" else 16)
    assert len(statements) > 30
    for step in steps:
        with cut_at(engine, step), pytest.raises(Cut):
            schema.upgrade(engine)
        assert (schema.current(engine), tables(engine)) in allowed, f"cut at {step}"
        schema.downgrade(engine, "base")
    schema.upgrade(engine)
    assert schema.differences(engine) == []


def test_a_way_back_that_fails_leaves_everything(empty: Empty):
    engine = empty()
    allowed = stations(engine)
    for step in (0, 3, 20):
        with cut_at(engine, step), pytest.raises(Cut):
            schema.downgrade(engine, "base")
        assert (schema.current(engine), tables(engine)) in allowed, f"cut at {step}"
    schema.upgrade(engine)
    assert schema.differences(engine) == []


def test_a_database_that_is_behind_is_refused_with_the_command_that_helps(empty: Empty):
    engine = empty()
    with pytest.raises(schema.SchemaBehind, match="db upgrade"):
        schema.require_head(engine)
    schema.upgrade(engine)
    schema.require_head(engine)


def test_worker_and_server_do_not_start_on_a_database_that_is_behind(world: World):
    """The tables are all there and no migration made them: nobody knows which version's they are."""
    with world.app.app_context():
        answer = world.app.test_cli_runner().invoke(args=["worker"])
    assert answer.exit_code == 1
    assert "db upgrade" in answer.output
    with pytest.raises(schema.SchemaBehind):
        wsgi.create_server(world.house)


def test_a_database_of_newer_code_is_refused(empty: Empty):
    engine = empty()
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'fedcba987654'"))
    with pytest.raises(schema.SchemaAhead):
        schema.require_head(engine)


def test_the_command_line_migrates_and_tells_where_it_stands(world: World, empty: Empty):
    world.house.close()
    world.house.engine = empty()
    run = world.app.test_cli_runner()
    assert "未升级" in run.invoke(args=["db", "current"]).output
    behind = run.invoke(args=["db", "check"])
    assert behind.exit_code == 1
    assert "db upgrade" in behind.output
    assert run.invoke(args=["db", "upgrade"]).exit_code == 0
    assert schema.head() in run.invoke(args=["db", "current"]).output
    assert run.invoke(args=["db", "check"]).exit_code == 0
    assert run.invoke(args=["db", "downgrade", "base"]).exit_code == 0
    assert tables(world.house.engine) == set()
