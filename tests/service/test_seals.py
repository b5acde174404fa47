"""Seals over the journal: whatever is done to the past is found and named (R-VISIT-6, architecture.md §4)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.base import new_id
from models.journal import JournalEntry, Seal
from service import schedule
from service.core import seals
from service.core.unit import SYSTEM, entry_digest
from tests.make import a_need
from tests.world import World

JOURNAL: Any = JournalEntry.__table__
Rows = list[dict[str, Any]]


@pytest.fixture
def sealed(world: World) -> World:
    """A world whose journal has several seals a county."""
    township, county = world.as_("township"), world.as_("county")
    for title in ("茶园治虫", "水稻育秧", "果树修剪"):
        need = township.ok("POST", "/needs", a_need(title=title))
        township.ok("POST", f"/needs/{need['id']}/submit")
        schedule.run(world.house, "seal")
        county.ok("POST", f"/needs/{need['id']}/return", {"reason": "请补充"})
    schedule.run(world.house, "seal")
    return world


def faults(world: World) -> list[seals.Fault]:
    with world.house.read(SYSTEM) as uow:
        return list(seals.faults(uow))


def rows(world: World, county: str = "445202") -> Rows:
    statement = sa.select(JOURNAL).where(JOURNAL.c.county_code == county).order_by(JOURNAL.c.seal_number, JOURNAL.c.id)
    with world.house.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(statement)]


def change(world: World, identity: UUID, **values: Any) -> None:
    with world.house.engine.begin() as connection:
        connection.execute(sa.update(JOURNAL).where(JOURNAL.c.id == identity).values(**values))


def insert(world: World, row: dict[str, Any]) -> None:
    with world.house.engine.begin() as connection:
        connection.execute(sa.insert(JOURNAL).values(**row | {"digest": entry_digest(row)}))


def test_an_honest_journal_verifies(sealed: World) -> None:
    """Every entry lies under a seal, nothing is wrong, and sealing again seals nothing."""
    assert faults(sealed) == []
    with sealed.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.select(sa.func.count()).where(JOURNAL.c.seal_number.is_(None))) == 0
        counts = uow.session.scalars(sa.select(Seal.count).where(Seal.county_code == "445202")).all()
    assert len(counts) == 4
    assert sum(counts) == len(rows(sealed))
    assert schedule.run(sealed.house, "seal") == schedule.Ran()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "need.approve"),
        ("actor_id", UUID(int=7)),
        ("changes", []),
        ("facts", {"title": "别的"}),
        ("subject_id", "x"),
        ("trace", "y"),
        ("on_behalf_of", "city"),
        ("at", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_edited_entry_is_named(sealed: World, column: str, value: Any) -> None:
    """Whatever of an entry is edited, its own digest tells."""
    row = rows(sealed)[2]
    change(sealed, row["id"], **{column: value})
    found = faults(sealed)
    assert (found[0].entry, found[0].number) == (row["id"], row["seal_number"])


def test_an_edited_entry_with_a_new_digest_breaks_its_seal(sealed: World) -> None:
    """Whoever recomputes the entry's digest meets the seal over it."""
    row = rows(sealed)[2]
    forged = row | {"action": "need.approve"}
    change(sealed, row["id"], action="need.approve", digest=entry_digest(forged))
    assert [(one.entry, one.number) for one in faults(sealed)] == [(None, row["seal_number"])]


def test_a_deleted_entry_leaves_a_gap(sealed: World) -> None:
    row = rows(sealed)[2]
    with sealed.house.engine.begin() as connection:
        connection.execute(sa.delete(JOURNAL).where(JOURNAL.c.id == row["id"]))
    assert faults(sealed)[0].number == row["seal_number"]


def test_reordered_entries_are_not_those_that_were_sealed(sealed: World) -> None:
    """Two entries that change places, by their seals or by their contents."""
    first, *_, last = rows(sealed)
    change(sealed, first["id"], seal_number=last["seal_number"])
    change(sealed, last["id"], seal_number=first["seal_number"])
    assert {one.number for one in faults(sealed)} >= {first["seal_number"]}


def contents(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("action", "actor_id", "changes", "facts", "subject_id", "at", "trace")}


def test_contents_that_change_places_are_found(sealed: World) -> None:
    """With digests that fit the swapped contents."""
    here, there = rows(sealed)[1:3]
    for row, other in ((here, there), (there, here)):
        swapped = row | contents(other)
        change(sealed, row["id"], **contents(other), digest=entry_digest(swapped))
    assert faults(sealed)


def test_an_inserted_entry_is_found_sealed_or_not(sealed: World) -> None:
    """Put under an old seal it is one too many; left for the next seal, its id is older than its neighbours."""
    old = rows(sealed)[0]
    insert(sealed, old | {"id": new_id(), "trace": "forged"})
    assert "covers" in faults(sealed)[0].why


def test_an_entry_dated_back_is_found_even_once_sealed(sealed: World) -> None:
    """Whoever gives it an id of last year meets the seals that stand before it."""
    old = rows(sealed)[0]
    back = int((datetime.now(UTC) - timedelta(days=365)).timestamp() * 1000)
    forged = UUID(int=back << 80 | new_id().int & (1 << 80) - 1)
    insert(sealed, old | {"id": forged, "seal_number": None, "trace": "forged"})
    assert faults(sealed)[-1].entry == forged
    schedule.run(sealed.house, "seal")
    assert forged in {one.entry for one in faults(sealed)}


def broken_seals() -> Iterator[Any]:
    table: Any = Seal.__table__
    mine = table.c.county_code == "445202"
    yield pytest.param(sa.update(table).where(mine, table.c.number == 2).values(count=7), id="count")
    yield pytest.param(sa.update(table).where(mine, table.c.number == 2).values(previous="0" * 64), id="previous")
    yield pytest.param(sa.update(table).where(mine, table.c.number == 2).values(digest="0" * 64), id="digest")
    yield pytest.param(sa.update(table).where(mine, table.c.number == 2).values(number=9), id="number")
    yield pytest.param(sa.delete(table).where(mine, table.c.number == 2), id="deleted")
    yield pytest.param(sa.delete(table).where(mine, table.c.number == 4), id="the last one deleted")


@pytest.mark.parametrize("statement", list(broken_seals()))
def test_a_changed_seal_is_named(sealed: World, statement: Any) -> None:
    with sealed.house.engine.begin() as connection:
        connection.execute(statement)
    assert faults(sealed)[0].county == "445202"


def test_a_seal_with_all_its_entries_gone_is_named(sealed: World) -> None:
    """In the middle the next seal does not follow; at the end its entries are missing."""
    for number in (2, 4):
        with sealed.house.engine.begin() as connection:
            mine = sa.and_(JOURNAL.c.county_code == "445202", JOURNAL.c.seal_number == number)
            connection.execute(sa.delete(JOURNAL).where(mine))
    assert {one.number for one in faults(sealed)} == {2, 4}


def test_the_command_line_names_the_first_fault_and_fails(sealed: World) -> None:
    """`flask --app wsgi audit verify`: 0 and counts, or 1 and where."""
    run = sealed.app.test_cli_runner()
    good = run.invoke(args=["audit", "verify"])
    assert good.exit_code == 0, good.output
    row = rows(sealed)[2]
    change(sealed, row["id"], facts={"title": "别的"})
    bad = run.invoke(args=["audit", "verify"])
    assert bad.exit_code == 1
    assert str(row["id"]) in bad.output
    assert "别的" not in bad.output
