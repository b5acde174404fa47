"""What every page and form must keep, walked over the route map (quality.md 3.3-3.5, bar 26)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from werkzeug.routing import Rule

from models import Base
from service.core.unit import SYSTEM
from service.publicity.commands import open_publicity
from tests.cast import RONGCHENG
from tests.make import START, a_need, a_pairing, a_record, an_approved_need
from tests.web.desk import a_plan, a_waiting_need, outside
from tests.web.pages import HOST, Read, Shown, Visitor, at
from tests.world import World, new_id

CSP = {
    "default-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
}
FLAGS = {"HttpOnly", "SameSite=Strict", "Path=/"}
PLAIN = "平常的标题"


def rules(world: World, method: str, start: str = "/") -> Iterator[Rule]:
    """The routes of pages: all but the API's."""
    for rule in world.app.url_map.iter_rules():
        if method in (rule.methods or ()) and str(rule).startswith(start):
            yield rule


def address(rule: Rule, identity: str = "") -> str:
    """An address of a route, with one id in every place of one."""
    return re.sub(r"<(?:\w+:)?\w+>", identity or new_id(), str(rule))


def rows(world: World) -> dict[str, list[Any]]:
    """Everything that the database holds."""
    with world.house.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in Base.metadata.sorted_tables
        }


def shown_pages(world: World) -> list[tuple[str, str | None]]:
    """One address of every kind of page, with who may see it."""
    plan = a_plan(world)
    lead = at(world, "lead")
    lead.send(lead.get(f"/console/plans/{plan}"), "/approve")
    publicity = world.anyone().get("/publicity")["items"][0]["id"]
    stranger = at(world)
    signed = {"text": "有异议", "name": "何有声", "contact": "19900003001"}
    stranger.send(stranger.get(f"/publicity/{publicity}"), "/objections", **signed)
    objection = world.as_("county").get("/objections")["items"][0]["id"]
    waiting = a_waiting_need(world, problem="有好苗的请加微信详谈。")
    board = an_approved_need(world, title="另一件事")["id"]
    held = world.as_("county").get("/content", held=1)["items"][0]["id"]
    public = ["/", "/board", f"/board/{board}", "/publicity", f"/publicity/{publicity}", "/api/docs"]
    public += [f"/publicity/{publicity}/received", "/console/login"]
    record, token, link = a_farmers_link(world)
    public += ["/confirmations", f"/confirmations/{token}"]
    desk = ["/console/", "/console/needs", f"/console/needs/{waiting}", "/console/plans", f"/console/plans/{plan}"]
    pair = world.as_("county").get(f"/plans/{plan}")["pairs"][0]
    desk += [f"/console/plans/{plan}/pairs/{pair['commissioner']}/{pair['need']}", f"/console/plans/{plan}/comparison"]
    season = world.as_("county").get(f"/plans/{plan}")["round"]
    desk += [f"/console/rounds/{season}/statistics", f"/console/rounds/{season}/overrides"]
    desk += ["/console/records", f"/console/records/{record}", "/console/devices"]
    desk += ["/console/objections", f"/console/objections/{objection}", "/console/content", f"/console/content/{held}"]
    desk += ["/console/factor", "/console/factors"]
    shown = [(path, None) for path in public] + [(path, "county") for path in desk]
    return [*shown, (f"/console/links/{link}", "township")]


def walk(world: World) -> Iterator[tuple[str, str | None, Shown]]:
    """Every kind of page as somebody of the console finds it who may see it."""
    visitors: dict[str, Visitor] = {}
    for path, who in shown_pages(world):
        key = who or "county"
        if key not in visitors:
            visitors[key] = at(world, key)
        yield path, who, visitors[key].get(path)


def a_farmers_link(world: World) -> tuple[str, str, str]:
    """A record that was corrected and waits, the token of a link to it, and the link."""
    day = world.house.clock.now() - timedelta(days=1)
    record = world.as_("chen").ok("POST", "/records", a_record(a_pairing(world), day))["id"]
    world.as_("chen").ok("POST", f"/records/{record}/versions", {"done": "查看示范茶园虫口。", "reason": "写多了"})
    link = world.as_("township").ok("POST", f"/records/{record}/confirmation-link")
    return record, link["token"], link["id"]


def test_the_walk_knows_every_page(world: World) -> None:
    """A page that is not walked is not tested: the list equals the route map."""
    pages = {re.sub(r"[0-9a-f]{64}|[0-9a-f-]{36}", "<id>", path) for path, _ in shown_pages(world)}
    there = {re.sub(r"<[^>]+>", "<id>", str(rule)) for rule in rules(world, "GET") if is_page(rule)}
    assert pages == there


def is_page(rule: Rule) -> bool:
    path = str(rule)
    machine = path.startswith(
        ("/api/", "/static/", "/wechat/", "/healthz", "/readyz", "/metrics", "/console/login/code.png")
    )
    return path == "/api/docs" or not machine


