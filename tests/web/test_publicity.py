"""Publicity: working days, objections, two persons, and what the public may see (R-PUB-1, R-PUB-2, R-APP-4)."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.claims import Claim
from models.identity import Attempt
from models.journal import JournalEntry, Reply
from models.publicity import Objection
from rules.policy import OBJECTIONS_PER_HOUR
from service.core.unit import SYSTEM
from service.publicity import jobs, windows
from service.regions.commands import load_calendar_year
from tests.cast import CITY, PUNING, RONGCHENG
from tests.make import a_round, an_approved_need
from tests.rows import a_claim_row, a_pair, a_plan_row, a_proposal_row
from tests.world import World, new_id

SHANGHAI = ZoneInfo("Asia/Shanghai")
SIGNED = {"text": "名单中有人长期不在岗。", "name": "何有声", "contact": "19900003001"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def a_submitted_plan(world: World, who: str = "chen", **changes: Any) -> str:
    round_ = a_round(world)
    need = an_approved_need(world, round_id=round_["id"])
    return a_plan_row(world, round_["id"], [a_pair(world, who, need, a_claim_row(world, who, need))], **changes)


def an_open_publicity(world: World, opened: str = "2026-03-02T10:00") -> dict[str, Any]:
    """The publicity of a plan that the county's lead approved at that time."""
    world.at(moment(opened))
    plan = a_submitted_plan(world)
    approved = world.as_("lead").ok("POST", f"/plans/{plan}/approve")
    assert approved["state"] == "approved"
    shown: dict[str, Any] = world.anyone().ok("GET", f"/publicity/{approved['publicity']}").json
    return shown


def test_a_list_shows_name_organisation_field_and_host_alone(world: World) -> None:
    """R-APP-4: no phone, no id of a person, nothing else."""
    shown = an_open_publicity(world)
    assert [set(item) for item in shown["items"]] == [{"name", "organisation", "field", "host"}]
    item = shown["items"][0]
    assert (item["name"], item["host"]) == ("陈茶生", "榕城区砲台镇")
    assert item["organisation"]
    assert "茶" in item["field"]
    text = world.anyone().get(f"/publicity/{shown['id']}").content.decode()
    assert world.as_("chen").id not in text
    assert "1990000" not in text
    assert [one["id"] for one in world.anyone().get("/publicity")["items"]] == [shown["id"]]


@pytest.mark.parametrize(
    ("opened", "first", "last"),
    [
        ("2026-03-02T10:00", "2026-03-03", "2026-03-09"),  # a Monday: a plain week
        ("2026-03-06T23:59", "2026-03-09", "2026-03-13"),  # a Friday night: Monday is the first day
        ("2026-03-07T10:00", "2026-03-09", "2026-03-13"),  # a Saturday
        ("2026-09-18T10:00", "2026-09-20", "2026-09-24"),  # Sunday the 20th is a working day (调休)
        ("2026-09-29T10:00", "2026-09-30", "2026-10-12"),  # National Day to the 7th, Saturday the 10th is worked
    ],
)
def test_a_window_counts_official_working_days(world: World, opened: str, first: str, last: str) -> None:
    """R-PUB-1: five working days from the day after opening, 调休 included, until 24:00 Shanghai."""
    shown = an_open_publicity(world, opened)
    assert (shown["first_day"], shown["last_day"], shown["note"]) == (first, last, None)
    end = datetime.fromisoformat(shown["ends_at"])
    assert (end - moment(last + "T00:00")).total_seconds() == 24 * 3600


def test_objections_are_taken_day_by_day_until_the_window_ends(world: World) -> None:
    """R-PUB-1, R-PUB-2: from the opening until 24:00 of the last day, and no longer."""
    shown = an_open_publicity(world)
    path = f"/publicity/{shown['id']}/objections"
    for day in ("2026-03-02T10:01", "2026-03-07T12:00", "2026-03-09T23:59"):
        world.at(moment(day))
        assert world.anyone().get(f"/publicity/{shown['id']}")["open_to_objections"] is True
        assert world.anyone().post(path, SIGNED | {"text": day}).status == 201
    world.at(moment("2026-03-10T00:00"))
    refused = world.anyone().post(path, SIGNED)
    assert (refused.status, refused["type"]) == (409, "/problems/publicity-over")
    seen = world.anyone().get(f"/publicity/{shown['id']}")
    assert (seen["objections"], seen["open_to_objections"]) == (3, False)


