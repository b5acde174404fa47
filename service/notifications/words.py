"""The words that a message may use, taken from the row and the entry when the message is made."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.assessments import Sheet
from models.regions import Organisation
from rules.access import ROLES
from rules.assessments import GRADES
from rules.calendar import SHANGHAI, shanghai_date
from rules.content import SUBJECTS
from service.notifications.events import Case


class Words(dict[str, Any]):
    """Words by name; one that is not there reads as nothing, so that no message fails for want of it."""

    def __missing__(self, name: str) -> str:
        """Give nothing to read."""
        return ""


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y年%-m月%-d日 %H:%M}" if moment else ""


def _who(row: Any) -> str:
    named = getattr(row, "team", None) or row.person
    return str(named.name)


def _place(case: Case, code: str | None) -> str:
    region = case.offices.region(code or "")
    return region.name if region else ""


def _round(case: Case) -> dict[str, Any]:
    row = case.row
    names = {"needs_until": "需求截止", "claims_until": "揭榜截止", "ranking_until": "排序截止"}
    dates = "，".join(f"{text} {_day(getattr(row, name))}" for name, text in names.items())
    return {"title": row.title, "dates": dates, "until": row.claims_until}


def _supplement(case: Case) -> dict[str, Any]:
    row = case.row
    dates = f"揭榜截止 {_day(row.claims_until)}，排序截止 {_day(row.ranking_until)}"
    return {"title": row.round.title, "number": row.number, "dates": dates, "why": row.reason}


def _need(case: Case) -> dict[str, Any]:
    return {"title": case.row.title, "township": case.row.township.name}


def _of_need(case: Case) -> dict[str, Any]:
    row = case.row
    return {"title": row.need.title, "township": _place(case, row.township_code), "who": _who(row)}


def _proposal(case: Case) -> dict[str, Any]:
    return _of_need(case) | {"why": case.row.reason}


def _pairing(case: Case) -> dict[str, Any]:
    row = case.row
    return _of_need(case) | {"starts_on": row.starts_on, "ends_on": row.ends_on, "number": row.recognition_number}


def _record(case: Case) -> dict[str, Any]:
    row = case.row
    named = {"day": shanghai_date(row.started_at), "who": row.person.name, "done": row.done}
    township = _place(case, row.township_code)
    by = "服务对象" if case.entry.facts.get("by") == "farmer" else township
    still = "；乡镇的异议仍待县级处理" if row.state == "disputed" else ""
    return {"title": row.pairing.need.title, "township": township, "by": by, "still": still} | named


def _plan(case: Case) -> dict[str, Any]:
    return {"title": case.row.round.title, "county": _place(case, case.row.county_code)}


def _publicity(case: Case) -> dict[str, Any]:
    row = case.row
    end = f"公示至 {_day(row.ends_at)}" if row.ends_at else f"{row.unknown_year} 年的官方日历尚未载入，公示截止时间待定"
    return {"title": row.title, "end": end, "until": row.last_day}


def _objection(case: Case) -> dict[str, Any]:
    return {"title": case.row.publicity.title}


def _assessment(case: Case) -> dict[str, Any]:
    return {"year": case.row.year, "county": _place(case, case.row.county_code)}


def _sheet(case: Case) -> dict[str, Any]:
    row = case.row
    return {"year": row.assessment.year, "who": row.person.name, "grade": GRADES.get(row.grade or "", "")}


def _review(case: Case) -> dict[str, Any]:
    sheet = case.uow.session.get_one(Sheet, case.row.sheet_id)
    return {"year": sheet.assessment.year, "who": sheet.person.name}


def _role(case: Case) -> dict[str, Any]:
    row = case.row
    where = _place(case, row.region_code)
    if row.organisation_code:
        name = sa.select(Organisation.name).where(Organisation.code == row.organisation_code)
        where = case.uow.session.scalar(name) or ""
    return {"role": ROLES[row.role], "where": where, "who": row.person.name, "title": f"{ROLES[row.role]}角色到期"}


def _person(case: Case) -> dict[str, Any]:
    return {"who": case.row.name}


def _binding(case: Case) -> dict[str, Any]:
    row = case.row
    cools = f"为防冒用，{_day(row.cools_until)} 前不能审批。" if row.cools_until else ""
    return {"who": row.person.name, "cooling": cools}


def _team(case: Case) -> dict[str, Any]:
    return {"title": case.row.name, "leader": case.row.leader.name}


def _content(case: Case) -> dict[str, Any]:
    return {"subject": SUBJECTS[case.row.subject], "why": case.row.why}


OF: dict[str, Callable[[Case], dict[str, Any]]] = {
    "round": _round,
    "supplement": _supplement,
    "need": _need,
    "claim": _of_need,
    "proposal": _proposal,
    "pairing": _pairing,
    "record": _record,
    "plan": _plan,
    "publicity": _publicity,
    "objection": _objection,
    "assessment": _assessment,
    "sheet": _sheet,
    "review": _review,
    "role": _role,
    "person": _person,
    "binding": _binding,
    "team": _team,
    "content": _content,
}


def words(case: Case) -> Words:
    """Give the words of a case: those of its thing, then what the entry says besides, then reason and time."""
    own = OF[case.event.thing](case) if case.event.thing in OF else {}
    facts = {name: value for name, value in case.entry.facts.items() if isinstance(value, (str, int))}
    said: dict[str, Any] = {"reason": case.event.reason or "", "at": case.entry.at, "one": 1}
    said["today"] = shanghai_date(case.entry.at)
    if "deadline" in facts:
        said["deadline"] = datetime.fromisoformat(str(facts["deadline"]))
        said["until_text"] = _day(said["deadline"])
    return Words({**facts, **own, **said})
