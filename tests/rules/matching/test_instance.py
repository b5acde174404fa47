"""The frozen inputs of a run: read, refused, written, hashed (R-MATCH-2)."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings

from rules.matching.instance import Instance, InstanceError
from rules.matching.lottery import number, pair_ticket, person_ticket
from tests.rules.matching.boards import board, examples, instances


def _plain() -> dict[str, Any]:
    return board({"wang": 1, "li": 2}, {"pig": ("A", 1), "tea": ("B", 2)}, {"wang": "pig", "li": "pig tea"}).to_json()


def _spoiled(path: str, value: object) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(_plain()))
    *folders, last = path.split(".")
    place = content
    for folder in folders:
        place = place[folder]
    place[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", "1\n2", "seed：应为一行"),
        ("seed", 7, "seed：应为一行"),
        ("complete", 1, "complete：应为 true 或 false"),
        ("rivers", {}, "不认识的键 rivers"),
        ("people", {"id": []}, "people：缺少 capacity"),
        ("people.id", "wang", "people.id：应为列表"),
        ("people.id", ["wang", "wang"], r"people.id\[1\] = wang：重复，已在 people.id\[0\]"),
        ("people.id", ["wang", ""], r"people.id\[1\]：应为一行"),
        ("people.capacity", [1], "people：各列长度不同（id 2、capacity 1）"),
        ("people.capacity", [1, -1], r"people.capacity\[1\] = -1：应为 0 至"),
        ("people.capacity", [1, True], r"people.capacity\[1\] = True：应为"),
        ("needs.township", [0, 2], r"needs.township\[1\] = 2：应为 0 至 1 的整数"),
        ("pairs.need", [0, 0, 9], r"pairs.need\[2\] = 9"),
        ("pairs.score", [1, 2, 3.5], r"pairs.score\[2\] = 3.5"),
        ("pairs.need", [0, 0, 0], r"pairs\[2\]：person 1 与 need 0 已在 pairs\[1\]"),
        ("claims", {"person": [0], "need": [0], "preference": [0]}, r"claims.preference\[0\] = 0"),
        ("pairs.score", [1, 2, 10**400], r"pairs.score\[2\] = "),
        ("pairs.score", [1, 2, float("nan")], r"pairs.score\[2\] = nan：应为"),
        ("pairs.rank", [], "pairs：不认识的列 rank"),
        ("counties", {"code": ["K"], "floor": [3]}, "townships：有 counties 时缺少 county"),
        ("townships.county", [0, 0], r"townships.county\[0\] = 0：所指的列表是空的"),
        ("counties", {"code": ["K"]}, "counties：缺少 floor"),
        ("townships", {"code": [], "floor": []}, r"needs.township\[0\] = 0：所指的列表是空的"),
    ],
)
def test_what_is_wrong_is_named_by_table_column_and_row(path, value, message):
    with pytest.raises(InstanceError, match=message):
        Instance.from_json(_spoiled(path, value))


def test_a_seed_is_needed_and_absent_tables_are_empty():
    with pytest.raises(InstanceError, match="seed：缺少"):
        Instance.from_json({})
    assert Instance.from_json({"seed": "1"}).pairs.person == ()


def test_r_match_2_digest_is_the_sha_256_of_canonical_json():
    content = _plain()
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert Instance.from_json(content).digest() == sha256(text.encode()).hexdigest()


@settings(deadline=None, max_examples=examples(20))
@given(instances())
def test_an_instance_survives_its_file(instance):
    assert Instance.from_json(json.loads(json.dumps(instance.to_json()))) == instance


@settings(deadline=None, max_examples=examples(20))
@given(instances())
def test_r_match_2_canonical_form_forgets_the_order_of_rows(instance):
    backwards = {
        name: {column: values[::-1] for column, values in table.items()} if isinstance(table, dict) else table
        for name, table in instance.to_json().items()
    }
    last = {"person": len(instance.people.id) - 1, "need": len(instance.needs.id) - 1}
    last |= {"township": len(instance.townships.code) - 1, "county": len(instance.counties.code) - 1}
    for table in backwards.values():
        for column in last.keys() & (table if isinstance(table, dict) else {}):
            table[column] = [last[column] - index for index in table[column]]
    assert Instance.from_json(backwards).canonical() == instance.canonical()


def test_r_match_2_lottery_is_keyed_by_seed_and_ids():
    assert number(pair_ticket("7", "wang", "pig")) == int(sha256(b"7\nwang\npig").hexdigest()[:10], 16)
    assert number(person_ticket("7", "wang"), draw=1) == int(sha256(b"7\nwang").hexdigest()[10:20], 16)
