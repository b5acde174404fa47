"""People, roles, bindings, sessions, teams and the import, tried by strangers and by people who hold several roles."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from tests.cast import CITY, PAOTAI, PUNING, RONGCHENG
from tests.make import a_need, an_approved_need
from tests.world import Answer, Caller, World, new_id

A, B = "陌生人甲", "陌生人乙"


def _given(world: World, key: str, role: str, **more: Any) -> str:
    """Give one of the cast a further role, by one administrator and the other."""
    body = {"person": world.as_(key).id, "role": role} | more
    grant: str = world.as_("admin").ok("POST", "/roles", body)["id"]
    world.as_("admin2").ok("POST", f"/roles/{grant}/approve")
    return grant


def _invited(world: World, person: str) -> str:
    code: str = world.as_("admin").ok("POST", "/invitations", {"person": person})["invitation"]
    return code


def _bound(world: World, name: str, person: str) -> tuple[Caller, Answer]:
    caller = world.login(name)
    return caller, caller.ok("POST", "/auth/bind", {"invitation": _invited(world, person)})


# ---- several roles ----


def test_a_role_that_only_reads_widens_no_role_that_writes(world: World) -> None:
    """API5: county staff who also audit the city register, invite and grant in their own county alone."""
    _given(world, "county", "auditor", region=CITY)
    county = world.as_("county")
    theirs = world.as_("other_county").ok("POST", "/people", {"name": "普宁人"})["id"]
    assert county.get(f"/people/{theirs}").status == 200
    for region in (PUNING, CITY):
        assert county.post("/people", {"name": "越界", "region": region})["errors"].keys() == {"region"}
    assert county.ok("POST", "/people", {"name": "本县人"})["region"] == RONGCHENG
    assert county.post("/people/import", {"csv": "name\n越界", "region": PUNING})["problems"]
    assert county.post("/invitations", {"person": theirs}).status == 403
    assert county.post("/roles", {"person": theirs, "role": "township", "region": PAOTAI}).status == 403
    own = county.ok("POST", "/people", {"name": "又一本县人"})["id"]
    assert county.post("/roles", {"person": own, "role": "township", "region": "445281113000"}).status == 422
    need = world.as_("other_township").ok("POST", "/needs", a_need(township="445281113000"))
    world.as_("other_township").ok("POST", f"/needs/{need['id']}/submit")
    assert county.get(f"/needs/{need['id']}")["moves"] == []
    assert county.post(f"/needs/{need['id']}/approve").status == 403


def test_nobody_reviews_their_own_need_in_another_role(world: World) -> None:
    """quality.md 2.3.5: the same person with two roles cannot either."""
    _given(world, "county", "township", region=PAOTAI)
    both = world.as_("county")
    need = both.ok("POST", "/needs", a_need())
    both.ok("POST", f"/needs/{need['id']}/submit")
    refused = both.post(f"/needs/{need['id']}/approve")
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")


def test_a_role_acts_from_its_first_to_its_last_day_in_shanghai(world: World) -> None:
    """domain.md §1, §6: a role is held for a period; its days begin and end at midnight in Shanghai."""
    today = datetime(2026, 3, 2, tzinfo=UTC)
    world.at(today)
    _given(world, "didu", "township", region=PAOTAI, starts_on="2026-03-04", ends_on="2026-03-05")
    for at, status in (
        (datetime(2026, 3, 3, 15, 59, 59, tzinfo=UTC), 422),
        (datetime(2026, 3, 3, 16, tzinfo=UTC), 201),
        (datetime(2026, 3, 5, 15, 59, 59, tzinfo=UTC), 201),
        (datetime(2026, 3, 5, 16, tzinfo=UTC), 422),
    ):
        world.at(at)
        assert world.as_("didu").post("/needs", a_need()).status == status, at


def test_who_is_no_longer_in_office_joins_no_team(world: World) -> None:
    """R-APP-1: members are selected commissioners; a role whose last day is over makes none."""
    world.at(datetime(2026, 3, 2, tzinfo=UTC))
    admin = world.as_("admin")
    person = admin.ok("POST", "/people", {"name": "任期已满"})["id"]
    grant = {"person": person, "role": "commissioner", "region": CITY, "ends_on": "2026-03-03"}
    made = admin.ok("POST", "/roles", grant)["id"]
    world.as_("admin2").ok("POST", f"/roles/{made}/approve")
    body = {"name": "老队", "members": [world.as_("li").id, person]}
    assert world.as_("chen").post("/teams", body).status == 201
    world.at(datetime(2026, 3, 4, tzinfo=UTC))
    assert world.as_("chen").post("/teams", body)["errors"].keys() == {"members"}


@pytest.mark.parametrize(
    ("giver", "role", "scope"),
    [
        ("county", "county", {"region": RONGCHENG}),
        ("county", "admin", {"region": CITY}),
        ("county", "township", {"region": "445281113000"}),
        ("county", "township", {"region": "44520210"}),
        ("county", "township", {"region": "4452"}),
        ("county", "dispatcher", {"organisation": "ORG01"}),
        ("city", "admin", {"region": CITY}),
        ("city", "auditor", {"region": CITY}),
        ("admin", "city", {"region": "44"}),
        ("admin", "township", {"region": "445202102001"}),
        ("admin", "county", {"region": RONGCHENG, "organisation": "ORG01"}),
        ("admin", "township", {"region": PAOTAI, "starts_on": "2026-03-02", "ends_on": "2026-03-01"}),
    ],
)
def test_nobody_grants_beyond_their_own_reach(world: World, giver: str, role: str, scope: dict[str, str]) -> None:
    """quality.md 8.2.1: role and region must both lie in the giver's reach; a code's prefix is no region."""
    caller = world.as_(giver)
    person = caller.ok("POST", "/people", {"name": "待授权"})["id"]
    assert caller.post("/roles", {"person": person, "role": role} | scope).status == 422


# ---- bindings and sessions ----


def test_who_binds_again_waits_again(world: World) -> None:
    """quality.md §5: re-binding needs a new approval, also of a phone that was verified once."""
    person = world.as_("township").id
    first, bound = _bound(world, A, person)
    world.as_("admin2").ok("POST", f"/bindings/{bound['binding']}/approve")
    assert first.get("/needs").status == 200
    second, taken = _bound(world, B, person)
    assert first.get("/needs").status == 401
    world.as_("admin2").ok("POST", f"/bindings/{taken['binding']}/approve")
    again, back = _bound(world, A, person)
    assert back["state"] == "claimed"
    assert again.get("/needs").status == 403
    assert second.get("/needs").status == 401


def test_a_later_claim_ends_an_earlier_one(world: World) -> None:
    """quality.md §5: one openid, one person; whoever claims last is the only one to be verified."""
    person = world.as_("township").id
    _, stale = _bound(world, B, person)
    later, bound = _bound(world, A, person)
    world.as_("admin2").ok("POST", f"/bindings/{bound['binding']}/approve")
    assert later.get("/needs").status == 200
    for move, body in (("approve", {}), ("reject", {"reason": "不是本人"})):
        refused = world.as_("admin2").post(f"/bindings/{stale['binding']}/{move}", body)
        assert (refused.status, refused["state"]) == (409, "rejected")
    assert later.get("/needs").status == 200
    world.as_("admin2").ok("POST", f"/bindings/{bound['binding']}/suspend", {"reason": "手机遗失"})
    assert later.get("/needs").status == 401
    assert world.as_("admin2").post(f"/bindings/{bound['binding']}/approve")["state"] == "suspended"


def test_everybody_ends_their_own_sessions_and_no_others(world: World) -> None:
    """api.md: the device list, for visitors too; another's session is not found."""
    visitor, same = world.login(A), world.login(A)
    township, other = world.login("砲小满"), world.as_("didu")
    for caller in (visitor, township):
        sessions = caller.ok("GET", "/auth/sessions")["items"]
        mine = next(one["id"] for one in sessions if one["current"])
        assert other.delete(f"/auth/sessions/{mine}").status == 404
        assert other.delete(f"/auth/sessions/{new_id()}").status == 404
    second = next(one["id"] for one in same.ok("GET", "/auth/sessions")["items"] if one["current"])
    assert visitor.delete(f"/auth/sessions/{second}").status == 204
    assert same.get("/auth/sessions").status == 401
    assert visitor.delete("/auth/session").status == 204
    assert visitor.delete("/auth/session").status == 401


