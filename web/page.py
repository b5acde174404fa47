"""Every page and every form is declared here, as every endpoint is in `endpoint.py`: who may, what it takes, one call.

A page reads in one unit of work. A form writes in one and sends the browser on (303), so that reloading does nothing
twice; what it refused is told on the page it came from, read afresh.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, current_app, g, render_template, request
from marshmallow import EXCLUDE, Schema, ValidationError

from models.base import Identified
from service.core import gate, limits
from service.core.problems import Conflict, Invalid, Malformed, NotFound, NotLoggedIn, Refusal, Stale
from service.core.unit import VISITOR, Actor, House, UnitOfWork
from service.identity import console, factors
from web import auth, guard
from web.endpoint import ENTERING, PUBLIC, admit, in_unit
from web.problems import status_of
from web.schemas.base import Asked, split_ask

LOGIN, FACTOR = "/console/login", "/console/factor"
PUBLIC_SECONDS = 60
TICKS_MAX = 100
_ETAG = re.compile(r"\A([0-9a-f]{32})-[0-9]{1,9}\Z")
After = Callable[[House, Response, Any], None]


class Pages(Blueprint):
    """A feature's pages. `session` ones know who is there by the cookie; the others never look at it."""

    def __init__(
        self, name: str, prefix: str = "", *, session: bool, development: bool = False, alone: str | None = None
    ) -> None:
        super().__init__(name, name, url_prefix=prefix)
        self.session = session
        self.alone = alone
        """The stylesheet of pages that stand alone: one request brings everything to whoever holds the address, which
        is a secret; nobody keeps them and no engine finds them."""
        self.development = development
        """Registered in development only."""


@dataclasses.dataclass(frozen=True)
class Page:
    """One declared page."""

    pages: Pages
    who: str
    does: Callable[..., Mapping[str, Any]]
    template: str
    query: Schema | None


@dataclasses.dataclass(frozen=True)
class Form:
    """One declared form."""

    pages: Pages
    who: str
    does: Callable[..., Any]
    page: Page | None
    then: str
    said: str | None
    takes: Schema | None
    guards: type[Identified] | None = None
    after: After | None = None
    per_hour: int | None = None
    fresh: bool = False


def page(
    pages: Pages,
    path: str,
    *,
    who: str,
    does: Callable[..., Mapping[str, Any]],
    template: str,
    query: Schema | None = None,
) -> Page:
    """Declare a page.

    :param does: gives what the template shows; gets the unit of work, the path's values and the query's, a list's
        `Ask` first. What a link from elsewhere adds to the query is passed over, empty filters count as none. Its
        `status`, if there is one, is the answer's.
    """
    spec = Page(pages, who, does, template, query)

    def view(**path_values: Any) -> Response:
        actor = _actor(spec.pages)
        if spec.who != PUBLIC and actor.session_id is None:
            return _go(f"{LOGIN}?{urlencode({'next': request.path})}")
        if actor.entering and spec.who not in {PUBLIC, ENTERING}:
            return _go(f"{FACTOR}?{urlencode({'next': request.path})}")
        admit(spec.who, actor)
        return _show(spec, actor, path_values)

    pages.add_url_rule(path, f"get_{_name(path)}", view, methods=["GET"])
    return spec


def form(
    pages: Pages,
    path: str,
    *,
    who: str,
    does: Callable[..., Any],
    then: str,
    said: str | None = None,
    page: Page | None = None,
    takes: Schema | None = None,
    guards: type[Identified] | None = None,
    after: After | None = None,
    per_hour: int | None = None,
    fresh: bool = False,
) -> None:
    """Declare a form: `POST`, from our own pages only, then on to `then`.

    :param then: path of the next page, with `{0.…}` of what the command gave and `{…}` of the path's values.
    :param said: the sentence that the next page tells, with the same places.
    :param page: the page that shows what was refused and keeps what was typed; it has the same path values.
    :param guards: the model of the thing that the form was filled in before; it must still be as it was `seen`.
    :param after: what else the answer carries, such as a cookie.
    :param per_hour: how often one network address may send it.
    :param fresh: outside development the second factor must have been given just now (quality.md §5, step-up).
    """
    spec = Form(pages, who, does, page, then, said, takes, guards, after, per_hour, fresh)

    def view(**path_values: Any) -> Response:
        actor = _poster(spec.pages, spec.who)
        if spec.per_hour:
            address = limits.neighbourhood(request.remote_addr)
            limits.count(_house(), f"{request.endpoint} {address}", limit=spec.per_hour, minutes=60)
        try:
            result, then, said = in_unit(_house(), actor, lambda uow: _tell(spec, uow, path_values), writes=True)
        except (Invalid, Conflict, Stale) as refusal:
            if spec.page is None:
                raise
            return _show(spec.page, actor, path_values, status=status_of(type(refusal)), refusal=refusal)
        response = _go(then)
        if said:
            guard.say(_house(), actor, response, [("done", said)])
        if spec.after:
            spec.after(_house(), response, result)
        return response

    pages.add_url_rule(path, f"post_{_name(path)}", view, methods=["POST"])


def picture(pages: Pages, path: str, *, who: str, does: Callable[[UnitOfWork], bytes]) -> None:
    """Declare a picture (PNG) that a page shows; nobody keeps it."""

    def view() -> Response:
        actor = _actor(pages)
        admit(who, actor)
        with _house().read(actor, g.trace) as uow:
            response = Response(does(uow), content_type="image/png")
        response.headers["Cache-Control"] = "no-store"
        return response

    pages.add_url_rule(path, f"get_{_name(path)}", view, methods=["GET"])


