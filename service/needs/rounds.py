"""Rounds: opened with dates, published as a board, frozen, closed. Rules compare deadlines, jobs only remind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.matching import Supplement
from models.needs import Need, Round
from models.regions import Region
from rules.calendar import SHANGHAI
from service.content import commands as content
from service.content.queries import shown
from service.core import gate, moves
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, IdTaken, Invalid, NotFound
from service.core.unit import UnitOfWork


class NothingApproved(Conflict):
    """A board without a single approved need would show nothing."""

    kind, title = "nothing-approved", "还没有通过审核的需求，不能发布榜单"


DATES = ("needs_until", "claims_until", "ranking_until")


@dataclass(frozen=True)
class NewRound:
    """What the city says of a round.

    :param county_floors: how many pairs each county's townships should get together at least (`county`, `floor`).
    """

    title: str
    year: int
    needs_until: datetime
    claims_until: datetime
    ranking_until: datetime
    id: UUID | None = None
    capacity_max: int = 1
    county_floors: Sequence[Mapping[str, Any]] = ()


def _dates_wrong(needs: datetime, claims: datetime, ranking: datetime) -> dict[str, list[str]]:
    wrong = {}
    if claims <= needs:
        wrong["claims_until"] = ["揭榜截止须晚于需求截止"]
    if ranking <= claims:
        wrong["ranking_until"] = ["排序截止须晚于揭榜截止"]
    return wrong


def _whole(dates: Mapping[str, datetime]) -> dict[str, datetime]:
    """Give deadlines in whole seconds, as they are shown, so that what was read can be sent back."""
    return {name: value.replace(microsecond=0) for name, value in dates.items()}


def _floors(uow: UnitOfWork, city: str | None, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give counties' floors by code.

    :raises Invalid: for a county that is not the city's, or one named twice.
    """
    known = set(uow.session.scalars(sa.select(Region.code).where(Region.city_code == city, Region.level == "county")))
    floors = {one["county"]: one["floor"] for one in given}
    strange = [code for code in floors if code not in known]
    wrong = [f"{code} 不是本市的县（市、区）" for code in strange]
    if len(floors) < len(given):
        wrong.append("同一县（市、区）只能写一次")
    if wrong:
        raise Invalid(errors={"county_floors": wrong})
    return [{"county": code, "floor": floors[code]} for code in sorted(floors)]


def create(uow: UnitOfWork, form: NewRound) -> Round:
    """Draft a round for the actor's city.

    :raises Invalid: if the dates are out of order or past, or a county's floor names a county of elsewhere.
    """
    wrong = _dates_wrong(form.needs_until, form.claims_until, form.ranking_until)
    if form.needs_until <= uow.now:
        wrong["needs_until"] = ["需求截止时间已过"]
    if abs(form.year - uow.now.astimezone(SHANGHAI).year) > 1:
        wrong["year"] = ["年度应为今年或相邻年度"]
    if wrong:
        raise Invalid(errors=wrong)
    if form.id and uow.session.get(Round, form.id):
        raise IdTaken
    city = next(h.region_code for h in uow.actor.held if h.role == "city")
    row = Round(
        id=form.id or new_id(),
        city_code=city,
        county_code=city,
        title=form.title,
        year=form.year,
        capacity_max=form.capacity_max,
        county_floors=_floors(uow, city, form.county_floors),
        **_whole({name: getattr(form, name) for name in DATES}),
    )
    moves.start(uow, row, title=form.title)
    content.submit(uow, row, row.title, row.title, county=row.city_code)
    gate.hand_out(uow, [row])
    return row


