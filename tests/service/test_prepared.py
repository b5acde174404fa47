"""Statements that are compiled once: many values as one parameter, rows of several tables put in at once.

What the requests of whole stories do with them is tested by those stories; here stands what none of them would show.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.identity import Person
from models.journal import JournalEntry, Reply
from service.core.prepared import Prepared, among
from service.core.unit import SYSTEM
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT
from tests.world import World

_REPLIES = Reply.__table__.c
_BY_KEY = Prepared(
    sa.select(Reply.__table__).where(among(_REPLIES.key, "keys"), _REPLIES.status != 404).order_by(_REPLIES.key)
)
AT = datetime(2026, 6, 1, 8, 30, 0, 1, tzinfo=UTC)


def a_reply(key: str, body: bytes = b"\x00\xff\\x41'") -> dict[str, Any]:
    return {
        "owner": "somebody",
        "key": key,
        "request_digest": "0" * 64,
        "status": 201,
        "body": body,
        "location": None,
        "at": AT,
    }


def test_rows_come_back_as_they_were_put_in(world: World) -> None:
    with world.house.write(SYSTEM) as uow:
        uow.insert(Reply, [a_reply("一"), a_reply("二", b"")])
        found = uow.rows(_BY_KEY, keys=["一", "二", "三"])
        assert {(one.key, one.body, one.location, one.at) for one in found} == {
            ("一", b"\x00\xff\\x41'", None, AT),
            ("二", b"", None, AT),
        }
        assert uow.rows(_BY_KEY, keys=[]) == []
        assert uow.rows(_BY_KEY, keys=["'; --", '"', "\\", "三"]) == []


def test_rows_of_a_table_say_the_same_columns(world: World) -> None:
    """PostgreSQL would leave empty what only some of them say."""
    without = a_reply("二")
    del without["location"]
    with pytest.raises(TypeError, match="replies"), world.house.write(SYSTEM) as uow:
        uow.insert(Reply, [a_reply("一"), without])


def test_a_time_without_a_zone_is_refused_on_both(world: World) -> None:
    with pytest.raises(ValueError, match="zone"), world.house.write(SYSTEM) as uow:
        uow.insert(Reply, [a_reply("一") | {"at": AT.replace(tzinfo=None)}])


def test_what_may_stay_unseen_waits_for_the_rest(world: World) -> None:
    with world.house.write(SYSTEM) as uow:
        uow.insert(Reply, [a_reply("一")])
        assert uow.rows(_BY_KEY, keys=["一"], unseen=True) == []
        assert uow.session.get(Reply, ("somebody", "一")) is not None
    with world.house.read(SYSTEM) as uow:
        assert [one.key for one in uow.rows(_BY_KEY, keys=["一"])] == ["一"]


def test_nothing_stays_of_what_waited_in_a_unit_that_failed(world: World) -> None:
    with world.house.write(SYSTEM) as uow:
        uow.insert(Reply, [a_reply("一")])
        uow.rollback()
    with world.house.read(SYSTEM) as uow:
        assert uow.rows(_BY_KEY, keys=["一"]) == []


def test_a_list_is_no_parameter_of_one_text(world: World) -> None:
    listed = Prepared(sa.select(_REPLIES.key).where(_REPLIES.key.in_(["一", "二"])))
    with world.house.read(SYSTEM) as uow, pytest.raises(TypeError):
        uow.rows(listed)


def test_a_parameter_that_nobody_gave_is_missed(world: World) -> None:
    born = Prepared(sa.select(JournalEntry.__table__.c.id).where(JournalEntry.__table__.c.at > sa.bindparam("since")))
    with world.house.read(SYSTEM) as uow:
        assert uow.rows(born, since=AT + timedelta(days=36500)) == []
        with pytest.raises(KeyError, match="since"):
            uow.rows(born, until=AT)
        with pytest.raises(ValueError, match="zone"):
            uow.rows(born, since=datetime(2026, 6, 1))  # noqa: DTZ001  (that is what is wrong with it)


def test_ids_dates_and_documents_are_read_as_objects_hold_them(world: World) -> None:
    world.at(NOW)
    record = a_record(a_pairing(world), VISIT)
    world.as_("chen").ok("POST", "/records", record)
    entries = JournalEntry.__table__.c
    told = Prepared(sa.select(entries.id, entries.changes, entries.at).where(entries.subject_id == sa.bindparam("id")))
    with world.house.read(SYSTEM) as uow:
        rows = uow.rows(told, id=str(record["id"]))
        kept = uow.session.scalars(sa.select(JournalEntry).where(entries.subject_id == str(record["id"]))).all()
        assert [(one.id, one.changes, one.at) for one in rows] == [(one.id, one.changes, one.at) for one in kept]
        people = Person.__table__.c
        some = Prepared(sa.select(people.id).where(among(people.id, "ids")))
        mine = kept[0].actor_id
        assert [one.id for one in uow.rows(some, ids=[mine, uuid4()])] == [mine]


def test_a_connection_keeps_what_it_prepared_from_request_to_request(world: World) -> None:
    """psycopg forgets it with every ROLLBACK, and then each question is planned anew: that was half of the server."""
    if world.house.engine.dialect.name != "postgresql":
        pytest.skip("planning is PostgreSQL's")
    world.at(NOW)
    chen, pairing = world.as_("chen"), a_pairing(world)
    for day in range(8):
        chen.ok("POST", "/records", a_record(pairing, VISIT.replace(day=day + 1)))
        chen.ok("GET", "/me")
    with world.house.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    assert any("FROM sessions" in one for one in kept)
    assert any("INSERT INTO records" in one for one in kept)
