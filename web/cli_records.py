"""The proof of the records' versions."""

from contextlib import closing

import click

from service.core.unit import OPERATOR
from service.records import chain
from web.host import Refusing, house


@click.group(cls=Refusing)
def records() -> None:
    """The service records and their versions."""


@records.command("verify")
def verify() -> None:
    """Recompute every version and its link to the one before; name the first that is wrong and fail."""
    with house().read(OPERATOR) as uow:
        with closing(chain.faults(uow)) as found:
            fault = next(found, None)
        handed_in, versions = chain.counts(uow)
    if fault is not None:
        raise click.ClickException(str(fault))
    click.echo(f"ok: {handed_in} records in {versions} versions")


COMMANDS: tuple[click.Command, ...] = (records,)
