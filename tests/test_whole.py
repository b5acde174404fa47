"""Check-ups of the whole house: import contracts and habits hold, and each is seen to fail when it is broken."""

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.core.settings import Settings
from tests.habits import ALLOWED, HABITS, ROOMS, breaches

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source in which things may be broken."""
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        if room.endswith(".py"):
            shutil.copy(ROOT / room, folder / room)
        else:
            shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "*.html", "*.css"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


class Broken:
    """A file with more at its end, for a while; a file that was not there is made."""

    def __init__(self, path: Path, code: str) -> None:
        self.path, self.code = path, code
        self.before = path.read_text() if path.exists() else None

    def __enter__(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text((self.before or "") + "\n\n" + self.code + "\n")

    def __exit__(self, *_: object) -> None:
        if self.before is None:
            self.path.unlink()
        else:
            self.path.write_text(self.before)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  (our own)


def test_the_import_contracts_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


CONTRACTS = [
    ("rules/needs.py", "import models.needs", "rules.needs -> models.needs"),
    ("models/needs.py", "import service.core.unit", "models.needs -> service.core.unit"),
    ("service/needs/queries.py", "import web.problems", "service.needs.queries -> web.problems"),
    ("web/problems.py", "import wechat.client", "web.problems -> wechat.client"),
    ("wechat/client.py", "import web.problems", "wechat.client -> web.problems"),
    ("service/needs/queries.py", "import service.claims.commands", "service.needs.queries -> service.claims.commands"),
    ("service/core/unit.py", "import service.identity.queries", "service.core.unit -> service.identity.queries"),
    ("service/claims/queries.py", "import service.schedule", "service.claims.queries -> service.schedule"),
    ("service/surprises/__init__.py", "", "surprises"),
    ("service/core/unit.py", "import wsgi", "service.core.unit -> wsgi"),
    ("rules/needs.py", "import sqlalchemy", "rules.needs -> sqlalchemy"),
    ("rules/matching/reach.py", "import numpy", "rules.matching.reach -> numpy"),
    ("rules/matching/verify.py", "import rules.matching.market", "rules.matching.verify -> rules.matching.market"),
    ("models/needs.py", "import flask", "models.needs -> flask"),
    ("service/needs/queries.py", "from flask import g", "service.needs.queries -> flask"),
    ("service/records/queries.py", "import wechatpy", "service.records.queries -> wechatpy"),
    ("web/app.py", "import wechatpy", "web.app -> wechatpy"),
    ("web/api/needs.py", "import sqlalchemy as sa", "web.api.needs -> sqlalchemy"),
    ("web/schemas/needs.py", "from sqlalchemy import select", "web.schemas.needs -> sqlalchemy"),
]


def test_every_broken_import_contract_is_seen(copy: Path):
    """All are broken at once, as reading all imports takes its time; each must be told."""
    with ExitStack() as stack:
        for path, code, _ in CONTRACTS:
            stack.enter_context(Broken(copy / path, code))
        done = lint_imports(copy)
    assert done.returncode == 1
    assert not re.findall(r"^.* KEPT$", done.stdout, re.MULTILINE)
    told = re.sub(r"\s+", " ", done.stdout)
    assert [(path, code) for path, code, shown in CONTRACTS if shown not in told] == []
    assert lint_imports(copy).returncode == 0


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_holds(habit: str):
    found = breaches(ROOT, habit)
    assert found == [], "\n".join(f"{one.key}:{one.line}: {one.why}" for one in found)


LONG = "def long():\n" + "    print()\n" * 41
BREAKS = [
    ("pure_rules", "rules/needs.py", "import os"),
    ("pure_rules", "rules/needs.py", "from geopy.geocoders import Nominatim"),
    ("pure_rules", "rules/matching/solve.py", "def f():\n    from urllib.request import urlopen"),
    ("one_committer", "service/needs/queries.py", "def f(uow):\n    uow.session.commit()"),
    ("one_committer", "service/claims/commands.py", "def f(uow):\n    with uow.house.engine.begin():\n        pass"),
    ("one_mover", "service/needs/commands.py", "def f(need):\n    need.state = 'approved'"),
    ("one_mover", "service/needs/commands.py", "def f(need, a):\n    a, need.state_since = 1, 2"),
    ("one_mover", "web/api/needs.py", "def f(need):\n    setattr(need, 'state', 'approved')"),
    (
        "one_mover",
        "service/records/jobs.py",
        "def f(sa, Record):\n    return sa.update(Record).values(state='accepted')",
    ),
    ("one_gate", "service/needs/queries.py", "def f(uow, need_id):\n    return uow.session.get(Need, need_id)"),
    ("one_gate", "service/needs/queries.py", "def f(uow, need):\n    return sa.select(Need).where(Need.id == need)"),
    ("one_clock", "service/needs/commands.py", "def f():\n    return datetime.now()"),
    ("one_clock", "rules/needs.py", "def f():\n    return date.today()"),
    ("one_clock", "web/page.py", "import time\nBEGAN = time.time()"),
    ("imports_on_top", "service/needs/commands.py", "def f():\n    import json"),
    ("short_files", "web/page.py", "\n" * 401),
    ("short_functions", "web/page.py", LONG),
    ("impersonal_journal", "service/needs/commands.py", "def f(uow, row):\n    uow.record('need.x', row, openid='o')"),
    (
        "impersonal_journal",
        "service/needs/commands.py",
        "def f(uow, row):\n    uow.record('need.x', row, who=row.phone)",
    ),
    ("impersonal_journal", "service/needs/commands.py", "def f(uow, row, t):\n    moves.start(uow, row, code=t.token)"),
    (
        "impersonal_journal",
        "service/needs/commands.py",
        "def f(uow, row):\n    uow.record('need.x', row, [{'id_number': 1}])",
    ),
]


@pytest.mark.parametrize(("habit", "path", "code"), BREAKS)
def test_a_broken_habit_is_seen(copy: Path, habit: str, path: str, code: str):
    assert breaches(copy, habit) == []
    with Broken(copy / path, code):
        found = breaches(copy, habit)
    assert found
    assert all(one.key.startswith(path) for one in found)


def test_every_habit_is_broken_above():
    assert {habit for habit, _, _ in BREAKS} == set(HABITS)


def test_an_exception_that_nothing_needs_is_seen(copy: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ALLOWED, "imports_on_top", {"web/page.py": "no reason any more"})
    assert [one.key for one in breaches(copy, "imports_on_top")] == ["web/page.py"]


# ---- settings ----

NAME = re.compile(r"\b(TEPAI_[A-Z_]+|PORT|SANDBOX_PORT)\b")


def test_the_example_of_settings_names_every_setting_and_no_other():
    read = set(NAME.findall((ROOT / "service/core/settings.py").read_text(encoding="utf-8")))
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    shown = [line.removeprefix("# ").partition("=")[0] for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
    assert sorted(shown) == sorted(read)


def test_the_example_of_settings_can_be_run():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    env = dict(line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"(# )?[A-Z_]+=", line))
    settings = Settings.from_env(env)
    assert not settings.development
    assert env["TEPAI_SECRET_KEY"] not in repr(settings)
