"""Assessments, sheets and results as each may see them: points and grades are the county's until publicity opens."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.assessments import Assessment, Opinion, Sheet
from models.identity import Person
from models.regions import Organisation, Region
from rules.access import VIEW
from rules.assessments import EFFECTS, GRADES, Proposed, snapshot_digest
from rules.schemes import EVIDENCE, read_scheme
from service.assessments import snapshot
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, NotFound
from service.core.unit import UnitOfWork

Shown = dict[str, Any]
"""A representation made for the person who asks."""

ADDITIONS_MAX = 20
OPEN_RESULTS = frozenset({"published", "confirmed"})
_PROGRESS = ("sheets", "handed_in", "opinions_township", "opinions_co_reviewer", "opinions_dispatcher", "scored")
_STAFF = VIEW["assessment"]
_OTHERS = VIEW["sheet"] - _STAFF


class NotConfirmed(Conflict):
    """There is no result yet."""

    kind, title = "not-confirmed", "年度考核尚未确认"


def _through(uow: UnitOfWork, row: Any) -> frozenset[str]:
    """Give the roles through which the actor reaches a row."""
    return frozenset(held.role for held in uow.actor.held if gate.reaches(uow.actor, held, row))


def _seen(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    """An assessment is seen by its staff, and by whoever sees one of its sheets."""
    sheets = sa.select(Sheet.assessment_id).where(gate.visible(uow, Sheet, _OTHERS))
    return sa.or_(gate.visible(uow, Assessment), Assessment.id.in_(sheets))


def assessments(
    uow: UnitOfWork, ask: Ask, *, year: int | None = None, county: str | None = None, state: str | None = None
) -> Page[Shown]:
    """List assessments, newest first, without their lists of people."""
    statement = sa.select(Assessment).where(_seen(uow)).options(selectinload(Assessment.scheme))
    for column, wanted in ((Assessment.year, year), (Assessment.county_code, county), (Assessment.state, state)):
        statement = statement if wanted is None else statement.where(column == wanted)
    found = page(statement, (Assessment.created_at, Assessment.id), ask, lambda s: uow.session.scalars(s).all())
    return Page(_assessments(uow, found.items), found.next)


def assessment(uow: UnitOfWork, assessment_id: UUID) -> Shown:
    """Give one assessment: base, ratio, quota, counts, digest; its staff also see who is in the base and the ties."""
    return shown(uow, _fetch(uow, assessment_id))


def _fetch(uow: UnitOfWork, assessment_id: UUID) -> Assessment:
    row = uow.session.scalar(sa.select(Assessment).where(Assessment.id == assessment_id, _seen(uow)))
    if row is None:
        raise NotFound
    return row


def shown(uow: UnitOfWork, row: Assessment) -> Shown:
    """Give one assessment as the actor may see it."""
    uow.session.flush()
    [told] = _assessments(uow, [row])
    if not _through(uow, row) & _STAFF:
        return told
    ids = [UUID(one) for one in row.base_people]
    people = uow.session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(ids)).order_by(Person.id))
    open_ones = sa.select(Sheet.id).where(Sheet.assessment_id == row.id, Sheet.grade.is_(None))
    undecided = open_ones.where(Sheet.proposed_grade == Proposed.NEEDS_DECISION).order_by(Sheet.id)
    return told | {
        "base_people": [{"id": one, "name": name} for one, name in people],
        "ties": row.ties,
        "tie_places": row.tie_places,
        "needs_decision": list(uow.session.scalars(undecided)) if row.state == "proposed" else [],
        "ratio_ground": row.ratio_ground,
        "ratio_approver": row.ratio_approver,
        "ratio_document": row.ratio_document,
    }


def _assessments(uow: UnitOfWork, rows: Sequence[Assessment]) -> list[Shown]:
    gate.hand_out(uow, rows)
    counts = _counts(uow, [row.id for row in rows])
    names = _regions(uow, {row.county_code for row in rows})
    return [_assessment(uow, row, counts[row.id], names) for row in rows]


def _assessment(uow: UnitOfWork, row: Assessment, counted: Counter[str], names: dict[str, str]) -> Shown:
    open_to_all = row.state in OPEN_RESULTS or bool(_through(uow, row) & _STAFF)
    telling = [*_PROGRESS, *(("undecided", *GRADES) if open_to_all else ())]
    return _stateful(row) | {
        "year": row.year,
        "county": row.county_code,
        "county_name": names.get(row.county_code),
        "scheme": row.scheme_id,
        "scheme_title": row.scheme.title,
        "scheme_number": row.scheme.number,
        "base": row.base,
        "ratio_percent": row.ratio_percent,
        "quota": row.quota,
        "counts": {name: counted[name] for name in telling},
        "publicity": row.publicity_id,
        "digest": row.digest,
    }


def _counts(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Counter[str]]:
    found: dict[UUID, Counter[str]] = {one: Counter() for one in ids}
    columns = (Sheet.assessment_id, Sheet.state, Sheet.grade, Sheet.total.is_not(None).label("scored"))
    rows = uow.session.execute(
        sa.select(*columns, sa.func.count()).where(Sheet.assessment_id.in_(ids)).group_by(*columns)
    )
    for assessment_id, state, grade, scored, count in rows:
        counted = found[assessment_id]
        counted["sheets"] += count
        counted["handed_in"] += count if state != "open" else 0
        counted["scored"] += count if scored else 0
        counted[grade or "undecided"] += count
    given = uow.session.execute(
        sa.select(Sheet.assessment_id, Opinion.role, sa.func.count(Opinion.sheet_id.distinct()))
        .join(Opinion, Opinion.sheet_id == Sheet.id)
        .where(Sheet.assessment_id.in_(ids))
        .group_by(Sheet.assessment_id, Opinion.role)
    )
    for assessment_id, role, count in given:
        found[assessment_id][f"opinions_{role}"] = count
    return found


def _stateful(row: Any) -> Shown:
    names = ("id", "state", "state_since", "state_reason", "moves", "etag", "__thing__")
    return {name: getattr(row, name) for name in names}


def _regions(uow: UnitOfWork, codes: Iterable[str | None]) -> dict[str, str]:
    rows = uow.session.execute(sa.select(Region.code, Region.name).where(Region.code.in_({c for c in codes if c})))
    return {code: name for code, name in rows}  # noqa: C416  (rows are not pairs to mypy)


def _organisations(uow: UnitOfWork, codes: Iterable[str | None]) -> dict[str, str]:
    wanted = {code for code in codes if code}
    rows = uow.session.execute(sa.select(Organisation.code, Organisation.name).where(Organisation.code.in_(wanted)))
    return {code: name for code, name in rows}  # noqa: C416


def sheets(uow: UnitOfWork, assessment_id: UUID, ask: Ask, *, state: str | None = None) -> Page[Shown]:
    """List the sheets of an assessment that the actor may see: a township's own hosts', a dispatcher's own people's."""
    row = _fetch(uow, assessment_id)
    statement = gate.select(uow, Sheet).where(Sheet.assessment_id == row.id).options(selectinload(Sheet.person))
    if state:
        statement = statement.where(Sheet.state == state)
    found = page(statement, (Sheet.created_at, Sheet.id), ask, lambda s: gate.rows(uow, s), newest_first=False)
    return Page(lines(uow, row, found.items), found.next)


def lines(uow: UnitOfWork, row: Assessment, found: Sequence[Sheet]) -> list[Shown]:
    """Give sheets of one assessment in short, as the actor may see each."""
    townships = _regions(uow, (sheet.township_code for sheet in found))
    organisations = _organisations(uow, (sheet.organisation_code for sheet in found))
    return [
        _stateful(sheet)
        | _result(uow, row, sheet)
        | {
            "assessment": row.id,
            "year": row.year,
            "county": row.county_code,
            "person": sheet.person_id,
            "name": sheet.person.name,
            "nature": sheet.nature,
            "township": sheet.township_code,
            "township_name": townships.get(sheet.township_code or ""),
            "organisation": sheet.organisation_code,
            "organisation_name": organisations.get(sheet.organisation_code or ""),
            "on_base": sheet.on_base,
        }
        for sheet in found
    ]


def _tells_points(uow: UnitOfWork, row: Assessment, sheet: Sheet) -> bool:
    """Points are shown to staff, and to the person themselves once publicity opened."""
    through = _through(uow, sheet)
    own = "commissioner" in through and sheet.person_id == uow.actor.person_id
    return bool(through & (_STAFF - {"co_reviewer"})) or (own and row.state in OPEN_RESULTS)


def _result(uow: UnitOfWork, row: Assessment, sheet: Sheet) -> Shown:
    """Give total, proposal and grade, as far as the actor may see them now."""
    staff = bool(_through(uow, sheet) & (_STAFF - {"co_reviewer"}))
    told: Shown = {"total": _points(sheet.total)} if _tells_points(uow, row, sheet) else {}
    if staff:
        told |= {"proposed": sheet.proposed_grade, "proposed_reason": sheet.proposed_reason}
    if staff or row.state in OPEN_RESULTS:
        told |= {"grade": sheet.grade, "grade_label": GRADES.get(sheet.grade or "")}
    if _tells_points(uow, row, sheet):
        told |= {"grade_reason": sheet.grade_reason or sheet.proposed_reason, "heard": sheet.heard}
    return told


def _points(hundredths: int | None) -> float | None:
    if hundredths is None:
        return None
    return hundredths / 100 if hundredths % 100 else hundredths // 100


def sheet(uow: UnitOfWork, sheet_id: UUID) -> Shown:
    """Give one sheet: summary, evidence with the records behind each figure, opinions, points and why, grade."""
    return prepared(uow, gate.fetch(uow, Sheet, sheet_id))


def mine(uow: UnitOfWork, assessment_id: UUID) -> Shown:
    """Give the actor's own sheet of an assessment.

    :raises NotFound: if they have none there.
    """
    own = sa.select(Sheet.id).where(Sheet.assessment_id == assessment_id, Sheet.person_id == uow.actor.person_id)
    sheet_id = uow.session.scalar(own)
    if sheet_id is None:
        raise NotFound
    return sheet(uow, sheet_id)


def prepared(uow: UnitOfWork, row: Sheet) -> Shown:
    """Give a sheet as the actor may see it now."""
    uow.session.flush()
    gate.hand_out(uow, [row])
    [line] = lines(uow, row.assessment, [row])
    through = _through(uow, row)
    all_opinions = bool(through & _STAFF) or row.assessment.state in OPEN_RESULTS
    rows = uow.session.scalars(
        sa.select(Opinion)
        .where(Opinion.sheet_id == row.id)
        .options(selectinload(Opinion.author))
        .order_by(Opinion.created_at, Opinion.id)
    )
    return line | {
        "summary": row.summary,
        "evidence": row.evidence | {"added": row.additions},
        "items": _items(uow, row),
        "opinions": [opinion_shown(one) for one in rows if all_opinions or one.role in through],
        "effect": EFFECTS.get(line.get("grade") or ""),
    }


def _items(uow: UnitOfWork, row: Sheet) -> list[Shown]:
    """List the scheme's items for the sheet's nature, each with the evidence beside it and its points."""
    scored = row.scores if _tells_points(uow, row.assessment, row) else {}
    figures = row.evidence.get("figures", {})
    return [
        {
            "code": code,
            "label": item.label,
            "max_points": _points(item.max_hundredths),
            "guide": item.guide,
            "evidence": [{"code": one, "label": EVIDENCE[one]} | figures.get(one, {}) for one in item.evidence],
            "points": _points(scored[code]["points"]) if code in scored else None,
            "reason": scored[code]["reason"] if code in scored else None,
        }
        for code, item in read_scheme(row.assessment.scheme.body).items_of(row.nature).items()
    ]


def opinion_shown(row: Opinion) -> Shown:
    """Give an opinion with the name of who gave it."""
    names = ("id", "sheet_id", "role", "rating", "text", "at", "etag")
    return {name: getattr(row, name) for name in names} | {"author": row.author.name}


def opinion(uow: UnitOfWork, opinion_id: UUID) -> Shown:
    """Give one opinion, where the actor sees it on its sheet."""
    row = uow.session.get(Opinion, opinion_id)
    if row is None:
        raise NotFound
    found = [one for one in sheet(uow, row.sheet_id)["opinions"] if one["id"] == opinion_id]
    if not found:
        raise NotFound
    return Shown(found[0])


def verify(uow: UnitOfWork, assessment_id: UUID) -> Shown:
    """Rebuild the snapshot of a confirmed assessment from the rows and compare it with what was kept (R-ASSESS-8).

    :raises NotConfirmed: if nothing was kept yet.
    """
    row = _fetch(uow, assessment_id)
    if row.snapshot is None or row.digest is None:
        raise NotConfirmed
    rebuilt = snapshot.build(uow, row)
    recomputed, kept = snapshot_digest(rebuilt), snapshot_digest(row.snapshot)
    staff = bool(_through(uow, row) & _STAFF)
    return {
        "digest": row.digest,
        "recomputed": recomputed,
        "kept": kept,
        "matches": recomputed == kept == row.digest,
        "differs": snapshot.differences(row.snapshot, rebuilt) if staff else [],
    }


def feedback(uow: UnitOfWork, assessment_id: UUID) -> Shown:
    """Give the confirmed results, to a dispatcher those of its own people, in the word that was decided (R-ASSESS-7).

    :raises NotConfirmed: before the results stand.
    """
    row = _fetch(uow, assessment_id)
    if row.state != "confirmed":
        raise NotConfirmed
    statement = gate.select(uow, Sheet, ("dispatcher", "county", "county_lead", "city", "auditor"))
    statement = statement.where(Sheet.assessment_id == row.id).options(selectinload(Sheet.person))
    found = gate.rows(uow, statement.order_by(Sheet.organisation_code, Sheet.id))
    county = _regions(uow, [row.county_code]).get(row.county_code)
    items = [
        line
        | {"sheet": line["id"], "county_name": county, "grade": line["grade_label"], "effect": EFFECTS[line["grade"]]}
        for line in lines(uow, row, found)
    ]
    return {"items": items, "next": None, "year": row.year, "county_name": county}
