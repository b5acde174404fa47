"""What an outsider checks a round by, without trusting us: the order of steps, the files, the digests (R-MATCH-2)."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.matching import Freeze, Plan, Run, WrittenOver
from rules.matching.instance import Instance
from rules.matching.plan import Plan as Solution
from rules.matching.solve import solve
from rules.matching.verify import verify
from tests.cast import CAST, RONGCHENG
from tests.make import START, a_prepared_plan, a_ranked_round, a_submitted_plan
from tests.world import World, new_id

SOURCE = "2026年3月23日体彩排列五前五位，县纪委现场见证"


def test_r_match_2_the_digest_is_public_before_the_seed_is_known(world: World) -> None:
    season = a_ranked_round(world)
    path, city = f"/rounds/{season['round']['id']}", world.as_("city")
    assert world.anyone().get(path + "/instance.json").status == 404
    assert world.anyone().get(path + "/proof").status == 404
    digest = city.ok("POST", path + "/freeze")["digest"]
    file = world.anyone().get(path + "/instance.json")
    assert sha256(file.content).hexdigest() == digest
    frozen = Instance.from_json(json.loads(file.content))
    assert frozen.seed == ""
    before = world.anyone().get(path + "/proof")
    assert (before["digest"], before["seed"], before["runs"]) == (digest, None, [])
    city.ok("POST", path + "/plans", {"seed": "1"}, headers={"Idempotency-Key": new_id()})
    world.at(START + timedelta(days=22))
    world.as_("city").ok("POST", path + "/seed", {"seed": "80645", "source": SOURCE})
    after = world.anyone().get(path + "/proof")
    assert (after["seed"], after["seed_source"], after["drafts_before_seed"]) == ("80645", SOURCE, 1)
    assert after["frozen_at"] < after["seeded_at"]
    assert sum(one["weight"] for one in after["weights"]["features"]) == 100
    run = world.as_("city").ok("POST", path + "/plans", {}, headers={"Idempotency-Key": new_id()})
    mine = solve(Instance.from_json(json.loads(file.content) | {"seed": "80645"}))
    assert mine.digest == run["digest"]


def test_r_match_5_an_outsider_checks_the_run_of_an_approved_part(world: World) -> None:
    season = a_submitted_plan(world)
    run, other = season["run"]["run"], season["parts"][RONGCHENG]
    for name in ("instance.json", "plan.json"):
        assert world.anyone().get(f"/runs/{run}/{name}").status == 404
        assert world.as_("chen").get(f"/runs/{run}/{name}").status == 404
        assert world.as_("county").get(f"/runs/{run}/{name}").status == 200
    world.as_("lead").ok("POST", f"/plans/{other['id']}/approve")
    (proved,) = world.anyone().get(f"/rounds/{season['round']['id']}/proof")["runs"]
    assert (proved["id"], proved["counties"], proved["digest"]) == (run, [RONGCHENG], season["run"]["digest"])
    files = [world.anyone().ok("GET", f"/runs/{run}/{name}").content for name in ("instance.json", "plan.json")]
    instance, plan = Instance.from_json(json.loads(files[0])), Solution.from_json(json.loads(files[1]))
    assert verify(instance, plan) == ()
    names = [part.name for part in CAST] + [world.as_(part.key).id for part in CAST if part.role == "commissioner"]
    assert [name for name in names for file in files if name.encode() in file] == []
    assert world.anyone().get(f"/runs/{new_id()}/plan.json").status == 404


def test_r_match_5_nobody_writes_over_a_freeze_a_run_or_a_part(world: World) -> None:
    a_prepared_plan(world)
    for model, name in ((Freeze, "digest"), (Run, "seed"), (Run, "plan"), (Plan, "body")):
        with Session(world.house.engine) as session:
            row = session.scalars(sa.select(model)).first()
            setattr(row, name, {} if name in {"plan", "body"} else "0")
            with pytest.raises(WrittenOver):
                session.flush()
