"""Into the console and out of it: by a scanned code and a second factor, in need by the host's emergency code."""

from typing import Any

from flask import Response, request
from marshmallow import fields, validate

from rules.identity import coarse
from service.core.unit import House, UnitOfWork
from service.identity import commands, console, factors, glass, scans
from web import guard
from web.endpoint import PERSON, PUBLIC
from web.page import LOGIN, Pages, form, page, picture
from web.schemas.base import In, Line
from web.wording import browser

pages = Pages("login", "/console", session=True)

ASKS_PER_HOUR, CODES_PER_HOUR = 240, 20  # an office of many people stands behind one address


class Onward(In):
    """Where to go afterwards."""

    next = fields.String(load_default="/console/", validate=validate.Regexp(r"\A/console/[A-Za-z0-9/_-]*\Z"))


class LoginAsked(Onward):
    """The same, and in development whom to look for."""

    q = Line(60, load_default=None)


class CodeIn(In):
    """The host's emergency code."""

    code = Line(60, required=True)


def _login(uow: UnitOfWork, *, next: str, q: str | None) -> dict[str, Any]:  # noqa: A002  (the query's public name)
    development = uow.settings.development
    return {
        "parts_by_role": console.parts(uow, q) if development else {},
        "development": development,
        "sandbox_port": uow.settings.sandbox_port,
        "waiting": scans.waiting(uow, guard.cookie(uow.house, guard.SCAN)),
        "next": next,
    }


def _ask(uow: UnitOfWork, *, next: str) -> dict[str, Any]:  # noqa: A002  (the form's public name)
    agent = request.headers.get("User-Agent", "")
    return {"scan": scans.ask(uow, browser(agent), coarse(request.remote_addr)), "next": next}


def _enter(uow: UnitOfWork, *, next: str) -> dict[str, Any]:  # noqa: A002  (the form's public name)
    opened = scans.enter(uow, guard.cookie(uow.house, guard.SCAN))
    known = factors.known(uow, opened["asked_by"])
    return {**opened, "next": f"/console/factor?next={next}" if known else "/console/factors"}


def _keep_scan(house: House, response: Response, asked: dict[str, Any]) -> None:
    guard.give_cookie(house, response, guard.SCAN, asked["scan"])


def _keep(house: House, response: Response, opened: dict[str, Any]) -> None:
    guard.give_cookie(house, response, guard.SESSION, opened["token"])
    guard.drop_cookie(house, response, guard.SCAN)


def _forget(house: House, response: Response, _: Any) -> None:
    guard.drop_cookie(house, response, guard.SESSION)


LOGIN_PAGE = page(pages, "/login", who=PUBLIC, does=_login, template="console/login.html", query=LoginAsked())
picture(pages, "/login/code.png", who=PUBLIC, does=lambda uow: scans.image(uow, guard.cookie(uow.house, guard.SCAN)))
form(pages, "/login/scan", who=PUBLIC, does=_ask, takes=Onward(), then=LOGIN + "?next={0[next]}", after=_keep_scan,
     per_hour=ASKS_PER_HOUR)  # fmt: skip
form(pages, "/login/enter", who=PUBLIC, does=_enter, takes=Onward(), page=LOGIN_PAGE, then="{0[next]}",
     after=_keep)  # fmt: skip
form(pages, "/login/code", who=PUBLIC, does=glass.enter, takes=CodeIn(), page=LOGIN_PAGE, then="/console/", after=_keep,
     per_hour=CODES_PER_HOUR)  # fmt: skip
form(pages, "/logout", who=PERSON, does=commands.end_session, then=LOGIN, after=_forget)
