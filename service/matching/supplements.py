"""Supplements: after the freeze and the first run, claims are taken once more on needs that still have places (补报).

The seed was drawn by then and stays. What it gives a newcomer hangs on a pseudonym that only our key makes; needs,
whose ids people could try, are never added. So nobody chooses a number beyond claiming or not (docs/decisions/0011).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.claims import Claim
from models.matching import Run, Supplement
from models.needs import Need, Round
from rules.policy import SUPPLEMENT_DAYS_MAX
from service.content import commands as content
from service.content.queries import blocked, shown
from service.core import gate, moves
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, IdTaken, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.matching import lists, standing
from service.matching.appending import appended
from service.matching.instances import frozen
from service.matching.lists import Lists
from service.matching.orders import NoSeed, NotFrozen
from service.matching.standing import CHANGEABLE, SupplementOpen


class NoRunYet(Conflict):
    """Nobody knows yet which needs have places left."""

    kind, title = "no-run-yet", "还没有正式计算过方案，不能补报"


class TooEarlyToClose(Conflict):
    """Townships may still rank."""

    kind, title = "too-early-to-close", "补报的排序尚未截止，不能结束"


@dataclass(frozen=True)
class NewSupplement:
    """What the city says of a supplement.

    :param needs: of the frozen lists, with free places.
    """

    needs: Sequence[UUID]
    reason: str
    claims_until: datetime
    ranking_until: datetime
    id: UUID | None = None


def create(uow: UnitOfWork, round_id: UUID, form: NewSupplement) -> Supplement:
    """Open needs of a frozen round for claims once more, for a time and with a reason (R-MATCH-2, R-CLAIM-1).

    :raises NotFrozen, NoSeed, NoRunYet: before the first official run, or after the round's end.
    :raises SupplementOpen: while another one is open.
    :raises Invalid: for dates out of order or too far, and for needs that are not on the lists, off the board, without
        a free place, or in a county whose part is under approval.
    """
    row = gate.fetch(uow, Round, round_id, "supplement.create", lock=True)
    if row.state != "frozen":
        raise NotFrozen(state=row.state)
    if row.seed is None:
        raise NoSeed
    known = lists.newest(uow, row.id)
    ran = sa.select(Run.id).where(Run.round_id == row.id, Run.draft.is_(False)).limit(1)
    if known is None or uow.session.scalar(ran) is None:
        raise NoRunYet
    if form.id and uow.session.get(Supplement, form.id):
        raise IdTaken
    earlier = uow.session.scalars(sa.select(Supplement).where(Supplement.round_id == row.id)).all()
    if any(one.state == "open" for one in earlier):
        raise SupplementOpen
    needs = [str(one) for one in form.needs]
    if wrong := _dates_wrong(form, uow.now) | _needs_wrong(uow, row, known, needs):
        raise Invalid(errors=wrong)
    made = Supplement(
        id=form.id or new_id(),
        county_code=row.city_code,
        round_id=row.id,
        number=len(earlier) + 1,
        reason=form.reason,
        needs=sorted(needs),
        counties=sorted(set(_counties(known.inputs, needs).values())),
        claims_until=form.claims_until.replace(microsecond=0),
        ranking_until=form.ranking_until.replace(microsecond=0),
    )
    moves.start(uow, made, title=row.title, number=made.number, reason=form.reason)
    content.submit(uow, made, row.title, form.reason, county=row.city_code)
    gate.hand_out(uow, [made])
    return made


def _dates_wrong(form: NewSupplement, now: datetime) -> dict[str, list[str]]:
    wrong = {}
    if form.claims_until <= now:
        wrong["claims_until"] = ["须晚于现在"]
    if form.ranking_until <= form.claims_until:
        wrong["ranking_until"] = ["排序截止须晚于揭榜截止"]
    elif form.ranking_until > now + timedelta(days=SUPPLEMENT_DAYS_MAX):
        wrong["ranking_until"] = [f"补报连同排序须在 {SUPPLEMENT_DAYS_MAX} 天内结束"]
    return wrong


def _needs_wrong(uow: UnitOfWork, row: Round, known: Lists, needs: Sequence[str]) -> dict[str, list[str]]:
    counties, places = _counties(known.inputs, needs), known.inputs["needs"]
    offered = dict(zip(places["id"], places["places"], strict=True))
    parts = standing.parts(uow, row.id)
    taken = Counter(pair["need"] for part in parts for pair in part.body["pairs"])
    decided = {part.county_code for part in parts if part.state != CHANGEABLE[0]}
    rows = {str(one.id): one for one in uow.session.scalars(sa.select(Need).where(Need.id.in_(map(UUID, needs))))}
    wrong = []
    for need in needs:
        if need not in offered:
            wrong.append(f"{need} 不在本批次冻结的名单中，不能补报")
        elif rows[need].state != "approved":
            wrong.append(f"「{rows[need].title}」已下榜或已选定")
        elif counties[need] in decided:
            wrong.append(f"「{rows[need].title}」所在县（市、区）的方案已提交审批")
        elif taken[need] >= offered[need]:
            wrong.append(f"「{rows[need].title}」没有空余名额")
    return {"needs": wrong} if wrong else {}


def _counties(inputs: Mapping[str, Any], needs: Sequence[str]) -> dict[str, str]:
    """Give the managing county of each of these needs that is on the lists."""
    towns = inputs["townships"]["county"]
    known = dict(zip(inputs["needs"]["id"], inputs["needs"]["township"], strict=True))
    return {need: towns[known[need]] for need in needs if need in known}


def close(uow: UnitOfWork, supplement_id: UUID) -> Supplement:
    """Append the claims of a supplement to the lists, and publish them with their place in the chain (R-MATCH-2).

    :raises NotFrozen: after the round's end.
    :raises TooEarlyToClose: before its `ranking_until`.
    """
    made = gate.fetch(uow, Supplement, supplement_id, "supplement.close")
    row = uow.session.get_one(Round, made.round_id, with_for_update=True, populate_existing=True)
    made = gate.fetch(uow, Supplement, supplement_id, "supplement.close", lock=True)
    if row.state != "frozen":
        raise NotFrozen(state=row.state)
    if made.state == "open" and uow.now < made.ranking_until:
        raise TooEarlyToClose(ranking_until=made.ranking_until.isoformat())
    known = lists.newest(uow, row.id)
    if known is None:
        raise NotFrozen(state=row.state)
    moves.apply(uow, made, "close", title=row.title, number=made.number)
    mine = sa.select(Claim).where(Claim.supplement_id == made.id, Claim.state == "active").order_by(Claim.id)
    inputs = appended(uow, row, known.inputs, uow.session.scalars(mine).all())
    instance = frozen(inputs)
    made.inputs, made.instance, made.digest = inputs, instance.to_json(), instance.digest()
    made.previous = known.chain
    made.chain = hashlib.sha256(f"{made.previous}\n{made.digest}".encode()).hexdigest()
    made.claims = len(set(inputs["claims"]["id"]) - set(known.inputs["claims"]["id"]))
    made.people = len(inputs["people"]["id"]) - len(known.inputs["people"]["id"])
    facts: dict[str, Any] = {"digest": made.digest, "chain": made.chain, "claims": made.claims, "people": made.people}
    uow.record("supplement.close", made, **facts)
    gate.hand_out(uow, [made])
    return made


def listed(uow: UnitOfWork, round_id: UUID, ask: Ask) -> Page[Supplement]:
    """List a round's supplements, newest first; what is blocked for strangers stays with its city (R-NEED-4)."""
    row = gate.fetch(uow, Round, round_id)
    if row.state == "draft":
        raise NotFound
    found = gate.select(uow, Supplement).where(Supplement.round_id == row.id, _readable(uow))
    return page(found, (Supplement.created_at, Supplement.id), ask, lambda s: gate.rows(uow, s))