def test_a_year_that_is_not_loaded_leaves_the_end_open_until_it_is(world: World, tmp_path: Path) -> None:
    """R-PUB-1: the message names the year; loading it reckons the end from the opening."""
    shown = an_open_publicity(world, "2026-12-29T10:00")
    assert (shown["first_day"], shown["ends_at"], shown["unknown_year"]) == ("2026-12-30", None, 2027)
    assert "2027年" in shown["note"]
    world.at(moment("2027-02-01T10:00"))
    anyone, path = world.anyone(), f"/publicity/{shown['id']}"
    assert anyone.get(path)["open_to_objections"] is True
    run = world.app.test_cli_runner()
    broken = tmp_path / "broken.csv"
    broken.write_text("day,workday\n2027-01-01,0\n2026-12-31,0\n2027-10-01,休\nx,1\n", encoding="utf-8")
    refused = run.invoke(args=["calendar", "load", "2027", str(broken)])
    assert refused.exit_code == 1
    assert "第 3 行" in refused.output
    assert "第 5 行" in refused.output
    assert anyone.get(path)["ends_at"] is None
    notice = tmp_path / "2027.csv"
    notice.write_text("day,workday\n2027-01-01,0\n2027-01-02,1\n2027-10-01,0\n", encoding="utf-8-sig")
    done = run.invoke(args=["calendar", "load", "2027", str(notice), "--source", "国办发明电"])
    assert (done.exit_code, done.output) == (0, '{"year": 2027, "windows": 1}\n')
    seen = anyone.get(path)
    # 30 and 31 December, Saturday 2 January (worked by this notice), 4 and 5 January.
    assert (seen["last_day"], seen["unknown_year"], seen["note"]) == ("2027-01-05", None, None)
    assert seen["open_to_objections"] is False
    assert run.invoke(args=["calendar", "load", "2027", str(notice)]).output == '{"year": 2027, "windows": 0}\n'


def test_a_corrected_calendar_moves_a_running_end_later_but_never_earlier(world: World) -> None:
    """R-PUB-1: what was announced to the public does not shrink."""
    shown = an_open_publicity(world, "2026-03-02T10:00")
    path = f"/publicity/{shown['id']}"
    for named, last in ((b"2026-03-04,0", "2026-03-10"), (b"2026-03-08,1", "2026-03-10")):
        with world.house.write(SYSTEM) as uow:
            windows.load_calendar(uow, 2026, b"day,workday\n2026-10-01,0\n" + named, "更正")
        assert world.anyone().get(path)["last_day"] == last


def test_the_job_completes_windows_of_a_year_that_was_loaded_otherwise(world: World) -> None:
    """R-PUB-1: due names the window once, doing it twice changes nothing."""
    shown = an_open_publicity(world, "2026-12-29T10:00")
    with world.house.read(SYSTEM) as uow:
        assert jobs.due(uow) == []
    with world.house.write(SYSTEM) as uow:
        load_calendar_year(uow, 2027, {datetime(2027, 1, 1, tzinfo=SHANGHAI).date(): False}, "手工")
    with world.house.read(SYSTEM) as uow:
        (due,) = jobs.due(uow)
    for _ in range(2):
        with world.house.write(SYSTEM) as uow:
            jobs.do(uow, due)
    assert world.anyone().get(f"/publicity/{shown['id']}")["last_day"] == "2027-01-06"
    with world.house.read(SYSTEM) as uow:
        assert jobs.due(uow) == []


