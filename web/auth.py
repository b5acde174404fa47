"""Who is asking: a bearer token on the API, a cookie on the console; each refuses the other."""

from contextlib import suppress

from flask import request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from service.core.problems import NotLoggedIn
from service.core.unit import VISITOR, Actor, House
from service.identity import commands, queries
from web import guard


def authenticate(house: House) -> Actor:
    """Give the actor of the bearer token; a stranger without one.

    :raises NotLoggedIn: if a token was sent that no living session has.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return VISITOR
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotLoggedIn("Authorization 应为 Bearer 令牌")
    return _living(house, token.strip(), "mini")


def authenticate_console(house: House) -> Actor:
    """Give the actor of the console's cookie; a stranger without one or with a dead one."""
    token = guard.cookie(house, guard.SESSION)
    if not token:
        return VISITOR
    try:
        return _living(house, token, "console")
    except NotLoggedIn:
        return VISITOR


def _living(house: House, token: str, kind: str) -> Actor:
    with house.glance(VISITOR) as uow:
        entered = queries.entered(uow, token, kind)
    if entered is None:
        raise NotLoggedIn("登录已失效，请重新登录")
    if entered.unseen:
        # Where nothing can be written, reads go on.
        with suppress(OperationalError, NoConnection), house.write(entered.actor) as writing:
            commands.touch(writing, entered.session_id)
    return entered.actor
