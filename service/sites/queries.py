"""Read sites: staff of the jurisdiction, and commissioners those of the townships where they serve."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.pairings import Pairing, PairingMember
from models.sites import Site
from rules import geo
from rules.text import search_key
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.identity import queries as identity

NEAREST_MAX = 20


def _served(uow: UnitOfWork) -> sa.Select[Any]:
    """The townships of the actor's own pairings."""
    member = sa.select(PairingMember.pairing_id).where(PairingMember.person_id == uow.actor.person_id)
    return sa.select(Pairing.township_code).where(Pairing.id.in_(member))


def _seen(uow: UnitOfWork) -> sa.Select[Site]:
    return sa.select(Site).where(sa.or_(gate.visible(uow, Site), Site.township_code.in_(_served(uow))))


def sites(uow: UnitOfWork, ask: Ask, *, township: str | None = None, state: str | None = None) -> Page[Site]:
    """List sites, the newest first."""
    statement = _seen(uow)
    for column, value in ((Site.township_code, township), (Site.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    return page(statement, (Site.created_at, Site.id), ask, lambda s: gate.rows(uow, s))


def nearest(uow: UnitOfWork, pairing_id: UUID, point: geo.Point | None = None) -> dict[str, Any]:
    """List the sites of a pairing's township for a visit, the nearest first; the point is used and forgotten.

    Without a point, or without a living consent to use it, they come by name (R-VISIT-2).

    :raises NotFound: if the pairing is not the actor's.
    """
    township = uow.session.scalar(
        sa.select(Pairing.township_code)
        .join(PairingMember, PairingMember.pairing_id == Pairing.id)
        .where(PairingMember.pairing_id == pairing_id, PairingMember.person_id == uow.actor.person_id)
    )
    if township is None or uow.actor.person_id is None:
        raise NotFound
    found = list(gate.hand_out(uow, of_township(uow, township)))
    if point is not None and identity.consents(uow, uow.actor.person_id)["location"]:
        for site in found:
            at = place_of(site).point
            site.distance_m = geo.distance_m(point, at) if at else None
        found.sort(key=lambda site: (site.distance_m is None, site.distance_m or 0, site.name))
    return {"items": found[:NEAREST_MAX]}


def of_township(uow: UnitOfWork, township: str) -> Sequence[Site]:
    """Give the sites of a township that are in use, by name; of some nobody knows any more where they are."""
    known = sa.select(Site).where(Site.township_code == township, Site.state == "active")
    return uow.session.scalars(known.order_by(Site.name, Site.id)).all()


def named(sites: Sequence[Site], site_id: UUID | None, kind: str | None, name: str | None) -> Site | None:
    """Give the site that a record names, by its id or by kind and name."""
    key = search_key(name) if kind and name else None
    chosen = [one for one in sites if one.id == site_id]
    return next(iter(chosen or (one for one in sites if key and (one.kind, one.name_key) == (kind, key))), None)


def place_of(site: Site) -> geo.Place:
    """Give a site as positions are compared with it."""
    at = None if site.lat is None or site.lon is None else geo.Point(site.lat, site.lon)
    return geo.Place(site.name, at, site.radius_m)
