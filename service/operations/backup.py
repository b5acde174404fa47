"""Backup, restore, and the proof that a backup restores (quality.md §7). Non-zero exit on any doubt.

Times here are real: a backup point that follows the rules' clock would say nothing about what was lost.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from models.base import Base
from models.identity import Session
from models.notifications import Message
from service.core import schema, seals
from service.core.database import make_engine
from service.core.files import FileStore
from service.core.ports import Ports
from service.core.problems import Conflict, NotFound, Unavailable
from service.core.unit import OPERATOR, SYSTEM, House
from service.notifications.jobs import fan_out, unfanned
from service.operations import archive, contents, dumps

log = structlog.get_logger("tepai.backup")

DATABASE, FILES = "database", "files/"
SPARE_BYTES = 64 * 1024 * 1024
ROWS_READ = 20


class BackupDoubtful(Conflict):
    """What was copied is not what it should be; no archive is kept, or this one is not used."""

    kind, title = "backup-doubtful", "备份核对不一致"


class TargetNotEmpty(Conflict):
    """A restore would overwrite something."""

    kind, title = "restore-target-not-empty", "目标数据库不是空的，只能恢复到没有任何表的数据库"


class OtherDatabase(Conflict):
    """An archive of SQLite for PostgreSQL, or the other way round."""

    kind, title = "restore-other-database", "备份与目标不是同一种数据库"


class NewerBackup(Conflict):
    """The archive was made by newer code."""

    kind, title = "restore-newer-schema", "备份的数据库结构比本程序新，请改用新版程序"


class NoRoom(Unavailable):
    """The disk would be full before the archive is whole."""

    kind, title = "backup-no-room", "磁盘空间不足，没有开始备份"


class Busy(Unavailable):
    """Another backup or restore works in the same place."""

    kind, title = "backup-busy", "另一个备份或恢复正在进行"


@dataclass(frozen=True)
class _Act:
    """What the journal calls an archive."""

    id: str
    __thing__ = "backup"


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Give a folder that nobody else uses and that is gone afterwards; what a killed run left behind goes first."""
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / ".backup-part"
    with closing(os.fdopen(os.open(folder / ".backup-lock", os.O_RDWR | os.O_CREAT, 0o600), "rb")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy from error
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work)


def backup(house: House, folder: Path) -> dict[str, Any]:
    """Write one archive with the database and the files into a folder; it appears there whole or not at all.

    :returns: the archive's path and figures.
    :raises NoRoom, Busy, BackupDoubtful, SchemaBehind: with nothing left behind.
    """
    schema.require_head(house.engine)
    started = datetime.now(UTC)
    with _workplace(folder) as work:
        _require_room(house, folder)
        copy, whole = work / DATABASE, work / "whole"
        seen = dumps.take(house.engine, copy, _figures_and_files)
        named = seen.pop("files_named")
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with archive.writing(file, house.vault) as writer:
                writer.add_file(DATABASE, copy)
                files = _add_files(house, writer, named)
                manifest = {
                    "database": house.engine.dialect.name,
                    "revision": schema.current(house.engine),
                    "started": started.isoformat(),
                    "finished": datetime.now(UTC).isoformat(),
                    "members": dict(writer.members),
                    **seen,
                }
                writer.add(archive.MANIFEST, archive.manifest_bytes(manifest))
            file.flush()
            os.fsync(file.fileno())
        with archive.reading(whole, house.vault):
            path = folder / f"tepai-{started:%Y%m%dT%H%M%S%fZ}.tar"
            whole.rename(path)
        _fsync_folder(folder)
    rows = sum(table["rows"] for table in seen["tables"].values())
    return {"archive": str(path), "bytes": path.stat().st_size, "rows": rows, "files": files, **_times(manifest)}


def _figures_and_files(connection: sa.Connection) -> dict[str, Any]:
    return contents.figures(connection) | {"files_named": contents.files_named(connection)}


def _require_room(house: House, folder: Path) -> None:
    """The database lies there twice for a moment (copy and archive), the files once."""
    needed = 2 * dumps.database_bytes(house.engine) + house.ports.files.size() + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoRoom(f"磁盘空间不足：需要 {needed // 2**20} MiB，只有 {free // 2**20} MiB，没有开始备份")


