"""Every field of every body gets what nobody would type; and no schema lets through what its column cannot hold."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from marshmallow import Schema, fields, validate

from models import Base
from tests.cast import PAOTAI, RONGCHENG
from tests.make import a_need, an_approved_need
from tests.world import World, new_id
from web.contract import Endpoint

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    2**63 - 1,
    1e300,
    "",
    "　 ",
    "%",
    "'; DROP TABLE needs; --",
    "{{7*7}}<script>",
    "1",
    "１２",
    "a" * 61,
    "𠮷" * 60,
    "𠮷" * 61,
    "é" * 60,
    "क़" * 60,
    "中" * 2001,
    "a\u202eb",
    "a\u200bb",
    "a\u2028b",
    "\ufeff",
    "\ud800",
    "a\0b",
    "2026-02-30",
    "2026-W01-1",
    "20260101",
    "0001-01-01",
    "9999-12-31T23:59:59-14:00",
    "2026-W01-1T00:00:00+08:00",
    "2026-01-01 00:00:00+08:00",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+08:00:30",
    "2026-01-01T24:00:00+08:00",
    [],
    [None],
    [[]],
    [{}],
    {},
    {"lat": 1},
)
NEVER_TAKEN: tuple[Any, ...] = (
    "\ud800",
    "a\0b",
    1.5,
    1e300,
    2**63 - 1,
    {"lat": 1},
    [None],
    [[]],
    "2026-W01-1T00:00:00+08:00",
)
"""No field in the world takes these, but for texts that anything can stand in."""


def _round(now: Any) -> dict[str, Any]:
    dates = ("needs_until", "claims_until", "ranking_until")
    return {"id": "", "title": "批次", "year": now.year, "capacity_max": 1} | {
        name: (now + timedelta(days=7 * (n + 1))).isoformat() for n, name in enumerate(dates)
    }


Body = Callable[[World], dict[str, Any]]
ROUTES: dict[str, tuple[str, str, Body]] = {
    "POST /needs": (
        "township",
        "",
        lambda _: a_need(village=None, industry="茶", starts_on="2027-01-01", ends_on="2027-02-01", round_id=None),
    ),
    "POST /rounds": ("city", "", lambda world: _round(world.house.clock.now())),
    "POST /people": (
        "county",
        "",
        lambda _: (
            {"id": "", "name": "某某", "phone": "19900005555", "region": None, "organisation": None}
            | {
                "title": "农艺师",
                "nature": "paid",
                "bio": "略",
                "specialties": [],
                "available": True,
                "capacity": 1,
                "service_days": 30,
            }
        ),
    ),
    "POST /roles": (
        "county",
        "",
        lambda world: (
            {"id": "", "person": world.as_("county").post("/people", {"name": "甲"})["id"]}
            | {"role": "township", "region": PAOTAI, "organisation": None, "starts_on": None, "ends_on": None}
        ),
    ),
    "POST /invitations": (
        "county",
        "",
        lambda world: {"person": world.as_("county").post("/people", {"name": "甲"})["id"]},
    ),
    "POST /people/import": ("county", "", lambda _: {"csv": "name\n某", "region": None, "dry_run": True}),
    "POST /teams": (
        "chen",
        "",
        lambda world: {"id": "", "name": "队", "members": [world.as_("li").id, world.as_("wang").id]},
    ),
    "POST /me/consents": ("chen", "", lambda _: {"purpose": "location", "version": "2026-11", "given": True}),
    "POST /needs/{need}/claims": ("chen", "", lambda _: {"id": "", "plan": "到场", "preference": 1, "team_id": None}),
    "POST /auth/wechat": ("anyone", "", lambda _: {"code": "x", "device": "x"}),
    "POST /auth/bind": ("chen", "", lambda _: {"invitation": "x", "phone_code": None}),
    "POST /needs/{draft}/submit": ("township", "", lambda _: {"reason": "x"}),
    "POST /needs/{need}/close": ("county", "", lambda _: {"reason": "x"}),
    "PATCH /needs/{draft}": (
        "township",
        "/needs/{draft}",
        lambda _: {name: value for name, value in a_need(industry="茶").items() if name not in {"id", "township"}},
    ),
    "PATCH /rounds/{round}": (
        "city",
        "/rounds/{round}",
        lambda _: {"ranking_until": "2199-01-01T00:00:00+08:00", "reason": "x"},
    ),
    "PATCH /townships/" + PAOTAI: (
        "city",
        "/townships/" + PAOTAI,
        lambda _: (
            {"agricultural": True, "basis": "b", "confirmed": True, "managing_county": RONGCHENG}
            | {"point": {"lat": 23.1, "lon": 116.1, "datum": "gcj02"}, "radius_m": 500}
        ),
    ),
    "PUT /needs/{need}/ranking": ("township", "/needs/{need}", lambda _: {"ranked": [], "declined": []}),
    "PUT /rounds/{round}/preferences": ("chen", "", lambda _: {"claims": [new_id()]}),
}


@pytest.mark.parametrize("route", ROUTES)
def test_no_field_breaks_anything(world: World, route: str) -> None:
    """quality.md §4 rows 23-25, bar 15: each field, each hostile value: taken, or 4xx in Chinese."""
    who, etag_at, make = ROUTES[route]
    caller = world.anyone() if who == "anyone" else world.as_(who)
    city, now = world.as_("city"), world.house.clock.now()
    ids = {
        "need": an_approved_need(world)["id"],
        "draft": world.as_("township").ok("POST", "/needs", a_need())["id"],
        "round": city.ok("POST", "/rounds", _round(now) | {"id": new_id()})["id"],
    }
    method, path = route.split(" ")
    body = make(world)
    for name, value in ((name, value) for name in (*body, "county_code") for value in HOSTILE):
        sent = body | ({"id": new_id()} if "id" in body else {}) | {name: value}
        headers = {"If-Match": caller.get(etag_at.format(**ids)).etag} if etag_at else None
        answer = caller.call(method, path.format(**ids), sent, headers=headers)
        assert answer.status < 500, f"{name}={value!r}: {answer}"
        assert answer.status >= 400 or name != "county_code"
        if value in NEVER_TAKEN and not (name == "point" or isinstance(value, str)):
            assert answer.status >= 400, f"{name}={value!r} was taken: {answer}"
        if answer.status >= 400:
            texts = [text for texts in (answer.json.get("errors") or {}).values() for text in texts]
            assert not [text for text in (answer["title"], *texts) if text.isascii()], f"{name}={value!r}: {answer}"


@pytest.mark.parametrize(
    ("value", "status"),
    [("𠮷" * 60, 201), ("𠮷" * 61, 422), ("  " + "中" * 60 + "\n", 201), ("e\u0301" * 60, 201), ("\u0958" * 31, 422)],
)
def test_length_is_counted_in_characters_after_normalising(world: World, value: str, status: int) -> None:
    """R-NEED-1: a title has at most 60 characters, whatever they weigh, and comes back in NFC."""
    assert world.as_("township").post("/needs", a_need(title=value)).status == status


def _routes(world: World) -> Iterator[tuple[str, Endpoint]]:
    for rule in world.app.url_map.iter_rules():
        view: Any = world.app.view_functions[rule.endpoint]
        spec = getattr(view, "spec", None) or getattr(getattr(view, "__wrapped__", None), "spec", None)
        if spec is not None:
            yield rule.rule, spec


def _flat(schema: Schema) -> Iterator[tuple[str, fields.Field[Any]]]:
    for name, field in schema.fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from _flat(inner.schema)
        yield name, field
        if inner is not field:
            yield name, inner


def _bodies(world: World) -> dict[str, Schema]:
    found = {}
    for _, spec in _routes(world):
        for schema in (spec.takes, spec.query):
            if schema is not None:
                found[type(schema).__name__] = schema
    return found


def test_every_complaint_is_in_chinese(world: World) -> None:
    """api.md: titles in Chinese; so are the texts of every field of every body and query."""
    english = {
        f"{schema_name}.{name}: {text}"
        for schema_name, schema in _bodies(world).items()
        for name, field in _flat(schema)
        if not isinstance(field, fields.Raw) or type(field) is not fields.Raw
        for text in (
            *(
                str(field.error_messages[kind])
                for kind in ("required", "null", "invalid")
                if kind in field.error_messages
            ),
            *(str(check.error) for check in field.validators if isinstance(check, validate.Length | validate.Range)),
        )
        if text.isascii()
    }
    assert not english


TABLES = {
    "NeedIn": "needs",
    "NeedEdit": "needs",
    "RoundIn": "rounds",
    "RoundEdit": "rounds",
    "PersonIn": "people",
    "ProfileIn": "people",
    "GrantIn": "role_grants",
    "TeamIn": "teams",
    "ConsentIn": "consents",
    "ClaimIn": "claims",
    "DeclineIn": "claims",
    "TownshipIn": "regions",
    "LoginIn": "sessions",
}
"""Bodies whose fields are columns of that table by name; the other names are looked for in all tables."""
ELSEWHERE = {"ConsentIn.version": "text_version", "DeclineIn.reason": "declined_reason", "RoundEdit.reason": None}


def _limits(field: fields.Field[Any]) -> tuple[int | None, int | None]:
    """Give the longest text and the largest number that a field lets through."""
    longest = [one.max or one.equal for one in field.validators if isinstance(one, validate.Length)]
    largest = [one.max for one in field.validators if isinstance(one, validate.Range)]
    words = [len(str(word)) for one in field.validators if isinstance(one, validate.OneOf) for word in one.choices]
    pattern = next((str(one.regex.pattern) for one in field.validators if isinstance(one, validate.Regexp)), "")
    if "{" in pattern:
        longest.append(int(pattern.rsplit("{", 1)[1].rstrip("}\\Z)").rsplit(",", 1)[-1]))
    return max([*words, *(one for one in longest if one)], default=None), max(largest, default=None)


def test_no_body_lets_through_what_its_column_cannot_hold(world: World) -> None:
    """PostgreSQL refuses a text longer than its column and an integer beyond its type: schemas must refuse first."""
    wide, compared = [], 0
    for schema_name, schema in _bodies(world).items():
        for name, field in _flat(schema):
            table = TABLES.get(schema_name)
            column_name = ELSEWHERE.get(f"{schema_name}.{name}", field.attribute or name)
            tables = [Base.metadata.tables[table]] if table else Base.metadata.tables.values()
            columns = [one.c[column_name] for one in tables if column_name and column_name in one.c]
            longest, largest = _limits(field)
            for column in columns if table else ():
                length = getattr(column.type, "length", None)
                if isinstance(column.type, sa.String) and length:
                    compared += 1
                    wide += [f"{schema_name}.{name}"] if longest is None or longest > length else []
                if isinstance(column.type, sa.Integer):
                    compared += 1
                    wide += [f"{schema_name}.{name}"] if largest is None or largest >= 2**31 else []
    assert not wide
    assert compared > 30


def test_every_text_and_number_has_a_bound(world: World) -> None:
    """quality.md bar API4: string, array and number, each with a limit, in every body and query of the product."""
    endless = []
    for schema_name, schema in _bodies(world).items():
        for name, field in _flat(schema):
            longest, largest = _limits(field)
            text = isinstance(field, fields.String) and not isinstance(field, fields.UUID | fields.Url)
            if (text or isinstance(field, fields.List)) and longest is None:
                endless.append(f"{schema_name}.{name}")
            bounded = type(field).__name__ == "Points"  # whose own reading knows its bounds
            if isinstance(field, fields.Integer | fields.Float) and not bounded and (largest or 2**63) >= 2**63:
                endless.append(f"{schema_name}.{name}")
    assert not endless


def test_integers_of_all_bodies_fit_their_columns(world: World) -> None:
    """Counters may be money in fen: what the schema lets through, some column of that name must hold."""
    narrow = []
    for schema_name, schema in _bodies(world).items():
        for name, field in _flat(schema):
            _, largest = _limits(field)
            columns = [one.c[name] for one in Base.metadata.tables.values() if name in one.c]
            whole = [one for one in columns if isinstance(one.type, sa.Integer)]
            wide = [one for one in whole if isinstance(one.type, sa.BigInteger)]
            if isinstance(field, fields.Integer) and whole and not wide and (largest or 2**63) >= 2**31:
                narrow.append(f"{schema_name}.{name}")
    assert not narrow
