"""The house's habits as checks over the source, for what import-linter cannot say. Each gives the breaches it finds.

An exception stands in `ALLOWED`, with its reason; one that is no longer needed is a fault as well.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOMS = ("rules", "models", "service", "web", "wechat", "demo", "scripts", "wsgi.py")
PRODUCT = ("rules", "models", "service", "web", "wechat", "wsgi.py")
LINES_MAX, FUNCTION_LINES_MAX = 400, 40
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file of the house; its path is as in the checkout."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/")[0]

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@dataclass(frozen=True)
class Breach:
    """What is wrong, where; `key` is what an exception would name."""

    key: str
    line: int
    why: str


def read(root: Path) -> list[Source]:
    """Read every file of the rooms, migrations apart: Alembic writes those."""
    files: list[Path] = []
    for room in ROOMS:
        files += [root / room] if room.endswith(".py") else sorted((root / room).rglob("*.py"))
    texts = ((path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in files)
    return [_source(path, text) for path, text in texts if text and "/versions/" not in path]


@cache
def _source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


# ---- what rules may import ----

PURE = (sys.stdlib_module_names - {"time", "random", "secrets", "os", "socket", "urllib", "http", "subprocess"}) | {
    "rules",
    "geopy.distance",
    "numpy",
    "numpy.typing",
    "ortools.graph.python.min_cost_flow",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.sparse.csgraph",
    "chinese_calendar",
}


def pure_rules(sources: Sequence[Source]) -> Iterator[Breach]:
    """Rules import the standard library and what matching and geography need: no clock, no chance, no network."""
    for source in sources:
        for node in ast.walk(source.tree) if source.room == "rules" else ():
            for name in _imported(node):
                if name not in PURE and name.split(".")[0] not in PURE - {"geopy", "ortools", "scipy"}:
                    yield Breach(source.path, node.lineno, f"rules import {name}")  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


# ---- transactions, states, rows ----


def one_committer(sources: Sequence[Source]) -> Iterator[Breach]:
    """Only the unit of work commits; whoever opens a transaction of its own says why."""
    for source in sources:
        for node in ast.walk(source.tree) if source.path.startswith(PRODUCT) else ():
            if isinstance(node, ast.Call) and _called(node) in {"commit", "begin", "begin_nested"}:
                yield Breach(source.path, node.lineno, f"{_called(node)}()")


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


STATE = {"state", "state_since", "state_reason", "moved_by"}


def one_mover(sources: Sequence[Source]) -> Iterator[Breach]:
    """Only moves.py changes a state: nobody else assigns these columns, updates them or sets them by name."""
    for source in sources:
        for node in ast.walk(source.tree) if source.path.startswith(PRODUCT) else ():
            if found := _state_set(node):
                yield Breach(source.path, node.lineno, f"sets {found}")  # type: ignore[attr-defined]


def _state_set(node: ast.AST) -> str | None:
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        inner = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
        return next((one.attr for one in inner if isinstance(one, ast.Attribute) and one.attr in STATE), None)
    if isinstance(node, ast.Call) and _called(node) == "values":
        return next((one.arg for one in node.keywords if one.arg in STATE), None)
    if isinstance(node, ast.Call) and _called(node) == "setattr" and len(node.args) > 1:
        name = getattr(node.args[1], "value", None)
        return str(name) if name in STATE else None
    return None


def one_gate(sources: Sequence[Source]) -> Iterator[Breach]:
    """A row that the gate guards is fetched by an id that came from outside through the gate alone."""
    guarded = _guarded(sources)
    for source in sources:
        if source.room != "service" or source.path == "service/core/gate.py":
            continue
        for function in source.functions():
            given = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
            for node in ast.walk(function) if not function.name.startswith("_") else ():
                if found := _fetched(node, given, guarded):
                    yield Breach(f"{source.path}:{function.name}", node.lineno, f"fetches {found}")  # type: ignore[attr-defined]


def _guarded(sources: Sequence[Source]) -> set[str]:
    """The models that have states: the gate and its moves belong to them."""
    return {
        node.name
        for source in sources
        for node in (source.tree.body if source.room == "models" else ())
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "Stateful" for base in node.bases)
    }


def _fetched(node: ast.AST, given: set[str], guarded: set[str]) -> str | None:
    if isinstance(node, ast.Call) and _called(node) in {"get", "get_one"} and len(node.args) > 1:
        model, key = node.args[:2]
        if getattr(model, "id", None) in guarded and getattr(key, "id", None) in given:
            return str(getattr(model, "id", ""))
    if isinstance(node, ast.Call) and _called(node) == "where" and "gate.select(" not in ast.unparse(node):
        for one in node.args:
            if isinstance(one, ast.Compare) and isinstance(one.left, ast.Attribute) and one.left.attr == "id":
                model = one.left.value
                if getattr(model, "id", None) in guarded and getattr(one.comparators[0], "id", None) in given:
                    return str(getattr(model, "id", ""))
    return None


# ---- time, imports, size ----


def one_clock(sources: Sequence[Source]) -> Iterator[Breach]:
    """The rules' time comes from the unit of work; who needs real time says why."""
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and (
                node.attr in {"utcnow", "today"}
                or ast.unparse(node) in {"datetime.now", "dt.datetime.now", "datetime.datetime.now", "time.time"}
            ):
                yield Breach(source.path, node.lineno, ast.unparse(node))


def imports_on_top(sources: Sequence[Source]) -> Iterator[Breach]:
    """No import hides in a function: a cycle shows itself at once."""
    for source in sources:
        for function in source.functions():
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield Breach(source.path, node.lineno, f"import in {function.name}")


