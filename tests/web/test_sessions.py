"""The ends of a session: the next request is refused, on whichever worker (quality.md bar 13)."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import wsgi
from service.core.unit import House
from tests.cast import CITY, PAOTAI
from tests.make import a_claim, a_need, a_published_round
from tests.world import Caller, World, make_house, new_id

START = datetime(2026, 3, 2, 2, tzinfo=UTC)


def _elsewhere(world: World, folder: Path) -> House:
    """Another worker: a house of its own on the same database."""
    url = world.house.engine.url.set(drivername=world.house.engine.dialect.name).render_as_string(hide_password=False)
    return make_house(url, folder, world.sandbox)


def _logout(world: World, caller: Caller, _person: str) -> None:
    caller.delete("/auth/session")


def _by_owner(world: World, caller: Caller, _person: str) -> None:
    other = world.login("狄惊蛰")
    theirs = [one["id"] for one in other.ok("GET", "/auth/sessions")["items"] if not one["current"]]
    for one in theirs:
        assert other.delete(f"/auth/sessions/{one}").status == 204


def _role_ended(world: World, _caller: Caller, person: str) -> None:
    grant = next(one for one in world.as_("admin2").get("/roles", limit=100)["items"] if one["person"] == person)
    world.as_("admin2").ok("POST", f"/roles/{grant['id']}/end", {"reason": "调岗"})


def _suspended(world: World, _caller: Caller, person: str) -> None:
    binding = next(one for one in world.as_("admin2").get("/bindings", limit=100)["items"] if one["person"] == person)
    world.as_("admin2").ok("POST", f"/bindings/{binding['id']}/suspend", {"reason": "手机遗失"})


def _closed(world: World, caller: Caller, _person: str) -> None:
    caller.ok("DELETE", "/me")


@pytest.mark.parametrize(
    ("end", "status"),
    [(_logout, 401), (_by_owner, 401), (_role_ended, 403), (_suspended, 401), (_closed, 401)],
)
def test_what_ends_a_session_ends_it_on_every_worker(
    world: World, tmp_path: Path, end: Callable[[World, Caller, str], None], status: int
) -> None:
    """Nothing is cached: the worker that did not hear of it refuses as well."""
    caller = world.login("狄惊蛰")
    other = _elsewhere(world, tmp_path)
    try:
        there = Caller(wsgi.create_app(other), caller.token)
        assert (there.get("/needs").status, caller.get("/needs").status) == (200, 200)
        end(world, caller, caller.person["id"])
        assert (there.get("/needs").status, caller.get("/needs").status) == (status, status)
    finally:
        other.close()


def test_a_role_ends_with_its_period(world: World) -> None:
    """The grant's last day is over in Shanghai: the next request of the same session has the role no more."""
    world.at(START)
    person = world.as_("didu").id
    body = {"person": person, "role": "auditor", "region": CITY, "ends_on": "2026-03-02"}
    grant = world.as_("admin").ok("POST", "/roles", body)["id"]
    world.as_("admin2").ok("POST", f"/roles/{grant}/approve")
    caller = world.as_("didu")
    assert caller.get("/people").status == 200
    world.house.clock.set(datetime(2026, 3, 2, 16, tzinfo=UTC))
    assert caller.get("/people").status == 403


def test_a_role_is_announced_before_it_ends(world: World) -> None:
    """Who waits is told: fifteen days before the last day, once."""
    world.at(START)
    body = {"person": world.as_("didu").id, "role": "township", "region": PAOTAI, "ends_on": "2026-03-16"}
    grant = world.as_("admin").ok("POST", "/roles", body)["id"]
    world.as_("admin2").ok("POST", f"/roles/{grant}/approve")
    for _ in range(2):
        world.run_jobs()
    told = [
        one for one in world.as_("didu").get("/me/messages", limit=100)["items"] if one["kind"] == "role.remind_end"
    ]
    assert [one["body"] for one in told] == ["您的砲台镇乡镇经办将于 2026年3月17日 00:00 到期。"]


def test_a_list_is_whole_and_single_while_it_grows(world: World) -> None:
    """api.md, lists: what was there when the first page was asked comes once, whatever is added between the pages."""
    world.at(START)
    township = world.as_("township")
    there = {township.ok("POST", "/needs", a_need())["id"] for _ in range(7)}
    seen: list[str] = []
    cursor = None
    while True:
        page = township.get("/needs", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["items"]]
        township.ok("POST", "/needs", a_need())
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


def test_claims_are_whole_and_single_while_they_grow(world: World) -> None:
    """The same of `GET /claims`, which the township reads while commissioners claim."""
    world.at(START)
    _, needs = a_published_round(world, *(("township", "county", {"id": new_id()}) for _ in range(3)))
    claimed = {a_claim(world, who, needs[0]["id"])["id"] for who in ("chen", "li", "wang")}
    late, seen, cursor = iter((("zhao", 0), ("sun", 0), ("chen", 1), ("li", 1))), list[str](), None
    while True:
        page = world.as_("township").get("/claims", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["items"]]
        if (more := next(late, None)) is not None:
            a_claim(world, more[0], needs[more[1]]["id"], more[1] + 1)
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert claimed <= set(seen)
