"""Sites: set by a township's word or the first accepted visit, and visits measured from them (R-VISIT-2, R-VISIT-3)."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.sites import Site
from service.core.unit import SYSTEM
from tests.cast import DIDU, PAOTAI
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT, a_point, codes, consent, seat
from tests.world import World, new_id

NAME: dict[str, Any] = {"place_name": "溪头村委会", "place_kind": "village_office"}


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon, in which one commissioner lets their position be used."""
    world.at(NOW)
    consent(world)
    return world


def a_site(lat: float, lon: float, **changes: Any) -> dict[str, Any]:
    point = {"lat": lat, "lon": lon, "datum": "wgs84"}
    return {"id": new_id(), "township": PAOTAI, "kind": "base", "name": "示范茶园", "point": point} | changes


def an_accepted_visit(world: World, pairing: str, day: int = 1, **changes: Any) -> dict[str, Any]:
    body = a_record(pairing, VISIT - timedelta(days=day), **(NAME | changes))
    made = world.as_("chen").ok("POST", "/records", body)
    return world.as_("county").ok("POST", f"/records/{made['id']}/accept", {"reason": "核实"}).json


def known(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.as_("township").get("/sites", township=PAOTAI)["items"]
    return items


def test_the_first_accepted_visit_says_where_a_place_is(field: World) -> None:
    """Issue 4 point 5: to three decimals, linked to nobody; what was farther than the seat's radius is then here."""
    lat, lon = seat(field)
    pairing, away = a_pairing(field), (lat + 0.012345, lon + 0.01)
    body = a_record(pairing, VISIT, **NAME, check_in=a_point(*away))
    made = field.as_("chen").ok("POST", "/records", body)
    assert known(field) == []
    field.as_("county").ok("POST", f"/records/{made['id']}/accept", {"reason": "核实"})
    (site,) = known(field)
    assert (site["name"], site["kind"], site["source"]) == ("溪头村委会", "village_office", "visit")
    assert (site["lat"], site["lon"]) == (round(round(away[0], 4), 3), round(round(away[1], 4), 3))
    assert not {"record", "person", "commissioner"} & set(site)
    an_accepted_visit(field, pairing, check_in=a_point(lat, lon))
    assert known(field) == [site]
    later = field.as_("chen").ok("POST", "/records", a_record(pairing, VISIT, site=site["id"], check_in=a_point(*away)))
    assert (codes(later), later["site"], later["check_in"]["measured_from"]) == ([], site["id"], "site")
    assert later["distance_m"] < 120
    wrong = a_record(pairing, VISIT, site=site["id"], check_in=a_point(lat, lon))
    assert codes(field.as_("chen").ok("POST", "/records", wrong)) == ["far"]


@pytest.mark.parametrize(
    "changes",
    [
        {"check_in": None},
        {"place_kind": None},
        {"place_name": None},
        {"form": "remote"},
        {"fuzzy": True},
        {"flagged": True},
    ],
)
def test_a_visit_that_is_not_sure_sets_no_site(field: World, changes: dict[str, Any]) -> None:
    """R-VISIT-2: without a point, a name, or with a position that somebody still wonders about."""
    lat, lon = seat(field)
    shift = 0.3 if changes.pop("flagged", False) else 0
    source = "fuzzy" if changes.pop("fuzzy", False) else "precise"
    an_accepted_visit(field, a_pairing(field), **({"check_in": a_point(lat, lon + shift, source=source)} | changes))
    assert known(field) == []


def test_a_withdrawn_consent_sets_no_site(field: World) -> None:
    """R-VISIT-2: the consent must live when the visit is accepted, too."""
    body = a_record(a_pairing(field), VISIT, **NAME, check_in=a_point(*seat(field)))
    made = field.as_("chen").ok("POST", "/records", body)
    consent(field, given=False)
    field.as_("county").ok("POST", f"/records/{made['id']}/accept", {"reason": "核实"})
    assert known(field) == []


def test_the_townships_own_word_comes_first(field: World) -> None:
    """Its site stays where it put it; one that it gave up is measured from no more and set by no visit again."""
    lat, lon = seat(field)
    township, chen, pairing = field.as_("township"), field.as_("chen"), a_pairing(field)
    site = township.ok("POST", "/sites", a_site(lat, lon - 0.15, kind="village_office", name="溪头村委会"))
    assert (site.status, site["moves"]) == (201, ["retire"])
    again = township.post("/sites", a_site(lat, lon, kind="village_office", name="溪头村委会"))
    assert (again.status, again["type"]) == (409, "/problems/site-known")
    there = a_record(pairing, VISIT, **NAME, check_in=a_point(lat, lon - 0.15))
    assert codes(chen.ok("POST", "/records", there)) == []
    path = f"/sites/{site['id']}"
    point = {"lat": lat, "lon": lon - 0.16, "datum": "wgs84"}
    assert township.patch(path, {"point": point}).status == 428
    moved = township.patch(path, {"point": point}, f'"{site["etag"]}"')
    assert (moved.status, moved["lon"]) == (200, round(lon - 0.16, 4))
    assert list(township.post(path + "/retire")["errors"]) == ["reason"]
    assert township.ok("POST", path + "/retire", {"reason": "村委会已搬迁"})["state"] == "retired"
    assert codes(chen.ok("POST", "/records", there | {"id": new_id()})) == ["far"]
    an_accepted_visit(field, pairing, check_in=a_point(lat, lon))
    assert [one["state"] for one in known(field)] == ["retired"]
    assert township.ok("POST", path + "/restore")["state"] == "active"


def test_who_sees_and_sets_sites(field: World) -> None:
    """A site is shown to staff of the jurisdiction and to those who serve there, never to the public."""
    lat, lon = seat(field)
    body = a_site(lat, lon)
    for who, status in (("county", 403), ("chen", 403), ("didu", 403), ("other_township", 403)):
        assert field.as_(who).post("/sites", body).status == status, who
    site = field.as_("township").ok("POST", "/sites", body)
    a_pairing(field)
    for who in ("township", "county", "lead", "city", "auditor", "chen"):
        assert [one["id"] for one in field.as_(who).get("/sites")["items"]] == [site["id"]], who
    for who in ("didu", "other_county", "other_township", "li"):
        assert field.as_(who).get("/sites")["items"] == [], who
    assert field.anyone().get("/sites").status == 401
    assert field.as_("dispatcher").get("/sites").status == 403
    path = f"/sites/{site['id']}/retire"
    for who, status in (("chen", 403), ("didu", 404), ("other_county", 404), ("city", 403)):
        assert field.as_(who).post(path, {"reason": "试试"}).status == status, who
    assert field.as_("township").post("/sites", a_site(lat, lon, id=site["id"], name="另一处")).status == 409
    elsewhere = field.as_("didu").ok("POST", "/sites", a_site(lat, lon, township=DIDU))
    refused = field.as_("chen").post("/records", a_record(a_pairing(field), VISIT, site=elsewhere["id"]))
    assert list(refused["errors"]) == ["site"]


def test_a_visit_is_offered_the_nearest_sites_and_the_point_is_forgotten(field: World) -> None:
    """Issue 4 point 5, R-VISIT-2: used with a living consent alone, and kept nowhere."""
    lat, lon = seat(field)
    township, chen, pairing = field.as_("township"), field.as_("chen"), a_pairing(field)
    for name, north in (("甲园", 0.05), ("乙园", 0.01), ("丙园", 0.03)):
        township.ok("POST", "/sites", a_site(lat + north, lon, name=name))
    asked = {"pairing_id": pairing, "point": {"lat": lat, "lon": lon}}
    near = chen.ok("POST", "/sites/nearest", asked)["items"]
    assert [one["name"] for one in near] == ["乙园", "丙园", "甲园"]
    assert 1_000 < near[0]["distance_m"] < 1_200
    consent(field, given=False)
    by_name = chen.ok("POST", "/sites/nearest", asked)["items"]
    assert {one["distance_m"] for one in by_name} == {None}
    assert field.as_("li").post("/sites/nearest", asked).status == 404
    assert township.post("/sites/nearest", asked).status == 403
    with field.house.read(SYSTEM) as uow:
        assert len(uow.session.scalars(sa.select(Site.id)).all()) == 3
