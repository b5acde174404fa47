"""The conventions of api.md, tried by strangers: methods, types, bodies, paths, lists, keys, conditions."""

import base64
import gzip
import json
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.journal import Reply
from tests.cast import PAOTAI
from tests.make import a_need, a_round, an_approved_need
from tests.world import Answer, Caller, World, new_id

NO_BODY = json.dumps({}).encode()


def _raw(who: Caller, method: str, path: str, body: bytes, kind: str | None, **headers: str) -> Answer:
    sent = {"Authorization": f"Bearer {who.token}", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return Answer(who.client.open(f"/api/v1{path}", method=method, data=body, content_type=kind, headers=sent))


def _is_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "trace"} <= answer.json.keys()
    assert not answer["title"].isascii()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/api/v1/needs", 405),
        ("TRACE", "/api/v1/board", 405),
        ("FOO", "/api/v1/board", 405),
        ("GET", "/api", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v2/needs", 404),
        ("GET", "/api/v1//needs", 404),
        ("POST", "/api/v1//needs", 404),
        ("GET", "/api/v1/needs/", 404),
        ("GET", "/api/v1/needs/%00", 404),
        ("GET", "/api/v1/townships/%00", 404),
        ("GET", "/api/v1/townships/%ED%A0%80", 404),
        ("GET", "/api/v1/townships/..%2f..%2f", 404),
        ("GET", f"/api/v1/townships/{'4' * 5000}", 404),
        ("GET", "/api/v1/board/not-a-uuid", 404),
    ],
)
def test_what_is_no_route_of_ours_is_a_problem(world: World, method: str, path: str, status: int) -> None:
    """api.md: refusals are problem+json, whatever was asked for below /api."""
    answer = world.as_("city").call(method, path)
    if method != "TRACE":
        _is_problem(answer, status)
    assert answer.status == status
    assert (status == 405) == ("Allow" in answer.headers)


def test_lists_answer_head_and_options_and_any_accept(world: World) -> None:
    """HEAD is a GET without its body; nobody's Accept changes the type."""
    city = world.as_("city")
    head = city.call("HEAD", "/rounds")
    assert (head.status, head.content) == (200, b"")
    assert "GET" in city.call("OPTIONS", "/rounds").headers["Allow"]
    assert city.call("GET", "/rounds", headers={"Accept": "text/html;q=1, image/*"}).json == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("body", "kind", "headers", "status"),
    [
        (b"{}", "text/plain", {}, 415),
        (b"{}", None, {}, 415),
        (b"a=1", "application/x-www-form-urlencoded", {}, 415),
        (gzip.compress(NO_BODY, mtime=0), "application/json", {"Content_Encoding": "gzip"}, 415),
        (b"{}", "application/json", {"Content_Encoding": "br"}, 415),
        (b"{}", "application/json; charset=gbk", {}, 400),
        (b"\xef\xbb\xbf{}", "application/json", {}, 400),
        (b'{"title": "\xff"}', "application/json", {}, 400),
        (b'{"title": "a", "title": "b"}', "application/json", {}, 400),
        (b'{"places": 1e400}', "application/json", {}, 400),
        (b'{"places": 9223372036854775808}', "application/json", {}, 400),
        (b'{"title": "\\ud800"}', "application/json", {}, 400),
        (b'{"title": "\\u0000"}', "application/json", {}, 400),
        (b"[" * 100_000, "application/json", {}, 400),
        (b"null", "application/json", {}, 400),
        (b"[]", "application/json", {}, 422),
        (b"", "application/json", {}, 422),
        (b'{"title": "' + b"a" * 1_100_000 + b'"}', "application/json", {}, 413),
    ],
)
def test_bodies_that_are_none_are_refused(
    world: World, body: bytes, kind: str | None, headers: dict[str, str], status: int
) -> None:
    """quality.md §4 row 23, bar 15: 4xx, never 500, whatever the body is."""
    _is_problem(_raw(world.as_("township"), "POST", "/needs", body, kind, **headers), status)


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/board", "/needs", "/rounds", "/people", "/roles", "/bindings", "/teams", "/claims"])
def test_lists_keep_their_limits_and_take_no_forged_cursor(world: World, path: str) -> None:
    """api.md: limit ≤ 100; a cursor is ours or 400."""
    caller = world.as_("county")
    for limit in ("0", "-1", "101", "abc", "1e9", "1.0", "１", "", " 5", "--5", "9" * 30):
        _is_problem(caller.get(path, limit=limit), 422)
    assert caller.get(path, limit="100").status == 200
    for forged in (
        "x",
        "%00",
        "é",
        _cursor(["x", "y"]),
        _cursor([1, 2]),
        _cursor({"a": 1}),
        _cursor(["2026-01-01T00:00:00+00:00"]),
        _cursor(["2026-01-01T00:00:00", new_id()]),
        _cursor(["0001-01-01T00:00:00+14:00", new_id()]),
        _cursor(["9999-12-31T23:59:59-14:00", new_id()]),
        _cursor(["2026-01-01T00:00:00+00:00", "\ud800"]),
    ):
        _is_problem(caller.get(path, cursor=forged), 400)
    _is_problem(caller.get(path, cursor="a" * 501), 422)
    _is_problem(caller.get(path, colour="red"), 422)


