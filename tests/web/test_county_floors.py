"""A round's floors of counties: set by the city, frozen with the lists, filled, told and counted (R-MATCH-1)."""

import csv
import io
import json

import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.journal import JournalEntry
from rules.matching.instance import Instance
from tests.cast import GAOPU, PUNING, RONGCHENG
from tests.make import a_ranked_round, a_round
from tests.web.pages import at
from tests.web.test_matching import asks
from tests.world import World

HUILAI = "445224"  # 惠来县, where nobody asks for anybody


def test_r_match_1_a_county_gets_what_its_floor_asks_beyond_its_townships(world: World) -> None:
    season = a_ranked_round(world)
    city, path = world.as_("city"), f"/rounds/{season['round']['id']}"
    world.as_("chen").ok("POST", f"/claims/{season['claims']['chen', 'pruning']}/withdraw")
    floors = [{"county": PUNING, "floor": 2}, {"county": RONGCHENG, "floor": 3}]
    body = {"county_floors": floors[::-1], "reason": "市里要求每县至少安排的人数"}
    assert city.patch(path, body, city.get(path).etag)["county_floors"] == [floors[1], floors[0]]
    frozen = city.ok("POST", path + "/freeze")
    assert frozen["county_floors"] == [floors[1], floors[0]]
    assert city.patch(path, body | {"county_floors": []}, city.get(path).etag).status == 409
    file = Instance.from_json(json.loads(world.anyone().get(path + "/instance.json").content))
    assert (file.counties.code, file.counties.floor) == ((RONGCHENG, PUNING), (3, 2))
    city.ok("POST", path + "/seed", {"seed": "806452"})
    run = asks(world, "city", season)
    aims = [{"county": RONGCHENG, "floor": 3, "came": 3}, {"county": PUNING, "floor": 2, "came": 1}]
    assert run["aims"]["counties"] == aims
    (pair,) = [one for one in run["pairs"] if one["code"] == "P6"]
    assert pair["consent"]["state"] == "waiting"
    assert pair["reasons"][0].startswith("保障县级：榕城区各镇合计至少应有 3 人，")
    (gap,) = run["uncovered"]
    assert (gap["whole_counties"], gap["townships"], gap["capacity"], gap["floor"]) == ([PUNING], [], 1, 2)
    assert gap["reason"].startswith("普宁市，其中高埔镇「青梅保果」名额不足：至少应安排 2 人次，名额用尽")
    parts = {one["county"]: one for one in run["parts"]}
    own = world.as_("county").get(f"/plans/{parts[RONGCHENG]['id']}")
    assert (own["aims"]["counties"], own["uncovered"]) == (aims[:1], [])
    told = world.as_("county").get(f"/plans/{own['id']}/explanation", claimant=pair["commissioner"], need=pair["need"])
    assert (told["code"], told["facts"]["county"], told["facts"]["floor"]) == ("P6", RONGCHENG, 3)
    found = city.get(path + "/statistics")
    counted, prices = found["counts"]["counties"], found["prices"]
    assert (counted["asking"], counted["covered"]) == (2, 1)
    assert [prices[name] for name in ("county_floor", "county_filled", "alone_county_filled")] == [5, 4, 2]
    page = at(world, "city").get(f"/console{path}/statistics").html
    for fact in ("县级保障", "各县合计至少应有 5 人：只按双选到位 2 人，保障覆盖之后 4 人"):
        assert fact in page, fact
    shown = at(world, "county").get(f"/console/plans/{parts[RONGCHENG]['id']}").html
    assert "榕城区各镇合计至少应有 3 人，已安排 3 人" in shown
    rows = list(csv.reader(io.StringIO(city.get(path + "/statistics.csv").content.decode("utf-8-sig"))))
    assert ["县级保障", "普宁市", "1", "2", "50.0%"] in rows


def test_floors_are_of_the_citys_own_counties_once_each(world: World) -> None:
    floor = {"county": RONGCHENG, "floor": 2}
    made = a_round(world, county_floors=[floor])
    path, city = f"/rounds/{made['id']}", world.as_("city")
    assert made["county_floors"] == [floor]
    etag = city.get(path).etag
    for wrong in ([floor | {"county": "440100"}], [floor, floor | {"floor": 3}], [floor | {"county": GAOPU}],
                  [floor | {"floor": 0}], [{"county": RONGCHENG}], [floor, floor], "2"):  # fmt: skip
        refused = city.patch(path, {"county_floors": wrong, "reason": "改"}, etag)
        assert (refused.status, [name.split(".")[0] for name in refused["errors"]]) == (422, ["county_floors"])
    assert city.patch(path, {"county_floors": [floor], "reason": "改"}, etag).status == 422
    assert city.patch(path, {"county_floors": [], "reason": "不再要求"}, etag)["county_floors"] == []
    with Session(world.house.engine) as session:
        entry = session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "round.edit")).one()
        assert (entry.changes[0]["fields"], entry.facts["reason"]) == (["county_floors"], "不再要求")


def test_a_county_whose_townships_asked_for_nobody_is_told_with_its_floor(world: World) -> None:
    season = a_ranked_round(world)
    city, path = world.as_("city"), f"/rounds/{season['round']['id']}"
    floors = [{"county": RONGCHENG, "floor": 1}, {"county": HUILAI, "floor": 3}]
    city.patch(path, {"county_floors": floors, "reason": "每县都要有人"}, city.get(path).etag)
    city.ok("POST", path + "/freeze")
    city.ok("POST", path + "/seed", {"seed": "806452"})
    run = asks(world, "city", season)
    assert run["aims"]["counties"] == [
        {"county": RONGCHENG, "floor": 1, "came": 3},
        {"county": HUILAI, "floor": 3, "came": 0},
    ]
    assert run["uncovered"] == [], "nothing there can be filled: its townships stand under `no_need`"
    part = next(one for one in run["parts"] if one["county"] == RONGCHENG)
    assert len(world.as_("county").get(f"/plans/{part['id']}")["aims"]["counties"]) == 1
