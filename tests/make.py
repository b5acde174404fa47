"""Reaches a state of the season by real commands, so that a test starts where its story does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from models.base import new_id as new_uuid
from models.pairings import Pairing, PairingMember
from service.core import moves
from service.core.unit import SYSTEM
from tests.cast import DIDU, GAOPU, PAOTAI, RONGCHENG
from tests.world import World, new_id, staged

START = datetime(2026, 3, 2, 2, tzinfo=UTC)  # a Monday morning in Shanghai; the calendar of 2026 is loaded


def a_need(**changes: Any) -> dict[str, Any]:
    """A complete need of 砲台镇."""
    return {
        "id": new_id(),
        "township": PAOTAI,
        "title": "乌龙茶园茶小绿叶蝉防治",
        "problem": "今年春茶前叶蝉虫口偏高，农户只会打药，想要一套绿色防控的办法。",
        "wanted": "建一块示范茶园，培训十户茶农。",
        "specialties": ["A0164"],
        "form": "on_site",
        "places": 1,
        "urgency": 2,
        "contact": "农办 19900002001",
    } | changes


def a_round(world: World, **changes: Any) -> dict[str, Any]:
    """An opened round whose dates lie one, two and three weeks ahead of the rules' clock."""
    now = world.house.clock.now()
    dates = ("needs_until", "claims_until", "ranking_until")
    body = {"title": "2026年春季镇村发榜", "year": now.year}
    body |= {name: (now + timedelta(days=7 * (n + 1))).isoformat() for n, name in enumerate(dates)}
    city = world.as_("city")
    made = city.ok("POST", "/rounds", {"id": new_id()} | body | changes)
    return city.ok("POST", f"/rounds/{made['id']}/open").json


@staged
def an_approved_need(
    world: World, poster: str = "township", reviewer: str = "county", **changes: Any
) -> dict[str, Any]:
    """A need that its county approved."""
    author = world.as_(poster)
    need = author.ok("POST", "/needs", a_need(**changes))
    author.ok("POST", f"/needs/{need['id']}/submit")
    world.check_content()
    return world.as_(reviewer).ok("POST", f"/needs/{need['id']}/approve").json


