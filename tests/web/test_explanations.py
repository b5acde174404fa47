"""Why me, why not me: for a claimant the own claims, for staff any pair of theirs; and two plans side by side."""

from typing import Any

from tests.cast import RONGCHENG
from tests.make import a_frozen_round, a_prepared_plan, a_submitted_plan
from tests.web.test_matching import asks
from tests.world import Answer, World, new_id


def explained(world: World, who: str, plan: str, claimant: str, need: dict[str, Any]) -> Answer:
    return world.as_(who).get(f"/plans/{plan}/explanation", claimant=claimant, need=need["id"])


def test_r_match_4_staff_ask_after_any_pair_of_theirs(world: World) -> None:
    season = a_prepared_plan(world)
    plan, needs = season["parts"][RONGCHENG]["id"], season["needs"]
    chen, li, sun = (world.as_(who).id for who in ("chen", "li", "sun"))
    won = explained(world, "county", plan, li, needs["tea"])
    assert (won["code"], won["assigned"], won["claim"]) == ("P1", True, season["claims"]["li", "tea"])
    assert sum(row["product"] for row in won["bill"]["rows"]) == won["bill"]["total"]
    lost = explained(world, "lead", plan, chen, needs["tea"])
    assert (lost["code"], lost["assigned"], lost["facts"]["last_grade"]) == ("R1", False, 1)
    assert lost["told"].count("您") == 1
    assert "陈茶生" in lost["reasons"][0]
    assert len(lost["lottery"]["code"]) == 16
    unasked = explained(world, "auditor", season["run"]["id"], sun, needs["tea"])
    assert (unasked["code"], unasked["claim"]) == ("N1", None)
    assert "没有揭榜" in unasked["reasons"][0]
    for who, status in (("chen", 403), ("township", 403), ("admin", 403), ("other_county", 404)):
        assert explained(world, who, plan, li, needs["tea"]).status == status, who
    assert explained(world, "county", plan, li, needs["fruit"]).status == 404
    assert explained(world, "county", plan, new_id(), needs["tea"]).status == 404
    assert explained(world, "county", plan, li, {"id": new_id()}).status == 404


def test_r_claim_2_a_claimant_learns_the_own_number_first_and_the_reasons_with_the_approval(world: World) -> None:
    season = a_submitted_plan(world)
    path = f"/rounds/{season['round']['id']}/mine"
    before = world.as_("chen").get(path)
    (lot,) = before["lots"]
    assert lot["number"] is not None
    assert {one["outcome"] for one in before["claims"]} == {"pending"}
    assert not any("code" in one for one in before["claims"])
    world.as_("lead").ok("POST", f"/plans/{season['plan']}/approve")
    told = {one["need_title"]: one for one in world.as_("chen").get(path)["claims"]}
    tea, pruning = told["乌龙茶园茶小绿叶蝉防治"], told["茶园修剪培训"]
    assert (tea["outcome"], tea["code"], pruning["outcome"], pruning["code"]) == ("lost", "R1", "assigned", "P1")
    assert "您为第 2 等" in tea["told"]
    assert "李稻香" not in str(world.as_("chen").get(path).json)
    assert [one["outcome"] for one in world.as_("wang").get(path)["claims"]] == ["pending"]
    assert world.as_("sun").get(path)["claims"] == []
    for who in ("county", "township", "auditor"):
        assert world.as_(who).get(path).status == 403
    assert world.anyone().get(path).status == 401


def test_the_number_is_not_known_before_the_seed(world: World) -> None:
    season = a_frozen_round(world, seed=None)
    path = f"/rounds/{season['round']['id']}/mine"
    assert [one["number"] for one in world.as_("chen").get(path)["lots"]] == [None]


def test_r_match_5_two_plans_are_compared_pair_by_pair_with_their_reasons(world: World) -> None:
    season = a_prepared_plan(world)
    first, claims = season["parts"][RONGCHENG]["id"], season["claims"]
    second = asks(world, "county", season, pins=[claims["chen", "tea"]], reason="熟悉茶园")["id"]
    county = world.as_("county")
    found = county.get(f"/plans/{second}/comparison", earlier=first)
    assert (found["county"], found["same"]) == (RONGCHENG, 1)
    told = {(one["kind"], one["commissioner_name"], one["need_title"][:2]): one for one in found["pairs"]}
    assert told.keys() == {
        ("added", "陈茶生", "乌龙"),
        ("removed", "李稻香", "乌龙"),
        ("removed", "陈茶生", "茶园"),
    }
    added, removed = told["added", "陈茶生", "乌龙"], told["removed", "李稻香", "乌龙"]
    assert (added["before"]["code"], added["after"]["code"]) == ("R1", "P4")
    assert "熟悉茶园" in added["after"]["reason"]
    assert (removed["before"]["code"], removed["after"]["code"]) == ("P1", "R1")
    assert "人工指定" in removed["after"]["reason"]
    assert found["changes"]["coverage"] == 0
    assert "陈茶生由" in found["changes"]["text"]
    whole = world.as_("city").get(f"/plans/{second}/comparison", earlier=season["run"]["id"])
    assert [one["kind"] for one in whole["pairs"]] == [one["kind"] for one in found["pairs"]]
    for earlier in (season["parts"]["445281"]["id"], season["run"]["id"], new_id()):
        refused = county.get(f"/plans/{second}/comparison", earlier=earlier)
        assert (refused.status, list(refused["errors"])) == (422, ["earlier"])
    assert world.as_("other_county").get(f"/plans/{second}/comparison", earlier=first).status == 404
