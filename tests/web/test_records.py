"""Service records from the field to acceptance (R-VISIT-1…6, 9)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.journal import JournalEntry, Reply
from models.records import Flag, Record, RecordConflict, RecordVersion
from rules.geo import wgs84_to_gcj02
from rules.policy import CONSENT_VERSIONS
from service.core.unit import SYSTEM
from service.records.arrivals import version_digest
from service.records.links import DISPUTED
from tests.cast import DIDU, PAOTAI, PUNING, RONGCHENG
from tests.make import a_pairing, a_record
from tests.world import Answer, Caller, World, new_id

NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)  # two in the afternoon of a Monday in Shanghai
VISIT = NOW - timedelta(hours=5)


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def consent(world: World, who: str = "chen", *, given: bool = True) -> None:
    body = {"purpose": "location", "version": CONSENT_VERSIONS["location"], "given": given}
    world.as_(who).ok("POST", "/me/consents", body)


def seat(world: World) -> tuple[float, float]:
    point = world.anyone().get(f"/townships/{PAOTAI}")["point"]
    return point["lat"], point["lon"]


def a_point(lat: float, lon: float, **changes: Any) -> dict[str, Any]:
    return {"lat": lat, "lon": lon, "datum": "wgs84", "accuracy_m": 30, "source": "precise"} | changes


def codes(record: Answer) -> list[str]:
    return [flag["code"] for flag in record["flags"]]


def count(world: World, model: type[Any]) -> int:
    with world.house.read(SYSTEM) as uow:
        return uow.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_a_visit_is_written_confirmed_and_accepted(field: World) -> None:
    """R-VISIT-1, R-VISIT-4, R-VISIT-9: the whole way, one journal entry a step, the village's word kept."""
    chen, township, county = field.as_("chen"), field.as_("township"), field.as_("county")
    body = a_record(a_pairing(field), VISIT)
    made = chen.post("/records", body)
    assert (made.status, made["state"], made["moves"], made["number"]) == (201, "submitted", [], 1)
    assert (made["township"], made["county"]) == (PAOTAI, RONGCHENG)
    path = f"/records/{made['id']}"
    assert made.headers["Location"] == "/api/v1" + path
    assert township.get(path)["moves"] == ["confirm", "dispute"]
    said = township.ok("POST", path + "/confirm", {"rating": 5, "words": "讲得明白"})
    assert (said["state"], said["confirmation"]["by"], said["confirmation"]["rating"]) == ("confirmed", "township", 5)
    assert county.get(path)["moves"] == ["accept", "return"]
    assert county.ok("POST", path + "/accept")["state"] == "accepted"
    assert chen.get(path)["versions"][0]["confirmations"][0]["words"] == "讲得明白"
    with field.house.read(SYSTEM) as uow:
        actions = uow.session.scalars(
            sa.select(JournalEntry.action).where(JournalEntry.subject_id == made["id"]).order_by(JournalEntry.id)
        ).all()
    assert actions == ["record.submit", "record.confirm", "record.accept"]


WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"done": ""}, {"done"}),
    ({"ended_at": VISIT.isoformat()}, {"ended_at"}),
    ({"ended_at": (NOW + timedelta(hours=1)).isoformat()}, {"ended_at"}),
    ({"started_at": "2025-12-31T15:59:59+00:00", "ended_at": "2025-12-31T16:30:00+00:00"}, {"started_at"}),
    ({"started_at": "2026-06-15T08:00:00"}, {"started_at"}),
    ({"form": "both"}, {"form"}),
    ({"kind": "lunch"}, {"kind"}),
    ({"counters": {"steps": 1}}, {"counters.steps"}),
    ({"counters": {"farmers_helped": -1}}, {"counters.farmers_helped"}),
    ({"counters": {"farmers_helped": 1.5}}, {"counters.farmers_helped"}),
    ({"photos": ["0" * 64] * 2}, {"photos"}),
    ({"photos": [f"{n:064x}" for n in range(10)]}, {"photos"}),
    ({"photos": ["../../etc/passwd"]}, {"photos.0"}),
    ({"village": f"{DIDU[:9]}200"}, {"village"}),
    ({"companions": ["00000000-0000-0000-0000-000000000000"]}, {"companions"}),
    ({"pairing_id": new_id()}, {"pairing_id"}),
    ({"check_in": a_point(91, 116)}, {"check_in.lat"}),
    ({"check_in": a_point(23, 116, datum="bd09")}, {"check_in.datum"}),
    ({"check_in": a_point(23, 116) | {"lat": "23"}}, {"check_in.lat"}),
    ({"check_in": a_point(23, 116, track=[])}, {"check_in.track"}),
    ({"device": {"id": "d", "seq": -1, "made_at": NOW.isoformat()}}, {"device.seq"}),
    ({"streak": 3}, {"streak"}),
]


