"""What keeps the console's forms ours: where a request came from, the session's token, the cookies' flags."""

import hmac
import json
import zlib
from base64 import b85decode, b85encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from flask import Response, request

from service.core.problems import Forbidden
from service.core.unit import Actor, House
from service.identity.passkeys import Site

SESSION, SAID, SCAN = "tepai", "tepai-said", "tepai-scan"
SAID_BYTES_MAX = 3800  # a browser keeps 4096 bytes a cookie, its name and flags included
Lines = Sequence[tuple[str, str]]


class ForeignForm(Forbidden):
    """A form that did not come from our own pages, or from a session that has ended (CSRF)."""

    kind, title = "foreign-form", "页面已过期或来源不明，请返回原页面后重试"


def cookie_name(house: House, name: str) -> str:
    """Give a cookie's name: `__Host-` binds it to this host and to TLS; development speaks plain HTTP and cannot."""
    return name if house.settings.development else f"__Host-{name}"


def give_cookie(house: House, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set one of our cookies with its flags; without `seconds` it ends with the browser."""
    response.set_cookie(
        cookie_name(house, name),
        value,
        max_age=seconds,
        path="/",
        secure=not house.settings.development,
        httponly=True,
        samesite="Strict",
    )


def cookie(house: House, name: str) -> str | None:
    """Give the value of one of our cookies, if the browser sent it."""
    return request.cookies.get(cookie_name(house, name)) or None


def site(house: House) -> Site:
    """Say where the console stands; in development that is wherever the browser found it."""
    parts = urlsplit(request.host_url if house.settings.development else house.settings.public_url)
    return Site(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


def drop_cookie(house: House, response: Response, name: str) -> None:
    """Make the browser forget one of our cookies."""
    give_cookie(house, response, name, "", seconds=0)


def token(house: House, actor: Actor) -> str:
    """Give the token that every form of a session carries; empty for strangers, who have nothing to forge."""
    return house.vault.digest("csrf", str(actor.session_id)) if actor.session_id else ""


def check_source(house: House) -> None:
    """Compare where a form was sent from with where we are: `Sec-Fetch-Site`, or `Origin` from older browsers.

    :raises ForeignForm: if it came from another site or origin.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise ForeignForm
    if origin is not None and origin not in {_origin(request.host_url), _origin(house.settings.public_url)}:
        raise ForeignForm


def check_token(house: House, actor: Actor) -> None:
    """Compare the form's token with the session's.

    :raises ForeignForm: if it is missing or another session's.
    """
    sent = request.form.get("csrf", "")
    if not hmac.compare_digest(sent.encode(), token(house, actor).encode()):
        raise ForeignForm


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def say(house: House, actor: Actor, response: Response, lines: Lines) -> None:
    """Tell the session's next page what came of a form: `(kind, text)` a line, sealed in a cookie of a minute.

    Where the lines are too many for a cookie their count is told instead.
    """
    value = _sealed(house, actor, lines)
    if len(value) > SAID_BYTES_MAX:
        kinds = [kind for kind, _ in lines]
        counts = [(kind, f"{kinds.count(kind)} 条") for kind in sorted(set(kinds))]
        value = _sealed(house, actor, counts)
    give_cookie(house, response, SAID, value, seconds=60)


def _sealed(house: House, actor: Actor, lines: Lines) -> str:
    text = json.dumps([str(actor.session_id), list(lines)], ensure_ascii=False)
    packed = b85encode(zlib.compress(text.encode(), 9)).decode()
    return urlsafe_b64encode(house.vault.seal(packed)).decode()


def said(house: House, actor: Actor) -> list[tuple[str, str]]:
    """Give what the last form came to; nothing if it was told to another session or is no message of ours."""
    value = cookie(house, SAID)
    if not value:
        return []
    try:
        text = zlib.decompress(b85decode(house.vault.unseal(urlsafe_b64decode(value))))
        session, lines = json.loads(text)
    except (NotBase64, InvalidTag, ValueError, IndexError, zlib.error):
        return []
    return [(kind, line) for kind, line in lines] if session == str(actor.session_id) else []
