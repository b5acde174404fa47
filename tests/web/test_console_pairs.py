"""A plan questioned at the desk, without script: why, at what price, compared with what, and in figures."""

from tests.cast import DIDU, RONGCHENG
from tests.make import a_frozen_round, a_prepared_plan
from tests.web.pages import at
from tests.web.test_matching import asks
from tests.web.test_overrides import a_scarce_round
from tests.world import World


def test_r_match_5_the_price_is_on_the_page_before_the_pin_is_saved(world: World) -> None:
    season = a_prepared_plan(world)
    plan, county = season["parts"][RONGCHENG]["id"], at(world, "county")
    chen, tea = world.as_("chen").id, season["needs"]["tea"]["id"]
    link = f"/console/plans/{plan}/pairs/{chen}/{tea}"
    assert link in county.get(f"/console/plans/{plan}").html
    page = county.get(link)
    for fact in ("名额给了排序更前的人选（R1）", "固定这一配对的代价", "李稻香不再对接", "得分的由来", "抽签号"):
        assert fact in page.html, fact
    assert county.send(page, "/override", reason=" ").status == 422
    said = county.follow(county.send(page, "/override", reason="熟悉当地茶园"))
    assert "请重新计算" in said.html
    assert "有新的人工指定尚未计入" in said.html
    assert county.send(page, "/override", reason="再来一次").status == 409
    again = county.send(said, "/again", how="all")
    new = again.location.rsplit("/", 1)[-1]
    shown = county.follow(again)
    assert (new != plan, "人工指定：经办人员指定陈茶生" in shown.html) == (True, True)
    compared = county.get(f"/console/plans/{new}/comparison", earlier=plan)
    for fact in ("不再对接", "新对接", "熟悉当地茶园", "相同的配对 1 对"):
        assert fact in compared.html, fact
    listed = county.get(f"/console/rounds/{season['round']['id']}/overrides")
    assert "理由：熟悉当地茶园" in listed.html
    lifted = county.follow(county.send(listed, "/lift", reason="另有安排"))
    assert "已解除或到期" in lifted.html
    lead = at(world, "lead").get(link)
    assert (lead.status, "/override" in lead.html) == (200, False)
    assert at(world, "other_county").get(link).status == 404


def test_r_match_5_a_pin_that_empties_a_township_names_it_and_wants_a_tick(world: World) -> None:
    season = a_scarce_round(world)
    plan = asks(world, "county", season)
    county, claims = at(world, "county"), season["claims"]
    lost = [one["claim"] for one in plan["losing"]]
    kept = {one["claim"] for one in plan["pairs"]}
    who, need = ("chen", "pruning") if claims["chen", "pruning"] in lost else ("li", "tea")
    other = ("li", "tea") if claims["li", "tea"] in kept else ("chen", "tea")
    ids = [(world.as_(key).id, season["needs"][name]["id"]) for key, name in (other, (who, need))]
    first = county.get(f"/console/plans/{plan['id']}/pairs/{ids[0][0]}/{ids[0][1]}")
    assert "排除这一配对的代价" in first.html
    pin = {"kind": "pin", "reason": "已驻点", "claim": claims[other]}
    path = f"/rounds/{season['round']['id']}"
    pin["seen"] = world.as_("county").ok("POST", path + "/price", {"pins": [pin["claim"]]})["seen"]
    world.as_("county").ok("POST", path + "/overrides", pin)
    second = county.get(f"/console/plans/{plan['id']}/pairs/{ids[1][0]}/{ids[1][1]}")
    assert "这样安排会使 地都镇 达不到保障人数" in second.html
    refused = county.send(second, "/override", reason="当地点名")
    assert (refused.status, "地都镇将达不到保障人数" in refused.html) == (409, True)
    assert county.send(second, "/override", reason="当地点名", loses=DIDU).status == 303


def test_the_figures_of_a_round_have_a_page_and_an_empty_state(world: World) -> None:
    season = a_frozen_round(world)
    path = f"/console/rounds/{season['round']['id']}/statistics"
    assert "还没有统计" in at(world, "county").get(path).html
    world.as_("city").ok("POST", f"/rounds/{season['round']['id']}/plans", {})
    city = at(world, "city").get(path)
    for fact in ("匹配率", "安置率", "双选的代价是", "榕城区、普宁市", "正式计算 1 次"):
        assert fact in city.html, fact
    assert "双选的代价是" not in at(world, "county").get(path).html
    assert at(world, "township").get(path).status == 403
