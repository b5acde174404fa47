"""Schemas of pairings."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.pairings import Pairing
from web.schemas.base import Asked, Choice, Code, Day, Id, In, Line, Number, Out, StatefulOut, Words, state_filter
from web.schemas.needs import NeedOut


class ServingOut(Out):
    """Somebody who serves in a pairing."""

    id = fields.UUID(attribute="person.id")
    name = fields.String(attribute="person.name")


class RecognitionOut(Out):
    number = fields.String(attribute="recognition_number")
    date = fields.Date(attribute="recognised_on")


class PairingOut(StatefulOut):
    class Meta:
        model = Pairing

    kind = auto_field()
    round = fields.UUID(attribute="round_id", allow_none=True)
    plan = fields.UUID(attribute="plan_id", allow_none=True)
    need = fields.UUID(attribute="need_id")
    need_title = fields.String(attribute="need.title")
    claim = fields.UUID(attribute="claim_id", allow_none=True)
    township = fields.String(attribute="township_code")
    township_name = fields.String(attribute="township.name")
    county = fields.String(attribute="township.managing_county_code")
    commissioner = fields.UUID(attribute="person_id")
    commissioner_name = fields.String(attribute="person.name")
    team = fields.UUID(attribute="team_id", allow_none=True)
    team_name = fields.Function(lambda row: row.team.name if row.team else None, metadata={"type": ["string", "null"]})
    organisation = fields.String(attribute="organisation_code", allow_none=True)
    organisation_name = fields.String()
    people = fields.List(fields.Nested(ServingOut))
    starts_on = auto_field()
    ends_on = auto_field()
    ended_on = auto_field()
    reasons = fields.List(fields.String())
    recognition = fields.Function(
        lambda row: RecognitionOut().dump(row) if row.recognition_number else None,
        metadata={"type": ["object", "null"]},
    )


class PairingsAsked(Asked):
    state = state_filter()
    county = Code(load_default=None)
    township = Code(load_default=None)
    round = Id(load_default=None)
    need = Id(load_default=None)
    commissioner = Id(load_default=None)
    kind = Choice(("pairing", "task"), load_default=None)
    year = Number(2000, 2199, from_text=True, load_default=None)


class RecognitionIn(In):
    number = Line(100, required=True)
    date = Day(required=True, attribute="recognised_on")
    reason = Words(2000)


class AssignIn(In):
    claim = Id(required=True)


class AssignedOut(NeedOut):
    """A need that was just assigned, with the pairing that came of it."""

    pairing = fields.Function(lambda row: str(row.pairings[0]), metadata={"type": "string", "format": "uuid"})