def test_a_jurisdiction_chooses_its_own_length(world: World) -> None:
    """R-PUB-1: the county's figure, else its city's."""
    run = world.app.test_cli_runner()
    assert run.invoke(args=["calendar", "publicity-days", CITY, "7"]).exit_code == 0
    assert run.invoke(args=["calendar", "publicity-days", PUNING, "3"]).exit_code == 0
    assert run.invoke(args=["calendar", "publicity-days", RONGCHENG, "0"]).exit_code == 1
    assert run.invoke(args=["calendar", "publicity-days", "999", "5"]).exit_code == 1
    with world.house.read(SYSTEM) as uow:
        assert [windows.days_for(uow, code) for code in (RONGCHENG, PUNING, "440000")] == [7, 3, 5]
    shown = an_open_publicity(world)
    assert (shown["days"], shown["last_day"]) == (7, "2026-03-11")


def test_an_objection_is_signed_sealed_and_answered_once(world: World) -> None:
    """R-PUB-2: name and contact for the county's staff alone; never public, never in the journal or kept answers."""
    shown = an_open_publicity(world)
    filed = world.anyone().ok("POST", f"/publicity/{shown['id']}/objections", SIGNED)
    assert filed.status == 201
    assert set(filed.json) == {"id", "publicity", "state", "text", "created_at"}
    path = f"/objections/{filed['id']}"
    assert world.anyone().get(path).status == 401
    assert world.as_("chen").get("/objections").status == 403
    assert world.as_("other_county").get(path).status == 404
    assert world.as_("other_county").get("/objections")["items"] == []
    for key, signed in {"county": "何有声", "lead": "何有声", "city": None, "auditor": None}.items():
        seen = world.as_(key).ok("GET", path)
        assert (seen["name"], seen["contact"] is None) == (signed, signed is None)
        assert [one["name"] for one in world.as_(key).get("/objections", state="open")["items"]] == [signed]
    county = world.as_("county")
    assert county.post(path + "/answer", {"text": " "}).status == 422
    assert world.as_("auditor").post(path + "/answer", {"text": "已核实"}).status == 403
    assert world.as_("other_county").post(path + "/answer", {"text": "已核实"}).status == 404
    answered = county.ok("POST", path + "/answer", {"text": "经核实，在岗。"})
    assert (answered["state"], answered["answer"], answered["moves"]) == ("answered", "经核实，在岗。", [])
    assert county.post(path + "/answer", {"text": "再答"}).status == 409
    with Session(world.house.engine) as session:
        kept = [str(row.changes) + str(row.facts) for row in session.scalars(sa.select(JournalEntry))]
        kept += [repr(row.body) for row in session.scalars(sa.select(Reply))]
        kept += [repr(session.scalars(sa.select(Objection)).one().signed_sealed)]
    assert not [text for text in kept if "何有声" in text or "19900003001" in text]


def test_an_objection_needs_a_name_and_a_contact_and_repeats_safely(world: World) -> None:
    """R-PUB-2: signed; the same again is one objection, other content under its id is refused."""
    path = f"/publicity/{an_open_publicity(world)['id']}/objections"
    anyone = world.anyone()
    refused = anyone.post(path, {"text": "有异议"})
    assert (refused.status, set(refused["errors"])) == (422, {"name", "contact"})
    body = SIGNED | {"id": new_id()}
    first, again = anyone.post(path, body), anyone.post(path, body)
    assert (first.status, first.content) == (again.status, again.content)
    assert anyone.post(path, body | {"text": "别的"}).status == 409
    assert anyone.post(f"/publicity/{new_id()}/objections", SIGNED).status == 404
    assert len(world.as_("county").get("/objections")["items"]) == 1


