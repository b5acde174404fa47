"""Versions of the matching weights: proposed by one of the city, approved by another, used by the next freeze."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.matching import Weights
from models.needs import Round
from rules.calendar import shanghai_date
from rules.matching.score import STANDARD, Scale
from rules.weights import judge_weights
from service.core import gate, moves
from service.core.paging import Ask, Page, page
from service.core.problems import IdTaken, Invalid
from service.core.unit import UnitOfWork

FLOOR = 1
"""How many pairs a township should get at least where no version says otherwise (001 item 16: every township)."""


@dataclass(frozen=True)
class NewWeights:
    """A version as the city's staff propose it.

    :param document: what it rests on: the issuing office and the number of its document.
    :param floor: how many pairs a township should get at least.
    """

    effective_on: date
    document: str
    features: Sequence[Mapping[str, Any]]
    note: str = ""
    floor: int = FLOOR
    id: UUID | None = None


def create(uow: UnitOfWork, form: NewWeights) -> Weights:
    """Propose the city's next version; freezes go on with the version in force until another person approves it.

    :raises Invalid: naming every fault of the features.
    """
    if form.id and uow.session.get(Weights, form.id):
        raise IdTaken
    if wrong := judge_weights(form.features):
        raise Invalid(errors={"features": wrong})
    city = next(held.region_code for held in uow.actor.held if held.role == "city" and held.region_code)
    last = uow.session.scalar(sa.select(sa.func.max(Weights.number)).where(Weights.county_code == city))
    row = Weights(
        id=form.id or new_id(),
        county_code=city,
        number=(last or 0) + 1,
        effective_on=form.effective_on,
        document=form.document,
        note=form.note,
        floor=form.floor,
        features=[dict(one) for one in form.features],
    )
    row.digest = scale_of(row).digest()
    moves.start(uow, row, number=row.number, digest=row.digest)
    gate.hand_out(uow, [row])
    return row


def approve(uow: UnitOfWork, weights_id: UUID) -> Weights:
    """Approve a version as somebody else than who proposed it; freezes from its day on use it."""
    row = gate.fetch(uow, Weights, weights_id, "weights.approve", lock=True)
    moves.apply(uow, row, "approve", number=row.number, digest=row.digest)
    gate.hand_out(uow, [row])
    return row


def reject(uow: UnitOfWork, weights_id: UUID, reason: str) -> Weights:
    """Refuse a version, with a reason."""
    row = gate.fetch(uow, Weights, weights_id, "weights.reject", lock=True)
    moves.apply(uow, row, "reject", reason, number=row.number)
    gate.hand_out(uow, [row])
    return row


def listed(uow: UnitOfWork, ask: Ask) -> Page[Weights]:
    """List the versions of one's city, newest first."""
    return page(gate.select(uow, Weights), (Weights.created_at, Weights.id), ask, lambda s: gate.rows(uow, s))


def show(uow: UnitOfWork, weights_id: UUID) -> Weights:
    """Give one version."""
    return gate.fetch(uow, Weights, weights_id)


def scale_of(row: Weights) -> Scale:
    """Give a version as the scores take it."""
    return Scale.from_json(
        {
            "id": f"{row.county_code}-{row.number}",
            "effective": row.effective_on.isoformat(),
            "approver": row.document,
            "note": row.note,
            "features": row.features,
        }
    )


def in_force(uow: UnitOfWork, round_: Round) -> tuple[Scale, int]:
    """Give the scale and the floor for a freeze today: the city's newest approved version, else the factory's own."""
    newest = (
        sa.select(Weights)
        .where(
            Weights.county_code == round_.city_code,
            Weights.state == "approved",
            Weights.effective_on <= shanghai_date(uow.now),
        )
        .order_by(Weights.effective_on.desc(), Weights.number.desc())
        .limit(1)
    )
    row = uow.session.scalar(newest)
    return (STANDARD, FLOOR) if row is None else (scale_of(row), row.floor)
