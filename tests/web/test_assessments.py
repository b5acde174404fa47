"""A county's year from evidence to feedback, as each of the cast sees it (R-ASSESS-1…8)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.assessments import Sheet
from models.base import new_id as fresh_id
from models.identity import Person
from models.pairings import Pairing, PairingMember
from models.records import Companion, Record
from rules.schemes import read_scheme
from tests.cast import CITY, PAOTAI, PUNING, RONGCHENG
from tests.make import an_approved_need
from tests.world import Answer, World, new_id, staged

JANUARY = datetime(2026, 1, 5, 2, tzinfo=UTC)  # a Monday; the year 2025 is over
LATER = datetime(2026, 1, 14, 2, tzinfo=UTC)  # five working days have passed
FIVE = ("chen", "li", "wang", "zhao", "sun")
ITEMS = read_scheme(
    json.loads((Path(__file__).parents[2] / "data" / "scheme_default.json").read_text(encoding="utf-8"))
).items_of("public_benefit")


def a_pairing(session: Session, need: str, person: str, **changes: Any) -> UUID:
    """A posting of the person to the need's township, in force all through 2025 unless told otherwise."""
    values: dict[str, Any] = {
        "county_code": RONGCHENG,
        "township_code": PAOTAI,
        "kind": "pairing",
        "state": "active",
        "starts_on": date(2024, 3, 1),
        "ends_on": date(2027, 2, 28),
    } | changes
    who = UUID(person)
    pairing = Pairing(
        id=fresh_id(), need_id=UUID(need), person_id=who, claimant_key=who, reasons=[], version=1, moved_by={},
        state_since=JANUARY, created_at=JANUARY, **values,
    )  # fmt: skip
    pairing.people = [PairingMember(person_id=who, county_code=RONGCHENG)]
    session.add(pairing)
    session.flush()
    return pairing.id


def a_record(session: Session, pairing: UUID, person: str, start: str, end: str, **changes: Any) -> str:
    """An accepted record of a pairing."""
    values: dict[str, Any] = {
        "state": "accepted",
        "county_code": RONGCHENG,
        "township_code": PAOTAI,
        "counters": {},
        "confirmation": {"rating": 5},
    } | changes
    record = Record(
        id=fresh_id(), pairing_id=pairing, person_id=UUID(person), started_at=datetime.fromisoformat(start),
        ended_at=datetime.fromisoformat(end), form="on_site", kind="guidance", done="查看茶园虫情", number=1,
        fingerprint="0" * 64, flags=[], photos=[],
        received_at=JANUARY, created_at=JANUARY, state_since=JANUARY, version=1, moved_by={}, **values,
    )  # fmt: skip
    session.add(record)
    session.flush()
    return str(record.id)


@staged
def five_posted(world: World) -> tuple[str, dict[str, UUID], str]:
    """A need of 砲台镇, the five posted to it, and the county's scheme."""
    world.at(JANUARY)
    need: str = an_approved_need(world)["id"]
    people = {key: world.as_(key).id for key in FIVE}
    with Session(world.house.engine) as session:
        pairings = {key: a_pairing(session, need, one) for key, one in people.items()}
        session.commit()
    world.as_("lead")
    return need, pairings, world.as_("county").get("/schemes", county=RONGCHENG)["items"][0]["id"]