def test_what_is_wrong_is_named_by_field(field: World) -> None:
    """R-VISIT-1: junk, another pairing, times outside the term or ahead of the clock; nothing is stored."""
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    for changes, fields in WRONG:
        refused = chen.post("/records", body | changes)
        assert (refused.status, set(refused["errors"])) == (422, fields), changes
    assert count(field, Record) == 0


def test_only_who_serves_in_the_pairing_writes_records_of_it(field: World) -> None:
    """Another commissioner's pairing is not one's own; other roles write none; a member of the team does."""
    alone, together = a_pairing(field), a_pairing(field, "li", ("wang",))
    assert list(field.as_("li").post("/records", a_record(alone, VISIT))["errors"]) == ["pairing_id"]
    assert field.as_("county").post("/records", a_record(alone, VISIT)).status == 403
    assert field.anyone().post("/records", a_record(alone, VISIT)).status == 401
    assert field.as_("wang").post("/records", a_record(together, VISIT)).status == 201


def test_nobody_else_finds_it(field: World) -> None:
    """What lies outside the jurisdiction is not found; drafts are their author's alone."""
    made = field.as_("chen").ok("POST", "/records", a_record(a_pairing(field), VISIT))
    path = f"/records/{made['id']}"
    for who in ("didu", "other_county", "other_lead", "li"):
        assert field.as_(who).get(path).status == 404, who
        assert field.as_(who).get("/records")["items"] == [], who
    assert field.as_("dispatcher").get(path).status == 403
    assert field.anyone().get(path).status == 401
    for who in ("city", "auditor", "lead", "county", "township"):
        assert field.as_(who).get(path).status == 200, who
    assert field.as_("other_county").post(path + "/accept").status == 404
    assert field.as_("township").post(path + "/accept").status == 403
    draft = field.as_("chen").ok("POST", "/records", a_record(made["pairing_id"], VISIT, draft=True))
    assert field.as_("township").get(f"/records/{draft['id']}").status == 404
    assert [one["id"] for one in field.as_("county").get("/records")["items"]] == [made["id"]]


def test_a_draft_is_edited_and_submitted(field: World) -> None:
    """A draft may lack words; PATCH needs If-Match; once submitted it is corrected, not edited."""
    chen = field.as_("chen")
    draft = chen.ok("POST", "/records", a_record(a_pairing(field), VISIT, draft=True, done=""))
    path = f"/records/{draft['id']}"
    assert (draft["state"], draft["moves"], draft["versions"]) == ("draft", ["submit"], [])
    assert list(chen.post(path + "/submit")["errors"]) == ["done"]
    etag = chen.get(path).etag
    assert chen.patch(path, {"done": "看茶园"}).status == 428
    assert chen.patch(path, {"done": "看茶园"}, '"old"').status == 412
    assert chen.patch(path, {"done": "看茶园", "kind": "training"}, etag)["kind"] == "training"
    assert chen.patch(path, {"done": "又一次"}, etag).status == 412
    assert chen.ok("POST", path + "/submit")["state"] == "submitted"
    assert chen.patch(path, {"done": "改一改"}, chen.get(path).etag).status == 409
    assert chen.post(path + "/submit").status == 409


def test_sent_again_it_changes_nothing_and_answers_the_same(field: World) -> None:
    """R-VISIT-5: the same id and content, single or in a batch, gives the first answer, byte for byte."""
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    first = chen.post("/records", body)
    field.as_("township").ok("POST", f"/records/{body['id']}/confirm")
    again = chen.post("/records", body)
    assert (again.status, again.content) == (201, first.content)
    assert first.content in chen.post("/records/batch", {"records": [body]}).content
    written = chen.post("/records", body | {"started_at": VISIT.astimezone().isoformat()})
    assert (written.status, written["id"]) == (201, body["id"])
    assert (count(field, Record), count(field, RecordConflict)) == (1, 0)


