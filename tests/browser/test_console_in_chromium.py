"""The pages in a real browser: no policy broken, nothing typed runs, keys suffice, 360 px are enough."""

import os
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from tests.browser.chromium import Browser, browser, found
from tests.make import a_need
from tests.web.desk import a_waiting_need
from tests.web.pages import at
from tests.web.test_pages_guarded import PAYLOADS, shown_pages
from tests.world import World

NAMED = "document.activeElement.innerText || document.activeElement.name || document.activeElement.id"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = found()
    if path is None:
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail("Chromium is required (REQUIRE_CHROMIUM=1) and not installed")
        pytest.skip("NO BROWSER: install chromium to see the pages rendered; everything else is tested over HTTP")
    with browser(path) as one:
        yield one


@pytest.fixture
def url(world: World) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def enter(chromium: Browser, world: World, url: str, key: str) -> None:
    cookie = at(world, key).client.get_cookie("tepai")
    assert cookie is not None
    chromium.cookie(url, "tepai", cookie.value)
    chromium.complaints.clear()


def test_no_page_breaks_the_policy_or_a_phones_width(chromium: Browser, world: World, url: str) -> None:
    """Bar 26: CSP violations 0, errors 0, and no page wider than the window at 360 and 1280 px."""
    paths = shown_pages(world)
    for path, who in sorted(paths, key=lambda one: one[1] or ""):
        if who:
            enter(chromium, world, url, who)
        for width in (360, 1280):
            chromium.size(width)
            chromium.open(url + path)
            assert chromium.value("document.documentElement.scrollWidth") <= width, (path, width)
            assert chromium.complaints == [], path


def test_nothing_that_people_typed_runs(chromium: Browser, world: World, url: str) -> None:
    """Bar 26: the corpus in every text field, shown by a browser: no dialog, no error, no request elsewhere."""
    township, ids = world.as_("township"), []
    for words in PAYLOADS:
        need = township.ok("POST", "/needs", a_need(title=words[:60], problem=words, wanted=words, contact=words[:100]))
        township.ok("POST", f"/needs/{need['id']}/submit")
        ids.append(need["id"])
    enter(chromium, world, url, "county")
    for path in ("/console/", "/console/needs?limit=100", *(f"/console/needs/{one}" for one in ids)):
        chromium.open(url + path)
        assert chromium.complaints == [], path


def test_a_need_is_approved_with_the_keyboard_alone(chromium: Browser, world: World, url: str) -> None:
    """No pointer: past the navigation, tick, approve, read what came of it; the focus is always seen."""
    need = a_waiting_need(world)
    enter(chromium, world, url, "county")
    chromium.size(1280)
    chromium.open(f"{url}/console/needs")
    chromium.press("Tab")
    assert chromium.value(NAMED) == "跳到正文"
    assert chromium.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    chromium.press("Enter", "\r")
    names = []
    for _ in range(30):
        chromium.press("Tab")
        names.append(chromium.value(NAMED))
        if names[-1] == "tick":
            chromium.press(" ", " ")
        if names[-1] == "通过勾选的需求":
            break
    assert {"退出", "选派方案"}.isdisjoint(names)
    assert "tick" in names
    chromium.press("Enter", "\r")
    chromium.wait()
    assert "已通过「乌龙茶园茶小绿叶蝉防治」" in chromium.value("document.querySelector('[role=status]').innerText")
    assert world.as_("county").get(f"/needs/{need}")["state"] == "approved"
    assert chromium.complaints == []