@staged
def a_published_round(
    world: World, *needs: tuple[str, str, dict[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A round on the board with the needs given as (poster, reviewer, changes); one of 砲台镇 where none is."""
    round_ = a_round(world)
    made = [
        an_approved_need(world, poster, reviewer, **({"round_id": round_["id"]} | changes))
        for poster, reviewer, changes in needs or (("township", "county", {}),)
    ]
    return world.as_("city").ok("POST", f"/rounds/{round_['id']}/publish").json, made


def a_claim(world: World, who: str, need: str, preference: int = 1, **changes: Any) -> dict[str, Any]:
    """A claim of one of the cast on a need."""
    body = {"id": new_id(), "plan": "每月到场两次，建示范点一处。", "preference": preference}
    return world.as_(who).ok("POST", f"/needs/{need}/claims", body | changes).json


@staged
def a_team(world: World, leader: str, *members: str) -> str:
    """The id of a confirmed team of the cast."""
    body = {"id": new_id(), "name": "茶叶团队", "members": [world.as_(one).id for one in members]}
    team = world.as_(leader).ok("POST", "/teams", body)["id"]
    for one in members:
        world.as_(one).ok("POST", f"/teams/{team}/agree")
    return str(team)


@staged
def a_pairing(world: World, person: str = "chen", companions: tuple[str, ...] = (), **changes: Any) -> str:
    """The id of a pairing in force of one of the cast with 砲台镇, for three years from this January.

    Inserted directly: who stands in it is all that records need. `companions` are further members, as in a team.
    """
    need = an_approved_need(world, title=f"结对需求 {new_id()[:8]}")
    people = [UUID(world.as_(one).id) for one in (person, *companions)]
    year = world.house.clock.now().year
    values = {
        "county_code": RONGCHENG,
        "township_code": PAOTAI,
        "kind": "pairing",
        "need_id": UUID(need["id"]),
        "person_id": people[0],
        "claimant_key": people[0],
        "starts_on": date(year, 1, 1),
        "ends_on": date(year + 2, 12, 31),
        "reasons": [],
    }
    with world.house.write(SYSTEM) as uow:
        pairing = moves.start(uow, Pairing(id=new_uuid(), **(values | changes)))
        uow.session.add_all(
            PairingMember(pairing_id=pairing.id, person_id=one, county_code=pairing.county_code) for one in people
        )
    return str(pairing.id)


def a_record(pairing: str, at: datetime, hours: float = 3, **changes: Any) -> dict[str, Any]:
    """A complete record of a service that began at an aware moment."""
    return {
        "id": new_id(),
        "pairing_id": pairing,
        "started_at": at.isoformat(),
        "ended_at": (at + timedelta(hours=hours)).isoformat(),
        "form": "on_site",
        "kind": "guidance",
        "done": "查看示范茶园虫口，讲解黄板与释放天敌的时机。",
        "companions": [],
        "counters": {"farmers_helped": 12},
        "photos": [],
    } | changes


def an_accepted_record(world: World, pairing: str, at: datetime, who: str = "chen", **changes: Any) -> dict[str, Any]:
    """A record that its township confirmed and its county accepted."""
    made = world.as_(who).ok("POST", "/records", a_record(pairing, at, **changes))
    world.as_("township").ok("POST", f"/records/{made['id']}/confirm")
    return world.as_("county").ok("POST", f"/records/{made['id']}/accept").json


@staged
def a_ranked_round(world: World) -> dict[str, Any]:
    """A round after its ranking: `{"round": …, "needs": {name: need}, "claims": {(who, name): id}}`.

    榕城区: 砲台镇 has `tea` and `pruning`, 地都镇 `rice`; 普宁市: 高埔镇 has `fruit`. chen and li claim tea, chen also
    pruning, wang fruit; tea is ranked li before chen. Nobody claims rice; zhao and sun claim nothing at all.
    """
    world.at(START)
    ours = ("township", "county")
    round_, made = a_published_round(
        world,
        (*ours, {}),
        (*ours, {"title": "茶园修剪培训", "problem": "茶树老化", "wanted": "修剪示范"}),
        ("didu", "county", {"township": DIDU, "title": "早稻直播田除草", "specialties": ["A0111"]}),
        ("other_township", "other_county", {"township": GAOPU, "title": "青梅保果", "specialties": ["A0153"]}),
    )
    needs = dict(zip(("tea", "pruning", "rice", "fruit"), made, strict=True))
    wanted = (("li", "tea", 1), ("chen", "tea", 1), ("chen", "pruning", 2), ("wang", "fruit", 1))
    claims = {(who, name): a_claim(world, who, needs[name]["id"], place)["id"] for who, name, place in wanted}
    ranked = {"ranked": [claims["li", "tea"], claims["chen", "tea"]]}
    world.as_("township").ok("PUT", f"/needs/{needs['tea']['id']}/ranking", ranked)
    world.at(START + timedelta(days=21, hours=1))
    return {"round": round_, "needs": needs, "claims": claims}


@staged
def a_frozen_round(world: World, seed: str | None = "806452") -> dict[str, Any]:
    """`a_ranked_round`, frozen, its seed drawn."""
    season = a_ranked_round(world)
    city, path = world.as_("city"), f"/rounds/{season['round']['id']}"
    season["round"] = city.ok("POST", path + "/freeze").json
    if seed is not None:
        season["round"] = city.ok("POST", path + "/seed", {"seed": seed}).json
    return season


@staged
def a_prepared_plan(world: World) -> dict[str, Any]:
    """`a_frozen_round` with the city's official run under `run` and each county's part under `parts` by its code."""
    season = a_frozen_round(world)
    path = f"/rounds/{season['round']['id']}/plans"
    run = world.as_("city").ok("POST", path, {}, headers={"Idempotency-Key": new_id()}).json
    return season | {"run": run, "parts": {one["county"]: one for one in run["parts"]}}


def accept_all(world: World, plan: str, cast: tuple[str, ...] = ("chen", "li", "wang", "zhao", "sun")) -> None:
    """Let both sides say yes to every proposal of a plan."""
    for who in (*cast, "township", "didu", "other_township"):
        for one in world.as_(who).get("/proposals", state="waiting")["items"]:
            if one["plan"] == plan and "accept" in one["moves"]:
                world.as_(who).ok("POST", f"/proposals/{one['id']}/accept")


@staged
def a_submitted_plan(world: World) -> dict[str, Any]:
    """`a_prepared_plan` with 榕城区's part accepted by both sides and handed in; its id under `plan`."""
    season = a_prepared_plan(world)
    plan = season["parts"][RONGCHENG]["id"]
    accept_all(world, plan)
    world.as_("county").ok("POST", f"/plans/{plan}/submit")
    return season | {"plan": plan}
