"""Schemas of sites."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.sites import Site
from rules.geo import Point
from rules.sites import KIND, RADIUS_M
from service.sites.commands import SiteForm, SitePoint
from web.schemas.base import Asked, Choice, Code, Id, In, Inner, Line, Number, Out, Real, StatefulOut, state_filter


class SitePointIn(In):
    makes = SitePoint

    lat = Real(-90, 90, required=True)
    lon = Real(-180, 180, required=True)
    datum = Choice(("gcj02", "wgs84"), required=True)


class SiteIn(In):
    makes = SiteForm

    id = Id(load_default=None)
    township = Code(required=True)
    kind = Choice(KIND, required=True)
    name = Line(200, required=True)
    point = Inner(SitePointIn(), required=True)
    village = Code(load_default=None, allow_none=True)
    radius_m = Number(100, 10_000, load_default=RADIUS_M)


class SiteMove(In):
    point = Inner(SitePointIn(), required=True)


class HereIn(In):
    """Where the phone is, in WGS-84; used to sort and not kept."""

    makes = Point

    lat = Real(-90, 90, required=True)
    lon = Real(-180, 180, required=True)


class NearestAsked(In):
    pairing_id = Id(required=True)
    point = Inner(HereIn(), load_default=None, allow_none=True)


class SitesAsked(Asked):
    township = Code(load_default=None)
    state = state_filter()


class SiteOut(StatefulOut):
    """A place where commissioners serve; nothing in it says who was there."""

    class Meta:
        model = Site

    township = fields.String(attribute="township_code")
    village = fields.String(attribute="village_code", allow_none=True)
    kind = auto_field()
    kind_label = fields.Function(lambda site: KIND[site.kind], metadata={"type": "string"})
    name = auto_field()
    lat = auto_field()
    lon = auto_field()
    radius_m = auto_field()
    source = auto_field()
    distance_m = fields.Integer(allow_none=True)
    etag = fields.String()


class NearestOut(Out):
    items = fields.List(fields.Nested(SiteOut()))
