"""The command line: what an operator does on the host. `flask --app wsgi --help` lists it."""

import json
from pathlib import Path
from uuid import UUID

import click
from flask import Flask

from service.assessments.schemes import load_default as load_default_scheme
from service.core.unit import OPERATOR
from service.identity import glass
from service.identity import registration as identity
from service.publicity import windows
from service.regions import commands as regions
from service.regions import queries as region_queries
from web import cli_plans, cli_records, cli_wechat, cli_worker
from web.cli_operations import COMMANDS
from web.host import Refusing
from web.host import house as _house

DATA = Path(__file__).parent.parent / "data"


@click.group(cls=Refusing)
def people() -> None:
    """People and roles."""


@people.command("first-admin")
@click.argument("name")
@click.option("--phone", default=None, help="The registered phone number.")
@click.option("--city", default="4452", show_default=True, help="The city's code.")
def first_admin(name: str, phone: str | None, city: str) -> None:
    """Register the first administrator and print an invitation. Refused once an administrator exists."""
    with _house().write(OPERATOR) as uow:
        made = identity.first_admin(uow, name, phone, city)
    click.echo(json.dumps({name: str(value) for name, value in made.items()}, ensure_ascii=False))


@people.command("approve-role")
@click.argument("grant", type=UUID)
def approve_role(grant: UUID) -> None:
    """Approve a role on the host while fewer than two administrators exist, so that the first one can have a second."""
    with _house().write(OPERATOR) as uow:
        identity.approve_on_host(uow, grant)
    click.echo("ok")


@people.command("approve-binding")
@click.argument("binding", type=UUID)
def approve_binding(binding: UUID) -> None:
    """Verify a WeChat binding on the host, while there is no second administrator who could."""
    with _house().write(OPERATOR) as uow:
        identity.bind_on_host(uow, binding)
    click.echo("ok")


@people.command("break-glass")
@click.argument("administrator")
def break_glass(administrator: str) -> None:
    """Print a single-use code with which an administrator, by name or id, enters the console for once.

    For when WeChat or the second factor is away. It is journalled, and every administrator is told.
    """
    with _house().write(OPERATOR) as uow:
        made = glass.issue(uow, administrator)
    click.echo(json.dumps({name: str(value) for name, value in made.items()}, ensure_ascii=False))


@people.command("reset-factors")
@click.argument("person")
def reset_factors(person: str) -> None:
    """Forget the second factors of a person, by name or id, who lost them all. It is journalled, and they are told."""
    with _house().write(OPERATOR) as uow:
        glass.reset_factors(uow, person)
    click.echo("ok")


@people.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--region", default="4452", show_default=True, help="The city or county that registers them.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
def import_people(file: Path, region: str, *, dry_run: bool) -> None:
    """Import people from a CSV file (name, phone, organisation, title, specialties, …)."""
    with _house().write(OPERATOR) as uow:
        report = identity.import_people(uow, file.read_bytes(), region, dry_run=dry_run)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2, default=str))


@click.group(cls=Refusing)
def roster() -> None:
    """The roster of townships and the other reference data."""


@roster.command("load")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=DATA)
@click.option("--city", default="4452", show_default=True)
@click.option("--city-name", default="揭阳市", show_default=True)
@click.option("--province-name", default="广东省", show_default=True)
def load(folder: Path, city: str, city_name: str, province_name: str) -> None:
    """Load reference data from a folder; loading twice changes nothing."""
    with _house().write(OPERATOR) as uow:
        counts = regions.load(uow, folder, city, city_name, province_name)
        shipped = json.loads((DATA / "scheme_default.json").read_text(encoding="utf-8"))
        counts["schemes"] = load_default_scheme(uow, shipped, city)
    click.echo(json.dumps(counts))


@roster.command("check")
def check() -> None:
    """Say what of the roster is unconfirmed or has no point."""
    with _house().read(OPERATOR) as uow:
        lines = region_queries.check(uow)
    click.echo("\n".join(lines))


@click.group(cls=Refusing)
def calendar() -> None:
    """The official calendar of working days, and how long lists stand in public."""


@calendar.command("load")
@click.argument("year", type=click.IntRange(2000, 2199))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="", help="The notice that the days are taken from.")
def load_calendar(year: int, file: Path, source: str) -> None:
    """Load a year from a CSV file (day,workday) as the yearly notice gives it; open windows get their end."""
    with _house().write(OPERATOR) as uow:
        changed = windows.load_calendar(uow, year, file.read_bytes(), source or file.name)
    click.echo(json.dumps({"year": year, "windows": changed}))


@calendar.command("publicity-days")
@click.argument("region")
@click.argument("days", type=int)
def publicity_days(region: str, days: int) -> None:
    """Choose how many working days the lists of a county or city stand in public from now on."""
    with _house().write(OPERATOR) as uow:
        windows.set_days(uow, region, days)
    click.echo("ok")


def register(app: Flask) -> None:
    """Hang every command below `flask --app wsgi`."""
    rooms = (cli_worker, cli_wechat, cli_records, cli_plans)
    others = [command for room in rooms for command in room.COMMANDS]
    for command in (people, roster, calendar, *COMMANDS, *others):
        app.cli.add_command(command)
