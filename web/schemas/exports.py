"""Schemas of exports."""

from marshmallow import fields

from web.schemas.base import Flag, In, Moment, Number, Out


class FilingAsked(In):
    pending = Flag(from_text=True, load_default=False)


class FeatureOut(Out):
    """One row of a scale: a weight and a table from values to points."""

    name = fields.String()
    weight = fields.Integer()
    better = fields.String()
    steps = fields.List(fields.List(fields.Integer()))
    absent = fields.Integer()


class FrozenWeightsOut(Out):
    version = fields.String()
    digest = fields.String()
    effective = fields.String()
    approver = fields.String()
    note = fields.String()
    features = fields.List(fields.Nested(FeatureOut))


class ProvedRunOut(Out):
    id = fields.UUID()
    created_at = Moment()
    digest = fields.String()
    inputs_digest = fields.String()
    code = fields.String()
    counties = fields.List(fields.String())


class ProvedSupplementOut(Out):
    """Claims taken after the freeze; `chain` is the SHA-256 of `previous`, a line feed and `digest`."""

    id = fields.UUID()
    number = fields.Integer()
    reason = fields.String()
    needs = fields.Integer()
    opened_at = Moment()
    claims_until = Moment()
    ranking_until = Moment()
    closed_at = Moment(allow_none=True)
    claims = fields.Integer()
    people = fields.Integer()
    digest = fields.String(allow_none=True)
    previous = fields.String(allow_none=True)
    chain = fields.String(allow_none=True)


class InstanceAsked(In):
    supplement = Number(1, 10_000, from_text=True, load_default=None)


class ProofOut(Out):
    """In which order a round was frozen, its seed drawn and its runs made."""

    round = fields.UUID()
    digest = fields.String()
    frozen_at = Moment()
    seed = fields.String(allow_none=True)
    seeded_at = Moment(allow_none=True)
    seed_source = fields.String(allow_none=True)
    drafts_before_seed = fields.Integer()
    supplements = fields.List(fields.Nested(ProvedSupplementOut))
    weights = fields.Nested(FrozenWeightsOut)
    runs = fields.List(fields.Nested(ProvedRunOut))
