"""Service records at the desk: a township's ticks, a county's review with the evidence first (R-VISIT-4, R-VISIT-9)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import zxingcpp
from PIL import Image

from tests.make import a_pairing, a_record
from tests.web.pages import Read, at
from tests.world import World

NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)  # two in the afternoon of a Monday in Shanghai


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def waiting(world: World, count: int = 1, **changes: Any) -> list[str]:
    """Submitted records of chen's, a day apart, the latest first."""
    pairing = a_pairing(world)
    bodies = [a_record(pairing, NOW - timedelta(days=n + 1), **changes) for n in range(count)]
    return [world.as_("chen").ok("POST", "/records", body)["id"] for body in bodies]


def test_a_township_ticks_a_list_and_each_is_confirmed_on_its_own(field: World) -> None:
    """R-VISIT-4: a line each; what was corrected meanwhile says so and is confirmed by nobody."""
    made = waiting(field, 3)
    township = at(field, "township")
    page = township.get("/console/records", ticked="1")
    form = page.read.form("/console/records/confirm")
    assert len(form.boxes) == 3
    field.as_("chen").ok("POST", f"/records/{made[1]}/versions", {"done": "改", "reason": "笔误"})
    told = township.follow(township.post(form.action, {**form.fields, "tick": [value for _, value in form.boxes]}))
    lines = [text for text in told.read.texts("li") if "砲台镇" in text]
    assert lines == [
        "已确认「陈茶生 06-14 砲台镇」",
        "「陈茶生 06-13 砲台镇」：内容已被他人更新，请刷新后再试",
        "已确认「陈茶生 06-12 砲台镇」",
    ]
    states = [field.as_("county").get(f"/records/{one}")["state"] for one in made]
    assert states == ["confirmed", "submitted", "confirmed"]


def test_a_county_accepts_what_was_confirmed_and_needs_a_reason_for_the_rest(field: World) -> None:
    """R-VISIT-9: ticks for confirmed ones; one that nobody confirmed is opened and accepted with a reason."""
    made = waiting(field, 3)
    for one in made[:2]:
        field.as_("township").ok("POST", f"/records/{one}/confirm")
    county = at(field, "county")
    form = county.get("/console/records").read.form("/console/records/accept")
    assert len(form.boxes) == 2
    told = county.follow(county.post(form.action, {**form.fields, "tick": [value for _, value in form.boxes]}))
    assert sum("已采信" in text for text in told.read.texts("li")) == 2
    assert not [one for one in county.get("/console/records", state="submitted").read.forms if "accept" in one.action]
    page = county.get(f"/console/records/{made[2]}")
    refused = county.send(page, "/accept", reason="")
    assert (refused.status, "采信须说明理由" in refused.html) == (422, True)
    assert county.send(page, "/accept", reason="已电话核实").status == 303
    assert field.as_("chen").get(f"/commissioners/{field.as_('chen').id}/days")["total"] == 3


def test_the_page_shows_the_strongest_evidence_first_and_asks_for_none(field: World) -> None:
    """R-VISIT-2, R-VISIT-4: the words in the order of their weight; an empty record is not blamed."""
    bare, told = waiting(field, 2)
    path = f"/records/{told}"
    own = field.as_("chen").ok("POST", path + "/confirmation-link")["token"]
    field.anyone().ok("POST", f"/confirmations/{own}", {"words": "来过"})
    field.as_("township").ok("POST", path + "/dispute", {"reason": "时间写多了"})
    county = at(field, "county")
    page = county.get(f"/console/records/{told}")
    assert page.html.index("乡镇认为不属实：「时间写多了」") < page.html.index("链接由特派员本人发出")
    assert "有异议的理由" in page.read.text
    empty = county.get(f"/console/records/{bare}")
    assert "没有附带佐证" in empty.html
    assert "佐证都不是必须的" in empty.html


