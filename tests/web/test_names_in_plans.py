"""What a plan says of people leaves with them, and still proves what it proved (R-VISIT-8, quality.md bar 36)."""

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from models import Base
from rules.matching.instance import Instance
from rules.matching.plan import Plan as Solution
from rules.matching.verify import verify
from service.me.erasure import ERASED
from tests.cast import DIDU
from tests.make import START, a_claim, a_published_round, a_submitted_plan
from tests.world import World, new_id

CHEN, LI = "陈茶生", "李稻香"


def holding(world: World, word: str) -> list[str]:
    """Name every column in which the word stands somewhere."""
    found = []
    with world.house.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(sa.select(table)).mappings().all()
            found += [f"{table.name}.{name}" for row in rows for name, value in row.items() if word in str(value)]
    return sorted(set(found))


def test_a_settled_round_names_nobody_who_left_but_in_the_published_list(world: World) -> None:
    """Runs, parts, what-ifs, pairings, answers and the journal forget chen; the list that stood in public does not."""
    season = a_submitted_plan(world)
    run, path = season["run"]["run"], f"/plans/{season['plan']}"
    draft = {"seed": "7"}
    world.as_("city").ok("POST", f"/rounds/{season['round']['id']}/plans", draft, headers={"Idempotency-Key": new_id()})
    published = world.as_("lead").ok("POST", path + "/approve")["publicity"]
    world.at(START + timedelta(days=40))
    world.as_("city").ok("POST", path + "/settle")
    before = world.as_("county").get(path)
    assert "runs.body" in holding(world, CHEN)
    assert [one for one in holding(world, CHEN) if one.startswith(("journal", "claims"))] == [], "never in these"
    chen = world.as_("chen")
    closed = chen.ok("DELETE", "/me")
    assert "姓名与单位" in closed["removed"]
    assert [one["why"] for one in closed["stays"] if "选派方案" in one["what"]] == ["属于选派工作档案，供核对方案"]
    world.run_jobs()
    assert holding(world, CHEN) == ["publicities.items"]
    assert CHEN in str(world.anyone().get(f"/publicity/{published}")["items"])
    after = world.as_("county").get(path)
    mine = [one for one in (*after["pairs"], *after["losing"]) if one["commissioner"] == chen.id]
    assert [one["commissioner_name"] for one in mine] == [ERASED, ERASED]
    assert all(ERASED in one["reasons"][0] for one in mine)
    other = [[one for one in plan["pairs"] if one["commissioner"] != chen.id] for plan in (before, after)]
    assert other[0] == other[1]
    assert LI in str(other[1])
    files = [world.anyone().ok("GET", f"/runs/{run}/{name}").content for name in ("instance.json", "plan.json")]
    instance, plan = Instance.from_json(json.loads(files[0])), Solution.from_json(json.loads(files[1]))
    assert verify(instance, plan) == ()
    assert plan.digest == before["digest"] == after["digest"]


def test_a_gap_no_longer_names_who_left(world: World) -> None:
    """Chen alone knows pigs, so two townships cannot both be covered: the sum stays, the name goes."""
    chen = world.as_("chen")
    assert chen.patch("/me/profile", {"specialties": ["A0313"]}, chen.get("/me").etag).status == 200
    world.at(START)
    sow: dict[str, Any] = {"title": "母猪繁育", "specialties": ["A0313"]}
    piglet = {"township": DIDU, "title": "仔猪保育", "specialties": ["A0313"]}
    round_, needs = a_published_round(world, ("township", "county", sow), ("didu", "county", piglet))
    a_claim(world, "chen", needs[0]["id"])
    world.at(START + timedelta(days=22))
    city, path = world.as_("city"), f"/rounds/{round_['id']}"
    city.ok("POST", path + "/freeze")
    city.ok("POST", path + "/seed", {"seed": "1"})
    run = city.ok("POST", path + "/plans", {}, headers={"Idempotency-Key": new_id()})["run"]
    (gap,) = world.as_("city").get(f"/plans/{run}")["uncovered"]
    assert f"符合条件的只有{CHEN}（共 1 人）" in gap["reason"]
    world.as_("chen").ok("DELETE", "/me")
    world.run_jobs()
    assert holding(world, CHEN) == []
    (left,) = world.as_("city").get(f"/plans/{run}")["uncovered"]
    assert left == gap | {"reason": gap["reason"].replace(CHEN, ERASED)}
