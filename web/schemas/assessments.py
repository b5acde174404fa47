"""Schemas of schemes, assessments, sheets, opinions, reviews and feedback."""

from decimal import Decimal
from typing import Any

from marshmallow import INCLUDE, ValidationError, fields, post_load
from marshmallow_sqlalchemy import auto_field

from models.assessments import Review, Scheme
from rules.assessments import GRADES
from rules.policy import EXCELLENT_PERCENT
from rules.schemes import DAY_WORTH, FULL_HUNDREDTHS, GUIDE_MAX, ITEM_LABEL_MAX, MINUTES_MAX, TITLE_MAX
from rules.states import label
from service.assessments.commands import NewAssessment
from service.assessments.reviews import ReviewForm
from service.assessments.schemes import NewScheme
from service.assessments.sheets import GradeForm, OpinionForm, Score
from web.schemas.base import (
    MESSAGES,
    Asked,
    Choice,
    Code,
    Flag,
    Id,
    In,
    Inner,
    Line,
    ListOf,
    Moment,
    Number,
    Out,
    StatefulOut,
    Words,
    state_filter,
)

SCORED_ITEMS_MAX = 200


class Points(fields.Float):
    """Points as a number with at most two decimals; hundredths of a point inside, exactly."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("metadata", {"minimum": 0, "maximum": FULL_HUNDREDTHS // 100, "multipleOf": 0.01})
        super().__init__(error_messages=MESSAGES, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("应为数字")
        exact = Decimal(str(value))
        if not 0 <= exact <= FULL_HUNDREDTHS // 100:
            raise ValidationError("应在 0 到 100 分之间")
        if exact != round(exact, 2):
            raise ValidationError("最多两位小数")
        return int(exact * 100)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        return value / 100 if value % 100 else value // 100


class SchemeItemIn(In):
    code = Line(40, required=True)
    label = Line(ITEM_LABEL_MAX, required=True)
    nature = Line(32, required=True)
    max_points = Points(required=True, attribute="max_hundredths")
    evidence = ListOf(Line(40), 20, load_default=list)
    guide = Words(GUIDE_MAX)


class DaysIn(In):
    """How service days are counted: minutes that a date needs, and what a date counts at most (R-VISIT-7)."""

    min_minutes = Number(0, MINUTES_MAX, load_default=0)
    whole_from_minutes = Number(0, MINUTES_MAX, load_default=0)
    remote = Choice(DAY_WORTH, load_default="whole")
    travel = Choice(DAY_WORTH, load_default="whole")


class SchemeIn(In):
    makes = NewScheme

    id = Id(load_default=None)
    county = Code(load_default=None, allow_none=True, metadata={"description": "所属县（市、区）或市的编码"})
    title = Line(TITLE_MAX, required=True)
    competent_points = Points(required=True, attribute="competent_hundredths")
    excellent_points = Points(required=True, attribute="excellent_hundredths")
    items = ListOf(Inner(SchemeItemIn()), 100, shortest=1, distinct=False, required=True)
    days = Inner(DaysIn(), load_default=None, allow_none=True)


class SchemeItemOut(Out):
    code = fields.String()
    label = fields.String()
    nature = fields.String()
    max_points = Points(attribute="max_hundredths")
    evidence = fields.List(fields.String())
    guide = fields.String()


class SchemeOut(Out):
    class Meta:
        model = Scheme

    id = fields.UUID()
    county = fields.String(attribute="county_code")
    title = auto_field()
    number = auto_field()
    digest = auto_field()
    competent_points = Points(attribute="body.competent_hundredths")
    excellent_points = Points(attribute="body.excellent_hundredths")
    items = fields.List(fields.Nested(SchemeItemOut()), attribute="body.items")
    days = fields.Function(lambda row: row.body.get("days"), metadata={"type": ["object", "null"]})
    created_at = Moment()


class SchemesAsked(Asked):
    county = Code(load_default=None)
    title = Line(TITLE_MAX, load_default=None)


class AssessmentIn(In):
    makes = NewAssessment

    id = Id(load_default=None)
    year = Number(1900, 2199, required=True)
    county = Code(required=True)
    scheme = Id(required=True)
    ratio_percent = Number(0, 100, load_default=EXCELLENT_PERCENT)
    ground = Line(200, shortest=0, load_default="")
    approver = Line(60, shortest=0, load_default="")
    document = Line(200, shortest=0, load_default="")


class AssessmentsAsked(Asked):
    year = Number(1900, 2199, from_text=True, load_default=None)
    county = Code(load_default=None)
    state = state_filter()


class ShownOut(StatefulOut):
    """A thing with states that the query prepared for whoever asks."""

    state_label = fields.Function(lambda row: label(row["__thing__"], row["state"]), metadata={"type": "string"})


class GradeCountsOut(Out):
    sheets = fields.Integer()
    handed_in = fields.Integer()
    opinions_township = fields.Integer(metadata={"description": "sheets on which the host gave an opinion"})
    opinions_co_reviewer = fields.Integer()
    opinions_dispatcher = fields.Integer()
    scored = fields.Integer()
    undecided = fields.Integer()
    excellent = fields.Integer()
    competent = fields.Integer()
    incompetent = fields.Integer()


class BasePersonOut(Out):
    id = fields.UUID()
    name = fields.String()


class AssessmentOut(ShownOut):
    """Ties, open decisions, the base's people and the ratio's ground are shown to its staff alone."""

    year = fields.Integer()
    county = fields.String()
    county_name = fields.String(allow_none=True)
    scheme = fields.UUID()
    scheme_title = fields.String()
    scheme_number = fields.Integer()
    base = fields.Integer(allow_none=True)
    base_people = fields.List(fields.Nested(BasePersonOut()))
    ratio_percent = fields.Integer()
    ratio_ground = fields.String(allow_none=True)
    ratio_approver = fields.String(allow_none=True)
    ratio_document = fields.String(allow_none=True)
    quota = fields.Integer(allow_none=True)
    counts = fields.Nested(GradeCountsOut())
    ties = fields.List(fields.UUID())
    tie_places = fields.Integer()
    needs_decision = fields.List(fields.UUID())
    publicity = fields.UUID(allow_none=True)
    digest = fields.String(allow_none=True)


class VerificationOut(Out):
    digest = fields.String()
    recomputed = fields.String()
    kept = fields.String()
    matches = fields.Boolean()
    differs = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))


class SheetsAsked(Asked):
    state = state_filter()


class SheetLineOut(ShownOut):
    """Points and proposals are the staff's; the grade is shown to others once publicity opened."""

    assessment = fields.UUID()
    year = fields.Integer()
    county = fields.String()
    person = fields.UUID()
    name = fields.String()
    nature = fields.String()
    township = fields.String(allow_none=True)
    township_name = fields.String(allow_none=True)
    organisation = fields.String(allow_none=True)
    organisation_name = fields.String(allow_none=True)
    on_base = fields.Boolean()
    total = fields.Float(allow_none=True)
    proposed = fields.String(allow_none=True)
    proposed_reason = fields.String(allow_none=True)
    grade = fields.String(allow_none=True)
    grade_label = fields.String(allow_none=True)
    grade_reason = fields.String(allow_none=True)
    heard = fields.Boolean()


