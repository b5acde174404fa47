"""A county's year: open an assessment, assemble evidence, propose grades, approve, publish, confirm."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment, Sheet
from models.base import new_id
from models.regions import Region
from rules import assessments as rules
from rules.calendar import shanghai_year
from rules.policy import EXCELLENT_PERCENT
from rules.schemes import NATURES, read_scheme
from service.assessments import evidence, queries, schemes, snapshot
from service.core import gate, moves
from service.core.problems import Conflict, IdTaken, Invalid, SamePerson
from service.core.unit import UnitOfWork
from service.publicity import commands as publicity
from service.publicity import selections

YEAR_MIN = 2000  # earlier years have no records that could be assembled


class AssessmentExists(Conflict):
    """A county has one assessment a year."""

    kind, title = "assessment-exists", "该县（市、区）本年度考核已经建立"


class NobodyPosted(Conflict):
    """There is nobody to assess."""

    kind, title = "nobody-posted", "该县（市、区）本年度没有结对的科技特派员"


class GradesOpen(Conflict):
    """Something stands against the grades; `faults` says what, and on which sheet (R-ASSESS-4 to R-ASSESS-6)."""

    kind, title = "grades-open", "定档尚不能批准"


class BaseChanged(Conflict):
    """Postings changed since the sheets were assembled, so the quota would be another (R-ASSESS-4)."""

    kind, title = "base-changed", "结对情况已变化，考核基数须重新核定，请退回后重新汇集"


class EvidenceChanged(Conflict):
    """A record behind somebody's evidence was corrected since it was assembled; `sheets` names whose (R-ASSESS-2)."""

    kind, title = "evidence-changed", "考核依据的服务记录已更正，请退回后重新汇集"


@dataclass(frozen=True)
class NewAssessment:
    """A county's year, by which scheme, with which ratio of excellent grades and on what ground if not the usual."""

    year: int
    county: str
    scheme: UUID
    id: UUID | None = None
    ratio_percent: int = EXCELLENT_PERCENT
    ground: str = ""
    approver: str = ""
    document: str = ""


def create(uow: UnitOfWork, form: NewAssessment) -> queries.Shown:
    """Open a county's assessment of a year; one a county and year.

    :raises Invalid: for a county that is not the actor's, a scheme that it cannot use, a year to come, a bad ratio.
    :raises AssessmentExists: if the county has one for that year.
    """
    if form.id and uow.session.get(Assessment, form.id):
        raise IdTaken
    if wrong := _wrong(uow, form):
        raise Invalid(errors=wrong)
    same = sa.select(Assessment.id).where(Assessment.county_code == form.county, Assessment.year == form.year)
    if uow.session.scalar(same) is not None:
        raise AssessmentExists
    row = Assessment(
        id=form.id or new_id(),
        county_code=form.county,
        year=form.year,
        scheme_id=form.scheme,
        ratio_percent=form.ratio_percent,
        ratio_ground=form.ground or None,
        ratio_approver=form.approver or None,
        ratio_document=form.document or None,
        base_people=[],
        ties=[],
        tie_places=0,
    )
    return queries.shown(uow, moves.start(uow, row, year=form.year))


def _wrong(uow: UnitOfWork, form: NewAssessment) -> dict[str, list[str]]:
    wrong = {}
    reach = {code for held in uow.actor.held if held.role in {"city", "county"} for code in held.counties}
    region = uow.session.get(Region, form.county)
    if form.county not in reach or region is None or region.level != "county":
        wrong["county"] = ["不是您管辖的县（市、区）"]
    elif schemes.usable(uow, form.scheme, form.county) is None:
        wrong["scheme"] = ["没有这个考核方案"]
    if not YEAR_MIN <= form.year <= shanghai_year(uow.now):
        wrong["year"] = [f"年度应在 {YEAR_MIN} 年至今年之间"]
    if problems := rules.judge_ratio(form.ratio_percent, _ground(form.ground, form.approver, form.document)):
        wrong["ratio_percent"] = list(problems)
    return wrong


def _ground(reason: str | None, approver: str | None, document: str | None) -> rules.Ground:
    return rules.Ground(reason or "", approver or "", document or "")


def _held(uow: UnitOfWork, assessment_id: UUID, move: str) -> Assessment:
    """Give an assessment on which the actor may make the move, held until the end of the transaction."""
    return gate.fetch(uow, Assessment, assessment_id, f"assessment.{move}", lock=True)


