"""What stands now: the counties' parts, and what changed in a frozen round since (R-MATCH-6, R-MATCH-7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.claims import Claim
from models.identity import Team
from models.matching import Override, Plan, Proposal, Supplement
from models.needs import Need
from service.claims import claimants
from service.core.problems import Conflict
from service.core.unit import UnitOfWork

Link = tuple[str, str]
"""A claimant's key and a need's id."""
CHANGEABLE = ("prepared", "submitted")
SETTLING = ("approved", "settled")
PIN, REPLACEMENT, BAN = "pin", "replacement", "ban"
"""Kinds of override. A replacement is a pin that both sides must accept, whatever they chose before (R-MATCH-6)."""


class SupplementOpen(Conflict):
    """A supplement of the round takes claims now."""

    kind, title = "supplement-open", "补报正在进行"


def link_of(pair: Mapping[str, Any]) -> Link:
    """Give the claimant and the need of a pair of a body."""
    return pair["team"] or pair["commissioner"], pair["need"]


def parts(uow: UnitOfWork, round_id: UUID) -> Sequence[Plan]:
    """Give the part of each county that stands: official, neither rejected nor superseded."""
    statement = sa.select(Plan).where(
        Plan.round_id == round_id, Plan.draft.is_(False), Plan.state.in_((*CHANGEABLE, *SETTLING))
    )
    return uow.session.scalars(statement.order_by(Plan.county_code, Plan.id)).all()


def supplemented(uow: UnitOfWork, plan: Plan) -> bool:
    """Say whether a supplement takes claims on needs of a part's county now."""
    open_ = sa.select(Supplement.counties).where(Supplement.round_id == plan.round_id, Supplement.state == "open")
    return any(plan.county_code in counties for counties in uow.session.scalars(open_))


@dataclass(frozen=True)
class Live:
    """What a run must respect beside the frozen inputs.

    :param withdrawn: ids of claims that were taken back.
    :param gone: keys of claimants who left office, closed the account, or whose team is no more.
    :param open_needs: needs that were not taken off the board.
    :param declines: the township's words, by id of the claim that it declined.
    :param bans, pins: overrides in force, and refused proposals among the bans, each with the reason.
    :param asked: pins that both sides must accept although they may have chosen one another (replacements).
    """

    withdrawn: frozenset[str]
    gone: frozenset[str]
    open_needs: frozenset[str]
    declines: Mapping[str, str]
    bans: Mapping[Link, str]
    pins: Mapping[Link, str]
    asked: frozenset[Link] = frozenset()


def live(uow: UnitOfWork, round_id: UUID, content: Mapping[str, Any]) -> Live:
    """Read what changed since the freeze, in a fixed number of queries."""
    taken_back = sa.select(Claim.id).where(Claim.round_id == round_id, Claim.state == "withdrawn")
    stands = sa.select(Need.id).where(Need.round_id == round_id, Need.state.in_(("approved", "filled")))
    spoken = sa.select(Claim.id, Claim.declined_reason).where(
        Claim.round_id == round_id, Claim.declined_reason.is_not(None)
    )
    refused = sa.select(Proposal).where(Proposal.round_id == round_id, Proposal.state == "declined")
    bans = {
        (str(one.claimant_key), str(one.need_id)): f"提议被谢绝：{one.state_reason or ''}"
        for one in uow.session.scalars(refused)
    }
    pins: dict[Link, str] = {}
    asked: set[Link] = set()
    for one in overrides(uow, round_id):
        link = (str(one.claimant_key), str(one.need_id))
        (bans if one.kind == BAN else pins)[link] = one.reason
        if one.kind == REPLACEMENT:
            asked.add(link)
    return Live(
        withdrawn=frozenset(str(one) for one in uow.session.scalars(taken_back)),
        gone=_gone(uow, content),
        open_needs=frozenset(str(one) for one in uow.session.scalars(stands)),
        declines={str(claim): reason for claim, reason in uow.session.execute(spoken) if reason},
        bans=bans,
        pins={link: reason for link, reason in pins.items() if link not in bans},
        asked=frozenset(asked - bans.keys()),
    )


def holds(one: Override, now: datetime) -> bool:
    """Say whether an override is in force."""
    return one.expires_at is None or one.expires_at > now


def overrides(uow: UnitOfWork, round_id: UUID) -> Sequence[Override]:
    """Give the overrides in force, oldest first."""
    statement = sa.select(Override).where(
        Override.round_id == round_id, sa.or_(Override.expires_at.is_(None), Override.expires_at > uow.now)
    )
    return uow.session.scalars(statement.order_by(Override.created_at, Override.id)).all()


def _gone(uow: UnitOfWork, content: Mapping[str, Any]) -> frozenset[str]:
    people = content["people"]
    office = {str(one) for one in uow.session.scalars(claimants.commissioners(uow))}
    teams = [UUID(one) for one in people["team"] if one]
    confirmed = {
        str(one) for one in uow.session.scalars(sa.select(Team.id).where(Team.id.in_(teams), Team.state == "confirmed"))
    }
    rows = zip(people["id"], people["person"], people["team"], strict=True)
    return frozenset(
        key for key, person, team in rows if person not in office or (team is not None and team not in confirmed)
    )


