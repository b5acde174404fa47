"""Teams: a leader names the members, each says yes for themself, then the team is confirmed (R-APP-1)."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import Person, RoleGrant, Team, TeamMember
from rules import identity as rules
from rules.policy import TEAM_MEMBERS_MIN
from service.content import commands as content
from service.content.queries import attach
from service.core import gate, moves
from service.core.problems import Conflict, IdTaken, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.identity import queries


def _free(uow: UnitOfWork, people: Sequence[UUID]) -> frozenset[str]:
    """Give those of the people who are commissioners in office and in no confirmed team."""
    office = sa.select(RoleGrant.person_id).where(RoleGrant.role == "commissioner", queries.in_office(uow))
    teamed = sa.select(TeamMember.person_id).where(TeamMember.confirmed)
    rows = sa.select(Person.id).where(
        Person.id.in_(people), Person.id.in_(office), Person.id.not_in(teamed), Person.closed_at.is_(None)
    )
    return frozenset(str(one) for one in uow.session.scalars(rows))


def form(uow: UnitOfWork, name: str, members: Sequence[UUID], id: UUID | None = None) -> Team:  # noqa: A002
    """Form a team with the actor as leader; it is confirmed once every member agreed.

    :raises Invalid: if it has too few members, or one who may not join.
    """
    leader = queries.me(uow)
    everybody = list(dict.fromkeys([leader.id, *members]))
    names = frozenset(str(one) for one in everybody)
    wrong = rules.judge_team(str(leader.id), names, _free(uow, everybody))
    if wrong:
        raise Invalid(errors={"members": list(wrong)})
    if id and uow.session.get(Team, id):
        raise IdTaken
    team = Team(id=id or new_id(), county_code=leader.county_code, name=name, leader_id=leader.id)
    team.members = [
        TeamMember(person_id=one, agreed_at=uow.now if one == leader.id else None, confirmed=False) for one in everybody
    ]
    moves.start(uow, team)
    content.submit(uow, team, name, name, county=leader.county_code)
    uow.session.refresh(team, ["members"])
    return attach(uow, [team])[0]


def show(uow: UnitOfWork, team_id: UUID) -> Team:
    """Give a team to its members and to staff who see it.

    :raises NotFound: to everybody else.
    """
    team = uow.session.get(Team, team_id)
    actor = uow.actor
    if team is None:
        raise NotFound
    member = any(one.person_id == actor.person_id for one in team.members)
    staff = any(
        h.role in {"county", "county_lead", "city", "auditor"} and gate.reaches(actor, h, team) for h in actor.held
    )
    if not (member or staff):
        raise NotFound
    gate.hand_out(uow, [team])
    if team.leader_id != actor.person_id:
        team.moves = [name for name in team.moves if name != "dissolve"]
    elif team.state in {"forming", "confirmed"}:
        team.moves = ["dissolve"]
    return attach(uow, [team])[0]


def _mine(uow: UnitOfWork, team_id: UUID) -> tuple[Team, TeamMember]:
    uow.session.get(Team, team_id, with_for_update=True)  # members answer one after another
    team = show(uow, team_id)
    uow.session.refresh(team, ["members"])
    member = next((m for m in team.members if m.person_id == uow.actor.person_id and m.left_at is None), None)
    if member is None:
        raise NotFound
    return team, member


def agree(uow: UnitOfWork, team_id: UUID) -> Team:
    """Say yes to a team; the last yes confirms it.

    :raises Conflict: if somebody joined another team meanwhile, or the team is no longer forming.
    """
    team, member = _mine(uow, team_id)
    if team.state != "forming":
        raise Conflict("团队已不在组建中")
    if str(uow.actor.person_id) not in _free(uow, [member.person_id]):
        raise Conflict("您已在其他团队中")
    member.agreed_at = member.agreed_at or uow.now
    uow.record("team.agree", team, [{"thing": "team", "id": str(team.id), "fields": ["members"]}])
    staying = [one for one in team.members if one.left_at is None]
    if len(staying) >= TEAM_MEMBERS_MIN and all(one.agreed_at for one in staying):
        if _free(uow, [one.person_id for one in staying]) < {str(one.person_id) for one in staying}:
            raise Conflict("有成员已在其他团队中，或不再是在任科技特派员")
        for one in staying:
            one.confirmed = True
        moves.apply(uow, team, "confirm")
    return show(uow, team_id)


def leave(uow: UnitOfWork, team_id: UUID) -> Team:
    """Leave a team, or say no to one. A team without its leader or with fewer than three members is dissolved."""
    team, member = _mine(uow, team_id)
    member.left_at, member.confirmed = uow.now, False
    uow.record("team.leave", team, [{"thing": "team", "id": str(team.id), "fields": ["members"]}])
    staying = [one for one in team.members if one.left_at is None]
    if team.state != "dissolved" and (member.person_id == team.leader_id or len(staying) < TEAM_MEMBERS_MIN):
        _dissolve(uow, team, "成员退出后不足三人或负责人退出")
    return team


def dissolve(uow: UnitOfWork, team_id: UUID, reason: str) -> Team:
    """Dissolve one's own team, as its leader."""
    team, _ = _mine(uow, team_id)
    if team.leader_id != uow.actor.person_id:
        raise NotFound
    _dissolve(uow, team, reason)
    return team


def _dissolve(uow: UnitOfWork, team: Team, reason: str) -> None:
    for one in team.members:
        one.confirmed = False
    moves.apply(uow, team, "dissolve", reason)
