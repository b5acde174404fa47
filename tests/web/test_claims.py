"""Claims, the claimant's own order and the township's ranking (R-CLAIM-1…4, R-APP-1)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.cast import DIDU, GAOPU
from tests.make import START, a_claim, a_need, a_published_round, a_team, an_approved_need
from tests.world import Caller, World, new_id


@pytest.fixture
def season(world: World) -> tuple[World, str, list[str]]:
    """A published round with three needs: two of 砲台镇, one of 地都镇."""
    world.at(START)
    round_, needs = a_published_round(
        world,
        ("township", "county", {}),
        ("township", "county", {"title": "茶园修剪"}),
        ("didu", "county", {"township": DIDU}),
    )
    return world, round_["id"], [one["id"] for one in needs]


def test_r_claim_1_a_commissioner_claims_and_sees_the_claim(season):
    world, round_id, needs = season
    chen = world.as_("chen")
    made = chen.post(f"/needs/{needs[0]}/claims", {"plan": "每月到场两次", "preference": 1})
    assert made.status == 201
    assert made.headers["Location"] == f"/api/v1/claims/{made['id']}"
    assert (made["state"], made["moves"], made["round"]) == ("active", ["withdraw"], round_id)
    assert [one["id"] for one in chen.get("/claims", round=round_id, state="active")["items"]] == [made["id"]]
    assert world.as_("li").get("/claims")["items"] == []
    assert world.as_("li").get(f"/claims/{made['id']}").status == 404


def test_r_claim_1_one_active_claim_per_claimant_and_need_even_in_a_race(season):
    world, _, needs = season
    chen = world.as_("chen")
    callers = [Caller(world.app, chen.token) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: one.post(f"/needs/{needs[0]}/claims", {"plan": "计划"}).status, callers))
    assert sorted(answers) == [201] + [409] * 5
    mine = chen.get("/claims")["items"]
    chen.ok("POST", f"/claims/{mine[0]['id']}/withdraw")
    assert chen.post(f"/needs/{needs[0]}/claims", {"plan": "计划"}).status == 201


def test_the_same_claim_sent_again_gets_the_first_answer(season):
    world, _, needs = season
    chen, body = world.as_("chen"), {"id": new_id(), "plan": "计划", "preference": 1}
    first, again = (chen.post(f"/needs/{needs[0]}/claims", body) for _ in range(2))
    assert (first.status, first.content) == (again.status, again.content)
    assert chen.post(f"/needs/{needs[0]}/claims", body | {"plan": "别的"}).status == 409
    assert world.as_("li").post(f"/needs/{needs[0]}/claims", body).status == 409


def test_r_claim_3_a_refusal_names_every_rule_that_fails(season):
    world, _, needs = season
    wang = world.as_("wang")
    etag = world.as_("admin").ok("GET", f"/people/{wang.id}").etag
    assert wang.patch("/me/profile", {"specialties": ["A0313"], "available": False}, etag).status == 200
    refused = wang.post(f"/needs/{needs[0]}/claims", {"plan": "计划", "preference": 1})
    assert refused.status == 409
    assert [one["rule"] for one in refused["reasons"]] == ["R-CLAIM-3:specialty", "R-CLAIM-3:availability"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "plan"),
        ({"plan": "计划", "preference": 0}, "preference"),
        ({"plan": "计划", "preference": 1.5}, "preference"),
        ({"plan": "计划", "team_id": "x"}, "team_id"),
        ({"plan": "计划", "team_id": "00000000-0000-7000-8000-000000000000"}, "team_id"),
        ({"plan": "计划", "grade": 1}, "grade"),
        ({"plan": "长" * 2001}, "plan"),
    ],
)
def test_wrong_fields_are_named(season, body, field):
    world, _, needs = season
    refused = world.as_("chen").post(f"/needs/{needs[0]}/claims", body)
    assert (refused.status, list(refused["errors"])) == (422, [field])


def test_claims_are_taken_only_while_the_board_is_open(season):
    world, round_id, needs = season
    draft = world.as_("township").ok("POST", "/needs", a_need(round_id=round_id))["id"]
    assert world.as_("chen").post(f"/needs/{draft}/claims", {"plan": "计划"}).status == 404
    assert world.as_("chen").post(f"/needs/{new_id()}/claims", {"plan": "计划"}).status == 404
    assert world.as_("township").post(f"/needs/{needs[0]}/claims", {"plan": "计划"}).status == 403
    assert world.anyone().post(f"/needs/{needs[0]}/claims", {"plan": "计划"}).status == 401
    world.at(START + timedelta(days=14))
    late = world.as_("chen").post(f"/needs/{needs[0]}/claims", {"plan": "计划"})
    assert (late.status, late["type"]) == (409, "/problems/not-claimable")


def test_an_everyday_need_is_claimed_while_it_stands_on_the_board(world):
    world.at(START)
    need = an_approved_need(world)
    claim = a_claim(world, "chen", need["id"])
    assert claim["round"] is None
    world.as_("county").ok("POST", f"/needs/{need['id']}/close", {"reason": "已解决"})
    assert world.as_("li").post(f"/needs/{need['id']}/claims", {"plan": "计划"}).status == 409


def test_r_app_1_a_team_claims_through_its_leader_only(season):
    world, round_id, needs = season
    team = a_team(world, "chen", "li", "wang")
    chen, li = world.as_("chen"), world.as_("li")
    alone = chen.post(f"/needs/{needs[0]}/claims", {"plan": "计划"})
    assert [one["rule"] for one in alone["reasons"]] == ["R-APP-1"]
    assert [one["rule"] for one in li.post(f"/needs/{needs[0]}/claims", {"plan": "计划"})["reasons"]] == ["R-APP-1"]
    assert li.post(f"/needs/{needs[0]}/claims", {"plan": "计划", "team_id": team}).status == 422
    claim = chen.ok("POST", f"/needs/{needs[0]}/claims", {"plan": "计划", "team_id": team})
    assert claim["team"]["id"] == team
    seen = li.ok("GET", f"/claims/{claim['id']}")
    assert seen["moves"] == []
    assert li.post(f"/claims/{claim['id']}/withdraw").status == 403
    assert chen.ok("PUT", f"/rounds/{round_id}/preferences", {"claims": [claim["id"]]}).status == 200
    assert chen.ok("POST", f"/claims/{claim['id']}/withdraw")["state"] == "withdrawn"


def test_r_claim_1_a_place_in_the_order_that_is_taken_moves_the_others_back(season):
    world, round_id, needs = season
    chen = world.as_("chen")
    first, second = (a_claim(world, "chen", need, 1)["id"] for need in needs[:2])
    third = chen.ok("POST", f"/needs/{needs[2]}/claims", {"plan": "计划"})
    assert third["preference"] == 3
    order = {one["id"]: one["preference"] for one in chen.get("/claims")["items"]}
    assert order == {second: 1, first: 2, third["id"]: 3}
    wanted = [third["id"], first, second]
    answer = chen.ok("PUT", f"/rounds/{round_id}/preferences", {"claims": wanted})
    assert [(one["id"], one["preference"]) for one in answer["items"]] == list(zip(wanted, (1, 2, 3), strict=True))


def test_r_claim_1_an_order_names_all_own_claims_once(season):
    world, round_id, needs = season
    chen, path = world.as_("chen"), f"/rounds/{round_id}/preferences"
    own, foreign = a_claim(world, "chen", needs[0])["id"], a_claim(world, "li", needs[0])["id"]
    a_claim(world, "chen", needs[1], 2)
    for wrong in ([own], [own, own], [own, foreign], [own, new_id()], []):
        assert chen.call("PUT", path, {"claims": wrong}).status == 422
    assert chen.call("PUT", f"/rounds/{new_id()}/preferences", {"claims": [own]}).status == 404
    world.at(START + timedelta(days=14))
    assert world.as_("chen").call("PUT", path, {"claims": [own]}).status == 409


def test_r_claim_4_a_township_ranks_and_declines_with_a_reason(season):
    world, _, needs = season
    township, path = world.as_("township"), f"/needs/{needs[0]}/ranking"
    chen, li, wang = (a_claim(world, who, needs[0])["id"] for who in ("chen", "li", "wang"))
    seen = township.ok("GET", f"/needs/{needs[0]}/claims")
    assert [one["commissioner"]["name"] for one in seen["items"]] == ["陈茶生", "李稻香", "王果实"]
    assert "1990000" not in seen.content.decode()
    body = {"ranked": [li], "declined": [{"claim": wang, "reason": "当年无法到场"}]}
    done = township.call("PUT", path, body)
    assert done.status == 200
    assert [(one["id"], one["grade"], one["declined_reason"]) for one in done["items"]] == [
        (li, 1, None), (chen, None, None), (wang, None, "当年无法到场"),
    ]  # fmt: skip
    assert township.put(path, body).status == 428
    assert township.put(path, body, seen.etag).status == 412
    again = township.put(path, {"ranked": [li, chen, wang]}, done.etag)
    assert [one["grade"] for one in again["items"]] == [1, 2, 3]


def test_r_claim_2_a_claimant_learns_the_townships_word_when_ranking_is_over(season):
    world, _, needs = season
    claim = a_claim(world, "wang", needs[0])["id"]
    body = {"ranked": [], "declined": [{"claim": claim, "reason": "当年无法到场"}]}
    world.as_("township").ok("PUT", f"/needs/{needs[0]}/ranking", body)
    assert world.as_("wang").ok("GET", f"/claims/{claim}")["declined_reason"] is None
    world.at(START + timedelta(days=22))
    seen = world.as_("wang").ok("GET", f"/claims/{claim}")
    assert (seen["declined_reason"], seen["grade"]) == ("当年无法到场", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ranked": ["foreign"]}, "ranked"),
        ({"ranked": ["own", "own"]}, "ranked"),
        ({"ranked": ["own"], "declined": [{"claim": "own", "reason": "无"}]}, "declined"),
        ({"declined": [{"claim": "own", "reason": ""}]}, "declined.0.reason"),
        ({"declined": [{"claim": "own"}]}, "declined.0.reason"),
        ({"ranked": "own"}, "ranked"),
    ],
)
def test_r_claim_4_a_wrong_ranking_is_refused_by_field(season, body, field):
    world, _, needs = season
    names = {"own": a_claim(world, "chen", needs[0])["id"], "foreign": a_claim(world, "chen", needs[1], 2)["id"]}

    def named(value):
        if isinstance(value, dict):
            return {key: named(one) for key, one in value.items()}
        return [named(one) for one in value] if isinstance(value, list) else names.get(value, value)

    refused = world.as_("township").put(f"/needs/{needs[0]}/ranking", named(body))
    assert (refused.status, list(refused["errors"])) == (422, [field])


def test_r_claim_4_the_county_ranks_only_for_a_silent_township_and_only_afterwards(season):
    world, _, needs = season
    county, township = world.as_("county"), world.as_("township")
    spoken, silent = needs[:2]
    first, second = a_claim(world, "chen", spoken)["id"], a_claim(world, "chen", silent, 2)["id"]
    township.ok("PUT", f"/needs/{spoken}/ranking", {"ranked": [first]})
    assert county.put(f"/needs/{silent}/ranking", {"ranked": [second]}).status == 409
    world.at(START + timedelta(days=21))
    county, township = world.as_("county"), world.as_("township")
    assert township.put(f"/needs/{silent}/ranking", {"ranked": [second]}).status == 409
    etag = county.get(f"/needs/{spoken}").etag
    assert county.put(f"/needs/{spoken}/ranking", {"ranked": [first]}, etag).status == 409
    done = county.ok("PUT", f"/needs/{silent}/ranking", {"ranked": [second]})
    assert done["ranked_by"] == "county"
    assert world.as_("other_county").put(f"/needs/{silent}/ranking", {"ranked": []}).status == 404
    assert world.as_("lead").put(f"/needs/{silent}/ranking", {"ranked": []}).status == 403
    assert world.as_("chen").get(f"/needs/{silent}/claims").status == 403


def test_staff_see_the_claims_of_their_own_places(season):
    world, _, needs = season
    claim = a_claim(world, "chen", needs[0])["id"]
    for who in ("township", "county", "lead", "city", "auditor"):
        assert [one["id"] for one in world.as_(who).ok("GET", "/claims")["items"]] == [claim], who
    for who in ("didu", "other_county", "other_township"):
        assert world.as_(who).ok("GET", "/claims")["items"] == [], who
        assert world.as_(who).get(f"/claims/{claim}").status == 404
        assert world.as_(who).get(f"/needs/{needs[0]}/claims").status == 404
    assert world.as_("dispatcher").get("/claims").status == 403
    assert GAOPU not in str(world.as_("county").get("/claims").json)


def test_nobody_but_the_claimant_takes_a_claim_back(season):
    world, _, needs = season
    claim = a_claim(world, "chen", needs[0])["id"]
    assert world.as_("li").post(f"/claims/{claim}/withdraw").status == 404
    assert world.as_("township").post(f"/claims/{claim}/withdraw").status == 403
    assert world.as_("chen").ok("POST", f"/claims/{claim}/withdraw")["moves"] == []
    assert world.as_("chen").post(f"/claims/{claim}/withdraw").status == 409
