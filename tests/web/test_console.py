"""The console: in and out, needs, two persons, plans, and what it says when it will not (quality.md §5)."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.cast import RONGCHENG
from tests.make import START
from tests.web.desk import a_waiting_need, outside
from tests.web.pages import Visitor, at
from tests.world import World, new_id

# ---- in and out ----


def test_one_click_enters_as_one_of_the_demo_people_and_logout_ends_it(world: World) -> None:
    """People by role, found by name or place; the session dies at the server, not only in the browser."""
    visitor = at(world)
    page = visitor.get("/console/login")
    assert {"县级经办", "县级审批", "乡镇经办", "市级主管"} <= set(page.read.texts("h3"))
    found = visitor.get("/console/login", q="普建国").read.form("/console/login")
    assert [value for name, value in found.boxes if name == "person"] == [world.as_("other_county").id]
    assert "普建国" in visitor.get("/console/login", q="普宁").html
    assert "没有找到" in visitor.get("/console/login", q="查无此人").html
    visitor.enter("county")
    cookie = visitor.client.get_cookie("tepai")
    assert cookie is not None
    desk = visitor.get("/console/")
    assert "金榕生" in desk.html
    assert "县级经办 榕城区" in desk.html
    assert visitor.follow(visitor.send(desk, "/console/logout")).status == 200
    visitor.client.set_cookie("tepai", cookie.value)
    assert visitor.get("/console/").location == "/console/login?next=%2Fconsole%2F"


def test_entering_again_ends_the_session_before(world: World) -> None:
    """ASVS 7.2.4: a new token on authentication, the old one dead."""
    visitor = at(world, "county")
    old = visitor.client.get_cookie("tepai")
    visitor.enter("lead")
    new = visitor.client.get_cookie("tepai")
    assert old is not None
    assert new is not None
    assert old.value != new.value
    other = at(world)
    other.client.set_cookie("tepai", old.value)
    assert other.get("/console/").status == 303


def test_a_session_ends_after_half_an_hour_of_silence(world: World) -> None:
    """quality.md §5: idle 30 minutes, exactly."""
    world.at(START)
    visitor = at(world, "county")
    world.at(START + timedelta(minutes=30))
    assert visitor.get("/console/").status == 200
    world.at(START + timedelta(minutes=60, seconds=1))
    assert visitor.get("/console/").status == 303


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/board", "/console/../x", "/console/\\x"])
def test_login_leads_into_the_console_alone(world: World, path: str) -> None:
    """An open redirect would lend our name to others."""
    visitor = at(world)
    assert visitor.get("/console/login", next=path).status == 422
    person = world.as_("county").id
    assert visitor.post("/console/login", {"person": person, "next": path}).status == 422
    assert visitor.post("/console/login", {"person": person, "next": "/console/needs"}).location == "/console/needs"


def test_outside_development_nobody_enters_with_a_click(world: World) -> None:
    """The page offers the scan; the one click's form is not there at all."""
    person = world.as_("county").id
    house, app = outside(world)
    try:
        client = app.test_client()
        page = client.get("/console/login", base_url="https://tepai.example")
        assert "微信扫码登录" in page.get_data(as_text=True)
        assert "开发模式" not in page.get_data(as_text=True)
        assert person not in page.get_data(as_text=True)
        assert (
            client.post("/console/login", data={"person": person}, base_url="https://tepai.example").status_code == 405
        )
    finally:
        house.close()


# ---- needs ----


def test_a_need_is_approved_from_its_page_and_stands_on_the_board(world: World) -> None:
    """R-NEED-2: every fact on one page, then a redirect, a message once, and the public board."""
    need = a_waiting_need(world)
    county = at(world, "county")
    desk = county.get("/console/")
    assert f"/console/needs/{need}" in desk.html
    assert "砲台镇" in desk.html
    page = county.get(f"/console/needs/{need}")
    for fact in ("春茶前叶蝉虫口偏高", "建一块示范茶园", "农办 19900002001", "现场服务", "较急", "砲小满"):
        assert fact in page.html
    sent = county.send(page, "/approve")
    world.check_content()
    assert (sent.status, sent.location) == (303, "/console/needs")
    after = county.follow(sent)
    assert "已通过「乌龙茶园茶小绿叶蝉防治」" in after.html
    assert "已通过「乌龙茶园茶小绿叶蝉防治」" not in county.get("/console/needs").html
    assert world.anyone().get(f"/board/{need}").status == 200
    assert "乌龙茶园茶小绿叶蝉防治" in at(world).get(f"/board/{need}").html