def alone(policy: dict[str, str]) -> dict[str, str]:
    """A page that stands alone allows one stylesheet, the one that is in it, by its digest instead of our own."""
    return {"style-src": "'self'"} if re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy["style-src"]) else {}


def test_every_answer_carries_the_security_headers(world: World) -> None:
    """ASVS 3.4.1-3.4.6, 4.1.1: all routes, whatever they answer."""
    visitor = at(world, "county")
    for rule in world.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            answer = visitor.client.open(address(rule), method=method, base_url=HOST)
            headers = answer.headers
            policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
            assert CSP.items() <= (policy | alone(policy)).items(), rule
            assert "unsafe" not in headers["Content-Security-Policy"], rule
            assert headers["X-Content-Type-Options"] == "nosniff", rule
            assert headers["Referrer-Policy"] == "same-origin", rule
            assert int(re.findall(r"max-age=(\d+)", headers["Strict-Transport-Security"])[0]) >= 31_536_000, rule
            assert headers["X-Frame-Options"] == "DENY", rule
            assert "Access-Control-Allow-Origin" not in headers, rule
            assert "Server" not in headers, rule
            if answer.data and answer.status_code != 304:
                assert answer.content_type.startswith(("text/html; charset=utf-8", "application/", "image/", "text/"))
            answer.close()


def test_pages_of_the_console_are_never_kept_and_public_ones_for_a_minute(world: World) -> None:
    """ASVS 14.3.2; and public pages neither set nor read a cookie."""
    for path, who, page in walk(world):
        assert page.status == 200, path
        console = path.startswith("/console")
        kept = not path.startswith(("/console", "/confirmations"))
        assert page.headers["Cache-Control"] == ("public, max-age=60" if kept else "no-store"), path
        if not console:
            assert page.cookies == [], path
            assert "金榕生" not in page.html
            assert page.html == at(world).get(path).html, path
        elif who:
            assert at(world).get(path).status == 303, path


def test_cookies_carry_their_flags(world: World) -> None:
    """ASVS 3.3.1-3.3.4: in development a plain name over HTTP, everywhere else `__Host-` and Secure."""
    a_waiting_need(world)
    visitor = at(world)
    login = visitor.send(visitor.get("/console/login"), "/console/login", person=world.as_("county").id)
    approved = visitor.send(visitor.get("/console/needs"), "/console/needs/approve")
    shown = visitor.get("/console/needs")
    logout = visitor.send(shown, "/logout")
    for answer in (login, approved, shown, logout):
        assert answer.cookies
        for cookie in answer.cookies:
            name, *parts = cookie.split("; ")
            assert set(parts) >= FLAGS, cookie
            assert "Domain" not in cookie
            assert name.startswith(("tepai=", "tepai-said="))
    assert [cookie for cookie in logout.cookies if "Max-Age=0" in cookie]


def test_outside_development_cookies_are_bound_to_host_and_tls(world: World) -> None:
    """`__Host-` names, Secure, and the plain name of development opens nothing."""
    cookie = at(world, "county").client.get_cookie("tepai")
    assert cookie is not None
    house, app = outside(world)
    base = "https://tepai.example"
    try:
        client = app.test_client()
        client.set_cookie("tepai", cookie.value, domain="tepai.example")
        assert client.get("/console/", base_url=base).status_code == 303
        client.set_cookie("__Host-tepai", cookie.value, domain="tepai.example", secure=True)
        desk = client.get("/console/", base_url=base)
        assert desk.status_code == 200
        form = Read(desk.get_data(as_text=True)).form("/logout")
        sent = client.post(form.action, base_url=base, data=form.fields, headers={"Origin": base})
        assert sent.status_code == 303
        for one in sent.headers.getlist("Set-Cookie"):
            name, *parts = one.split("; ")
            assert name.startswith("__Host-tepai")
            assert FLAGS | {"Secure"} <= set(parts)
    finally:
        house.close()


