"""Open a publicity, approve a plan into it, object, answer, close."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.publicity import Objection, Publicity
from rules.calendar import publicity_window
from service.core import gate, moves
from service.core.problems import Conflict, IdTaken
from service.core.unit import UnitOfWork
from service.matching import queries as plans
from service.matching.commands import PlanStale
from service.publicity import queries, selections, windows
from service.regions.queries import calendar, county_names


class PublicityOver(Conflict):
    """The window is closed."""

    kind, title = "publicity-over", "公示期已结束，不再受理异议"


class PublicityRunning(Conflict):
    """The window still runs, or its end is not known yet (R-PUB-1)."""

    kind, title = "publicity-running", "公示期未满"


class ObjectionsOpen(Conflict):
    """Objections wait for their answer (R-PUB-2); `objections` names them."""

    kind, title = "objections-open", "还有异议没有答复"


@dataclass(frozen=True)
class NewObjection:
    """What somebody objects to a list, signed."""

    text: str
    name: str
    contact: str
    id: UUID | None = None


def open_publicity(  # noqa: PLR0917  (a list is its subject, its place, its words and its length)
    uow: UnitOfWork,
    subject: str,
    subject_id: UUID,
    county_code: str,
    title: str,
    items: Sequence[dict[str, Any]],
    days: int | None = None,
    *,
    people: Iterable[str] = (),
) -> Publicity:
    """Put a list before the public for working days (R-PUB-1).

    :param subject: `plan` or `assessment`, with its id.
    :param items: rows of name, organisation, field, host and, for grades, grade (R-APP-4).
    :param days: working days; the jurisdiction's own figure where none is given.
    :param people: ids of those whom the list names; they may answer no objection to it.
    """
    days = days or windows.days_for(uow, county_code)
    window = publicity_window(uow.now, days, calendar(uow))
    row = Publicity(
        id=new_id(),
        county_code=county_code,
        subject=subject,
        subject_id=subject_id,
        title=title,
        items=list(items),
        people=sorted(people),
        opens_at=uow.now,
        first_day=window.first_day,
        last_day=window.last_day,
        ends_at=window.ends_at,
        unknown_year=window.unknown_year,
        days=days,
    )
    return moves.start(uow, row, action="publicity.open", publicity=str(row.id), publicity_title=title)


def approve_plan(uow: UnitOfWork, plan_id: UUID) -> dict[str, Any]:
    """Approve a submitted plan, as somebody else than who submitted it; its list goes before the public.

    :raises PlanStale: if a claim was withdrawn, a need closed, or a proposal is not accepted by both sides (R-MATCH-6).
    :raises SamePerson: if the actor submitted it, or is on the list.
    """
    plan = selections.held(uow, plan_id, "plan.approve")
    county = county_names(uow).get(plan.county_code, "")
    title = f"{plan.round.title}{county}科技特派员选派公示"
    moves.apply(uow, plan, "approve", title=plan.round.title)
    pairs = selections.selection(uow, plan)
    people = selections.people_of(pairs)
    selections.refuse_concerned(uow, people)
    if found := selections.judge(uow, plan, pairs):
        raise PlanStale("；".join(found[:5]), faults=found)
    items = selections.public_items(uow, pairs)
    plan.publicity_id = open_publicity(uow, "plan", plan.id, plan.county_code, title, items, people=people).id
    return plans.shown(uow, plan)


def recall_plan(uow: UnitOfWork, plan_id: UUID, reason: str) -> dict[str, Any]:
    """Take an approved plan back before it takes effect, as when an objection proves right; its publicity closes."""
    plan = selections.held(uow, plan_id, "plan.recall")
    moves.apply(uow, plan, "recall", reason, title=plan.round.title)
    if plan.publicity_id is not None:
        close(uow, plan.publicity_id, "名单已撤回，重新研究")
    return plans.shown(uow, plan)


def require_over(uow: UnitOfWork, publicity_id: UUID) -> Publicity:
    """Give a publicity, locked, whose window has passed and whose objections are all answered (R-PUB-1, R-PUB-2).

    :raises PublicityRunning: while the window runs, or while a year of the calendar is not loaded, naming it.
    :raises ObjectionsOpen: naming the objections without an answer.
    """
    row = gate.fetch(uow, Publicity, publicity_id, lock=True)
    if row.ends_at is None:
        raise PublicityRunning(queries.note_of(row) or "", unknown_year=row.unknown_year)
    if uow.now < row.ends_at:
        raise PublicityRunning(f"公示至 {row.last_day} 24:00 止", ends_at=row.ends_at.isoformat())
    waiting = sa.select(Objection.id).where(Objection.publicity_id == row.id, Objection.state == "open")
    if left := [str(one) for one in uow.session.scalars(waiting.order_by(Objection.created_at, Objection.id))]:
        raise ObjectionsOpen(f"{len(left)} 条异议未答复", objections=left)
    return row


def close(uow: UnitOfWork, publicity_id: UUID, reason: str = "公示期满") -> Publicity:
    """Close a publicity because its result took effect or was taken back; the public reads the reason."""
    return moves.apply(uow, gate.fetch(uow, Publicity, publicity_id, lock=True), "close", reason)


def object_(uow: UnitOfWork, publicity_id: UUID, form: NewObjection) -> Objection:
    """File a signed objection within the window; anybody may (R-PUB-2). Name and contact are sealed.

    :raises PublicityOver: once the window has passed.
    """
    row = gate.fetch(uow, Publicity, publicity_id, lock=True)
    if not queries.takes_objections(row, uow.now):
        raise PublicityOver
    if form.id and uow.session.get(Objection, form.id):
        raise IdTaken
    objection = Objection(
        id=form.id or new_id(),
        county_code=row.county_code,
        publicity_id=row.id,
        text=form.text,
        signed_sealed=uow.vault.seal(json.dumps({"name": form.name, "contact": form.contact}, ensure_ascii=False)),
    )
    return moves.start(uow, objection, publicity=str(row.id), publicity_title=row.title)


def object_on_page(uow: UnitOfWork, publicity_id: UUID, form: NewObjection) -> Objection:
    """File what was typed into the public page; the same words signed alike are one objection, however often sent.

    A page cannot repeat its own answer as an `Idempotency-Key` does, and a double click is no second objection.
    """
    gate.fetch(uow, Publicity, publicity_id, lock=True)
    for row in queries.worded(uow, publicity_id, form.text):
        if queries.signature(uow, row) == (form.name, form.contact):
            return row
    return object_(uow, publicity_id, form)


def answer(uow: UnitOfWork, objection_id: UUID, text: str) -> Objection:
    """Answer an objection (R-PUB-2): not whoever filed it, nor anybody whom the list names.

    :raises WrongState: if it is answered already.
    """
    row = gate.fetch(uow, Objection, objection_id, "objection.answer", lock=True)
    selections.refuse_concerned(uow, row.publicity.people)
    moves.apply(uow, row, "answer", publicity=str(row.publicity_id), publicity_title=row.publicity.title)
    row.answer, row.answered_at = text, uow.now
    uow.session.flush()
    return queries.prepared(uow, [row])[0]