def test_flags_are_shown_to_reviewers_and_not_to_the_township(field: World) -> None:
    """R-VISIT-2, R-VISIT-3: hints with their reasons, for the county alone; a filter finds them."""
    (late,) = waiting(field, ended_at=(NOW - timedelta(hours=1)).isoformat())
    old = field.as_("chen").ok("POST", "/records", a_record(a_pairing(field), NOW - timedelta(days=20)))["id"]
    county, township = at(field, "county"), at(field, "township")
    assert "天后才收到" in county.get(f"/console/records/{old}").html
    assert "天后才收到" not in township.get(f"/console/records/{old}").html
    listed = county.get("/console/records", state="all", flagged="1")
    assert f"/console/records/{old}" in listed.html
    assert f"/console/records/{late}" not in listed.html
    assert 'name="flagged"' not in township.get("/console/records").html
    assert f"/console/records/{old}" not in county.get("/console/records", state="all", **{"from": "2026-06-01"}).html
    assert county.get("/console/records", **{"from": "gestern"}).status == 422


WORDS = "查看示范茶园虫口，讲解黄板与释放天敌的时机，并与合作社商定秋季修剪与施肥的安排。"


def a_copied_text(world: World) -> str:
    """A record whose words are those of a record of the week before."""
    pairing, chen = a_pairing(world), world.as_("chen")
    bodies = [a_record(pairing, NOW - timedelta(days=day), done=WORDS) for day in (8, 1)]
    return [str(chen.ok("POST", "/records", body)["id"]) for body in bodies][1]


def test_a_flag_is_read_with_what_may_honestly_lie_behind_it_and_cleared_with_a_reason(field: World) -> None:
    """Issue 4 point 4: what it says, an honest explanation, who cleared it and why; other roles find no button."""
    path = f"/console/records/{a_copied_text(field)}"
    county = at(field, "county")
    page = county.get(path)
    assert "与本人较早一条记录的文字相同" in page.read.text
    assert "可能的正常原因：例行服务内容相近" in page.read.text
    assert field.as_("chen").get("/records")["items"][1]["id"] in page.html, "the record that it rests on is linked"
    for key in ("auditor", "township", "chen"):
        assert not [one for one in at(field, key).get(path).read.actions() if one.endswith("/clear")], key
    refused = county.send(page, "/clear", reason="  ")
    assert (refused.status, '<details class="more" open>' in refused.html) == (422, True)
    sent = county.send(page, "/clear", reason="电话核实：同一套管护方案")
    told = county.follow(sent)
    assert "已核销一条提示" in told.read.text
    assert "金榕生 2026年6月15日 14:00核销：电话核实：同一套管护方案" in told.read.text
    assert not [one for one in told.read.actions() if one.endswith("/clear")]
    assert county.send(page, "/clear", reason="再来一次").status == 409
    assert field.as_("county").get(path.removeprefix("/console"))["state"] == "submitted"


def test_a_flag_that_fell_away_meanwhile_is_told_kindly(field: World) -> None:
    """What it rested on was corrected while the page was open: nothing to clear."""
    made = a_copied_text(field)
    county, chen = at(field, "county"), field.as_("chen")
    page = county.get(f"/console/records/{made}")
    first = next(one["id"] for one in chen.get("/records")["items"] if one["id"] != made)
    chen.ok("POST", f"/records/{first}/versions", {"done": "另一件事", "reason": "写错了"})
    told = county.send(page, "/clear", reason="看过了")
    assert (told.status, "这条提示已不成立" in told.read.text) == (409, True)
    others = page.read.form("/clear").fields | {"reason": "看过了", "flag": made}
    assert county.post(f"/console/records/{made}/clear", others).status == 409


def test_the_desk_says_which_records_wait_for_whose_word(field: World) -> None:
    """Each tile leads to the list; whoever has none to do sees none."""
    made = waiting(field, 3)
    assert "待确认的服务记录" in at(field, "township").get("/console/").html
    assert "服务记录 <span" not in at(field, "county").get("/console/").html
    for one in made[:2]:
        field.as_("township").ok("POST", f"/records/{one}/confirm")
    field.as_("township").ok("POST", f"/records/{made[1]}/dispute", {"reason": "不对"})
    desk = at(field, "county").get("/console/")
    links = {one["href"] for one in desk.read.all("a")}
    assert {"/console/records?state=confirmed", "/console/records?state=disputed"} <= links
    for key in ("lead", "didu", "other_county"):
        assert "服务记录 <span" not in at(field, key).get("/console/").html, key


