"""Backups: a copy that restores, or a clear refusal with nothing left behind (quality.md §7, bars 7 and 8)."""

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import wsgi
from models.identity import Session
from models.journal import Beat, JournalEntry
from models.notifications import Message
from service.core import schema
from service.core.problems import Refusal
from service.core.unit import House
from service.operations import archive, backup, contents, dumps
from tests.service.conftest import PICTURE, SHA256
from tests.world import World, make_house

pytestmark = pytest.mark.usefixtures("migrations")


def figures(house: House) -> dict[str, Any]:
    with house.engine.connect() as connection:
        return contents.figures(connection)


def left(folder: Path) -> list[str]:
    """What lies in a folder, but for the lock that any run leaves."""
    return sorted(one.name for one in folder.iterdir() if one.name != ".backup-lock") if folder.exists() else []


def made(season: World, tmp_path: Path) -> Path:
    return Path(backup.backup(season.house, tmp_path / "backups")["archive"])


def has_tables(house: House) -> bool:
    return bool(sa.inspect(house.engine).get_table_names())


def test_what_was_backed_up_is_restored_and_nobody_stays_logged_in_and_nothing_is_sent_again(
    season: World, other: House, tmp_path: Path
):
    before = figures(season.house)
    path = made(season, tmp_path)
    assert left(path.parent) == [path.name]
    assert path.stat().st_mode & 0o077 == 0
    season.as_("county").ok("GET", "/needs")
    told = backup.restore(other, path.parent)
    after = figures(other)
    changed = {name for name, table in before["tables"].items() if after["tables"][name] != table}
    assert changed <= {"sessions", "messages", "journal", "credits"}
    assert after["seals"] == before["seals"]
    grown = {"messages", "journal"}
    rows = [{n: t["rows"] for n, t in one["tables"].items() if n not in grown} for one in (before, after)]
    assert rows[0] == rows[1]
    assert other.ports.files.get(SHA256) == PICTURE
    schema.require_head(other.engine)
    with other.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(Session.ended_at.is_(None))) == 0
        states = set(connection.scalars(sa.select(Message.wechat_state)))
        assert "waiting" not in states
        assert "parked" in states
        pending = connection.scalars(sa.select(JournalEntry.action).where(JournalEntry.fanned_at.is_(None))).all()
        assert pending == ["backup.restore"]
    assert told["sessions_ended"] > 0
    assert told["messages_parked"] > 0
    assert told["entries_left"] == 0
    assert told["journal"] == "ok"
    assert told["rows"] == sum(table["rows"] for table in before["tables"].values())
    assert told["age_s"] >= 0
    token = season.as_("county").token
    restored = wsgi.create_app(other).test_client()
    assert restored.get("/api/v1/regions").status_code == 200
    assert restored.get("/api/v1/needs", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert season.as_("county").get("/needs").status == 200


def test_verify_proves_an_archive_and_leaves_its_beat(season: World, tmp_path: Path):
    run = season.app.test_cli_runner()
    assert run.invoke(args=["backup", str(tmp_path / "b")]).exit_code == 0
    before = figures(season.house)
    proved = run.invoke(args=["verify", str(tmp_path / "b")])
    assert proved.exit_code == 0, proved.output
    told = json.loads(proved.output)
    assert told["routes"] >= 3
    assert told["rows_read"] > 50
    assert left(season.house.settings.var_dir / "backups") == []
    after = figures(season.house)
    assert {name for name in after["tables"] if after["tables"][name] != before["tables"][name]} == {"beats"}
    with season.house.engine.connect() as connection:
        beat = connection.execute(sa.select(Beat.at, Beat.facts).where(Beat.name == "backup_verified")).one()
    assert beat.facts["point"] == told["point"]
    if season.house.engine.dialect.name == "postgresql":
        with season.house.engine.connect() as connection:
            scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE '%scratch%'"
            assert connection.scalar(sa.text(scratch)) == 0


def test_a_journal_that_was_changed_is_not_proved_but_can_be_restored(season: World, other: House, tmp_path: Path):
    with season.house.engine.begin() as connection:
        one = connection.scalars(sa.select(JournalEntry.id)).first()
        connection.execute(sa.update(JournalEntry).where(JournalEntry.id == one).values(thing="nothing"))
    path = made(season, tmp_path)
    proved = season.app.test_cli_runner().invoke(args=["verify", str(path)])
    assert proved.exit_code == 1
    assert str(one) in proved.output
    with season.house.engine.connect() as connection:
        assert connection.scalar(sa.select(Beat.at).where(Beat.name == "backup_verified")) is None
    assert str(one) in backup.restore(other, path)["journal"]


def test_every_changed_or_missing_byte_is_found(season: World, other: House, tmp_path: Path):
    """Bar 8: whatever byte of the archive changes, also in padding, names and the seal itself."""
    path = made(season, tmp_path)
    whole = path.read_bytes()
    dice = random.Random(8)  # noqa: S311  (the same bytes every time)
    with archive.reading(path, season.house.vault) as source:
        assert source.manifest["members"]
    cases = [("flip", dice.randrange(len(whole))) for _ in range(40)]
    cases += [("flip", len(whole) - 1 - n) for n in (0, 1, 30, 64, 65, 66, 100, 130, 144, 145, 600, 5000)]
    cases += [("cut", dice.randrange(len(whole))) for _ in range(15)] + [("cut", n) for n in (0, 1, len(whole) - 1)]
    cases += [("more", 1), ("more", 512)]
    for how, at in cases:
        harmed = bytearray(whole)
        if how == "flip":
            harmed[at] ^= 1 << dice.randrange(8)
        elif how == "cut":
            del harmed[at:]
        else:
            harmed += bytes(at)
        path.write_bytes(harmed)
        with pytest.raises((archive.Damaged, archive.OtherKey)), archive.reading(path, season.house.vault):
            pass
    with pytest.raises((archive.Damaged, archive.OtherKey)):
        backup.restore(other, path)
    assert not has_tables(other)
    assert other.ports.files.names() == []
    assert left(other.settings.var_dir) == []


def test_another_key_is_named_as_the_reason(season: World, empty_url: Callable[[], str], tmp_path: Path):
    path = made(season, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world.Settings.from_env", _with_another_key(type(season.house.settings).from_env))
        stranger = make_house(empty_url(), tmp_path / "stranger", season.sandbox)
    with pytest.raises(archive.OtherKey, match="TEPAI_SECRET_KEY"):
        backup.restore(stranger, path)
    assert not has_tables(stranger)
    stranger.close()


def _with_another_key(real: Callable[[dict[str, str]], Any]) -> Callable[[dict[str, str]], Any]:
    return lambda env: real({**env, "TEPAI_SECRET_KEY": "22" * 32})


def test_a_database_with_tables_is_never_touched(season: World, other: House, tmp_path: Path):
    path = made(season, tmp_path)
    with other.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE mine (id INTEGER)"))
    with pytest.raises(backup.TargetNotEmpty):
        backup.restore(other, path)
    before = figures(season.house)
    answer = season.app.test_cli_runner().invoke(args=["restore", str(path)])
    assert answer.exit_code == 1
    assert "目标数据库不是空的" in answer.output
    assert figures(season.house) == before
    assert sa.inspect(other.engine).get_table_names() == ["mine"]


def test_a_database_that_was_not_migrated_is_not_backed_up(world: World, tmp_path: Path):
    with pytest.raises(schema.SchemaBehind):
        backup.backup(world.house, tmp_path / "backups")
    assert left(tmp_path / "backups") == []


def _forged(season: World, path: Path, **changes: Any) -> None:
    """Write an archive that is rightly sealed and says something else."""
    with archive.reading(path, season.house.vault) as source:
        manifest = source.manifest | changes
        members = {name: source.read(name) for name in manifest["members"]}
    with path.open("wb") as file, archive.writing(file, season.house.vault) as writer:
        for name, content in members.items():
            writer.add(name, content)
        writer.add(archive.MANIFEST, archive.manifest_bytes(manifest))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"revision": "fedcba987654"}, backup.NewerBackup),
        ({"database": "oracle"}, backup.OtherDatabase),
        ({"seals": {"445202": [1, "00"]}}, backup.BackupDoubtful),
        ({"tables": {}}, backup.BackupDoubtful),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    season: World, other: House, tmp_path: Path, changes: dict[str, Any], refusal: type[Refusal]
):
    path = made(season, tmp_path)
    _forged(season, path, **changes)
    with pytest.raises(refusal):
        backup.restore(other, path)
    assert not has_tables(other)
    assert left(other.settings.var_dir) == []