def test_a_session_of_the_console_is_none_of_the_api_and_the_other_way_round(world: World) -> None:
    """quality.md §5: bearer routes take no cookie, console routes no bearer, and the tokens are not exchangeable."""
    caller = world.as_("county")
    visitor = at(world, "county")
    cookie = visitor.client.get_cookie("tepai")
    assert cookie is not None
    assert visitor.client.get("/api/v1/needs").status_code == 401
    assert visitor.client.get("/api/v1/needs", headers={"Authorization": f"Bearer {cookie.value}"}).status_code == 401
    stranger = at(world)
    bearer = {"Authorization": f"Bearer {caller.token}"}
    refused = stranger.client.get("/console/", headers=bearer)
    assert refused.status_code == 401
    assert "工作台不接受令牌" in refused.get_data(as_text=True)
    assert "WWW-Authenticate" not in refused.headers
    stranger.client.set_cookie("tepai", caller.token or "")
    assert stranger.get("/console/").status == 303


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None),
        ({}, "another's"),
        ({}, "0" * 64),
        ({}, "é"),
        ({"Sec_Fetch_Site": "cross-site"}, "own"),
        ({"Sec_Fetch_Site": "same-site"}, "own"),
        ({"Origin": "https://evil.example"}, "own"),
        ({"Origin": "null"}, "own"),
        ({"Origin": "http://localhost:81"}, "own"),
        ({"Origin": "https://localhost"}, "own"),
    ],
)
def test_a_form_from_elsewhere_is_refused_on_every_route(
    world: World, headers: dict[str, str], token: str | None
) -> None:
    """ASVS 3.5.1-3.5.3: no token, another session's, another site, another origin: 403 and nothing changes."""
    a_waiting_need(world)
    county = at(world, "county")
    own = county.get("/console/").read.form("/logout").fields["csrf"]
    others = at(world, "lead").get("/console/").read.form("/logout").fields["csrf"]
    sent = {"csrf": {"own": own, "another's": others}.get(token, token)} if token else {}
    before = rows(world)
    walked = 0
    for rule in rules(world, "POST", "/console/"):
        answer = county.post(address(rule), sent, **headers)
        assert answer.status == 403, rule
        assert "页面已过期或来源不明" in answer.html
        walked += 1
    assert walked >= 8
    assert rows(world) == before


@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=["site", "origin"]
)
def test_public_forms_are_sent_from_our_own_pages_alone(world: World, headers: dict[str, str]) -> None:
    """Nobody's page files objections in its visitors' names, nor logs them in."""
    stranger, person = at(world), world.as_("county").id
    before = rows(world)
    for start in ("/publicity", "/confirmations"):
        for rule in rules(world, "POST", start):
            assert stranger.post(address(rule), {}, **headers).status == 403
    assert stranger.post("/console/login", {"person": person}, **headers).status == 403
    after = rows(world)
    assert {name: after[name] for name in before if name not in {"sessions", "journal"}} == {
        name: before[name] for name in before if name not in {"sessions", "journal"}
    }


def test_looking_changes_nothing(world: World) -> None:
    """ASVS 3.5.3: GET and HEAD of every page, as everybody, leave every row as it was."""
    paths = shown_pages(world)
    visitors = [at(world), *(at(world, key) for key in ("county", "lead", "city", "township", "chen"))]
    before = rows(world)
    for visitor in visitors:
        for path, _ in paths:
            visitor.get(path)
            visitor.client.head(path, base_url=HOST)
    assert rows(world) == before


PAYLOADS = (
    "<script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    " autofocus onfocus=alert(1) x=",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{7*7}}",
    "{% raw %}{{ config }}{% endraw %}",
    "%(asctime)s %s %n",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<form action=//evil.example><input name=csrf>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<math><mtext></mtext><mglyph><style><img src onerror=alert(1)>",
)


def pages_with(world: World, words: str) -> dict[str, Read]:
    """Every page that shows what people typed, with the words in each of their fields."""
    need = a_need(title=words[:60], problem=words, wanted=words, industry=words[:60], contact=words[:100])
    township = world.as_("township")
    made = township.ok("POST", "/needs", need)["id"]
    township.ok("POST", f"/needs/{made}/submit")
    county = at(world, "county")
    read = {
        "desk": county.get("/console/").read,
        "list": county.get("/console/needs", q=words[:60]).read,
        "need": county.get(f"/console/needs/{made}").read,
        "typed": county.send(county.get(f"/console/needs/{made}"), "/return", reason=words + "长" * 2000).read,
    }
    sent = county.send(county.get(f"/console/needs/{made}"), "/approve")
    world.check_content()
    checked = world.as_("county").get("/content", state="passed")["items"][0]["id"]
    read |= {
        "said": county.follow(sent).read,
        "board": at(world).get("/board", q=words[:60]).read,
        "item": at(world).get(f"/board/{made}").read,
        "home": at(world).get("/").read,
        "content": county.get(f"/console/content/{checked}").read,
    }
    row = {"name": words[:60], "organisation": words, "field": words, "host": words}
    with world.house.write(SYSTEM) as uow:
        uow.now = START
        one = open_publicity(uow, "plan", UUID(new_id()), RONGCHENG, words[:200], [row])
    read |= record_pages(world, words)
    stranger = at(world)
    page = stranger.get(f"/publicity/{one.id}")
    faulty = stranger.send(page, "/objections", text=words, name=words, contact="长" * 101)
    read |= {
        "publicity": page.read,
        "refused": faulty.read,
        "received": stranger.get(f"/publicity/{one.id}/received").read,
    }
    return read


