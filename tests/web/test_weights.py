"""Weights are versioned data: proposed by one, approved by another, named by the freeze that uses them (R-MATCH-5)."""

from typing import Any
from uuid import UUID

from rules.matching.score import STANDARD
from service.core.unit import Actor, Held
from service.matching import weights
from tests.cast import CITY
from tests.make import a_ranked_round
from tests.world import World, new_id


def a_version(**changes: Any) -> dict[str, Any]:
    """The factory's features with fit for 60 and preference for 5."""
    features = [dict(one, steps=[list(step) for step in one["steps"]]) for one in STANDARD.to_json()["features"]]
    for one in features:
        one["weight"] = {"fit": 60, "preference": 5}.get(one["name"], one["weight"])
    body = {"id": new_id(), "effective_on": "2026-03-01", "document": "市农业农村局〔2026〕5号", "features": features}
    return body | changes


def approves(world: World, version: str) -> None:
    """Another person of the city's approves a version."""
    held = Held("city", CITY, townships=frozenset(), counties=frozenset({CITY}))
    with world.house.write(Actor("person", UUID(world.as_("admin").id), held=(held,))) as uow:
        weights.approve(uow, UUID(version))


def test_r_match_5_a_freeze_uses_the_version_that_a_second_person_approved(world: World) -> None:
    season = a_ranked_round(world)
    city, path = world.as_("city"), f"/rounds/{season['round']['id']}"
    made = city.ok("POST", "/weights", a_version())
    assert (made["state"], made["number"], made["moves"]) == ("proposed", 1, ["reject"])
    assert city.post(f"/weights/{made['id']}/approve").status == 403
    assert world.as_("lead").post(f"/weights/{made['id']}/approve").status == 403
    approves(world, made["id"])
    later = city.ok("POST", "/weights", a_version(effective_on="2026-12-01"))
    approves(world, later["id"])
    refused = city.ok("POST", "/weights", a_version())
    assert city.ok("POST", f"/weights/{refused['id']}/reject", {"reason": "重复"})["state"] == "rejected"
    assert [one["number"] for one in world.as_("auditor").get("/weights")["items"]] == [3, 2, 1]
    city.ok("POST", path + "/freeze")
    used = world.anyone().get(path + "/proof")["weights"]
    assert (used["version"].rsplit("-", 1)[0], used["approver"]) == (f"{CITY}-1", "市农业农村局〔2026〕5号")
    assert used["digest"] == made["digest"]
    assert {one["name"]: one["weight"] for one in used["features"]}["fit"] == 60
    plan = city.ok("POST", path + "/plans", {"seed": "1"})
    assert plan["weights"] == used["version"]
    assert "×60" in plan["pairs"][0]["reasons"][1]


def test_weights_that_would_punish_the_better_are_refused(world: World) -> None:
    city = world.as_("city")
    fit = {"name": "fit", "weight": 100, "better": "more", "steps": [[100, 100], [200, 300]], "absent": 0}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"weight": 90}, "权重合计应为 100，现为 90"),
        ({"steps": [[200, 300], [100, 100]]}, "由小到大"),
        ({"steps": [[100, 300], [200, 100]]}, "更好的一级得点不能更少"),
        ({"steps": [[100, 100], [200, 1001]]}, "得点应在 0 到 1000 之间"),
    ]
    for change, text in wrong:
        refused = city.post("/weights", a_version(features=[fit | change]))
        assert refused.status == 422
        assert text in str(refused["errors"]["features"]), change
    assert "重复" in str(city.post("/weights", a_version(features=[fit | {"weight": 50}] * 2))["errors"]["features"])
    faulty: list[dict[str, Any]] = [{"features": []}, {"document": ""}, {"floor": 0}, {"effective_on": "2026"}]
    for body in faulty:
        assert list(city.post("/weights", a_version(**body))["errors"]) == list(body)
    for who in ("county", "admin", "chen"):
        assert world.as_(who).post("/weights", a_version()).status == 403
    assert city.post("/weights", a_version(features=[fit])).status == 201
