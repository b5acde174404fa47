"""What people write on a sheet: the commissioner's summary, further evidence, opinions, scores, the decided grade."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment, Opinion, Sheet
from models.base import new_id
from rules import assessments as rules
from rules.schemes import read_scheme
from rules.states import label
from service.assessments import queries
from service.core import gate, moves
from service.core.problems import ConditionMissing, Conflict, Forbidden, IdTaken, Invalid, SamePerson
from service.core.unit import UnitOfWork


class NotNow(Conflict):
    """The assessment is at a step at which this is not done."""

    kind, title = "assessment-not-now", "年度考核当前阶段不能进行此操作"


class SummaryMissing(Invalid):
    """A sheet is handed in with the person's own summary (R-ASSESS-3)."""

    kind, title = "summary-missing", "请先填写年度总结"


class QuotaFull(Conflict):
    """Every excellent grade that the quota allows is given (R-ASSESS-4)."""

    kind, title = "quota-full", "优秀名额已满"


@dataclass(frozen=True)
class OpinionForm:
    """What a host, a co-reviewing department or a dispatcher says of a year."""

    role: str
    rating: str
    text: str
    id: UUID | None = None


@dataclass(frozen=True)
class Score:
    """An item's points, in hundredths, and why."""

    hundredths: int
    reason: str


@dataclass(frozen=True)
class GradeForm:
    """A grade that people decide, why, and whether the person was heard before."""

    grade: str
    reason: str
    heard: bool = False


def locked(uow: UnitOfWork, assessment_id: UUID) -> Assessment:
    """Hold an assessment's row: whatever its state or quota allows is decided by one transaction at a time."""
    statement = sa.select(Assessment).where(Assessment.id == assessment_id).with_for_update(of=Assessment)
    return uow.session.scalars(statement.execution_options(populate_existing=True)).one()


def _workable(uow: UnitOfWork, sheet_id: UUID, action: str, state: str = "scoring") -> Sheet:
    """Give a sheet on which the actor may do the action while its assessment is held at that step.

    :raises NotNow: at any other step.
    """
    assessment = locked(uow, gate.fetch(uow, Sheet, sheet_id, action).assessment_id)
    sheet = gate.fetch(uow, Sheet, sheet_id, action, lock=True)
    if assessment.state != state:
        raise NotNow(f"年度考核当前为「{label('assessment', assessment.state)}」", state=assessment.state)
    return sheet


def _of_another(uow: UnitOfWork, sheet: Sheet) -> Sheet:
    if sheet.person_id == uow.actor.person_id:
        raise SamePerson("不能评价自己的考核表")
    return sheet


def edit(uow: UnitOfWork, sheet_id: UUID, *, summary: str, if_match: str | None) -> queries.Shown:
    """Write one's own summary of the year (R-ASSESS-3), until it is handed in.

    :raises Stale: if the sheet changed since it was read.
    """
    sheet = _workable(uow, sheet_id, "sheet.edit")
    gate.match(sheet, if_match)
    if sheet.state != "open":
        raise Conflict("总结已提交，不能再修改", state=sheet.state)
    sheet.summary = summary
    return _changed(uow, sheet, "sheet.edit", "summary")


def _changed(uow: UnitOfWork, sheet: Sheet, action: str, *fields: str, **facts: Any) -> queries.Shown:
    sheet.version += 1
    change = {"thing": "sheet", "id": str(sheet.id), "fields": list(fields)}
    uow.record(action, sheet, [change], year=sheet.assessment.year, **facts)
    return queries.prepared(uow, sheet)


def hand_in(uow: UnitOfWork, sheet_id: UUID) -> queries.Shown:
    """Hand one's own sheet in.

    :raises SummaryMissing: without a summary.
    """
    sheet = _workable(uow, sheet_id, "sheet.hand_in")
    if not (sheet.summary or "").strip():
        raise SummaryMissing(errors={"summary": ["请填写年度总结"]})
    return queries.prepared(uow, moves.apply(uow, sheet, "hand_in", year=sheet.assessment.year))


def add_evidence(uow: UnitOfWork, sheet_id: UUID, *, text: str, reason: str) -> queries.Shown:
    """Add paper or other evidence with a reason: it counts as well as what the records say (R-ASSESS-2)."""
    sheet = _workable(uow, sheet_id, "sheet.evidence")
    role = gate.acting_role(uow, sheet, "sheet.evidence")
    if len(sheet.additions) >= queries.ADDITIONS_MAX:
        raise Conflict(f"补充材料最多 {queries.ADDITIONS_MAX} 条")
    added = {"text": text, "reason": reason, "role": role, "at": uow.now.isoformat()}
    sheet.additions = [*sheet.additions, added]
    return _changed(uow, sheet, "sheet.evidence", "additions")