def show(uow: UnitOfWork, supplement_id: UUID) -> Supplement:
    """Give one supplement."""
    rows = gate.rows(uow, gate.select(uow, Supplement).where(Supplement.id == supplement_id, _readable(uow)))
    if not rows:
        raise NotFound
    return rows[0]


def _readable(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    cities = {held.region_code for held in uow.actor.held if held.role == "city"}
    return sa.or_(shown(Supplement), Supplement.county_code.in_(cities))


def chained(uow: UnitOfWork, round_id: UUID) -> list[dict[str, Any]]:
    """Tell when and why claims were taken once more, what came of it, and the links of the chain of digests.

    All are counted; a reason that is blocked for strangers is left out (R-NEED-4).
    """
    columns = ("id", "number", "claims_until", "ranking_until", "claims", "people", "digest", "previous", "chain")
    mine = sa.select(Supplement).where(Supplement.round_id == round_id)
    found = uow.session.scalars(mine.order_by(Supplement.number)).all()
    hushed = blocked(uow, [one.id for one in found])
    return [
        {name: getattr(one, name) for name in columns}
        | {
            "reason": "" if one.id in hushed else one.reason,
            "needs": len(one.needs),
            "opened_at": one.created_at,
            "closed_at": one.state_since if one.state == "closed" else None,
        }
        for one in found
    ]
