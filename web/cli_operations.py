"""Commands that keep the system itself: the schema of the database, backups and their proof."""

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from service import schedule
from service.core import schema
from service.core.unit import House
from service.operations import backup as backups
from web.app import create_app
from web.host import Refusing, RefusingCommand, house

ARCHIVE = click.Path(exists=True, path_type=Path)


@click.group(cls=Refusing)
def db() -> None:
    """The schema of the database."""


@db.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Migrate forward, to the newest revision unless one is named."""
    house().settings.var_dir.mkdir(parents=True, exist_ok=True)
    schema.upgrade(house().engine, revision)
    click.echo(schema.current(house().engine))


@db.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Migrate back to a revision, or to `base`: what later revisions held is lost."""
    schema.downgrade(house().engine, revision)
    click.echo(schema.current(house().engine) or "base")


@db.command("current")
def current() -> None:
    """Say where the database stands and what this version needs."""
    click.echo(f"{schema.current(house().engine) or '未升级'} → {schema.head()}")


@db.command("check")
def check() -> None:
    """Fail unless the database is what this version's models say."""
    schema.require_head(house().engine)
    if found := schema.differences(house().engine):
        raise click.ClickException("\n".join(str(one) for one in found))
    click.echo("ok")


@click.command("backup", cls=RefusingCommand)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@with_appcontext
def backup(folder: Path | None) -> None:
    """Write the database and the files into one archive in FOLDER (var/backups unless named)."""
    _tell(backups.backup(house(), folder or house().settings.var_dir / "backups"))


@click.command("restore", cls=RefusingCommand)
@click.argument("archive", type=ARCHIVE)
@with_appcontext
def restore(archive: Path) -> None:
    """Put an archive, or the newest one of a folder, into an empty database."""
    house().settings.var_dir.mkdir(parents=True, exist_ok=True)
    _tell(backups.restore(house(), archive))


@click.command("verify", cls=RefusingCommand)
@click.argument("archive", type=ARCHIVE)
@with_appcontext
def verify(archive: Path) -> None:
    """Prove that an archive restores, in a scratch database; /readyz tells the age of the last proof."""
    figures = backups.verify(house(), archive, _walk)
    schedule.beat(house(), "backup_verified", archive=figures["archive"], point=figures["point"])
    _tell(figures)


def _tell(figures: dict[str, Any]) -> None:
    click.echo(json.dumps(figures, ensure_ascii=False, indent=2))


def _walk(scratch: House) -> int:
    """Boot the application and ask every route of the API that takes no value, as a stranger does.

    :returns: how many answered with what they show everybody.
    :raises BackupDoubtful: if one fails, or none has anything to show.
    """
    app = create_app(scratch)
    client = app.test_client()
    paths = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    statuses = {path: client.get(path).status_code for path in paths if path.startswith("/api/")}
    if failed := sorted(path for path, status in statuses.items() if status >= 500):
        raise backups.BackupDoubtful(f"恢复后的系统有接口出错：{'、'.join(failed)}")
    if not (shown := sum(status == 200 for status in statuses.values())):
        raise backups.BackupDoubtful("恢复后的系统没有可读的接口")
    return shown


COMMANDS: tuple[click.Command, ...] = (db, backup, restore, verify)