def test_one_changed_value_is_a_doubt(season: World, other: House, tmp_path: Path):
    path = made(season, tmp_path)
    with archive.reading(path, season.house.vault) as source:
        tables = source.manifest["tables"]
    tables["needs"]["checksum"] = f"{int(tables['needs']['checksum'], 16) + 1:064x}"
    _forged(season, path, tables=tables)
    with pytest.raises(backup.BackupDoubtful, match="needs"):
        backup.restore(other, path)
    assert not has_tables(other)


def test_a_missing_file_is_a_doubt_and_no_archive_is_kept(season: World, tmp_path: Path):
    season.house.ports.files.delete(SHA256)
    answer = season.app.test_cli_runner().invoke(args=["backup", str(tmp_path / "b")])
    assert answer.exit_code == 1
    assert "文件" in answer.output
    assert left(tmp_path / "b") == []


def test_a_full_disk_is_seen_before_anything_is_written(season: World, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1024}))
    with pytest.raises(backup.NoRoom, match="MiB"):
        backup.backup(season.house, tmp_path / "backups")
    assert left(tmp_path / "backups") == []


@pytest.mark.parametrize(
    ("where", "what"), [(archive.Writer, "add"), (dumps, "take"), (os, "fsync"), (archive, "reading")]
)
def test_a_backup_that_breaks_leaves_nothing(season: World, tmp_path: Path, monkeypatch: Any, where: Any, what: str):
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("no space left on device")

    monkeypatch.setattr(where, what, broken)
    with pytest.raises(OSError, match="no space"):
        backup.backup(season.house, tmp_path / "backups")
    assert left(tmp_path / "backups") == []