@pytest.mark.parametrize("times", [2, 16])
def test_an_invitation_binds_one_of_many_at_once(world: World, times: int) -> None:
    """quality.md bar 21: single use, across workers."""
    code = _invited(world, world.as_("admin").ok("POST", "/people", {"name": "只此一人"})["id"])
    callers = [world.login((A, B)[n % 2]) for n in range(min(times, 8))]
    answers: list[int] = []
    threads = [
        Thread(target=lambda c=c: answers.append(c.post("/auth/bind", {"invitation": code}).status)) for c in callers
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 422, 429}


# ---- teams ----


def test_the_last_two_members_may_agree_at_once(world: World) -> None:
    """R-APP-1: whoever is last confirms the team, also when two are last."""
    for _ in range(3):
        body = {"id": new_id(), "name": "同时同意", "members": [world.as_("li").id, world.as_("wang").id]}
        team = world.as_("chen").ok("POST", "/teams", body)["id"]
        threads = [Thread(target=world.as_(one).post, args=(f"/teams/{team}/agree",)) for one in ("li", "wang")]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert world.as_("chen").ok("GET", f"/teams/{team}")["state"] == "confirmed"
        world.as_("chen").ok("POST", f"/teams/{team}/dissolve", {"reason": "重来"})


def test_a_team_whose_member_went_elsewhere_says_so(world: World) -> None:
    """R-APP-1: nobody is in two confirmed teams; the one who agrees last is told why it comes to nothing."""
    chen, li, wang, zhao, sun = (world.as_(one) for one in ("chen", "li", "wang", "zhao", "sun"))
    first = chen.ok("POST", "/teams", {"name": "甲队", "members": [li.id, wang.id]})["id"]
    second = zhao.ok("POST", "/teams", {"name": "乙队", "members": [li.id, sun.id]})["id"]
    for team, members in ((first, (li,)), (second, (li, sun))):
        for one in members:
            one.ok("POST", f"/teams/{team}/agree")
    refused = wang.post(f"/teams/{first}/agree")
    assert (refused.status, refused["detail"]) == (409, "有成员已在其他团队中，或不再是在任科技特派员")
    assert wang.post(f"/teams/{second}/agree").status == 404
    assert li.post(f"/teams/{second}/agree").status == 409
    assert li.post(f"/teams/{second}/dissolve", {"reason": "x"}).status == 404
    assert zhao.ok("POST", f"/teams/{second}/leave")["state"] == "dissolved"
    assert zhao.post(f"/teams/{second}/leave").status == 404


