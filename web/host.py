"""What every command of the command line shares: the house, and refusals said in one line."""

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from service.core.problems import Refusal
from service.core.unit import House


def house() -> House:
    """Give the house of the application that the command runs in."""
    found: House = current_app.extensions["tepai"]
    return found


def in_one_line(refusal: Refusal) -> click.ClickException:
    """Turn a refusal into the error that an operator reads, with exit status 1."""
    details = "；".join(f"{name}：{'、'.join(texts)}" for name, texts in (refusal.errors or {}).items())
    return click.ClickException(details or str(refusal))


class Refusing(AppGroup):
    """A group whose commands say a refusal in one line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise in_one_line(refusal) from refusal


class RefusingCommand(click.Command):
    """A command outside any group that says a refusal in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise in_one_line(refusal) from refusal
