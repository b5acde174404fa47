"""What each version of a record changed, on its page and over the API (R-VISIT-6)."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from rules.policy import CONSENT_VERSIONS
from tests.make import a_pairing, a_record
from tests.web.pages import Read, Shown, at
from tests.web.test_pages_guarded import PAYLOADS
from tests.web.test_sites import a_site
from tests.world import World

NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)  # two in the afternoon of a Monday in Shanghai


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def changed(page: Shown) -> dict[str, str]:
    """What the latest version on a record's page changed: each field with what stands beside it, as it is read."""
    inner = page.html.partition('<ol class="steps" reversed>')[2].partition("</li>")[0]
    read = re.findall(r'<dt>(.*?)</dt><dd class="change">(.*?)</dd>', inner, re.DOTALL)
    return {name: unescape(re.sub(r"<[^>]*>", "", beside)) for name, beside in read}


def test_a_page_shows_what_each_version_changed(field: World) -> None:
    """R-VISIT-6, issue 4 point 7: each field by its name, before and after; nobody compares by eye."""
    pairing, chen, li = a_pairing(field), field.as_("chen"), field.as_("li")
    body = a_record(pairing, NOW - timedelta(hours=5), companions=[li.id], photos=["a" * 64])
    path = f"/records/{chen.ok('POST', '/records', body)['id']}"
    county = at(field, "county")
    assert "更正了什么" not in county.get(f"/console{path}").html
    fixed: dict[str, Any] = {"form": "remote", "photos": ["b" * 64, "c" * 64]}
    fixed["started_at"] = (NOW - timedelta(hours=4)).isoformat()
    fixed |= {"done": body["done"].replace("黄板", "色板"), "companions": [field.as_("wang").id]}
    fixed |= {"counters": {"farmers_helped": 15, "income_gained_fen": 120050}, "reason": "与农户核对后更正"}
    answer = chen.ok("POST", path + "/versions", fixed)
    page = county.get(f"/console{path}")
    assert changed(page) == {
        "开始时间": "删去：2026年6月15日 09:00； → 增加：2026年6月15日 10:00；",
        "服务方式": "删去：现场服务； → 增加：远程服务；",
        "做了什么": "查看示范茶园虫口，讲解删去：黄；增加：色；板与释放天敌的时机。",
        "同行人": "添加王果实，移除李稻香",
        "照片": "添加 2 张，移除 1 张",
        "带动农户": "删去：12； → 增加：15；",
        "增收": "增加：1,200.50 元；",
    }
    assert "理由：与农户核对后更正" in page.read.text
    assert page.html.count("1,200.50 元") == 2, "in the facts and in the change"
    first, second = answer["versions"]
    assert (first["changes"], [one["name"] for one in second["changes"]]) == ([], list(changed(page)))
    pieces = [{"how": "removed", "text": "现场服务"}, {"how": "added", "text": "远程服务"}]
    assert second["changes"][1] == {"field": "form", "name": "服务方式", "pieces": pieces}
    chen.ok("POST", path + "/versions", {"reason": "再交一次"})
    again = county.get(f"/console{path}")
    assert (changed(again), "内容没有改动" in again.html) == ({}, True)


def test_places_of_a_version_read_by_their_names_and_long_texts_by_their_changed_part(field: World) -> None:
    """What did not change of a long text is left out around what did; typed white space is seen."""
    chen, township = field.as_("chen"), field.as_("township")
    site = township.ok("POST", "/sites", a_site(23.54, 116.43, name="塘边基地"))
    body = a_record(a_pairing(field), NOW - timedelta(hours=5), done="起" + "长" * 200 + "甲" + "文" * 200 + "止")
    path = f"/records/{chen.ok('POST', '/records', body)['id']}"
    fixed = {"done": "起" + "长" * 200 + "乙\n丙" + "文" * 200 + "止", "village": "445202102002", "site": site["id"]}
    chen.ok("POST", path + "/versions", fixed | {"reason": "补充"})
    assert changed(at(field, "county").get(f"/console{path}")) == {
        "村（社区）": "增加：新市社区居民委员会；",
        "服务点": "增加：塘边基地；",
        "做了什么": f"……{'长' * 30}删去：甲；增加：乙↵\n丙；{'文' * 30}……",
    }


