"""Schemas of people, sessions, invitations, roles, bindings and teams."""

from typing import Any

from marshmallow import fields, validate
from marshmallow_sqlalchemy import auto_field

from models.identity import Binding, Person, RoleGrant, Team
from rules.access import ROLES
from rules.claims import YEAR_DAYS_MAX
from rules.policy import CLAIMS_CAPACITY_MAX, CONSENT_VERSIONS
from rules.states import label
from service.identity.commands import NewPerson
from service.identity.roles import NewGrant
from web.schemas.base import (
    MESSAGES,
    Asked,
    Choice,
    Code,
    Day,
    Flag,
    Id,
    In,
    Line,
    ListOf,
    Moment,
    Number,
    Out,
    Secret,
    StatefulOut,
    Words,
    state_filter,
)
from web.schemas.content import ContentStateOut

NATURES = {"public_benefit": "公益服务型", "paid": "技术有偿服务型"}
PHONE = validate.Regexp(r"\A[0-9]{6,15}\Z", error="手机号应为 6 到 15 位数字")


class RoleOut(Out):
    """A role that acts now."""

    role = fields.String()
    region = fields.String(attribute="region_code", allow_none=True)
    organisation = fields.String(attribute="organisation_code", allow_none=True)


class WhoOut(Out):
    """A person, as login shows them."""

    id = fields.UUID()
    name = fields.String()
    roles = fields.List(fields.Nested(RoleOut))


class LoginIn(In):
    code = Secret(200, required=True)
    device = Line(60, load_default=None, allow_none=True)


class LoginOut(Out):
    token = fields.String()
    expires_at = Moment()
    person = fields.Method("_person", allow_none=True, metadata={"type": "object"})

    def _person(self, login: dict[str, Any]) -> Any:
        person = login["person"]
        return WHO.dump({"id": person.id, "name": person.name, "roles": login["held"]}) if person else None


class BindIn(In):
    invitation = Secret(100, required=True)
    phone_code = Secret(200, load_default=None, allow_none=True)


class BindOut(Out):
    state = fields.String()
    binding = fields.UUID()
    person = fields.Method("_person", metadata={"type": "object"})

    def _person(self, bound: dict[str, Any]) -> Any:
        person = bound["person"]
        return WHO.dump({"id": person.id, "name": person.name, "roles": bound["held"]})


class SceneIn(In):
    scene = Secret(32, required=True)


class BrowserOut(Out):
    browser = fields.String()
    network = fields.String()
    asked_at = Moment()
    expires_at = Moment()
    numbers = fields.List(fields.Integer())


class NumberIn(SceneIn):
    number = Number(10, 99, required=True, allow_none=True)


class ScanOut(Out):
    state = fields.String()


class SessionOut(Out):
    id = fields.UUID(attribute="session.id")
    kind = fields.String(attribute="session.kind")
    device = fields.String(attribute="session.device", allow_none=True)
    created_at = Moment(attribute="session.created_at")
    expires_at = Moment(attribute="session.expires_at")
    current = fields.Boolean()


class SessionsOut(Out):
    items = fields.List(fields.Nested(SessionOut))
    next = fields.String(allow_none=True)


class PersonIn(In):
    makes = NewPerson

    id = Id(load_default=None)
    name = Line(60, required=True)
    phone = fields.String(load_default=None, allow_none=True, validate=PHONE, error_messages=MESSAGES)
    region = Code(load_default=None, allow_none=True)
    organisation = Code(load_default=None, allow_none=True)
    title = Line(60, load_default=None, allow_none=True)
    nature = Choice(NATURES, load_default=None, allow_none=True)
    bio = Words(1500, load_default=None, allow_none=True)
    specialties = ListOf(Code(), 20, load_default=())
    available = Flag(load_default=False)
    capacity = Number(1, CLAIMS_CAPACITY_MAX, load_default=None)
    service_days = Number(1, YEAR_DAYS_MAX, load_default=None, allow_none=True)