@pytest.mark.parametrize("path", ["/regions?parent=4452", "/townships", "/specialties", "/organisations"])
def test_reference_lists_page_like_every_list(world: World, path: str) -> None:
    """api.md: lists take `limit` and `cursor`; the short ones come whole without."""
    anyone = world.anyone()
    whole = anyone.ok("GET", path)["items"]
    join = "&" if "?" in path else "?"
    found: list[Any] = []
    cursor = ""
    while True:
        shown = anyone.ok("GET", f"{path}{join}limit=100{cursor}")
        found += shown["items"]
        if shown["next"] is None:
            break
        cursor = f"&cursor={shown['next']}"
    assert (found if "parent" not in path else found[: len(whole)]) == whole
    first = anyone.ok("GET", f"{path}{join}limit=2")
    second = anyone.ok("GET", f"{path}{join}limit=2&cursor={first['next']}")
    assert first["items"] + second["items"] == whole[:4]
    for forged in (["\ud800"], ["\0"], ["a", "b"], []):
        _is_problem(anyone.get(path.partition("?")[0], cursor=_cursor(forged)), 400)
    for wrong in ("limit=0", "limit=101", "colour=red"):
        _is_problem(anyone.call("GET", f"{path}{join}{wrong}"), 422)


def test_the_65_townships_come_in_one_answer(world: World) -> None:
    """001 item 16, api.md: `GET /townships?agricultural=1` → the 65."""
    assert len(world.anyone().ok("GET", "/townships?agricultural=1")["items"]) == 65


def test_one_id_is_one_thing_however_it_is_spelled(world: World) -> None:
    """api.md: the same again, the first answer; a UUID is the same in capitals, without dashes, as URN."""
    township, body = world.as_("township"), a_need()
    first = township.post("/needs", body)
    assert first.status == 201
    plain = body["id"]
    for spelled in (plain.upper(), plain.replace("-", ""), f"urn:uuid:{plain}", "{" + plain + "}"):
        again = township.post("/needs", body | {"id": spelled})
        assert (again.status, again.content) == (201, first.content)
        assert again.headers["Location"] == first.headers["Location"]
    assert township.post("/needs", body | {"id": plain.upper(), "places": 2}).status == 409
    assert world.as_("didu").post("/needs", body | {"township": "445202103000"}).status == 409
    assert world.as_("city").post(f"/needs/{plain}/claims", {"id": plain}).status == 403
    assert len(township.get("/needs")["items"]) == 1


def test_a_key_belongs_to_one_person_one_route_and_one_body(world: World) -> None:
    """Idempotency-Key: per person; other content or another route is a conflict; a refusal is not an answer to keep."""
    township, didu, key = world.as_("township"), world.as_("didu"), {"Idempotency-Key": "一把钥匙".encode().hex()}
    body = {name: value for name, value in a_need().items() if name != "id"}
    assert township.post("/needs", body | {"places": 0}, headers=key).status == 422
    first = township.post("/needs", body, headers=key)
    assert (first.status, township.post("/needs", body, headers=key).content) == (201, first.content)
    assert township.post("/needs", body | {"places": 2}, headers=key).status == 409
    assert didu.post("/needs", body | {"township": "445202103000"}, headers=key).status == 201
    county = world.as_("county")
    person = county.post("/people", {"name": "同钥人"}, headers=key)
    assert person.status == 201
    assert county.post("/invitations", {"person": person["id"]}, headers=key).status == 409
    assert township.post("/needs", body, headers={"Idempotency-Key": "k" * 201}).status == 400
    assert township.post("/needs", body, headers={"Idempotency-Key": "é'; drop table replies--"}).status == 201


