"""Schemas of what is asked about plans: prices, overrides, explanations, comparisons."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.matching import Override
from service.matching.overrides import KINDS, OverrideForm
from service.matching.pricing import PriceForm
from web.schemas.base import (
    Asked,
    Choice,
    Code,
    Flag,
    Id,
    In,
    Inner,
    ListOf,
    Moment,
    Out,
    Secret,
    Words,
)
from web.schemas.matching import OVERRIDES_MAX, AimsOut, PlacedOut, Seed

TOWNSHIPS_MAX = 200


class ForcedIn(In):
    """A claimant (person or team) at a need, claimed or not."""

    claimant = Id(required=True)
    need = Id(required=True)


class PriceIn(In):
    makes = PriceForm

    pins = ListOf(Id(), OVERRIDES_MAX, load_default=())
    bans = ListOf(Id(), OVERRIDES_MAX, load_default=())
    pairs = ListOf(Inner(ForcedIn()), OVERRIDES_MAX, load_default=())
    seed = Seed(load_default=None, allow_none=True)


class NamedOut(Out):
    """A township or county, named."""

    code = fields.String()
    name = fields.String()


class MoverOut(Out):
    commissioner = fields.String()
    commissioner_name = fields.String()
    team = fields.String(allow_none=True)


class WhereOut(Out):
    need = fields.String()
    need_title = fields.String()
    township = fields.String()
    township_name = fields.String()


class ShiftOut(MoverOut):
    left = fields.List(fields.Nested(WhereOut))
    got = fields.List(fields.Nested(WhereOut))


class ChangesOut(Out):
    """What differs between two plans; `moves` are in the order of displacement."""

    coverage = fields.Integer()
    uncovered = fields.List(fields.Nested(NamedOut))
    newly_covered = fields.List(fields.Nested(NamedOut))
    counties_short = fields.List(fields.Nested(NamedOut))
    counties_reached = fields.List(fields.Nested(NamedOut))
    moves = fields.List(fields.Nested(ShiftOut))
    elsewhere = fields.Integer()
    held = fields.List(fields.Nested(MoverOut))
    released = fields.List(fields.Nested(MoverOut))
    score = fields.Integer()
    text = fields.String()


class TotalsOut(Out):
    covered = fields.Integer()
    pairs = fields.Integer()
    score = fields.Integer()


class PriceOut(Out):
    """What it would cost; `seen` goes with the override that is saved after looking at it."""

    seen = fields.String()
    seed = fields.String()
    draft = fields.Boolean()
    before = fields.Nested(TotalsOut)
    after = fields.Nested(TotalsOut)
    changes = fields.Nested(ChangesOut)


class PaidOut(Out):
    """What an override cost when it was saved."""

    coverage = fields.Integer()
    uncovered = fields.List(fields.Nested(NamedOut))
    newly_covered = fields.List(fields.Nested(NamedOut))
    counties_short = fields.List(fields.Nested(NamedOut))
    counties_reached = fields.List(fields.Nested(NamedOut))
    moved = fields.Integer()
    elsewhere = fields.Integer()
    score = fields.Integer()


class OverrideIn(In):
    makes = OverrideForm

    kind = Choice(KINDS, required=True)
    claim = Id(required=True)
    reason = Words(500, required=True)
    seen = Secret(64, required=True)
    loses = ListOf(Code(), TOWNSHIPS_MAX, load_default=())
    expires_at = Moment(load_default=None, allow_none=True)


class OverrideOut(Out):
    class Meta:
        model = Override

    id = fields.UUID()
    round = fields.UUID(attribute="round_id")
    kind = auto_field()
    claim = fields.UUID(attribute="claim_id", allow_none=True)
    need = fields.UUID(attribute="need_id")
    need_title = fields.String(attribute="need.title")
    township = fields.String(attribute="need.township_code")
    who = fields.String()
    author = fields.String(attribute="author.name")
    reason = auto_field()
    price = fields.Nested(PaidOut)
    created_at = Moment()
    expires_at = Moment(allow_none=True)
    in_force = fields.Boolean()


class OverridesAsked(Asked):
    living = Flag(from_text=True, load_default=False)


class ExplanationAsked(In):
    claimant = Id(required=True)
    need = Id(required=True)


class BillRowOut(Out):
    name = fields.String()
    title = fields.String()
    value = fields.Integer(allow_none=True)
    points = fields.Integer()
    weight = fields.Integer()
    product = fields.Integer()


class ScoreBillOut(Out):
    rows = fields.List(fields.Nested(BillRowOut))
    total = fields.Integer()
    text = fields.String()


class LotOut(Out):
    """The name under which somebody takes part in the lottery, and the number that the seed gives."""

    team = fields.UUID(allow_none=True)
    code = fields.String()
    number = fields.Integer(allow_none=True)


class ExplanationOut(PlacedOut):
    code = fields.String()
    assigned = fields.Boolean()
    held = fields.Boolean()
    facts = fields.Dict(keys=fields.String(), values=fields.Raw())
    reasons = fields.List(fields.String())
    told = fields.String()
    bill = fields.Nested(ScoreBillOut, allow_none=True)
    lottery = fields.Nested(LotOut)


class OutcomeOut(Out):
    claim = fields.UUID()
    need = fields.UUID()
    need_title = fields.String()
    team = fields.UUID(allow_none=True)
    outcome = fields.String()
    code = fields.String()
    facts = fields.Dict(keys=fields.String(), values=fields.Raw())
    told = fields.String()
    bill = fields.Nested(ScoreBillOut, allow_none=True)


class MineOut(Out):
    round = fields.UUID()
    lots = fields.List(fields.Nested(LotOut))
    claims = fields.List(fields.Nested(OutcomeOut))


class ComparisonAsked(In):
    earlier = Id(required=True)


class SideOut(Out):
    code = fields.String(allow_none=True)
    score = fields.Integer(allow_none=True)
    reason = fields.String()


class DifferenceOut(PlacedOut):
    kind = fields.String()
    before = fields.Nested(SideOut, allow_none=True)
    after = fields.Nested(SideOut, allow_none=True)


class ComparisonOut(Out):
    earlier = fields.UUID()
    later = fields.UUID()
    county = fields.String(allow_none=True)
    before = fields.Nested(AimsOut)
    after = fields.Nested(AimsOut)
    same = fields.Integer()
    pairs = fields.List(fields.Nested(DifferenceOut))
    changes = fields.Nested(ChangesOut, allow_none=True)


class CoveredOut(Out):
    """Townships with a need, and how many of them reach their floor."""

    asking = fields.Integer()
    covered = fields.Integer()


class PostsOut(Out):
    needs = fields.Integer()
    offered = fields.Integer()
    filled = fields.Integer()


class ClaimantsOut(Out):
    """People, not pairs: `matched` by both sides' choice, `placed` with what was proposed as well."""

    claimants = fields.Integer()
    with_mutual = fields.Integer()
    matched = fields.Integer()
    placed = fields.Integer()
    without_claim = fields.Integer()
    first_choice = fields.Integer()
    top_three = fields.Integer()


