"""Schemas of publicity and objections."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.publicity import Objection, Publicity
from service.publicity.commands import NewObjection
from web.schemas.base import Asked, Choice, Code, Id, In, Line, Moment, Out, StatefulOut, Words, state_filter


class PublicItemOut(Out):
    """What the public sees of somebody (R-APP-4); whatever else a row held would not get out."""

    name = fields.String()
    organisation = fields.String()
    field = fields.String()
    host = fields.String()
    grade = fields.String()


class PublicityOut(StatefulOut):
    class Meta:
        model = Publicity

    county = fields.String(attribute="county_code")
    county_name = fields.String(allow_none=True)
    subject = auto_field()
    subject_id = fields.UUID()
    title = auto_field()
    items = fields.List(fields.Nested(PublicItemOut))
    opens_at = Moment()
    first_day = auto_field()
    last_day = auto_field()
    ends_at = Moment(allow_none=True)
    unknown_year = auto_field()
    days = auto_field()
    open_to_objections = fields.Boolean()
    objections = fields.Integer(attribute="counted")
    note = fields.String(allow_none=True)


class PublicitiesAsked(Asked):
    state = state_filter()
    county = Code(load_default=None)
    subject = Choice(("plan", "assessment"), load_default=None)


class ObjectionIn(In):
    makes = NewObjection

    id = Id(load_default=None)
    text = Words(2000, required=True)
    name = Line(60, required=True)
    contact = Line(100, required=True)


class ReceiptOut(Out):
    """What whoever objects gets: that it arrived. Their name and contact are not said back."""

    class Meta:
        model = Objection

    id = fields.UUID()
    publicity = fields.UUID(attribute="publicity_id")
    state = fields.String()
    text = auto_field()
    created_at = Moment()


class ObjectionOut(StatefulOut):
    class Meta:
        model = Objection

    publicity = fields.UUID(attribute="publicity_id")
    publicity_title = fields.String(attribute="publicity.title")
    county = fields.String(attribute="county_code")
    text = auto_field()
    name = fields.String(allow_none=True)
    contact = fields.String(allow_none=True)
    answer = auto_field()
    answered_at = Moment(allow_none=True)
    created_at = Moment()


class ObjectionsAsked(Asked):
    state = state_filter()
    publicity = Id(load_default=None)


class AnswerIn(In):
    text = Words(2000, required=True)