class Year:
    """The year 2025 of 榕城区, with the five posted to 砲台镇."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.need, self.pairings, self.scheme = five_posted(world)

    def start(self, **changes: Any) -> str:
        """An opened and assembled assessment."""
        body = {"id": new_id(), "year": 2025, "county": RONGCHENG, "scheme": self.scheme} | changes
        made = self.world.as_("county").ok("POST", "/assessments", body)
        assert made.status == 201
        self.path = f"/assessments/{made['id']}"
        self.world.as_("county").ok("POST", f"{self.path}/assemble")
        listed = self.world.as_("county").ok("GET", f"{self.path}/sheets?limit=100")["items"]
        self.sheets = {one["name"]: one["id"] for one in listed}
        return str(made["id"])

    def sheet(self, key: str) -> str:
        return f"/sheets/{self.sheets[self.world.as_(key).person['name']]}"

    def score(self, key: str, total: float) -> Answer:
        return self.world.as_("county").put(f"{self.sheet(key)}/scores", spread(total))

    def grade(self, key: str, grade: str, **more: Any) -> Answer:
        body = {"grade": grade, "reason": "经集体研究决定", **more}
        return self.world.as_("county").put(f"{self.sheet(key)}/grade", body)

    def proposed(self, *totals: float) -> Answer:
        """Scored as told, in the order of the five, and proposed."""
        for key, total in zip(FIVE, totals, strict=True):
            assert self.score(key, total).status == 200
        return self.world.as_("county").ok("POST", f"{self.path}/propose")

    def confirmed(self) -> None:
        """All the way to a result that stands: chen excellent, the others competent."""
        self.start()
        self.proposed(90, 80, 75, 70, 65)
        self.world.as_("lead").ok("POST", f"{self.path}/approve")
        self.world.at(LATER)
        self.world.as_("lead").ok("POST", f"{self.path}/confirm")


def spread(total: float) -> dict[str, Any]:
    """Scores that add up to a total, one item filled after the other."""
    left, found = round(total * 100), {}
    for code, item in ITEMS.items():
        given = min(item.max_hundredths, left)
        found[code] = {"points": given / 100, "reason": "对照协议和服务记录"}
        left -= given
    return found


@pytest.fixture
def year(world: World) -> Year:
    return Year(world)


def test_a_year_from_evidence_to_feedback(year: Year) -> None:
    """R-ASSESS-1…8: the whole way, with a tie at the quota's edge and somebody below the mark."""
    world = year.world
    assessment = year.start()
    county, lead = world.as_("county"), world.as_("lead")
    shown = county.ok("GET", year.path)
    assert (shown["base"], shown["quota"], shown["ratio_percent"], shown["state"]) == (5, 1, 20, "scoring")
    assert {one["name"] for one in shown["base_people"]} == set(year.sheets)
    mine = world.as_("chen").ok("GET", f"{year.path}/sheets/mine")
    assert world.as_("chen").patch(f"/sheets/{mine['id']}", {"summary": "到村二十次"}, mine.etag).status == 200
    assert world.as_("chen").ok("POST", f"/sheets/{mine['id']}/hand_in")["state"] == "handed_in"
    said = {"role": "township", "rating": "excellent", "text": "随叫随到"}
    assert world.as_("township").ok("POST", f"{year.sheet('chen')}/opinions", said).status == 201
    world.as_("co_reviewer").ok("POST", f"{year.sheet('chen')}/opinions", said | {"role": "co_reviewer"})
    world.as_("dispatcher").ok("POST", f"{year.sheet('chen')}/opinions", said | {"role": "dispatcher"})

    counts = county.ok("GET", year.path)["counts"]
    assert [counts[f"opinions_{role}"] for role in ("township", "co_reviewer", "dispatcher")] == [1, 1, 1]

    proposed = year.proposed(90, 90, 88, 70, 50.55)
    tied = {year.sheet(key).removeprefix("/sheets/") for key in ("chen", "li")}
    assert (set(proposed["ties"]), proposed["tie_places"]) == (tied, 1)
    assert proposed["needs_decision"] == [year.sheet("sun").removeprefix("/sheets/")]
    assert proposed["counts"] | {"handed_in": 1} == proposed["counts"] | {"competent": 2, "undecided": 3, "scored": 5}
    assert county.ok("GET", year.sheet("sun"))["total"] == 50.55
    refused = lead.post(f"{year.path}/approve")
    assert (refused.status, refused["type"]) == (409, "/problems/grades-open")
    assert len(refused["faults"]) == 3  # the two ties and who is below the mark

    assert year.grade("chen", "excellent").status == 200
    full = year.grade("li", "excellent")
    assert (full.status, full["type"]) == (409, "/problems/quota-full")
    assert year.grade("li", "competent").status == 200
    assert list(year.grade("sun", "incompetent")["errors"]) == ["heard"]
    assert year.grade("sun", "incompetent", heard=True).status == 200
    assert "grade" not in world.as_("chen").ok("GET", year.sheet("chen")).json

    published = lead.ok("POST", f"{year.path}/approve")
    assert (published["state"], published["state_label"]) == ("published", "公示中")
    listed = world.anyone().ok("GET", f"/publicity/{published['publicity']}")["items"]
    grades = {one["name"]: one["grade"] for one in listed}
    assert (grades["陈茶生"], grades["李稻香"], grades["孙竹青"]) == ("优秀", "称职", "不称职")
    own = world.as_("chen").ok("GET", year.sheet("chen"))
    assert (own["grade_label"], own["total"], own["items"][0]["points"]) == ("优秀", 90, 20)
    assert lead.post(f"{year.path}/confirm")["type"] == "/problems/publicity-running"
    objected = world.anyone().ok(
        "POST",
        f"/publicity/{published['publicity']}/objections",
        {"text": "请核实服务次数", "name": "某农户", "contact": "19900009999"},
        headers={"Idempotency-Key": new_id()},
    )
    world.at(LATER)
    assert world.as_("lead").post(f"{year.path}/confirm")["type"] == "/problems/objections-open"
    world.as_("county").ok("POST", f"/objections/{objected['id']}/answer", {"text": "已核对记录，无误"})
    done = world.as_("lead").ok("POST", f"{year.path}/confirm")
    assert (done["state"], done["counts"]["excellent"], len(done["digest"])) == ("confirmed", 1, 64)
    assert world.as_("chen").ok("GET", year.sheet("chen"))["state"] == "graded"
    assert world.anyone().ok("GET", f"/publicity/{published['publicity']}")["state"] == "closed"
    assert world.as_("auditor").ok("GET", f"/assessments/{assessment}/verify")["matches"] is True


