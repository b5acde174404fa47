"""Service days as people and their staff see them (R-VISIT-7, R-ASSESS-2)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.assessments import Assessment, Scheme, Sheet
from models.base import new_id as new_uuid
from service.core import moves
from service.core.unit import SYSTEM
from tests.cast import RONGCHENG
from tests.make import a_pairing, a_record, a_team, an_accepted_record
from tests.web.test_records import NOW, VISIT
from tests.world import World, new_id


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def days(world: World, who: str = "chen", whose: str = "chen", **query: int) -> tuple[float, list[str]]:
    shown = world.as_(who).get(f"/commissioners/{world.as_(whose).id}/days", **query)
    assert shown.status == 200, shown
    return shown["total"], [day["date"] for day in shown["days"]]


def test_only_accepted_records_count_and_a_date_counts_once(field: World) -> None:
    """R-VISIT-7: submitted and confirmed ones wait; two on one date are one day; each day says how it was counted."""
    pairing = a_pairing(field)
    chen = field.as_("chen")
    waiting = chen.ok("POST", "/records", a_record(pairing, VISIT))
    assert days(field) == (0, [])
    field.as_("township").ok("POST", f"/records/{waiting['id']}/confirm")
    assert days(field) == (0, [])
    field.as_("county").ok("POST", f"/records/{waiting['id']}/accept")
    an_accepted_record(field, pairing, VISIT + timedelta(hours=1), hours=1)
    shown = chen.get(f"/commissioners/{chen.id}/days")
    assert (shown["year"], shown["total"]) == (2026, 1.0)
    assert shown["days"][0]["date"] == "2026-06-15"
    assert "2 条记录" in shown["days"][0]["how"]
    assert len(shown["days"][0]["records"]) == 2


@pytest.mark.parametrize(
    ("started", "hours", "this_year", "next_year"),
    [
        ("2026-12-31T09:00:00+08:00", 3, ["2026-12-31"], []),
        ("2026-12-31T22:00:00+08:00", 2, ["2026-12-31"], []),
        ("2026-12-31T22:00:00+08:00", 3, ["2026-12-31"], ["2027-01-01"]),
        ("2027-01-01T00:00:00+08:00", 1, [], ["2027-01-01"]),
        ("2026-12-31T16:00:00+00:00", 1, [], ["2027-01-01"]),
        ("2026-12-31T15:59:59+00:00", 1, ["2026-12-31"], ["2027-01-01"]),
        ("2026-12-30T20:00:00+08:00", 52, ["2026-12-30", "2026-12-31"], ["2027-01-01"]),
    ],
)
def test_midnight_and_new_year_are_shanghais(
    world: World, started: str, hours: float, this_year: list[str], next_year: list[str]
) -> None:
    """R-VISIT-7, R-ASSESS-2: a record over midnight counts each date, in the year of the date in Shanghai."""
    world.at(datetime(2026, 12, 1, tzinfo=UTC))
    pairing = a_pairing(world)
    world.at(datetime(2027, 1, 3, tzinfo=UTC))
    world._callers.clear()  # sessions end when they idle for a month
    an_accepted_record(world, pairing, datetime.fromisoformat(started), hours=hours)
    assert days(world, year=2026)[1] == this_year
    assert days(world, year=2027)[1] == next_year


def test_companions_days_count_unless_they_object(field: World) -> None:
    """R-VISIT-7: on acceptance, for each person named; an objection takes only the objector's day away."""
    an_accepted_record(field, a_pairing(field), VISIT, companions=[field.as_(one).id for one in ("li", "wang")])
    assert [days(field, one, one) for one in ("chen", "li", "wang")] == [(1, ["2026-06-15"])] * 3
    record = field.as_("li").get("/records")["items"][0]["id"]
    field.as_("li").ok("POST", f"/records/{record}/object")
    assert [days(field, one, one)[0] for one in ("chen", "li", "wang")] == [1, 0, 1]


def test_a_correction_takes_the_day_back_until_it_is_accepted_again(field: World) -> None:
    """R-VISIT-6: only what stands accepted counts."""
    made = an_accepted_record(field, a_pairing(field), VISIT)
    earlier = {"started_at": (VISIT - timedelta(days=1)).isoformat(), "reason": "前一天就到了"}
    field.as_("chen").ok("POST", f"/records/{made['id']}/versions", earlier)
    assert days(field) == (0, [])
    field.as_("county").ok("POST", f"/records/{made['id']}/accept", {"reason": "核实"})
    assert days(field) == (2, ["2026-06-14", "2026-06-15"])


