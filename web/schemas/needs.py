"""Schemas of rounds, needs and the board."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.needs import Need, Round
from rules.needs import FORM, PLACES_MAX, TEXT_MAX, TITLE_MAX, URGENCY
from rules.policy import CLAIMS_CAPACITY_MAX
from service.needs.commands import NeedForm
from service.needs.rounds import NewRound
from web.schemas.base import (
    Asked,
    Choice,
    Code,
    Day,
    Id,
    In,
    Inner,
    Line,
    ListOf,
    Moment,
    Number,
    Out,
    StatefulOut,
    Words,
    state_filter,
)
from web.schemas.content import ContentStateOut


class CountyFloorIn(In):
    county = Code(required=True)
    floor = Number(1, 1000, required=True)


class CountyFloorOut(Out):
    county = fields.String()
    floor = fields.Integer()


class RoundIn(In):
    makes = NewRound

    id = Id(load_default=None)
    title = Line(60, required=True)
    year = Number(2000, 2199, required=True)
    needs_until = Moment(required=True)
    claims_until = Moment(required=True)
    ranking_until = Moment(required=True)
    capacity_max = Number(1, CLAIMS_CAPACITY_MAX, load_default=1)
    county_floors = ListOf(Inner(CountyFloorIn()), 200, load_default=())


class RoundEdit(In):
    needs_until = Moment()
    claims_until = Moment()
    ranking_until = Moment()
    county_floors = ListOf(Inner(CountyFloorIn()), 200)
    reason = Words(2000, required=True)


class RoundOut(StatefulOut):
    class Meta:
        model = Round

    title = auto_field()
    year = auto_field()
    city = fields.String(attribute="city_code")
    needs_until = Moment()
    claims_until = Moment()
    ranking_until = Moment()
    capacity_max = auto_field()
    county_floors = fields.List(fields.Nested(CountyFloorOut()))
    digest = fields.String(attribute="frozen_digest", allow_none=True)
    frozen_at = Moment(allow_none=True)
    seed = auto_field()
    seeded_at = Moment(allow_none=True)
    seed_source = auto_field()


class RoundsAsked(Asked):
    state = state_filter()
    year = Number(2000, 2199, from_text=True, load_default=None)


class NeedIn(In):
    makes = NeedForm

    id = Id(load_default=None)
    round_id = Id(load_default=None, allow_none=True)
    township = Code(required=True)
    village = Code(load_default=None, allow_none=True)
    title = Line(TITLE_MAX, required=True)
    problem = Words(TEXT_MAX, shortest=0, load_default="")
    wanted = Words(TEXT_MAX, shortest=0, load_default="")
    specialties = ListOf(Code(), 20, load_default=())
    industry = Line(60, load_default=None, allow_none=True)
    form = Choice(FORM, load_default="both")
    places = Number(1, PLACES_MAX, load_default=1)
    urgency = Number(1, max(URGENCY), load_default=1)
    starts_on = Day(load_default=None, allow_none=True)
    ends_on = Day(load_default=None, allow_none=True)
    contact = Line(100, shortest=0, load_default="")


class NeedEdit(In):
    round_id = Id(allow_none=True)
    village = Code(allow_none=True)
    title = Line(TITLE_MAX)
    problem = Words(TEXT_MAX, shortest=0)
    wanted = Words(TEXT_MAX, shortest=0)
    specialties = ListOf(Code(), 20)
    industry = Line(60, allow_none=True)
    form = Choice(FORM)
    places = Number(1, PLACES_MAX)
    urgency = Number(1, max(URGENCY))
    starts_on = Day(allow_none=True)
    ends_on = Day(allow_none=True)
    contact = Line(100, shortest=0)


class BoardOut(Out):
    """A need as strangers see it: no contact data, nobody's name."""

    class Meta:
        model = Need

    id = fields.UUID()
    round_id = auto_field()
    township = fields.String(attribute="township_code")
    township_name = fields.String(attribute="township.name")
    county = fields.String(attribute="township.managing_county_code")
    village = fields.String(attribute="village_code", allow_none=True)
    village_name = fields.String(attribute="village.name", allow_none=True)
    title = auto_field()
    problem = auto_field()
    wanted = auto_field()
    industry = auto_field()
    specialties = fields.List(fields.String())
    form = auto_field()
    places = auto_field()
    urgency = auto_field()
    starts_on = auto_field()
    ends_on = auto_field()
    created_at = Moment()


class DuplicateOut(Out):
    need = fields.UUID()
    likeness = fields.Integer()
    reason = fields.String()


class DuplicatesOut(Out):
    items = fields.List(fields.Nested(DuplicateOut))
    next = fields.String(allow_none=True)


class NeedOut(StatefulOut, BoardOut):
    """A need as its staff see it."""

    class Meta:
        model = Need

    contact = fields.String()
    content = fields.Nested(ContentStateOut(), allow_none=True)
    duplicates = fields.List(fields.Nested(DuplicateOut))


class BoardAsked(Asked):
    round = Id(load_default=None)
    county = Code(load_default=None)
    township = Code(load_default=None)
    specialty = Code(load_default=None)
    form = Choice(FORM, load_default=None)
    urgency = Number(1, max(URGENCY), from_text=True, load_default=None)
    q = Line(60, shortest=0, load_default=None)


class NeedsAsked(Asked):
    state = state_filter()
    round = Id(load_default=None)
    county = Code(load_default=None)
    township = Code(load_default=None)