def _add_files(house: House, writer: archive.Writer, named: set[str]) -> int:
    """Add every file kept. Files never change, so what the copied rows name is still there unless it was removed."""
    kept = house.ports.files.names()
    if missing := named - set(kept):
        raise BackupDoubtful(f"数据库引用的 {len(missing)} 个文件不在文件库中")
    for sha256 in kept:
        try:
            content = house.ports.files.get(sha256)
        except FileNotFoundError as error:
            if sha256 in named:
                raise BackupDoubtful("备份期间有文件被删除，请重新备份") from error
            continue
        writer.add(FILES + sha256, content)
        if writer.members[FILES + sha256]["sha256"] != sha256:
            raise BackupDoubtful("文件库中有文件的内容与名称不符")
    return len(writer.members) - 1


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _times(manifest: dict[str, Any]) -> dict[str, Any]:
    return {"point": manifest["started"], "finished": manifest["finished"]}


def newest(path: Path) -> Path:
    """Give the archive itself, or the newest one in a folder. :raises NotFound: if there is none."""
    if path.is_file():
        return path
    found = sorted(path.glob("tepai-*.tar")) if path.is_dir() else []
    if not found:
        raise NotFound(f"没有找到备份：{path}")
    return found[-1]


def restore(house: House, path: Path) -> dict[str, Any]:
    """Put a backup into an empty database, migrated to what this code needs; nobody stays logged in, and nothing
    that was waiting for WeChat is sent again. All of it appears in one transaction, after it was compared.

    :returns: figures, with the backup's point and age (what was lost), the seconds that it took, and what is wrong
        with the journal, if anything: it was so in the backup.
    :raises TargetNotEmpty, OtherDatabase, NewerBackup, Damaged, OtherKey, BackupDoubtful: with nothing changed.
    """
    began = time.monotonic()
    path = newest(path)
    _require_empty(house.engine)
    with _workplace(house.settings.var_dir) as work, archive.reading(path, house.vault) as source:
        _require_fitting(house, source.manifest)
        with _settled(house, source, work, house.ports) as scratch:
            fault = _journal_fault(scratch)
            quiet = _quieten(scratch, path.name, source.manifest)
            added = _put_files(house, source)
            try:
                _require_empty(house.engine)
                dumps.publish(scratch.engine, house.engine, work)
            except BaseException:
                for sha256 in added:
                    house.ports.files.delete(sha256)
                raise
        age = datetime.now(UTC) - datetime.fromisoformat(source.manifest["started"])
        return {
            "archive": path.name,
            **_counts(source.manifest),
            **quiet,
            "journal": fault or "ok",
            **_times(source.manifest),
            "age_s": round(age.total_seconds()),
            "took_s": round(time.monotonic() - began, 1),
        }


def _require_empty(engine: sa.Engine) -> None:
    if sa.inspect(engine).get_table_names():
        raise TargetNotEmpty


def _require_fitting(house: House, manifest: dict[str, Any]) -> None:
    if manifest["database"] != house.engine.dialect.name:
        raise OtherDatabase(f"备份来自 {manifest['database']}，目标是 {house.engine.dialect.name}")
    if not schema.knows(manifest["revision"]):
        raise NewerBackup


@contextmanager
def _settled(house: House, source: archive.Reader, work: Path, ports: Ports) -> Iterator[House]:
    """Load an archive into a scratch database, compare it with the manifest, migrate it; gives a house around it."""
    copy = work / DATABASE
    source.extract(DATABASE, copy)
    with dumps.loaded(house.engine, copy, work) as url:
        _compare(url, source.manifest)
        scratch = House(replace(house.settings, database_url=url), lambda _: ports)
        try:
            schema.upgrade(scratch.engine)
            schema.require_head(scratch.engine)
            yield scratch
        finally:
            scratch.close()


def _journal_fault(scratch: House) -> str | None:
    """Recompute the journal's digests and seals; gives the first fault."""
    with scratch.read(OPERATOR) as uow, closing(seals.faults(uow)) as found:
        fault = next(found, None)
    return str(fault) if fault else None


