"""The documents that come from code: complete, told stale when they are, and about nothing that is not there."""

import json
import re
import shutil
from pathlib import Path

import pytest

from models import Base
from rules.states import MACHINES
from scripts import docs, drawings, policy
from service import schedule
from service.core.problems import Refusal

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    docs.write(folder)
    return folder


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_a_document_that_was_changed_or_is_missing_is_named(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "jobs.md").write_text("old", encoding="utf-8")
    (tmp_path / "states.md").unlink()
    assert docs.stale(tmp_path) == ["states.md", "jobs.md"]


def test_every_machine_table_job_and_refusal_is_shown(folder: Path):
    for thing, machine in MACHINES.items():
        assert f"## {thing} {machine.title}" in text(folder, "states.md")
    for table in Base.metadata.tables:
        assert f"## {table} (" in text(folder, "data.md")
    for job in schedule.JOBS:
        assert f"`{job.name}`" in text(folder, "jobs.md")
    for refusal in drawings._refusals(Refusal):
        assert f"{refusal.__module__}.{refusal.__name__}`" in text(folder, "problems.md")
    assert "NeedIncomplete" in text(folder, "problems.md")


def test_a_note_below_a_column_is_its_meaning(folder: Path):
    assert "| `wechat_state` | varchar(32) |  |  | none (inbox alone)" in text(folder, "data.md")
    assert "| `moved_by` | json |  |  | Who made which move last" in text(folder, "data.md")


def test_refusals_of_one_kind_have_one_title():
    """A client that knows the type knows the words."""
    titles: dict[str, set[str]] = {}
    for one in drawings._refusals(Refusal):
        titles.setdefault(one.kind, set()).add(one.title)
    assert {kind: found for kind, found in titles.items() if len(found) > 1} == {}


def test_the_api_is_shown_as_outside_development(folder: Path):
    document = json.loads(text(folder, "openapi.json"))
    assert "/api/v1/needs" in document["paths"]
    assert not [path for path in document["paths"] if "sandbox" in path]


def test_policy_names_code_and_tests_of_every_rule_of_this_version(folder: Path):
    page = text(folder, "policy.md")
    for rule, one in policy.RULES.items():
        if not one.later:
            assert f"## {rule} " in page
    bare = re.search(r"Rules without a test: (.*)\.", page)
    assert bare is not None
    assert bare[1] == "none"


def test_a_rule_that_nobody_knows_is_refused(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "x.py").write_text('def f():\n    """Obey R-' + 'NONE-1."""\n', encoding="utf-8")
    with pytest.raises(LookupError, match="NONE-1"):
        policy.document(tmp_path)


def test_places_are_named_by_the_innermost_function_or_class(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    code = (
        '"""R-NEED-1."""\n\n\nclass Need:\n    """R-NEED-2."""\n\n    def fits(self):\n        return 1  # R-NEED-2\n'
    )
    (tmp_path / "rules" / "x.py").write_text(code, encoding="utf-8")
    found = policy.places(tmp_path, ("rules",))
    assert found == {"R-NEED-1": ["rules/x.py"], "R-NEED-2": ["rules/x.py:Need", "rules/x.py:fits"]}


def test_the_glossary_names_what_is_in_the_code():
    """What is written as a model stands in models/."""
    page = (docs.ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    models = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    named = set(re.findall(r"`(?:models\.\w+\.)?([A-Z][a-z]\w+)(?:\.(\w+))?`", page))
    columns = {mapper.class_.__name__: {c.key for c in mapper.attrs} for mapper in Base.registry.mappers}
    known = {"Held", "UnitOfWork", "Refusal", "Actor", "Move"}
    assert {name for name, _ in named} <= models | known
    assert [(name, column) for name, column in named if column and name in models and column not in columns[name]] == []