def test_a_return_keeps_what_was_typed_until_it_has_a_reason(world: World) -> None:
    """R-NEED-2: the reason is asked for by name, beside its field; the township reads it."""
    need = a_waiting_need(world)
    county = at(world, "county")
    page = county.get(f"/console/needs/{need}")
    refused = county.send(page, "/return", reason="   ")
    assert refused.status == 422
    assert refused.read.texts("p").count("长度应为 1 到 2000 个字") == 1
    too_long = county.send(page, "/return", reason="长" * 2001)
    assert too_long.status == 422
    assert "长" * 2001 in too_long.html
    assert county.send(page, "/return", reason="请写明茶园面积").status == 303
    assert world.as_("township").get(f"/needs/{need}")["state_reason"] == "请写明茶园面积"
    assert "请写明茶园面积" in county.get(f"/console/needs/{need}").html


def test_what_changed_since_it_was_read_is_told_and_not_decided(world: World) -> None:
    """A need that was returned, rewritten and handed in again is another one than the page showed."""
    need = a_waiting_need(world)
    county, township = at(world, "county"), world.as_("township")
    page = county.get(f"/console/needs/{need}")
    world.as_("county").ok("POST", f"/needs/{need}/return", {"reason": "补面积"})
    seen = township.get(f"/needs/{need}")
    assert township.patch(f"/needs/{need}", {"wanted": "示范茶园二十亩"}, seen.etag).status == 200
    moved = county.send(page, "/approve")
    assert moved.status == 412
    assert "修改了希望得到的结果" in moved.read.text.replace(" 了", "了").replace("修改 了", "修改了")
    township.ok("POST", f"/needs/{need}/submit")
    assert county.send(page, "/approve").status == 412
    assert world.as_("county").get(f"/needs/{need}")["state"] == "submitted"
    assert county.send(county.get(f"/console/needs/{need}"), "/approve").status == 303


def test_ticked_needs_are_approved_one_by_one_with_a_line_each(world: World) -> None:
    """Each stands for itself: what was withdrawn meanwhile says so, the others go on."""
    needs = [a_waiting_need(world, title=f"荔枝保花保果之{number}") for number in "一二三"]
    county = at(world, "county")
    page = county.get("/console/needs", ticked="1")
    form = page.read.form("/console/needs/approve")
    assert len(form.boxes) == 3
    assert page.html.count(" checked") == 3
    world.as_("township").ok("POST", f"/needs/{needs[1]}/withdraw")
    ticks = [value for name, value in form.boxes if name == "tick"]
    sent = county.post(form.action, {**form.fields, "tick": [*ticks, f"{UUID(new_id()).hex}-1"]})
    told = [text for text in county.follow(sent).read.texts("li") if "荔枝" in text or "其中" in text]
    assert told == [
        "已通过「荔枝保花保果之一」",
        "「荔枝保花保果之二」：内容已被他人更新，请刷新后再试",
        "已通过「荔枝保花保果之三」",
        "其中一条：没有找到",
    ]
    states = [world.as_("county").get(f"/needs/{need}")["state"] for need in needs]
    assert states == ["approved", "withdrawn", "approved"]
    nothing = county.send(county.get("/console/needs", state="all"), "/logout")
    assert nothing.status == 303


def test_an_empty_tick_and_junk_ticks_change_nothing(world: World) -> None:
    """No tick is told kindly; what no page of ours sends is malformed."""
    a_waiting_need(world)
    county = at(world, "county")
    form = county.get("/console/needs").read.form("/console/needs/approve")
    assert "没有勾选任何一条" in county.follow(county.post(form.action, form.fields)).html
    for junk in ("x", "'; DROP TABLE needs", "a" * 32 + "-x", "\0"):
        assert county.post(form.action, {**form.fields, "tick": junk}).status == 400


def test_the_list_filters_pages_and_marks_likely_duplicates(world: World) -> None:
    """R-NEED-3 beside each row; filters by state, township, urgency and words; keyset paging onwards and back."""
    for number in range(3):
        a_waiting_need(world, title=f"乌龙茶园茶小绿叶蝉防治{number}")
    a_waiting_need(world, title="早稻直播田杂草", problem="稗草多", wanted="除草方案", urgency=3, specialties=["A0111"])
    county = at(world, "county")
    rows = county.get("/console/needs").read
    assert rows.texts("a").count("2 条") == 3
    assert [t for t in county.get("/console/needs", urgency=3).read.texts("a") if "稻" in t] == ["早稻直播田杂草"]
    assert "早稻" not in county.get("/console/needs", q="叶蝉").html
    assert "没有符合条件的需求" in county.get("/console/needs", state="returned").html
    first = county.get("/console/needs", limit=3)
    onward = next(one["href"] for one in first.read.all("a") if one.get("rel") == "next")
    assert "limit=3" in onward
    second = county.get(onward)
    assert "早稻直播田杂草" in second.html
    assert "回到第一页" in second.html
    assert county.get("/console/needs", cursor="x").status == 400
    assert county.get("/console/needs", urgency="九").status == 422
    assert county.get("/console/needs", utm_source="wechat").status == 200


