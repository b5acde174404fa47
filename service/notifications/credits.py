"""How many messages of a template a person's WeChat still takes (wechat.md §B.4): the ledger and its two tellers.

An accept is told by the mini-program and by WeChat's push, in either order, each perhaps never. Two tellings by
different tellers at nearly the same time are one accept. Where that is wrong we believe in too few credits, and the
inbox alone has the message; where we believe in too many, WeChat's 43101 puts it right.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.base import new_id
from models.identity import Binding
from models.notifications import Accept, Credit
from rules.policy import ACCEPT_TOLD_S
from service.core.ports import Event
from service.core.unit import UnitOfWork
from service.identity import queries as identity

_QUIETLY = {"synchronize_session": False}


def heard(uow: UnitOfWork, event: Event) -> None:
    """Take over what WeChat says of a user's answers; of a user whom nobody is bound to, nothing."""
    person = identity.behind(uow, event.openid)
    if person is None or person.closed_at is not None:
        return
    for answer in event.answers:
        if answer.accepted:
            new = accept(uow, person.id, answer.template, event.at, pushed=True)
        else:
            new = reject(uow, person.id, answer.template, event.at)
        if new:
            to = "accept" if answer.accepted else "reject"
            change = {"thing": "subscription", "id": answer.template, "from": None, "to": to}
            uow.record("person.subscribe", person, [change])


def accept(uow: UnitOfWork, person: UUID, template: str, at: datetime, *, pushed: bool) -> bool:
    """Add a credit for an accept, unless the other teller told of it or the person refused later. Says if it did.

    :param pushed: WeChat's push tells it, in whole seconds; else the mini-program.
    """
    held = _locked(uow, person, template)
    if _told_by_other(uow, person, template, at, pushed=pushed):
        return False
    told = {"person_id": person, "template": template, "at": at, "reported": not pushed, "pushed": pushed}
    uow.session.execute(sa.insert(Accept).values(id=new_id(), **told))
    if held.rejected_at is not None and at < held.rejected_at.replace(microsecond=0):
        return False
    _set(uow, person, template, count=1 if template in uow.ports.account.lasting else held.number + 1)
    return True


def reject(uow: UnitOfWork, person: UUID, template: str, at: datetime) -> bool:
    """End what was accepted before; what was accepted since stays. Says whether anything changed."""
    held = _locked(uow, person, template)
    if held.rejected_at is not None and held.rejected_at >= at:
        return False
    since = sa.and_(Accept.person_id == person, Accept.template == template, Accept.at > at)
    later = uow.session.scalar(sa.select(sa.func.count()).select_from(Accept).where(since)) or 0
    _set(uow, person, template, count=min(held.number, later), rejected_at=at)
    return True


def left(uow: UnitOfWork, person: UUID, template: str) -> int:
    """Give the credits that are left."""
    mine = sa.and_(Credit.person_id == person, Credit.template == template)
    return uow.session.scalar(sa.select(Credit.count).where(mine)) or 0


def all_left(uow: UnitOfWork, person: UUID) -> dict[str, int]:
    """Give the credits that are left, by template; a template that was never accepted is not among them."""
    mine = sa.select(Credit.template, Credit.count).where(Credit.person_id == person)
    return dict(uow.session.execute(mine).all())


def spend(uow: UnitOfWork, template: str, people: Sequence[UUID]) -> set[UUID]:
    """Take a credit from everybody who has one and whose WeChat is bound; say from whom. A lasting one stays."""
    bound = sa.select(Binding.person_id).where(Binding.state == "bound")
    held = sa.select(Credit.person_id).where(
        Credit.template == template, Credit.count > 0, Credit.person_id.in_(people), Credit.person_id.in_(bound)
    )
    granted = set(uow.session.scalars(held.with_for_update()))
    if granted and template not in uow.ports.account.lasting:
        one_less = sa.update(Credit).where(Credit.template == template, Credit.person_id.in_(granted))
        uow.session.execute(one_less.values(count=Credit.count - 1).execution_options(**_QUIETLY))
    return granted


def spent_in_vain(person: UUID, template: str, at: datetime) -> sa.Update:
    """Give back the one-time credit of a message of that time which WeChat never took, unless refused since."""
    mine = sa.and_(Credit.person_id == person, Credit.template == template)
    still = sa.or_(Credit.rejected_at.is_(None), Credit.rejected_at < at)
    return sa.update(Credit).where(mine, still).values(count=Credit.count + 1)


def none_left(person: UUID, template: str) -> sa.Update:
    """Believe WeChat that there is no credit (43101)."""
    mine = sa.and_(Credit.person_id == person, Credit.template == template)
    return sa.update(Credit).where(mine).values(count=0)


def _told_by_other(uow: UnitOfWork, person: UUID, template: str, at: datetime, *, pushed: bool) -> bool:
    """Find the accept of about that time of which the other teller alone told, and note that both did."""
    mine, theirs = (Accept.pushed, Accept.reported) if pushed else (Accept.reported, Accept.pushed)
    about = timedelta(seconds=ACCEPT_TOLD_S)
    found = uow.session.execute(
        sa.select(Accept.id, Accept.at)
        .where(Accept.person_id == person, Accept.template == template, theirs.is_(True), mine.is_(False))
        .where(Accept.at >= at - about, Accept.at <= at + about)
    ).all()
    if not found:
        return False
    nearest = min(found, key=lambda one: abs(one.at - at)).id
    both = sa.update(Accept).where(Accept.id == nearest).values(pushed=True, reported=True)
    uow.session.execute(both.execution_options(**_QUIETLY))
    return True


def _locked(uow: UnitOfWork, person: UUID, template: str) -> sa.Row[int, datetime | None]:
    """Give the person's line of the ledger and keep others from it; tellers wait for one another."""
    make = postgresql.insert if uow.house.engine.dialect.name == "postgresql" else sqlite.insert
    uow.session.execute(make(Credit).values(person_id=person, template=template, count=0).on_conflict_do_nothing())
    mine = sa.and_(Credit.person_id == person, Credit.template == template)
    line = sa.select(Credit.count.label("number"), Credit.rejected_at).where(mine).with_for_update()
    return uow.session.execute(line).one()


def _set(uow: UnitOfWork, person: UUID, template: str, **values: object) -> None:
    mine = sa.and_(Credit.person_id == person, Credit.template == template)
    uow.session.execute(sa.update(Credit).where(mine).values(**values).execution_options(**_QUIETLY))
