"""From the freeze to the plan that a county hands in (R-MATCH-1…7)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.matching import Run
from rules.matching.instance import Instance
from rules.matching.plan import Plan
from rules.matching.verify import verify
from tests.cast import DIDU, PAOTAI, PUNING, RONGCHENG
from tests.make import (
    START,
    a_claim,
    a_frozen_round,
    a_prepared_plan,
    a_published_round,
    a_ranked_round,
    a_submitted_plan,
    a_team,
    accept_all,
)
from tests.world import Caller, World, new_id


def asks(world: World, who: str, season: dict[str, Any], **body: Any) -> Any:
    """Somebody asks for a run."""
    return world.as_(who).post(f"/rounds/{season['round']['id']}/plans", body, headers={"Idempotency-Key": new_id()})


def who_where(plan: Any) -> dict[str, str]:
    """Who goes where, by title and name."""
    return {pair["need_title"]: pair["commissioner_name"] for pair in plan["pairs"]}


def runs(world: World) -> list[Run]:
    with Session(world.house.engine) as session:
        return list(session.scalars(sa.select(Run).order_by(Run.created_at, Run.id)))


# ---- freeze and seed ----


def test_r_match_2_a_freeze_waits_for_the_ranking_and_publishes_a_digest(world: World) -> None:
    season = a_ranked_round(world)
    path = f"/rounds/{season['round']['id']}"
    world.at(START + timedelta(days=20))
    assert world.as_("city").post(path + "/freeze").status == 409
    world.at(START + timedelta(days=21))
    for who, status in (("county", 403), ("township", 403), ("chen", 403), ("admin", 403)):
        assert world.as_(who).post(path + "/freeze").status == status
    assert world.anyone().post(path + "/freeze").status == 401
    assert world.as_("city").post(f"/rounds/{new_id()}/freeze").status == 404
    frozen = world.as_("city").ok("POST", path + "/freeze")
    assert frozen["state"] == "frozen"
    assert len(frozen["digest"]) == 64
    assert world.anyone().get(path)["digest"] == frozen["digest"]
    assert world.as_("city").post(path + "/freeze").status == 409


def test_r_match_2_nothing_that_was_frozen_moves(world: World) -> None:
    season = a_frozen_round(world)
    tea, claim = season["needs"]["tea"]["id"], season["claims"]["chen", "tea"]
    assert world.as_("zhao").post(f"/needs/{tea}/claims", {"plan": "计划"}).status == 409
    assert world.as_("chen").put(f"/rounds/{season['round']['id']}/preferences", {"claims": [claim]}).status == 409
    county = world.as_("county")
    assert county.put(f"/needs/{tea}/ranking", {"ranked": [claim]}, county.get(f"/needs/{tea}").etag).status == 409
    assert world.as_("township").post(f"/needs/{tea}/withdraw").status == 409


def test_a_seed_is_a_line_or_a_whole_number(world: World) -> None:
    season = a_frozen_round(world, seed=None)
    wrong: list[Any] = ["", "a\nb", "长" * 65, None, True, 1.5, -1, [], {"seed": 1}]
    for seed in wrong:
        refused = world.as_("city").post(f"/rounds/{season['round']['id']}/seed", {"seed": seed})
        assert (refused.status, list(refused["errors"])) == (422, ["seed"]), seed


def test_r_match_2_the_seed_is_drawn_once_and_after_the_freeze(world: World) -> None:
    season = a_ranked_round(world)
    path = f"/rounds/{season['round']['id']}"
    city = world.as_("city")
    assert city.post(path + "/seed", {"seed": "806452"}).status == 409
    city.ok("POST", path + "/freeze")
    assert world.as_("county").post(path + "/seed", {"seed": "806452"}).status == 403
    assert city.ok("POST", path + "/seed", {"seed": 806452})["seed"] == "806452"
    for seed in ("806452", "1"):
        assert city.post(path + "/seed", {"seed": seed}).status == 409
    assert world.anyone().get(path)["seed"] == "806452"


# ---- runs ----


def test_r_match_2_there_is_no_run_before_freeze_and_seed_but_drafts(world: World) -> None:
    season = a_ranked_round(world)
    assert asks(world, "city", season, seed="1").status == 409
    world.as_("city").ok("POST", f"/rounds/{season['round']['id']}/freeze")
    refused = asks(world, "county", season)
    assert (refused.status, refused["type"]) == (409, "/problems/no-seed")
    draft = asks(world, "county", season, seed="7")
    assert (draft.status, draft["draft"], draft["seed"], draft["moves"]) == (201, True, "7", [])
    assert world.as_("county").post(f"/plans/{draft['id']}/submit").status == 409
    assert world.as_("sun").get("/proposals")["items"] == []
    assert [one["consent"]["state"] for one in draft["pairs"] if one["claim"] is None] == ["needed"]


def test_r_match_1_the_plan_follows_choice_and_covers_every_township(world: World) -> None:
    season = a_prepared_plan(world)
    run = season["run"]
    found = who_where(run)
    assert found == {
        "乌龙茶园茶小绿叶蝉防治": "李稻香",
        "茶园修剪培训": "陈茶生",
        "青梅保果": "王果实",
        "早稻直播田除草": found["早稻直播田除草"],
    }
    assert found["早稻直播田除草"] in {"赵海田", "孙竹青"}
    aims = run["aims"]
    assert (aims["townships"], aims["covered"], aims["maximum"]) == (3, 3, 3)
    assert (aims["mutual"], aims["proposals"], len(aims["no_need"])) == (3, 1, 62)
    assert set(season["parts"]) == {RONGCHENG, PUNING}
    assert run["digest"] == world.as_("auditor").get(f"/plans/{run['id']}")["digest"]


def test_r_match_4_every_pair_and_every_lost_claim_has_its_reason(world: World) -> None:
    season = a_prepared_plan(world)
    assert {one["code"] for one in season["run"]["pairs"]} == {"P1", "P2"}
    assert all(one["reasons"] and one["score"] > 0 for one in season["run"]["pairs"])
    (lost,) = season["run"]["losing"]
    assert lost["claim"] == season["claims"]["chen", "tea"]
    assert "排序在前" in lost["reasons"][0]


def test_r_match_5_a_run_is_kept_so_that_anybody_can_check_it(world: World) -> None:
    season = a_prepared_plan(world)
    asks(world, "county", season, complete=True)
    first, second = runs(world)
    for run in (first, second):
        instance, plan = Instance.from_json(run.instance), Plan.from_json(run.plan)
        assert verify(instance, plan) == ()
        assert (plan.digest, run.inputs_digest) == (run.digest, season["round"]["digest"])
        assert run.weights_version
        assert run.code_version
        text = json.dumps(run.instance)
        assert "陈茶生" not in text
        assert "1990000" not in text


def test_r_match_2_the_same_request_gives_the_same_run_and_the_same_plan(world: World) -> None:
    season = a_frozen_round(world)
    path, key = f"/rounds/{season['round']['id']}/plans", {"Idempotency-Key": new_id()}
    first, again = (world.as_("city").post(path, {}, headers=key) for _ in range(2))
    assert first.headers["Location"] == f"/api/v1/plans/{first['id']}"
    assert (first.status, first.content) == (again.status, again.content)
    assert len(runs(world)) == 1
    assert world.as_("city").post(path, {"complete": True}, headers=key).status == 409
    draft = asks(world, "city", season, seed="1")
    assert asks(world, "city", season, seed="1")["digest"] == draft["digest"]


def test_r_match_7_a_county_gets_its_own_part_and_sees_no_other(world: World) -> None:
    season = a_prepared_plan(world)
    own, other = season["parts"][RONGCHENG]["id"], season["parts"][PUNING]["id"]
    county = world.as_("county")
    assert {one["township"] for one in county.ok("GET", f"/plans/{own}")["pairs"]} == {PAOTAI, DIDU}
    assert [one["id"] for one in county.get("/plans")["items"]] == [own]
    for hidden in (other, season["run"]["id"], new_id()):
        assert county.get(f"/plans/{hidden}").status == 404
        assert county.post(f"/plans/{hidden}/submit").status == 404
    assert world.as_("lead").get(f"/plans/{own}").status == 200
    assert {one["id"] for one in world.as_("city").get("/plans", round=season["round"]["id"])["items"]} == {own, other}
    for who in ("township", "chen", "admin", "dispatcher", "co_reviewer"):
        assert world.as_(who).get(f"/plans/{own}").status == 403, who
        assert asks(world, who, season).status == 403, who
    assert asks(world, "lead", season).status == 403


def test_r_match_7_a_countys_rerun_keeps_the_other_countys_pairs(world: World) -> None:
    """wang is 普宁市's; 榕城区 cannot take him, and its older part is superseded."""
    season = a_prepared_plan(world)
    old = season["parts"][RONGCHENG]["id"]
    done = asks(world, "county", season, complete=True)
    assert done.status == 201
    assert "王果实" not in who_where(done).values()
    assert (done["county"], done["state"], done["draft"]) == (RONGCHENG, "prepared", False)
    assert world.as_("county").get(f"/plans/{old}")["state"] == "superseded"
    assert world.as_("city").get(f"/plans/{season['parts'][PUNING]['id']}")["state"] == "prepared"
    assert world.as_("county").post(f"/plans/{old}/submit").status == 409