def test_dispute_and_return_take_a_reason_and_keep_what_was_typed(field: World) -> None:
    """R-VISIT-9: each beside its own field."""
    (made,) = waiting(field)
    township, county = at(field, "township"), at(field, "county")
    page = township.get(f"/console/records/{made}")
    refused = township.send(page, "/dispute", reason="长" * 2001)
    assert (refused.status, "长" * 2001 in refused.html) == (422, True)
    assert township.send(page, "/dispute", reason="没有见到人").status == 303
    assert township.send(page, "/confirm").status == 412  # the page is older than the dispute
    page = county.get(f"/console/records/{made}")
    assert county.send(page, "/return", reason="请与乡镇核对时间").status == 303
    assert field.as_("chen").get(f"/records/{made}")["state_reason"] == "请与乡镇核对时间"


def drawn_in(html: str) -> str:
    """What the QR code of a page says."""
    source = next(one["src"] for one in Read(html).all("img") if one["src"].startswith("data:image/svg"))
    path = re.search(r"d='([^']+)'", unquote(source)) or re.search(r'd="([^"]+)"', unquote(source))
    assert path
    size, row, column, dots = 0, 0.0, 0.0, set[tuple[int, int]]()
    for kind, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path[1]):
        if kind == "h":
            dots |= {(int(row), int(column) + step) for step in range(int(first))}
            column += float(first)
        else:
            column = float(first) + (column if kind == "m" else 0)
            row = float(second) + (row if kind == "m" else 0)
        size = max(size, int(row), int(column))
    picture = Image.new("L", (size + 9, size + 9), 255)
    for at_row, at_column in dots:
        picture.putpixel((at_column + 4, at_row + 4), 0)
    (found,) = zxingcpp.read_barcodes(picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST))
    return str(found.text)


def test_a_township_hands_a_farmer_a_link_a_picture_of_it_and_a_code(field: World) -> None:
    """R-VISIT-4: the code is told once; the link is shown to who made it, while it lives; its word weighs."""
    (made,) = waiting(field)
    township = at(field, "township")
    sent = township.send(township.get(f"/console/records/{made}"), "/link")
    shown = township.follow(sent)
    url = next(text for text in shown.read.texts("p") if "/confirmations/" in text)
    assert drawn_in(shown.html) == url
    assert "确认码：" in shown.read.text
    again = township.get(urlsplit(sent.location).path)
    assert (url in again.html, "确认码：" in again.html) == (True, False)
    token = url.rpartition("/")[2]
    assert token not in township.get(f"/console/records/{made}").html
    for key in ("county", "didu", "chen"):
        assert at(field, key).get(urlsplit(sent.location).path).status in {403, 404}, key
    field.anyone().ok("POST", f"/confirmations/{token}")
    done = township.get(urlsplit(sent.location).path)
    assert ("农户已经回答" in done.html, token in done.html) == (True, False)
    assert field.as_("county").get(f"/records/{made}")["evidence"][0]["source"] == "farmer"


@pytest.mark.parametrize(
    ("key", "status"),
    [("county", 200), ("lead", 200), ("city", 200), ("auditor", 200), ("township", 200), ("chen", 200),
     ("other_county", 404), ("didu", 404), ("li", 404), ("dispatcher", 403), ("admin", 403)],
)  # fmt: skip
def test_a_page_shows_itself_to_whom_the_api_would(field: World, key: str, status: int) -> None:
    """Invariant 5; and only those whose move it is find its button."""
    (made,) = waiting(field)
    page = at(field, key).get(f"/console/records/{made}")
    assert page.status == status
    moves = {action.rpartition("/")[2] for action in page.read.actions()} - {"logout", "link"}
    assert moves == {"county": {"accept", "return"}, "township": {"confirm", "dispute"}}.get(key, set())