def test_evidence_comes_from_accepted_records_by_shanghai_date_and_shows_where_from(year: Year) -> None:
    """R-ASSESS-2, R-VISIT-7: accepted ones of the year in this county; overlaps once; figures name records."""
    world = year.world
    chen, li = world.as_("chen").id, world.as_("li").id
    with Session(world.house.engine) as session:
        pairing = year.pairings["chen"]
        first = a_record(session, pairing, chen, "2025-05-06T01:00:00+00:00", "2025-05-06T04:00:00+00:00",
                         counters={"farmers_helped": 12})  # fmt: skip
        same_day = a_record(session, pairing, chen, "2025-05-06T06:00:00+00:00", "2025-05-06T08:00:00+00:00",
                            counters={"farmers_helped": 3}, confirmation=None)  # fmt: skip
        # 2024-12-31 23:00 to 2025-01-01 01:00 in Shanghai: the day counts, the record is last year's
        new_year = a_record(session, pairing, chen, "2024-12-31T15:00:00+00:00", "2024-12-31T17:00:00+00:00",
                            counters={"farmers_helped": 100})  # fmt: skip
        a_record(session, pairing, chen, "2025-12-31T16:30:00+00:00", "2025-12-31T17:00:00+00:00")  # 2026 in Shanghai
        a_record(session, pairing, chen, "2025-06-01T01:00:00+00:00", "2025-06-01T02:00:00+00:00", state="submitted")
        a_record(session, pairing, chen, "2025-06-02T01:00:00+00:00", "2025-06-02T02:00:00+00:00",
                 township_code="445281113000", county_code=PUNING)  # fmt: skip
        session.add(Companion(record_id=UUID(first), person_id=UUID(li), county_code=RONGCHENG))
        session.add(Companion(record_id=UUID(same_day), person_id=UUID(li), county_code=RONGCHENG, objected_at=JANUARY))
        session.commit()
    year.start()
    figures = world.as_("county").ok("GET", year.sheet("chen"))["evidence"]["figures"]
    assert figures["service_days"] == {"value": "2", "records": [new_year, *sorted([first, same_day])]}
    assert figures["records"] == {"value": 2, "records": [first, same_day]}
    assert figures["confirmations"] == {"value": 1, "of": 2, "share_percent": 50, "records": [first]}
    assert figures["farmers_helped"] == {"value": 15, "records": [first, same_day]}
    along = world.as_("county").ok("GET", year.sheet("li"))["evidence"]
    assert [(day["date"], day["records"]) for day in along["days"]] == [("2025-05-06", [first])]
    assert along["figures"]["farmers_helped"] == {"value": 0, "records": []}
    social = next(
        i for i in world.as_("county").ok("GET", year.sheet("chen"))["items"] if i["code"] == "public_society"
    )
    assert {one["code"]: one["records"] for one in social["evidence"]}["farmers_helped"] == [first, same_day]


def test_assembling_again_refreshes_evidence_and_keeps_what_people_wrote(year: Year) -> None:
    """R-ASSESS-2: repeatable; the same rows give the same sheets, a new record shows, words and scores stay."""
    world = year.world
    year.start()
    county = world.as_("county")
    assert year.score("chen", 88).status == 200
    paper = {"text": "村委会证明一份", "reason": "线上没有记录的一次培训"}
    assert county.ok("POST", f"{year.sheet('chen')}/evidence", paper)["evidence"]["added"][0]["role"] == "county"
    before = county.ok("GET", year.sheet("chen"))
    county.ok("POST", f"{year.path}/assemble")
    assert county.ok("GET", year.sheet("chen")).etag == before.etag
    with Session(world.house.engine) as session:
        a_record(session, year.pairings["chen"], world.as_("chen").id, "2025-05-06T01:00:00+00:00",
                 "2025-05-06T04:00:00+00:00")  # fmt: skip
        session.commit()
    county.ok("POST", f"{year.path}/assemble")
    after = county.ok("GET", year.sheet("chen"))
    assert after["evidence"]["figures"]["records"]["value"] == 1
    assert (after["total"], after["evidence"]["added"]) == (88, before["evidence"]["added"])
    assert len(county.ok("GET", f"{year.path}/sheets")["items"]) == 5


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, 1),
        ({"ends_on": date(2025, 12, 31)}, 1),
        ({"ends_on": date(2025, 12, 30)}, 0),
        ({"ended_on": date(2025, 12, 30), "state": "ended"}, 0),
        ({"ended_on": date(2025, 12, 31), "state": "ended"}, 1),
        ({"starts_on": date(2025, 12, 31)}, 1),
    ],
)
def test_the_base_is_who_was_posted_on_the_last_day_of_the_year(world: World, changes: Any, base: int) -> None:
    """R-ASSESS-4: on 31 December; others posted in the year get a sheet and are not counted."""
    world.at(JANUARY)
    need = an_approved_need(world)["id"]
    chen, li, wang = (world.as_(key).id for key in ("chen", "li", "wang"))
    with Session(world.house.engine) as session:
        a_pairing(session, need, chen, **changes)
        a_pairing(session, need, li, kind="task")
        a_pairing(session, need, wang, starts_on=date(2026, 1, 1))
        session.commit()
    scheme = world.as_("county").get("/schemes", county=RONGCHENG)["items"][0]["id"]
    body = {"id": new_id(), "year": 2025, "county": RONGCHENG, "scheme": scheme}
    made_id = world.as_("county").ok("POST", "/assessments", body)["id"]
    shown = world.as_("county").ok("POST", f"/assessments/{made_id}/assemble")
    assert (shown["base"], shown["quota"], shown["counts"]["sheets"]) == (base, 0, 1)


