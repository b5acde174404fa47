"""Pins and bans that staff set for a round: author, reason, expiry, and the price that was seen (R-MATCH-5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.base import new_id
from models.claims import Claim
from models.matching import Override
from models.needs import Need, Round
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, Invalid, NotFound, Stale
from service.core.unit import UnitOfWork
from service.matching import pricing, standing
from service.matching.orders import RunForm, chosen, order_of, scope

KINDS = {standing.PIN: "固定", standing.BAN: "排除"}
SHOWN = (
    selectinload(Override.need).selectinload(Need.township),
    selectinload(Override.claim).selectinload(Claim.person),
    selectinload(Override.claim).selectinload(Claim.team),
    selectinload(Override.author),
)


class OverrideSet(Conflict):
    """The claim has an override in force already."""

    kind, title = "override-set", "这条揭榜已有人工指定，请先解除"


class OverrideOver(Conflict):
    """It was lifted, or its time is over."""

    kind, title = "override-over", "该人工指定已经失效"


@dataclass(frozen=True)
class OverrideForm:
    """A pin or a ban on a claim.

    :param seen: what the price that was looked at rested on.
    :param loses: codes of the townships that it costs, as its author knows.
    :param expires_at: from then on it no longer holds; None: until it is lifted.
    """

    kind: str
    claim: UUID
    reason: str
    seen: str
    loses: Sequence[str] = ()
    expires_at: datetime | None = None


def create(uow: UnitOfWork, round_id: UUID, form: OverrideForm) -> Override:
    """Save a pin or a ban whose price was looked at; every later run obeys it until it is lifted (R-MATCH-5).

    :raises Stale: if things have changed since the price was shown.
    :raises PinsImpossible: if a rule, a capacity or a refusal forbids the pin.
    :raises CoverageLost: if townships fall empty that the author has not named.
    """
    row = gate.fetch(uow, Round, round_id, lock=True)
    if row.state == "draft":
        raise NotFound
    if form.expires_at is not None and form.expires_at <= uow.now:
        raise Invalid(errors={"expires_at": ["须晚于现在"]})
    order = order_of(uow, row, scope(uow, row), RunForm())
    words = chosen(order, "claim", {str(form.claim): form.reason})
    (link,) = words
    if any((str(one.claimant_key), str(one.need_id)) == link for one in standing.overrides(uow, row.id)):
        raise OverrideSet
    pins, bans = (words, {}) if form.kind == standing.PIN else ({}, words)
    found = pricing.priced(uow, order, pins, bans)
    if found.seen != form.seen:
        raise Stale("情况已有变化，请重新查看代价后再保存")
    pricing.refuse_losses(found.lost, form.loses)
    made = Override(
        id=new_id(),
        created_at=uow.now,
        version=1,
        county_code=_county(order.content, link[1]),
        round_id=row.id,
        kind=form.kind,
        need_id=UUID(link[1]),
        claimant_key=UUID(link[0]),
        claim_id=form.claim,
        author_id=uow.actor.person_id,
        reason=form.reason,
        price=_price(pricing.shown(found, order)["changes"]),
        expires_at=form.expires_at,
    )
    uow.session.add(made)
    uow.session.flush()
    changes = [{"thing": "override", "id": str(made.id), "from": None, "to": form.kind}]
    lost = [one["code"] for one in found.lost]
    uow.record("override.create", made, changes, claim=str(form.claim), reason=form.reason, loses=lost)
    return handed_out(uow, [made])[0]


_KEPT = ("coverage", "uncovered", "newly_covered", "counties_short", "counties_reached", "score", "elsewhere")


def _price(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is kept of a price: figures and townships, and nobody's name."""
    kept = {name: changes[name] for name in _KEPT}
    return kept | {"moved": len(changes["moves"])}


def _county(content: Any, need: str) -> str:
    township = content["needs"]["township"][content["needs"]["id"].index(need)]
    return str(content["townships"]["county"][township])


def lift(uow: UnitOfWork, override_id: UUID, reason: str) -> Override:
    """End a pin or a ban, with a reason; plans that were computed with it are stale.

    :raises OverrideOver: if it no longer holds.
    """
    row = gate.fetch(uow, Override, override_id, "override.lift", lock=True)
    if row.expires_at is not None and row.expires_at <= uow.now:
        raise OverrideOver
    row.expires_at = uow.now
    row.version += 1
    changes = [{"thing": "override", "id": str(row.id), "from": row.kind, "to": None, "reason": reason}]
    uow.record("override.lift", row, changes, reason=reason)
    return handed_out(uow, [row])[0]


def listed(uow: UnitOfWork, round_id: UUID, ask: Ask, *, living: bool = False) -> Page[Override]:
    """List the pins and bans of a round in one's jurisdiction, newest first; the replaced and lifted ones too."""
    if gate.fetch(uow, Round, round_id).state == "draft":
        raise NotFound
    statement = gate.select(uow, Override).where(Override.round_id == round_id).options(*SHOWN)
    if living:
        statement = statement.where(sa.or_(Override.expires_at.is_(None), Override.expires_at > uow.now))

    def rows(found: sa.Select[Any]) -> Sequence[Override]:
        return handed_out(uow, gate.rows(uow, found))

    return page(statement, (Override.created_at, Override.id), ask, rows)


def show(uow: UnitOfWork, override_id: UUID) -> Override:
    """Give one pin or ban to staff who see it."""
    return handed_out(uow, [gate.fetch(uow, Override, override_id)])[0]


def handed_out(uow: UnitOfWork, rows: Sequence[Override]) -> Sequence[Override]:
    """Write on each whether it still holds, and whom it is about."""
    for one in rows:
        claim = one.claim
        one.in_force = standing.holds(one, uow.now)
        one.who = "" if claim is None else claim.team.name if claim.team else claim.person.name
    return rows
