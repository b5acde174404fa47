"""Many requests in one body, each done as if it had been posted alone."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, ValidationError
from sqlalchemy.exc import DBAPIError

from service.core import replies
from service.core.problems import Invalid, Refusal
from service.core.unit import UnitOfWork
from web.contract import Endpoint
from web.endpoint import Done, answered, in_unit, perform
from web.parsing import by_field
from web.problems import refuse, status_of

Many = Callable[[UnitOfWork, Sequence[Any]], Sequence[Any]]


def each(spec: Endpoint, path: str, name: str, together: Many) -> Callable[..., dict[str, Any]]:
    """Make a batch's `does`: every item is what `spec` takes, and is answered as if it had been posted alone.

    The answer of an item is kept under its id as that of a single post is, so the two ways of sending are one. What can
    be done together is; whatever is left, or all where somebody did the same at the same moment, is done one by one,
    each in a unit of work of its own.

    :param path: where the single thing is posted, below /api/v1.
    :param name: what an item of the answer calls the thing, beside `id`, `status` and `problem`.
    :param together: the command on many forms: for each what `spec` does of it, a refusal, or None to do it alone.
    """

    def alone(own: UnitOfWork, item: Any, form: Any) -> Done:
        asked = replies.request(own, f"/api/v1{path}", item)
        done = perform(own, spec, asked, lambda: spec.does(own, form))
        if isinstance(done, Response):
            raise TypeError("a file cannot be an item of a batch")
        return done

    def does(uow: UnitOfWork, items: Sequence[Any]) -> dict[str, Any]:
        """Take each item on its own; one that is refused holds up no other."""
        forms = [_loaded(spec.takes, item) for item in items]
        asked = [replies.request(uow, f"/api/v1{path}", item) for item in items]
        done = _together(uow, spec, together, asked, forms)
        for place, form in enumerate(forms):
            if place not in done:
                done[place] = _alone(uow, alone, items[place], form)
        return {"items": [_shown(item, name, done[place]) for place, item in enumerate(items)]}

    if spec.takes is None:
        raise TypeError("a batch is made of bodies")
    return does


def _together(
    uow: UnitOfWork, spec: Endpoint, together: Many, asked: Sequence[replies.Request | None], forms: Sequence[Any]
) -> dict[int, Done | Refusal]:
    """Do in one unit of work what can be done together; gives by place what came of it."""
    first: dict[str, int] = {}
    for place, (request, form) in enumerate(zip(asked, forms, strict=True)):
        if request is not None and not isinstance(form, Refusal):
            first.setdefault(request.key, place)
    places = {place: request for place in first.values() if (request := asked[place]) is not None}
    try:
        with uow.house.write(uow.actor, uow.trace) as own:
            kept = replies.kept_all(own, list(places.values()), early=True)
            done: dict[int, Done | Refusal] = {
                first[key]: Done(one.status, one.body, one.location)
                for key, one in kept.items()
                if isinstance(one, replies.Kept)
            }
            new = [place for place in places if places[place].key not in kept]
            outcomes = dict(zip(new, together(own, [forms[place] for place in new]), strict=True)) if new else {}
            made = {
                place: answered(spec, one) for place, one in outcomes.items() if not isinstance(one, Refusal | None)
            }
            replies.keep(own, [(places[place], one.kept()) for place, one in made.items()])
    except DBAPIError:
        return {}
    return done | made | {place: one for place, one in outcomes.items() if isinstance(one, Refusal)}


def apart(command: Callable[..., Any], takes: Schema, gives: Schema, name: str) -> Callable[..., dict[str, Any]]:
    """Make a batch's `does` of a command on things that are there: every item has a unit of work of its own.

    :param takes: what an item is; its values are the command's keywords.
    """

    def alone(own: UnitOfWork, _: Any, values: Any) -> Done:
        return Done(200, orjson.dumps(gives.dump(command(own, **values))))

    def does(uow: UnitOfWork, items: Sequence[Any]) -> dict[str, Any]:
        """Take each item on its own; one that is refused holds up no other."""
        return {"items": [_shown(item, name, _alone(uow, alone, item, _loaded(takes, item))) for item in items]}

    return does


def _alone(uow: UnitOfWork, alone: Callable[[UnitOfWork, Any, Any], Done], item: Any, form: Any) -> Done | Refusal:
    if isinstance(form, Refusal):
        return form
    try:
        return in_unit(uow.house, uow.actor, lambda own: alone(own, item, form), writes=True)
    except Refusal as refusal:
        return refusal


def _shown(item: Any, name: str, done: Done | Refusal) -> dict[str, Any]:
    shown = {"id": item.get("id") if isinstance(item, dict) else None}
    if isinstance(done, Refusal):
        return shown | {"status": status_of(type(done)), "problem": orjson.Fragment(refuse(done).data)}
    return shown | {"status": done.status, name: orjson.Fragment(done.body)}


def _loaded(takes: Schema | None, item: Any) -> Any:
    """Give an item as its command takes it, or the refusal that names what is wrong."""
    try:
        return takes.load(item) if takes else item
    except ValidationError as error:
        return Invalid(errors=by_field([error.messages]))
