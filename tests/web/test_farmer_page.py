"""The farmer's page: one request, big words, two buttons, no account (R-VISIT-4)."""

import base64
import hashlib
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from service.records.links import DISPUTED
from tests.make import a_pairing, a_record
from tests.web.pages import HOST, Visitor, at
from tests.world import Answer, World

NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)  # two in the afternoon of a Monday in Shanghai
VISIT = NOW - timedelta(hours=5)
BYTES_MAX = 30 * 1024


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def a_link(world: World, maker: str = "township", **changes: Any) -> tuple[str, Answer]:
    """A submitted record of chen's, its path in the API, and a link to it."""
    made = world.as_("chen").ok("POST", "/records", a_record(a_pairing(world), VISIT, **changes))
    path = f"/records/{made['id']}"
    return path, world.as_(maker).ok("POST", path + "/confirmation-link")


def test_it_says_who_came_when_where_and_what_for_in_plain_sentences(field: World) -> None:
    """R-VISIT-4: and neither a position, nor a contact, nor who else was there."""
    _, link = a_link(field, place_name="后山茶园", companions=[field.as_("li").id])
    page = at(field).get(f"/confirmations/{link['token']}")
    assert page.status == 200
    sentence = "科技特派员陈茶生说，2026年6月15日上午9点到中午12点，到砲台镇（后山茶园）做了一次服务。"
    assert sentence in page.read.text.replace(" ", "")
    for fact in ("技术指导", "讲解黄板与释放天敌的时机", "这次服务属实吗？"):
        assert fact in page.html
    for secret in ("李稻香", "19900001001", link["token"], field.as_("chen").id):
        assert secret not in page.read.text, secret
    assert {"属实", "不属实"} <= {*page.read.texts("button"), *page.read.texts("summary")}