def short_files(sources: Sequence[Source]) -> Iterator[Breach]:
    """A file has at most 400 lines."""
    for source in sources:
        if (count := len(source.text.splitlines())) > LINES_MAX:
            yield Breach(source.path, count, f"{count} lines")


def short_functions(sources: Sequence[Source]) -> Iterator[Breach]:
    """A function has at most 40 lines, its docstring not counted."""
    for source in sources:
        for function in source.functions():
            told = len((ast.get_docstring(function, clean=False) or "").splitlines())
            count = (function.end_lineno or 0) - function.lineno + 1 - told
            if count > FUNCTION_LINES_MAX:
                yield Breach(f"{source.path}:{function.name}", function.lineno, f"{count} lines")


# ---- personal data ----

PERSONAL = re.compile(
    r"openid|phone|mobile|id_?card|id_?number|token|secret|password|session_key|unseal", re.IGNORECASE
)


def impersonal_journal(sources: Sequence[Source]) -> Iterator[Breach]:
    """What goes into the journal carries no openid, phone, identity number or token, by name or by value."""
    for source in sources:
        for node in ast.walk(source.tree) if source.path.startswith(PRODUCT) else ():
            if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-2:] not in (
                ["uow", "record"],
                ["moves", "apply"],
                ["moves", "start"],
                ["moves", "tell_of"],
            ):
                continue
            said = [*node.args[2:], *(one.value for one in node.keywords)]
            names = [one.arg or "" for one in node.keywords] + [name for one in said for name in _names(one)]
            if found := next((name for name in names if PERSONAL.search(name)), None):
                yield Breach(source.path, node.lineno, f"journals {found}")


def _names(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute):
            yield one.attr
        elif isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Dict):
            yield from (str(getattr(key, "value", "")) for key in one.keys)


HABITS: dict[str, Callable[[Sequence[Source]], Iterator[Breach]]] = {
    habit.__name__: habit
    for habit in (
        pure_rules,
        one_committer,
        one_mover,
        one_gate,
        one_clock,
        imports_on_top,
        short_files,
        short_functions,
        impersonal_journal,
    )
}

ALLOWED: dict[str, dict[str, str]] = {
    "one_committer": {
        "service/core/unit.py": "the unit of work itself",
        "service/core/schema.py": "migrations have no unit of work",
        "service/core/leases.py": "a lease is taken before the work that it guards",
        "service/core/limits.py": "a try counts also when what follows is refused",
        "service/identity/bindings.py": "a failed try of an invitation outlives its refusal",
        "service/identity/registration.py": "a savepoint a row, so that an import tells all faults at once",
        "service/notifications/jobs.py": "take, commit, call WeChat, mark: nothing is sent inside a transaction",
        "service/schedule.py": "slots, failures and signs of life outlive the items that fail",
        "wechat/gateway.py": "the shared token's lease: take, commit, call, store",
    },
    "one_mover": {
        "service/core/moves.py": "the mover itself",
        "service/identity/bindings.py": "a binding is made by whom it binds, and remembers who invited",
    },
    "one_gate": {
        "service/assessments/sheets.py:locked": "locks what its callers fetched through the gate",
        "service/claims/claimants.py:team_led_by": "one's own team: being its leader is the condition",
        "service/identity/registration.py:approve_on_host": "the operator at the host reaches everything",
        "service/identity/registration.py:bind_on_host": "the operator at the host reaches everything",
        "service/identity/teams.py:form": "asks whether an id is taken and shows nothing",
        "service/identity/teams.py:show": "members see their team before it acts; staff through gate.reaches",
        "service/matching/commands.py:replace": "counts the places of a need that the held plan names",
        "service/needs/queries.py:board_item": "the board is public; on_board() is its condition",
        "service/pairings/commands.py:assign": "a claim of the need that the gate handed out, or none",
        "service/records/queries.py:accompanied": "being named as a companion is the condition (R-VISIT-7)",
    },
    "one_clock": {
        "service/core/clock.py": "the clock itself",
        "service/core/leases.py": "leases are on real time",
        "service/core/limits.py": "limits on guessing are on real time",
        "service/identity/factors.py": "an authenticator's codes are of real time",
        "service/operations/backup.py": "a backup's point is on real time: it says what would be lost",
        "service/operations/health.py": "ages of signs of life, which are on real time",
        "service/operations/jobs.py": "tries to guess are counted on real time",
        "service/schedule.py": "signs of life are on real time",
        "web/cli_worker.py": "the scheduler ticks on real time",
        "service/callbacks/commands.py": "an attacker's replay is a matter of real time",
        "wechat/callback.py": "an attacker's replay is a matter of real time",
        "wechat/sandbox/pushes.py": "the envelope of a push is made on real time, as its receiver checks it",
        "wechat/tokens.py": "WeChat's token ends on real time",
        "demo/season.py": "the demo's season is laid around the day it is played on",
    },
    "short_functions": {
        "web/endpoint.py:endpoint": "declares a route: every option with its line, and nothing but passing them on",
    },
}


def breaches(root: Path, habit: str) -> list[Breach]:
    """Give what breaks a habit in a checkout, and every exception that nothing needs."""
    found = list(HABITS[habit](read(root)))
    allowed = ALLOWED.get(habit, {})
    idle = [Breach(key, 0, "an exception that nothing needs") for key in set(allowed) - {one.key for one in found}]
    return [one for one in found if one.key not in allowed] + idle
