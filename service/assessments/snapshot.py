"""Everything that a confirmed assessment rests on, rebuilt from the rows at any time and compared (R-ASSESS-8)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.assessments import Assessment, Opinion, Sheet
from models.records import Record
from rules.assessments import snapshot_digest
from service.assessments.evidence import versions
from service.core.unit import UnitOfWork

ASSESSMENT = ("year", "county_code", "ratio_percent", "ratio_ground", "ratio_approver", "ratio_document", "base")
SHEET = ("nature", "organisation_code", "township_code", "on_base", "summary", "evidence", "additions", "scores")
GRADES = ("total", "proposed_grade", "proposed_reason", "grade", "grade_reason", "heard")
RECORD = ("state", "form", "kind", "done", "counters", "travel_dates", "number")
"""No check-in and no photo: they may be removed with a consent (R-VISIT-8), and nothing rests on them."""


def build(uow: UnitOfWork, assessment: Assessment) -> dict[str, Any]:
    """Give an assessment's snapshot from the rows as they are now: whole numbers, texts, and things by their id."""
    sheets = sheets_of(uow, assessment.id)
    facts = {name: getattr(assessment, name) for name in (*ASSESSMENT, "quota", "ties", "tie_places")}
    return {
        "form": 1,
        "assessment": {str(assessment.id): facts | {"base_people": assessment.base_people}},
        "scheme": {str(assessment.scheme.id): assessment.scheme.body},
        "sheet": {str(sheet.id): _sheet(sheet) for sheet in sheets},
        "opinion": {str(one.id): _opinion(one) for sheet in sheets for one in sheet.opinions},
        "record": _records(uow, sheets),
    }


def sheets_of(uow: UnitOfWork, assessment_id: UUID) -> Sequence[Sheet]:
    """Give every sheet of an assessment as the database has it now, with person and opinions, by id."""
    statement = sa.select(Sheet).where(Sheet.assessment_id == assessment_id).order_by(Sheet.id)
    statement = statement.options(selectinload(Sheet.person), selectinload(Sheet.opinions))
    return uow.session.scalars(statement.execution_options(populate_existing=True)).all()


def _sheet(sheet: Sheet) -> dict[str, Any]:
    people = {
        "person": str(sheet.person_id),
        "scored_by": _text(sheet.scored_by),
        "decided_by": _text(sheet.decided_by),
    }
    return people | {name: getattr(sheet, name) for name in (*SHEET, *GRADES)}


def _opinion(opinion: Opinion) -> dict[str, Any]:
    who = {"sheet": str(opinion.sheet_id), "author": str(opinion.author_id), "at": opinion.at.isoformat()}
    return who | {name: getattr(opinion, name) for name in ("role", "rating", "text")}


def _records(uow: UnitOfWork, sheets: Iterable[Sheet]) -> dict[str, str]:
    """Give the digest of each record that the evidence names, so that changing one afterwards shows."""
    wanted = {one for sheet in sheets for one in versions(sheet.evidence)}
    rows = uow.session.scalars(sa.select(Record).where(Record.id.in_(wanted)))
    return {str(row.id): snapshot_digest(_record(row)) for row in rows}


def outdated(uow: UnitOfWork, sheets: Iterable[Sheet]) -> set[UUID]:
    """Give the sheets whose evidence rests on a record that is no longer accepted, or was corrected since."""
    named = {one.id: versions(one.evidence) for one in sheets}
    wanted = {record for records in named.values() for record in records}
    rows = uow.session.execute(
        sa.select(Record.id, Record.number).where(Record.id.in_(wanted), Record.state == "accepted")
    )
    stands = {record: number for record, number in rows}  # noqa: C416  (rows are not pairs to mypy)
    return {
        sheet for sheet, records in named.items() if any(stands.get(one) != number for one, number in records.items())
    }


def _record(row: Record) -> dict[str, Any]:
    times = {"started_at": row.started_at.isoformat(), "ended_at": row.ended_at.isoformat()}
    who = {"person": str(row.person_id), "confirmed": bool(row.confirmation)}
    return times | who | {name: getattr(row, name) for name in RECORD}


def _text(identity: UUID | None) -> str | None:
    return str(identity) if identity else None


def differences(stored: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name every thing whose stored and rebuilt facts differ, or that is in one of the two only."""
    found = []
    for thing in sorted({*stored, *rebuilt} - {"form"}):
        before, after = stored.get(thing) or {}, rebuilt.get(thing) or {}
        found += [
            {"thing": thing, "id": one}
            for one in sorted({*before, *after})
            if before.get(one) != after.get(one) or (one in before) != (one in after)
        ]
    return found