def test_two_counties_running_at_once_share_nobody(world: World) -> None:
    season = a_frozen_round(world)
    path = f"/rounds/{season['round']['id']}/plans"
    callers = [Caller(world.app, world.as_(who).token) for who in ("county", "other_county")]
    with ThreadPoolExecutor(2) as pool:
        ones = list(pool.map(lambda one: one.post(path, {}, headers={"Idempotency-Key": new_id()}), callers))
    assert [one.status for one in ones] == [201, 201]
    people = [pair["commissioner"] for one in ones for pair in one["pairs"]]
    assert len(people) == len(set(people)) == 4


# ---- pins, bans, keep ----


def test_r_match_5_a_pin_and_a_ban_are_obeyed_and_kept_with_author_and_reason(world: World) -> None:
    season = a_prepared_plan(world)
    claims = season["claims"]
    ban = {"claim": claims["chen", "pruning"], "reason": "茶园改种，不再修剪"}
    done = asks(world, "county", season, pins=[claims["chen", "tea"]], bans=[ban])
    assert who_where(done)["乌龙茶园茶小绿叶蝉防治"] == "陈茶生"
    assert "茶园修剪培训" not in who_where(done)
    assert {one["kind"] for one in done["changes"]} == {"added", "removed"}
    kept = [(one["kind"], one["reason"]) for one in runs(world)[-1].overrides if one["by"] == world.as_("county").id]
    assert kept == [("pin", ""), ("ban", "茶园改种，不再修剪")]


