"""Photos and the names of teams are checked too (R-NEED-4, wechat.md §B.5, §B.6)."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from models.content import ContentCheck
from service import schedule
from service.content import commands
from service.core.ports import Scene
from service.core.unit import SYSTEM
from tests.make import START, a_pairing, a_published_round, a_record, a_team
from tests.rows import a_claim_row, a_pair, a_plan_row
from tests.web.test_photos import JPEG, name_of, send
from tests.web.test_records import NOW, VISIT
from tests.world import World


def tell(world: World, trace_id: str, suggest: str, label: str = "100") -> None:
    """Bring the verdict, as the handler of WeChat's push does."""
    with world.house.write(SYSTEM) as uow:
        commands.verdict(uow, trace_id, suggest, label)


@pytest.fixture
def photo(world: World) -> str:
    """The digest of a photo of a submitted record of 砲台镇, on an afternoon in March."""
    world.at(NOW)
    sha256 = name_of(JPEG)
    chen = world.as_("chen")
    pairing = a_pairing(world)
    send(chen, JPEG)
    chen.ok("POST", "/records", a_record(pairing, VISIT, photos=[sha256]))
    return sha256


def check(world: World) -> Any:
    """The photo's check, as the city sees it: its owner was registered by the city."""
    return world.as_("city").get("/content", subject="photo")["items"][0]


def trace_of(world: World) -> str:
    with Session(world.house.engine) as session:
        return str(session.query(ContentCheck.trace_id).filter_by(subject="photo").scalar())


def shown(world: World, photo: str) -> dict[str, int]:
    owner = world.as_("chen").id
    return {key: world.as_(key).get(f"/photos/{photo}", owner=owner).status for key in ("chen", "township")}


def test_a_photo_is_fetched_under_a_signed_address_that_ends(world: World, photo: str) -> None:
    """WeChat gets the kept copy without a login for half an hour; a changed or late address opens nothing."""
    asked: list[str] = []
    real = world.house.ports.wechat.check_picture

    def noted(url: str, scene: Scene, openid: str) -> str:
        asked.append(url)
        return real(url, scene, openid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.house.ports.wechat, "check_picture", noted)
        world.check_content()
    assert asked[0].startswith(world.house.settings.public_url + "/api/v1/pictures/")
    parts = urlsplit(asked[0])
    address = f"{parts.path}?{parts.query}"
    anyone = world.anyone()
    given = anyone.call("GET", address)
    assert (given.status, given.headers["Content-Type"]) == (200, "image/jpeg")
    assert given.content[:2] == b"\xff\xd8"
    for wrong in (address[:-1] + "ä", address[:-1], address.replace("until=1", "until=2"), parts.path):
        assert anyone.call("GET", wrong).status in {404, 422}, wrong
    world.at(NOW + timedelta(minutes=31))
    assert anyone.call("GET", address).status == 404


def test_a_risky_photo_is_hidden_until_a_person_releases_it(world: World, photo: str) -> None:
    """The verdict comes by push, also twice; its owner always sees it, colleagues do not while it is blocked."""
    world.check_content()
    assert check(world)["state"] == "waiting"
    assert shown(world, photo) == {"chen": 200, "township": 200}
    tell(world, trace_of(world), "risky", "20002")
    tell(world, trace_of(world), "pass")
    held = check(world)
    assert (held["state"], held["why"]) == ("risky", "微信内容安全检测判定违规：色情")
    assert shown(world, photo) == {"chen": 200, "township": 404}
    assert world.anyone().call("GET", held["picture"]).status == 200
    world.as_("city").ok("POST", f"/content/{held['id']}/release", {"reason": "是茶园"})
    assert shown(world, photo) == {"chen": 200, "township": 200}


def test_a_verdict_may_be_faster_than_the_answer_or_never_come(world: World, photo: str) -> None:
    """Faster: told again later. Never: after half an hour a person decides; late ones change nothing any more."""
    with pytest.raises(commands.VerdictEarly):
        tell(world, "nobody-asked", "pass")
    world.check_content()
    world.at(NOW + timedelta(minutes=29))
    schedule.run(world.house, "hold_content")
    assert check(world)["state"] == "waiting"
    world.at(NOW + timedelta(minutes=31))
    schedule.run(world.house, "hold_content")
    assert (check(world)["state"], check(world)["label"]) == ("unavailable", "silent")
    tell(world, trace_of(world), "pass")
    assert check(world)["state"] == "unavailable"


def test_a_check_of_a_photo_that_fails_is_held(world: World, photo: str) -> None:
    """5xx: a person looks."""
    world.sandbox.post("/sandbox/faults", {"call": "media_check_async", "kind": "http500", "times": 2})
    world.check_content()
    world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults", timeout=10)
    assert (check(world)["state"], check(world)["label"]) == ("unavailable", "down")


@pytest.mark.parametrize(("checked", "name"), [(True, "茶叶团队（负责人陈茶生）"), (False, "陈茶生团队")])
def test_a_team_whose_name_is_not_clear_stands_on_the_list_by_its_leader(
    world: World,
    checked: bool,  # noqa: FBT001
    name: str,
) -> None:
    """R-APP-4: the list that the law wants goes out in time, without words that nobody checked."""
    world.at(START)
    team = a_team(world, "chen", "li", "wang")
    assert world.as_("chen").get(f"/teams/{team}")["content"]["state"] == "waiting"
    round_, (need,) = a_published_round(world)
    if not checked:
        with Session(world.house.engine) as session, session.begin():
            row = session.query(ContentCheck).filter_by(subject="team").one()
            row.state = "review"
    claim = a_claim_row(world, "chen", need, team)
    plan = a_plan_row(world, round_["id"], [a_pair(world, "chen", need, claim, team)])
    publicity = world.as_("lead").ok("POST", f"/plans/{plan}/approve")["publicity"]
    assert [one["name"] for one in world.anyone().get(f"/publicity/{publicity}")["items"]] == [name]
