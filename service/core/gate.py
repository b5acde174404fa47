"""The only place that hands a row to a person. What lies outside a person's jurisdiction is not found."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from models.base import Identified, Stateful
from rules.access import ANYONE, VIEW, roles_for
from service.core import moves
from service.core.problems import Forbidden, NotFound, Stale
from service.core.unit import Actor, Held, UnitOfWork

Row = TypeVar("Row", bound=Identified)


def reaches(actor: Actor, held: Held, row: Any) -> bool:
    """Say whether a held role reaches a row: by township, county, organisation, or because it is the person's own.

    A township's rows are reached through the township, which `held` knows by its managing county: the county in the
    code, which the row carries too, may be another (domain.md §2).
    """
    if held.everywhere:
        return True
    if held.role == "commissioner":
        return actor.person_id == getattr(row, "person_id", None) or getattr(row, "team_id", None) in actor.teams
    if held.role == "dispatcher":
        return bool(held.organisation_code) and held.organisation_code == getattr(row, "organisation_code", None)
    township = getattr(row, "township_code", None)
    if held.role == "township" or (township is not None and not row.keeps_county):
        return township in held.townships
    return getattr(row, "county_code", None) in held.counties


def _reach(actor: Actor, held: Held, model: type[Row]) -> sa.ColumnElement[bool]:
    """`reaches`, as SQL."""
    columns: Any = model
    if held.everywhere:
        return sa.true()
    if held.role == "commissioner":
        own: sa.ColumnElement[bool] = columns.person_id == actor.person_id
        return sa.or_(own, columns.team_id.in_(actor.teams)) if hasattr(model, "team_id") and actor.teams else own
    if held.role == "dispatcher":
        return sa.and_(columns.organisation_code == held.organisation_code)
    township = columns.township_code.in_(held.townships) if hasattr(model, "township_code") else sa.false()
    if held.role == "township":
        return township
    county = columns.county_code.in_(held.counties) if hasattr(model, "county_code") else sa.false()
    return county if model.keeps_county or not hasattr(model, "township_code") else township


def visible(uow: UnitOfWork, model: type[Row], roles: Iterable[str] | None = None) -> sa.ColumnElement[bool]:
    """Give the condition under which the actor sees rows of a model, through the given roles or all that may view."""
    actor = uow.actor
    viewers = VIEW[model.__thing__] if roles is None else frozenset(roles)
    if actor.kind in {"system", "operator"} or viewers == ANYONE:
        return sa.true()
    return sa.or_(sa.false(), *(_reach(actor, held, model) for held in actor.held if held.role in viewers))


def select(uow: UnitOfWork, model: type[Row], roles: Iterable[str] | None = None) -> sa.Select[Row]:
    """Start a query over the rows of a model that the actor may see."""
    return sa.select(model).where(visible(uow, model, roles))


def hand_out(uow: UnitOfWork, rows: Sequence[Any]) -> Sequence[Any]:
    """Write on each row what the actor may do with it now, and give the rows."""
    for row in rows:
        if isinstance(row, Stateful):
            row.moves = moves.available(uow.actor, row, reaches)
    return rows


def rows(uow: UnitOfWork, statement: sa.Select[Row]) -> Sequence[Row]:
    """Run a query made by `select` and hand its rows out."""
    found: Sequence[Row] = hand_out(uow, uow.session.scalars(statement).unique().all())
    return found


def fetch(uow: UnitOfWork, model: type[Row], identity: UUID, action: str | None = None, *, lock: bool = False) -> Row:
    """Give one row that the actor may see and, where an action is named, may do that action on.

    :param lock: hold the row until the end of the transaction (PostgreSQL; SQLite's writer is alone anyway).
    :raises NotFound: if it is not there or lies outside the actor's jurisdiction.
    :raises Forbidden: if the actor sees it but none of the roles that reach it may do the action.
    """
    statement = sa.select(model).where(model.id == identity)
    if lock:
        statement = statement.with_for_update(of=model)
    row = uow.session.scalars(statement.execution_options(populate_existing=lock)).first()
    if row is None or not _sees(uow, row):
        raise NotFound
    if action is not None and not _may(uow, row, action):
        raise Forbidden
    hand_out(uow, [row])
    return row


def _sees(uow: UnitOfWork, row: Any) -> bool:
    actor, viewers = uow.actor, VIEW[row.__thing__]
    if actor.kind in {"system", "operator"} or viewers == ANYONE:
        return True
    return any(held.role in viewers and reaches(actor, held, row) for held in actor.held)


def _may(uow: UnitOfWork, row: Any, action: str) -> bool:
    actor = uow.actor
    if actor.kind in {"system", "operator"}:
        return True
    allowed = roles_for(action)
    return any(held.role in allowed and reaches(actor, held, row) for held in actor.held)


def acting_role(uow: UnitOfWork, row: Any, action: str) -> str:
    """Give the role through which the actor may do the action on the row.

    :raises Forbidden: if none does.
    """
    allowed = roles_for(action)
    for held in uow.actor.held:
        if held.role in allowed and reaches(uow.actor, held, row):
            return held.role
    raise Forbidden


def barred(uow: UnitOfWork, row: Any) -> list[str]:
    """List the moves that the actor could make if they had not themselves prepared it (separation of duties)."""
    return moves.barred(uow.actor, row, reaches)


def match(row: Any, etag: str | None) -> None:
    """Compare `If-Match` with a row that is about to be edited.

    :raises Stale: if somebody changed it since.
    """
    if etag is not None and etag != row.etag:
        raise Stale