@pytest.mark.parametrize(
    ("changes", "faulty"),
    [
        ({"ratio_percent": 25}, "ratio_percent"),
        ({"ratio_percent": 26, "ground": "a", "approver": "b", "document": "c"}, "ratio_percent"),
        ({"ratio_percent": 14, "ground": "a", "approver": "b", "document": "c"}, "ratio_percent"),
        ({"ratio_percent": 20.5}, "ratio_percent"),
        ({"year": 2027}, "year"),
        ({"county": PUNING}, "county"),
        ({"county": CITY}, "county"),
        ({"county": PAOTAI}, "county"),
        ({"scheme": new_id()}, "scheme"),
        ({"checkins_required": True}, "checkins_required"),
    ],
)
def test_what_an_assessment_cannot_be_opened_with(year: Year, changes: Any, faulty: str) -> None:
    """R-ASSESS-4: another ratio needs ground, approver and document; own county, a usable scheme, no year to come."""
    body = {"id": new_id(), "year": 2025, "county": RONGCHENG, "scheme": year.scheme} | changes
    refused = year.world.as_("county").post("/assessments", body)
    assert (refused.status, list(refused["errors"])) == (422, [faulty])


def test_a_county_has_one_assessment_a_year_and_another_ratio_is_told(year: Year) -> None:
    """R-ASSESS-4: the ground of another ratio is stored with the result; the city may open one too."""
    grounded = {"ratio_percent": 25, "ground": "成绩突出", "approver": "县考核领导小组", "document": "揭农〔2026〕1号"}
    year.start(**grounded)
    shown = year.world.as_("city").ok("GET", year.path)
    assert (shown["quota"], shown["ratio_document"]) == (1, "揭农〔2026〕1号")
    again = {"id": new_id(), "year": 2025, "county": RONGCHENG, "scheme": year.scheme}
    assert year.world.as_("city").post("/assessments", again)["type"] == "/problems/assessment-exists"
    assert year.world.as_("city").post("/assessments", again | {"year": 2024}).status == 201
    other = year.world.as_("city").ok("POST", "/assessments", again | {"id": new_id(), "county": PUNING})
    empty = year.world.as_("other_county").post(f"/assessments/{other['id']}/assemble")
    assert (empty.status, empty["type"]) == (409, "/problems/nobody-posted")


def test_schemes_are_versions_and_every_fault_is_named(world: World) -> None:
    """R-ASSESS-1: data, versioned, fixed; 国办函〔2026〕12号: no check-in, photo or log-in among the evidence."""
    county = world.as_("county")
    shipped = county.get("/schemes", county=RONGCHENG)["items"]
    assert [(one["number"], one["county"], one["excellent_points"]) for one in shipped] == [(1, CITY, 85)]
    body = {name: shipped[0][name] for name in ("title", "competent_points", "excellent_points", "items")}
    numbers = [county.ok("POST", "/schemes", {"id": new_id()} | body)["number"] for _ in range(2)]
    assert numbers == [1, 2]
    assert county.get("/schemes", county=PUNING)["items"] == shipped
    items = [dict(one) for one in body["items"]]
    items[0] |= {"evidence": ["check_ins"], "nature": "other"}
    items[1] |= {"code": "A", "max_points": 25.005}
    wrong = county.post("/schemes", body | {"items": items, "competent_points": True})
    assert set(wrong["errors"]) == {"competent_points", "items.1.max_points"}
    items[1] |= {"max_points": 25}
    wrong = county.post("/schemes", body | {"items": items, "excellent_points": 10})
    assert set(wrong["errors"]) == {"excellent_points", "items.0.evidence", "items.0.nature", "items.1.code"}
    items = [dict(one) | {"max_points": 10.5} for one in body["items"]]
    assert list(county.post("/schemes", body | {"items": items})["errors"]) == ["items"]
    assert county.post("/schemes", body | {"county": PUNING})["errors"].keys() == {"county"}
    assert world.as_("lead").post("/schemes", body).status == 403


def test_a_scheme_of_another_county_cannot_be_used(year: Year) -> None:
    """R-ASSESS-1: a county uses its own schemes and its city's."""
    shipped = year.world.as_("county").get("/schemes")["items"][0]
    body = {name: shipped[name] for name in ("title", "competent_points", "excellent_points", "items")}
    theirs = year.world.as_("other_county").ok("POST", "/schemes", {"id": new_id()} | body)["id"]
    opened = {"id": new_id(), "year": 2025, "county": RONGCHENG, "scheme": theirs}
    assert list(year.world.as_("county").post("/assessments", opened)["errors"]) == ["scheme"]


