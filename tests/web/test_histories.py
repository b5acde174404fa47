"""Random histories of a phone's queue: whatever the line does to it, the server ends where an untroubled one would.

`TEPAI_HISTORIES=2000 pytest tests/web/test_histories.py` plays as many, other ones each time.
"""

import hashlib
import json
import os
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from models.records import Record, RecordConflict
from service.core.unit import SYSTEM
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT
from tests.world import Caller, World, new_id

HISTORIES = os.environ.get("TEPAI_HISTORIES")
PLACES = st.integers(0, 99)
Item = dict[str, Any]


def digest(item: Item) -> str:
    text = json.dumps(item, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Phone(RuleBasedStateMachine):
    """A phone that writes a chain of items, a line that doubles, shuffles and delays them, and somebody who forges."""

    world: ClassVar[World]
    chen: ClassVar[Caller]
    li: ClassVar[Caller]
    pairing: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.device = new_id()
        self.items: list[Item] = []
        self.first: dict[str, Item] = {}
        self.rivals: dict[str, str] = {}

    @precondition(lambda self: len(self.items) < 8)
    @rule(count=st.integers(1, 3), days=st.integers(0, 20))
    def write(self, count: int, days: int) -> None:
        """The phone writes without a network; some of it will come late."""
        made_at = (VISIT - timedelta(days=days)).isoformat()
        for _ in range(count):
            device = {"id": self.device, "seq": len(self.items) + 1, "made_at": made_at}
            if self.items:
                device["previous"] = digest(self.items[-1])
            self.items.append(a_record(self.pairing, VISIT - timedelta(days=days), device=device))

    @precondition(lambda self: self.items)
    @rule(places=st.lists(PLACES, min_size=1, max_size=6), batched=st.booleans())
    def send(self, places: list[int], *, batched: bool) -> None:
        """Some of the queue, in any order, some of it twice."""
        self._send([self.items[place % len(self.items)] for place in places], batched=batched)

    @precondition(lambda self: self.items)
    @rule(place=PLACES, word=st.sampled_from(["改过的甲", "改过的乙"]), batched=st.booleans())
    def forge(self, place: int, word: str, *, batched: bool) -> None:
        """Another content under an item's id, before the item itself or after it."""
        item = self.items[place % len(self.items)] | {"done": word}
        self._send([item], batched=batched)

    @precondition(lambda self: self.items)
    @rule(place=PLACES)
    def steal(self, place: int) -> None:
        """The item under another person's account."""
        item = self.items[place % len(self.items)]
        assert self.li.post("/records", item).status == (409 if item["id"] in self.first else 422)

    def _send(self, items: list[Item], *, batched: bool) -> None:
        if batched:
            answers = self.chen.post("/records/batch", {"records": items})["items"]
            got = [(one["status"], one.get("problem", {}).get("conflict")) for one in answers]
        else:
            alone = [self.chen.post("/records", item) for item in items]
            got = [(one.status, one.json.get("conflict")) for one in alone]
        for item, (status, conflict) in zip(items, got, strict=True):
            if self.first.setdefault(item["id"], item) == item:
                assert status == 201
            else:
                assert (status, conflict) == (409, self.rivals.setdefault(digest(item), conflict))

    def teardown(self) -> None:
        """The line is good again: the queue is sent once more, the phone keeps what it wrote, and all is as it was."""
        if not self.items:
            return
        self._send(self.items[::-1], batched=True)
        for item in self.items:
            if self.first[item["id"]] != item:
                self.chen.ok("POST", f"/conflicts/{self.rivals[digest(item)]}/keep")
        with self.world.house.read(SYSTEM) as uow:
            mine = sa.select(Record).where(Record.device_id == self.device).order_by(Record.device_seq)
            rows = uow.session.scalars(mine).all()
            others = sa.select(sa.func.count()).where(RecordConflict.record_id.in_([row.id for row in rows]))
            assert [(str(row.id), row.done, row.state) for row in rows] == [
                (item["id"], item["done"], "submitted") for item in self.items
            ]
            assert [row.number for row in rows] == [1 + (self.first[one["id"]] != one) for one in self.items]
            assert uow.session.scalar(others) == len(self.rivals)
        shown = self.chen.get(f"/commissioners/{self.chen.id}/devices")["devices"]
        told = next(one for one in shown if one["device"] == self.device)
        forged = {device["seq"] for device in self._twice()}
        assert (told["arrived"], told["missing"], told["broken"]) == (len(self.items), [], [])
        assert set(told["twice"]) == forged

    def _twice(self) -> list[dict[str, Any]]:
        """The places at which another content came as well."""
        seen = {*self.rivals, *(digest(one) for one in self.first.values())}
        words = ("改过的甲", "改过的乙")
        return [one["device"] for one in self.items if any(digest(one | {"done": word}) in seen for word in words)]


@pytest.mark.one_database
def test_every_history_ends_as_the_untroubled_one(world: World) -> None:
    """R-VISIT-5, quality.md bar 31: duplicated, shuffled, split, late: equal state; forged contents accepted: none."""
    world.at(NOW)
    Phone.world, Phone.chen, Phone.li, Phone.pairing = world, world.as_("chen"), world.as_("li"), a_pairing(world)
    run_state_machine_as_test(
        Phone,
        settings=settings(
            max_examples=int(HISTORIES or 15),
            stateful_step_count=8,
            deadline=None,
            database=None,
            derandomize=HISTORIES is None,
            suppress_health_check=list(HealthCheck),
        ),
    )