def test_a_wrong_override_is_refused_by_field(world: World) -> None:
    season = a_frozen_round(world)
    own, foreign = season["claims"]["chen", "tea"], season["claims"]["wang", "fruit"]
    wrong: dict[str, dict[str, Any]] = {
        "pins": {"pins": [foreign]},
        "pins.0": {"pins": [1]},
        "bans": {"bans": [{"claim": new_id(), "reason": "无"}]},
        "bans.0.reason": {"bans": [{"claim": own}]},
        "keep": {"keep": new_id()},
        "complete": {"complete": "yes"},
        "places": {"places": 3},
    }
    for field, body in wrong.items():
        refused = asks(world, "county", season, **body)
        assert (refused.status, list(refused["errors"])) == (422, [field]), body
    assert asks(world, "county", season, pins=[own, own]).status == 422


def test_r_match_1_pins_that_no_plan_can_obey_are_named(world: World) -> None:
    season = a_frozen_round(world)
    claims = season["claims"]
    refused = asks(world, "county", season, pins=[claims["chen", "tea"], claims["chen", "pruning"]])
    assert refused.status == 409
    assert len(refused["pins"]) == 2
    refused = asks(
        world, "county", season, pins=[claims["chen", "tea"]], bans=[{"claim": claims["chen", "tea"], "reason": "无"}]
    )
    assert [one["why"] for one in refused["pins"]] == ["已被排除"]