def assemble(uow: UnitOfWork, assessment_id: UUID) -> queries.Shown:
    """Build or refresh the sheet of everybody posted in the county in the year, and the base (R-ASSESS-2, R-ASSESS-4).

    What people wrote stays; a nature is fixed once it was scored by.

    :raises NobodyPosted: if there is nobody to assess.
    """
    row = _held(uow, assessment_id, "assemble")
    moves.apply(uow, row, "assemble", year=row.year)
    posted = evidence.posted(uow, row.county_code, row.year)
    if not posted:
        raise NobodyPosted
    row.base_people = [str(one.person.id) for one in posted if one.on_base]
    row.base = len(row.base_people)
    ground = _ground(row.ratio_ground, row.ratio_approver, row.ratio_document)
    row.quota = rules.quota(row.base, row.ratio_percent, ground)
    found = evidence.assemble(uow, row, [one.person.id for one in posted])
    sheets = {sheet.person_id: sheet for sheet in snapshot.sheets_of(uow, row.id)}
    for one in posted:
        sheet = sheets.get(one.person.id)
        if sheet is None:
            sheet = Sheet(id=new_id(), assessment_id=row.id, person_id=one.person.id, county_code=row.county_code)
            sheet.additions, sheet.scores, sheet.heard = [], {}, False
            _refresh(sheet, one, found[one.person.id])
            moves.start(uow, sheet)
        elif _refresh(sheet, one, found[one.person.id]):
            sheet.version += 1
            uow.record("sheet.refresh", sheet, [{"thing": "sheet", "id": str(sheet.id), "fields": ["evidence"]}])
    return queries.shown(uow, row)


def _refresh(sheet: Sheet, posted: evidence.Posted, found: dict[str, object]) -> bool:
    """Put what the rows say on a sheet; say whether anything changed."""
    nature = sheet.nature if sheet.scores else posted.person.nature
    fresh = {
        "nature": nature if nature in NATURES else "public_benefit",
        "organisation_code": posted.person.organisation_code,
        "township_code": posted.township_code,
        "on_base": posted.on_base,
        "evidence": found,
    }
    changed = {name: value for name, value in fresh.items() if getattr(sheet, name) != value}
    for name, value in changed.items():
        setattr(sheet, name, value)
    return bool(changed)


def propose(uow: UnitOfWork, assessment_id: UUID) -> queries.Shown:
    """Propose grades under the quota; ties and what needs a decision are left ungraded for people (R-ASSESS-4 to 6).

    A new proposal starts afresh: what was decided on the one before is decided again.
    """
    row = _held(uow, assessment_id, "propose")
    moves.apply(uow, row, "propose", year=row.year)
    sheets = snapshot.sheets_of(uow, row.id)
    scored = [rules.Sheet(one.id, one.nature, {c: s["points"] for c, s in one.scores.items()}) for one in sheets]
    proposal = rules.propose(scored, row.quota or 0, read_scheme(row.scheme.body))
    row.ties, row.tie_places = [str(one) for one in proposal.ties], proposal.tie_places
    for sheet in sheets:
        said = proposal.grades[sheet.id]
        sheet.proposed_grade, sheet.proposed_reason = str(said), proposal.reasons[sheet.id]
        sheet.grade = None if said in {rules.Proposed.TIE, rules.Proposed.NEEDS_DECISION} else str(said)
        sheet.grade_reason, sheet.heard, sheet.decided_by = None, False, None
        sheet.version += 1
    change = {"thing": "assessment", "id": str(row.id), "fields": ["grades"]}
    uow.record("assessment.propose", row, [change], ties=len(row.ties), open=len(proposal.needs_decision))
    return queries.shown(uow, row)


