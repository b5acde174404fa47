"""Roles: proposed by one, approved by another, ended."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import Binding, RoleGrant
from models.regions import Organisation, Region
from rules import identity as rules
from rules.access import BINDING_NEEDS_APPROVAL
from service.core import gate, moves
from service.core.problems import Forbidden, IdTaken, Invalid, SamePerson
from service.core.unit import UnitOfWork
from service.identity import queries


@dataclass(frozen=True)
class NewGrant:
    """A role proposed for a person."""

    person: UUID
    role: str
    id: UUID | None = None
    region: str | None = None
    organisation: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


def grant(uow: UnitOfWork, form: NewGrant) -> RoleGrant:
    """Propose a role for a person; it acts once a second person approved it.

    :raises Invalid: if role and jurisdiction do not go together, or lie outside the actor's own jurisdiction.
    """
    person = queries.present(uow, form.person, "role.create")
    region = uow.session.get(Region, form.region) if form.region else None
    wrong: dict[str, list[str]] = {}
    if form.region and region is None:
        wrong["region"] = ["没有这个区域"]
    if form.organisation and uow.session.get(Organisation, form.organisation) is None:
        wrong["organisation"] = ["没有这个单位"]
    if form.starts_on and form.ends_on and form.ends_on < form.starts_on:
        wrong["ends_on"] = ["结束日期早于开始日期"]
    county = _county_of(region) if region else person.county_code
    granting = frozenset(held.role for held in uow.actor.held if county in held.counties)
    judged = rules.judge_grant(
        form.role,
        level=region.level if region else None,
        organisation=bool(form.organisation),
        granting=granting if uow.actor.kind == "person" else frozenset({"admin"}),
    )
    for field, text in judged:
        wrong.setdefault(field, []).append(text)
    if uow.actor.kind == "person" and county not in uow.actor.counties_for("role.create"):
        wrong.setdefault("region", []).append("不在您的管辖范围")
    if wrong:
        raise Invalid(errors=wrong)
    if form.id and uow.session.get(RoleGrant, form.id):
        raise IdTaken
    row = RoleGrant(
        id=form.id or new_id(),
        county_code=county,
        person_id=person.id,
        role=form.role,
        region_code=form.region,
        organisation_code=form.organisation,
        starts_on=form.starts_on,
        ends_on=form.ends_on,
    )
    row.person = person
    moves.start(uow, row)
    gate.hand_out(uow, [row])
    return row


def _county_of(region: Region) -> str:
    return region.managing_county_code or region.code if region.level == "township" else region.code


def approve_grant(uow: UnitOfWork, grant_id: UUID) -> RoleGrant:
    """Approve a proposed role as a second person.

    :raises Forbidden: if the role is the approver's own.
    :raises SamePerson: if the holder's WeChat was bound by the approver's own invitation and verified by nobody else.
    """
    row = gate.fetch(uow, RoleGrant, grant_id, "role.approve")
    if row.person_id == uow.actor.person_id:
        raise Forbidden("不能批准授予自己的角色")
    if row.role in BINDING_NEEDS_APPROVAL and _only_by(uow, row.person_id, uow.actor.person_id):
        raise SamePerson("此人的微信由您邀请绑定且无他人核实，请由另一人批准")
    return moves.apply(uow, row, "approve")


def _only_by(uow: UnitOfWork, person_id: UUID, inviter: UUID | None) -> bool:
    """Say whether the person's WeChat acts on one inviter's word alone: from township upward two stand for it."""
    living = sa.select(Binding).where(Binding.person_id == person_id, Binding.state == "bound")
    binding = uow.session.scalar(living)
    return binding is not None and binding.moved_by.get("invite") == str(inviter) and "approve" not in binding.moved_by


def reject_grant(uow: UnitOfWork, grant_id: UUID, reason: str) -> RoleGrant:
    """Refuse a proposed role."""
    return moves.apply(uow, gate.fetch(uow, RoleGrant, grant_id, "role.reject"), "reject", reason)


def end_grant(uow: UnitOfWork, grant_id: UUID, reason: str) -> RoleGrant:
    """End a role; the next request of its holder no longer has it."""
    return moves.apply(uow, gate.fetch(uow, RoleGrant, grant_id, "role.end"), "end", reason)


def follow_township(uow: UnitOfWork, township: str, county: str) -> None:
    """Let the roles held for a township follow it to the county that manages it now (domain.md §2)."""
    follow = sa.update(RoleGrant).where(RoleGrant.region_code == township).values(county_code=county)
    uow.session.execute(follow.execution_options(synchronize_session=False))
