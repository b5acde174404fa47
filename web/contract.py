"""What a route declares, and how the OpenAPI document says it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from service.core.problems import Refusal
from web.problems import status_of
from web.schemas.base import Asked, Declared, ProblemOut

PUBLIC = "public"
"""Anybody, logged in or not."""
VISITOR = "visitor"
"""Any WeChat user with a session, bound or not."""
PERSON = "person"
"""Anybody who is bound to a registered person."""
ENTERING = "entering"
"""Pages only: anybody who is in the console, or at its door with the second factor yet to give."""

PROBLEM = ProblemOut()
DESCRIPTIONS = {
    400: "格式不正确",
    401: "未登录",
    403: "没有权限",
    404: "不存在或不在管辖范围",
    409: "与当前状态冲突",
    412: "已被他人更新",
    413: "超过大小限制",
    415: "内容类型不支持",
    422: "字段有误",
    428: "缺少 If-Match",
    429: "过于频繁",
    503: "暂时不可用",
    507: "存储空间不足",
}


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One declared route."""

    who: str
    does: Callable[..., Any]
    takes: Schema | None
    query: Schema | None
    gives: Schema | None
    status: int
    writes: bool
    creates: bool
    edits: bool | None
    refuses: tuple[type[Refusal], ...]
    location: str | None
    produces: str | None
    per_hour: int | None
    body_max: int | None
    rivals: bool
    known: bool


def _refused(spec: Endpoint, path: str, method: str) -> list[int]:
    statuses = {503, *(status_of(one) for one in spec.refuses)}
    if spec.who != PUBLIC:
        statuses |= {401, 403}
    if "<" in path:
        statuses |= {404}
    if spec.takes is not None or method in {"POST", "PUT", "PATCH"}:
        statuses |= {400, 413, 415, 422}
    if spec.query is not None:
        statuses |= {400, 422}
    if spec.writes:
        statuses |= {409, 507}
    if spec.edits is not False:
        statuses |= {412, 428}
    return sorted(statuses)


def document(blp: Blueprint, spec: Endpoint, path: str, method: str) -> Callable[[Any], Any]:
    """Say in the OpenAPI document what may come back; the same facts drive the handling."""

    def decorate(function: Any) -> Any:
        shown = _page_schema(spec) if isinstance(spec.query, Asked) else spec.gives
        content: Any = {"type": "string", "format": "binary"} if spec.produces else shown
        function = blp.response(spec.status, content, content_type=spec.produces)(function)
        if spec.known:
            function = blp.alt_response(200, schema=spec.gives, description="已有")(function)
        for status in _refused(spec, path, method):
            function = blp.alt_response(
                status, schema=PROBLEM, content_type="application/problem+json", description=DESCRIPTIONS[status]
            )(function)
        extra: dict[str, Any] = {"security": [] if spec.who == PUBLIC else [{"bearer": []}], "x-who": spec.who}
        headers = [("Idempotency-Key", False)] if spec.creates else []
        headers += [("If-Match", bool(spec.edits))] if spec.edits is not False else []
        if headers:
            extra["parameters"] = [
                {"in": "header", "name": name, "required": needed, "schema": {"type": "string", "maxLength": 200}}
                for name, needed in headers
            ]
        return blp.doc(**extra)(function)

    return decorate


_page_schemas: dict[int, Schema] = {}


def _page_schema(spec: Endpoint) -> Schema:
    """Wrap a row's schema as a page of rows; one schema a kind of row, so that the document names it once."""
    if spec.gives is None:
        raise TypeError("a list needs a schema for its rows")
    key = id(spec.gives)
    if key not in _page_schemas:
        made = Declared.from_dict(
            {"items": fields.List(fields.Nested(spec.gives), required=True), "next": fields.String(allow_none=True)},
            name=type(spec.gives).__name__.removesuffix("Out") + f"Page{len(_page_schemas)}",
        )
        _page_schemas[key] = made()
    return _page_schemas[key]
