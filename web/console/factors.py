"""The second factor: give it, and look after one's own."""

from typing import Any

import segno
from flask import Response
from marshmallow import fields, validate

from service.core.unit import Actor, House, UnitOfWork
from service.identity import factors
from web import guard
from web.endpoint import ENTERING
from web.page import Pages, form, page
from web.schemas.base import Empty, Id, In, Line, Secret

pages = Pages("factors", "/console", session=True)

OWN = "/console/factors"
CREDENTIAL_MAX = 20_000  # characters of what a browser answers for a passkey


class FactorAsked(In):
    """Where to go afterwards."""

    next = fields.String(load_default="/console/", validate=validate.Regexp(r"\A/console/[A-Za-z0-9/_-]*\Z"))


class FactorIn(FactorAsked):
    """A code that was typed, or a passkey's answer that the script filled in."""

    code = Line(60, shortest=0, load_default=None)
    credential = Secret(CREDENTIAL_MAX, shortest=0, load_default=None)


class FirstCodeIn(In):
    """The first code of a new authenticator."""

    code = Line(20, required=True)


class PasskeyIn(In):
    """What the browser answered for a new passkey."""

    credential = Secret(CREDENTIAL_MAX, required=True)


class FactorRemoved(In):
    """Which one to remove."""

    factor = Id(required=True)


def _ask(uow: UnitOfWork, *, next: str) -> dict[str, Any]:  # noqa: A002  (the query's public name)
    return {"stands": factors.standing(uow, guard.site(uow.house)), "next": next}


def _own(uow: UnitOfWork) -> dict[str, Any]:
    stands = factors.own(uow, guard.site(uow.house))
    return {"stands": stands, "drawn": segno.make(stands.address).svg_data_uri(scale=4) if stands.address else ""}


def _give(uow: UnitOfWork, *, next: str, code: str | None, credential: str | None) -> dict[str, Any]:  # noqa: A002
    return {**factors.give(uow, guard.site(uow.house), code=code, credential=credential), "next": next}


def _add_passkey(uow: UnitOfWork, *, credential: str) -> dict[str, Any]:
    return factors.add_passkey(uow, guard.site(uow.house), credential)


def _keep(house: House, response: Response, passed: dict[str, Any]) -> None:
    """Hand over the session's new token; new recovery codes are told once, on the next page."""
    if passed["token"]:
        guard.give_cookie(house, response, guard.SESSION, passed["token"])
    if passed["codes"]:
        lines = [("done", "请现在抄下或打印这些恢复码，它们只显示这一次，每个只能用一次：")]
        guard.say(
            house,
            Actor(session_id=passed["session"]),
            response,
            [*lines, *(("code", code) for code in passed["codes"])],
        )


ASK = page(pages, "/factor", who=ENTERING, does=_ask, template="console/factor.html", query=FactorAsked())
OWN_PAGE = page(pages, "/factors", who=ENTERING, does=_own, template="console/factors.html")

form(pages, "/factor", who=ENTERING, does=_give, takes=FactorIn(), page=ASK, then="{0[next]}", after=_keep)
form(pages, "/factors/totp", who=ENTERING, does=factors.begin_totp, takes=Empty(), then=OWN + "#totp")
form(pages, "/factors/totp/confirm", who=ENTERING, does=factors.confirm_totp, takes=FirstCodeIn(), page=OWN_PAGE,
     then=OWN, after=_keep)  # fmt: skip
form(pages, "/factors/passkey", who=ENTERING, does=_add_passkey, takes=PasskeyIn(), page=OWN_PAGE, then=OWN,
     after=_keep)  # fmt: skip
form(pages, "/factors/codes", who=ENTERING, does=factors.renew_codes, takes=Empty(), page=OWN_PAGE, then=OWN,
     after=_keep)  # fmt: skip
form(pages, "/factors/remove", who=ENTERING, does=factors.remove, takes=FactorRemoved(), page=OWN_PAGE, then=OWN,
     said="已移除「{0.name}」")  # fmt: skip