def test_who_posted_it_does_not_review_it_and_reads_why(world: World) -> None:
    """ASVS 2.3.5, domain §1: no button, the reason instead, and the command refuses all the same."""
    admin, checker = world.as_("admin"), world.as_("admin2")
    grant = admin.ok("POST", "/roles", {"person": world.as_("township").id, "role": "county", "region": RONGCHENG})[
        "id"
    ]
    checker.ok("POST", f"/roles/{grant}/approve")
    need = a_waiting_need(world)
    both = at(world, "township")
    page = both.get(f"/console/needs/{need}")
    assert "须由另一位县级经办审核" in page.html
    assert f"/console/needs/{need}/approve" not in page.read.actions()
    form = page.read.form("/return")
    refused = both.post(f"/console/needs/{need}/approve", {**form.fields})
    assert refused.status == 403
    assert "经办人不能审批自己提交的事项" in refused.html
    assert 'name="tick"' not in both.get("/console/needs").html


@pytest.mark.parametrize(
    ("key", "status"),
    [("county", 200), ("lead", 200), ("city", 200), ("auditor", 200), ("township", 200),
     ("other_county", 404), ("didu", 404), ("chen", 403), ("dispatcher", 403), ("admin", 403)],
)  # fmt: skip
def test_a_page_shows_itself_to_whom_the_api_would(world: World, key: str, status: int) -> None:
    """Invariant 5: outside the jurisdiction it is not found; another role is refused."""
    need = a_waiting_need(world)
    page = at(world, key).get(f"/console/needs/{need}")
    assert page.status == status
    if status != 200:
        assert "乌龙茶园" not in page.html
        assert page.read.texts("h1")[0] in {"没有找到", "没有此项权限"}


def test_only_the_county_may_approve_through_a_form(world: World) -> None:
    """The button is absent for others, and so is the right."""
    need = a_waiting_need(world)
    for key, status in (("lead", 403), ("city", 403), ("township", 403), ("other_county", 404), ("chen", 403)):
        visitor = at(world, key)
        csrf = visitor.get("/console/").read.form("/logout").fields["csrf"]
        seen = {"csrf": csrf, "seen": world.as_("county").get(f"/needs/{need}").etag.strip('"')}
        assert visitor.post(f"/console/needs/{need}/approve", seen).status == status, key
    assert world.as_("county").get(f"/needs/{need}")["state"] == "submitted"


# ---- what it says when it will not ----


def test_refusals_are_pages_in_chinese_with_a_way_back(world: World) -> None:
    """Problem pages for people; problem+json for programs."""
    county = at(world, "county")
    missing = county.get(f"/console/needs/{new_id()}")
    assert (missing.status, missing.read.texts("h1")) == (404, ["没有找到"])
    assert "/console/" in [one["href"] for one in missing.read.all("a")]
    lost = at(world).get("/no/such/page")
    assert (lost.status, lost.read.texts("h1")) == (404, ["没有找到"])
    assert at(world).client.get("/api/v1/none").content_type == "application/problem+json"
    wrong = at(world).client.delete("/board")
    assert (wrong.status_code, wrong.content_type) == (405, "text/html; charset=utf-8")
    assert "Allow" in wrong.headers
    assert at(world).post("/console/logout", {}).status == 401


def test_an_unforeseen_error_is_a_page_that_tells_nothing_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """16.5.1: a trace id, and not a word of the error."""
    visitor = at(world)

    def burst(*_: object, **__: object) -> None:
        raise ValueError("secret 19900002001")

    monkeypatch.setattr("service.needs.queries.board_item", burst)
    page = visitor.get(f"/board/{new_id()}")
    assert (page.status, page.read.texts("h1")) == (500, ["系统出错，请稍后再试"])
    assert "19900002001" not in page.html
    assert page.headers["X-Trace-Id"] in page.html


def test_a_message_of_another_session_or_a_forged_one_is_not_shown(world: World) -> None:
    """What a form came to is sealed for its session."""
    a_waiting_need(world)
    county = at(world, "county")
    sent = county.send(county.get("/console/needs"), "/console/needs/approve")
    told = county.client.get_cookie("tepai-said")
    assert sent.status == 303
    assert told is not None
    for value in (told.value, told.value[:-8] + "AAAAAAAA", "x", "é".encode().hex(), ""):
        lead = at(world, "lead")
        lead.client.set_cookie("tepai-said", value)
        page = lead.get("/console/")
        assert page.status == 200
        assert "没有勾选" not in page.html


def test_many_long_results_still_fit_one_cookie(world: World) -> None:
    """Browsers drop cookies over 4096 bytes; the lines then give way to their count."""
    for number in range(100):
        a_waiting_need(world, title=f"{number:03d}" + "".join(chr(0x4E00 + number * 50 + k) for k in range(50)))
    county: Visitor = at(world, "county")
    page = county.get("/console/needs", limit=100)
    form = page.read.form("/console/needs/approve")
    ticks = [value for name, value in form.boxes if name == "tick"]
    sent = county.post(form.action, {**form.fields, "tick": ticks})
    assert max(len(one) for one in sent.cookies) < 4096
    assert "100 条" in county.follow(sent).html
