"""Schemas of runs, plans and proposals."""

from typing import Any

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.matching import Proposal, Supplement
from service.matching.orders import RunForm
from service.matching.supplements import NewSupplement
from web.schemas.base import (
    Asked,
    Code,
    Flag,
    Id,
    In,
    Inner,
    Line,
    ListOf,
    Moment,
    Out,
    StatefulOut,
    Words,
    state_filter,
)

OVERRIDES_MAX = 200


class Seed(Line):
    """A drawn number, as text or as a whole number; `007` is not `7`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(64, metadata={"type": ["string", "integer"]}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return super()._deserialize(str(value) if whole else value, attr, data, **kwargs)


class SeedIn(In):
    seed = Seed(required=True)
    source = Line(200, load_default=None, allow_none=True)


class BanIn(In):
    claim = Id(required=True)
    reason = Words(500, required=True)


class RunIn(In):
    makes = RunForm

    seed = Seed(load_default=None, allow_none=True)
    pins = ListOf(Id(), OVERRIDES_MAX, load_default=())
    bans = ListOf(Inner(BanIn()), OVERRIDES_MAX, load_default=())
    keep = Id(load_default=None, allow_none=True)
    complete = Flag(load_default=False)
    hold = Flag(load_default=False)
    reason = Words(500, shortest=0, load_default="")
    loses = ListOf(Code(), 200, load_default=())


class ReplacementIn(In):
    need = Id(required=True)
    claim = Id(required=True)
    reason = Words(500, required=True)
    loses = ListOf(Code(), 200, load_default=())


class ConsentStateOut(Out):
    """How far both sides' consent to a pair is (R-MATCH-6)."""

    proposal = fields.UUID(allow_none=True)
    state = fields.String()
    commissioner = fields.Boolean()
    township = fields.Boolean()


class PlacedOut(Out):
    """Who and where, by ids and names."""

    claim = fields.String(allow_none=True)
    need = fields.String()
    need_title = fields.String()
    township = fields.String()
    township_name = fields.String()
    county = fields.String()
    commissioner = fields.String()
    commissioner_name = fields.String()
    organisation = fields.String(allow_none=True)
    team = fields.String(allow_none=True)


class PairOut(PlacedOut):
    consent = fields.Nested(ConsentStateOut)
    score = fields.Integer()
    code = fields.String()
    reasons = fields.List(fields.String())


class LosingOut(PlacedOut):
    code = fields.String()
    reasons = fields.List(fields.String())


class ChangeOut(PlacedOut):
    kind = fields.String()
    text = fields.String()


class UncoveredOut(Out):
    """Townships in want; where `whole_counties` are named, these with all their townships."""

    townships = fields.List(fields.String())
    whole_counties = fields.List(fields.String())
    candidates = fields.List(fields.String())
    capacity = fields.Integer()
    floor = fields.Integer()
    excluded = fields.Dict(keys=fields.String(), values=fields.Integer())
    relaxations = fields.Dict(keys=fields.String(), values=fields.Integer())
    reason = fields.String()


class CountyAimOut(Out):
    county = fields.String()
    floor = fields.Integer()
    came = fields.Integer()


class AimsOut(Out):
    townships = fields.Integer()
    covered = fields.Integer()
    maximum = fields.Integer()
    counties = fields.List(fields.Nested(CountyAimOut))
    no_need = fields.List(fields.String())
    places = fields.Integer()
    pairs = fields.Integer()
    mutual = fields.Integer()
    proposals = fields.Integer()
    held = fields.Integer()
    score = fields.Integer()


class PlanHeadOut(Out):
    """A part as lists show it."""

    id = fields.UUID()
    run = fields.UUID()
    round = fields.UUID()
    round_title = fields.String()
    county = fields.String(allow_none=True)
    county_name = fields.String(allow_none=True)
    state = fields.String()
    state_label = fields.String()
    state_since = Moment()
    state_reason = fields.String(allow_none=True)
    moves = fields.List(fields.String())
    draft = fields.Boolean()
    seed = fields.String()
    digest = fields.String()
    inputs_digest = fields.String()
    stale = fields.Boolean()
    faults = fields.List(fields.String())
    publicity = fields.UUID(allow_none=True)
    weights = fields.String()
    code = fields.String()
    created_at = Moment()
    aims = fields.Nested(AimsOut)


class PlanOut(PlanHeadOut):
    """A county's part, or the city's whole run with its parts."""

    pairs = fields.List(fields.Nested(PairOut))
    losing = fields.List(fields.Nested(LosingOut))
    uncovered = fields.List(fields.Nested(UncoveredOut))
    changes = fields.List(fields.Nested(ChangeOut))
    parts = fields.List(fields.Nested(PlanHeadOut))


class PlansAsked(Asked):
    round = Id(load_default=None)
    state = state_filter()
    county = Code(load_default=None)


class SupplementIn(In):
    makes = NewSupplement

    id = Id(load_default=None)
    needs = ListOf(Id(), 1000, shortest=1, required=True)
    reason = Words(500, required=True)
    claims_until = Moment(required=True)
    ranking_until = Moment(required=True)


class SupplementOut(StatefulOut):
    class Meta:
        model = Supplement

    round = fields.UUID(attribute="round_id")
    number = auto_field()
    reason = auto_field()
    needs = fields.List(fields.UUID())
    counties = fields.List(fields.String())
    claims_until = Moment()
    ranking_until = Moment()
    claims = auto_field()
    people = auto_field()
    digest = auto_field()
    previous = auto_field()
    chain = auto_field()
    created_at = Moment()


class ProposalOut(StatefulOut):
    class Meta:
        model = Proposal

    round = fields.UUID(attribute="round_id")
    plan = fields.UUID(attribute="plan_id", allow_none=True)
    need = fields.UUID(attribute="need_id")
    need_title = fields.String(attribute="need.title")
    township = fields.String(attribute="township_code")
    township_name = fields.String(attribute="need.township.name")
    claim = fields.UUID(attribute="claim_id", allow_none=True)
    commissioner = fields.UUID(attribute="person_id")
    commissioner_name = fields.String(attribute="person.name")
    team = fields.UUID(attribute="team_id", allow_none=True)
    team_name = fields.String(attribute="team.name")
    reason = fields.String()
    commissioner_accepted_at = Moment(allow_none=True)
    township_accepted_at = Moment(allow_none=True)
    created_at = Moment()


class ProposalsAsked(Asked):
    round = Id(load_default=None)
    state = state_filter()
