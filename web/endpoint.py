"""Every route is declared here: path, who may, what it takes, what it gives, one call. Nothing is written by hand."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
import sqlalchemy.exc
from flask import Response, current_app, g, request
from flask_smorest import Blueprint
from marshmallow import Schema

from rules.access import roles_for
from rules.machine import Machine
from service.core import limits, replies
from service.core.paging import Page
from service.core.problems import (
    ConditionMissing,
    Conflict,
    Forbidden,
    KeyReused,
    Malformed,
    NotLoggedIn,
    Refusal,
    TooMany,
)
from service.core.unit import Actor, House, UnitOfWork
from service.exports.files import File
from web import auth
from web.contract import ENTERING, PERSON, PUBLIC, VISITOR, Endpoint, document
from web.parsing import StrictParser
from web.schemas.base import Asked, Empty, Reason, split_ask

Given = TypeVar("Given")

__all__ = [
    "ENTERING",
    "PERSON",
    "PUBLIC",
    "VISITOR",
    "Done",
    "Routes",
    "admit",
    "download",
    "endpoint",
    "in_unit",
    "moving",
]


class Routes(Blueprint):
    """A feature's blueprint under /api/v1."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, name, url_prefix="/api/v1", description=description)


def endpoint(
    blp: Routes,
    method: str,
    path: str,
    *,
    who: str,
    does: Callable[..., Any],
    takes: Schema | None = None,
    query: Schema | None = None,
    gives: Schema | None = None,
    status: int | None = None,
    writes: bool | None = None,
    creates: str | None = None,
    edits: bool | None = False,
    refuses: Sequence[type[Refusal]] = (),
    produces: str | None = None,
    per_hour: int | None = None,
    files: Schema | None = None,
    body_max: int | None = None,
    rivals: bool = False,
    known: bool = False,
) -> Endpoint:
    """Declare a route.

    :param who: PUBLIC, VISITOR, PERSON, or an action of `rules/access.py` such as `need.approve`.
    :param does: the command or query; gets the unit of work, the path's values, then the body (a dataclass as it is,
        a dict as keywords) or the query (a list's `Ask`, then its filters as keywords).
    :param creates: path of the created thing with `{id}` (or another of a dict's values): makes the request idempotent
        and answers 201 + Location.
    :param edits: True where `If-Match` is needed and passed on as `if_match`; None where the command decides.
    :param refuses: further refusals that only this route makes.
    :param produces: media type of the `File` that it gives instead of JSON.
    :param per_hour: how often one network address may ask; counted before anything else is looked at.
    :param files: the files of a multipart form.
    :param body_max: bytes that a body may have here, where the house's own limit does not fit.
    :param rivals: the command itself decides what becomes of other content under an id that is known.
    :param known: the result's `known` says that it was there before; then the answer is 200.
    """
    spec = Endpoint(
        who,
        does,
        takes,
        query,
        gives,
        status or (201 if creates else 200 if gives or produces else 204),
        method != "GET" if writes is None else writes,
        creates is not None,
        edits,
        (*refuses, *([TooMany] if per_hour else [])),
        creates,
        produces,
        per_hour,
        body_max,
        rivals,
        known,
    )

    def view(*args: Any, **path_values: Any) -> Response:
        return _perform(spec, args, path_values)

    inner = view
    if query is not None:
        inner = blp.arguments(query, location="query")(inner)
    if takes is not None:
        inner = blp.arguments(takes, required=any(f.required for f in takes.fields.values()))(inner)
    if files is not None:
        inner = blp.arguments(files, location="files")(inner)

    def outer(**path_values: Any) -> Response:
        return _serve(spec, inner, path_values)

    outer._apidoc = getattr(inner, "_apidoc", {})  # type: ignore[attr-defined]  # noqa: SLF001  (where smorest keeps it)
    name = path.strip("/").replace("/", "_").replace("<uuid:", "").replace("<", "").replace(">", "").replace(":", "_")
    outer.__name__ = f"{method.lower()}_{name}".replace(".", "_")
    outer.__doc__ = does.__doc__
    outer.spec = spec  # type: ignore[attr-defined]
    documented = document(blp, spec, path, method)(outer)
    blp.route(path, methods=[method])(documented)
    return spec


def moving(
    blp: Routes,
    things: str,
    machine: Machine,
    gives: Schema,
    commands: Mapping[str, Callable[..., Any]],
    **takes: Schema,
) -> None:
    """Declare `POST /<things>/{id}/<move>` for moves of a machine: who may and whether a reason is due stand there.

    :param takes: the body of a move that takes more than the reason.
    """
    for name, does in commands.items():
        body = takes.get(name) or (Reason() if machine.move(name).reason else Empty())
        path, who = f"/{things}/<uuid:{machine.thing}_id>/{name}", f"{machine.thing}.{name}"
        endpoint(blp, "POST", path, who=who, does=does, takes=body, gives=gives)


def _serve(spec: Endpoint, inner: Callable[..., Response], path_values: dict[str, Any]) -> Response:
    """Who asks, may they, then the unit of work around everything else."""
    house: House = current_app.extensions["tepai"]
    if spec.per_hour:
        who = limits.neighbourhood(request.remote_addr)
        limits.count(house, f"{request.endpoint} {who}", limit=spec.per_hour, minutes=60)
    actor = auth.authenticate(house)
    admit(spec.who, actor)

    if spec.body_max is not None:
        request.max_content_length = spec.body_max

    def act(uow: UnitOfWork) -> Response:
        g.uow = uow
        return inner(**path_values)

    return in_unit(house, actor, act, writes=spec.writes)