def faults(uow: UnitOfWork, plans: Sequence[Plan]) -> dict[UUID, list[str]]:
    """Say for each part, in Chinese, why it is stale; nothing where it is not (R-MATCH-6).

    A part rests on the claims and proposals of its townships: one of them withdrawn or declined since, a ban since, a
    need taken off the board or a claimant gone makes it stale, and so do claims that a supplement brought since.
    Settled, rejected and superseded parts rest on nothing.
    """
    open_parts = [one for one in plans if one.state in {"prepared", "submitted", "approved"}]
    rounds = {one.round_id for one in open_parts}
    gone = sa.select(Claim.id).where(Claim.round_id.in_(rounds), Claim.state == "withdrawn")
    taken_back = {str(one) for one in uow.session.scalars(gone)}
    off = sa.select(Need.id).where(Need.round_id.in_(rounds), Need.state.not_in(("approved", "filled")))
    closed = {str(one) for one in uow.session.scalars(off)}
    refused = sa.select(Proposal.claimant_key, Proposal.need_id).where(
        Proposal.round_id.in_(rounds), Proposal.state == "declined"
    )
    declined = {(str(key), str(need)) for key, need in uow.session.execute(refused)}
    every = uow.session.scalars(sa.select(Override).where(Override.round_id.in_(rounds))).all()
    banned = {
        (one.round_id, str(one.claimant_key), str(one.need_id))
        for one in every
        if one.kind == BAN and holds(one, uow.now)
    }
    lost = _lost_claimants(uow, open_parts)
    brought = _brought(uow, rounds)
    found: dict[UUID, list[str]] = {one.id: [] for one in plans}
    for plan in open_parts:
        found[plan.id] += _unheeded(plan, [one for one in every if one.round_id == plan.round_id], uow.now)
        found[plan.id] += _uncounted(plan, brought)
        for pair in plan.body["pairs"]:
            key, need = link = link_of(pair)
            told = [
                (pair["claim"] in taken_back, "揭榜已撤回"),
                (link in declined, "提议已被谢绝"),
                ((plan.round_id, *link) in banned, "已被排除"),
                (need in closed, "需求已下榜"),
                (key in lost, "人员已离任或团队已解散"),
            ]
            who = f"{pair.get('commissioner_name', '')}—「{pair.get('need_title', '')}」"
            found[plan.id] += [f"{who}：{text}" for applies, text in told if applies]
        for one in plan.body.get("losing", ()):
            if one["claim"] in taken_back and one.get("code") != "W1":
                found[plan.id].append(f"{one.get('commissioner_name', '')}—「{one.get('need_title', '')}」：揭榜已撤回")
    return found


def _brought(uow: UnitOfWork, rounds: set[UUID]) -> Sequence[Supplement]:
    """Give the closed supplements that brought claims."""
    mine = sa.select(Supplement).where(Supplement.round_id.in_(rounds), Supplement.state == "closed")
    return uow.session.scalars(mine.where(Supplement.claims > 0)).all()


def _uncounted(plan: Plan, brought: Sequence[Supplement]) -> list[str]:
    """Say whether a supplement brought claims to a part's county that its run had not on its lists."""
    known = plan.run.basis.get("supplement", 0)
    later = [one for one in brought if one.round_id == plan.round_id and one.number > known]
    return ["有补报的揭榜尚未计入"] if any(plan.county_code in one.counties for one in later) else []


def _unheeded(plan: Plan, every: Sequence[Override], now: datetime) -> list[str]:
    """Say whether pins were set, or pins and bans ended, since a part was computed."""
    here = [(one, (str(one.claimant_key), str(one.need_id))) for one in every if one.county_code == plan.county_code]
    living = {(one.kind == BAN, link) for one, link in here if holds(one, now)}
    links = {link_of(pair) for pair in plan.body["pairs"]}
    obeyed = {
        (one["kind"] == "refused", (one["claimant"], one["need"]))
        for one in plan.run.overrides
        if one["kind"] in {"set", "refused"}
    }
    ended = {(one.kind == BAN, link) for one, link in here} & obeyed - living
    told = ["有新的人工指定尚未计入"] if any(not ban and link not in links for ban, link in living) else []
    return [*told, *(["有人工指定已解除或到期"] if ended else [])]


def _lost_claimants(uow: UnitOfWork, plans: Sequence[Plan]) -> set[str]:
    pairs = [pair for plan in plans for pair in plan.body["pairs"]]
    if not pairs:
        return set()
    office = {str(one) for one in uow.session.scalars(claimants.commissioners(uow))}
    teams = {UUID(pair["team"]) for pair in pairs if pair.get("team")}
    confirmed = {
        str(one) for one in uow.session.scalars(sa.select(Team.id).where(Team.id.in_(teams), Team.state == "confirmed"))
    }
    return {
        link_of(pair)[0]
        for pair in pairs
        if pair["commissioner"] not in office or (pair.get("team") and pair["team"] not in confirmed)
    }