def test_everybody_sees_their_part_and_nothing_else(year: Year) -> None:
    """Own sheet, host township, own people's dispatcher; the rest is not found; points wait for publicity."""
    world = year.world
    year.start()
    year.proposed(90, 80, 75, 70, 65)

    def seen(key: str) -> set[str]:
        return {one["name"] for one in world.as_(key).ok("GET", f"{year.path}/sheets")["items"]}

    assert seen("chen") == {"陈茶生"}
    assert seen("dispatcher") == {"陈茶生", "李稻香"}
    assert seen("township") == seen("county") == seen("city") == set(year.sheets)
    for stranger in ("didu", "other_county", "other_lead"):
        assert world.as_(stranger).get(year.path).status == 404
        assert world.as_(stranger).get(f"{year.path}/sheets").status == 404
        assert world.as_(stranger).get(year.sheet("chen")).status == 404
        assert world.as_(stranger).get("/assessments")["items"] == []
    assert world.as_("li").get(year.sheet("chen")).status == 404
    assert world.as_("dispatcher").get(year.sheet("wang")).status == 404
    for outsider in ("chen", "township", "dispatcher"):
        told = world.as_(outsider).ok("GET", year.sheet("chen")).json
        assert not {"grade", "total", "proposed", "proposed_reason", "grade_reason"} & set(told)
        assert {item["points"] for item in told["items"]} == {None}
        overview = world.as_(outsider).ok("GET", year.path).json
        assert not {"ties", "base_people", "needs_decision"} & set(overview)
        assert "excellent" not in overview["counts"]
        assert [one["year"] for one in world.as_(outsider).get("/assessments")["items"]] == [2025]
    assert world.anyone().get(year.path).status == 401
    assert world.as_("admin").get(year.path).status == 403


def test_steps_are_their_roles_and_their_countys(year: Year) -> None:
    """Wrong roles 403, other counties 404, each step at its time 409."""
    world = year.world
    year.start()
    sheet, opinion = year.sheet("chen"), {"role": "township", "rating": "competent", "text": "尚可"}
    for path, role in (
        (f"{year.path}/assemble", "lead"),
        (f"{year.path}/propose", "lead"),
        (f"{year.path}/approve", "county"),
    ):
        assert world.as_(role).post(path).status == 403
    assert world.as_("other_county").post(f"{year.path}/propose").status == 404
    assert world.as_("other_county").put(f"{sheet}/scores", spread(80)).status == 404
    assert world.as_("lead").put(f"{sheet}/scores", spread(80)).status == 403
    assert world.as_("didu").post(f"{sheet}/opinions", opinion).status == 404
    assert world.as_("dispatcher").post(f"{sheet}/opinions", opinion).status == 403
    assert world.as_("chen").post(f"{sheet}/opinions", opinion).status == 403
    assert world.as_("lead").post(f"{year.path}/approve").status == 409
    assert year.grade("chen", "competent").status == 409
    year.proposed(90, 80, 75, 70, 65)
    assert world.as_("township").post(f"{sheet}/opinions", opinion)["type"] == "/problems/assessment-not-now"
    assert world.as_("county").post(f"{sheet}/evidence", {"text": "a", "reason": "b"}).status == 409
    assert year.score("chen", 80).status == 409
    mine = world.as_("chen").ok("GET", sheet)
    assert world.as_("chen").patch(sheet, {"summary": "迟到的总结"}, mine.etag).status == 409
    assert world.as_("lead").post(f"{year.path}/reject").status == 422
    assert world.as_("lead").ok("POST", f"{year.path}/reject", {"reason": "请复核第三项"})["state"] == "scoring"
    assert world.as_("county").put(f"{sheet}/scores", spread(80)).status == 428
    fresh = world.as_("county").ok("GET", sheet)
    assert world.as_("county").put(f"{sheet}/scores", spread(80), '"stale"').status == 412
    assert world.as_("county").put(f"{sheet}/scores", spread(80), fresh.etag).status == 200


def test_a_summary_is_ones_own_and_final_once_handed_in(year: Year) -> None:
    """R-ASSESS-3: If-Match, not empty, not after handing in, nobody else's."""
    world = year.world
    year.start()
    chen, sheet = world.as_("chen"), year.sheet("chen")
    assert list(chen.post(f"{sheet}/hand_in")["errors"]) == ["summary"]
    assert chen.patch(sheet, {"summary": "好"}).status == 428
    assert chen.patch(sheet, {"summary": "好"}, '"stale"').status == 412
    assert chen.patch(sheet, {"summary": " "}, chen.get(sheet).etag).status == 422
    assert world.as_("li").patch(sheet, {"summary": "好"}, chen.get(sheet).etag).status == 404
    assert world.as_("county").patch(sheet, {"summary": "好"}, chen.get(sheet).etag).status == 403
    assert chen.patch(sheet, {"summary": "示范茶园二十亩"}, chen.get(sheet).etag)["summary"] == "示范茶园二十亩"
    chen.ok("POST", f"{sheet}/hand_in")
    assert chen.post(f"{sheet}/hand_in").status == 409
    assert chen.patch(sheet, {"summary": "再改"}, chen.get(sheet).etag).status == 409


def test_an_opinion_stands_once_a_person_and_role_and_can_be_replaced_while_scoring(year: Year) -> None:
    """R-ASSESS-3: the second takes the first one's place; colleagues' opinions stand beside it."""
    world = year.world
    year.start()
    sheet, township = year.sheet("chen"), world.as_("township")
    first = township.ok("POST", f"{sheet}/opinions", {"role": "township", "rating": "competent", "text": "尚可"})
    again = township.ok("POST", f"{sheet}/opinions", {"role": "township", "rating": "excellent", "text": "很好"})
    assert (first["id"], again["rating"]) == (again["id"], "excellent")
    assert township.ok("GET", f"/opinions/{first['id']}")["text"] == "很好"
    assert [one["text"] for one in world.as_("county").ok("GET", sheet)["opinions"]] == ["很好"]
    assert world.as_("dispatcher").ok("GET", sheet)["opinions"] == []
    assert world.as_("chen").get(f"/opinions/{first['id']}").status == 404
    assert township.post(f"{sheet}/opinions", {"role": "township", "rating": "优秀", "text": "很好"}).status == 422


