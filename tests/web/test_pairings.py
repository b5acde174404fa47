"""From an approved plan to pairings, everyday tasks, recognition and ends (domain §3 steps 6-7, R-APP-5, R-CLAIM-2)."""

import threading
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.claims import Claim
from models.journal import JournalEntry
from models.pairings import Pairing
from service.core.unit import SYSTEM
from service.pairings import jobs
from tests.cast import DIDU, GAOPU, PAOTAI, PUNING, RONGCHENG
from tests.make import a_claim, a_round, a_submitted_plan, an_approved_need
from tests.rows import a_claim_row, a_pair, a_plan_row, a_proposal_row, a_team_row
from tests.world import Answer, Caller, World, new_id

SHANGHAI = ZoneInfo("Asia/Shanghai")
SIGNED = {"text": "有异议", "name": "何有声", "contact": "19900003001"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


OPENED, ENDED = moment("2026-03-02T10:00"), moment("2026-03-10T00:00")


class Season:
    """A round in which 榕城 has one need of 砲台镇, won by chen, and li loses."""

    def __init__(self, world: World, **round_: Any) -> None:
        self.world = world
        world.at(OPENED)
        self.round = a_round(world, **round_)["id"]
        self.need = an_approved_need(world, round_id=self.round)
        self.won, self.lost = a_claim_row(world, "chen", self.need), a_claim_row(world, "li", self.need)
        losing = [{"claim": self.lost, "reasons": ["乡镇把另一位排在前面", "名额已满"]}]
        self.plan = a_plan_row(world, self.round, [a_pair(world, "chen", self.need, self.won)], losing)

    def approve(self, lead: str = "lead") -> "Season":
        self.publicity = self.world.as_(lead).ok("POST", f"/plans/{self.plan}/approve")["publicity"]
        return self

    def settle(self, caller: Caller | None = None) -> Answer:
        return (caller or self.world.as_("city")).post(f"/plans/{self.plan}/settle")

    def settled(self) -> dict[str, Any]:
        """Approve, wait, settle; the pairing that came of it."""
        self.approve()
        self.world.at(ENDED)
        assert self.settle().status == 200
        (one,) = self.world.as_("city").get("/pairings", round=self.round)["items"]
        return dict(one)


def states(world: World, *claims: str) -> list[tuple[str, str | None]]:
    with Session(world.house.engine) as session:
        rows = {str(row.id): row for row in session.scalars(sa.select(Claim))}
    return [(rows[one].state, rows[one].state_reason) for one in claims]


def test_a_settled_plan_makes_pairings_and_tells_everybody_why(world: World) -> None:
    """Domain §3 step 7, R-CLAIM-2, R-MATCH-4: three years from the day of settling, reasons on both sides."""
    season = Season(world)
    one = season.settled()
    assert (one["kind"], one["state"], one["starts_on"], one["ends_on"]) == (
        "pairing",
        "active",
        "2026-03-10",
        "2029-03-09",
    )
    assert (one["township"], one["county"], one["commissioner_name"]) == (PAOTAI, RONGCHENG, "陈茶生")
    assert (one["need"], one["claim"], one["plan"]) == (season.need["id"], season.won, season.plan)
    assert [person["name"] for person in one["people"]] == ["陈茶生"]
    assert one["reasons"] == ["双向选择"]
    assert one["recognition"] is None
    assert states(world, season.won, season.lost) == [
        ("won", "双向选择"),
        ("lost", "乡镇把另一位排在前面；名额已满"),
    ]
    assert world.as_("township").get(f"/needs/{season.need['id']}")["state"] == "filled"
    publicity = world.anyone().get(f"/publicity/{season.publicity}")
    assert (publicity["state"], publicity["state_reason"]) == ("closed", "公示期满")
    with Session(world.house.engine) as session:
        (entry,) = session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "plan.settle"))
    assert {(change["thing"], change["to"]) for change in entry.changes} == {
        ("plan", "settled"),
        ("pairing", "active"),
        ("claim", "won"),
        ("claim", "lost"),
        ("need", "filled"),
        ("publicity", "closed"),
    }


