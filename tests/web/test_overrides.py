"""Pins and bans: the price before, the second question where a township falls empty, the word that ends them."""

from datetime import timedelta
from typing import Any

from tests.cast import DIDU, PAOTAI, PUNING, RONGCHENG
from tests.make import START, a_frozen_round, a_prepared_plan, a_ranked_round
from tests.web.test_matching import asks, runs, who_where
from tests.world import Answer, World, new_id

RICE, TEA, PRUNING = "早稻直播田除草", "乌龙茶园茶小绿叶蝉防治", "茶园修剪培训"


def prices(world: World, who: str, season: dict[str, Any], **body: Any) -> Answer:
    return world.as_(who).post(f"/rounds/{season['round']['id']}/price", body)


def saves(world: World, who: str, season: dict[str, Any], **body: Any) -> Answer:
    return world.as_(who).post(
        f"/rounds/{season['round']['id']}/overrides", body, headers={"Idempotency-Key": new_id()}
    )


def a_scarce_round(world: World) -> dict[str, Any]:
    """Three people for three townships: whoever is set to one is missed in another."""
    season = a_ranked_round(world)
    for who in ("zhao", "sun"):
        assert world.as_(who).patch("/me/profile", {"available": False}, world.as_(who).get("/me").etag).status == 200
    city, path = world.as_("city"), f"/rounds/{season['round']['id']}"
    season["round"] = city.ok("POST", path + "/freeze").json
    city.ok("POST", path + "/seed", {"seed": "806452"})
    return season


def test_r_match_5_a_pin_is_priced_saved_obeyed_counted_and_lifted(world: World) -> None:
    season = a_prepared_plan(world)
    county, claim = world.as_("county"), season["claims"]["chen", "tea"]
    old = season["parts"][RONGCHENG]["id"]
    priced = prices(world, "county", season, pins=[claim])
    changes = priced["changes"]
    assert (priced["draft"], changes["coverage"], changes["uncovered"]) == (False, 0, [])
    assert [(one["commissioner_name"], len(one["left"]), len(one["got"])) for one in changes["moves"]] == [
        ("陈茶生", 1, 1),
        ("李稻香", 1, 0),
    ]
    assert "李稻香不再对接" in changes["text"]
    assert (len(runs(world)), county.get(f"/plans/{old}")["stale"]) == (1, False)
    body = {"kind": "pin", "claim": claim, "reason": "陈茶生熟悉当地茶园", "seen": priced["seen"]}
    assert saves(world, "county", season, **body | {"reason": " "}).status == 422
    assert saves(world, "county", season, **body | {"seen": "0" * 64}).status == 412
    made = saves(world, "county", season, **body)
    assert (made.status, made["who"], made["in_force"]) == (201, "陈茶生", True)
    kept = county.get(made.headers["Location"])["price"]
    assert (kept["moved"], kept["score"], kept["uncovered"]) == (2, changes["score"], [])
    assert saves(world, "county", season, **body)["type"] == "/problems/override-set"
    stale = county.get(f"/plans/{old}")
    assert (stale["faults"], stale["moves"]) == (["有新的人工指定尚未计入"], [])
    plan = asks(world, "county", season)
    (pair,) = [one for one in plan["pairs"] if one["claim"] == claim]
    assert (pair["code"], "consent" in pair, plan["stale"]) == ("P4", False, False)
    assert "陈茶生熟悉当地茶园" in pair["reasons"][0]
    assert [(one["kind"], one["by"]) for one in runs(world)[-1].overrides if one["claim"] == claim] == [
        ("set", county.id)
    ]
    assert world.as_("other_county").post(f"/overrides/{made['id']}/lift", {"reason": "无"}).status == 404
    assert world.as_("lead").post(f"/overrides/{made['id']}/lift", {"reason": "无"}).status == 403
    assert county.post(f"/overrides/{made['id']}/lift").status == 422
    assert county.ok("POST", f"/overrides/{made['id']}/lift", {"reason": "另有安排"})["in_force"] is False
    assert county.post(f"/overrides/{made['id']}/lift", {"reason": "再来"}).status == 409
    assert county.get(f"/plans/{plan['id']}")["faults"] == ["有人工指定已解除或到期"]
    assert [one["id"] for one in world.as_("auditor").get(f"/rounds/{season['round']['id']}/overrides")["items"]] == [
        made["id"]
    ]
    assert world.as_("other_county").get(f"/rounds/{season['round']['id']}/overrides")["items"] == []