@pytest.mark.parametrize(
    ("where", "what"), [(schema, "upgrade"), (backup, "_quieten"), (backup, "_put_files"), (dumps, "publish")]
)
def test_a_restore_that_breaks_leaves_nothing_and_can_be_repeated(
    season: World, other: House, tmp_path: Path, where: Any, what: str
):
    path = made(season, tmp_path)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, what, broken)
        with pytest.raises(OSError, match="no space"):
            backup.restore(other, path)
    assert not has_tables(other)
    assert other.ports.files.names() == []
    assert left(other.settings.var_dir) in ([], ["files"])
    backup.restore(other, path)
    assert has_tables(other)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import wsgi
    from service.core import schema
    from service.operations import archive, backup, dumps
    die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    schema.FOLDER = Path(sys.argv[3])
    if sys.argv[1] == "backup":
        archive.Writer.add = die
    else:
        dumps.publish = die
    getattr(backup, sys.argv[1])(wsgi.make_house(wsgi.Settings.from_env()), Path(sys.argv[2]))
"""


def _kill_in(house: House, verb: str, path: Path) -> None:
    """Run a backup or a restore as a process of its own that is killed in the middle."""
    settings = house.settings
    env = os.environ | {
        "TEPAI_DEVELOPMENT": "1",
        "TEPAI_VAR_DIR": str(settings.var_dir),
        "TEPAI_DATABASE_URL": settings.database_url,
        "TEPAI_SECRET_KEY": settings.secret_key.hex(),
        "TEPAI_WECHAT_APPID": settings.wechat_appid,
    }
    command = [sys.executable, "-c", textwrap.dedent(KILLED), verb, str(path), str(schema.FOLDER)]
    done = subprocess.run(  # noqa: S603  (our own interpreter)
        command, env=env, cwd=Path(wsgi.__file__).parent, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


def test_a_killed_backup_leaves_no_archive_and_the_next_one_cleans_up(season: World, tmp_path: Path):
    folder = tmp_path / "backups"
    _kill_in(season.house, "backup", folder)
    assert list(folder.glob("*.tar")) == []
    path = made(season, tmp_path)
    assert left(folder) == [path.name]


def test_a_killed_restore_leaves_an_empty_database_and_the_next_one_cleans_up(
    season: World, other: House, tmp_path: Path
):
    path = made(season, tmp_path)
    _kill_in(other, "restore", path)
    assert not has_tables(other)
    backup.restore(other, path)
    assert has_tables(other)
    assert left(other.settings.var_dir) == ["files"]
    if other.engine.dialect.name == "postgresql":
        with other.engine.connect() as connection:
            scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE '%scratch%'"
            assert connection.scalar(sa.text(scratch)) == 0


def test_two_at_once_do_not_disturb_each_other(season: World, tmp_path: Path, monkeypatch: Any):
    real = dumps.take

    def while_another_starts(*arguments: Any) -> Any:
        with pytest.raises(backup.Busy):
            backup.backup(season.house, tmp_path / "backups")
        return real(*arguments)

    monkeypatch.setattr(dumps, "take", while_another_starts)
    assert made(season, tmp_path).exists()


def test_rows_written_meanwhile_are_in_the_next_backup_not_half_in_this_one(
    season: World, other: House, tmp_path: Path, monkeypatch: Any
):
    real = contents.figures

    def while_others_write(connection: sa.Connection) -> Any:
        if str(connection.engine.url.database) == str(season.house.engine.url.database):
            with season.house.engine.begin() as writing:
                writing.execute(sa.insert(Beat).values(name="meanwhile", at=datetime.now(UTC), facts={}))
        return real(connection)

    monkeypatch.setattr(contents, "figures", while_others_write)
    path = made(season, tmp_path)
    monkeypatch.setattr(contents, "figures", real)
    backup.restore(other, path)
    with other.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Beat).where(Beat.name == "meanwhile")) == 0


def test_a_missing_tool_is_named_with_what_to_install(monkeypatch: Any):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(dumps.ToolMissing, match="postgresql-client-18"):
        dumps.find_tool("pg_dump", 18)
    monkeypatch.undo()
    with pytest.raises(dumps.ToolMissing):
        dumps.find_tool("pg_dump", 99)


def test_a_checksum_does_not_depend_on_order_and_sees_every_value():
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    seen = []
    for rows in ((1, 2, 2), (2, 1, 2), (2, 1, 1), (1, 2), (1, 2, 2, 2, 2)):
        with engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS t"))
            connection.execute(sa.text("CREATE TABLE t (n INTEGER)"))
            connection.execute(sa.text("INSERT INTO t VALUES (:n)"), [{"n": n} for n in rows])
            seen.append(contents.tables(connection)["t"])
    engine.dispose()
    assert seen[0] == seen[1]
    assert len({one["checksum"] for one in seen[1:]}) == 4
