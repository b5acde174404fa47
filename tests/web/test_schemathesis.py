"""Schemathesis over the whole document, per role: no 500, no undocumented answer (issue point 16, quality.md bar 14).

`SCHEMATHESIS_EXAMPLES=100 pytest tests/web/test_schemathesis.py` digs as deep as the bar asks.
"""

import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.world import World

ROLES = (
    "anyone",
    "stranger",
    "township",
    "county",
    "lead",
    "city",
    "chen",
    "dispatcher",
    "co_reviewer",
    "admin",
    "auditor",
)
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
PARTS = 4
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def _headers(world: World, role: str) -> dict[str, str]:
    if role == "anyone":
        return {}
    caller = world.login("陌生人甲") if role == "stranger" else world.as_(role)
    return {"Authorization": f"Bearer {caller.token}"}


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_that_a_caller_can_send_is_a_server_error(world: World, part: int) -> None:
    """Every operation as every role, with what the document allows and with what it does not.

    Inventing a case takes much longer than sending it, so each is sent as every role; a part is every fourth operation.
    """
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", world.app)
    callers = [_headers(world, role) for role in ROLES]
    for result in list(schema.get_all_operations())[part::PARTS]:
        operation = result.ok()  # type: ignore[union-attr]  # a broken operation would have failed the validator
        if operation.path in {"/api/v1/auth/session", "/api/v1/me"} and operation.method.upper() == "DELETE":
            continue  # they would end the role's own session
        _knock(operation, callers)


def _knock(operation: Any, callers: list[dict[str, str]]) -> None:
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    unfitting = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=fitting | unfitting)
    def knock(case: Any) -> None:
        for headers in callers:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS, headers=headers)

    knock()
