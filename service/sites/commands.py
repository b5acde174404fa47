"""Say where a site is: by the township's own word, or by the first accepted visit."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.records import Record
from models.regions import Region
from models.sites import Site
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
    if _known(uow, township.code, form.kind, form.name):
        raise SiteKnown
    site = _site(township, form.kind, form.name, form.point.wgs84())
    site.id, site.village_code, site.radius_m = form.id or site.id, form.village, form.radius_m
    moves.start(uow, site)
    gate.hand_out(uow, [site])
    return site


def _known(uow: UnitOfWork, township: str, kind: str, name: str) -> bool:
    same = sa.select(Site.id).where(Site.township_code == township, Site.kind == kind)
    return uow.session.scalar(same.where(Site.name_key == search_key(name))) is not None


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
    """Let the first accepted visit of a named place say where it is, as long as the check-in's consent lives.

    A site that the township set, or gave up, stays as it is.
    """
    if row.place_kind is None or not row.place_name or not identity.consents(uow, row.person_id)["location"]:
        return
    hints = {flag.code for flag in row.flags if flag.state == "open"} & POINT_CODES
    point = site_of_visit(row.form, row.check_in, hints)
    if point is not None and not _known(uow, row.township_code, row.place_kind, row.place_name):
        moves.start(uow, _site(row.township, row.place_kind, row.place_name, point, "visit"))


def move_point(uow: UnitOfWork, site_id: UUID, *, if_match: str | None, point: SitePoint) -> Site:
    """Put a site where its township says that it is."""
    site = gate.fetch(uow, Site, site_id, "site.edit", lock=True)
    gate.match(site, if_match)
    at = point.wgs84()
    site.lat, site.lon, site.source = at.lat, at.lon, "township"
    site.version += 1
    uow.record("site.edit", site, [{"thing": "site", "id": str(site.id), "fields": ["point"]}])
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
