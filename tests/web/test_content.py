"""What strangers can see has passed WeChat's check or a person's (R-NEED-4, quality.md §3 row 20)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from models.journal import JournalEntry
from service.core.ports import Scene
from service.schedule import Prompt
from tests.make import START, a_need, a_round, an_approved_need
from tests.web.pages import at
from tests.world import Answer, World, new_id

DOUBTED, RISKY = "有好苗的请加微信详谈。", "赶集日有人在茶园边赌博。"


def handed_in(world: World, **changes: Any) -> str:
    """A need that its township handed in; nobody asked WeChat about it yet."""
    township = world.as_("township")
    need = township.ok("POST", "/needs", a_need(**changes))["id"]
    township.ok("POST", f"/needs/{need}/submit")
    return str(need)


def approve(world: World, need: str) -> Answer:
    return world.as_("county").ok("POST", f"/needs/{need}/approve")


def check_of(world: World, need: str, key: str = "county") -> Any:
    return next(one for one in world.as_(key).get("/content", limit=100)["items"] if one["subject_id"] == need)


def seen_by_strangers(world: World, need: str) -> bool:
    """Whether a need is on the board, by every way that leads there; all ways agree."""
    anyone, visitor = world.anyone(), at(world)
    ways = {
        anyone.get(f"/board/{need}").status == 200,
        need in {one["id"] for one in anyone.get("/board")["items"]},
        need in {one["id"] for one in anyone.get("/board", q="茶园")["items"]},
        need in {one["id"] for one in anyone.get("/board", specialty="A0164")["items"]},
        visitor.get(f"/board/{need}").status == 200,
        f"/board/{need}" in visitor.get("/").html,
        "A0164" in visitor.get("/board").html,
    }
    assert len(ways) == 1, ways
    return ways.pop()


def test_a_server_asks_right_after_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An everyday need is on the board as soon as it is approved (api.md); no worker has run."""
    prompt = Prompt(world.house)
    monkeypatch.setattr(world.house, "committed", prompt)
    need = handed_in(world)
    prompt.close()
    monkeypatch.undo()
    approve(world, need)
    assert seen_by_strangers(world, need)


def test_nobody_waits_for_wechat_and_nothing_is_shown_before_it_answered(world: World) -> None:
    """Submission and approval call nobody; the worker asks; then strangers see the need."""
    calls = len(world.sandbox.get("/sandbox/log"))
    need = handed_in(world)
    approve(world, need)
    paths = [one["path"] for one in world.sandbox.get("/sandbox/log")[calls:]]
    assert "/wxa/msg_sec_check" not in paths
    mine = world.as_("township").get(f"/needs/{need}")["content"]
    assert (mine["state"], mine["state_label"]) == ("waiting", "检测中")
    assert not seen_by_strangers(world, need)
    assert world.as_("chen").post(f"/needs/{need}/claims", {"plan": "每月到场。"}).status == 404
    world.check_content()
    assert seen_by_strangers(world, need)
    assert world.as_("township").get(f"/needs/{need}")["content"]["state"] == "passed"


@pytest.mark.parametrize(
    ("words", "state", "why"),
    [(DOUBTED, "review", "微信内容安全检测建议人工复核：广告"), (RISKY, "risky", "微信内容安全检测判定违规：违法犯罪")],
)
def test_what_wechat_does_not_let_pass_waits_for_a_person_with_the_reason(
    world: World, words: str, state: str, why: str
) -> None:
    """The author and staff see state and reason, strangers see nothing; the release, with a reason, is journaled."""
    need = handed_in(world, problem=words)
    world.check_content()
    assert approve(world, need)["state"] == "approved"
    assert not seen_by_strangers(world, need)
    mine = world.as_("township").get("/needs")["items"][0]["content"]
    assert (mine["state"], mine["why"]) == (state, why)
    check = check_of(world, need)
    assert (check["state"], check["why"], check["moves"]) == (state, why, ["release", "reject"])
    assert words in check["text"]
    path = f"/content/{check['id']}/release"
    assert world.as_("county").post(path).status == 422
    released = world.as_("county").ok("POST", path, {"reason": "核实为正常求助"})
    assert (released["state"], released["state_reason"], released["why"]) == ("released", "核实为正常求助", why)
    assert seen_by_strangers(world, need)
    assert world.as_("county").post(path, {"reason": "再来一次"}).status == 409