def test_a_plan_that_was_computed_goes_all_the_way(world: World) -> None:
    """Domain §3 steps 4 to 7 over HTTP: computed, consented, submitted, approved, published, settled."""
    season = a_submitted_plan(world)
    path = f"/plans/{season['plan']}"
    approved = world.as_("lead").ok("POST", path + "/approve")
    assert approved["pairs"]
    assert approved["moves"] == ["recall"]
    shown = world.anyone().get(f"/publicity/{approved['publicity']}")
    assert len(shown["items"]) == len(approved["pairs"])
    world.at(datetime.fromisoformat(shown["ends_at"]))
    settled = world.as_("city").ok("POST", path + "/settle")
    assert (settled["state"], settled["moves"]) == ("settled", [])
    pairings = world.as_("county").get("/pairings")["items"]
    given = {(pair["need"], pair["commissioner"], *pair["reasons"]) for pair in approved["pairs"]}
    assert {(one["need"], one["commissioner"], *one["reasons"]) for one in pairings} == given
    reasons = {one["claim"]: "；".join(one["reasons"]) for one in approved["losing"]}
    names = {one["claim"]: one["commissioner_name"] for one in approved["losing"]}
    told = {claim: ("lost", text.replace(names[claim], "您")) for claim, text in reasons.items()}
    assert told
    assert dict(zip(told, states(world, *told), strict=True)) == told
    assert states(world, season["claims"]["wang", "fruit"]) == [("active", None)]


def test_nothing_settles_before_the_window_has_passed(world: World) -> None:
    """R-PUB-1: refused to the last minute; only the city settles, once."""
    season = Season(world)
    assert season.settle().status == 409
    season.approve()
    for late in ("2026-03-02T10:01", "2026-03-09T23:59"):
        world.at(moment(late))
        refused = season.settle()
        assert (refused.status, refused["type"]) == (409, "/problems/publicity-running")
        assert refused["ends_at"].startswith("2026-03-09T16:00")
    assert states(world, season.won) == [("active", None)]
    world.at(ENDED)
    assert season.settle(world.anyone()).status == 401
    assert season.settle(world.as_("lead")).status == 403
    assert season.settle(world.as_("other_lead")).status == 403
    assert season.settle()["state"] == "settled"
    again = season.settle()
    assert (again.status, again["type"]) == (409, "/problems/wrong-state")
    assert len(world.as_("city").get("/pairings")["items"]) == 1


def test_nothing_settles_while_a_year_is_unknown(world: World) -> None:
    """R-PUB-1: never guessed; the refusal names the year."""
    season = Season(world)
    world.at(moment("2026-12-29T10:00"))
    season.approve()
    world.at(moment("2027-03-01T10:00"))
    refused = season.settle()
    assert (refused.status, refused["unknown_year"]) == (409, 2027)
    assert "2027年" in refused["detail"]


def test_an_objection_without_an_answer_blocks_and_an_answer_lets_settle(world: World) -> None:
    """R-PUB-2."""
    season = Season(world).approve()
    path = f"/publicity/{season.publicity}/objections"
    first, second = (world.anyone().ok("POST", path, SIGNED | {"text": text})["id"] for text in ("一", "二"))
    world.at(ENDED)
    assert season.settle()["objections"] == [first, second]
    world.as_("county").ok("POST", f"/objections/{first}/answer", {"text": "已核实"})
    refused = season.settle()
    assert (refused.status, refused["objections"]) == (409, [second])
    world.as_("lead").ok("POST", f"/objections/{second}/answer", {"text": "已核实"})
    assert season.settle().status == 200