def test_days_are_shown_to_oneself_and_within_the_jurisdiction(field: World) -> None:
    """Township and county through a pairing, the city through the registration, the dispatcher through its people."""
    a_pairing(field)
    path = f"/commissioners/{field.as_('chen').id}/days"
    for who in ("chen", "township", "county", "lead", "city", "auditor", "dispatcher"):
        assert field.as_(who).get(path).status == 200, who
    for who in ("didu", "other_township", "other_county", "other_lead", "li"):
        assert field.as_(who).get(path).status == 404, who
    assert field.as_("dispatcher").get(f"/commissioners/{field.as_('wang').id}/days").status == 404
    assert field.anyone().get(path).status == 401
    assert field.as_("co_reviewer").get(path).status == 403
    assert field.as_("city").get(f"/commissioners/{new_id()}/days").status == 404
    for year in ("1998", "2200", "x", "2026.5"):
        assert field.as_("chen").get(path, year=year).status == 422, year


def test_what_a_confirmed_assessment_used_cannot_change(field: World) -> None:
    """R-VISIT-6: neither by a correction, nor by a conflict that is kept, nor by a late objection."""
    chen, li = field.as_("chen"), field.as_("li")
    body = a_record(a_pairing(field), VISIT, companions=[li.id])
    chen.ok("POST", "/records", body)
    conflict = chen.post("/records", body | {"kind": "training"})["conflict"]
    path = f"/records/{body['id']}"
    field.as_("county").ok("POST", path + "/accept", {"reason": "核实"})
    _confirm_an_assessment(field, chen.id)
    assert chen.post(path + "/versions", {"done": "改", "reason": "想改"})["type"] == "/problems/record-assessed"
    assert chen.post(f"/conflicts/{conflict}/keep").status == 409
    assert li.post(path + "/object").status == 409
    assert chen.get(path)["number"] == 1


COUNTING = {"min_minutes": 60, "whole_from_minutes": 240, "remote": "half", "travel": "none"}


def test_a_countys_scheme_says_how_its_days_count(field: World) -> None:
    """R-VISIT-7: minutes, remote and travel by setting, once the assessment names its scheme; each day says why."""
    pairing = a_pairing(field)
    an_accepted_record(field, pairing, VISIT, hours=3)
    an_accepted_record(field, pairing, VISIT - timedelta(days=1), hours=5, form="remote")
    an_accepted_record(field, pairing, VISIT - timedelta(days=2), hours=0.5)
    made = an_accepted_record(field, pairing, VISIT - timedelta(days=4), hours=28, travel_dates=["2026-06-12"])
    assert made["travel_dates"] == ["2026-06-12"]
    assert days(field) == (5, [f"2026-06-{day}" for day in (11, 12, 13, 14, 15)])
    county = field.as_("county")
    shipped = county.get("/schemes", county=RONGCHENG)["items"][0]
    scheme = {name: shipped[name] for name in ("title", "competent_points", "excellent_points", "items")}
    wrong = county.post("/schemes", scheme | {"id": new_id(), "days": COUNTING | {"remote": "often"}})
    assert list(wrong["errors"]) == ["days.remote"]
    ours = county.ok("POST", "/schemes", scheme | {"id": new_id(), "days": COUNTING})
    assert (ours["days"], shipped["days"]) == (COUNTING, None)
    body = {"id": new_id(), "year": NOW.year, "county": RONGCHENG, "scheme": ours["id"]}
    county.ok("POST", "/assessments", body)
    shown = county.get(f"/commissioners/{field.as_('chen').id}/days")
    assert [(one["date"][-2:], one["counted"]) for one in shown["days"]] == [
        ("11", 1), ("12", 0), ("13", 0), ("14", 0.5), ("15", 0.5),
    ]  # fmt: skip
    assert [one["how"] for one in shown["days"]][1:] == [
        "在途，按设置，不计",
        "现场服务，共 30 分钟，不足 60 分钟，不计",
        "远程服务，按设置，计 0.5 天",
        "现场服务，共 180 分钟，不足 240 分钟，计 0.5 天",
    ]


