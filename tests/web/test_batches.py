"""Fifty records in one body: stored together, each answered, judged and journalled as if it had come alone."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.base import new_id
from models.journal import JournalEntry
from models.records import Record
from service.records import posting, questions
from tests.cast import GAOPU, PUNING
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT
from tests.world import World

WORDS = "查看示范茶园虫口，讲解黄板与释放天敌的时机，并与合作社商定秋季修剪与施肥的安排。"


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def days(pairing: str, many: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        a_record(pairing, VISIT - timedelta(days=day), done=f"第{day}天，" + WORDS, **changes) for day in range(many)
    ]


def sent(world: World, records: list[Any], who: str = "chen") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.as_(who).ok("POST", "/records/batch", {"records": records})["items"]
    assert [one["id"] for one in items] == [one.get("id") if isinstance(one, dict) else None for one in records]
    return items


def test_a_longer_batch_takes_a_statement_more_for_every_eight(field: World) -> None:
    pairing, seen = a_pairing(field), []

    def note(*args: Any) -> None:
        seen.append(args[2])

    def statements(records: list[dict[str, Any]]) -> int:
        seen.clear()
        sa.event.listen(field.house.engine, "before_cursor_execute", note)
        items = sent(field, records)
        sa.event.remove(field.house.engine, "before_cursor_execute", note)
        assert {one["status"] for one in items} == {201}
        return len(seen)

    few, many = statements(days(pairing, 48)[40:]), statements(days(pairing, 40))
    assert few < 20
    parts = 40 // questions.TOGETHER if field.house.engine.dialect.name == "sqlite" else 1
    assert many == few + parts - 1


def test_each_item_is_a_command_of_its_own(field: World) -> None:
    """One journal entry a record, with its own changes, facts and flags (architecture.md §3, 6)."""
    here, there = a_pairing(field), a_pairing(field, township_code=GAOPU, county_code=PUNING)
    records = [*days(here, 3), a_record(there, VISIT + timedelta(hours=1))]
    sent(field, records)
    with field.house.engine.connect() as connection:
        rows = connection.execute(
            sa.select(JournalEntry.__table__).where(
                JournalEntry.thing == "record", JournalEntry.action == "record.submit"
            )
        ).all()
    told = {row.subject_id: row for row in rows}
    assert len(rows) == len(told) == 4
    assert set(told) == {one["id"] for one in records}
    assert {row.county_code for row in rows} == {told[records[0]["id"]].county_code, PUNING}
    assert all(
        [(one["from"], one["to"]) for one in row.changes if one["thing"] == "record"]
        == [(None, "draft"), ("draft", "submitted")]
        and {one["id"] for one in row.changes if one["thing"] == "record"} == {subject}
        for subject, row in told.items()
    )
    flagged = {subject for subject, row in told.items() if any(one["thing"] == "flag" for one in row.changes)}
    assert {records[0]["id"], records[3]["id"]} <= flagged  # in two townships within the hour, each told on its own


def test_every_kind_of_item_is_answered_as_if_it_came_alone(field: World) -> None:
    """Refused, known, conflicting, twice in one body, another's id, no object at all: each holds up no other."""
    pairing, others = a_pairing(field), a_pairing(field, "li")
    known, changed, foreign, fresh, draft = days(pairing, 5)
    field.as_("chen").ok("POST", "/records", known)
    field.as_("chen").ok("POST", "/records", changed)
    field.as_("li").ok("POST", "/records", foreign | {"pairing_id": others})
    body: list[Any] = [
        known,
        changed | {"done": "改了内容再发一次，" + WORDS},
        foreign,
        fresh,
        fresh,
        fresh | {"next": "下周复查。"},
        draft | {"draft": True, "done": ""},
        a_record(pairing, NOW + timedelta(days=3)),
        a_record(str(uuid4()), VISIT),
        a_record(pairing, VISIT, kind="nothing"),
        "no object",
        {key: value for key, value in a_record(pairing, VISIT).items() if key != "id"},
    ]
    items = sent(field, body)
    assert [one["status"] for one in items] == [201, 409, 409, 201, 201, 409, 201, 422, 422, 422, 422, 422]
    assert items[3]["record"] == items[4]["record"]
    assert items[0]["record"]["state"] == "submitted"
    assert items[1]["problem"]["conflict"] != items[5]["problem"]["conflict"]
    assert items[6]["record"]["state"] == "draft"
    assert "ended_at" in items[7]["problem"]["errors"]
    assert "pairing_id" in items[8]["problem"]["errors"]
    again = sent(field, body)
    assert [one["status"] for one in again] == [one["status"] for one in items]
    assert [one.get("record") for one in again] == [one.get("record") for one in items]
    assert [one.get("problem", {}).get("conflict") for one in again] == [
        one.get("problem", {}).get("conflict") for one in items
    ]
    with field.house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Record)) == 5


def test_whoever_was_faster_is_met_one_by_one(field: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else stores one of the records between the look and the writing: the others are taken all the same."""
    pairing = a_pairing(field)
    records = days(pairing, 3)
    field.as_("chen").ok("POST", "/records", records[1])
    with field.house.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM replies"))
    real, blind = posting.known, [True]

    def known(*args: Any) -> Any:
        return set() if blind and blind.pop() else real(*args)

    monkeypatch.setattr(posting, "known", known)
    items = sent(field, [records[0], records[1], records[2] | {"id": str(new_id())}])
    assert [one["status"] for one in items] == [201, 201, 201]
    assert not blind


OTHER_WORDS = {
    "chen": WORDS,
    "li": "到养殖场检查蛋鸡舍通风和光照，调整饲料配比，现场示范免疫接种，登记防疫台账并约定回访。",
    "wang": "下田取土样测酸碱度，按测土配方开出水稻追肥清单，与种粮大户核对农机作业和排灌次序。",
}


def a_journey(pairing: str, who: str) -> list[dict[str, Any]]:
    """Eight days, told day by day by one phone, whose clock was set back once; two and two in nearly the same words."""
    records = []
    for day in range(8):
        begun = VISIT - timedelta(days=20 - day)
        device = {
            "id": f"phone-{who}",
            "seq": day + 1,
            "uptime_ms": 10**7 + day * 86_400_000,
            "made_at": (begun + timedelta(hours=4 - 3 * (day >= 6))).isoformat(),
        }
        records.append(a_record(pairing, begun, done=f"{OTHER_WORDS[who]}第{day // 2}回", device=device))
    return records


def test_order_and_split_change_nothing(field: World) -> None:
    """R-VISIT-5: a device that sends all at once, backwards in parts or one by one leaves the same flags."""
    told = []
    for who, parts in (("chen", [slice(0, 8)]), ("li", [slice(5, 8), slice(0, 5)]), ("wang", None)):
        records = a_journey(a_pairing(field, who), who)
        for part in parts or ():
            assert {one["status"] for one in sent(field, records[part][::-1], who)} == {201}
        for one in records if parts is None else ():
            field.as_(who).ok("POST", "/records", one)
        shown = [field.as_(who).get(f"/records/{one['id']}").json for one in records]
        told.append([sorted(flag["code"] for flag in one["flags"]) for one in shown])
    assert told[0] == told[1] == told[2]
    assert {"clock", "text"} <= {code for one in told[0] for code in one}
