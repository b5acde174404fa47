"""How bodies, queries and files are read from requests; every complaint becomes a refusal."""

from collections.abc import Iterable
from typing import Any

from flask import g
from webargs.flaskparser import FlaskParser

from service.core.problems import Invalid, Malformed, UnsupportedMedia
from web.strict_json import BadJson, loads


class StrictParser(FlaskParser):
    """Reads bodies by our strict JSON and turns every complaint into a refusal."""

    DEFAULT_UNKNOWN_BY_LOCATION = {}  # noqa: RUF012  (each schema's own RAISE decides)

    def load_json(self, req: Any, schema: Any) -> Any:
        """Give the body as strict JSON; nothing at all counts as an empty object."""
        raw = req.get_data(cache=True)
        if not raw:
            return {}
        if req.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
            raise UnsupportedMedia("请求内容不能压缩")
        if not (req.mimetype == "application/json" or req.mimetype.endswith("+json")):
            raise UnsupportedMedia("请求内容应为 application/json")
        try:
            g.body = loads(raw, req.mimetype_params.get("charset"))
        except BadJson as error:
            raise Malformed(str(error)) from error
        return g.body

    def load_files(self, req: Any, schema: Any) -> Any:
        """Give the files of a multipart form."""
        if req.mimetype != "multipart/form-data":
            raise UnsupportedMedia("请求内容应为 multipart/form-data")
        return super().load_files(req, schema)

    def handle_error(self, error: Any, *_: Any, **__: Any) -> Any:
        """Name each field that is wrong."""
        raise Invalid(errors=by_field((error.messages or {}).values()))


def by_field(messages: Iterable[Any]) -> dict[str, list[str]]:
    """Bring marshmallow's nested complaints under dotted names."""
    named: dict[str, list[str]] = {}
    for one in messages:
        _flatten("", one, named)
    return named


def _flatten(path: str, messages: Any, into: dict[str, list[str]]) -> None:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            _flatten(f"{path}.{name}".strip("."), inner, into)
    else:
        into.setdefault(path.removesuffix("._schema") or "_schema", []).extend(str(text) for text in messages)