def bulk(
    pages: Pages, path: str, *, who: str, does: Callable[..., Any], guards: type[Identified], then: str, said: str
) -> None:
    """Declare a form over ticked things (`tick` = what each was seen as): each in a unit of work of its own, and one
    line each on the next page, done or refused.

    :param does: the command for one; gets the unit of work and the thing's id.
    """
    spec = Form(pages, who, does, None, then, said, None, guards)

    def view() -> Response:
        actor = _poster(spec.pages, spec.who)
        ticks = list(dict.fromkeys(request.form.getlist("tick")))
        if len(ticks) > TICKS_MAX or not all(_ETAG.match(tick) for tick in ticks):
            raise Malformed
        lines = [_one(spec, actor, tick) for tick in ticks] or [("refused", "没有勾选任何一条")]
        response = _go(spec.then)
        guard.say(_house(), actor, response, lines)
        return response

    pages.add_url_rule(path, f"post_{_name(path)}", view, methods=["POST"])


def _one(spec: Form, actor: Actor, tick: str) -> tuple[str, str]:
    identity = UUID(tick[:32])
    model = spec.guards or Identified

    def act(uow: UnitOfWork) -> str:
        gate.match(gate.fetch(uow, model, identity, lock=True), tick)
        return (spec.said or "").format(_Short(spec.does(uow, identity)))

    try:
        return "done", in_unit(_house(), actor, act, writes=True)
    except Refusal as refusal:
        return "refused", f"{_title(actor, model, identity)}：{refusal.detail or refusal.title}"


class _Short:
    """A row whose texts are cut, so that many lines fit into one cookie."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getattr__(self, name: str) -> str:
        text = str(getattr(self._row, name))
        return text if len(text) <= 18 else text[:17] + "…"


def _title(actor: Actor, model: type[Identified], identity: UUID) -> str:
    try:
        with _house().read(actor, g.trace) as uow:
            return f"「{_Short(gate.fetch(uow, model, identity)).title}」"
    except NotFound:
        return "其中一条"


def _tell(spec: Form, uow: UnitOfWork, path_values: Mapping[str, Any]) -> tuple[Any, str, str]:
    """Do what the form asks; give what came of it, where to go on, and the sentence that is told there."""
    result = _act(spec, uow, path_values)
    return result, spec.then.format(result, **path_values), (spec.said or "").format(result, **path_values)


def _act(spec: Form, uow: UnitOfWork, path_values: Mapping[str, Any]) -> Any:
    if spec.fresh:
        factors.require_fresh(uow)
    if spec.guards:
        row = gate.fetch(uow, spec.guards, next(iter(path_values.values())), lock=True)
        gate.match(row, request.form.get("seen", ""))
    typed = {name: value for name, value in request.form.items() if name not in {"csrf", "seen"}}
    values = _load(spec.takes, typed) if spec.takes else {}
    if isinstance(values, dict):
        return spec.does(uow, *path_values.values(), **values)
    return spec.does(uow, *path_values.values(), values)


def _show(
    spec: Page, actor: Actor, path_values: Mapping[str, Any], *, status: int = 200, refusal: Refusal | None = None
) -> Response:
    """Read what the page shows and write it down, all in one unit of work."""
    typed = request.form if refusal else {}
    positional: list[Any] = list(path_values.values())
    filters: dict[str, Any] = {}
    if spec.query is not None:
        given = {name: value for name, value in request.args.items() if value.strip()}
        loaded = _load(spec.query, given, unknown=EXCLUDE)
        if isinstance(spec.query, Asked):
            ask, filters = split_ask(loaded)
            positional.append(ask)
        else:
            filters = loaded
    with _house().read(actor, g.trace) as uow:
        facts = spec.does(uow, *positional, **filters)
        frame = _frame(uow) if spec.pages.session else {}
        told = {"refusal": refusal, "errors": (refusal.errors or {}) if refusal else {}, "typed": typed}
        html = render_template(spec.template, **frame, **told, asked=filters, **facts)
    response = Response(html, facts.get("status") or status, content_type="text/html; charset=utf-8")
    cached = not spec.pages.session and not spec.pages.alone and refusal is None
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}" if cached else "no-store"
    if spec.pages.alone:
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    if spec.pages.session and frame["said"]:
        guard.drop_cookie(_house(), response, guard.SAID)
    return response


def _frame(uow: UnitOfWork) -> dict[str, Any]:
    """Give what every page of the console has around it."""
    return {
        "me": console.badge(uow),
        "may": uow.actor.may,
        "csrf": guard.token(uow.house, uow.actor),
        "said": guard.said(uow.house, uow.actor),
    }


def _load(schema: Schema, values: Mapping[str, Any], **options: Any) -> Any:
    try:
        return schema.load(values, **options)
    except ValidationError as error:
        messages = error.normalized_messages()
        raise Invalid(errors={name: list(map(str, texts)) for name, texts in messages.items()}) from error


def _actor(pages: Pages) -> Actor:
    """Say who is there: by the cookie on the console, nobody on public pages. Tokens are for the API alone."""
    if not pages.session:
        return VISITOR
    if "Authorization" in request.headers:
        raise NotLoggedIn("工作台不接受令牌，请在浏览器中登录")
    return auth.authenticate_console(_house())


def _poster(pages: Pages, who: str) -> Actor:
    """Say who sends a form, once it is certain that it is ours; only then whether they may."""
    guard.check_source(_house())
    actor = _actor(pages)
    if actor.session_id:
        guard.check_token(_house(), actor)
    admit(who, actor)
    return actor


def _house() -> House:
    house: House = current_app.extensions["tepai"]
    return house


def _go(path: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response


def _name(path: str) -> str:
    return re.sub(r"[^a-z_]+", "_", path.replace("uuid:", "")).strip("_") or "root"