def test_keep_takes_the_plan_that_it_names_as_the_previous_one(world: World) -> None:
    season = a_prepared_plan(world)
    one = asks(world, "county", season, keep=season["parts"][RONGCHENG]["id"])
    assert (one.status, one["changes"]) == (201, [])
    assert asks(world, "county", season, keep=season["parts"][PUNING]["id"]).status == 422
    assert asks(world, "city", season, keep=season["run"]["id"])["changes"] == []


# ---- proposals ----


def the_proposal(world: World) -> dict[str, Any]:
    (one,) = world.as_("didu").get("/proposals")["items"]
    return dict(one)


def the_asked(world: World, proposal: dict[str, Any]) -> str:
    return next(who for who in ("zhao", "sun") if world.as_(who).id == proposal["commissioner"])


def test_r_match_6_a_pair_that_nobody_chose_waits_for_both_sides(world: World) -> None:
    season = a_prepared_plan(world)
    plan = season["parts"][RONGCHENG]["id"]
    proposal = the_proposal(world)
    who, path = the_asked(world, proposal), f"/proposals/{proposal['id']}"
    assert (proposal["state"], proposal["moves"], proposal["plan"]) == ("waiting", ["accept", "decline"], plan)
    refused = world.as_("county").post(f"/plans/{plan}/submit")
    assert (refused.status, refused["type"]) == (409, "/problems/consent-missing")
    first = world.as_("didu").ok("POST", path + "/accept")
    assert (first["state"], first["moves"]) == ("waiting", ["decline"])
    assert world.as_("didu").post(path + "/accept").status == 409
    assert world.as_("county").post(path + "/accept").status == 403
    for stranger in ("chen", "township", "other_township"):
        assert world.as_(stranger).post(path + "/accept").status == 404, stranger
    assert world.as_(who).ok("POST", path + "/accept")["state"] == "accepted"
    assert world.as_(who).post(path + "/accept").status == 409
    assert world.as_("county").ok("POST", f"/plans/{plan}/submit")["state"] == "submitted"
    assert world.as_("didu").post(path + "/decline", {"reason": "改主意"}).status == 409
    assert world.as_("didu").get(path)["moves"] == []


def test_r_match_6_a_refusal_is_a_ban_and_the_plan_is_computed_again(world: World) -> None:
    season = a_prepared_plan(world)
    plan, proposal = season["parts"][RONGCHENG]["id"], the_proposal(world)
    who, path = the_asked(world, proposal), f"/proposals/{proposal['id']}"
    assert world.as_(who).post(path + "/decline").status == 422
    world.as_("didu").ok("POST", path + "/accept")
    assert world.as_(who).ok("POST", path + "/decline", {"reason": "当季另有课题"})["state"] == "declined"
    stale = world.as_("county").get(f"/plans/{plan}")
    assert (stale["stale"], stale["moves"]) == (True, [])
    assert "谢绝" in stale["faults"][0]
    refused = world.as_("county").post(f"/plans/{plan}/submit")
    assert (refused.status, refused["type"]) == (409, "/problems/plan-stale")
    again = asks(world, "county", season)
    assert again["stale"] is False
    assert who_where(again)["早稻直播田除草"] != stale["pairs"][-1]["commissioner_name"]
    accept_all(world, again["id"])
    assert world.as_("county").ok("POST", f"/plans/{again['id']}/submit")["state"] == "submitted"