class PersonOut(Out):
    class Meta:
        model = Person

    id = auto_field()
    name = auto_field()
    region = fields.String(attribute="county_code")
    organisation = fields.String(attribute="organisation_code", allow_none=True)
    title = auto_field()
    nature = auto_field()
    specialties = fields.List(fields.String())
    available = auto_field()
    capacity = auto_field()
    service_days = auto_field()
    has_phone = fields.Function(lambda person: person.phone_index is not None, metadata={"type": "boolean"})
    created_at = Moment()


class PeopleAsked(Asked):
    role = Choice(ROLES, load_default=None)
    q = Line(60, load_default=None)


class InvitationIn(In):
    person_id = Id(required=True, data_key="person")


class InvitationOut(Out):
    id = fields.UUID()
    person = fields.UUID()
    invitation = fields.String()
    expires_at = Moment()


class ShownIn(In):
    invitation = Secret(100, required=True)


class GrantIn(In):
    makes = NewGrant

    id = Id(load_default=None)
    person = Id(required=True)
    role = Choice(ROLES, required=True)
    region = Code(load_default=None, allow_none=True)
    organisation = Code(load_default=None, allow_none=True)
    starts_on = Day(load_default=None, allow_none=True)
    ends_on = Day(load_default=None, allow_none=True)


class GrantOut(StatefulOut):
    class Meta:
        model = RoleGrant

    person = fields.UUID(attribute="person_id")
    person_name = fields.String(attribute="person.name")
    role = auto_field()
    region = fields.String(attribute="region_code", allow_none=True)
    organisation = fields.String(attribute="organisation_code", allow_none=True)
    starts_on = auto_field()
    ends_on = auto_field()


class StateAsked(Asked):
    state = state_filter()


class BindingOut(StatefulOut):
    class Meta:
        model = Binding

    person = fields.UUID(attribute="person_id")
    person_name = fields.String(attribute="person.name")
    phone_shown = auto_field()
    phone_tail = fields.String(allow_none=True, metadata={"description": "登记手机号的后四位"})
    bound_at = Moment(allow_none=True)


class OwnBindingOut(Out):
    """What became of the binding that one asked for."""

    id = fields.UUID()
    state = fields.String()
    state_label = fields.Function(lambda row: label(row.__thing__, row.state), metadata={"type": "string"})
    state_since = Moment()
    state_reason = fields.String(allow_none=True)


class MemberOut(Out):
    person = fields.UUID(attribute="person_id")
    name = fields.String(attribute="person.name")
    agreed = fields.Function(lambda m: m.agreed_at is not None, metadata={"type": "boolean"})
    left = fields.Function(lambda m: m.left_at is not None, metadata={"type": "boolean"})


class TeamIn(In):
    id = Id(load_default=None)
    name = Line(60, required=True)
    members = ListOf(Id(), 20, shortest=1, required=True)


class TeamOut(StatefulOut):
    class Meta:
        model = Team

    name = auto_field()
    leader = fields.UUID(attribute="leader_id")
    members = fields.List(fields.Nested(MemberOut))
    content = fields.Nested(ContentStateOut(), allow_none=True)


class ProfileIn(In):
    specialties = ListOf(Code(), 20)
    available = Flag()
    capacity = Number(1, CLAIMS_CAPACITY_MAX)
    service_days = Number(1, YEAR_DAYS_MAX, allow_none=True)
    title = Line(60, allow_none=True)
    bio = Words(1500, allow_none=True)


class ConsentIn(In):
    purpose = Choice(CONSENT_VERSIONS, required=True)
    version = Line(20, required=True)
    given = Flag(required=True)


class ConsentOut(Out):
    location = fields.Boolean()
    phone = fields.Boolean()


WHO = WhoOut()


class ImportIn(In):
    """People as CSV text; the file's columns stand in `service/identity/registration.py`."""

    csv = Secret(900_000, required=True)
    region = Code(load_default=None, allow_none=True)
    dry_run = Flag(load_default=True)


class ImportOut(Out):
    lines = fields.Integer()
    registered = fields.Integer()
    known = fields.Integer(metadata={"description": "已按此登记、无需改动的人数"})
    problems = fields.List(fields.Dict())
