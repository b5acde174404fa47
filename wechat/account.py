"""The account's subscription templates, read from the file in which an operator enters ids and keywords."""

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wechat.templates import KINDS, Field, Template

#: What ships: every message and its fields, with the keywords of the sandbox.
SHIPPED = Path(__file__).parent.parent / "data" / "wechat_templates.toml"

_KEYWORD = re.compile(r"([a-z_]+?)[0-9]{1,3}")
_FREE = frozenset({"thing", "phrase", "name", "character_string"})
#: Which type of keyword can show what another was meant for.
CAN_SHOW: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_FREE, _FREE),
    "time": frozenset({"time", "date", "thing"}),
    "date": frozenset({"date", "thing"}),
    "number": frozenset({"number", "character_string", "thing"}),
}


class BadTemplates(ValueError):
    """The file cannot be used; the text names the message and the field."""


def sandbox_id(key: str) -> str:
    """Give the id that a message has in the sandbox alone: as long as WeChat's ids are, made from the key."""
    digest = hashlib.sha256(f"tepai sandbox {key}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def load(path: Path) -> dict[str, Template]:
    """Read a file of templates; messages that it leaves out are not sent.

    :raises BadTemplates: if it is no such file, or names a message or field that we do not have, or leaves out a field,
        or gives a field a keyword that cannot show it.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        made = {key: _template(key, table) for key, table in tables.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTemplates(f"{path.name}: {error}") from None
    if path != SHIPPED:
        _compare(made)
    return made


def _template(key: str, table: Mapping[str, Any]) -> Template:
    fields = {name: _field(f"{key}.{name}", *cell) for name, cell in table["fields"].items()}
    if len({field.keyword for field in fields.values()}) != len(fields):
        raise BadTemplates(f"{key}: a keyword stands twice")
    known = str(table["id"]).strip() or sandbox_id(key)
    lasting = table.get("lasting", False) is True
    return Template(key, known, str(table["title"]), str(table["page"]), fields, lasting)


def _field(name: str, keyword: str, label: str, *choices: str) -> Field:
    kind = _KEYWORD.fullmatch(keyword)
    if kind is None or kind[1] not in KINDS:
        raise BadTemplates(f"{name}: {keyword} is no keyword")
    return Field(keyword, label, tuple(choices))


def _compare(made: Mapping[str, Template]) -> None:
    for key, template in made.items():
        if key not in TEMPLATES:
            raise BadTemplates(f"{key}: there is no such message")
        ours = TEMPLATES[key].fields
        if template.fields.keys() != ours.keys():
            raise BadTemplates(f"{key}: its fields are {', '.join(ours)}")
        for name, field in template.fields.items():
            if field.kind not in CAN_SHOW[ours[name].kind]:
                raise BadTemplates(f"{key}.{name}: a {field.kind} cannot show a {ours[name].kind}")


#: Every message that the product sends, by our key, as the sandbox has it.
TEMPLATES: Mapping[str, Template] = load(SHIPPED)
