"""The two chains that show tampering: a device's sequence, and the versions of a record (R-VISIT-6)."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.journal import JournalEntry
from models.records import Record, RecordVersion
from service.core.unit import SYSTEM
from service.core.vault import sha256_of
from service.records import chain
from service.records.arrivals import version_digest
from tests.cast import GAOPU, PUNING
from tests.make import a_pairing, a_record
from tests.web.pages import at
from tests.web.test_records import NOW, VISIT, a_point, consent
from tests.world import World


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def digest(item: dict[str, Any]) -> str:
    """The digest of an item as a device reckons it."""
    said = {name: value for name, value in item.items() if name != "check_in"}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def items(pairing: str, count: int, **changes: Any) -> list[dict[str, Any]]:
    """What a device wrote without a network, each item naming the one before."""
    written: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        device = {"id": "phone-1", "seq": number, "made_at": (VISIT + timedelta(minutes=number)).isoformat()}
        if written:
            device["previous"] = digest(written[-1])
        written.append(a_record(pairing, VISIT, device=device, **changes))
    return written


def told(world: World, who: str = "chen") -> dict[str, Any]:
    shown = world.as_(who).ok("GET", f"/commissioners/{world.as_('chen').id}/devices")["devices"]
    assert len(shown) == 1
    return dict(shown[0])


def test_the_devices_sequence_shows_what_has_not_arrived(field: World) -> None:
    """R-VISIT-5, R-VISIT-6: a gap is shown while it is one; nothing is refused or marked for it."""
    chen, made = field.as_("chen"), items(a_pairing(field), 5)
    late = chen.post("/records/batch", {"records": [made[4], made[1]]})
    assert [one["status"] for one in late["items"]] == [201, 201]
    assert told(field)["missing"] == [{"first": 1, "last": 1}, {"first": 3, "last": 4}]
    assert chen.get(f"/records/{made[4]['id']}")["flags"] == []
    for one in (made[3], made[0], made[2], made[0]):
        chen.ok("POST", "/records", one)
    assert told(field) == {"device": "phone-1", "last": 5, "arrived": 5, "missing": [], "twice": [], "broken": []}


def test_a_changed_item_breaks_the_link_of_the_next(field: World) -> None:
    """R-VISIT-6: whichever of two contents comes first, the second is kept beside it, and both are seen."""
    consent(field)
    chen, made = field.as_("chen"), items(a_pairing(field), 3, check_in=a_point(23.5, 116.4))
    forged = made[1] | {"done": "别人改过的内容"}
    for one in (made[0], forged, made[2]):
        chen.ok("POST", "/records", one)
    assert (told(field)["broken"], told(field)["twice"]) == ([3], [])
    conflict = chen.post("/records", made[1])
    assert conflict.status == 409
    assert (told(field)["broken"], told(field)["twice"]) == ([], [2])
    chen.ok("POST", f"/conflicts/{conflict['conflict']}/keep")
    assert chen.get(f"/records/{made[1]['id']}")["done"] == made[1]["done"]
    with field.house.read(SYSTEM) as uow:
        stored = str(uow.session.scalars(sa.select(Record.device)).all())
    assert sha256_of(made[2]) not in stored, "a digest over the precise point would give it away"


def test_corrections_stand_in_the_sequence_and_drafts_keep_their_place(field: World) -> None:
    """R-VISIT-6: a correction made offline is an item too; editing a draft moves nothing."""
    chen, (first, draft) = field.as_("chen"), items(a_pairing(field), 2)
    chen.ok("POST", "/records", first)
    made = chen.ok("POST", "/records", draft | {"draft": True})
    path = f"/records/{first['id']}/versions"
    body = {"done": "更正", "reason": "笔误", "device": draft["device"] | {"seq": 4, "previous": None}}
    chen.ok("POST", path, body)
    assert told(field)["missing"] == [{"first": 3, "last": 3}]
    etag = chen.get(f"/records/{made['id']}").etag
    assert set(chen.patch(f"/records/{made['id']}", {"device": body["device"]}, etag)["errors"]) == {"device"}
    chen.patch(f"/records/{made['id']}", {"done": "补写"}, etag)
    chen.ok("POST", f"/records/{made['id']}/submit")
    assert told(field)["missing"] == [{"first": 3, "last": 3}]


def test_the_sequence_is_for_its_person_and_their_reviewers(field: World) -> None:
    """R-VISIT-6: neither townships nor other commissioners nor other counties; reviewers once they have a record."""
    path = f"/commissioners/{field.as_('chen').id}/devices"
    assert field.as_("chen").get(path)["devices"] == []
    assert field.as_("county").get(path).status == 404
    field.as_("chen").ok("POST", "/records", items(a_pairing(field), 2)[1])
    for who in ("chen", "county", "lead", "city", "auditor"):
        assert told(field, who)["missing"] == [{"first": 1, "last": 1}], who
    assert field.as_("township").get(path).status == 403
    for who in ("li", "other_county", "other_lead"):
        assert field.as_(who).get(path).status == 404, who
    assert field.anyone().get(path).status == 401


def devices(world: World, who: str, pairing: str, *numbers: int, device: str = "phone-1", day: int = 1) -> None:
    for number in numbers:
        moment = NOW - timedelta(days=day, minutes=number)
        sent = {"id": device, "seq": number, "made_at": moment.isoformat()}
        world.as_(who).ok("POST", "/records", a_record(pairing, moment, hours=0.5, device=sent))


def test_numbers_that_have_not_arrived_are_shown_with_what_they_may_honestly_mean(field: World) -> None:
    """R-VISIT-6: per device of the county's commissioners; another county's devices stay its own."""
    devices(field, "chen", a_pairing(field), 1, 2, 5, 9)
    devices(field, "li", a_pairing(field, "li"), 1, 2)
    away = a_pairing(field, "li", township_code=GAOPU, county_code=PUNING)
    devices(field, "li", away, 3, device="phone-2", day=2)
    county = at(field, "county")
    page = county.get("/console/devices")
    assert ("陈茶生" in page.html, "李稻香" in page.html) == (True, False)
    assert "3–4、6–8" in page.read.text
    assert "缺号不影响任何一条记录的采信" in page.read.text
    whole = county.get("/console/devices", gaps="0")
    assert ("李稻香" in whole.html, "phone-2" in whole.html) == (True, False)
    first = county.get("/console/devices", gaps="0", limit="1")
    following = next(one["href"] for one in first.read.all("a") if one.get("rel") == "next")
    assert {"陈茶生" in first.html, "李稻香" in first.html} == {True, False}
    assert ("李稻香" in county.get(following).html) is ("陈茶生" in first.html)
    assert "phone-2" in at(field, "other_county").get("/console/devices").html
    assert "李稻香" in county.get("/console/devices", gaps="0", commissioner=field.as_("li").id).html
    assert "没有缺号" in county.get("/console/devices", commissioner=field.as_("li").id).html
    assert (at(field, "township").get("/console/devices").status, at(field).get("/console/devices").status) == (
        403,
        303,
    )
    devices(field, "chen", a_pairing(field), 3, 4, 6, 7, 8)
    assert "没有缺号" in county.get("/console/devices").html


Broken = Callable[[dict[str, Any]], sa.UpdateBase]


def _said_anew(kept: dict[str, Any]) -> sa.UpdateBase:
    """Another content with a digest made for it: only the journal knows better."""
    content = kept["content"] | {"done": "改过"}
    said = [content, kept["reason"]]
    values = {"content": content, "digest": version_digest(kept["record_id"], 1, None, said, kept["at"])}
    return sa.update(RecordVersion).where(RecordVersion.number == 1).values(**values)


BREAKS: list[tuple[Broken, int, str]] = [
    (lambda _: sa.update(RecordVersion).where(RecordVersion.number == 1).values(reason="改过"), 1, "was changed"),
    (lambda _: sa.update(RecordVersion).where(RecordVersion.number == 2).values(at=NOW), 2, "was changed"),
    (lambda _: sa.update(RecordVersion).where(RecordVersion.number == 2).values(check_in={}), 2, "check-in"),
    (lambda _: sa.delete(RecordVersion).where(RecordVersion.number == 1), 1, "is gone"),
    (lambda _: sa.delete(RecordVersion).where(RecordVersion.number == 2), 2, "is gone"),
    (lambda _: sa.update(Record).values(done="改过"), 2, "not what its last version says"),
    (lambda _: sa.update(Record).values(number=3), 3, "is gone"),
    (_said_anew, 1, "the journal does not know"),
    (lambda _: sa.update(JournalEntry).values(facts={}), 1, "the journal does not know"),
]


def test_verify_names_the_first_break(field: World) -> None:
    """R-VISIT-6: every version, every link, what the record shows, and what the sealed journal was told."""
    consent(field)
    chen, run = field.as_("chen"), field.app.test_cli_runner()
    body = a_record(a_pairing(field), VISIT, check_in=a_point(23.5, 116.4))
    chen.ok("POST", "/records", body)
    chen.ok("POST", "/records", a_record(body["pairing_id"], VISIT, draft=True))
    field.at(NOW + timedelta(minutes=1))
    chen = field.as_("chen")
    conflict = chen.post("/records", body | {"kind": "training"})["conflict"]
    chen.ok("POST", f"/conflicts/{conflict}/keep")
    good = run.invoke(args=["records", "verify"])
    assert (good.exit_code, good.output) == (0, "ok: 1 records in 2 versions\n")
    with field.house.read(SYSTEM) as uow:
        kept = dict(uow.session.execute(sa.select(RecordVersion.__table__)).mappings().first() or {})
    for broken, number, why in BREAKS:
        with field.house.engine.connect() as connection:
            connection.execute(broken(kept))
            fault = _verified(field, connection)
            connection.rollback()
        assert fault.startswith(f"record {body['id']}, version {number}: "), (why, fault)
        assert why in fault, fault
    with field.house.engine.begin() as connection:
        connection.execute(sa.delete(RecordVersion).where(RecordVersion.record_id == UUID(body["id"])))
    bad = run.invoke(args=["records", "verify"])
    assert (bad.exit_code, f"record {body['id']}, version 2: the version is gone" in bad.output) == (1, True)


def _verified(world: World, connection: sa.Connection) -> str:
    """The first fault that a broken database shows, before it is mended again."""
    with world.house.read(SYSTEM) as uow:
        uow.session.bind = connection
        return str(next(chain.faults(uow)))