def test_r_match_6_a_yes_still_counts_when_the_pair_comes_back(world: World) -> None:
    season = a_prepared_plan(world)
    proposal = the_proposal(world)
    world.as_("didu").ok("POST", f"/proposals/{proposal['id']}/accept")
    again = asks(world, "county", season)
    (pair,) = [one for one in again["pairs"] if one["claim"] is None]
    assert pair["consent"]["proposal"] == proposal["id"]
    assert (pair["consent"]["township"], pair["consent"]["commissioner"]) == (True, False)
    assert the_proposal(world)["plan"] == again["id"]


# ---- staleness, submission, rejection ----


def test_r_match_6_a_claim_withdrawn_after_the_freeze_makes_the_plan_stale(world: World) -> None:
    season = a_prepared_plan(world)
    plan = season["parts"][RONGCHENG]["id"]
    accept_all(world, plan)
    world.as_("li").ok("POST", f"/claims/{season['claims']['li', 'tea']}/withdraw")
    refused = world.as_("county").post(f"/plans/{plan}/submit")
    assert (refused.status, refused["type"]) == (409, "/problems/plan-stale")
    assert world.as_("city").get(f"/plans/{season['run']['id']}")["stale"] is True
    assert world.as_("city").get(f"/plans/{season['parts'][PUNING]['id']}")["stale"] is False
    again = asks(world, "county", season)
    assert who_where(again)["乌龙茶园茶小绿叶蝉防治"] == "陈茶生"
    assert {one["code"] for one in again["losing"]} == {"W1", "R2"}
    assert again["stale"] is False


def test_r_claim_1_no_claim_is_withdrawn_once_the_plan_is_under_approval(world: World) -> None:
    season = a_submitted_plan(world)
    refused = world.as_("li").post(f"/claims/{season['claims']['li', 'tea']}/withdraw")
    assert (refused.status, refused["type"]) == (409, "/problems/plan-under-approval")
    assert world.as_("wang").post(f"/claims/{season['claims']['wang', 'fruit']}/withdraw").status == 200


def test_a_submitted_plan_is_rejected_with_a_reason_by_another_person(world: World) -> None:
    season = a_submitted_plan(world)
    path = f"/plans/{season['plan']}"
    assert world.as_("county").post(path + "/submit").status == 409
    assert world.as_("county").post(path + "/reject", {"reason": "无"}).status == 403
    assert world.as_("other_lead").post(path + "/reject", {"reason": "无"}).status == 404
    assert world.as_("lead").post(path + "/reject").status == 422
    assert world.as_("lead").ok("GET", path)["moves"] == ["approve", "reject"]
    assert world.as_("lead").ok("POST", path + "/reject", {"reason": "地都镇人选再商"})["state"] == "rejected"
    assert world.as_("lead").post(path + "/reject", {"reason": "再来"}).status == 409
    assert asks(world, "county", season).status == 201


def test_nothing_moves_once_the_round_is_closed(world: World) -> None:
    season = a_prepared_plan(world)
    plan, proposal = season["parts"][RONGCHENG]["id"], the_proposal(world)
    world.as_("city").ok("POST", f"/rounds/{season['round']['id']}/close")
    assert asks(world, "county", season).status == 409
    assert world.as_("county").post(f"/plans/{plan}/submit").status == 409
    assert world.as_("didu").post(f"/proposals/{proposal['id']}/accept").status == 409


# ---- replacements ----