@pytest.mark.parametrize(
    "given",
    [
        {"points": 20.01},
        {"points": -1},
        {"points": 1.005},
        {"points": "20"},
        {"points": True},
        {"points": None},
        {"points": 1e300},
        {"points": 20, "reason": " "},
        {"points": 20, "check_in": 1},
    ],
)
def test_points_keep_to_the_scheme(year: Year, given: Any) -> None:
    """R-ASSESS-1, R-ASSESS-8: a number with at most two decimals within the item's bounds, with a reason."""
    year.start()
    county, path = year.world.as_("county"), f"{year.sheet('chen')}/scores"
    refused = county.put(path, spread(50) | {"public_agreement": {"reason": "依据"} | given})
    assert refused.status == 422
    assert {name.split(".")[0] for name in refused["errors"]} == {"public_agreement"}
    assert list(county.put(path, {"paid_income": {"points": 1, "reason": "依据"}})["errors"]) == ["paid_income"]
    assert county.put(path, {}).status == 422
    assert county.put(path, {"public_agreement": {"points": 0.07, "reason": "依据"}}).status == 200
    assert county.ok("GET", year.sheet("chen"))["items"][0]["points"] == 0.07


def test_a_sheet_that_is_not_scored_to_the_end_waits_for_people(year: Year) -> None:
    """R-ASSESS-6: nobody becomes incompetent by what is missing."""
    year.start()
    for key in FIVE[:4]:
        year.score(key, 70)
    shown = year.world.as_("county").ok("POST", f"{year.path}/propose")
    assert shown["needs_decision"] == [year.sheet("sun").removeprefix("/sheets/")]
    assert year.world.as_("county").ok("GET", year.sheet("sun"))["grade"] is None


def test_who_proposed_scored_or_is_assessed_does_not_approve(year: Year) -> None:
    """Separation of duties: a second person, with no part in the grades."""
    world = year.world
    year.start()
    year.proposed(90, 80, 75, 70, 65)
    _also(world, "county", "county_lead")
    world.at(JANUARY)
    refused = world.as_("county").post(f"{year.path}/approve")
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")
    _also(world, "lead", "county")
    world.at(JANUARY)
    # The lead, who now is county staff too, decided one grade: then another lead has to approve.
    assert world.as_("lead").put(f"{year.sheet('li')}/grade", {"grade": "competent", "reason": "依据"}).status == 200
    refused = world.as_("lead").post(f"{year.path}/approve")
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")


def test_nobody_judges_their_own_year(year: Year) -> None:
    """Separation of duties: a commissioner who is county staff or approver as well keeps off their own sheet."""
    world = year.world
    year.start()
    _also(world, "chen", "county")
    _also(world, "li", "county_lead")
    world.at(JANUARY)
    refused = world.as_("chen").put(f"{year.sheet('chen')}/scores", spread(100))
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")
    assert world.as_("chen").put(f"{year.sheet('wang')}/scores", spread(75)).status == 200
    for key, total in (("chen", 90), ("li", 80), ("zhao", 70), ("sun", 65)):
        assert year.score(key, total).status == 200
    world.as_("county").ok("POST", f"{year.path}/propose")
    decided = {"grade": "excellent", "reason": "依据"}
    assert world.as_("chen").put(f"{year.sheet('chen')}/grade", decided).status == 403
    assert world.as_("li").post(f"{year.path}/approve")["type"] == "/problems/same-person"
    assert world.as_("lead").post(f"{year.path}/approve").status == 200


def _also(world: World, key: str, role: str) -> None:
    """Give one of the cast a second role in 榕城区, granted by one administrator and approved by the other."""
    grant = world.as_("admin").ok(
        "POST", "/roles", {"person": world.as_(key).id, "role": role, "region": RONGCHENG},
        headers={"Idempotency-Key": new_id()},
    )["id"]  # fmt: skip
    world.as_("admin2").ok("POST", f"/roles/{grant}/approve")


def test_a_base_that_changed_must_be_reckoned_again(year: Year) -> None:
    """R-ASSESS-4: grades are not approved under a quota from a base that no longer holds."""
    world = year.world
    year.start()
    year.proposed(90, 80, 75, 70, 65)
    with Session(world.house.engine) as session:
        pairing = Pairing.id == year.pairings["sun"]
        session.execute(sa.update(Pairing).where(pairing).values(state="ended", ended_on=date(2025, 11, 30)))
        session.commit()
    assert world.as_("lead").post(f"{year.path}/approve")["type"] == "/problems/base-changed"
    world.as_("lead").ok("POST", f"{year.path}/reject", {"reason": "基数有变"})
    shown = world.as_("county").ok("POST", f"{year.path}/assemble")
    assert (shown["base"], shown["quota"], shown["counts"]["sheets"]) == (4, 0, 5)


