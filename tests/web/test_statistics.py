"""A round in figures: match rate and placement rate apart, choices, holds, overrides, prices; as data and as CSV."""

import csv
import io

from tests.cast import PUNING, RONGCHENG
from tests.make import a_frozen_round, a_prepared_plan
from tests.world import World, new_id


def test_the_city_reads_the_whole_round_and_a_county_its_own(world: World) -> None:
    season = a_prepared_plan(world)
    path = f"/rounds/{season['round']['id']}/statistics"
    whole = world.as_("city").get(path)
    counts = whole["counts"]
    assert [one["code"] for one in whole["counties"]] == [RONGCHENG, PUNING]
    assert counts["townships"] == {"asking": 3, "covered": 3}
    assert counts["posts"] == {"needs": 4, "offered": 4, "filled": 4}
    assert counts["claimants"] == {
        "claimants": 3,
        "with_mutual": 3,
        "matched": 3,
        "placed": 3,
        "without_claim": 1,
        "first_choice": 2,
        "top_three": 3,
    }
    assert (counts["reasons"], counts["lost"]) == ({"P1": 3, "P2": 1}, {"R1": 1})
    assert (whole["prices"]["alone_covered"], whole["prices"]["covered"]) == (2, 3)
    assert whole["runs"] == {"official": 1, "drafts": 0, "drafts_before_seed": 0}
    assert whole["weights"]
    own = world.as_("county").get(path)
    assert (own["counts"]["townships"]["asking"], own["counts"]["posts"]["filled"], own["prices"]) == (2, 3, None)
    body = {
        "need": season["needs"]["tea"]["id"],
        "claim": season["claims"]["chen", "tea"],
        "reason": "熟悉茶园",
    }
    part = season["parts"][RONGCHENG]["id"]
    world.as_("county").ok("POST", f"/plans/{part}/replacements", body, headers={"Idempotency-Key": new_id()})
    (row,) = world.as_("county").get(path)["overrides"]
    assert (row["replacement"], row["ban"], row["pin"], row["in_force"]) == (1, 1, 0, 2)
    file = world.as_("auditor").get(path + ".csv")
    assert file.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    told = {(one[0], one[1]): one[2:] for one in rows}
    assert told["揭榜者", "双选成功（匹配率）"] == ["2", "3", "66.7%"]
    assert told["人工指定", "榕城区 调整"][0] == "1"
    for who in ("chen", "township", "admin"):
        assert world.as_(who).get(path).status == 403


def test_before_a_plan_stands_there_are_no_figures(world: World) -> None:
    season = a_frozen_round(world)
    path = f"/rounds/{season['round']['id']}/statistics"
    empty = world.as_("county").get(path)
    assert (empty["counts"], empty["prices"], empty["counties"]) == (None, None, [])
    assert world.as_("county").get(path + ".csv").status == 200
    assert world.as_("county").get(f"/rounds/{new_id()}/statistics").status == 404