def test_one_request_brings_all_of_it_in_less_than_30_kb(field: World) -> None:
    """Issue 4 point 6: nothing else is fetched, no script runs, and the policy allows this one stylesheet alone."""
    _, link = a_link(field, done="园" * 2000)
    page = at(field).get(f"/confirmations/{link['token']}")
    assert len(page.html.encode()) + sum(len(name) + len(value) for name, value in page.headers) < BYTES_MAX
    fetched = [attrs.get("src") or attrs.get("href", "") for tag, attrs in page.read.tags if tag in {"link", "img"}]
    assert fetched == ["data:,"]
    assert not {tag for tag, _ in page.read.tags} & {"script", "iframe", "object", "embed", "base"}
    (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in page.headers["Content-Security-Policy"]
    assert "@import" not in style
    assert "url(" not in style


def test_nobody_keeps_it_finds_it_or_is_told_its_address(field: World) -> None:
    """The address is the secret: not cached, not indexed, no referrer to other sites, no link that carries it on."""
    _, link = a_link(field)
    for path in ("/confirmations", f"/confirmations/{link['token']}", "/confirmations/unknown"):
        page = at(field).get(path)
        assert page.headers["Cache-Control"] == "no-store", path
        assert "noindex" in page.headers["X-Robots-Tag"], path
        assert page.headers["Referrer-Policy"] == "same-origin", path
        assert page.cookies == [], path
        assert all(one.get("rel") == "noreferrer" for one in page.read.all("a")), path


def test_looking_ahead_confirms_nothing(field: World) -> None:
    """Chat programs open links for a preview: GET and HEAD leave the record as it was."""
    path, link = a_link(field)
    visitor = at(field)
    for _ in range(3):
        visitor.get(f"/confirmations/{link['token']}")
        visitor.client.head(f"/confirmations/{link['token']}", base_url=HOST)
        visitor.get(f"/confirmations/{link['token']}", answer="confirm", rating=5)
    assert field.as_("township").get(path)["state"] == "submitted"


def test_one_tap_says_yes_and_the_same_address_gives_thanks(field: World) -> None:
    """R-VISIT-4: a rating and words as one likes; afterwards a receipt, however often it is opened."""
    path, link = a_link(field)
    farmer = at(field)
    page = farmer.get(f"/confirmations/{link['token']}")
    sent = farmer.send(page, link["token"], rating="4", words="讲得明白\r\n下次再来")
    assert (sent.status, sent.location) == (303, f"/confirmations/{link['token']}")
    thanks = farmer.follow(sent)
    assert (thanks.status, thanks.read.texts("h1")) == (200, ["谢谢您，已经收到"])
    assert "您回答的是： 属实" in thanks.read.text
    shown = field.as_("county").get(path)
    assert (shown["state"], shown["confirmation"]["rating"]) == ("confirmed", 4)
    assert shown["confirmation"]["words"].splitlines() == ["讲得明白", "下次再来"]
    assert shown["evidence"][0]["source"] == "farmer"


def test_no_takes_a_reason_and_never_becomes_a_yes(field: World) -> None:
    """R-VISIT-4: an empty reason is asked for once more, beside its field; what was typed stays."""
    path, link = a_link(field)
    farmer, address = at(field), f"/confirmations/{link['token']}"
    for empty in ("", "   ", "长" * 501):
        refused = farmer.post(address, {"dispute": empty})
        assert refused.status == 422
        assert "请写一句哪里不对" in refused.html
        assert '<details class="no" open>' in refused.html
    assert "长" * 501 in refused.html
    assert field.as_("township").get(path)["state"] == "submitted"
    thanks = farmer.follow(farmer.post(address, {"dispute": "那天没有人来"}))
    assert "不属实" in thanks.read.text
    shown = field.as_("county").get(path)
    assert (shown["state"], shown["state_reason"]) == ("disputed", DISPUTED)
    assert "那天没有人来" in shown["evidence"][0]["text"]


def test_a_farmers_own_words_are_read_by_others_once_they_were_checked(field: World) -> None:
    """R-NEED-4: nobody's WeChat stands behind them, so reviewers read and decide; the answer itself counts at once."""
    path, link = a_link(field)
    at(field).post(f"/confirmations/{link['token']}", {"dispute": "加微信买药甲乙丙"})
    field.run_jobs()
    chen, township, county = field.as_("chen"), field.as_("township"), field.as_("county")
    for reader in (chen, township):
        shown = reader.get(path)
        assert (shown["state"], "甲乙丙" in shown.content.decode()) == ("disputed", False)
        assert "原话待核对后显示" in shown["evidence"][0]["text"]
        assert "甲乙丙" not in reader.get("/records").content.decode()
        assert "甲乙丙" not in reader.get("/me/messages").content.decode()
    assert "甲乙丙" not in chen.get("/me/data").content.decode()
    assert "甲乙丙" in county.get(path)["evidence"][0]["text"]
    held = county.get("/content", held=1, subject="confirmation_link")["items"]
    assert [(one["text"], one["state"]) for one in held] == [("加微信买药甲乙丙", "unavailable")]
    county.ok("POST", f"/content/{held[0]['id']}/release", {"reason": "可以看"})
    assert "甲乙丙" in chen.get(path)["evidence"][0]["text"]
    assert "甲乙丙" in chen.get("/me/data").content.decode()


def test_sent_twice_the_first_word_stands_and_both_read_thanks(field: World) -> None:
    """A double click, a reload, a changed mind: no error, one word."""
    path, link = a_link(field)
    farmer, address = at(field), f"/confirmations/{link['token']}"
    for typed in ({"rating": "5"}, {"rating": "5"}, {"dispute": "不对"}):
        assert "您回答的是： 属实" in farmer.follow(farmer.post(address, typed)).read.text
    shown = field.as_("county").get(path)
    assert (shown["state"], len(shown["versions"][0]["confirmations"])) == ("confirmed", 1)


def test_eight_at_once_leave_one_word_and_all_read_thanks(field: World) -> None:
    """R-VISIT-4: parallel sendings of one form, yes and no."""
    path, link = a_link(field)
    start, seen = threading.Barrier(8), list[tuple[int, int, str]]()

    def send(number: int) -> None:
        visitor: Visitor = at(field)
        start.wait()
        sent = visitor.post(f"/confirmations/{link['token']}", {"dispute": "不对"} if number % 2 else {})
        thanks = visitor.follow(sent)
        seen.append((sent.status, thanks.status, re.sub(r".*(您回答的是： \S+).*", r"\1", thanks.read.text)))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert seen[0][:2] == (303, 200)
    assert len(field.as_("county").get(path)["versions"][0]["confirmations"]) == 1


def test_a_link_that_asks_nothing_any_more_says_kindly_what_to_do(field: World) -> None:
    """Unknown, altered, expired, corrected, decided: a page, and a form that was still open changes nothing."""
    path, link = a_link(field)
    farmer = at(field)
    other, late = (field.as_("township").ok("POST", path + "/confirmation-link")["token"] for _ in range(2))

    def told(token: str) -> tuple[int, str, int]:
        page = farmer.get(f"/confirmations/{token}")
        assert "陈茶生" not in page.html or page.status == 200
        answer = farmer.post(f"/confirmations/{token}", {})
        assert answer.status == 303
        return page.status, page.read.texts("h1")[0], farmer.follow(answer).status

    altered = link["token"][:-1] + ("0" if link["token"][-1] != "0" else "1")
    for token in ("x", altered, link["token"].upper(), "9" * 5000, "%F0%9F%8D%B5"):
        assert told(token) == (404, "没有找到这个链接", 404), token
    field.at(NOW + timedelta(days=7, minutes=5))
    assert told(late) == (410, "这个链接已经过期", 410)
    field.at(NOW)
    field.as_("county").ok("POST", path + "/accept", {"reason": "核实"})
    assert told(other) == (410, "这次服务已经核对完了", 410)
    field.as_("chen").ok("POST", path + "/versions", {"done": "改", "reason": "笔误"})
    assert told(link["token"]) == (410, "这条记录改过了", 410)
    assert field.as_("county").get(path)["versions"][1]["confirmations"] == []


def test_a_code_read_over_the_phone_leads_to_the_same_page(field: World) -> None:
    """R-VISIT-4: sixteen digits in groups of four, typed with spaces, dashes or wide digits; a wrong one is told."""
    _, link = a_link(field)
    assert re.fullmatch(r"\d{4}( \d{4}){3}", link["code"])
    farmer = at(field)
    page = farmer.get("/confirmations")
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    for typed in (link["code"], link["code"].replace(" ", "-"), link["code"].translate(wide)):
        sent = farmer.send(page, "/confirmations", code=typed)
        assert (sent.status, sent.location) == (303, f"/confirmations/{link['token']}"), typed
    wrong = farmer.send(page, "/confirmations", code="1234 5678 9012 3456")
    assert (wrong.status, "没有这个确认码" in wrong.html, "1234 5678 9012 3456" in wrong.html) == (422, True, True)
    assert farmer.send(page, "/confirmations", code="").status == 422
    assert farmer.get(f"/confirmations/{link['code'].replace(' ', '')}").status == 404  # an address is no code


def test_codes_cannot_be_tried_out(field: World) -> None:
    """quality.md bar 25: sixty tries an hour from one address, right or wrong; the link itself still opens."""
    _, link = a_link(field)
    farmer = at(field)
    page = farmer.get("/confirmations")
    tried = [farmer.send(page, "/confirmations", code=f"{number:016d}").status for number in range(61)]
    assert (set(tried[:60]), tried[60]) == ({422}, 429)
    assert farmer.send(page, "/confirmations", code=link["code"]).status == 429
    assert farmer.get(f"/confirmations/{link['token']}").status == 200


def test_the_form_comes_from_our_own_page(field: World) -> None:
    """CSRF: another site's page cannot send it, whoever knows the address."""
    path, link = a_link(field)
    stranger = at(field)
    assert stranger.post(f"/confirmations/{link['token']}", {}, Sec_Fetch_Site="cross-site").status == 403
    assert stranger.post(f"/confirmations/{link['token']}", {}, Origin="https://evil.example").status == 403
    assert field.as_("township").get(path)["state"] == "submitted"


def test_an_old_browser_that_says_nothing_of_itself_can_answer(field: World) -> None:
    """No Origin, no Sec-Fetch-Site, no cookie, no script."""
    path, link = a_link(field)
    farmer = at(field)
    assert farmer.client.post(f"/confirmations/{link['token']}", base_url=HOST, data={}).status_code == 303
    assert field.as_("township").get(path)["state"] == "confirmed"


def test_neither_token_nor_code_stands_in_a_log_or_a_row(
    field: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """quality.md bar 27: also when something breaks on the way."""
    _, link = a_link(field)
    secrets = (link["token"], link["code"], link["code"].replace(" ", ""))
    farmer = at(field)

    def burst(*_: object, **__: object) -> None:
        raise ValueError(link["token"])

    with structlog.testing.capture_logs() as logs:
        farmer.post(f"/confirmations/{link['token']}", {})
        monkeypatch.setattr("service.records.links._standing", burst)
        broken = farmer.get(f"/confirmations/{link['token']}")
    assert (broken.status, len(logs)) == (500, 1)
    with field.house.engine.connect() as connection:
        tables = ("confirmation_links", "journal", "records", "record_versions", "attempts", "replies")
        rows = [str(connection.exec_driver_sql(f"SELECT * FROM {name}").all()) for name in tables]  # noqa: S608
    told = "".join([str(logs), *capfd.readouterr(), broken.html, *rows])
    assert [one for one in secrets if one in told] == []
