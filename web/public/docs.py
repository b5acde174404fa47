"""The API's documentation as one readable page, made of the OpenAPI document by this server: no script, no network."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app

from rules.access import ROLES, roles_for
from service.core.unit import UnitOfWork
from web.endpoint import PERSON, PUBLIC, VISITOR
from web.page import Pages, page

pages = Pages("docs", "/api", session=False)

WHO = {PUBLIC: "任何人，无需登录", VISITOR: "已用微信登录的任何人", PERSON: "已绑定身份的任何人"}
TYPES = {
    "string": "文本",
    "integer": "整数",
    "number": "数",
    "boolean": "真假",
    "array": "列表",
    "object": "对象",
    "null": "空",
}
FORMATS = {"uuid": "UUID", "date": "日期", "date-time": "时间"}
DEPTH_MAX = 3


@dataclass(frozen=True)
class Field:
    """One field of a body or an answer, or one parameter."""

    name: str
    kind: str
    limits: str
    required: bool
    depth: int = 0
    place: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation, as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    who: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[tuple[str, str, str], ...]
    fields: tuple[Field, ...]

    @property
    def short(self) -> str:
        """The path as the contents list it."""
        return re.sub(r"\{\w+\}", "{}", self.path.removeprefix("/api/v1"))


class _Reader:
    """Reads one OpenAPI document."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec
        self.schemas: Mapping[str, Any] = spec.get("components", {}).get("schemas", {})

    def follow(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give what a reference or a nullable reference stands for."""
        for _ in range(5):
            if "$ref" in schema:
                schema = self.schemas.get(schema["$ref"].rpartition("/")[2], {})
            elif choices := schema.get("anyOf") or schema.get("allOf") or schema.get("oneOf"):
                schema = next((one for one in choices if one.get("type") != "null"), {})
            else:
                break
        return schema

    def fields(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[Field]:
        """List an object's fields, those of objects within it below them."""
        whole = self.follow(schema)
        inner = self.follow(whole.get("items", {})) if whole.get("type") == "array" else whole
        for name, raw in inner.get("properties", {}).items():
            one = self.follow(raw)
            yield Field(name, self.kind(one), limits(one), name in inner.get("required", ()), depth)
            if depth < DEPTH_MAX:
                yield from self.fields(one, depth + 1)

    def kind(self, schema: Mapping[str, Any]) -> str:
        """Say what a value is, in Chinese."""
        names = schema.get("type", "object")
        plain = [name for name in ([names] if isinstance(names, str) else names) if name != "null"]
        text = "或".join(FORMATS.get(schema.get("format", ""), TYPES.get(name, name)) for name in plain) or "任意"
        if plain == ["array"]:
            text = f"{self.kind(self.follow(schema.get('items', {})))}的列表"
        return f"{text}，可为空" if "null" in names and isinstance(names, list) else text

    def operation(self, path: str, method: str, one: Mapping[str, Any]) -> Operation:
        """Read one operation."""
        good = next((code for code in one["responses"] if code.startswith("2")), "")
        answers = [(code, answer) for code, answer in one["responses"].items() if code != "default"]
        return Operation(
            anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
            method=method.upper(),
            path=path,
            summary=one.get("summary", ""),
            description=re.sub(r":(?:raises|param) ([^:]+):", r"\1 —", one.get("description", "").strip()),
            who=who(one.get("x-who", "")),
            parameters=tuple(self.parameter(raw) for raw in one.get("parameters", ())),
            body=tuple(self.fields(_content(one.get("requestBody", {})))),
            answers=tuple((code, answer.get("description", ""), _type(answer)) for code, answer in sorted(answers)),
            fields=tuple(self.fields(_content(one["responses"].get(good, {})))),
        )

    def parameter(self, raw: Mapping[str, Any]) -> Field:
        """Read one parameter of path, query or header."""
        schema = self.follow(raw.get("schema", {}))
        place = {"path": "路径", "query": "查询", "header": "请求头"}.get(raw["in"], raw["in"])
        return Field(raw["name"], self.kind(schema), limits(schema), bool(raw.get("required")), place=place)


def _content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((kind.get("schema", {}) for kind in part.get("content", {}).values()), {})


def _type(answer: Mapping[str, Any]) -> str:
    return next(iter(answer.get("content", {})), "")


def limits(schema: Mapping[str, Any]) -> str:
    """Say the bounds of a value, in Chinese."""
    found = []
    for low, high, unit in (
        ("minLength", "maxLength", "字"),
        ("minItems", "maxItems", "项"),
        ("minimum", "maximum", ""),
    ):
        least, most = schema.get(low), schema.get(high)
        if least and most is not None:
            found.append(f"{least} 到 {most} {unit}".strip())
        elif most is not None:
            found.append(f"至多 {most} {unit}".strip())
        elif least:
            found.append(f"至少 {least} {unit}".strip())
    if schema.get("enum"):
        found.append(" / ".join(map(str, schema["enum"])))
    if schema.get("default") not in (None, "", [], ()):
        found.append(f"默认 {schema['default']}")
    if schema.get("pattern"):
        found.append(f"格式 {schema['pattern']}")
    return "；".join(found)


def who(action: str) -> str:
    """Say who may call, in Chinese."""
    if action in WHO:
        return WHO[action]
    return "、".join(name for role, name in ROLES.items() if role in roles_for(action)) if action else ""


def _document() -> Mapping[str, Any]:
    """Read the document once an application: it does not change while one runs."""
    if "tepai-docs" not in current_app.extensions:
        api = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
        spec = api.spec.to_dict()
        reader = _Reader(spec)
        groups: dict[str, list[Operation]] = {tag["name"]: [] for tag in spec.get("tags", ())}
        for path, item in spec["paths"].items():
            for method in ("get", "post", "put", "patch", "delete"):
                if method in item:
                    shared = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                    one = reader.operation(path, method, {**item[method], "parameters": shared})
                    groups.setdefault(item[method].get("tags", ["其他"])[0], []).append(one)
        titles = {tag["name"]: tag.get("description", tag["name"]) for tag in spec.get("tags", ())}
        current_app.extensions["tepai-docs"] = {
            "info": spec["info"],
            "version": spec["openapi"],
            "groups": [(name, titles.get(name, name), found) for name, found in groups.items() if found],
        }
    document: Mapping[str, Any] = current_app.extensions["tepai-docs"]
    return document


def _docs(_: UnitOfWork) -> Mapping[str, Any]:
    return _document()


page(pages, "/docs", who=PUBLIC, does=_docs, template="public/docs.html")