def test_an_address_that_floods_has_to_wait(world: World) -> None:
    """Objections are limited by address; the address itself is not stored."""
    path = f"/publicity/{an_open_publicity(world)['id']}/objections"
    anyone = world.anyone()
    # Twice the limit and one more: the hour may turn in between.
    answers = (anyone.post(path, {}) for _ in range(2 * OBJECTIONS_PER_HOUR + 1))
    refused = next(answer for answer in answers if answer.status == 429)
    assert int(refused.headers["Retry-After"]) > 0
    other = anyone.call("POST", path, SIGNED, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status == 201
    with Session(world.house.engine) as session:
        assert all("." not in row.scope for row in session.scalars(sa.select(Attempt)))


def test_whoever_submitted_a_plan_does_not_approve_it(world: World) -> None:
    """Separation of duties: another role, and another person than the one who submitted it."""
    plan = a_submitted_plan(world)
    path = f"/plans/{plan}/approve"
    assert world.anyone().post(path).status == 401
    assert world.as_("county").post(path).status == 403
    assert world.as_("city").post(path).status == 403
    assert world.as_("other_lead").post(path).status == 404
    grant_lead(world, "county")
    refused = world.as_("county").post(path)
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")
    assert world.as_("lead").ok("POST", path)["state"] == "approved"
    assert world.as_("lead").post(path).status == 409


def test_nobody_decides_about_a_list_that_names_them(world: World) -> None:
    """Separation of duties: a claimant who is the county's lead approves nothing and answers nothing of it."""
    grant_lead(world, "chen")
    plan = a_submitted_plan(world)
    assert world.as_("chen").post(f"/plans/{plan}/approve").status == 403
    approved = world.as_("lead").ok("POST", f"/plans/{plan}/approve")
    filed = world.anyone().ok("POST", f"/publicity/{approved['publicity']}/objections", SIGNED)
    refused = world.as_("chen").post(f"/objections/{filed['id']}/answer", {"text": "没有的事"})
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")


def grant_lead(world: World, key: str) -> None:
    """Give one of the cast the county's approving role besides their own."""
    body = {"person": world.as_(key).id, "role": "county_lead", "region": RONGCHENG}
    grant = world.as_("admin").ok("POST", "/roles", body)
    world.as_("admin2").ok("POST", f"/roles/{grant['id']}/approve")


@pytest.mark.parametrize("state", ["waiting", "declined"])
def test_a_plan_with_a_proposal_that_is_not_accepted_is_refused(world: World, state: str) -> None:
    """R-MATCH-6: nobody is sent where they did not agree to go."""
    round_ = a_round(world)
    need = an_approved_need(world, round_id=round_["id"])
    a_proposal_row(world, round_["id"], "chen", need, state)
    plan = a_plan_row(world, round_["id"], [a_pair(world, "chen", need, None)])
    refused = world.as_("lead").post(f"/plans/{plan}/approve")
    assert (refused.status, refused["type"], len(refused["faults"])) == (409, "/problems/plan-stale", 1)
    assert world.anyone().get("/publicity")["items"] == []


def test_a_stale_plan_is_refused_and_says_what_changed(world: World) -> None:
    """R-MATCH-6: a claim that was withdrawn after the freeze."""
    plan = a_submitted_plan(world)
    with Session(world.house.engine) as session, session.begin():
        session.execute(sa.update(Claim).values(state="withdrawn"))
    refused = world.as_("lead").post(f"/plans/{plan}/approve")
    assert refused.status == 409
    assert "已撤回" in refused["detail"]


def test_an_approved_plan_can_be_taken_back_before_it_takes_effect(world: World) -> None:
    """R-PUB-2: an objection that proves right must be able to change the result; the list closes."""
    shown = an_open_publicity(world)
    path = f"/plans/{shown['subject_id']}/recall"
    assert world.as_("county").post(path, {"reason": "异议属实"}).status == 403
    assert world.as_("lead").post(path).status == 422
    assert world.as_("lead").ok("POST", path, {"reason": "异议属实"})["state"] == "rejected"
    seen = world.anyone().get(f"/publicity/{shown['id']}")
    assert (seen["state"], seen["open_to_objections"]) == ("closed", False)
    assert "异议属实" not in seen.content.decode()
    assert world.anyone().post(f"/publicity/{shown['id']}/objections", SIGNED).status == 409
    assert [one["id"] for one in world.anyone().get("/publicity", state="closed")["items"]] == [shown["id"]]
    assert world.as_("lead").post(path, {"reason": "再来"}).status == 409
