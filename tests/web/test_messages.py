"""Who hears of what, in the inbox and on the phone (R-CLAIM-2, issue 2 point 12)."""

import ast
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.notifications import Message
from rules.states import MACHINES
from service.core.unit import SYSTEM
from service.notifications.catalogue import CATALOGUE, NOTICES
from service.notifications.notice import HOME, PAGES, SILENT, TEMPLATES
from service.notifications.reminders import REMINDERS
from tests.cast import CAST
from tests.make import START, a_need, a_round, a_submitted_plan, an_approved_need
from tests.world import World, new_id
from wechat.account import TEMPLATES as OF_WECHAT
from wechat.sandbox.settings import SandboxSettings

ROOT = Path(__file__).parent.parent.parent
MOVING = {"binding.claim", "publicity.open", "need.assign"}
"""Commands of which the moves that they make are told."""


def test_every_move_is_told_to_somebody_or_silent_for_a_reason() -> None:
    """Every event of every machine, and every command that moves nothing, is in the catalogue or silent, never both."""
    happens = {f"{m.thing}.{one}" for m in MACHINES.values() for one in ("create", *(move.name for move in m.moves))}
    happens |= {one for path in sorted((ROOT / "service").rglob("*.py")) for one in _journalled(path)}
    assert happens - set(CATALOGUE) - set(SILENT) - MOVING == set()
    assert set(CATALOGUE) & set(SILENT) == set()
    assert (set(CATALOGUE) | set(SILENT) | MOVING) - happens == {one.action for one in REMINDERS.values()}
    assert all(len(one.kind) <= 32 for one in NOTICES)


def _journalled(path: Path) -> set[str]:
    """The actions that a file writes into the journal, in so many words."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", "")
            named = node.args[:1] if name == "record" else [one.value for one in node.keywords if one.arg == "action"]
            words = [inner for one in named for inner in ast.walk(one) if isinstance(inner, ast.Constant)]
            found |= {str(one.value) for one in words if re.fullmatch(r"[a-z_]+\.[a-z_]+", str(one.value))}
    return found


def test_copies_use_wechats_templates_with_all_their_fields() -> None:
    """The keys that the catalogue names are those of WeChat's room, field by field, and every page is published."""
    assert set(OF_WECHAT) == TEMPLATES
    for notice in NOTICES:
        if notice.copy:
            assert set(notice.copy.fields) == set(OF_WECHAT[notice.copy.template].fields), notice.event
    assert {*PAGES.values(), HOME} <= SandboxSettings().pages


def inbox(world: World, key: str, **query: object) -> Any:
    return world.as_(key).get("/me/messages", limit=100, **query)["items"]


def test_a_need_goes_back_and_forth_and_each_side_hears_of_the_other(world: World) -> None:
    """The township submits → the county hears; it returns with a reason → the township hears the reason."""
    township, county = world.as_("township"), world.as_("county")
    need = township.ok("POST", "/needs", a_need())
    path = f"/needs/{need['id']}"
    township.ok("POST", path + "/submit")
    county.ok("POST", path + "/return", {"reason": "请写明茶园面积"})
    township.ok("POST", path + "/submit")
    county.ok("POST", path + "/approve")
    world.run_jobs()
    mine = [one for one in inbox(world, "township") if one["thing"] == "need"]
    assert [one["kind"] for one in mine] == ["need.approve", "need.return"]
    assert "请写明茶园面积" in mine[1]["body"]
    assert [one["kind"] for one in inbox(world, "county", thing="need")] == ["need.submit", "need.submit"]
    assert inbox(world, "didu", thing="need") == inbox(world, "other_county", thing="need") == []
    world.run_jobs()
    assert len(inbox(world, "county", thing="need")) == 2


def test_a_message_is_read_by_its_reader_alone(world: World) -> None:
    """`unread` filters; a second reading changes nothing; another's message is not found."""
    an_approved_need(world)
    world.run_jobs()
    message = inbox(world, "township", thing="need")[0]
    assert message["read_at"] is None
    path = f"/me/messages/{message['id']}/read"
    assert world.as_("county").post(path).status == 404
    assert world.as_("county").post(f"/me/messages/{new_id()}/read").status == 404
    first = world.as_("township").ok("POST", path)
    assert first["read_at"]
    assert world.as_("township").ok("POST", path)["read_at"] == first["read_at"]
    assert message["id"] not in {one["id"] for one in inbox(world, "township", unread=1)}
    assert message["id"] in {one["id"] for one in inbox(world, "township", unread=0)}


def accept(world: World, key: str, template: str, result: str = "accept") -> Any:
    name = next(part.name for part in CAST if part.key == key)
    openid = world.sandbox.phone(name)["openid"]
    world.sandbox.post(f"/sandbox/phones/{openid}/subscribe", {"template": template, "result": result})
    return world.as_(key).ok("POST", "/me/subscriptions", {"template": template, "result": result}).json


def test_what_wechat_accepts_arrives_on_the_phone_and_the_rest_in_the_inbox_alone(world: World) -> None:
    """One accept, one message; without credit nothing is sent and the inbox has it."""
    before = len(world.messages("county"))
    assert accept(world, "county", "task_waiting") == {"template": "task_waiting", "result": "accept", "credits": 1}
    township = world.as_("township")
    for title in ("茶园治虫", "水稻育秧"):
        need = township.ok("POST", "/needs", a_need(title=title))
        township.ok("POST", f"/needs/{need['id']}/submit")
    world.run_jobs()
    world.run_jobs()
    shown = world.messages("county")[before:]
    assert [one["template"] for one in shown] == ["task_waiting"]
    assert shown[0]["page"].startswith("pages/needs/detail?id=")
    assert shown[0]["fields"][0]["value"] == "需求待审核"
    assert len(inbox(world, "county", thing="need")) == 2


