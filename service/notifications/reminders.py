"""Reminders before something ends: each once for its deadline, as a journal entry that becomes messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import Identified
from models.claims import Claim
from models.identity import RoleGrant
from models.journal import JournalEntry
from models.matching import Supplement
from models.needs import Need, Round
from models.pairings import Pairing
from models.publicity import Objection, Publicity
from rules.calendar import SHANGHAI, shanghai_date
from rules.policy import END_NOTICE_DAYS, RANKING_NOTICE_DAYS, ROUND_NOTICE_DAYS
from service.core.jobs import Job
from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class Reminder:
    """One kind of reminder: what it is about, when it is due, how many times it was to be given before.

    :param rows: selects the ids and deadlines of what it may be about, given the time.
    """

    key: str
    action: str
    model: type[Identified]
    rows: Callable[[datetime], sa.Select[Any, Any]]
    number: int = 1


def _ranking() -> sa.Select[Any, Any]:
    """Select needs whose claimants nobody has ranked, in rounds that are not frozen (R-CLAIM-4)."""
    claimed = sa.exists().where(Claim.need_id == Need.id, Claim.state == "active")
    return (
        sa.select(Need.id, Round.ranking_until)
        .join(Round, Round.id == Need.round_id)
        .where(Need.state == "approved", Need.ranked_at.is_(None), Round.state == "published", claimed)
    )


def _added() -> sa.Select[Any, Any]:
    """Select needs with claims of an open supplement that nobody has ranked since it was opened."""
    claimed = sa.exists().where(Claim.need_id == Need.id, Claim.supplement_id == Supplement.id, Claim.state == "active")
    silent = sa.or_(Need.ranked_at.is_(None), Need.ranked_at < Supplement.created_at)
    return (
        sa.select(Need.id, Supplement.ranking_until)
        .join(Supplement, Supplement.round_id == Need.round_id)
        .where(Need.state == "approved", Supplement.state == "open", silent, claimed)
    )


def _before_ranking(days: int, model: type[Round | Supplement] = Round) -> Callable[[datetime], sa.Select[Any, Any]]:
    ends, needs = model.ranking_until, _ranking if model is Round else _added

    def rows(now: datetime) -> sa.Select[Any, Any]:
        return needs().where(ends > now, ends <= now + timedelta(days=days))

    return rows


def _round(column: Any, *states: str) -> Callable[[datetime], sa.Select[Any, Any]]:
    def rows(now: datetime) -> sa.Select[Any, Any]:
        near = sa.and_(column > now, column <= now + timedelta(days=ROUND_NOTICE_DAYS))
        return sa.select(Round.id, column).where(Round.state.in_(states), near)

    return rows


def _before_end(days: int) -> Callable[[datetime], sa.Select[Any, Any]]:
    def rows(now: datetime) -> sa.Select[Any, Any]:
        today = shanghai_date(now)
        near = sa.and_(Pairing.ends_on >= today, Pairing.ends_on <= today + timedelta(days=days))
        long = Pairing.kind == "pairing"
        return sa.select(Pairing.id, Pairing.ends_on).where(Pairing.state == "active", long, near)

    return rows


def _role(now: datetime) -> sa.Select[Any, Any]:
    today = shanghai_date(now)
    near = sa.and_(RoleGrant.ends_on >= today, RoleGrant.ends_on <= today + timedelta(days=END_NOTICE_DAYS[1]))
    return sa.select(RoleGrant.id, RoleGrant.ends_on).where(RoleGrant.state == "active", near)


def _over(now: datetime) -> sa.Select[Any, Any]:
    unanswered = sa.exists().where(Objection.publicity_id == Publicity.id, Objection.state == "open")
    over = sa.and_(Publicity.state == "open", Publicity.ends_at <= now, ~unanswered)
    return sa.select(Publicity.id, Publicity.ends_at).where(over)


REMINDERS = {
    one.key: one
    for one in (
        Reminder("rank1", "need.remind_ranking", Need, _before_ranking(RANKING_NOTICE_DAYS[0])),
        Reminder("rank2", "need.remind_ranking", Need, _before_ranking(RANKING_NOTICE_DAYS[1]), 2),
        Reminder("silent", "need.silent", Need, lambda now: _ranking().where(Round.ranking_until <= now)),
        Reminder("added1", "need.remind_ranking", Need, _before_ranking(RANKING_NOTICE_DAYS[0], Supplement)),
        Reminder("added2", "need.remind_ranking", Need, _before_ranking(RANKING_NOTICE_DAYS[1], Supplement), 2),
        Reminder("mute", "need.silent", Need, lambda now: _added().where(Supplement.ranking_until <= now)),
        Reminder("needs", "round.remind_needs", Round, _round(Round.needs_until, "open", "published")),
        Reminder("claims", "round.remind_claims", Round, _round(Round.claims_until, "published")),
        Reminder("end1", "pairing.remind_end", Pairing, _before_end(END_NOTICE_DAYS[0])),
        Reminder("end2", "pairing.remind_end", Pairing, _before_end(END_NOTICE_DAYS[1]), 2),
        Reminder("role", "role.remind_end", RoleGrant, _role),
        Reminder("over", "publicity.remind_over", Publicity, _over),
    )
}


def _deadline(value: Any) -> str:
    """Give a deadline as the journal keeps it; a last day ends at midnight."""
    if isinstance(value, datetime):
        return value.isoformat()
    return datetime.combine(value + timedelta(days=1), time(), SHANGHAI).isoformat()


def _given(uow: UnitOfWork, one: Reminder, ids: Sequence[UUID]) -> set[tuple[str, str, int]]:
    """Give what the journal knows: of which subject, for which deadline, which number."""
    entries = sa.select(JournalEntry.subject_id, JournalEntry.facts).where(
        JournalEntry.thing == one.model.__thing__,
        JournalEntry.subject_id.in_([str(identity) for identity in ids]),
        JournalEntry.action == one.action,
    )
    return {(row.subject_id, row.facts["deadline"], row.facts["number"]) for row in uow.session.execute(entries)}


def due(uow: UnitOfWork) -> list[str]:
    """List the reminders to give now, as `kind:id`."""
    found = []
    for one in REMINDERS.values():
        rows = uow.session.execute(one.rows(uow.now)).all()
        given = _given(uow, one, [identity for identity, _ in rows]) if rows else set()
        found += [
            f"{one.key}:{identity.hex}"
            for identity, deadline in rows
            if (str(identity), _deadline(deadline), one.number) not in given
        ]
    return found


def do(uow: UnitOfWork, item: str) -> None:
    """Give one reminder, unless it was given or is not due any more."""
    key, _, text = item.partition(":")
    one, identity = REMINDERS[key], UUID(text)
    row = uow.session.scalars(sa.select(one.model).where(one.model.id == identity).with_for_update(of=one.model)).one()
    found = uow.session.execute(one.rows(uow.now).where(one.model.id == identity)).first()
    if found is None:
        return
    deadline = _deadline(found[1])
    if (str(identity), deadline, one.number) not in _given(uow, one, [identity]):
        uow.record(one.action, row, deadline=deadline, number=one.number)


JOBS = (Job("remind", 5, "截止前提醒：填报、揭榜、排序、结对与角色到期、公示期满", due, do),)