def test_eight_at_once_make_one_record_and_eight_equal_answers(field: World) -> None:
    """R-VISIT-5: a race of equal sendings, forty times: 320 successes, one record, version and receipt each."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    callers = [Caller(field.app, chen.token) for _ in range(8)]
    bodies = [a_record(pairing, VISIT) for _ in range(40)]
    start = threading.Barrier(8)

    def send(caller: Caller) -> list[Answer]:
        return [answer for body in bodies if start.wait() >= 0 for answer in (caller.post("/records", body),)]

    with ThreadPoolExecutor(8) as phones:
        answers = list(phones.map(send, callers))
    assert [answer.status for each in answers for answer in each] == [201] * 320
    for equal in zip(*answers, strict=True):
        assert len({answer.content for answer in equal}) == 1
    keys = [body["id"] for body in bodies]
    with field.house.read(SYSTEM) as uow:
        assert sorted(uow.session.scalars(sa.select(Reply.key).where(Reply.key.in_(keys)))) == sorted(keys)
    assert (count(field, Record), count(field, RecordVersion), count(field, RecordConflict)) == (40, 40, 0)


def test_other_content_under_the_same_id_loses_neither(field: World) -> None:
    """R-VISIT-5: 409 with the id of a stored conflict; kept, it becomes a new version; sent again, it is the same."""
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    chen.ok("POST", "/records", body)
    other = body | {"done": "第二台手机上写的另一份内容"}
    refused = chen.post("/records", other)
    assert refused.status == 409
    assert chen.post("/records", other)["conflict"] == refused["conflict"]
    waiting = chen.get("/me/conflicts")["items"]
    assert [(one["id"], one["record"], one["moves"]) for one in waiting] == [
        (refused["conflict"], body["id"], ["keep", "discard"])
    ]
    assert waiting[0]["content"]["done"] == other["done"]
    assert chen.get(f"/records/{body['id']}")["done"] == body["done"]
    assert field.as_("li").post(f"/conflicts/{refused['conflict']}/keep").status == 404
    assert chen.ok("POST", f"/conflicts/{refused['conflict']}/keep")["state"] == "kept"
    shown = chen.get(f"/records/{body['id']}")
    assert (shown["done"], shown["number"], len(shown["versions"])) == (other["done"], 2, 2)
    assert chen.post("/records", other).status == 201
    assert chen.post(f"/conflicts/{refused['conflict']}/discard").status == 409
    assert chen.get("/me/conflicts")["items"] == []


def test_a_discarded_content_stays_on_file_and_changes_nothing(field: World) -> None:
    """R-VISIT-5: its author lets go of it."""
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    chen.ok("POST", "/records", body)
    conflict = chen.post("/records", body | {"kind": "training"})["conflict"]
    chen.ok("POST", f"/conflicts/{conflict}/discard")
    assert chen.get(f"/records/{body['id']}")["kind"] == "guidance"
    assert chen.post("/records", body | {"kind": "training"})["conflict"] == conflict
    assert count(field, RecordConflict) == 1


def test_another_persons_id_is_taken(field: World) -> None:
    """Nobody learns or changes anything of another's record by its id."""
    body = a_record(a_pairing(field), VISIT)
    field.as_("chen").ok("POST", "/records", body)
    refused = field.as_("li").post("/records", body | {"pairing_id": a_pairing(field, "li")})
    assert (refused.status, refused["type"]) == (409, "/problems/id-taken")
    assert "conflict" not in refused.json
    assert count(field, RecordConflict) == 0


def test_a_batch_takes_each_item_on_its_own(field: World) -> None:
    """R-VISIT-5: one bad item holds up no other; a repeat inside is the same; a rival is a conflict."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    good, bad = a_record(pairing, VISIT), a_record(pairing, VISIT, done="")
    rival = good | {"done": "另一份内容"}
    answer = chen.post("/records/batch", {"records": [good, bad, good, rival, "junk", {"id": 5}, None]})
    assert answer.status == 207
    items = answer["items"]
    assert [item["status"] for item in items] == [201, 422, 201, 409, 422, 422, 422]
    assert items[0]["record"] == items[2]["record"]
    assert set(items[1]["problem"]["errors"]) == {"done"}
    assert UUID(items[3]["problem"]["conflict"])
    assert count(field, Record) == 1
    many = [a_record(pairing, VISIT) for _ in range(51)]
    assert chen.post("/records/batch", {"records": many}).status == 422
    assert chen.post("/records/batch", {"records": []}).status == 422
    long = [a_record(pairing, VISIT, done="茶" * 2000, next="园" * 2000) for _ in range(48)]
    assert chen.post("/records/batch", {"records": long}).status == 413


def test_gcj02_is_stored_as_received_and_as_wgs84(field: World) -> None:
    """R-VISIT-2, R-VISIT-3: converted exactly, the distance reckoned before both are rounded to four decimals."""
    consent(field)
    lat, lon = seat(field)
    true = (lat + 0.00823456, lon + 0.00512345)
    shifted = wgs84_to_gcj02(*true)
    chen, pairing = field.as_("chen"), a_pairing(field)
    sent = a_point(*shifted, datum="gcj02", taken_at=VISIT.isoformat())
    made = chen.ok("POST", "/records", a_record(pairing, VISIT, check_in=sent))
    stored = made["check_in"]
    assert (stored["lat"], stored["lon"], stored["datum"]) == (round(shifted[0], 4), round(shifted[1], 4), "gcj02")
    assert stored["wgs84"] == {"lat": round(true[0], 4), "lon": round(true[1], 4)}
    plain = chen.ok("POST", "/records", a_record(pairing, VISIT, check_in=a_point(*true)))
    assert made["distance_m"] == plain["distance_m"]
    assert 1000 < made["distance_m"] < 1100
    assert (codes(made), made["notices"]) == ([], [])
    with field.house.read(SYSTEM) as uow:
        told = [sa.select(Record.check_in, Record.point_mark), sa.select(Flag.reason)]
        everything = str([uow.session.execute(one).all() for one in told])
        assert f"{true[0]:.6f}" not in everything
        assert f"{shifted[0]:.6f}" not in everything


def test_without_a_living_consent_the_point_is_dropped_and_the_record_kept(field: World) -> None:
    """R-VISIT-2: never given, given, withdrawn; the answer says so and nothing of the point is stored."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    point = a_point(*seat(field))
    never = chen.ok("POST", "/records", a_record(pairing, VISIT, check_in=point))
    assert (never["check_in"], never["distance_m"], len(never["notices"])) == (None, None, 1)
    consent(field)
    assert chen.ok("POST", "/records", a_record(pairing, VISIT, check_in=point))["check_in"] is not None
    consent(field, given=False)
    after = chen.ok("POST", "/records", a_record(pairing, VISIT, check_in=point))
    assert (after["check_in"], len(after["notices"])) == (None, 1)
    quiet = chen.ok("POST", "/records", a_record(pairing, VISIT))
    assert (quiet["notices"], quiet["flags"]) == ([], [])


