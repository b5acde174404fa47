"""Plans and objections at the desk: evidence on one page, two persons, consent, the window, the answer."""

from datetime import timedelta

from tests.make import START
from tests.web.desk import a_plan
from tests.web.pages import at
from tests.world import World


def test_the_lead_approves_a_plan_with_its_evidence_on_one_page(world: World) -> None:
    """R-MATCH-4, domain §1 county_lead: pairs, losers and reasons; then the publicity stands."""
    plan = a_plan(world)
    lead = at(world, "lead")
    assert f"/console/plans/{plan}" in lead.get("/console/").html
    page = lead.get(f"/console/plans/{plan}")
    for fact in ("陈茶生", "双方互相排在第一位", "李稻香", "乡镇把陈茶生排在前面", "双方互选", "砲台镇", "乌龙茶园"):
        assert fact in page.html
    sent = lead.send(page, "/approve")
    after = lead.follow(sent)
    assert "名单已开始公示" in after.html
    public = next(one["href"] for one in after.read.all("a") if one.get("href", "").startswith("/publicity/"))
    assert "陈茶生" in at(world).get(public).html


def test_who_submitted_a_plan_has_no_button_and_reads_why(world: World) -> None:
    """Separation of duties on plans: submitted by the same person."""
    plan = a_plan(world)
    county = at(world, "county").get(f"/console/plans/{plan}")
    assert "提交人不能自己批准" in county.html
    assert county.read.actions() == ["/console/logout"]
    assert at(world, "other_lead").get(f"/console/plans/{plan}").status == 404
    assert at(world, "chen").get("/console/plans").status == 403


def test_a_plan_without_consent_says_so_and_is_not_approved(world: World) -> None:
    """R-MATCH-6: who has not answered stands there; the refusal is told on the page."""
    plan = a_plan(world, proposed=True)
    lead = at(world, "lead")
    page = lead.get(f"/console/plans/{plan}")
    assert "特派员未答复，乡镇未答复" in page.html
    assert "统筹提议尚未得到双方同意" in page.html
    assert f"/console/plans/{plan}/approve" not in page.read.actions()
    form = page.read.form("/reject")
    refused = lead.post(f"/console/plans/{plan}/approve", form.fields)
    assert refused.status == 409
    assert refused.read.texts("strong")[1] == "方案所依据的情况已有变化，请重新计算"
    assert lead.send(page, "/reject", reason=" ").status == 422
    assert "方案已退回" in lead.follow(lead.send(page, "/reject", reason="先征得双方同意")).html
    assert "先征得双方同意" in at(world, "county").get(f"/console/plans/{plan}").html


def test_the_county_submits_and_the_city_settles_from_the_page(world: World) -> None:
    """Domain §3 steps 5-7: one prepares, another approves, the window passes, the city lets it take effect."""
    plan = a_plan(world, "prepared")
    county = at(world, "county")
    assert "核对后提交审批" in county.get("/console/").html
    after = county.follow(county.send(county.get(f"/console/plans/{plan}"), "/submit"))
    assert "方案已提交" in after.html
    lead = at(world, "lead")
    lead.send(lead.get(f"/console/plans/{plan}"), "/approve")
    city = at(world, "city")
    early = city.send(city.get(f"/console/plans/{plan}"), "/settle")
    assert early.status == 409
    assert "公示期未满" in early.html
    world.at(START + timedelta(days=9))
    city.enter("city")
    assert "结对关系已建立" in city.follow(city.send(city.get(f"/console/plans/{plan}"), "/settle")).html
    assert world.as_("city").get("/pairings")["items"][0]["commissioner_name"] == "陈茶生"


def test_an_objection_is_answered_at_the_desk(world: World) -> None:
    """R-PUB-2: the county reads who signed, answers, and the desk is empty again."""
    plan = a_plan(world)
    lead = at(world, "lead")
    lead.send(lead.get(f"/console/plans/{plan}"), "/approve")
    publicity = world.anyone().get("/publicity")["items"][0]["id"]
    stranger = at(world)
    form = stranger.get(f"/publicity/{publicity}")
    signed = {"text": "名单中有人长期不在岗。", "name": "何有声", "contact": "19900003001"}
    assert "已收到您的异议" in stranger.follow(stranger.send(form, "/objections", **signed)).html
    county = at(world, "county")
    assert "待答复的异议" in county.get("/console/").html
    listed = county.get("/console/objections", state="open")
    link = next(one["href"] for one in listed.read.all("a") if one["href"].startswith("/console/objections/"))
    page = county.get(link)
    assert "何有声" in page.html
    assert "何有声" not in at(world, "city").get(link).html
    assert county.send(page, "/answer", text="已核实，在岗记录齐全。").status == 303
    assert "已核实" in county.get(link).html
    assert "待答复的异议" not in county.get("/console/").html


def test_a_double_click_files_one_objection(world: World) -> None:
    """R-PUB-2: the same words by the same person count once; another person's same words are their own."""
    lead = at(world, "lead")
    lead.send(lead.get(f"/console/plans/{a_plan(world)}"), "/approve")
    publicity = world.anyone().get("/publicity")["items"][0]["id"]
    stranger = at(world)
    form = stranger.get(f"/publicity/{publicity}")
    signed = {"text": "名单中有人长期不在岗。", "name": "何有声", "contact": "19900003001"}
    for one in (signed, signed, signed | {"name": "何又声"}):
        assert "已收到您的异议" in stranger.follow(stranger.send(form, "/objections", **one)).html
    filed = world.as_("county").get("/objections")["items"]
    assert sorted(one["name"] for one in filed) == ["何又声", "何有声"]