def test_of_a_check_in_a_version_says_only_that_it_changed_and_only_to_whom_it_is_shown(field: World) -> None:
    """R-VISIT-2: the township and companions learn nothing of it; the same point sent again is no change."""
    pairing, chen, li = a_pairing(field), field.as_("chen"), field.as_("li")
    consent = {"purpose": "location", "version": CONSENT_VERSIONS["location"], "given": True}
    chen.ok("POST", "/me/consents", consent)
    point = {"lat": 23.5412, "lon": 116.4321, "datum": "wgs84", "accuracy_m": 30, "source": "precise"}
    path = f"/records/{chen.ok('POST', '/records', a_record(pairing, NOW - timedelta(hours=5)))['id']}"
    steps: list[tuple[dict[str, Any], str | None]]
    steps = [({"check_in": point, "companions": [li.id]}, "定位已添加"), ({"check_in": point}, None)]
    steps += [({"check_in": point | {"lat": 23.5512}}, "定位已更改"), ({"check_in": None}, "定位已移除")]
    for change, expected in steps:
        chen.ok("POST", path + "/versions", change | {"reason": "更正定位"})
        page = at(field, "county").get(f"/console{path}")
        assert changed(page).get("定位") == expected
        assert "23.5" not in page.html
        assert "定位已" not in at(field, "township").get(f"/console{path}").html
    for key, count in (("chen", 3), ("county", 3), ("auditor", 3), ("township", 0), ("li", 0)):
        versions = field.as_(key).get(path)["versions"]
        assert sum(one["field"] == "check_in" for version in versions for one in version["changes"]) == count, key


def test_whom_a_version_took_off_the_list_is_named_to_author_and_reviewers_alone(field: World) -> None:
    """Whoever never served along is not told about further than to those who decide."""
    pairing, chen = a_pairing(field), field.as_("chen")
    li, wang, zhao = (field.as_(key).id for key in ("li", "wang", "zhao"))
    path = f"/records/{chen.ok('POST', '/records', a_record(pairing, NOW - timedelta(hours=5), companions=[li]))['id']}"
    chen.ok("POST", path + "/versions", {"companions": [wang, zhao], "reason": "认错了人"})
    for key in ("county", "auditor", "chen"):
        assert changed(at(field, key).get(f"/console{path}"))["同行人"].endswith("，移除李稻香"), key
    for key in ("township", "wang"):
        (told,) = field.as_(key).get(path)["versions"][1]["changes"]
        assert "李稻香" not in told["pieces"][0]["text"], key
        assert told["pieces"][0]["text"].endswith("，移除已不在名单上的 1 人"), key


def test_what_people_typed_into_a_version_stays_text(field: World) -> None:
    """Bar 26: whatever was typed, before or after, the page has the same tags as with plain words."""
    pairing, chen, county = a_pairing(field), field.as_("chen"), at(field, "county")
    tags = []
    for typed in ("平常的字", *PAYLOADS):
        body = a_record(pairing, NOW - timedelta(hours=5), done=f"先{typed}后", place_name=typed)
        path = f"/records/{chen.ok('POST', '/records', body)['id']}"
        chen.ok("POST", path + "/versions", {"done": "全部重写", "place_name": "另一处", "reason": typed})
        chen.ok("POST", path + "/versions", {"done": f"先{typed}", "place_name": typed, "reason": typed})
        page = county.get(f"/console{path}")
        assert page.read.unbalanced == [], typed
        assert changed(page)["地点"].split() == f"删去：另一处； → 增加：{typed.strip()}；".split(), typed
        inner = Read(page.html.partition('id="versions"')[2].partition("</section>")[0])
        tags.append([tag for tag, _ in inner.tags])
    assert all(one == tags[0] for one in tags)