def test_an_upheld_objection_takes_published_grades_back(year: Year) -> None:
    """R-PUB-2: recalled with a reason, scored again; the publicity closes."""
    world = year.world
    year.start()
    year.proposed(90, 80, 75, 70, 65)
    publicity = world.as_("lead").ok("POST", f"{year.path}/approve")["publicity"]
    assert world.as_("lead").ok("POST", f"{year.path}/recall", {"reason": "异议属实"})["state"] == "scoring"
    assert world.anyone().ok("GET", f"/publicity/{publicity}")["state"] == "closed"
    assert "grade" not in world.as_("chen").ok("GET", year.sheet("chen")).json


@pytest.mark.parametrize(
    ("statement", "thing"),
    [
        ("UPDATE sheets SET grade = 'excellent' WHERE grade = 'competent'", "sheet"),
        ("UPDATE sheets SET total = total + 1", "sheet"),
        ("UPDATE opinions SET rating = 'incompetent'", "opinion"),
        ("UPDATE records SET done = 'something else'", "record"),
        ("UPDATE records SET counters = '{\"farmers_helped\": 99}'", "record"),
        ("UPDATE assessments SET quota = 3", "assessment"),
        ("UPDATE schemes SET body = '{\"items\": []}'", "scheme"),
        ("DELETE FROM opinions", "opinion"),
    ],
)
def test_tampering_with_a_row_shows_in_verification(year: Year, statement: str, thing: str) -> None:
    """R-ASSESS-8: the digest is recomputed from the rows; whatever was changed is named."""
    world = year.world
    with Session(world.house.engine) as session:
        a_record(session, year.pairings["chen"], world.as_("chen").id, "2025-05-06T01:00:00+00:00",
                 "2025-05-06T04:00:00+00:00")  # fmt: skip
        session.commit()
    year.start()
    opinion = {"role": "township", "rating": "competent", "text": "尚可"}
    world.as_("township").ok("POST", f"{year.sheet('chen')}/opinions", opinion)
    year.proposed(90, 80, 75, 70, 65)
    assert world.as_("county").get(f"{year.path}/verify")["type"] == "/problems/not-confirmed"
    world.as_("lead").ok("POST", f"{year.path}/approve")
    world.at(LATER)
    world.as_("lead").ok("POST", f"{year.path}/confirm")
    sound = world.as_("city").ok("GET", f"{year.path}/verify")
    assert (sound["matches"], sound["differs"], sound["recomputed"]) == (True, [], sound["digest"])
    with world.house.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    broken = world.as_("city").ok("GET", f"{year.path}/verify")
    assert broken["matches"] is False
    assert broken["recomputed"] != broken["digest"]
    assert {one["thing"] for one in broken["differs"]} == {thing}


def test_removing_a_check_in_or_photo_changes_no_result(year: Year) -> None:
    """R-VISIT-8, 国办函〔2026〕12号: nothing of an assessment rests on a point or a picture."""
    world = year.world
    with Session(world.house.engine) as session:
        a_record(session, year.pairings["chen"], world.as_("chen").id, "2025-05-06T01:00:00+00:00",
                 "2025-05-06T04:00:00+00:00", check_in={"lat": 23.5, "lon": 116.4}, distance_m=80)  # fmt: skip
        session.commit()
    year.confirmed()
    assert "23.5" not in world.as_("county").get(year.sheet("chen")).content.decode()
    with world.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE records SET check_in = NULL, distance_m = NULL, photos = '[]'")
    assert world.as_("city").ok("GET", f"{year.path}/verify")["matches"] is True


def test_grades_do_not_stand_on_a_record_that_was_corrected_since(year: Year) -> None:
    """R-ASSESS-2, R-VISIT-6: corrected after scoring, it is accepted and assembled again; then it stays."""
    world = year.world
    body = {
        "id": new_id(),
        "pairing_id": str(year.pairings["chen"]),
        "started_at": "2025-12-20T09:00:00+08:00",
        "ended_at": "2025-12-20T11:00:00+08:00",
        "form": "on_site",
        "kind": "guidance",
        "done": "查看茶园虫情",
        "counters": {"farmers_helped": 4},
    }
    record = world.as_("chen").ok("POST", "/records", body)["id"]
    _accept(world, record)
    year.start()
    year.proposed(90, 80, 75, 70, 65)
    corrected = {"counters": {"farmers_helped": 5}, "reason": "漏记一户"}
    world.as_("chen").ok("POST", f"/records/{record}/versions", corrected)
    refused = world.as_("lead").post(f"{year.path}/approve")
    assert (refused["type"], refused["sheets"]) == (
        "/problems/evidence-changed",
        [year.sheet("chen").removeprefix("/sheets/")],
    )
    _accept(world, record)
    assert world.as_("lead").post(f"{year.path}/approve")["type"] == "/problems/evidence-changed"
    world.as_("lead").ok("POST", f"{year.path}/reject", {"reason": "记录有更正"})
    world.as_("county").ok("POST", f"{year.path}/assemble")
    figures = world.as_("county").ok("GET", year.sheet("chen"))["evidence"]["figures"]
    assert figures["farmers_helped"] == {"value": 5, "records": [record]}
    world.as_("county").ok("POST", f"{year.path}/propose")
    world.as_("lead").ok("POST", f"{year.path}/approve")
    world.at(LATER)
    world.as_("lead").ok("POST", f"{year.path}/confirm")
    assert world.as_("chen").post(f"/records/{record}/versions", corrected).status == 409
    assert world.as_("city").ok("GET", f"{year.path}/verify")["matches"] is True