class ListsOut(Out):
    """How many people have a claim list of that length."""

    matched = fields.Dict(keys=fields.String(), values=fields.Integer())
    unmatched = fields.Dict(keys=fields.String(), values=fields.Integer())


class CountyCameOut(Out):
    floor = fields.Integer()
    came = fields.Integer()


class CountiesOut(CoveredOut):
    """Counties with a floor of their own, by name; nothing where no county has one."""

    each = fields.Dict(keys=fields.String(), values=fields.Nested(CountyCameOut))


class CountsOut(Out):
    townships = fields.Nested(CoveredOut)
    counties = fields.Nested(CountiesOut)
    posts = fields.Nested(PostsOut)
    claimants = fields.Nested(ClaimantsOut)
    lists = fields.Nested(ListsOut)
    workload = fields.Dict(keys=fields.String(), values=fields.Integer())
    held = fields.Integer()
    reasons = fields.Dict(keys=fields.String(), values=fields.Integer())
    lost = fields.Dict(keys=fields.String(), values=fields.Integer())
    by_county = fields.Dict(keys=fields.String(), values=fields.Nested(PostsOut))
    by_urgency = fields.Dict(keys=fields.String(), values=fields.Nested(PostsOut))
    by_field = fields.Dict(keys=fields.String(), values=fields.Nested(PostsOut))


class OverrideCountsOut(Out):
    county = fields.String()
    county_name = fields.String()
    pin = fields.Integer()
    replacement = fields.Integer()
    ban = fields.Integer()
    in_force = fields.Integer()
    cost_coverage = fields.Integer()
    in_run = fields.Integer()


class RunCountsOut(Out):
    official = fields.Integer()
    drafts = fields.Integer()
    drafts_before_seed = fields.Integer()


class PricesOut(Out):
    """What the aims cost one another over the whole round, without anybody's overrides."""

    covered = fields.Integer()
    maximum = fields.Integer()
    mutual = fields.Integer()
    alone_covered = fields.Integer()
    alone_mutual = fields.Integer()
    score_first = fields.Integer()
    choice_first = fields.Integer()
    county_floor = fields.Integer(allow_none=True)
    county_filled = fields.Integer(allow_none=True)
    alone_county_filled = fields.Integer(allow_none=True)


class StatisticsOut(Out):
    """A round's figures; `counts` is null until a county's part stands."""

    round = fields.UUID()
    round_title = fields.String()
    seed = fields.String(allow_none=True)
    digest = fields.String(allow_none=True)
    weights = fields.String(allow_none=True)
    counties = fields.List(fields.Nested(NamedOut))
    counts = fields.Nested(CountsOut, allow_none=True)
    overrides = fields.List(fields.Nested(OverrideCountsOut), allow_none=True)
    runs = fields.Nested(RunCountsOut, allow_none=True)
    prices = fields.Nested(PricesOut, allow_none=True)