def edit(
    uow: UnitOfWork,
    round_id: UUID,
    *,
    reason: str,
    if_match: str | None,
    county_floors: Sequence[Mapping[str, Any]] | None = None,
    **dates: datetime,
) -> Round:
    """Extend dates of a round or set the floors of counties anew, with a reason; everybody concerned is told.

    A date never comes closer, and none that has passed on a frozen round moves. Floors are fixed by the freeze.

    :raises Invalid: if nothing changes, if a date would be earlier than it is or past, or dates would be out of order.
    """
    row = gate.fetch(uow, Round, round_id, "round.edit", lock=True)
    gate.match(row, if_match)
    if row.state not in {"draft", "open", "published"}:
        raise Conflict("批次已冻结或结束，不能再修改")
    changed: dict[str, Any] = {name: value for name, value in _whole(dates).items() if value != getattr(row, name)}
    wrong = _extension_wrong(row, changed, uow.now)
    if wrong:
        raise Invalid(errors=wrong)
    if county_floors is not None and (floors := _floors(uow, row.city_code, county_floors)) != row.county_floors:
        changed["county_floors"] = floors
    if not changed:
        raise Invalid("没有改动任何内容")
    change: dict[str, Any] = {"thing": "round", "id": str(row.id), "fields": sorted(changed)}
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
    uow.record("round.edit", row, [change], title=row.title, reason=reason)
    return row


def _extension_wrong(row: Round, dates: Mapping[str, datetime], now: datetime) -> dict[str, list[str]]:
    wrong = {name: ["须晚于现在"] for name, value in dates.items() if value <= now}
    if row.state != "draft":
        wrong |= {name: ["只能延后，不能提前"] for name, value in dates.items() if value < getattr(row, name)}
    after = {name: dates.get(name, getattr(row, name)) for name in DATES}
    return wrong | (_dates_wrong(after["needs_until"], after["claims_until"], after["ranking_until"]) if dates else {})


def open_(uow: UnitOfWork, round_id: UUID) -> Round:
    """Open a round: townships may submit needs."""
    row = gate.fetch(uow, Round, round_id, "round.open")
    return gate_out(uow, moves.apply(uow, row, "open", title=row.title))


def publish(uow: UnitOfWork, round_id: UUID) -> Round:
    """Publish the board: everybody reads it, commissioners may claim.

    :raises NothingApproved: if no need of the round is approved yet.
    """
    row = gate.fetch(uow, Round, round_id, "round.publish", lock=True)
    approved = sa.select(sa.func.count()).where(Need.round_id == row.id, Need.state == "approved")
    if row.state == "open" and not uow.session.scalar(approved):
        raise NothingApproved
    return gate_out(uow, moves.apply(uow, row, "publish", title=row.title))


def close(uow: UnitOfWork, round_id: UUID) -> Round:
    """Close a round; nothing in it moves any more.

    :raises Conflict: while a supplement takes claims.
    """
    row = gate.fetch(uow, Round, round_id, "round.close", lock=True)
    open_ = sa.select(Supplement.id).where(Supplement.round_id == row.id, Supplement.state == "open")
    if uow.session.scalar(open_) is not None:
        raise Conflict("补报尚未结束，不能结束批次")
    return gate_out(uow, moves.apply(uow, row, "close", title=row.title))


def cancel(uow: UnitOfWork, round_id: UUID, reason: str) -> Round:
    """Cancel a round, with a reason that everybody concerned is told."""
    row = gate.fetch(uow, Round, round_id, "round.cancel")
    moves.apply(uow, row, "cancel", reason, title=row.title)
    content.submit(uow, row, row.title, row.title, reason, county=row.city_code)
    return gate_out(uow, row)


def gate_out(uow: UnitOfWork, row: Round) -> Round:
    """Hand a moved round out again, with the moves that it has now."""
    gate.hand_out(uow, [row])
    return row


def rounds(uow: UnitOfWork, ask: Ask, *, state: str | None = None, year: int | None = None) -> Page[Round]:
    """List rounds, newest first; drafts are their city's alone."""
    statement = gate.select(uow, Round).where(_shown(uow))
    if state:
        statement = statement.where(Round.state == state)
    if year:
        statement = statement.where(Round.year == year)
    return page(statement, (Round.created_at, Round.id), ask, lambda s: gate.rows(uow, s))


def show(uow: UnitOfWork, round_id: UUID) -> Round:
    """Give one round."""
    rows = gate.rows(uow, gate.select(uow, Round).where(Round.id == round_id, _shown(uow)))
    if not rows:
        raise NotFound
    return rows[0]


def _shown(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    """Everybody sees rounds that were opened and whose words are not blocked (R-NEED-4); their city sees all."""
    cities = {held.region_code for held in uow.actor.held if held.role == "city"}
    return sa.or_(sa.and_(Round.state != "draft", shown(Round)), Round.city_code.in_(cities))