def test_a_conflict_keeps_the_point_as_it_was_judged_on_arrival(field: World) -> None:
    """R-VISIT-2, R-VISIT-5: a second content obeys the same rules for its position."""
    consent(field)
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    chen.ok("POST", "/records", body)
    far = a_point(39.90421, 116.40739)
    conflict = chen.post("/records", body | {"check_in": far})["conflict"]
    with field.house.read(SYSTEM) as uow:
        kept = uow.session.get_one(RecordConflict, UUID(conflict))
        assert "39.90421" not in f"{kept.content} {kept.located}"
    chen.ok("POST", f"/conflicts/{conflict}/keep")
    shown = chen.get(f"/records/{body['id']}")
    assert (codes(shown), shown["check_in"]["wgs84"]["lat"]) == (["far", "outside_city"], 39.9042)
    later = chen.post("/records", body | {"check_in": far, "kind": "training"})["conflict"]
    consent(field, given=False)
    chen.ok("POST", f"/conflicts/{later}/keep")
    shown = chen.get(f"/records/{body['id']}")
    assert (shown["kind"], shown["check_in"], shown["flags"]) == ("training", None, [])


def test_flags_are_hints_and_refuse_nothing(field: World) -> None:
    """R-VISIT-3, R-VISIT-5: far, outside the city, imprecise, another time, late, a clock ahead; all are taken."""
    consent(field)
    chen, pairing = field.as_("chen"), a_pairing(field)
    lat, lon = seat(field)

    def flags(at: datetime = VISIT, **changes: Any) -> list[str]:
        return codes(chen.ok("POST", "/records", a_record(pairing, at, **changes)))

    assert flags(check_in=a_point(lat, lon - 0.1)) == ["far"]
    assert flags(check_in=a_point(39.9, 116.4)) == ["far", "outside_city"]
    assert flags(check_in=a_point(lat, lon, accuracy_m=5000)) == ["poor_accuracy"]
    assert flags(check_in=a_point(lat, lon, taken_at=(VISIT - timedelta(days=1)).isoformat())) == ["fix_time"]
    assert flags(check_in=a_point(lat, lon, source="chosen", accuracy_m=None)) == []
    assert flags(NOW - timedelta(days=7, hours=2)) == []
    assert flags(NOW - timedelta(days=7, hours=4)) == ["late"]

    def device(seq: int, made_at: datetime, uptime_ms: int | None = None) -> dict[str, Any]:
        return {"id": "phone-1", "seq": seq, "made_at": made_at.isoformat(), "uptime_ms": uptime_ms}

    assert flags(device=device(1, NOW + timedelta(minutes=5))) == []
    assert flags(device=device(2, NOW + timedelta(minutes=6))) == ["clock"]
    hour = 3_600_000
    assert flags(NOW - timedelta(hours=12), device=device(3, NOW - timedelta(hours=9), 10 * hour)) == []
    assert flags(device=device(4, NOW - timedelta(hours=1), 12 * hour)) == []
    assert flags(device=device(5, NOW - timedelta(hours=2), 13 * hour)) == ["clock"]
    assert flags(NOW - timedelta(hours=12), device=device(6, NOW - timedelta(hours=8), hour)) == []
    assert flags(device=device(7, NOW - timedelta(hours=8))) == ["clock"]
    listed = field.as_("county").get("/records", flagged=1)["items"]
    assert {one["flags"][0]["code"] for one in listed} == {"far", "poor_accuracy", "fix_time", "late", "clock"}
    assert all(flag["reason"] for one in listed for flag in one["flags"])