def give_opinion(uow: UnitOfWork, sheet_id: UUID, form: OpinionForm) -> Opinion:
    """Give one's opinion as host, co-reviewing department or dispatcher; a second one takes the first one's place.

    :raises Forbidden: for a role that the actor does not hold for this sheet.
    """
    sheet = _of_another(uow, _workable(uow, sheet_id, "sheet.opinion"))
    if not any(held.role == form.role and gate.reaches(uow.actor, held, sheet) for held in uow.actor.held):
        raise Forbidden("您没有以此身份发表意见的权限")
    mine = (Opinion.sheet_id == sheet.id, Opinion.role == form.role, Opinion.author_id == uow.actor.person_id)
    opinion = uow.session.scalar(sa.select(Opinion).where(*mine))
    if opinion is None:
        if form.id and uow.session.get(Opinion, form.id):
            raise IdTaken
        opinion = Opinion(
            id=form.id or new_id(),
            county_code=sheet.county_code,
            sheet_id=sheet.id,
            role=form.role,
            author_id=uow.actor.person_id,
            created_at=uow.now,
            version=0,
        )
        uow.session.add(opinion)
    opinion.rating, opinion.text, opinion.at = form.rating, form.text, uow.now
    opinion.version += 1
    uow.session.flush()
    change = {"thing": "opinion", "id": str(opinion.id), "fields": ["rating", "text"]}
    uow.record("sheet.opinion", sheet, [change], role=form.role, year=sheet.assessment.year)
    return opinion


def score(uow: UnitOfWork, sheet_id: UUID, scores: Mapping[str, Score], *, if_match: str | None) -> queries.Shown:
    """Score a sheet: all that is given replaces what was there; items left out count as not scored yet (R-ASSESS-2).

    :raises ConditionMissing: without `If-Match` when the sheet was scored before.
    :raises Invalid: for items that the scheme lacks for the sheet's nature, or points beyond an item's.
    """
    sheet = _of_another(uow, _workable(uow, sheet_id, "sheet.score"))
    if sheet.scores and if_match is None:
        raise ConditionMissing("已评过分，请带 If-Match")
    gate.match(sheet, if_match)
    given = {code: one.hundredths for code, one in scores.items()}
    scheme = read_scheme(sheet.assessment.scheme.body)
    wrong = rules.judge_scores(given, sheet.nature, scheme)
    if faults := {code: [text] for code, text in wrong.items() if code in given}:
        raise Invalid(errors=faults)
    sheet.scores = {code: {"points": one.hundredths, "reason": one.reason} for code, one in scores.items()}
    sheet.total = None if wrong else rules.total(given, scheme)
    sheet.scored_by = uow.actor.person_id
    sheet.proposed_grade = sheet.proposed_reason = sheet.grade = sheet.grade_reason = None  # of the scores before
    return _changed(uow, sheet, "sheet.score", "scores")


def grade(uow: UnitOfWork, sheet_id: UUID, form: GradeForm) -> queries.Shown:
    """Decide a sheet's grade, with a reason: ties, incompetence, or against the proposal (R-ASSESS-5, R-ASSESS-6).

    :raises QuotaFull: if it would be one excellent grade more than the quota.
    :raises Invalid: if somebody would become incompetent without having been heard.
    """
    sheet = _of_another(uow, _workable(uow, sheet_id, "sheet.grade", "proposed"))
    if form.grade == rules.Grade.INCOMPETENT and not form.heard:
        raise Invalid(errors={"heard": ["定为不称职前须听取本人意见"]})
    if form.grade == rules.Grade.EXCELLENT:
        others = sa.select(sa.func.count()).where(
            Sheet.assessment_id == sheet.assessment_id,
            Sheet.grade == rules.Grade.EXCELLENT,
            Sheet.id != sheet.id,
        )
        quota = sheet.assessment.quota or 0
        if (uow.session.scalar(others) or 0) >= quota:
            raise QuotaFull(f"优秀名额 {quota} 名已用完，须先调整其他人员", quota=quota)
    sheet.grade, sheet.grade_reason, sheet.heard = form.grade, form.reason, form.heard
    sheet.decided_by = uow.actor.person_id
    return _changed(uow, sheet, "sheet.grade", "grade", grade=form.grade)