def test_rejected_content_stays_away_and_comes_back_only_when_it_changed(world: World) -> None:
    """The author reads the reason; handing the same in again changes nothing, other words are checked again."""
    need = handed_in(world, problem=RISKY)
    world.check_content()
    check = check_of(world, need)["id"]
    world.as_("county").ok("POST", f"/content/{check}/reject", {"reason": "请删去与生产无关的内容"})
    county, township = world.as_("county"), world.as_("township")
    county.ok("POST", f"/needs/{need}/return", {"reason": "请修改"})
    mine = township.get(f"/needs/{need}")["content"]
    assert (mine["state"], mine["reason"]) == ("rejected", "请删去与生产无关的内容")
    assert township.ok("POST", f"/needs/{need}/submit")["content"]["state"] == "rejected"
    county.ok("POST", f"/needs/{need}/return", {"reason": "还没有改"})
    etag = township.get(f"/needs/{need}").etag
    township.patch(f"/needs/{need}", {"problem": "茶园虫害重，请专家指导。"}, etag)
    assert township.ok("POST", f"/needs/{need}/submit")["content"]["state"] == "waiting"
    world.check_content()
    approve(world, need)
    assert seen_by_strangers(world, need)
    world.run_jobs()
    heard = {one["kind"]: one for one in township.get("/me/messages", limit=100)["items"]}
    assert "请删去与生产无关的内容" in heard["content.reject"]["body"]
    assert {"content.risk"} <= {one["kind"] for one in county.get("/me/messages", limit=100)["items"]}


def test_words_changed_after_a_pass_are_checked_again(world: World) -> None:
    """A pass belongs to the words that were checked, by their digest; unchanged words keep it."""
    need = handed_in(world)
    world.check_content()
    county, township = world.as_("county"), world.as_("township")
    county.ok("POST", f"/needs/{need}/return", {"reason": "请补充面积"})
    assert township.ok("POST", f"/needs/{need}/submit")["content"]["state"] == "passed"
    county.ok("POST", f"/needs/{need}/return", {"reason": "请补充面积"})
    township.patch(f"/needs/{need}", {"wanted": RISKY}, township.get(f"/needs/{need}").etag)
    township.ok("POST", f"/needs/{need}/submit")
    approve(world, need)
    assert not seen_by_strangers(world, need)
    world.check_content()
    assert check_of(world, need)["state"] == "risky"
    assert not seen_by_strangers(world, need)


@pytest.mark.parametrize(
    "fault", ["http500", "html", "truncated", "wrong_types", "reset", "errcode:-1", "errcode:45009"]
)
def test_a_failing_wechat_holds_content_for_a_person(world: World, fault: str) -> None:
    """An approval is no decision about it; WeChat's recovery alone publishes nothing either."""
    need = handed_in(world)
    world.sandbox.post("/sandbox/faults", {"call": "msg_sec_check", "kind": fault, "times": 2})
    world.check_content()
    world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults", timeout=10)
    approve(world, need)
    world.check_content()
    check = check_of(world, need)
    assert (check["state"], check["label"]) == ("unavailable", "down")
    assert "须人工审核" in check["why"]
    assert not seen_by_strangers(world, need)
    world.as_("county").ok("POST", f"/content/{check['id']}/release", {"reason": "内容无问题"})
    assert seen_by_strangers(world, need)


def test_content_that_could_not_be_checked_is_asked_about_again_when_handed_in_again(world: World) -> None:
    """The same words, a WeChat that works: they pass."""
    need = handed_in(world)
    world.sandbox.post("/sandbox/faults", {"call": "msg_sec_check", "kind": "http500", "times": 2})
    world.check_content()
    world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults", timeout=10)
    world.as_("county").ok("POST", f"/needs/{need}/return", {"reason": "请补充"})
    assert world.as_("township").ok("POST", f"/needs/{need}/submit")["content"]["state"] == "waiting"
    world.check_content()
    approve(world, need)
    assert seen_by_strangers(world, need)


@pytest.mark.parametrize("approved_first", [True, False])
def test_the_approval_is_the_check_of_what_an_absent_author_wrote(world: World, approved_first: bool) -> None:  # noqa: FBT001
    """61010: nothing is published by itself; the county's approval, before or after, is the human check."""
    world.at(START)
    need = handed_in(world)
    if approved_first:
        approve(world, need)
    world.at(START + timedelta(hours=2, minutes=1))
    county = world.as_("county")
    world.check_content()
    if not approved_first:
        check = check_of(world, need)
        assert (check["state"], check["label"]) == ("unavailable", "absent")
        assert not seen_by_strangers(world, need)
        county.ok("POST", f"/needs/{need}/approve")
    assert check_of(world, need)["state"] == "released"
    assert seen_by_strangers(world, need)