def test_no_claim_comes_from_a_team_one_left_or_does_not_lead(world: World) -> None:
    """R-APP-1: a team claims through its leader, while it stands."""
    need = an_approved_need(world)
    chen, li, wang = (world.as_(one) for one in ("chen", "li", "wang"))
    path, body = f"/needs/{need['id']}/claims", {"plan": "到场两次"}
    team = chen.ok("POST", "/teams", {"name": "甲队", "members": [li.id, wang.id]})["id"]
    assert chen.post(path, body | {"team_id": team}).status == 422
    for one in (li, wang):
        one.ok("POST", f"/teams/{team}/agree")
    assert li.post(path, body | {"team_id": team}).status == 422
    assert li.post(path, body).status == 409
    assert world.as_("zhao").post(path, body | {"team_id": team}).status == 422
    assert world.as_("zhao").get(f"/teams/{team}").status == 404
    li.ok("POST", f"/teams/{team}/leave")
    assert chen.post(path, body | {"team_id": team}).status == 422
    assert chen.post(path, body).status == 201


# ---- import ----


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("name,title\n某," + "x" * 140_000, 422),
        ("name,name\n甲,乙", 422),
        ("姓名\n甲", 422),
        ("name,phone,x\n甲,,", 422),
        ("﻿name\n甲", {}),
        ("name\n" + "𠮷" * 61, {2: "name"}),
        ("name,title\n甲,a\u202eb", {2: "title"}),
        ("name,phone\n甲,１９９", {2: "phone"}),
        ("name,nature\n甲,free", {2: "nature"}),
        ("name,specialties\n甲," + "|".join(["A0111"] * 2), {2: "specialties"}),
        ("name,specialties\n甲,A0111|NOPE", {2: "specialties"}),
        ("name,organisation\n甲,NOPE", {2: "organisation"}),
        ("name,phone\n甲,19900008888\n乙,19900008888", {3: "phone"}),
        ("name\n甲\n\u200b\n丙", {3: "name"}),
    ],
)
def test_a_csv_names_each_line_that_cannot_be_taken(world: World, csv: str, expected: int | dict[int, str]) -> None:
    """api.md: CSV import with a dry run; all or none, and never a 500."""
    county = world.as_("county")
    count = len(county.get("/people", limit=100)["items"])
    for dry_run in (True, False) if expected else (True,):
        answer = county.post("/people/import", {"csv": csv, "dry_run": dry_run})
        if isinstance(expected, int):
            assert answer.status == expected
            continue
        assert {one["line"]: next(iter(one["errors"])) for one in answer["problems"]} == expected
        assert answer["registered"] == 0
    assert len(county.get("/people", limit=100)["items"]) == count


