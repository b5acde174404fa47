"""`docs/states.md`, `problems.md`, `jobs.md`, `data.md` and `openapi.json`, made from the code that they show."""

import ast
import importlib
import json
import pkgutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

import service
import web
import wsgi
from models import Base
from rules.access import ROLES
from rules.machine import SYSTEM, Machine
from rules.states import MACHINES, label
from service import schedule
from service.core.problems import Refusal
from service.core.settings import Settings
from web.problems import status_of

_WHO = {**ROLES, SYSTEM: "系统"}


def states(_root: Path) -> str:
    """Draw every state machine, with the words that people read."""
    parts = [
        "# States 状态",
        "",
        "Every thing with states and every move there is; no other move is possible (R-NEED-2).",
    ]
    for machine in MACHINES.values():
        parts += ["", f"## {machine.thing} {machine.title}", "", "```mermaid", _drawing(machine), "```", ""]
        parts += ["| move | from | to | who | reason | not by whom |", "|---|---|---|---|---|---|"]
        for one in machine.moves:
            sources = "、".join(label(machine.thing, state) for state in sorted(one.sources))
            who = "、".join(_WHO[role] for role in sorted(one.by))
            barred = ", ".join(sorted(one.not_by))
            to = label(machine.thing, one.target)
            parts.append(f"| `{one.name}` | {sources} | {to} | {who} | {'yes' if one.reason else ''} | {barred} |")
    return "\n".join(parts) + "\n"


def _drawing(machine: Machine) -> str:
    first, *rest = machine.mermaid().splitlines()
    names = [f'    state "{label(machine.thing, state)} {state}" as {state}' for state in machine.states]
    return "\n".join([first, *names, *rest])


def problems(_root: Path) -> str:
    """List every refusal: its type, its status, its title, who makes it."""
    lines = [
        "# Problems 拒绝",
        "",
        "What `application/problem+json` may say. `type` is `/problems/` and the word below.",
    ]
    _import_everything()
    lines += ["", "| type | status | title | meaning | class |", "|---|---|---|---|---|"]
    found = {(status_of(one), one.kind, one.__module__, one.__name__): one for one in _refusals(Refusal)}
    for (status, kind, module, name), one in sorted(found.items()):
        meaning = (one.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{kind}` | {status} | {one.title} | {meaning} | `{module}.{name}` |")
    return "\n".join(lines) + "\n"


def _import_everything() -> None:
    for room in (service, web):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)


def _refusals(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for one in kind.__subclasses__():
        if one.__module__.split(".")[0] in {"service", "web", "wechat"}:
            yield one
        yield from _refusals(one)


def jobs(_root: Path) -> str:
    """List every job of the worker, in its order."""
    lines = [
        "# Jobs 任务",
        "",
        "The worker runs them in this order; `flask --app wsgi jobs run NAME` runs one by hand.",
    ]
    lines += ["", "| job | every | does | code |", "|---|---|---|---|"]
    for one in schedule.JOBS:
        code = f"{one.do.__module__}.{getattr(one.do, '__name__', '')}"
        lines.append(f"| `{one.name}` | {one.every_s} s | {one.says} | `{code}` |")
    return "\n".join(lines) + "\n"


def data(root: Path) -> str:
    """Draw the tables' references, and describe every table and column."""
    lines = ["# Data 数据", "", "Times are UTC, money is fen, ids are UUIDv7 (`models/base.py`).", "", "```mermaid"]
    lines += ["erDiagram", *sorted(set(_references())), "```"]
    notes = _notes(root)
    mappers = sorted(Base.registry.mappers, key=lambda one: (one.class_.__module__, one.class_.__name__))
    for mapper in mappers:
        kind = mapper.class_
        table = Base.metadata.tables[kind.__tablename__]
        lines += ["", f"## {table.name} ({kind.__module__}.{kind.__name__})", "", (kind.__doc__ or "").strip(), ""]
        lines += ["| column | type | null | key | meaning |", "|---|---|---|---|---|"]
        for column in table.columns:
            meaning = next(
                (notes[one.__name__, column.name] for one in kind.__mro__ if (one.__name__, column.name) in notes), ""
            )
            null = "yes" if column.nullable else ""
            lines.append(f"| `{column.name}` | {_type(column)} | {null} | {_key(column)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _references() -> Iterator[str]:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            many = "|o" if key.parent.nullable else "||"
            yield f"    {key.column.table.name} {many}--o{{ {table.name} : {key.parent.name}"


def _type(column: sa.Column[object]) -> str:
    kind = column.type
    if isinstance(kind, sa.Uuid):
        return "uuid"
    return str(kind.impl if isinstance(kind, sa.TypeDecorator) else kind).lower()


def _key(column: sa.Column[object]) -> str:
    keys = ["primary"] if column.primary_key else []
    keys += [f"→ {key.column.table.name}.{key.column.name}" for key in sorted(column.foreign_keys, key=str)]
    return ", ".join([*keys, *(["unique"] if column.unique else [])])


def _notes(root: Path) -> dict[tuple[str, str], str]:
    """Read what stands as a string under a column."""
    found = {}
    for path in sorted((root / "models").glob("*.py")):
        for kind in (
            node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)
        ):
            for column, below in zip(kind.body, kind.body[1:], strict=False):
                if isinstance(column, ast.AnnAssign) and isinstance(column.target, ast.Name):
                    text = (
                        getattr(getattr(below, "value", None), "value", None) if isinstance(below, ast.Expr) else None
                    )
                    if isinstance(text, str):
                        found[kind.name, column.target.id] = " ".join(text.split()).replace("|", "\\|")
    return found


def openapi(_root: Path) -> str:
    """Give the OpenAPI document as a server outside development gives it, in a stable order."""
    with tempfile.TemporaryDirectory() as folder:
        house = wsgi.make_house(
            Settings(
                var_dir=Path(folder),
                database_url=f"sqlite:///{folder}/none.sqlite3",
                files_url=f"file://{folder}/files",
                secret_key=bytes(32),
                wechat_appid="wx0000000000000000",
                wechat_secret="none",  # noqa: S106  (nobody is asked)
                public_url="http://127.0.0.1:8000",
            )
        )
        answer = wsgi.create_app(house).test_client().get("/api/openapi.json")
        house.close()
    return json.dumps(answer.json, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