def approve(uow: UnitOfWork, assessment_id: UUID) -> queries.Shown:
    """Approve the grades as somebody who had no part in them; they go before the public (R-ASSESS-3, R-PUB-1).

    :raises SamePerson: if the actor proposed, scored or decided, or is among those assessed.
    :raises GradesOpen: while ties or open decisions are left, a reason is missing, or the quota is passed.
    :raises BaseChanged: if the base is no longer what the quota was reckoned from.
    :raises EvidenceChanged: if a record was corrected since the sheets were assembled.
    """
    row = _held(uow, assessment_id, "approve")
    moves.apply(uow, row, "approve", year=row.year)
    sheets = snapshot.sheets_of(uow, row.id)
    _refuse_involved(uow, sheets)
    base = [str(one.person.id) for one in evidence.posted(uow, row.county_code, row.year) if one.on_base]
    if base != row.base_people:
        raise BaseChanged
    _refuse_outdated(uow, sheets)
    decided = {one.id: _decision(one) for one in sheets}
    if problems := rules.judge_grades(decided, row.quota or 0, [one.id for one in sheets if str(one.id) in row.ties]):
        names = {one.id: one.person.name for one in sheets}
        faults = [{"sheet": found.sheet, "text": found.text} for found in problems]
        told = [f"{names[one.sheet]}：{one.text}" if one.sheet else one.text for one in problems[:5]]
        raise GradesOpen("；".join(told), faults=faults)
    county = uow.session.get_one(Region, row.county_code).name
    title = f"{county}{row.year}年度科技特派员考核结果公示"
    people = [str(one.person_id) for one in sheets]
    items = _public_items(uow, row, sheets)
    opened = publicity.open_publicity(uow, "assessment", row.id, row.county_code, title, items, people=people)
    row.publicity_id = opened.id
    return queries.shown(uow, row)


def _decision(sheet: Sheet) -> rules.Decision:
    return rules.Decision(rules.Grade(sheet.grade) if sheet.grade else None, sheet.grade_reason or "", sheet.heard)


def _refuse_outdated(uow: UnitOfWork, sheets: Sequence[Sheet]) -> None:
    if changed := snapshot.outdated(uow, sheets):
        raise EvidenceChanged(sheets=sorted(str(one) for one in changed))


def _refuse_involved(uow: UnitOfWork, sheets: Sequence[Sheet]) -> None:
    actor = uow.actor.person_id
    if any(actor in {one.scored_by, one.decided_by} for one in sheets):
        raise SamePerson("参与评分或定档的人不能批准考核结果")
    selections.refuse_concerned(uow, (str(one.person_id) for one in sheets))


def _public_items(uow: UnitOfWork, row: Assessment, sheets: Sequence[Sheet]) -> list[dict[str, str]]:
    """Make the rows that the public sees: name, organisation, field, host, grade, and nothing else (R-APP-4)."""
    words = selections.names(uow, [one.person for one in sheets])
    lines = {line["id"]: line for line in queries.lines(uow, row, sheets)}
    return [
        {
            "name": one.person.name,
            "organisation": words.organisation(one.person),
            "field": words.field(one.person),
            "host": lines[one.id]["township_name"] or "",
            "grade": rules.GRADES[one.grade or ""],
        }
        for one in sheets
    ]


def reject(uow: UnitOfWork, assessment_id: UUID, reason: str) -> queries.Shown:
    """Give proposed grades back to the county's staff, with a reason; scores may change again."""
    row = _held(uow, assessment_id, "reject")
    return queries.shown(uow, moves.apply(uow, row, "reject", reason, year=row.year))


def recall(uow: UnitOfWork, assessment_id: UUID, reason: str) -> queries.Shown:
    """Take published grades back before they stand, as when an objection proves right; the publicity closes."""
    row = _held(uow, assessment_id, "recall")
    moves.apply(uow, row, "recall", reason, year=row.year)
    if row.publicity_id is not None:
        publicity.close(uow, row.publicity_id, "考核结果已撤回，重新研究")
    return queries.shown(uow, row)


def confirm(uow: UnitOfWork, assessment_id: UUID) -> queries.Shown:
    """Let published grades stand: the window passed, every objection is answered (R-PUB-2). The snapshot is kept.

    :raises PublicityRunning: while the window runs or its end is not known.
    :raises ObjectionsOpen: while an objection waits.
    :raises EvidenceChanged: if a record was corrected since; then the grades are recalled.
    """
    row = _held(uow, assessment_id, "confirm")
    moves.apply(uow, row, "confirm", year=row.year)
    sheets = snapshot.sheets_of(uow, row.id)
    _refuse_involved(uow, sheets)
    _refuse_outdated(uow, sheets)
    if row.publicity_id is not None:
        publicity.require_over(uow, row.publicity_id)
        publicity.close(uow, row.publicity_id)
    for sheet in sheets:
        moves.apply(uow, sheet, "grade")
    row.snapshot = snapshot.build(uow, row)
    row.digest = rules.snapshot_digest(row.snapshot)
    change = {"thing": "assessment", "id": str(row.id), "to": row.digest}
    uow.record("assessment.confirm", row, [change], digest=row.digest)
    return queries.shown(uow, row)