GOOD = "name,phone,title\n甲,19900008801,教授\n乙,19900008802,\n丙,,研究员\n"


def test_the_same_csv_may_come_again(world: World) -> None:
    """Idempotent: whoever is registered just so is left alone; new lines are taken along."""
    county = world.as_("county")
    for _ in range(2):
        trial = county.ok("POST", "/people/import", {"csv": GOOD, "dry_run": True})
        assert (trial["lines"], trial["registered"], trial["known"], trial["problems"]) == (3, 0, 0, [])
    first = county.ok("POST", "/people/import", {"csv": GOOD, "dry_run": False})
    assert (first["registered"], first["known"]) == (3, 0)
    again = county.ok("POST", "/people/import", {"csv": GOOD, "dry_run": False})
    assert (again["registered"], again["known"], again["problems"]) == (0, 3, [])
    more = county.ok("POST", "/people/import", {"csv": GOOD + "丁,19900008804,\n", "dry_run": False})
    assert (more["registered"], more["known"]) == (1, 3)
    assert len([one for one in county.get("/people", limit=100)["items"] if one["name"] in "甲乙丙丁"]) == 4


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("name,phone,title\n甲,19900008801,副教授\n戊,19900008805,\n", {2: ["title"]}),
        ("name,phone,title\n改名,19900008801,讲师\n", {2: ["name", "title"]}),
        ("name,phone,title\n丙,,教授\n", {2: ["phone"]}),
        ("name,phone\n己,19900008806\n己,19900008806\n", {3: ["phone"]}),
        ("name,phone\n己,\n庚,\n己,\n", {4: ["name"]}),
        ("name,phone\n辛,19900001001\n", {2: ["phone"]}),
    ],
)
def test_a_half_changed_csv_is_refused_by_line_and_field(
    world: World, csv: str, expected: dict[int, list[str]]
) -> None:
    """Nothing is changed silently and nobody is registered twice; not even the good lines of such a file are taken."""
    county = world.as_("county")
    county.ok("POST", "/people/import", {"csv": GOOD, "dry_run": False})
    before = county.get("/people", limit=100)["items"]
    answer = county.ok("POST", "/people/import", {"csv": csv, "dry_run": False})
    assert {one["line"]: sorted(one["errors"]) for one in answer["problems"]} == expected
    assert answer["registered"] == 0
    assert county.get("/people", limit=100)["items"] == before


def test_two_people_with_one_phone_are_refused_also_at_once(world: World) -> None:
    """quality.md §5: a phone identifies at most one person."""
    answers: list[int] = []
    callers = [world.as_(one) for one in ("admin", "admin2", "county", "other_county")]
    body = {"name": "同号", "phone": "19900009999"}
    threads = [Thread(target=lambda c=c: answers.append(c.post("/people", body).status)) for c in callers]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == [201, 422, 422, 422]
    world.at(world.house.clock.now() + timedelta(seconds=1))
