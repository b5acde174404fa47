"""The only place that changes a state: by compare-and-swap, into the command's journal entry."""

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from models.base import Stateful
from rules.access import APPROVALS
from rules.machine import SYSTEM, Machine, Move
from rules.states import MACHINES, label
from service.core.problems import Forbidden, Invalid, SamePerson, WrongState
from service.core.unit import Actor, Held, UnitOfWork

Row = TypeVar("Row", bound=Stateful)
Reaches = Callable[[Actor, Held, Any], bool]


class Cooling(Forbidden):
    """The actor's WeChat was bound anew less than a day ago (quality.md §5)."""

    kind, title = "cooling", "更换微信绑定后 24 小时内不能审批"


def _cools(actor: Actor, machine: Machine, one: Move) -> bool:
    return actor.cools_until is not None and f"{machine.thing}.{one.name}" in APPROVALS


def _same_person(actor: Actor, row: Stateful, one: Move) -> bool:
    return actor.person_id is not None and any(row.moved_by.get(name) == str(actor.person_id) for name in one.not_by)


def available(actor: Actor, row: Stateful, reaches: Reaches) -> list[str]:
    """List the moves that the actor may make on the row now, in the machine's order."""
    roles = {held.role for held in actor.held if reaches(actor, held, row)}
    machine = MACHINES[row.__thing__]
    return [
        one.name
        for one in machine.moves
        if row.state in one.sources
        and one.by & roles
        and not _same_person(actor, row, one)
        and not _cools(actor, machine, one)
    ]


def barred(actor: Actor, row: Stateful, reaches: Reaches) -> list[str]:
    """List the moves that nothing but the separation of duties keeps from the actor now, in the machine's order."""
    roles = {held.role for held in actor.held if reaches(actor, held, row)}
    return [
        one.name
        for one in MACHINES[row.__thing__].moves
        if row.state in one.sources and one.by & roles and _same_person(actor, row, one)
    ]


def start(uow: UnitOfWork, row: Row, *, action: str | None = None, **facts: Any) -> Row:
    """Put a new thing into its machine's first state, add it, and journal its creation."""
    machine = MACHINES[row.__thing__]
    row.state, row.state_since, row.created_at = machine.start, uow.now, uow.now
    row.version = 1
    row.moved_by = {"create": str(uow.actor.person_id)} if uow.actor.person_id else {}
    uow.session.add(row)
    uow.session.flush()
    uow.record(
        action or f"{machine.thing}.create",
        row,
        [{"thing": machine.thing, "id": str(row.id), "from": None, "to": machine.start}],
        **facts,
    )
    return row


def born(uow: UnitOfWork, thing: str, *names: str) -> dict[str, Any]:
    """Give the columns of a new thing that its author's first moves take somewhere at once.

    For things that are stored by the set; `tell_of` journals what was done.

    :raises TypeError: for a move that asks for a reason or for another person: those are made one by one.
    """
    machine, me, state = MACHINES[thing], str(uow.actor.person_id), MACHINES[thing].start
    for one in map(machine.move, names):
        if state not in one.sources or one.reason or one.not_by:
            raise TypeError(f"{thing}.{one.name} is no first move")
        state = one.target
    return {
        "state": state,
        "state_since": uow.now,
        "state_reason": None,
        "moved_by": {"create": me} | dict.fromkeys(names, me),
        "version": 1 + len(names),
        "created_at": uow.now,
    }


def tell_of(uow: UnitOfWork, row: Stateful, *names: str, action: str | None = None, **facts: Any) -> None:
    """Journal what `born` did."""
    machine, before = MACHINES[row.__thing__], None
    for state in (machine.start, *(machine.move(name).target for name in names)):
        change = {"thing": machine.thing, "id": str(row.id), "from": before, "to": state}
        uow.record(action or f"{machine.thing}.create", row, [change], **facts)
        before = state


def apply(uow: UnitOfWork, row: Row, name: str, reason: str | None = None, **facts: Any) -> Row:
    """Make one move (R-NEED-2).

    Who may make it was decided by the gate (`gate.fetch(…, action)`); commands that move further things call this as
    the system's part of their own move.

    :raises WrongState: if the move does not start from the state that the row has now, also when somebody was faster.
    :raises SamePerson: if the actor made an earlier move that bars this one.
    :raises Cooling: if the actor may not approve anything yet.
    :raises Invalid: if the move needs a reason and none was given.
    """
    machine = MACHINES[row.__thing__]
    one = machine.move(name)
    if _same_person(uow.actor, row, one):
        raise SamePerson
    if _cools(uow.actor, machine, one):
        raise Cooling(cools_until=uow.actor.cools_until)
    if one.reason and not (reason and reason.strip()):
        raise Invalid(errors={"reason": ["请填写理由"]})
    if one.by == {SYSTEM} and uow.actor.kind == "visitor":
        raise Forbidden
    uow.session.flush()
    before, model = row.state, type(row)
    moved_by = {**row.moved_by, **({name: str(uow.actor.person_id)} if uow.actor.person_id else {})}
    values = {
        "state": one.target,
        "state_since": uow.now,
        "state_reason": reason,
        "moved_by": moved_by,
        "version": row.version + 1,
    }
    if before in one.sources:
        swap = sa.update(model).where(model.id == row.id, model.state == before).values(**values)
        moved = uow.session.execute(swap.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    else:
        moved = 0
    if not moved:
        raise WrongState(f"{machine.title}当前为「{label(machine.thing, before)}」", state=before)
    uow.session.refresh(row, list(values))
    why = {"reason": reason} if reason else {}  # the row forgets it with the next move, the journal does not
    uow.record(
        f"{machine.thing}.{name}",
        row,
        [{"thing": machine.thing, "id": str(row.id), "from": before, "to": one.target, **why}],
        **facts,
    )
    return row