def test_long_texts_are_checked_to_their_end(world: World) -> None:
    """Over 2500 characters: in pieces; what is forbidden is found wherever it stands."""
    fine = handed_in(world, problem="稻" * 2000, wanted="茶" * 2000)
    cut = handed_in(world, title="水稻", problem="稻" * 2000, wanted="茶" * 494 + "赌博" + "茶" * 1000)
    late = handed_in(world, title="茶叶", problem="稻" * 2000, wanted="茶" * 1998 + "赌博")
    world.check_content()
    assert [check_of(world, one)["state"] for one in (fine, cut, late)] == ["passed", "risky", "risky"]


def test_one_searches_and_pages_over_what_is_shown_alone(world: World) -> None:
    """Held needs take no place on a page; the search by their words finds nothing."""
    open_ = [an_approved_need(world, title=f"茶园第{number}号")["id"] for number in range(3)]
    an_approved_need(world, title="茶园苗木", problem=DOUBTED)
    anyone = world.anyone()
    first = anyone.get("/board", limit=2)
    second = anyone.get("/board", limit=2, cursor=first["next"])
    assert [one["id"] for one in [*first["items"], *second["items"]]] == open_[::-1]
    assert second["next"] is None
    assert anyone.get("/board", q="加微信")["items"] == anyone.get("/board", q="苗木")["items"] == []


def test_only_staff_of_the_jurisdiction_decide(world: World) -> None:
    """Another county: not found; a township or a commissioner: not theirs; an auditor watches."""
    need = handed_in(world, problem=RISKY)
    world.check_content()
    check = check_of(world, need)["id"]
    decided = {"reason": "可以"}
    for key, status in (("other_county", 404), ("township", 403), ("chen", 403), ("auditor", 403)):
        assert world.as_(key).post(f"/content/{check}/release", decided).status == status, key
    assert world.as_("other_county").get("/content")["items"] == []
    assert world.as_("other_county").get(f"/content/{check}").status == 404
    assert world.as_("township").get("/content").status == 403
    assert world.anyone().get(f"/content/{check}").status == 401
    assert world.as_("auditor").get(f"/content/{check}")["moves"] == []
    assert [one["id"] for one in world.as_("lead").get("/content", held=1, subject="need")["items"]] == [check]
    assert world.as_("county").get("/content", held=0)["items"] == []
    task = next(one for one in world.as_("county").get("/me/tasks")["items"] if one["kind"] == "content_to_decide")
    assert (task["count"], task["items"][0]["id"]) == (1, check)


def test_a_second_person_releases_the_words_of_staff(world: World) -> None:
    """A round's title: shown at once, blocked when risky, with all its needs; its author may not release it."""
    round_ = a_round(world, title="赌博之乡春季发榜")
    need = an_approved_need(world, round_id=round_["id"])
    city = world.as_("city")
    city.ok("POST", f"/rounds/{round_['id']}/publish")
    anyone = world.anyone()
    check = check_of(world, round_["id"], "city")
    assert (check["state"], check["moves"]) == ("risky", [])
    assert world.as_("county").get(f"/content/{check['id']}").status == 404
    assert city.post(f"/content/{check['id']}/release", {"reason": "地名"}).status == 403
    assert anyone.get(f"/rounds/{round_['id']}").status == 404
    assert anyone.get("/rounds")["items"] == []
    assert not seen_by_strangers(world, need["id"])
    assert city.get(f"/rounds/{round_['id']}").status == 200
    second_person_releases(world, check["id"])
    assert anyone.get(f"/rounds/{round_['id']}").status == 200
    assert seen_by_strangers(world, need["id"])


def second_person_releases(world: World, check: str) -> None:
    """Give the other administrator the city's office, and let them release."""
    body = {"person": world.as_("admin2").id, "role": "city", "region": "4452"}
    grant = world.as_("admin").ok("POST", "/roles", {"id": new_id()} | body)["id"]
    world.as_("city").ok("POST", f"/roles/{grant}/approve")
    world.log_in_again()
    world.as_("admin2").ok("POST", f"/content/{check}/release", {"reason": "确为地名"})


@pytest.mark.parametrize("fault", [None, "http500"])
def test_an_ordinary_title_of_staff_is_not_held(world: World, fault: str | None) -> None:
    """Only what is risky is blocked: neither a doubt nor an ill WeChat keeps a round from the public."""
    round_ = a_round(world, title="代办春季发榜")
    if fault:
        world.sandbox.post("/sandbox/faults", {"call": "msg_sec_check", "kind": fault, "times": 2})
    world.check_content()
    world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults", timeout=10)
    assert check_of(world, round_["id"], "city")["state"] == ("unavailable" if fault else "review")
    assert world.anyone().get(f"/rounds/{round_['id']}").status == 200


