"""One season, end to end over HTTP: needs, claims, match, approval, visits, assessment, and what the phones show."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.cast import PAOTAI, RONGCHENG
from tests.make import START, a_record, a_submitted_plan
from tests.web.test_assessments import spread
from tests.world import World, new_id

PHONES = {
    "li": ("claim_result", "pairing_made", "record_state", "grade_notice"),
    "chen": ("claim_result",),
    "township": (),
    "county": (),
    "lead": ("task_waiting",),
    "city": (),
}


def _accept_subscriptions(world: World) -> None:
    """Everybody allows some messages of the kinds they wait for, on the phone and in the mini-program's report."""
    for who, templates in PHONES.items():
        openid = world.sandbox.phone_of(who)["openid"]
        for template in templates:
            for _ in range(4):
                world.sandbox.post(f"/sandbox/phones/{openid}/subscribe", {"template": template, "result": "accept"})
                world.as_(who).ok("POST", "/me/subscriptions", {"template": template, "result": "accept"})


def _serve(world: World, pairing: dict[str, Any], who: str, days: int) -> str:
    """A commissioner visits, the township confirms with one tap, the county accepts."""
    start = START + timedelta(days=60 + days)
    world.at(start + timedelta(hours=9))
    world.log_in_again()
    record = world.as_(who).ok("POST", "/records", a_record(pairing["id"], start))
    assert record["state"] == "submitted"
    world.as_("township").ok("POST", f"/records/{record['id']}/confirm", {"rating": 5, "words": "讲得明白"})
    return str(world.as_("county").ok("POST", f"/records/{record['id']}/accept")["id"])


def test_a_season_from_needs_to_grades(world: World, tmp_path: Path) -> None:
    """The whole main job once; every step by the person whose step it is."""
    world.at(START)
    _accept_subscriptions(world)
    season = a_submitted_plan(world)
    lead, city, county, anyone = (world.as_("lead"), world.as_("city"), world.as_("county"), world.anyone())

    # Approved by another person than the one who prepared it; the list stands in public.
    plan = f"/plans/{season['plan']}"
    assert county.post(f"{plan}/approve").status == 403
    assert lead.ok("POST", f"{plan}/approve")["state"] == "approved"
    world.run_jobs()
    shown = anyone.get("/publicity")["items"]
    assert len(shown) == 1
    names = {row["name"] for row in anyone.get(f"/publicity/{shown[0]['id']}")["items"]}
    assert "李稻香" in names

    # A signed objection is answered before anything takes effect.
    words = {"id": new_id(), "text": "李老师去年没有来过我们村。", "name": "村民甲", "contact": "19900003001"}
    objection = anyone.ok("POST", f"/publicity/{shown[0]['id']}/objections", words)
    world.at(START + timedelta(days=35))
    world.log_in_again()
    city, county = world.as_("city"), world.as_("county")
    assert city.post(f"{plan}/settle").status == 409
    county.ok(
        "POST", f"/objections/{objection['id']}/answer", {"text": "经核实，去年的服务点不在该村，本次已列入计划。"}
    )
    assert city.ok("POST", f"{plan}/settle")["state"] == "settled"
    world.run_jobs()

    # Pairings begin; the losers know why.
    pairings = {one["commissioner"]: one for one in city.get("/pairings", county=RONGCHENG)["items"]}
    mine = pairings[world.as_("li").id]
    assert mine["township"] == PAOTAI
    city.ok("POST", f"/pairings/{mine['id']}/recognition", {"number": "粤农特〔2026〕001号", "date": "2026-04-06"})

    # A year of visits.
    records = [_serve(world, mine, "li", days) for days in (0, 30, 75)]
    days = world.as_("li").get(f"/commissioners/{world.as_('li').id}/days", year=2026)
    assert days["total"] == 3
    world.run_jobs()

    # The year is over. Its grades cannot be published before the official calendar of 2027 is loaded.
    world.at(START + timedelta(days=312))  # 8 January 2027
    world.log_in_again()
    county, lead = world.as_("county"), world.as_("lead")
    scheme = county.get("/schemes", county=RONGCHENG)["items"][0]["id"]
    made = county.ok("POST", "/assessments", {"id": new_id(), "year": 2026, "county": RONGCHENG, "scheme": scheme})
    path = f"/assessments/{made['id']}"
    county.ok("POST", f"{path}/assemble")
    sheets = {one["name"]: f"/sheets/{one['id']}" for one in county.get(f"{path}/sheets", limit=100)["items"]}
    li = world.as_("li")
    sheet = li.get(f"{path}/sheets/mine")
    assert sheet.status == 200
    li.ok("PATCH", sheets["李稻香"], {"summary": "全年到镇三次，建示范茶园一处。"}, headers={"If-Match": sheet.etag})
    li.ok("POST", f"{sheets['李稻香']}/hand_in")
    opinion = {"role": "township", "rating": "excellent", "text": "随叫随到，群众满意。"}
    world.as_("township").ok("POST", f"{sheets['李稻香']}/opinions", opinion)
    for place, one in enumerate(sheets.values()):
        assert county.put(f"{one}/scores", spread(82 - place)).status == 200
    proposed = county.ok("POST", f"{path}/propose")
    assert proposed["quota"] == len(sheets) * 20 // 100
    assert lead.ok("POST", f"{path}/approve")["state"] == "published"
    assert lead.post(f"{path}/confirm").status == 409

    days_off = tmp_path / "2027.csv"
    days_off.write_text("day,workday\n2027-01-01,0\n2027-10-01,0\n", encoding="utf-8")
    loaded = world.app.test_cli_runner().invoke(args=["calendar", "load", "2027", str(days_off)])
    assert loaded.exit_code == 0, loaded.output
    world.at(START + timedelta(days=326))
    world.log_in_again()
    assert world.as_("lead").ok("POST", f"{path}/confirm")["state"] == "confirmed"
    world.run_jobs()

    # Grades, feedback, and a result that anybody may compute again.
    assert world.as_("li").get(sheets["李稻香"])["grade"] == "competent"
    assert world.as_("county").get(f"{path}/verify")["matches"] is True
    rows = world.as_("dispatcher").get(f"{path}/feedback")["items"]
    assert [(one["name"], one["grade"]) for one in rows if one["name"] == "李稻香"] == [("李稻香", "称职")]

    # What each phone received, and that the journal holds together.
    heard = {who: [one["title"] for one in world.messages(who)] for who in PHONES}
    assert "选派结果通知" in heard["li"]
    assert heard["li"].count("服务记录审核通知") >= len(records)
    assert "年度考核等次通知" in heard["li"]
    assert "认领结果通知" in heard["chen"]
    inbox = {who: [one["title"] for one in world.as_(who).get("/me/messages", limit=100)["items"]] for who in PHONES}
    assert all(inbox[who] for who in PHONES), {who: len(titles) for who, titles in inbox.items()}
    verified = world.app.test_cli_runner().invoke(args=["audit", "verify"])
    assert verified.exit_code == 0, verified.output