def test_dates_on_the_road_lie_within_the_record_and_stay_with_its_versions(field: World) -> None:
    """R-VISIT-6, R-VISIT-7: named by field; a correction keeps what it does not name."""
    chen, pairing = field.as_("chen"), a_pairing(field)
    body = a_record(pairing, VISIT - timedelta(days=2), hours=28)
    for wrong in (["2026-06-12"], ["2026-06-13", "2026-06-15"]):
        assert list(chen.post("/records", body | {"travel_dates": wrong})["errors"]) == ["travel_dates"]
    assert chen.post("/records", body | {"travel_dates": ["2026-06-31"]}).status == 422
    chen.ok("POST", "/records", body | {"travel_dates": ["2026-06-14", "2026-06-13"]})
    path = f"/records/{body['id']}"
    fixed = chen.ok("POST", path + "/versions", {"done": "更正", "reason": "笔误"})
    assert [one["content"]["travel_dates"] for one in fixed["versions"]] == [["2026-06-13", "2026-06-14"]] * 2
    earlier = {"ended_at": (VISIT - timedelta(days=2) + timedelta(hours=1)).isoformat(), "reason": "当天就回"}
    assert list(chen.post(path + "/versions", earlier)["errors"]) == ["travel_dates"]


def _confirm_an_assessment(world: World, person: str) -> None:
    """An assessment of this year, confirmed, with a sheet of the person; inserted directly."""
    with world.house.write(SYSTEM) as uow:
        scheme = Scheme(id=new_uuid(), created_at=uow.now, county_code=RONGCHENG, title="测试", number=1, body={},
                        digest="0" * 64)  # fmt: skip
        assessment = Assessment(id=new_uuid(), county_code=RONGCHENG, year=NOW.year, scheme_id=scheme.id)
        uow.session.add(scheme)
        moves.start(uow, assessment)
        sheet = Sheet(
            id=new_uuid(),
            county_code=RONGCHENG,
            assessment_id=assessment.id,
            person_id=UUID(person),
            nature="public_benefit",
        )
        moves.start(uow, sheet)
        confirmed = sa.update(Assessment).where(Assessment.id == assessment.id).values(state="confirmed")
        uow.session.execute(confirmed)


def test_a_teams_days_are_the_union_of_its_members_for_the_team(field: World) -> None:
    """R-VISIT-7: each date once, with who served and how; a member's own other visits are not the team's."""
    team = a_team(field, "chen", "li", "wang")
    together = a_pairing(field, "chen", ("li", "wang"), team_id=UUID(team))
    alone, day = a_pairing(field), timedelta(days=1)
    li, sun = field.as_("li").id, field.as_("sun").id
    an_accepted_record(field, together, VISIT, companions=[li, sun])
    an_accepted_record(field, together, VISIT - day, who="wang")
    an_accepted_record(field, alone, VISIT - 2 * day)
    field.as_("wang").ok("POST", "/records", a_record(together, VISIT - 3 * day))
    shown = field.as_("chen").ok("GET", f"/teams/{team}/days")
    assert (shown["year"], shown["total"]) == (2026, 2.0)
    assert [(one["date"], sorted(who["name"] for who in one["members"])) for one in shown["days"]] == [
        ("2026-06-14", ["王果实"]),
        ("2026-06-15", ["李稻香", "陈茶生"]),
    ]
    assert shown["days"][1]["how"] == "2 名成员同日有服务，合并计 1 天"
    assert shown["days"][1]["members"][0]["how"] == "现场服务，计 1 天"
    assert field.as_("chen").get(f"/teams/{team}/days", year=2025)["total"] == 0
    for who in ("li", "wang", "township", "county", "lead", "city", "auditor"):
        assert field.as_(who).get(f"/teams/{team}/days")["total"] == 2, who
    for who in ("sun", "didu", "other_county", "other_township", "dispatcher"):
        assert field.as_(who).get(f"/teams/{team}/days").status == 404, who
    assert (field.as_("admin").get(f"/teams/{team}/days").status, field.anyone().get(f"/teams/{team}/days").status) == (
        403,
        401,
    )
    assert field.as_("chen").get(f"/teams/{new_id()}/days").status == 404