class FigureOut(Out):
    """A figure with the ids of the records behind it."""

    code = fields.String()
    label = fields.String()
    value = fields.Raw(metadata={"type": ["integer", "string"]})
    of = fields.Integer()
    share_percent = fields.Integer()
    records = fields.List(fields.String())


class EvidenceDayOut(Out):
    date = fields.String()
    counted = fields.String()
    how = fields.String()
    records = fields.List(fields.String())


class AddedOut(Out):
    text = fields.String()
    reason = fields.String()
    role = fields.String()
    at = fields.String()


class EvidenceOut(Out):
    figures = fields.Dict(keys=fields.String(), values=fields.Nested(FigureOut()))
    days = fields.List(fields.Nested(EvidenceDayOut()))
    trainings = fields.List(fields.Raw())
    versions = fields.Dict(keys=fields.String(), values=fields.Integer())
    added = fields.List(fields.Nested(AddedOut()))


class ScoredItemOut(Out):
    code = fields.String()
    label = fields.String()
    max_points = fields.Float()
    guide = fields.String()
    evidence = fields.List(fields.Nested(FigureOut()))
    points = fields.Float(allow_none=True)
    reason = fields.String(allow_none=True)


class OpinionOut(Out):
    id = fields.UUID()
    sheet = fields.UUID(attribute="sheet_id")
    role = fields.String()
    author = fields.String()
    rating = fields.String()
    text = fields.String()
    at = Moment()


class SheetOut(SheetLineOut):
    summary = fields.String(allow_none=True)
    evidence = fields.Nested(EvidenceOut())
    items = fields.List(fields.Nested(ScoredItemOut()))
    opinions = fields.List(fields.Nested(OpinionOut()))
    effect = fields.String(allow_none=True)


class SummaryIn(In):
    summary = Words(2000, required=True)


class AddedIn(In):
    text = Words(1000, required=True)
    reason = Words(500, required=True)


class OpinionIn(In):
    makes = OpinionForm

    id = Id(load_default=None)
    role = Choice(("township", "co_reviewer", "dispatcher"), required=True)
    rating = Choice(GRADES, required=True)
    text = Words(2000, required=True)


class ScoreIn(In):
    makes = Score

    points = Points(required=True, attribute="hundredths")
    reason = Words(500, required=True)


SCORE = ScoreIn()


class ScoresIn(In):
    """Points and why, by the code of each of the scheme's items for the sheet's nature."""

    class Meta:
        unknown = INCLUDE

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        faults: dict[str, Any] = {}
        scores: dict[str, Score] = {}
        if not 1 <= len(data) <= SCORED_ITEMS_MAX:
            raise ValidationError(f"应有 1 到 {SCORED_ITEMS_MAX} 项")
        for code, one in data.items():
            try:
                scores[code] = SCORE.load(one)
            except ValidationError as error:
                faults[code] = error.messages
        if faults:
            raise ValidationError(faults)
        return {"scores": scores}


class GradeIn(In):
    makes = GradeForm

    grade = Choice(GRADES, required=True)
    reason = Words(2000, required=True)
    heard = Flag(load_default=False)


class FeedbackRowOut(Out):
    sheet = fields.UUID()
    year = fields.Integer()
    county = fields.String()
    county_name = fields.String()
    person = fields.UUID()
    name = fields.String()
    nature = fields.String()
    organisation = fields.String(allow_none=True)
    organisation_name = fields.String(allow_none=True)
    township = fields.String(allow_none=True)
    township_name = fields.String(allow_none=True)
    grade = fields.String()
    effect = fields.String()


class FeedbackOut(Out):
    items = fields.List(fields.Nested(FeedbackRowOut()))
    next = fields.String(allow_none=True)


class ReviewTextIn(In):
    text = Words(2000, required=True)


class ReviewIn(In):
    makes = ReviewForm

    id = Id(load_default=None)
    text = Words(2000, required=True)


class ReviewOut(StatefulOut):
    class Meta:
        model = Review

    sheet = fields.UUID(attribute="sheet_id")
    person = fields.UUID(attribute="person_id")
    text = auto_field()
    answer = auto_field()
    appeal = auto_field()
    decision = auto_field()
    created_at = Moment()


class ReviewsAsked(Asked):
    state = state_filter()
