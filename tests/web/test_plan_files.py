"""Plans as files on the command line: the same bytes for everybody, and refusals that name the place (issue 5, 8)."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo

from rules.matching import solvers
from rules.matching.instance import canonical_json
from tests import proved  # noqa: F401  # what `plans solve` makes is verified as well
from tests.rules.matching.boards import board
from web.cli_plans import plans

pytestmark = pytest.mark.one_database
GAME = board(
    {"王": 1, "李": 1, "赵": 1},
    {"pig": ("A", 2), "tea": ("B", 1), "fish": ("C", 1), "rice": ("D", 1)},
    fits={"王": "pig tea", "李": "pig", "赵": "fish rice"},
    claims={"王": "pig", "李": "pig"},
    grades={"pig": "王 李"},
    scores={("赵", "rice"): 50},
).to_json()


def run(*words: str | Path) -> Result:
    info = ScriptInfo(create_app=lambda: Flask("nothing"))
    return CliRunner().invoke(plans, [str(word) for word in words], obj=info)


def written(folder: Path, content: Any, name: str = "instance.json") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else canonical_json(content))
    return file


def solved(folder: Path, content: Any = GAME, *more: str) -> tuple[Path, Path]:
    game, plan = written(folder, content), folder / "plan.json"
    result = run("solve", game, plan, *more)
    assert result.exit_code == 0, result.output
    return game, plan


def test_r_match_2_a_plan_file_is_made_checked_and_told(tmp_path):
    game, plan = solved(tmp_path)
    content = json.loads(plan.read_bytes())
    assert plan.read_bytes() == canonical_json(content) + b"\n"
    assert content["pairs"] == {"person": [0, 1, 2], "need": [1, 0, 3], "reason": ["P2", "P1", "P2"]}
    assert content["violators"] == [{"townships": [2, 3], "people": [2], "capacity": 1, "floor": 2}]
    assert content["holds"] == [{"person": 0, "need": 1, "township": 1}]
    assert content["witnesses"] == [{"person": 0, "need": 0, "held": 0}]
    assert (content["covered"], content["maximum"], content["score"]) == (3, 3, 70)
    result = run("verify", game, plan)
    assert (result.exit_code, result.output[:9]) == (0, "ok: 覆盖 3/"), result.output
    assert content["digest"] in result.output


def test_r_match_2_solvers_and_the_order_of_rows_change_no_byte(tmp_path):
    plan = solved(tmp_path)[1].read_bytes()
    assert solved(tmp_path, GAME, "--solver", "ortools")[1].read_bytes() == plan
    backwards = {
        name: {column: values[::-1] for column, values in table.items()}
        if name in {"pairs", "claims", "grades"}
        else table
        for name, table in reversed(GAME.items())
    }
    assert solved(tmp_path, json.dumps(backwards, indent=1).encode())[1].read_bytes() == plan


def test_a_forged_plan_is_refused_with_status_1_and_every_objection(tmp_path):
    game, plan = solved(tmp_path)
    content = json.loads(plan.read_bytes())
    content["score"] += 1
    result = run("verify", game, written(tmp_path, content, "plan.json"))
    assert result.exit_code == 1
    assert "摘要与内容不符" in result.output
    assert "总分与各配对得分之和不符" in result.output
    assert "2 项异议" in result.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (b"\xff", "不是有效的 UTF-8 编码"),
        (b"[]", "实例应为对象"),
        (b'{"seed":"1","seed":"2"}', "对象中有重复的键"),
        (b'{"seed":"1","pairs":{"person":[0],"need":[0],"score":[NaN]}}', "不接受 NaN"),
        (b'{"seed":"1","pairs":{"person":[0],"need":[0],"score":[1' + b"0" * 40 + b"]}}", "整数超出 64 位范围"),
        ({"seeds": "1"}, "不认识的键 seeds"),
        ({"people": {"id": ["王", "李", "王"], "capacity": [1, 1, 1]}}, "people.id[2] = 王：重复，已在 people.id[0]"),
        ({"people": {"id": ["王", "李", "赵"], "capacity": [1, 1.0, 1]}}, "people.capacity[1] = 1.0：应为 0 至"),
        ({"people": {"id": ["王", "李", "赵"], "capacity": [1, -1, 1]}}, "people.capacity[1] = -1：应为 0 至"),
        ({"bans": {"person": [0, 3], "need": [0, 0]}}, "bans.person[1] = 3：应为 0 至 2 的整数"),
        ({"bans": {"person": [0, 0], "need": [1, 1]}}, "bans[1]：person 0 与 need 1 已在 bans[0]"),
    ],
)
def test_a_bad_instance_is_refused_with_status_2_by_key_and_index(tmp_path, change, told):
    content = change if isinstance(change, bytes) else {**GAME, **change}
    plan = tmp_path / "plan.json"
    result = run("solve", written(tmp_path, content), plan)
    assert (result.exit_code, "instance.json：" in result.output, plan.exists()) == (2, True, False)
    assert told in result.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pins": [0, 1], "bans": [0, 1]}, "pins[0]：王 → tea 在 bans 中已被禁止"),
        ({"pins": [1, 1]}, "pins[0]：李 → tea 不在 pairs 中"),
        ({"pins": [0, 0, 0, 1]}, "pins[1]：王 → tea 超过该人的 capacity"),
    ],
)
def test_r_match_1_pins_that_contradict_the_rest_are_refused_by_index(tmp_path, change, told):
    content = GAME | {name: {"person": cells[::2], "need": cells[1::2]} for name, cells in change.items()}
    result = run("solve", written(tmp_path, content), tmp_path / "plan.json")
    assert (result.exit_code, told in result.output) == (1, True), result.output


def test_a_bad_plan_file_is_refused_with_status_2(tmp_path):
    game, plan = solved(tmp_path)
    content = json.loads(plan.read_bytes())
    content["holds"][0]["need"] = 1.0
    result = run("verify", game, written(tmp_path, content, "plan.json"))
    assert (result.exit_code, "plan.json：holds[0].need = 1.0：应为整数" in result.output) == (2, True)


def test_a_solver_that_is_not_installed_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    def missing(_name: str) -> None:
        raise ImportError

    monkeypatch.setattr(solvers, "import_module", missing)
    plan = tmp_path / "plan.json"
    result = run("solve", written(tmp_path, GAME), plan, "--solver", "ortools")
    assert (result.exit_code, "没有安装 ortools" in result.output, plan.exists()) == (1, True, False)


def test_big_instances_tell_how_far_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr("web.cli_plans.MANY", 1)
    result = run("solve", written(tmp_path, GAME), tmp_path / "plan.json")
    assert "秒  最大覆盖 3；双选与保障覆盖" in result.stderr