def test_check_in_and_flags_are_for_author_and_reviewers_alone(field: World) -> None:
    """R-VISIT-2: neither the township nor a companion sees a position, a distance or a flag."""
    consent(field)
    lat, lon = seat(field)
    body = a_record(a_pairing(field), VISIT, check_in=a_point(lat, lon - 0.1), companions=[field.as_("li").id])
    path = f"/records/{field.as_('chen').ok('POST', '/records', body)['id']}"
    for who in ("chen", "county", "lead", "city", "auditor"):
        shown = field.as_(who).get(path)
        assert (shown["check_in"]["lat"], codes(shown)) == (round(lat, 4), ["far"]), who
        assert 10_000 < shown["distance_m"] < 10_500
    for who in ("township", "li"):
        shown = field.as_(who).get(path)
        assert (shown["check_in"], shown["distance_m"], shown["flags"]) == (None, None, None), who
        assert {(one["content"]["check_in"], one["content"]["device"]) for one in shown["versions"]} == {(None, None)}
        assert field.as_(who).get("/records", flagged=1)["items"] == []


def test_the_end_of_a_pairing_bars_later_services_and_not_later_words(field: World) -> None:
    """R-VISIT-5: a service before the end may come in after it, flagged as late; one after it is not of the pairing."""
    ended = (NOW - timedelta(days=2)).date()
    pairing = a_pairing(field, ended_on=ended)
    chen = field.as_("chen")
    assert list(chen.post("/records", a_record(pairing, VISIT))["errors"]) == ["started_at"]
    before = chen.ok("POST", "/records", a_record(pairing, NOW - timedelta(days=3)))
    assert codes(before) == ["late"]
    assert "2026-06-13" in before["flags"][0]["reason"]
    midnight = datetime(2026, 6, 13, 16, tzinfo=UTC)  # 24:00 of the last day in Shanghai
    assert chen.post("/records", a_record(pairing, midnight - timedelta(hours=3))).status == 201
    assert chen.post("/records", a_record(pairing, midnight - timedelta(hours=2))).status == 422


def test_nobody_decides_on_a_service_of_their_own(field: World) -> None:
    """R-VISIT-9: accepting without a confirmation needs a reason; a dispute takes the confirmation's effect away."""
    chen, township, county = field.as_("chen"), field.as_("township"), field.as_("county")
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    assert chen.post(path + "/confirm").status == 403
    assert list(county.post(path + "/accept")["errors"]) == ["reason"]
    assert list(county.post(path + "/return")["errors"]) == ["reason"]
    township.ok("POST", path + "/confirm")
    assert township.ok("POST", path + "/dispute", {"reason": "当天没有到村"})["confirmation"] is None
    assert list(county.post(path + "/accept")["errors"]) == ["reason"]
    assert county.ok("POST", path + "/accept", {"reason": "已电话核实两户农户"})["state"] == "accepted"
    assert county.post(path + "/accept", {"reason": "再来一次"}).status == 409
    assert township.post(path + "/confirm").status == 409


def test_a_correction_is_a_new_version_and_all_stay(field: World) -> None:
    """R-VISIT-6, R-VISIT-9: linked by digests that can be recomputed; confirmations stay with their version."""
    consent(field)
    chen, township, county = field.as_("chen"), field.as_("township"), field.as_("county")
    body = a_record(a_pairing(field), VISIT, check_in=a_point(*seat(field)))
    path = f"/records/{chen.ok('POST', '/records', body)['id']}"
    township.ok("POST", path + "/confirm")
    assert list(chen.post(path + "/versions", {"done": "改"})["errors"]) == ["reason"]
    fixed = chen.ok("POST", path + "/versions", {"done": "更正后的内容", "reason": "写错了园名"})
    assert (fixed.status, fixed["state"], fixed["number"], fixed["confirmation"]) == (201, "submitted", 2, None)
    assert fixed["check_in"] is not None
    first, second = fixed["versions"]
    assert (first["content"]["done"], second["content"]["done"]) == (body["done"], "更正后的内容")
    assert [word["by"] for word in first["confirmations"]] == ["township"]
    assert (first["previous"], second["previous"], second["reason"]) == (None, first["digest"], "写错了园名")
    with field.house.read(SYSTEM) as uow:
        for kept in uow.session.scalars(sa.select(RecordVersion)):
            said = [kept.content, kept.reason]
            assert version_digest(kept.record_id, kept.number, kept.previous, said, kept.at) == kept.digest
    county.ok("POST", path + "/accept", {"reason": "核实"})
    again = chen.ok(
        "POST", path + "/versions", {"ended_at": (VISIT + timedelta(hours=4)).isoformat(), "reason": "时长"}
    )
    assert (again["state"], len(again["versions"])) == ("submitted", 3)
    assert field.as_("li").post(path + "/versions", {"reason": "别人的"}).status == 404
    assert township.post(path + "/versions", {"reason": "别人的"}).status == 403


