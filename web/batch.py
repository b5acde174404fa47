"""Many requests in one body, each done as if it had been posted alone."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, ValidationError

from service.core import replies
from service.core.problems import Invalid, Refusal
from service.core.unit import UnitOfWork
from web.contract import Endpoint
from web.endpoint import Done, in_unit, perform
from web.parsing import by_field
from web.problems import refuse, status_of


def each(spec: Endpoint, path: str, name: str) -> Callable[..., dict[str, Any]]:
    """Make a batch's `does`: every item is what `spec` takes, and has a unit of work of its own.

    The answer of an item is kept under its id as that of a single post is, so the two ways of sending are one.

    :param path: where the single thing is posted, below /api/v1.
    :param name: what an item of the answer calls the thing, beside `id`, `status` and `problem`.
    """

    def alone(own: UnitOfWork, item: dict[str, Any], form: Any) -> Done:
        asked = replies.request(own, f"/api/v1{path}", item)
        done = perform(own, spec, asked, lambda: spec.does(own, form))
        if isinstance(done, Response):
            raise TypeError("a file cannot be an item of a batch")
        return done

    if spec.takes is None:
        raise TypeError("a batch is made of bodies")
    return _batch(spec.takes, name, alone)


def apart(command: Callable[..., Any], takes: Schema, gives: Schema, name: str) -> Callable[..., dict[str, Any]]:
    """Make a batch's `does` of a command on things that are there: every item has a unit of work of its own.

    :param takes: what an item is; its values are the command's keywords.
    """

    def alone(own: UnitOfWork, _: dict[str, Any], values: Any) -> Done:
        return Done(200, orjson.dumps(gives.dump(command(own, **values))))

    return _batch(takes, name, alone)


def _batch(takes: Schema, name: str, alone: Callable[[UnitOfWork, Any, Any], Done]) -> Callable[..., dict[str, Any]]:
    def does(uow: UnitOfWork, items: Sequence[Any]) -> dict[str, Any]:
        """Take each item on its own; one that is refused holds up no other."""
        return {"items": [_one(uow, item) for item in items]}

    def _one(uow: UnitOfWork, item: Any) -> dict[str, Any]:
        shown = {"id": item.get("id") if isinstance(item, dict) else None}
        try:
            form = _loaded(takes, item)
            done = in_unit(uow.house, uow.actor, lambda own: alone(own, item, form), writes=True)
        except Refusal as refusal:
            return shown | {"status": status_of(type(refusal)), "problem": orjson.Fragment(refuse(refusal).data)}
        return shown | {"status": done.status, name: orjson.Fragment(done.body)}

    return does


def _loaded(takes: Schema, item: Any) -> Any:
    try:
        return takes.load(item)
    except ValidationError as error:
        raise Invalid(errors=by_field([error.messages])) from error
