"""Schemas of claims, preferences and rankings."""

from typing import Any

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.claims import Claim
from rules.claims import DECLINE_REASON_MAX
from service.claims.commands import ClaimForm
from web.schemas.base import Asked, Id, In, Inner, ListOf, Moment, Number, Out, StatefulOut, Words, state_filter

CLAIMS_MAX = 1000
PREFERENCE_MAX = 99


class ClaimIn(In):
    makes = ClaimForm

    id = Id(load_default=None)
    plan = Words(2000, required=True)
    preference = Number(1, PREFERENCE_MAX, load_default=None, allow_none=True)
    team_id = Id(load_default=None, allow_none=True)


class ClaimantOut(Out):
    """Who claims: no phone number, nothing that a township need not know."""

    id = fields.UUID()
    name = fields.String()
    title = fields.String(allow_none=True)
    organisation = fields.String(attribute="organisation_code", allow_none=True)
    specialties = fields.List(fields.String())
    bio = fields.String(allow_none=True)


CLAIMANT = ClaimantOut()


class ClaimTeamOut(Out):
    id = fields.UUID()
    name = fields.String()
    members = fields.Function(
        lambda team: [CLAIMANT.dump(one.person) for one in team.members if one.left_at is None],
        metadata={"type": "array", "items": {"type": "object"}},
    )


class ClaimOut(StatefulOut):
    class Meta:
        model = Claim

    need = fields.UUID(attribute="need_id")
    need_title = fields.String(attribute="need.title")
    round = fields.UUID(attribute="round_id", allow_none=True)
    supplement = fields.UUID(attribute="supplement_id", allow_none=True)
    township = fields.String(attribute="township_code")
    township_name = fields.String(attribute="need.township.name")
    commissioner = fields.Nested(ClaimantOut, attribute="person")
    team = fields.Nested(ClaimTeamOut, allow_none=True)
    plan = auto_field()
    preference = auto_field()
    grade = fields.Integer(attribute="seen_grade", allow_none=True)
    declined_reason = fields.String(attribute="seen_decline", allow_none=True)
    created_at = Moment()


class ClaimsAsked(Asked):
    round = Id(load_default=None)
    need = Id(load_default=None)
    state = state_filter()


class PreferencesIn(In):
    claims = ListOf(Id(), CLAIMS_MAX, shortest=1, required=True)


class OwnClaimsOut(Out):
    items = fields.List(fields.Nested(ClaimOut))
    next = fields.String(allow_none=True)


class DeclineIn(In):
    claim = Id(required=True)
    reason = Words(DECLINE_REASON_MAX, required=True)


class RankingIn(In):
    ranked = ListOf(Id(), CLAIMS_MAX, load_default=())
    declined = ListOf(Inner(DeclineIn()), CLAIMS_MAX, load_default=())


class NeedClaimsOut(Out):
    items = fields.List(fields.Nested(ClaimOut))
    next = fields.String(allow_none=True)
    ranked_at = Moment(allow_none=True)
    ranked_by: Any = fields.String(allow_none=True)
