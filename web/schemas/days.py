"""Schemas of service days."""

from marshmallow import fields

from web.schemas.base import In, Number, Out
from web.schemas.records import PersonRef


class DaysAsked(In):
    year = Number(1999, 2199, from_text=True, load_default=None)


class DayOut(Out):
    date = fields.Date()
    counted = fields.Float()
    how = fields.String()
    records = fields.List(fields.UUID(), attribute="record_ids")


class DaysOut(Out):
    person = fields.UUID()
    year = fields.Integer()
    total = fields.Float()
    days = fields.List(fields.Nested(DayOut()))


class MemberDayOut(PersonRef):
    """What a date counts for one member of a team."""

    counted = fields.Float()
    how = fields.String()


class TeamDayOut(DayOut):
    members = fields.List(fields.Nested(MemberDayOut()))


class TeamDaysOut(Out):
    team = fields.UUID()
    year = fields.Integer()
    total = fields.Float()
    days = fields.List(fields.Nested(TeamDayOut()))