def record_pages(world: World, words: str) -> dict[str, Read]:
    """The pages of a service record, with the words in each of its fields and in what was said of it."""
    day = world.house.clock.now() - timedelta(days=1)
    body = a_record(a_pairing(world), day, done=words, next=words, place_name=words)
    record = world.as_("chen").ok("POST", "/records", body)["id"]
    township, county = at(world, "township"), at(world, "county")
    token = world.as_("township").ok("POST", f"/records/{record}/confirmation-link")["token"]
    asked = at(world).get(f"/confirmations/{token}").read
    typed = at(world).post(f"/confirmations/{token}", {"dispute": words + "长" * 500}).read
    world.anyone().ok("POST", f"/confirmations/{token}", {"words": words})
    township.send(township.get(f"/console/records/{record}"), "/dispute", reason=words)
    return {
        "asked": asked,
        "asked again": typed,
        "records": county.get("/console/records", state="all", commissioner=world.as_("chen").id, limit=1).read,
        "record": county.get(f"/console/records/{record}").read,
    }


def test_what_people_typed_never_becomes_markup(world: World) -> None:
    """Stored and reflected XSS: whatever the words, a page is the same tags with the same attributes."""
    world.at(START)
    plain = pages_with(world, PLAIN)
    for payload in PAYLOADS:
        for name, page in pages_with(world, payload).items():
            known = {tag for tag, _ in plain[name].tags} | {"a", "nav", "p"}
            assert {tag for tag, _ in page.tags} <= known, (name, payload)
            for tag, attrs in page.tags:
                assert tag not in {"script", "iframe", "object", "embed", "base", "svg"}, (name, payload)
                assert not [attr for attr in attrs if attr.startswith("on") or attr == "style"], (name, payload)
                for attr in ("href", "src", "action"):
                    assert attrs.get(attr, "/").startswith(("/", "#")) or attrs[attr] == "data:,", (name, payload)
                    assert not attrs.get(attr, "/").startswith("//"), (name, payload, attrs)
            assert page.unbalanced == [], (name, payload)
            assert len(page.all("style")) == name.startswith("asked"), (name, payload)


def test_a_payload_is_shown_as_it_was_typed(world: World) -> None:
    """Inert, and not eaten: the reader sees the very characters."""
    world.at(START)
    for name, page in pages_with(world, PAYLOADS[0]).items():
        if name not in {"received", "refused", "typed"}:
            assert PAYLOADS[0] in page.text, name
    assert "49" not in pages_with(world, "{{7*7}}")["item"].texts("h1")


def test_every_page_can_be_used_without_seeing_or_pointing(world: World) -> None:
    """Language, one heading, a title, a way past the navigation, a label for every field, a name for every button."""
    for path, _, shown in walk(world):
        page = shown.read
        assert page.unbalanced == [], path
        assert page.open == [], path
        assert page.all("html")[0]["lang"] == "zh-CN"
        assert len(page.all("h1")) == 1, path
        assert not page.all("nav") or page.all("a")[0]["href"] == "#main", path
        assert page.all("main")[0]["id"] == "main"
        assert page.texts("title")[0].endswith("科技特派员工作平台")
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), path
        labelled = {one.get("for") for one in page.all("label")}
        for tag in ("input", "select", "textarea"):
            for one in page.all(tag):
                if one.get("type") not in {"hidden", "checkbox"}:
                    assert one["id"] in labelled, (path, one)
        assert len(page.all("style")) == path.startswith("/confirmations"), path
        for script in page.all("script"):
            assert script["src"].startswith("/static/"), path
        assert page.texts("script") == [], path
        assert not [attrs for _, attrs in page.tags if "style" in attrs], path
        for picture in page.all("img"):
            assert "alt" in picture
        for one in page.all("a"):
            if one["href"].startswith("#"):
                assert one["href"][1:] in ids, (path, one)


def test_every_link_of_every_page_leads_somewhere(world: World) -> None:
    """No dead link on any page that the county sees."""
    visitor = at(world, "county")
    links = {
        one["href"].partition("#")[0]
        for _, _, page in walk(world)
        for tag in ("a", "link")
        for one in page.read.all(tag)
    }
    for link in sorted(links - {"", "data:,"}):
        assert link.startswith("/"), link
        assert visitor.get(link).status in {200, 303}, link


def test_the_documentation_shows_every_operation(world: World) -> None:
    """API9: each described operation has its place, with who may, and anchors are unique."""
    spec = world.anyone().get("/api/openapi.json").json
    page = at(world).get("/api/docs").read
    assert {"GET", "POST", "PATCH"} <= set(page.texts("span"))
    described = {
        f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}"
        for path, item in spec["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert described == {one["id"] for one in page.all("article")}
    assert "县级经办" in page.text
    assert "任何人，无需登录" in page.text
    assert "见说明" not in page.text