def _accept(world: World, record: str) -> None:
    world.as_("township").ok("POST", f"/records/{record}/confirm", {"rating": 5})
    world.as_("county").ok("POST", f"/records/{record}/accept")


def test_feedback_goes_to_each_dispatcher_for_its_own_people(year: Year) -> None:
    """R-ASSESS-7: in the word that was decided, with its effect; as rows and as a file."""
    world = year.world
    year.start()
    assert world.as_("dispatcher").get(f"{year.path}/feedback")["type"] == "/problems/not-confirmed"
    year.proposed(90, 80, 75, 70, 65)
    world.as_("lead").ok("POST", f"{year.path}/approve")
    world.at(LATER)
    world.as_("lead").ok("POST", f"{year.path}/confirm")
    rows = world.as_("dispatcher").ok("GET", f"{year.path}/feedback")["items"]
    assert {one["name"]: one["grade"] for one in rows} == {"陈茶生": "优秀", "李稻香": "称职"}
    assert "不占单位名额" in next(one["effect"] for one in rows if one["grade"] == "优秀")
    assert len(world.as_("city").ok("GET", f"{year.path}/feedback")["items"]) == 5
    assert world.as_("chen").get(f"{year.path}/feedback").status == 403
    assert world.as_("other_county").get(f"{year.path}/feedback").status == 404
    file = world.as_("dispatcher").ok("GET", f"{year.path}/feedback.xlsx")
    sheet = openpyxl.load_workbook(BytesIO(file.content)).worksheets[0]
    told = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert sorted((row[2], row[6]) for row in told) == [("李稻香", "称职"), ("陈茶生", "优秀")]


def test_a_review_and_an_appeal_leave_the_first_result(year: Year) -> None:
    """R-ASSESS-3: asked once, answered by the county, appealed to the city; the grade on record stays."""
    world = year.world
    year.start()
    early = {"id": new_id(), "text": "请复核"}
    assert world.as_("li").post(f"{year.sheet('li')}/reviews", early)["type"] == "/problems/not-confirmed"
    year.proposed(90, 80, 75, 70, 65)
    world.as_("lead").ok("POST", f"{year.path}/approve")
    world.at(LATER)
    world.as_("lead").ok("POST", f"{year.path}/confirm")
    li, county, city = world.as_("li"), world.as_("county"), world.as_("city")
    review = li.ok("POST", f"{year.sheet('li')}/reviews", {"id": new_id(), "text": "培训未计入"})
    path = f"/reviews/{review['id']}"
    assert li.post(f"{year.sheet('li')}/reviews", {"id": new_id(), "text": "再来"}).status == 409
    assert world.as_("wang").get(path).status == 404
    assert [one["id"] for one in county.ok("GET", "/reviews")["items"]] == [review["id"]]
    assert li.post(f"{path}/appeal", {"text": "不服"}).status == 409
    assert county.ok("POST", f"{path}/answer", {"text": "已核对，维持"})["answer"] == "已核对，维持"
    assert li.ok("POST", f"{path}/appeal", {"text": "不服"})["state"] == "appealed"
    assert county.post(f"{path}/decide", {"text": "维持"}).status == 403
    assert city.ok("POST", f"{path}/decide", {"text": "维持原结果"})["moves"] == []
    assert li.ok("GET", year.sheet("li"))["grade"] == "competent"
    assert city.ok("GET", f"{year.path}/verify")["matches"] is True


def test_thirty_two_at_once_never_pass_the_quota(year: Year) -> None:
    """R-ASSESS-4, R-ASSESS-5: forty level at the edge, eight places; 32 tries at once give eight."""
    world = year.world
    with Session(world.house.engine) as session:
        for number in range(35):
            person = Person(id=fresh_id(), county_code=RONGCHENG, name=f"茶{number:02d}", specialties=[],
                            created_at=JANUARY, nature="public_benefit", version=1)  # fmt: skip
            session.add(person)
            session.flush()
            a_pairing(session, year.need, str(person.id))
        session.commit()
    year.start()
    scores = {code: {"points": item.max_hundredths, "reason": "一致"} for code, item in ITEMS.items()}
    with Session(world.house.engine) as session:
        session.execute(sa.update(Sheet).values(scores=scores, total=10_000))
        session.commit()
    county = world.as_("county")
    shown = county.ok("POST", f"{year.path}/propose")
    assert (shown["quota"], len(shown["ties"]), shown["tie_places"]) == (8, 40, 8)

    def give(sheet: str) -> int:
        return county.put(f"/sheets/{sheet}/grade", {"grade": "excellent", "reason": "研究决定"}).status

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(give, shown["ties"][:32]))
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 8
    assert county.ok("GET", year.path)["counts"]["excellent"] == 8
