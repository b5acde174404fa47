"""Say where a site is: by the township's own word, or by the first accepted visit whose check-in may be kept."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.records import Record
from models.regions import Region
from models.sites import Site, SiteVisit
from rules import geo
from rules.flags import POINT_CODES
from rules.sites import RADIUS_M, site_of_visit
from rules.text import search_key
from service.core import gate, moves
from service.core.problems import Conflict, Forbidden, IdTaken, Invalid
from service.core.unit import UnitOfWork
from service.identity import queries as identity


class SiteKnown(Conflict):
    """The township has a site of that kind and name."""

    kind, title = "site-known", "本乡镇已有同类同名的服务点"


@dataclass(frozen=True)
class SitePoint:
    """Where a site is, in degrees of its datum."""

    lat: float
    lon: float
    datum: str

    def wgs84(self) -> geo.Point:
        """Give it as it is stored, to four decimals."""
        shifted = self.datum == "gcj02"
        at = geo.gcj02_to_wgs84(self.lat, self.lon) if shifted else geo.Point(self.lat, self.lon)
        return geo.round_for_storage(at)


@dataclass(frozen=True)
class SiteForm:
    """A site as its township tells it."""

    township: str
    kind: str
    name: str
    point: SitePoint
    id: UUID | None = None
    village: str | None = None
    radius_m: int = RADIUS_M


def create(uow: UnitOfWork, form: SiteForm) -> Site:
    """Set a site by the township's own word.

    :raises Forbidden: for a township that is not the actor's.
    :raises SiteKnown: if there is one of that kind and name.
    """
    if not any(form.township in held.townships for held in uow.actor.held if held.role == "township"):
        raise Forbidden
    township = uow.session.get_one(Region, form.township)
    village = uow.session.get(Region, form.village) if form.village else None
    if form.village and (village is None or village.parent_code != township.code):
        raise Invalid(errors={"village": ["不是该乡镇的村（社区）"]})
    if form.id is not None and uow.session.get(Site, form.id) is not None:
        raise IdTaken
    if _known(uow, township.code, form.kind, form.name) is not None:
        raise SiteKnown
    site = _site(township, form.kind, form.name, form.point.wgs84())
    site.id, site.village_code, site.radius_m = form.id or site.id, form.village, form.radius_m
    moves.start(uow, site)
    gate.hand_out(uow, [site])
    return site


def _known(uow: UnitOfWork, township: str, kind: str | None, name: str | None) -> Site | None:
    if not kind or not name:
        return None
    same = sa.select(Site).where(Site.township_code == township, Site.kind == kind, Site.name_key == search_key(name))
    return uow.session.scalar(same.with_for_update())


def _site(township: Region, kind: str, name: str, point: geo.Point, source: str = "township") -> Site:
    return Site(
        id=new_id(),
        county_code=township.county_code,
        township_code=township.code,
        kind=kind,
        name=name,
        name_key=search_key(name),
        lat=point.lat,
        lon=point.lon,
        radius_m=RADIUS_M,
        source=source,
    )


def found_by(uow: UnitOfWork, row: Record) -> None:
    """Let an accepted visit say where the place is that it names, as long as the check-in's consent lives.

    The first does; later ones near it stand beside it, so that the site is still known when the first is withdrawn
    (R-VISIT-8). A site that the township set, or gave up, stays as it is.
    """
    uow.record("site.found", row, forget_visits(uow, [row.id]))
    if not identity.consents(uow, row.person_id)["location"]:
        return
    hints = {flag.code for flag in row.flags if flag.state == "open"} & POINT_CODES
    point = site_of_visit(row.form, row.check_in, hints)
    if point is None:
        return
    site = uow.session.get(Site, row.site_id, with_for_update=True) if row.site_id else None
    site = site or _known(uow, row.township_code, row.place_kind, row.place_name)
    if site is None and row.place_kind and row.place_name:
        site = moves.start(uow, _site(row.township, row.place_kind, row.place_name, point, "visit"))
    if site is None or site.state != "active" or site.source != "visit":
        return
    if site.lat is None or site.lon is None:
        site.lat, site.lon = point.lat, point.lon
        site.version += 1
        uow.record("site.found", site, [_moved(site)])
    elif geo.distance_m(point, geo.Point(site.lat, site.lon)) > site.radius_m:
        return
    said = {"county_code": site.county_code, "at": uow.now, "lat": point.lat, "lon": point.lon}
    uow.session.add(SiteVisit(site_id=site.id, record_id=row.id, **said))


def _moved(site: Site) -> dict[str, Any]:
    return {"thing": "site", "id": str(site.id), "fields": ["point"]}


def forget_visits(uow: UnitOfWork, records: Collection[UUID]) -> list[dict[str, Any]]:
    """Take back what visits said of where sites are; gives the changes (R-VISIT-8).

    A site is then where the first visit that still stands says, or nobody knows where it is until a visit or its
    township says so again.
    """
    gone = uow.session.scalars(sa.select(SiteVisit).where(SiteVisit.record_id.in_(records))).all()
    for one in gone:
        uow.session.delete(one)
    uow.session.flush()
    ids = {one.site_id for one in gone}
    changed = sa.select(Site).where(Site.id.in_(ids), Site.source == "visit").order_by(Site.id).with_for_update()
    changes = []
    for site in uow.session.scalars(changed).all() if ids else ():
        stands = sa.select(SiteVisit).where(SiteVisit.site_id == site.id).order_by(SiteVisit.at, SiteVisit.record_id)
        first = uow.session.scalars(stands.limit(1)).first()
        point = (first.lat, first.lon) if first else (None, None)
        if (site.lat, site.lon) != point:
            site.lat, site.lon = point
            site.version += 1
            changes.append(_moved(site))
    return changes


def move_point(uow: UnitOfWork, site_id: UUID, *, if_match: str | None, point: SitePoint) -> Site:
    """Put a site where its township says that it is."""
    site = gate.fetch(uow, Site, site_id, "site.edit", lock=True)
    gate.match(site, if_match)
    at = point.wgs84()
    site.lat, site.lon, site.source = at.lat, at.lon, "township"
    site.version += 1
    uow.session.execute(sa.delete(SiteVisit).where(SiteVisit.site_id == site.id))
    uow.record("site.edit", site, [_moved(site)])
    return site


def retire(uow: UnitOfWork, site_id: UUID, reason: str) -> Site:
    """Give a site up: visits are not measured from it any more, and no visit sets it again."""
    site = moves.apply(uow, gate.fetch(uow, Site, site_id, "site.retire", lock=True), "retire", reason)
    gate.hand_out(uow, [site])
    return site


def restore(uow: UnitOfWork, site_id: UUID) -> Site:
    """Take a site back into use."""
    site = moves.apply(uow, gate.fetch(uow, Site, site_id, "site.restore", lock=True), "restore")
    gate.hand_out(uow, [site])
    return site
