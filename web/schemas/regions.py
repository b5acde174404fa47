"""Schemas of regions, townships, specialties, organisations."""

from typing import Any

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.regions import Organisation, Region, Specialty
from service.regions.commands import PointForm
from web.schemas.base import Asked, AskedWhole, Choice, Code, Flag, In, Inner, Line, Number, Out, Real

LEVELS = ("province", "city", "county", "township", "village")


class RegionsAsked(Asked):
    parent = Code(load_default=None)
    level = Choice(LEVELS, load_default=None)


class RegionOut(Out):
    class Meta:
        model = Region

    code = auto_field()
    name = auto_field()
    level = auto_field()
    kind = auto_field()
    parent = fields.String(attribute="parent_code", allow_none=True)


class TownshipsAsked(AskedWhole):
    agricultural = Flag(from_text=True, load_default=None)
    county = Code(load_default=None)
    city = Code(load_default=None)


class TownshipOut(Out):
    code = fields.String(attribute="township.code")
    name = fields.String(attribute="township.name")
    county = fields.Function(lambda row: {"code": row["township"].managing_county_code, "name": row["county_name"]},
                             metadata={"type": "object"})  # fmt: skip
    point = fields.Function(lambda row: _point(row["township"]), metadata={"type": ["object", "null"]})
    agricultural = fields.Boolean(attribute="township.agricultural")
    radius_m = fields.Integer(attribute="township.radius_m", allow_none=True)
    basis = fields.String(attribute="township.basis", allow_none=True)
    confirmed = fields.Boolean(attribute="township.confirmed")


def _point(township: Region) -> Any:
    return None if township.lat is None else {"lat": township.lat, "lon": township.lon, "datum": "wgs84"}


class TownshipPointIn(In):
    makes = PointForm

    lat = Real(3, 54, required=True)
    lon = Real(73, 136, required=True)
    datum = Choice(("gcj02", "wgs84"), load_default="wgs84")


class TownshipIn(In):
    """An edit of the roster's row."""

    agricultural = Flag()
    basis = Line(200, allow_none=True)
    confirmed = Flag()
    managing_county_code = Code(data_key="managing_county")
    point = Inner(TownshipPointIn(), allow_none=True)
    radius_m = Number(100, 100_000, allow_none=True)


class SpecialtyOut(Out):
    class Meta:
        model = Specialty

    code = auto_field()
    name = auto_field()
    parent = fields.String(attribute="parent_code", allow_none=True)
    level = auto_field()
    local = auto_field()


class OrganisationOut(Out):
    class Meta:
        model = Organisation

    code = auto_field()
    name = auto_field()
    kind = auto_field()
    city = auto_field()
