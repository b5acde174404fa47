"""Entering as one of the demo people with one click. Registered in development only."""

from typing import Any

from flask import Response
from marshmallow import fields, validate

from service.core.unit import House, UnitOfWork
from service.identity import console
from web import guard
from web.endpoint import PUBLIC
from web.page import Pages, form
from web.schemas.base import Id, In

pages = Pages("demo", "/console", session=True, development=True)


class EnterIn(In):
    """Whom to be, and where to go."""

    person = Id(required=True)
    next = fields.String(load_default="/console/", validate=validate.Regexp(r"\A/console/[A-Za-z0-9/_-]*\Z"))


def _enter(uow: UnitOfWork, *, person: Any, next: str) -> dict[str, Any]:  # noqa: A002  (the form's public name)
    return {**console.enter(uow, person), "next": next}


def _remember(house: House, response: Response, opened: dict[str, Any]) -> None:
    guard.give_cookie(house, response, guard.SESSION, opened["token"])


form(pages, "/login", who=PUBLIC, does=_enter, then="{0[next]}", takes=EnterIn(), after=_remember)