def _compare(url: str, manifest: dict[str, Any]) -> None:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            found = contents.figures(connection)
        if schema.current(engine) != manifest["revision"]:
            raise BackupDoubtful("备份的数据库结构版本与清单不一致")
    finally:
        engine.dispose()
    for part, expected in manifest.items():
        if part in found and found[part] != expected:
            wrong = sorted(set(found[part]) ^ set(expected)) or [n for n in expected if found[part][n] != expected[n]]
            raise BackupDoubtful(f"恢复出的内容与清单不一致：{'、'.join(wrong)}")


def _quieten(scratch: House, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """End all sessions, and let what was under way at the backup's point reach inboxes only, never WeChat again."""
    poisoned = _fan_out_everything(scratch)
    with scratch.write(OPERATOR) as uow:
        quietly = {"synchronize_session": False}
        living = sa.update(Session).where(Session.ended_at.is_(None)).values(ended_at=uow.now)
        waiting = sa.update(Message).where(Message.wechat_state == "waiting").values(wechat_state="parked")
        ended: Any = uow.session.execute(living.execution_options(**quietly))
        parked: Any = uow.session.execute(waiting.execution_options(**quietly))
        done = {"sessions_ended": ended.rowcount, "messages_parked": parked.rowcount, "entries_left": poisoned}
        uow.record("backup.restore", _Act(name.removesuffix(".tar")), point=manifest["started"], **done)
    return done


def _fan_out_everything(scratch: House) -> int:
    """Turn journal entries that still waited into messages; gives how many the worker must look at again."""
    poisoned: set[Any] = set()
    while True:
        with scratch.read(SYSTEM) as reading:
            waiting = [one for one in unfanned(reading) if one not in poisoned]
        if not waiting:
            return len(poisoned)
        for entry in waiting:
            try:
                with scratch.write(SYSTEM) as uow:
                    fan_out(uow, entry)
            except Exception as error:  # noqa: BLE001  (one bad entry must not stop a restore; the worker parks it)
                log.warning("entry left unfanned", entry=str(entry), kind=type(error).__name__)
                poisoned.add(entry)


def _put_files(house: House, source: archive.Reader) -> list[str]:
    """Put the files where they belong; gives those that were not there before."""
    there = set(house.ports.files.names())
    added = []
    for member in source.manifest["members"]:
        sha256 = member.removeprefix(FILES)
        if member.startswith(FILES) and sha256 not in there:
            house.ports.files.put(sha256, source.read(member))
            added.append(sha256)
    return added


def _counts(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "tables": len(manifest["tables"]),
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "files": sum(member.startswith(FILES) for member in manifest["members"]),
    }


def verify(house: House, path: Path, walk: Callable[[House], int]) -> dict[str, Any]:
    """Prove that an archive restores: into a scratch database that is dropped afterwards, compared, migrated, read.

    :param walk: boots the application around the scratch house, asks some read routes, gives how many.
    :returns: figures. :raises Refusal: at the first doubt.
    """
    began = time.monotonic()
    path = newest(path)
    with _workplace(house.settings.var_dir) as work, archive.reading(path, house.vault) as source:
        _require_fitting(house, source.manifest)
        files = FileStore(f"file://{work / 'files'}")
        with _settled(house, source, work, replace(house.ports, files=files)) as scratch:
            if fault := _journal_fault(scratch):
                raise BackupDoubtful(f"备份中的日志未通过校验：{fault}")
            figures = {"rows_read": _read_rows(scratch), "routes": walk(scratch)}
        return {
            "archive": path.name,
            **_counts(source.manifest),
            **figures,
            **_times(source.manifest),
            "took_s": round(time.monotonic() - began, 1),
        }


def _read_rows(scratch: House) -> int:
    """Read some rows of every model, as the application would."""
    with scratch.read(OPERATOR) as uow:
        return sum(
            len(uow.session.scalars(sa.select(mapper.class_).limit(ROWS_READ)).unique().all())
            for mapper in Base.registry.mappers
        )
