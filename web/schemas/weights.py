"""Schemas of the matching weights."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.matching import Weights
from rules.matching.score import FULL, TITLES, TOTAL_WEIGHT
from rules.weights import FLOOR_MAX
from service.matching.weights import FLOOR, NewWeights
from web.schemas.base import Choice, Day, Id, In, Inner, Line, ListOf, Moment, Number, StatefulOut, Words
from web.schemas.exports import FeatureOut

BOUND_MAX = 10_000_000
STEPS_MAX = 50


class FeatureIn(In):
    name = Choice(TITLES, required=True)
    weight = Number(0, TOTAL_WEIGHT, required=True)
    better = Choice({"more", "less"}, required=True)
    steps = ListOf(ListOf(Number(0, BOUND_MAX), 2, shortest=2, distinct=False), STEPS_MAX, shortest=1, required=True)
    absent = Number(0, FULL, load_default=0)


class WeightsIn(In):
    makes = NewWeights

    id = Id(load_default=None)
    effective_on = Day(required=True)
    document = Line(200, required=True)
    note = Words(2000, shortest=0, load_default="")
    floor = Number(1, FLOOR_MAX, load_default=FLOOR)
    features = ListOf(Inner(FeatureIn()), len(TITLES), shortest=1, distinct=False, required=True)


class WeightsOut(StatefulOut):
    class Meta:
        model = Weights

    city = fields.String(attribute="county_code")
    number = auto_field()
    effective_on = Day()
    document = auto_field()
    note = auto_field()
    floor = auto_field()
    features = fields.List(fields.Nested(FeatureOut))
    digest = auto_field()
    created_at = Moment()
