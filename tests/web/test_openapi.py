"""The OpenAPI document is valid 3.1, complete both ways, and says who may."""

import re
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from rules.access import roles_for
from tests.world import World
from web.endpoint import PERSON, PUBLIC, VISITOR


def _document(world: World) -> Any:
    return world.anyone().get("/api/openapi.json").json


def test_the_document_is_valid(world: World) -> None:
    """OpenAPI 3.1 by an independent validator."""
    document = _document(world)
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_described_and_every_described_route_is_there(world: World) -> None:
    """API9: the document equals the route map, both ways."""
    described = {
        (method.upper(), path)
        for path, item in _document(world)["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    }
    there = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)))
        for rule in world.app.url_map.iter_rules()
        if str(rule).startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == there


def test_every_operation_says_who_may_and_what_it_refuses(world: World) -> None:
    """Invariant 9: nobody, a visitor, a person, or the roles of an action; and one success, several refusals."""
    for path, item in _document(world)["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            who = operation["x-who"]
            assert who in {PUBLIC, VISITOR, PERSON} or roles_for(who), (method, path)
            statuses = set(operation["responses"])
            successes = {status for status in statuses if status.startswith("2")}
            assert successes, (method, path)
            assert "503" in statuses, (method, path)
            if who != PUBLIC:
                assert {"401", "403"} <= statuses, (method, path)