def in_unit(house: House, actor: Actor, act: Callable[[UnitOfWork], Given], *, writes: bool) -> Given:
    """Do something in one unit of work; nothing is answered before commit.

    :raises Conflict: if somebody did the same at the same moment, twice.
    """
    for last_try in (False, True):
        try:
            with (house.write if writes else house.read)(actor, g.trace) as uow:
                return act(uow)
        except sqlalchemy.exc.IntegrityError as error:
            # Somebody did the same at the same moment. Once more, and the rules see what they did.
            if last_try:
                raise Conflict("有人刚刚做了同样的操作") from error
        except sqlalchemy.exc.OperationalError as error:
            if last_try or getattr(error.orig, "sqlstate", None) not in {"40P01", "40001"}:
                raise
    raise AssertionError("unreachable")


def admit(who: str, actor: Actor) -> None:
    """Let the actor pass if they are who a route or page is for.

    :raises NotLoggedIn: if nobody is logged in.
    :raises Forbidden: if none of the actor's roles may.
    """
    if who == PUBLIC or (who == ENTERING and actor.entering):
        return
    if actor.kind == "visitor" and actor.account_id is None:
        raise NotLoggedIn
    if who == VISITOR:
        return
    if actor.person_id is None:
        raise Forbidden("此微信尚未绑定身份")
    if who not in {PERSON, ENTERING} and not actor.roles() & roles_for(who):
        raise Forbidden


def _perform(spec: Endpoint, parsed: tuple[Any, ...], path_values: dict[str, Any]) -> Response:
    """Sort what was parsed into the command's arguments, have it done, and answer."""
    uow: UnitOfWork = g.uow
    positional: list[Any] = list(path_values.values())
    keywords: dict[str, Any] = {}
    for value in parsed:
        if isinstance(value, dict):
            if isinstance(spec.query, Asked) and "cursor" in value:
                ask, filters = split_ask(value)
                positional.append(ask)
                keywords.update(filters)
            else:
                keywords.update(value)
        else:
            positional.append(value)
    if spec.edits is not False:
        keywords["if_match"] = _if_match(required=bool(spec.edits))
    done = perform(uow, spec, _asked_before(uow, spec), lambda: spec.does(uow, *positional, **keywords))
    return done if isinstance(done, Response) else _respond(done)


@dataclasses.dataclass(frozen=True)
class Done:
    """What came of a request, before it is a response."""

    status: int
    body: bytes
    location: str | None = None
    etag: str | None = None

    def kept(self) -> replies.Kept:
        """Give what of it is kept for whoever asks again."""
        return replies.Kept(self.status, self.body, self.location)


def perform(uow: UnitOfWork, spec: Endpoint, asked: replies.Request | None, does: Callable[[], Any]) -> Done | Response:
    """Answer from memory if the same was asked before; else do it, and write the answer down with the effect."""
    if asked is not None:
        try:
            reply = replies.kept(uow, asked, early=spec.rivals)
        except KeyReused:
            if not spec.rivals:
                raise
            asked = reply = None
        if reply is not None:
            return Done(reply.status, reply.body, reply.location)
    result = does()
    if isinstance(result, Response):
        return result
    if isinstance(result, File):
        return download(result)
    done = answered(spec, result)
    if asked is not None:
        uow.flush()
        replies.keep(uow, [(asked, done.kept())])
    return done


def answered(spec: Endpoint, result: Any) -> Done:
    """Say what a command's result is as an answer."""
    status = 200 if spec.known and result.known else spec.status
    body = b"" if spec.gives is None else orjson.dumps(_dump(spec, result))
    return Done(status, body, _location(spec, result), _etag(result))


def _dump(spec: Endpoint, result: Any) -> Any:
    if isinstance(result, Page):
        return {"items": spec.gives.dump(result.items, many=True), "next": result.next}  # type: ignore[union-attr]
    return spec.gives.dump(result)  # type: ignore[union-attr]


def _etag(result: Any) -> str | None:
    etag: str | None = result.get("etag") if isinstance(result, dict) else getattr(result, "etag", None)
    return etag


def _location(spec: Endpoint, result: Any) -> str | None:
    if not spec.location:
        return None
    named = result if isinstance(result, dict) else {"id": result.id}
    return "/api/v1" + spec.location.format(**named)


def _asked_before(uow: UnitOfWork, spec: Endpoint) -> replies.Request | None:
    if not spec.creates:
        return None
    body = g.get("body", {})  # as it was read, if anything came
    key = request.headers.get("Idempotency-Key")
    if key and len(key) > 200:
        raise Malformed("Idempotency-Key 过长")
    return replies.request(uow, request.path, body, key)


def _if_match(*, required: bool) -> str | None:
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise ConditionMissing
        return None
    return header.strip().removeprefix("W/").strip('"')


def download(file: File) -> Response:
    """Give a file under its own name (RFC 6266: in UTF-8, and a plain one for clients that cannot read that)."""
    response = Response(file.content, 200, content_type=file.media_type)
    plain = "export." + file.name.rsplit(".", 1)[-1]
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    response.headers["Content-Disposition"] = named
    response.headers["Cache-Control"] = "no-store"
    return response


def _respond(done: Done) -> Response:
    response = Response(done.body, done.status, content_type="application/json; charset=utf-8")
    if done.location:
        response.headers["Location"] = done.location
    if done.etag:
        response.headers["ETag"] = f'"{done.etag}"'
    response.headers["Cache-Control"] = "no-store"
    return response
