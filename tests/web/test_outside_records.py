"""Service records attacked by an outsider who has read api.md and nothing else (issue 4 point 1)."""

from datetime import timedelta
from typing import Any

import pytest

from models.records import Record, RecordConflict
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT, codes, count
from tests.world import World, new_id

JUNK: tuple[Any, ...] = (
    None,
    0,
    -1,
    1.5,
    True,
    "",
    [],
    {},
    [None],
    [[]],
    {"a": 1},
    "x" * 5000,
    2**60,
    1e308,
    "\u202e",
)
FIELDS = ("id", "pairing_id", "started_at", "ended_at", "form", "kind", "done", "companions", "counters", "photos",
          "village", "place_name", "place_kind", "site", "next", "check_in", "travel_dates", "device",
          "draft")  # fmt: skip


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def test_no_type_in_no_field_is_an_error_of_ours(field: World) -> None:
    """api.md: each item on its own, 422 by field; what is taken is a record, and nothing poisons a batch."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    wrong = [a_record(pairing, VISIT) | {name: junk} for name in FIELDS for junk in JUNK]
    taken = 0
    for at in range(0, len(wrong), 48):
        sent = [*wrong[at : at + 48], None, a_record(pairing, VISIT)]
        answer = chen.post("/records/batch", {"records": sent})
        assert answer.status == 207, answer
        items = answer["items"]
        assert [one["status"] for one in items[-2:]] == [422, 201]
        for item, one in zip(sent[:-2], items, strict=False):
            assert one["status"] in {201, 422}, (item, one)
            assert one["status"] == 201 or one["problem"]["errors"], one
            assert "Field" not in str(one.get("problem")), "refusals are in Chinese"
        taken += sum(one["status"] == 201 for one in items)
    assert count(field, Record) == taken


def test_one_id_sent_in_every_way_is_one_record_of_its_author(field: World) -> None:
    """R-VISIT-5: repeated, respelled, rivalled, as a draft, for another pairing, by another person, in one batch."""
    chen, li = field.as_("chen"), field.as_("li")
    one, others = a_record(a_pairing(field), VISIT), a_pairing(field, "li")
    elsewhere = one | {"pairing_id": a_pairing(field)}
    sent = [one, one, one | {"id": one["id"].upper()}, one | {"done": "另"}, one | {"done": "另"}, elsewhere,
            one | {"draft": True}, one | {"pairing_id": others}]  # fmt: skip
    items = chen.post("/records/batch", {"records": sent})["items"]
    assert [item["status"] for item in items] == [201, 201, 201, 409, 409, 409, 409, 409]
    rivals = [item["problem"]["conflict"] for item in items[3:]]
    assert (rivals[0], len(set(rivals))) == (rivals[1], 4)
    for body in (one, one | {"pairing_id": others}):
        assert li.post("/records", body)["type"] == "/problems/id-taken"
    kept = chen.post(f"/conflicts/{rivals[2]}/keep")
    assert (kept.status, "另一结对" in kept["detail"]) == (409, True)
    assert [li.post(f"/conflicts/{rival}/discard").status for rival in rivals] == [404] * 5
    for rival in rivals[1:]:
        assert chen.post(f"/conflicts/{rival}/discard").status == 200
    assert (count(field, Record), count(field, RecordConflict)) == (1, 4)
    assert (chen.get(f"/records/{one['id']}")["number"], chen.get("/me/conflicts")["items"]) == (1, [])


def test_whoever_serves_no_longer_writes_nothing_and_still_has_their_copy(field: World) -> None:
    """quality.md §3 row 17: permission as of now, on the next request, in every way of writing."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    sent, draft = a_record(pairing, VISIT), a_record(pairing, VISIT, draft=True)
    for body in (sent, draft):
        chen.ok("POST", "/records", body)
    conflict = chen.post("/records", sent | {"done": "另"})["conflict"]
    grants = field.as_("admin").get("/roles", limit=100)["items"]
    grant = next(one["id"] for one in grants if chen.id in str(one["person"]))
    field.as_("admin").ok("POST", f"/roles/{grant}/end", {"reason": "期满"})
    for path, body in (
        ("/records", a_record(pairing, VISIT)),
        ("/records", sent),
        ("/records/batch", {"records": [sent]}),
        (f"/conflicts/{conflict}/keep", {}),
        (f"/records/{draft['id']}/submit", {}),
        (f"/records/{sent['id']}/versions", {"done": "改", "reason": "误"}),
    ):
        assert chen.post(path, body).status == 403, path
    assert sent["done"] in chen.ok("GET", "/me/data").content.decode()


@pytest.mark.parametrize(
    ("made_at", "flags"),
    [
        ("1970-01-01T00:00:00Z", ["clock"]),
        ((NOW - timedelta(days=365)).isoformat(), ["clock"]),
        ((NOW - timedelta(days=1)).isoformat(), ["clock"]),
        ((VISIT + timedelta(hours=1)).isoformat(), []),
        ((NOW + timedelta(days=1)).isoformat(), ["clock"]),
        ("2099-01-01T00:00:00Z", ["clock"]),
    ],
)
def test_a_clock_that_is_far_off_is_a_hint_and_refuses_nothing(field: World, made_at: str, flags: list[str]) -> None:
    """quality.md §3 row 16: ±1 day, ±1 year, 1970, 2099; the server's time rules."""
    device = {"id": "phone", "seq": 1, "made_at": made_at}
    made = field.as_("chen").post("/records", a_record(a_pairing(field), VISIT, device=device))
    assert (made.status, codes(made), made["received_at"][:10]) == (201, flags, "2026-06-15")
    wrong = {"id": "phone", "seq": 2, "made_at": "9999-12-31T23:59:59-14:00"}
    refused = field.as_("chen").post("/records", a_record(made["pairing_id"], VISIT, id=new_id(), device=wrong))
    assert set(refused["errors"]) == {"device.made_at"}