def test_r_match_6_a_replacement_becomes_a_proposal_in_a_new_part(world: World) -> None:
    season = a_prepared_plan(world)
    plan, needs, claims = season["parts"][RONGCHENG]["id"], season["needs"], season["claims"]
    body = {"need": needs["tea"]["id"], "claim": claims["chen", "tea"], "reason": "陈茶生熟悉当地茶园"}
    made = world.as_("county").post(f"/plans/{plan}/replacements", body, headers={"Idempotency-Key": new_id()})
    assert made.status == 201
    (pair,) = [one for one in made["pairs"] if one["need"] == body["need"]]
    assert (pair["commissioner_name"], pair["code"], pair["consent"]["state"]) == ("陈茶生", "P4", "waiting")
    assert "陈茶生熟悉当地茶园" in pair["reasons"][0]
    assert made["id"] != plan
    assert world.as_("county").get(f"/plans/{plan}")["state"] == "superseded"
    assert world.as_("county").post(f"/plans/{made['id']}/submit").status == 409
    accept_all(world, made["id"])
    assert world.as_("county").ok("POST", f"/plans/{made['id']}/submit")["state"] == "submitted"


def test_a_replacement_can_be_taken_back_by_another_one(world: World) -> None:
    season = a_prepared_plan(world)
    plan, need, claims = season["parts"][RONGCHENG]["id"], season["needs"]["tea"]["id"], season["claims"]
    for who, name in (("chen", "陈茶生"), ("li", "李稻香")):
        body = {"need": need, "claim": claims[who, "tea"], "reason": "另行研究"}
        made = world.as_("county").ok("POST", f"/plans/{plan}/replacements", body)
        assert who_where(made)["乌龙茶园茶小绿叶蝉防治"] == name
        plan = made["id"]


def test_a_replacement_that_cannot_be_is_refused(world: World) -> None:
    season = a_prepared_plan(world)
    path = f"/plans/{season['parts'][RONGCHENG]['id']}/replacements"
    right = {"need": season["needs"]["tea"]["id"], "claim": season["claims"]["chen", "tea"], "reason": "另行研究"}
    for change, status in (
        ({"claim": season["claims"]["li", "tea"]}, 409),  # li is there already
        ({"claim": season["claims"]["wang", "fruit"]}, 422),
        ({"claim": new_id()}, 422),
        ({"need": season["needs"]["fruit"]["id"]}, 422),
        ({"need": new_id()}, 422),
        ({"reason": ""}, 422),
    ):
        assert world.as_("county").post(path, right | change).status == status, change
    assert world.as_("other_county").post(path, right).status == 404
    assert world.as_("city").post(path, right).status == 403


def test_r_match_6_a_declined_claim_is_never_assigned_not_even_by_a_replacement(world: World) -> None:
    world.at(START)
    round_, (need,) = a_published_round(world)
    first, second = (a_claim(world, who, need["id"])["id"] for who in ("chen", "li"))
    declined = {"declined": [{"claim": second, "reason": "当年无法到场"}]}
    world.as_("township").ok("PUT", f"/needs/{need['id']}/ranking", declined)
    world.at(START + timedelta(days=22))
    city, path = world.as_("city"), f"/rounds/{round_['id']}"
    city.ok("POST", path + "/freeze")
    city.ok("POST", path + "/seed", {"seed": "1"})
    plan = asks(world, "county", {"round": round_})
    assert [(one["claim"], one["code"]) for one in plan["losing"]] == [(second, "D1")]
    assert "当年无法到场" in plan["losing"][0]["reasons"][0]
    body = {"need": need["id"], "claim": second, "reason": "另行研究"}
    assert world.as_("county").post(f"/plans/{plan['id']}/replacements", body).status == 409
    assert asks(world, "county", {"round": round_}, pins=[second])["pins"][0]["why"] == "乡镇已谢绝该揭榜"
    assert world.as_("county").get(f"/plans/{plan['id']}")["pairs"][0]["claim"] == first


# ---- coverage ----


