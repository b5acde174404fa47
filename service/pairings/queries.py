"""Pairings as their parties and the staff in charge see them."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from models.pairings import Pairing, PairingMember
from models.regions import Organisation, Region
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork

SHOWN = (
    joinedload(Pairing.need),
    joinedload(Pairing.township),
    joinedload(Pairing.person),
    joinedload(Pairing.team),
    selectinload(Pairing.people).joinedload(PairingMember.person),
)


def pairings(
    uow: UnitOfWork,
    ask: Ask,
    *,
    state: str | None = None,
    county: str | None = None,
    township: str | None = None,
    round: UUID | None = None,  # noqa: A002  (the filter's public name)
    need: UUID | None = None,
    commissioner: UUID | None = None,
    kind: str | None = None,
    year: int | None = None,
) -> Page[Pairing]:
    """List the pairings in the actor's jurisdiction, newest first; `year` finds those with a day in that year."""
    plain = {"state": state, "township_code": township, "round_id": round, "need_id": need, "kind": kind}
    statement = gate.select(uow, Pairing).filter_by(**{name: value for name, value in plain.items() if value})
    if county:
        managed = sa.select(Region.code).where(Region.managing_county_code == county, Region.level == "township")
        statement = statement.where(Pairing.township_code.in_(managed))
    if commissioner:
        serving = sa.select(PairingMember.pairing_id).where(PairingMember.person_id == commissioner)
        statement = statement.where(Pairing.id.in_(serving))
    if year:
        last = sa.func.coalesce(Pairing.ended_on, Pairing.ends_on)
        statement = statement.where(Pairing.starts_on <= date(year, 12, 31), last >= date(year, 1, 1))
    columns = (Pairing.created_at, Pairing.id)
    return page(statement.options(*SHOWN), columns, ask, lambda s: shown(uow, gate.rows(uow, s)))


def pairing(uow: UnitOfWork, pairing_id: UUID) -> Pairing:
    """Give one pairing to a party or to the staff in charge."""
    return shown(uow, [gate.fetch(uow, Pairing, pairing_id)])[0]


def shown(uow: UnitOfWork, rows: Sequence[Pairing]) -> Sequence[Pairing]:
    """Hand pairings out with their moves and the names of their organisations."""
    codes = {row.organisation_code for row in rows if row.organisation_code}
    found = sa.select(Organisation.code, Organisation.name).where(Organisation.code.in_(codes))
    names: dict[str, str] = dict(uow.session.execute(found).all())
    for row in rows:
        row.organisation_name = names.get(row.organisation_code or "", "")
    return gate.hand_out(uow, rows)