def test_a_correction_sent_twice_under_one_key_is_one(field: World) -> None:
    """R-VISIT-5: a bad line does not make two versions."""
    chen = field.as_("chen")
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    headers, body = {"Idempotency-Key": new_id()}, {"done": "更正", "reason": "笔误"}
    first, again = (chen.post(path + "/versions", body, headers=headers) for _ in range(2))
    assert (first.status, first.content) == (again.status, again.content)
    assert len(chen.get(path)["versions"]) == 2


def test_a_companion_is_shown_the_record_and_may_object(field: World) -> None:
    """R-VISIT-7: named in the journal's facts, so that they are told; only they object."""
    chen, li = field.as_("chen"), field.as_("li")
    body = a_record(a_pairing(field), VISIT, companions=[li.id])
    path = f"/records/{chen.ok('POST', '/records', body)['id']}"
    with field.house.read(SYSTEM) as uow:
        entry = uow.session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "record.submit")).one()
        assert entry.facts["companions"] == [li.id]
    assert [one["id"] for one in li.get("/records")["items"]] == [body["id"]]
    assert li.get(path)["moves"] == []
    assert li.post(path + "/submit").status in {403, 404}
    assert field.as_("wang").post(path + "/object").status == 404
    assert chen.post(path + "/object").status == 404
    objected = li.ok("POST", path + "/object", {"reason": "那天我在学校"})
    assert objected["companions"] == [{"id": li.id, "name": "李稻香", "objected": True}]
    li.ok("POST", path + "/object")
    kept = chen.ok("POST", path + "/versions", {"done": "更正", "reason": "笔误"})
    assert kept["companions"][0]["objected"] is True


def test_a_farmer_confirms_by_a_link_without_an_account(field: World) -> None:
    """R-VISIT-4: one-time, expiring, marked when the commissioner made it; no position and no contact is shown."""
    chen, farmer = field.as_("chen"), field.anyone()
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    made = chen.ok("POST", path + "/confirmation-link")
    assert (made.status, made["made_as"]) == (201, "commissioner")
    assert made["url"].endswith(made["token"])
    assert made["qr"].startswith("data:image/svg+xml")
    asked = farmer.get(f"/confirmations/{made['token']}")
    assert (asked["commissioner"], asked["township"], asked["kind"]) == ("陈茶生", "砲台镇", "技术指导")
    assert not {"check_in", "distance_m", "flags"} & set(asked.json)
    done = farmer.ok("POST", f"/confirmations/{made['token']}", {"rating": 4, "words": "来了，讲得好"})
    assert done["confirmed"] is True
    shown = field.as_("county").get(path)
    assert shown["state"] == "confirmed"
    assert (shown["confirmation"]["by"], shown["confirmation"]["link_by"]) == ("farmer", "commissioner")
    assert farmer.post(f"/confirmations/{made['token']}").status == 409
    assert farmer.get(f"/confirmations/{made['token']}").status == 409
    assert farmer.get("/confirmations/" + "x" * 43).status == 404
    assert made["token"] not in farmer.get(f"/confirmations/{made['token']}").content.decode()
    with field.house.read(SYSTEM) as uow:
        journal = str(uow.session.execute(sa.select(JournalEntry.facts, JournalEntry.changes)).all())
    assert made["token"] not in journal


def test_a_link_dies_with_time_with_its_version_and_with_a_decision(field: World) -> None:
    """R-VISIT-4, R-VISIT-9: and those who served cannot use it themselves."""
    chen, township, farmer = field.as_("chen"), field.as_("township"), field.anyone()
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    old, own, disputed = (who.ok("POST", path + "/confirmation-link") for who in (township, chen, township))
    assert old["made_as"] == "township"
    assert chen.post(f"/confirmations/{own['token']}").status == 403
    township.ok("POST", path + "/dispute", {"reason": "没有见到人"})
    farmer.ok("POST", f"/confirmations/{disputed['token']}")
    assert township.get(path)["state"] == "disputed"
    chen.ok("POST", path + "/versions", {"done": "更正", "reason": "笔误"})
    assert farmer.post(f"/confirmations/{old['token']}").status == 409
    fresh, late = (township.ok("POST", path + "/confirmation-link")["token"] for _ in range(2))
    field.at(NOW + timedelta(days=7, hours=1))
    assert farmer.post(f"/confirmations/{late}").status == 409
    field.at(NOW)
    farmer.ok("POST", f"/confirmations/{fresh}")
    field.as_("county").ok("POST", path + "/accept")
    assert township.post(path + "/confirmation-link").status == 409