def test_r_match_3_where_coverage_is_not_full_the_plan_proves_it(world: World) -> None:
    """Nobody knows pigs: the township stays empty, and the plan counts who was kept out by which rule."""
    world.at(START)
    round_, needs = a_published_round(
        world,
        ("township", "county", {}),
        ("didu", "county", {"township": DIDU, "title": "母猪繁育", "specialties": ["A0313"]}),
    )
    world.at(START + timedelta(days=22))
    city, path = world.as_("city"), f"/rounds/{round_['id']}"
    city.ok("POST", path + "/freeze")
    city.ok("POST", path + "/seed", {"seed": "1"})
    plan = asks(world, "county", {"round": round_})
    assert (plan["aims"]["covered"], plan["aims"]["maximum"], plan["aims"]["townships"]) == (1, 1, 2)
    (gap,) = plan["uncovered"]
    assert (gap["townships"], gap["candidates"], gap["capacity"], gap["floor"]) == ([DIDU], [], 0, 1)
    assert gap["excluded"] == {"R-CLAIM-3:specialty": 5}
    assert gap["relaxations"] == {"R-CLAIM-3:specialty": 1}
    assert "专业不对口 5 人" in gap["reason"]
    assert "可多保障 1 个乡镇" in gap["reason"]
    assert needs[1]["id"] not in {pair["need"] for pair in plan["pairs"]}


def test_r_claim_4_claims_of_a_silent_township_count_as_mutual(world: World) -> None:
    season = a_prepared_plan(world)
    (pair,) = [one for one in season["run"]["pairs"] if one["need"] == season["needs"]["fruit"]["id"]]
    assert (pair["code"], "consent" in pair) == ("P1", False)
    assert "镇方未作排序" in pair["reasons"][0]


def test_r_app_1_a_team_is_matched_as_one_and_its_leader_answers_for_it(world: World) -> None:
    """The team's claim wins as the team's; asked elsewhere, only the leader may answer."""
    team = a_team(world, "chen", "li", "wang")
    world.at(START)
    round_, (tea, _) = a_published_round(
        world, ("township", "county", {}), ("didu", "county", {"township": DIDU, "title": "早稻除草"})
    )
    claim = a_claim(world, "chen", tea["id"], team_id=team)["id"]
    lone = a_claim(world, "zhao", tea["id"])["id"]
    world.as_("township").ok("PUT", f"/needs/{tea['id']}/ranking", {"ranked": [claim, lone]})
    world.at(START + timedelta(days=22))
    city, path = world.as_("city"), f"/rounds/{round_['id']}"
    city.ok("POST", path + "/freeze")
    city.ok("POST", path + "/seed", {"seed": "1"})
    plan = asks(world, "county", {"round": round_})
    (pair,) = [one for one in plan["pairs"] if one["claim"] == claim]
    assert (pair["team"], pair["commissioner"]) == (team, world.as_("chen").id)
    assert "负责人陈茶生" in pair["commissioner_name"]
    members = {world.as_(who).id for who in ("chen", "li", "wang")}
    assert [one["commissioner"] for one in plan["pairs"] if one["commissioner"] in members] == [world.as_("chen").id]
    body = {
        "need": next(one["need"] for one in plan["pairs"] if one["claim"] is None),
        "claim": claim,
        "reason": "调整",
    }
    made = world.as_("county").ok("POST", f"/plans/{plan['id']}/replacements", body)
    (asked,) = [one["consent"]["proposal"] for one in made["pairs"] if one["need"] == body["need"]]
    assert world.as_("li").ok("GET", f"/proposals/{asked}")["moves"] == []
    assert world.as_("li").post(f"/proposals/{asked}/accept").status == 403
    assert world.as_("chen").ok("POST", f"/proposals/{asked}/accept")["state"] == "waiting"
    world.as_("chen").ok("POST", f"/teams/{team}/dissolve", {"reason": "解散"})
    assert world.as_("county").get(f"/plans/{made['id']}")["stale"] is True