def test_a_reject_ends_what_was_accepted_before(world: World) -> None:
    """The ledger follows the dialogue: +1 an accept, nothing left after a reject; others change nothing."""
    assert accept(world, "county", "task_waiting")["credits"] == 1
    assert accept(world, "county", "task_waiting")["credits"] == 2
    assert accept(world, "county", "task_waiting", "ban")["credits"] == 2
    assert accept(world, "county", "task_waiting", "reject")["credits"] == 0
    refused = world.as_("county").post("/me/subscriptions", {"template": "nonsense", "result": "accept"})
    assert (refused.status, list(refused["errors"])) == (422, ["template"])


def test_the_mini_program_learns_what_to_ask_for(world: World) -> None:
    """WeChat's dialogue wants the account's ids, long-term and one-time ones apart (wechat.md §B.4)."""
    ids = {template.template_id: key for key, template in OF_WECHAT.items()}
    accept(world, "county", "task_waiting")
    shown = world.as_("county").ok("GET", "/me/subscriptions")["items"]
    assert {one["template_id"]: one["template"] for one in shown} == ids
    assert {one["template"]: one["credits"] for one in shown if one["credits"]} == {"task_waiting": 1}
    assert {one["lasting"] for one in shown} == {False}
    assert not any(one["credits"] for one in world.as_("township").ok("GET", "/me/subscriptions")["items"])
    assert world.anyone().get("/me/subscriptions").status == 401


def test_wechats_refusal_clears_the_credit_silently(world: World) -> None:
    """43101: we believed in a credit that WeChat does not know; the inbox alone has the message."""
    accept(world, "county", "task_waiting", "reject")  # the phone may remember what other tests accepted
    county, township = world.as_("county"), world.as_("township")
    county.ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})
    county.ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})
    before = len(world.messages("county"))
    need = township.ok("POST", "/needs", a_need())
    township.ok("POST", f"/needs/{need['id']}/submit")
    world.run_jobs()
    assert len(world.messages("county")) == before
    with world.house.read(SYSTEM) as uow:
        row = uow.session.scalars(sa.select(Message).where(Message.kind == "need.submit")).one()
        assert row.wechat_state == "refused"
    left = county.ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "filter"})
    assert left["credits"] == 0


def test_a_round_is_told_to_its_city(world: World) -> None:
    """Opening, extending with a reason and cancelling reach townships, counties and, once public, commissioners."""
    round_ = a_round(world)
    an_approved_need(world, round_id=round_["id"])
    city = world.as_("city")
    city.ok("POST", f"/rounds/{round_['id']}/publish")
    seen = city.get(f"/rounds/{round_['id']}")
    later = (datetime.fromisoformat(seen["claims_until"]) + timedelta(days=1)).isoformat()
    extended = city.patch(f"/rounds/{round_['id']}", {"claims_until": later, "reason": "春耕推迟"}, seen.etag)
    assert extended.status == 200
    city.ok("POST", f"/rounds/{round_['id']}/cancel", {"reason": "台风"})
    world.run_jobs()
    told = [one["kind"] for one in inbox(world, "didu", thing="round")]
    assert told == ["round.cancel", "round.edit", "round.publish", "round.open"]
    chen = inbox(world, "chen", thing="round")
    assert [one["kind"] for one in chen] == ["round.cancel", "round.edit", "round.publish"]
    assert "春耕推迟" in chen[1]["body"]
    assert inbox(world, "city", thing="round") == []


@pytest.mark.parametrize("query", [{"unread": "x"}, {"limit": 0}, {"nonsense": 1}])
def test_a_wrong_question_is_refused_by_field(world: World, query: dict[str, object]) -> None:
    assert world.as_("chen").get("/me/messages", **query).status == 422


def test_the_inbox_is_a_persons(world: World) -> None:
    assert world.anyone().get("/me/messages").status == 401
    stranger = world.login("陌生人甲")
    assert stranger.get("/me/messages").status == 403


def test_winners_and_losers_learn_the_outcome_with_its_reason(world: World) -> None:
    """R-CLAIM-2, R-PUB-1: approval, publicity, settlement; each hears their own, and a phone that accepted shows it."""
    season = a_submitted_plan(world)
    plan = f"/plans/{season['plan']}"
    accept(world, "chen", "claim_result")
    accept(world, "li", "pairing_made")
    world.as_("lead").ok("POST", plan + "/approve")
    world.run_jobs()
    assert {"publicity.create", "plan.approve"} <= {one["kind"] for one in inbox(world, "township")} | {
        one["kind"] for one in inbox(world, "li")
    }
    world.at(START + timedelta(days=40))
    world.run_jobs()
    assert "publicity.remind_over" in {one["kind"] for one in inbox(world, "city")}
    world.as_("city").ok("POST", plan + "/settle")
    world.run_jobs()
    told = {who: {one["kind"]: one["body"] for one in inbox(world, who)} for who in ("chen", "li", "township")}
    assert "claim.win" in told["li"]
    assert "乌龙茶园茶小绿叶蝉防治" in told["chen"]["claim.lose"]
    assert told["chen"]["claim.lose"].rpartition("原因：")[2]
    assert "pairing.create" in told["li"]
    assert "pairing.create" in told["township"]
    assert [one["template"] for one in world.messages("chen")][-1:] == ["claim_result"]
    assert [one["template"] for one in world.messages("li")][-1:] == ["pairing_made"]