def test_what_is_kept_of_an_answer_cannot_be_read_in_the_table(world: World) -> None:
    """quality.md §5, bar 27: contacts and invitations are shown to their askers and stand nowhere in clear."""
    key = {"Idempotency-Key": "once"}
    world.as_("township").ok("POST", "/needs", a_need(contact="农办 19900002009"))
    county = world.as_("county")
    person = county.ok("POST", "/people", {"name": "被邀人"})["id"]
    invited = county.ok("POST", "/invitations", {"person": person}, headers=key)
    assert county.ok("POST", "/invitations", {"person": person}, headers=key).content == invited.content
    assert county.get(invited.headers["Location"])["id"] == person
    with Session(world.house.engine) as session:
        kept = b"".join(session.scalars(sa.select(Reply.body)))
    assert invited["invitation"].encode() not in kept
    assert b"19900002009" not in kept


@pytest.mark.parametrize("by_id", [True, False])
def test_the_same_from_eight_at_once_is_one_thing(world: World, *, by_id: bool) -> None:
    """quality.md bar 3: parallel same key, one effect, one answer."""
    city, now = world.as_("city"), world.house.clock.now()
    body: dict[str, Any] = {"title": "同时八份", "year": now.year}
    body |= {
        name: now.replace(year=now.year + 1, month=month).isoformat()
        for name, month in (("needs_until", 1), ("claims_until", 2), ("ranking_until", 3))
    }
    body |= {"id": new_id()} if by_id else {}
    headers = None if by_id else {"Idempotency-Key": "acht"}
    answers: list[Answer] = []

    def send() -> None:
        answers.append(Caller(world.app, city.token).post("/rounds", body, headers=headers))

    threads = [Thread(target=send) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {(one.status, one.content) for one in answers} == {(201, answers[0].content)}
    assert len(city.get("/rounds")["items"]) == 1


def test_edits_want_the_etag_of_what_was_read(world: World) -> None:
    """api.md: 428 without If-Match, 412 when stale, the new ETag with the answer; the override is for PATCH alone."""
    township, city = world.as_("township"), world.as_("city")
    need, round_ = township.ok("POST", "/needs", a_need()), a_round(world)
    for caller, path, body in (
        (township, f"/needs/{need['id']}", {"places": 2}),
        (city, f"/rounds/{round_['id']}", {"ranking_until": "2199-01-01T00:00:00+08:00", "reason": "延期"}),
        (city, f"/townships/{PAOTAI}", {"confirmed": True}),
    ):
        read = caller.ok("GET", path)
        assert caller.patch(path, body).status == 428
        for stale in ('""', '"x"', "*", read.etag + "0", "é"):
            assert caller.patch(path, body, stale).status == 412
        override = {"X-HTTP-Method-Override": "PATCH"}
        assert (
            caller.post(path, body, headers={"X-HTTP-Method-Override": "DELETE", "If-Match": read.etag}).status == 405
        )
        assert caller.call("GET", path, headers=override).status == 200
        edited = caller.post(path, body, headers=override | {"If-Match": read.etag})
        assert edited.status == 200
        assert edited.etag not in {"", read.etag}
        assert edited.etag == caller.ok("GET", path).etag
        assert caller.patch(path, body, read.etag).status == 412


def test_a_location_leads_to_what_was_made(world: World) -> None:
    """api.md: 201 + Location; whoever made it can follow it."""
    need = an_approved_need(world)
    county, chen = world.as_("county"), world.as_("chen")
    team = {"name": "引路队", "members": [world.as_("li").id, world.as_("wang").id]}
    person = county.ok("POST", "/people", {"name": "新人"})
    for caller, made in (
        (county, person),
        (county, county.ok("POST", "/roles", {"person": person["id"], "role": "township", "region": PAOTAI})),
        (chen, chen.ok("POST", "/teams", team)),
        (chen, chen.ok("POST", f"/needs/{need['id']}/claims", {"plan": "到场两次"})),
    ):
        assert caller.ok("GET", made.headers["Location"])["id"] == made["id"]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YWJj", "bearer x y", "Bearer " + "a" * 8000, "Bearer é", "Token x", ""]
)
def test_a_token_that_is_none_is_401(world: World, header: str) -> None:
    """No wrong Authorization is taken for none, not even on public routes."""
    answer = world.anyone().call("GET", "/board", headers={"Authorization": header})
    _is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
