"""Schemas of oneself: profile, tasks, the copy of one's data, the end of an account."""

from marshmallow import fields

from web.schemas.base import Moment, Out
from web.schemas.identity import ConsentOut, RoleOut


class MyTeamOut(Out):
    id = fields.UUID()
    name = fields.String()
    state = fields.String()
    leader = fields.Boolean()
    agreed = fields.Boolean()


class MeOut(Out):
    id = fields.UUID()
    name = fields.String()
    phone = fields.String(allow_none=True)
    region = fields.String()
    roles = fields.List(fields.Nested(RoleOut))
    organisation = fields.String(allow_none=True)
    title = fields.String(allow_none=True)
    bio = fields.String(allow_none=True)
    nature = fields.String(allow_none=True)
    specialties = fields.List(fields.String())
    available = fields.Boolean()
    capacity = fields.Integer()
    service_days = fields.Integer(allow_none=True)
    teams = fields.List(fields.Nested(MyTeamOut))
    consents = fields.Nested(ConsentOut)
    binding = fields.String(allow_none=True)


class TaskItemOut(Out):
    id = fields.UUID()
    title = fields.String()
    since = Moment()
    until = Moment(allow_none=True)
    moves = fields.List(fields.String())


class TaskOut(Out):
    kind = fields.String()
    title = fields.String()
    count = fields.Integer()
    thing = fields.String()
    items = fields.List(fields.Nested(TaskItemOut))


class TasksOut(Out):
    items = fields.List(fields.Nested(TaskOut))
    next = fields.String(allow_none=True)


class DataSectionOut(Out):
    name = fields.String()
    title = fields.String()
    rows = fields.List(fields.Dict())


class DataOut(Out):
    made_at = Moment()
    person = fields.UUID()
    name = fields.String()
    phone = fields.String(allow_none=True)
    sections = fields.List(fields.Nested(DataSectionOut))


class StaysOut(Out):
    what = fields.String()
    why = fields.String()


class ClosedOut(Out):
    closed_at = Moment()
    removed = fields.List(fields.String())
    stays = fields.List(fields.Nested(StaysOut))