def test_risky_words_go_out_by_no_message(world: World) -> None:
    """The inbox of the author's own office has the title; the copy that WeChat would carry is not made."""
    township, county = world.as_("township"), world.as_("county")
    openid = world.sandbox.phone_of("township")["openid"]
    for title, sent in (("代赌博的茶园", 0), ("乌龙茶园", 1)):
        world.sandbox.post(f"/sandbox/phones/{openid}/subscribe", {"template": "need_returned", "result": "accept"})
        township.ok("POST", "/me/subscriptions", {"template": "need_returned", "result": "accept"})
        need = handed_in(world, title=title)
        world.check_content()
        county.ok("POST", f"/needs/{need}/return", {"reason": "请修改"})
        before = len(world.messages("township"))
        world.run_jobs()
        assert len(world.messages("township")) - before == sent, title
    assert "代赌博的茶园" not in str(world.messages("township"))
    bodies = [one["body"] for one in township.get("/me/messages", limit=100)["items"]]
    assert any("代赌博的茶园" in one for one in bodies)


def test_staff_decide_on_the_console(world: World) -> None:
    """The desk counts, the list tells why, the page takes a decision with its reason, once."""
    need = handed_in(world, problem=DOUBTED)
    world.check_content()
    county = at(world, "county")
    assert "/console/content" in county.get("/console/").html
    listed = county.get("/console/content")
    assert "微信内容安全检测建议人工复核：广告" in listed.html
    check = check_of(world, need)["id"]
    assert "去复核" in county.get(f"/console/needs/{need}").html
    page = county.get(f"/console/content/{check}")
    assert DOUBTED in page.html
    assert county.send(page, "/release", reason=" ").status == 422
    done = county.follow(county.send(page, "/release", reason="苗木信息，可以公开"))
    assert "已放行" in done.html
    assert county.send(page, "/reject", reason="又不行了").status in {409, 412}
    after = county.get(f"/console/content/{check}")
    assert "苗木信息，可以公开" in after.html
    assert not after.read.actions()[1:]
    assert at(world, "other_county").get(f"/console/content/{check}").status == 404
    assert f"/console/content/{check}" in county.get("/console/content", state="released").html


def test_a_decision_races_another_and_one_wins(world: World) -> None:
    """Release and reject start from what is held alone."""
    need = handed_in(world, problem=RISKY)
    world.check_content()
    check = check_of(world, need)["id"]
    world.as_("lead").ok("POST", f"/content/{check}/reject", {"reason": "违规"})
    lost = world.as_("county").post(f"/content/{check}/release", {"reason": "可以"})
    assert (lost.status, lost["type"]) == (409, "/problems/wrong-state")


def test_the_check_of_words_that_change_meanwhile_says_nothing_of_the_new_ones(world: World) -> None:
    """The answer to the first words comes after the second were handed in."""
    need = handed_in(world)
    check = check_of(world, need)["id"]
    seen = world.house.ports.wechat.check_text

    def slow(text: str, scene: Scene, openid: str) -> Any:
        world.as_("county").ok("POST", f"/needs/{need}/return", {"reason": "请改"})
        township = world.as_("township")
        township.patch(f"/needs/{need}", {"problem": RISKY}, township.get(f"/needs/{need}").etag)
        township.ok("POST", f"/needs/{need}/submit")
        return seen(text, scene, openid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.house.ports.wechat, "check_text", slow)
        world.check_content()
    assert world.as_("county").get(f"/content/{check}")["state"] == "waiting"
    world.check_content()
    assert world.as_("county").get(f"/content/{check}")["state"] == "risky"


def test_every_step_is_in_the_journal_without_the_words(world: World) -> None:
    """quality.md §6: who, what, why; the words themselves are in the row alone."""
    need = handed_in(world, problem=RISKY)
    world.check_content()
    check = check_of(world, need)["id"]
    world.as_("county").ok("POST", f"/content/{check}/release", {"reason": "核实过"})
    with Session(world.house.engine) as session:
        entries = entries_of(session, check)
    assert [one.action for one in entries] == ["content.risk", "content.release"]
    assert str(entries[1].actor_id) == world.as_("county").id
    assert entries[1].changes[0]["reason"] == "核实过"
    assert "赌博" not in str([one.changes for one in entries])


def entries_of(session: Session, subject: str) -> Any:
    return session.query(JournalEntry).filter_by(subject_id=subject).order_by(JournalEntry.id).all()