def test_a_farmers_link_is_used_once_by_eight_at_a_time(field: World) -> None:
    """R-VISIT-4: a race for one link."""
    chen = field.as_("chen")
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    token = chen.ok("POST", path + "/confirmation-link")["token"]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(field.anyone().post(f"/confirmations/{token}").status))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert len(chen.get(path)["versions"][0]["confirmations"]) == 1


def test_a_township_confirms_many_with_one_call_each_on_its_own(field: World) -> None:
    """R-VISIT-4: one batch; one that cannot be confirmed holds up no other, and none is confirmed twice."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    made = [chen.ok("POST", "/records", a_record(pairing, VISIT - timedelta(hours=n)))["id"] for n in range(3)]
    field.as_("township").ok("POST", f"/records/{made[1]}/confirm")
    items: list[Any] = [{"id": made[0], "rating": 5, "words": "来过"}, {"id": made[1]}, {"id": new_id()}]
    items += [{"id": made[2]}, {"id": made[2]}, {"id": "x"}, {"id": made[2], "rating": 6}, "junk"]
    answer = field.as_("township").post("/records/confirm", {"records": items})
    assert answer.status == 207
    assert [item["status"] for item in answer["items"]] == [200, 409, 404, 200, 409, 422, 422, 422]
    assert answer["items"][0]["record"]["confirmation"]["words"] == "来过"
    assert [field.as_("county").get(f"/records/{one}")["state"] for one in made] == ["confirmed"] * 3
    assert [len(chen.get(f"/records/{one}")["versions"][0]["confirmations"]) for one in made] == [1] * 3
    for who, status in (("chen", 403), ("county", 403), ("anyone", 401)):
        caller = field.anyone() if who == "anyone" else field.as_(who)
        assert caller.post("/records/confirm", {"records": [{"id": made[0]}]}).status == status, who
    others = field.as_("didu").post("/records/confirm", {"records": [{"id": made[0]}]})
    assert [item["status"] for item in others["items"]] == [404]
    wrong: list[Any] = [{}, {"records": []}, {"records": [{"id": made[0]}] * 51}, {"records": {}}]
    for junk in wrong:
        assert field.as_("township").post("/records/confirm", junk).status == 422, junk


def test_the_strongest_evidence_comes_first(field: World) -> None:
    """R-VISIT-4: the township's word before a farmer's, and a link that the commissioner made weighs less."""
    consent(field)
    chen, township, farmer = field.as_("chen"), field.as_("township"), field.anyone()
    body = a_record(a_pairing(field), VISIT, companions=[field.as_("li").id], photos=["0" * 64],
                    check_in=a_point(*seat(field)))  # fmt: skip
    path = f"/records/{chen.ok('POST', '/records', body)['id']}"
    own, given = (who.ok("POST", path + "/confirmation-link")["token"] for who in (chen, township))
    farmer.ok("POST", f"/confirmations/{own}")
    township.ok("POST", path + "/dispute", {"reason": "时间不对"})
    farmer.ok("POST", f"/confirmations/{given}", {"rating": 4})
    shown = field.as_("county").get(path)
    assert [(one["source"], one["supports"]) for one in shown["evidence"]] == [
        ("township", False), ("farmer", True), ("farmer_by_commissioner", True), ("photos", False),
        ("check_in", True), ("companions", True),
    ]  # fmt: skip
    assert "check_in" not in {one["source"] for one in township.get(path)["evidence"]}
    chen.ok("POST", path + "/versions", {"done": "更正", "reason": "笔误"})
    later = [one["source"] for one in field.as_("county").get(path)["evidence"]]
    assert later == ["photos", "check_in", "companions", "earlier", "earlier", "earlier"]


def test_a_farmer_disputes_with_a_reason(field: World) -> None:
    """R-VISIT-4, R-VISIT-9: whoever confirmed it before, the county reads the reason and the author is told."""
    chen, township, farmer = field.as_("chen"), field.as_("township"), field.anyone()
    path = f"/records/{chen.ok('POST', '/records', a_record(a_pairing(field), VISIT))['id']}"
    township.ok("POST", path + "/confirm")
    token = township.ok("POST", path + "/confirmation-link")["token"]
    assert farmer.post(f"/confirmations/{token}", {"dispute": " "}).status == 422
    answer = farmer.ok("POST", f"/confirmations/{token}", {"dispute": "没有来过我家"})
    assert (answer["confirmed"], answer["disputed"]) == (False, True)
    shown = field.as_("county").get(path)
    assert (shown["state"], shown["confirmation"], shown["state_reason"]) == ("disputed", None, DISPUTED)
    assert "没有来过我家" in shown["evidence"][1]["text"]
    assert [one["supports"] for one in shown["evidence"]] == [True, False]
    field.run_jobs()
    assert "服务对象对陈茶生" in chen.get("/me/messages").content.decode()


def test_records_are_listed_by_what_reviewers_look_for(field: World) -> None:
    """Filters by state, dates of Shanghai, place, person and pairing; keyset paging, the latest service first."""
    pairing, other = a_pairing(field), a_pairing(field, "li")
    chen, county = field.as_("chen"), field.as_("county")
    evening = datetime(2026, 6, 13, 17, tzinfo=UTC)  # one in the morning of the 14th in Shanghai
    early = chen.ok("POST", "/records", a_record(pairing, evening, hours=2))["id"]
    late = chen.ok("POST", "/records", a_record(pairing, VISIT))["id"]
    hers = field.as_("li").ok("POST", "/records", a_record(other, VISIT - timedelta(hours=1)))["id"]
    field.as_("township").ok("POST", f"/records/{early}/confirm")

    def found(**query: Any) -> list[str]:
        return [one["id"] for one in county.get("/records", **query)["items"]]

    assert found() == [late, hers, early]
    assert found(state="confirmed") == [early]
    assert found(to="2026-06-13") == []
    assert found(to="2026-06-14") == [early]
    assert found(**{"from": "2026-06-15"}) == [late, hers]
    assert found(commissioner=field.as_("li").id) == [hers]
    assert found(pairing=pairing) == [late, early]
    assert found(township=PAOTAI, county=RONGCHENG) == [late, hers, early]
    assert found(county=PUNING) == []
    first = county.get("/records", limit=2)
    assert [one["id"] for one in county.get("/records", limit=2, cursor=first["next"])["items"]] == [early]
    assert county.get("/records", **{"from": "yesterday"}).status == 422


def test_junk_is_refused_and_never_an_error_of_ours(field: World) -> None:
    """api.md: never a 500 for anything that a caller can send."""
    chen, body = field.as_("chen"), a_record(a_pairing(field), VISIT)
    kinds = {"multipart/form-data": b"x", "multipart/form-data; boundary=": b"--\r\n", "application/json": b"{}"}
    for kind, data in kinds.items():
        assert chen.call("PUT", "/photos/" + "0" * 64, data=data, content_type=kind).status in {400, 415, 422}, kind
    bodies: list[Any] = [[], {"records": {}}, {"records": [[[]]]}, {"records": [None, True, 1e3]}, {"items": []}]
    for junk in bodies:
        assert chen.post("/records/batch", junk).status in {207, 422}, junk
    odd: list[dict[str, Any]] = [
        {"done": "𠮷" * 2000},
        {"done": "\u202e倒"},
        {"place_name": "\u200b"},
        {"id": "urn:uuid:" + new_id()},
        {"id": "{" + new_id().upper() + "}"},
        {"id": ""},
        {"companions": [body["id"]] * 2},
        {"started_at": "2026-02-30T00:00:00Z"},
        {"started_at": "0001-01-01T00:00:00+23:59"},
        {"ended_at": "2199-12-31T23:59:59-23:59"},
        {"check_in": {"lat": 1e308, "lon": 0, "datum": "wgs84"}},
        {"check_in": {"lat": 23, "lon": 116, "datum": "gcj02", "accuracy_m": 1e308}},
        {"device": {"id": "x", "seq": 2**31, "made_at": "2026-01-01T00:00:00Z"}},
        {"device": {"id": "x", "seq": 1, "made_at": "1970-01-01T00:00:00Z", "uptime_ms": 2**53}},
        {"device": {"id": "x", "seq": 2, "made_at": "2199-01-01T00:00:00Z", "uptime_ms": 0}},
        {"counters": {"funds_brought_fen": 10**12}},
        {"counters": None, "photos": None},
        {"draft": 1},
    ]
    for changes in odd:
        answer = chen.post("/records", body | {"id": new_id()} | changes)
        assert answer.status in {201, 400, 422}, (changes, answer)
    for path in ("/records?from=2026-13-01", "/records?commissioner=x", "/records?cursor=%00", "/me/conflicts?limit=0"):
        assert chen.call("GET", path).status in {400, 422}, path
    for path in ("/confirmations/%00", "/confirmations/" + "x" * 5000, "/photos/%F0%9F%8D%B5", f"/records/{new_id()}"):
        assert chen.call("GET", path).status == 404, path