def test_r_match_5_a_pin_that_empties_a_township_asks_twice_and_names_it(world: World) -> None:
    season = a_scarce_round(world)
    claims = season["claims"]
    plan = asks(world, "county", season)
    assert (plan["aims"]["covered"], RICE in who_where(plan)) == (2, True)
    both = {"pins": [claims["li", "tea"], claims["chen", "pruning"]]}
    priced = prices(world, "county", season, **both)
    assert priced["changes"]["uncovered"] == [{"code": DIDU, "name": "地都镇"}]
    assert "地都镇将达不到保障人数" in priced["changes"]["text"]
    assert priced["before"]["covered"] - priced["after"]["covered"] == 1
    refused = asks(world, "county", season, **both)
    assert (refused.status, refused["type"]) == (409, "/problems/coverage-lost")
    assert "地都镇" in refused["detail"]
    assert asks(world, "county", season, **both, loses=[PAOTAI]).status == 409
    assert asks(world, "county", season, **both, seed="7").status == 201  # a draft costs nobody anything
    first = prices(world, "county", season, pins=[claims["li", "tea"]])
    assert first["changes"]["uncovered"] == []
    body = {"kind": "pin", "reason": "李稻香已驻点"}
    assert saves(world, "county", season, claim=claims["li", "tea"], seen=first["seen"], **body).status == 201
    second = prices(world, "county", season, pins=[claims["chen", "pruning"]])
    body |= {"claim": claims["chen", "pruning"], "seen": second["seen"]}
    assert saves(world, "county", season, **body)["type"] == "/problems/coverage-lost"
    made = saves(world, "county", season, **body, loses=[DIDU])
    assert [one["code"] for one in made["price"]["uncovered"]] == [DIDU]
    done = asks(world, "county", season)
    assert (done["aims"]["covered"], who_where(done)) == (1, {TEA: "李稻香", PRUNING: "陈茶生"})


def test_r_match_5_a_ban_is_priced_and_ends_by_itself(world: World) -> None:
    season = a_prepared_plan(world)
    claim = season["claims"]["li", "tea"]
    priced = prices(world, "county", season, bans=[claim])
    assert "李稻香不再对接" in priced["changes"]["text"]
    until = world.house.clock.now() + timedelta(days=2)
    body = {"kind": "ban", "claim": claim, "reason": "本季出国", "seen": priced["seen"]}
    assert saves(world, "county", season, **body, expires_at=START.isoformat()).status == 422
    assert saves(world, "county", season, **body, expires_at=until.isoformat()).status == 201
    assert who_where(asks(world, "county", season))[TEA] == "陈茶生"
    refused = prices(world, "county", season, pins=[claim])
    assert (refused.status, refused["pins"][0]["why"]) == (409, "已被排除")
    world.at(until + timedelta(seconds=1))
    plan = world.as_("county").get("/plans", state="prepared")["items"][0]
    assert plan["faults"] == ["有人工指定已解除或到期"]
    assert prices(world, "county", season, pins=[claim]).status == 200


def test_a_price_keeps_to_rules_jurisdiction_and_season(world: World) -> None:
    season = a_frozen_round(world, seed=None)
    chen, fruit = season["claims"]["chen", "tea"], season["claims"]["wang", "fruit"]
    assert prices(world, "county", season, pins=[chen])["type"] == "/problems/no-seed"
    assert prices(world, "county", season, pins=[chen], seed="7")["draft"] is True
    for who in ("lead", "township", "chen", "admin", "auditor"):
        assert prices(world, who, season).status == 403, who
    assert list(prices(world, "county", season, pins=[fruit], seed="7")["errors"]) == ["pins"]
    assert list(prices(world, "county", season, bans=[fruit], seed="7")["errors"]) == ["bans"]
    wrong = {"claimant": new_id(), "need": season["needs"]["tea"]["id"]}
    assert list(prices(world, "county", season, pairs=[wrong], seed="7")["errors"]) == ["pairs"]
    forced = {"claimant": world.as_("sun").id, "need": season["needs"]["tea"]["id"]}
    chain = prices(world, "county", season, pairs=[forced], seed="7")["changes"]
    assert {one["commissioner_name"] for one in chain["moves"]} >= {"孙竹青", "李稻香"}
    both = prices(world, "county", season, pins=[chen, season["claims"]["chen", "pruning"]], seed="7")
    assert {one["why"] for one in both["pins"]} == {"超过其可承担的名额"}
    assert world.as_("county").post(f"/rounds/{new_id()}/price", {}).status == 404


def test_r_match_7_holding_on_leaves_every_pair_and_fills_the_holes(world: World) -> None:
    """matching.md §6: the live screen. A hole is filled from those who are free, nobody else moves."""
    season = a_prepared_plan(world)
    (rice,) = [one for one in season["run"]["pairs"] if one["need_title"] == RICE]
    asked = next(who for who in ("zhao", "sun", "chen", "li") if world.as_(who).id == rice["commissioner"])
    world.as_(asked).ok("POST", f"/proposals/{rice['consent']['proposal']}/decline", {"reason": "另有课题"})
    held = asks(world, "county", season, hold=True)
    before, after = who_where(season["parts"][RONGCHENG] | {"pairs": season["run"]["pairs"]}), who_where(held)
    assert {title: name for title, name in after.items() if title != RICE} == {
        title: before[title] for title in (TEA, PRUNING)
    }
    assert after[RICE] != before[RICE]
    kept = [one for one in held["pairs"] if one["need_title"] != RICE]
    assert {one["code"] for one in kept} == {"P5"}
    assert all("只补空缺" in one["reasons"][0] and "consent" not in one for one in kept)
    assert PUNING not in {one["county"] for one in held["pairs"]}