def at_once(world: World, *paths: str) -> list[int]:
    """The city posts to all these paths at the same moment; the statuses, sorted."""
    token = world.as_("city").token
    statuses: list[int] = []
    gate = threading.Barrier(len(paths))

    def post(path: str) -> None:
        caller = Caller(world.app, token)
        gate.wait()
        statuses.append(caller.post(path).status)

    threads = [threading.Thread(target=post, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def test_two_settle_at_once_and_one_effect_stands(world: World) -> None:
    """Race: the others find it settled."""
    season = Season(world).approve()
    world.at(ENDED)
    assert at_once(world, *[f"/plans/{season.plan}/settle"] * 4) == [200, 409, 409, 409]
    assert len(world.as_("city").get("/pairings")["items"]) == 1


def test_two_counties_settle_at_once_and_nobody_is_posted_twice(world: World) -> None:
    """R-APP-5 under a race: both plans hold the same person, whoever is second is refused."""
    season = Season(world).approve()
    plan = a_second_plan(world, season)
    world.at(ENDED)
    assert at_once(world, f"/plans/{season.plan}/settle", f"/plans/{plan}/settle") == [200, 409]
    assert len(world.as_("city").get("/pairings")["items"]) == 1


def a_second_plan(world: World, season: Season, who: str = "chen") -> str:
    """普宁's part of the same round, which gives somebody a place in 高埔镇, approved at the same time."""
    need = an_approved_need(
        world, "other_township", "other_county", round_id=season.round, township=GAOPU, title="早稻直播田杂草"
    )
    pair = a_pair(world, who, need, a_claim_row(world, who, need))
    plan = a_plan_row(world, season.round, [pair], county=PUNING, by="other_county")
    world.as_("other_lead").ok("POST", f"/plans/{plan}/approve")
    return plan


@pytest.mark.parametrize(("capacity", "second"), [(1, 409), (2, 200)])
def test_nobody_is_posted_twice_across_counties_unless_the_round_allows(
    world: World, capacity: int, second: int
) -> None:
    """R-APP-5: another county's pairing counts; the county keeps its hands off the other's claims."""
    season = Season(world, capacity_max=capacity).approve()
    plan = a_second_plan(world, season)
    world.at(ENDED)
    assert season.settle().status == 200
    answer = world.as_("city").post(f"/plans/{plan}/settle")
    assert answer.status == second
    if second == 409:
        assert (answer["type"], answer["people"]) == ("/problems/already-posted", [world.as_("chen").id])
        assert "陈茶生" in answer["detail"]
        city = world.as_("city")
        (pairing,) = city.get("/pairings", state="active")["items"]
        city.ok("POST", f"/pairings/{pairing['id']}/end", {"reason": "双方商定"})
        assert city.post(f"/plans/{plan}/settle").status == 200


def test_a_county_settles_its_own_part_alone(world: World) -> None:
    """R-MATCH-7: the other county's claims stay as they are."""
    season = Season(world).approve()
    a_second_plan(world, season, "wang")
    world.at(ENDED)
    assert season.settle().status == 200
    with Session(world.house.engine) as session:
        left = session.scalars(sa.select(Claim.state).where(Claim.township_code == GAOPU)).all()
    assert left == ["active"]


def test_whoever_submitted_the_plan_does_not_settle_it(world: World) -> None:
    """Separation of duties: also where one person is county staff and the city's."""
    season = Season(world).approve()
    body = {"person": world.as_("county").id, "role": "city", "region": "4452"}
    grant = world.as_("admin").ok("POST", "/roles", body)
    world.as_("admin2").ok("POST", f"/roles/{grant['id']}/approve")
    world.at(ENDED)
    refused = season.settle(world.as_("county"))
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")


def test_what_changed_during_publicity_keeps_a_plan_from_settling(world: World) -> None:
    """R-MATCH-6: a claim that is gone, said by name; nothing is half done."""
    season = Season(world).approve()
    with Session(world.house.engine) as session, session.begin():
        session.execute(sa.update(Claim).where(Claim.id == UUID(season.won)).values(state="withdrawn"))
    world.at(ENDED)
    refused = season.settle()
    assert (refused.status, refused["type"]) == (409, "/problems/plan-stale")
    assert states(world, season.lost) == [("active", None)]
    assert world.anyone().get(f"/publicity/{season.publicity}")["state"] == "open"


def test_a_team_and_an_accepted_proposal_become_pairings(world: World) -> None:
    """R-APP-1, R-MATCH-6: everybody in the team serves; a pair without a claim rests on the proposal."""
    world.at(OPENED)
    round_ = a_round(world)["id"]
    tea = an_approved_need(world, round_id=round_)
    rice = an_approved_need(world, "didu", round_id=round_, township=DIDU, title="晚稻飞虱", places=2)
    team = a_team_row(world, "茶叶团队", "chen", "li", "wang")
    a_proposal_row(world, round_, "zhao", rice, "accepted")
    claim = a_claim_row(world, "chen", tea, team)
    pairs = [a_pair(world, "chen", tea, claim, team), a_pair(world, "zhao", rice, None)]
    plan = a_plan_row(world, round_, pairs)
    publicity = world.as_("lead").ok("POST", f"/plans/{plan}/approve")["publicity"]
    names = {item["name"] for item in world.anyone().get(f"/publicity/{publicity}")["items"]}
    assert names == {"茶叶团队（负责人陈茶生）", "赵海田"}
    world.at(ENDED)
    world.as_("city").ok("POST", f"/plans/{plan}/settle")
    (of_team,) = world.as_("li").get("/pairings")["items"]
    assert of_team["team_name"] == "茶叶团队"
    assert {one["name"] for one in of_team["people"]} == {"陈茶生", "李稻香", "王果实"}
    (alone,) = world.as_("zhao").get("/pairings")["items"]
    assert (alone["claim"], alone["team"]) == (None, None)
    # One of two places is taken: the need stays open.
    assert world.as_("didu").get(f"/needs/{rice['id']}")["state"] == "approved"


def test_pairings_are_seen_by_their_parties_and_filtered(world: World) -> None:
    """Outside the jurisdiction a pairing is not found."""
    season = Season(world)
    one = season.settled()
    path = f"/pairings/{one['id']}"
    for key in ("chen", "township", "county", "lead", "city", "auditor", "dispatcher"):
        assert world.as_(key).get(path).status == 200, key
    for key in ("li", "didu", "other_county", "other_township"):
        assert world.as_(key).get(path).status == 404, key
        assert world.as_(key).get("/pairings")["items"] == [], key
    assert world.anyone().get("/pairings").status == 401
    city = world.as_("city")
    found = [
        {"county": RONGCHENG},
        {"township": PAOTAI},
        {"round": season.round},
        {"need": season.need["id"]},
        {"commissioner": world.as_("chen").id},
        {"state": "active"},
        {"kind": "pairing"},
        {"year": "2026"},
        {"year": "2029"},
    ]
    missed = [
        {"county": PUNING},
        {"township": DIDU},
        {"round": new_id()},
        {"commissioner": world.as_("li").id},
        {"state": "ended"},
        {"kind": "task"},
        {"year": "2025"},
        {"year": "2030"},
    ]
    assert [len(city.get("/pairings", **query)["items"]) for query in found] == [1] * len(found)
    assert [len(city.get("/pairings", **query)["items"]) for query in missed] == [0] * len(missed)


def test_a_recognition_number_is_one_pairings_alone(world: World) -> None:
    """Domain §3 step 6: recorded by the city, repeated safely, corrected with a reason, never used twice."""
    season = Season(world, capacity_max=2).approve()
    plan = a_second_plan(world, season, "wang")
    world.at(ENDED)
    city = world.as_("city")
    assert season.settle().status == 200
    city.ok("POST", f"/plans/{plan}/settle")
    mine, other = (city.get("/pairings", county=code)["items"][0]["id"] for code in (RONGCHENG, PUNING))
    body = {"number": "粤科特认〔2026〕001号", "date": "2026-03-10"}
    path = f"/pairings/{mine}/recognition"
    assert world.as_("county").post(path, body).status == 403
    assert city.post(path, body | {"date": "2026-03-11"}).status == 422
    assert city.post(path, body | {"number": " "}).status == 422
    for _ in range(2):
        assert city.ok("POST", path, body)["recognition"] == body
    refused = city.post(f"/pairings/{other}/recognition", body)
    assert (refused.status, refused["type"]) == (409, "/problems/number-taken")
    assert city.post(path, body | {"number": "002"}).status == 409
    corrected = city.ok("POST", path, body | {"number": "粤科特认〔2026〕002号", "reason": "原号录错"})
    assert corrected["recognition"]["number"] == "粤科特认〔2026〕002号"
    assert city.ok("POST", f"/pairings/{other}/recognition", body)["recognition"] == body


@pytest.mark.parametrize(("move", "state"), [("end", "ended"), ("terminate", "terminated")])
def test_a_pairing_ends_early_with_a_reason(world: World, move: str, state: str) -> None:
    """By the county or the city, with a reason, once."""
    one = Season(world).settled()
    path = f"/pairings/{one['id']}/{move}"
    assert world.as_("county").post(path).status == 422
    assert world.as_("chen").post(path, {"reason": "不想去了"}).status == 403
    assert world.as_("other_county").post(path, {"reason": "无关"}).status == 404
    world.at(moment("2026-06-01T00:30"))
    ended = world.as_("county").ok("POST", path, {"reason": "双方商定"})
    assert (ended["state"], ended["ended_on"], ended["moves"]) == (state, "2026-06-01", [])
    assert world.as_("county").post(path, {"reason": "双方商定"}).status == 409


def test_a_term_that_is_over_ends_by_itself(world: World) -> None:
    """Domain §3 step 7: not on the last day, but after it; doing it twice changes nothing."""
    one = Season(world).settled()
    for now, expected in (("2029-03-09T23:59", 0), ("2029-03-10T00:00", 1)):
        world.at(moment(now))
        with world.house.read(SYSTEM) as uow:
            due = jobs.due(uow)
        assert len(due) == expected
    for _ in range(2):
        with world.house.write(SYSTEM) as uow:
            jobs.do(uow, due[0])
    with Session(world.house.engine) as session:
        row = session.scalars(sa.select(Pairing)).one()
    assert (row.state, str(row.ended_on), row.state_reason) == ("ended", one["ends_on"], "服务期满")


def test_an_everyday_need_is_assigned_and_the_others_learn_why(world: World) -> None:
    """The everyday: no round, no plan; a task pairing, the need filled, the others told 另有人选."""
    world.at(OPENED)
    need = an_approved_need(world, ends_on="2026-05-31")
    won, lost = (a_claim(world, who, need["id"])["id"] for who in ("chen", "li"))
    path = f"/needs/{need['id']}/assign"
    county = world.as_("county")
    assert world.as_("township").post(path, {"claim": won}).status == 403
    assert world.as_("other_county").post(path, {"claim": won}).status == 404
    assert county.post(path).status == 422
    assert county.post(path, {"claim": new_id()}).status == 422
    done = county.ok("POST", path, {"claim": won})
    assert (done["id"], done["state"]) == (need["id"], "filled")
    task = world.as_("chen").ok("GET", f"/pairings/{done['pairing']}")
    assert (task["kind"], task["round"], task["starts_on"], task["ends_on"]) == (
        "task",
        None,
        "2026-03-02",
        "2026-05-31",
    )
    assert [state for state, _ in states(world, won, lost)] == ["won", "lost"]
    assert states(world, lost) == [("lost", "另有人选")]
    assert county.post(path, {"claim": won}).status == 409
    assert county.post(path, {"claim": lost}).status == 409


def test_a_need_with_more_places_takes_more_and_stays_open_until_full(world: World) -> None:
    """R-NEED-5: one place is one claimant; nobody loses before the last place is taken."""
    need = an_approved_need(world, places=2)
    first, second, third = (a_claim(world, who, need["id"])["id"] for who in ("chen", "li", "wang"))
    path, county = f"/needs/{need['id']}/assign", world.as_("county")
    assert county.ok("POST", path, {"claim": first})["state"] == "approved"
    assert [state for state, _ in states(world, second, third)] == ["active", "active"]
    assert county.ok("POST", path, {"claim": second})["state"] == "filled"
    assert states(world, third) == [("lost", "另有人选")]


def test_a_need_of_a_round_is_not_assigned(world: World) -> None:
    """What belongs to a round is decided by its plan."""
    season = Season(world)
    assert world.as_("county").post(f"/needs/{season.need['id']}/assign", {"claim": season.won}).status == 409


def test_a_claim_that_the_township_declined_is_never_assigned(world: World) -> None:
    """R-MATCH-6."""
    need = an_approved_need(world)
    claim = a_claim(world, "chen", need["id"])["id"]
    with Session(world.house.engine) as session, session.begin():
        session.execute(sa.update(Claim).values(declined_reason="专业不合"))
    refused = world.as_("county").post(f"/needs/{need['id']}/assign", {"claim": claim})
    assert (refused.status, refused["type"]) == (409, "/problems/not-assignable")
