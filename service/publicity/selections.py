"""What a plan selects, read once: who goes where, on whose word, and whether that still holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from models.base import Identified
from models.claims import Claim
from models.identity import Person, Team, TeamMember
from models.matching import Plan, Proposal
from models.needs import Need, Round
from models.regions import Organisation, Region, Specialty
from rules.states import label
from service.content.queries import clear
from service.core import gate
from service.core.problems import SamePerson
from service.core.unit import UnitOfWork
from service.matching import standing
from service.regions.queries import county_names

Row = TypeVar("Row", bound=Identified)


@dataclass(frozen=True)
class Selected:
    """A pair of a plan, with its rows: a claimant for a place of a need."""

    need: Need
    person: Person
    team: Team | None
    claim: Claim | None
    proposal: Proposal | None
    members: tuple[Person, ...]
    """Who would serve: the person, or the team as it is now."""
    reasons: tuple[str, ...]
    told: tuple[str, ...]
    """The reasons as the claimant is told them: they name nobody."""

    @property
    def claimant_key(self) -> UUID:
        """The team's id, else the person's."""
        return self.team.id if self.team else self.person.id

    @property
    def name(self) -> str:
        """The person, or the team with its leader."""
        return f"{self.team.name}（负责人{self.person.name}）" if self.team else self.person.name


def held(uow: UnitOfWork, plan_id: UUID, action: str) -> Plan:
    """Give a plan for a move, its round held before it: runs, answers and withdrawals in the round wait meanwhile."""
    plan = gate.fetch(uow, Plan, plan_id, action)
    uow.session.get_one(Round, plan.round_id, with_for_update=True, populate_existing=True)
    return gate.fetch(uow, Plan, plan_id, action, lock=True)


def selection(uow: UnitOfWork, plan: Plan) -> list[Selected]:
    """Read a plan's pairs with their rows, in the order of townships; a fixed number of queries."""
    pairs: list[dict[str, Any]] = plan.body["pairs"]
    needs = _rows(uow, Need, pairs, "need", joinedload(Need.township))
    people = _rows(uow, Person, pairs, "commissioner")
    claims = _rows(uow, Claim, pairs, "claim")
    teams = _rows(uow, Team, pairs, "team", selectinload(Team.members).joinedload(TeamMember.person))
    asked = sa.select(Proposal).where(Proposal.round_id == plan.round_id, Proposal.need_id.in_(needs))
    proposals = {(one.need_id, one.claimant_key): one for one in uow.session.scalars(asked)}
    found = []
    for pair in pairs:
        need, person = needs[UUID(pair["need"])], people[UUID(pair["commissioner"])]
        team = teams[UUID(pair["team"])] if pair.get("team") else None
        claim = claims[UUID(pair["claim"])] if pair.get("claim") else None
        asks = pair.get("asks_consent", True)  # who was proposed once may have claimed since, in a supplement
        proposal = proposals.get((need.id, team.id if team else person.id)) if asks else None
        reasons = tuple(pair["reasons"])
        told = (pair.get("told", reasons[0]), *reasons[1:])
        found.append(Selected(need, person, team, claim, proposal, _members(person, team), reasons, told))
    return sorted(found, key=lambda one: (one.need.township_code, one.need.id, one.claimant_key))


def of_claim(claim: Claim, reasons: tuple[str, ...]) -> Selected:
    """Read one claim as the selection of its claimant."""
    members = _members(claim.person, claim.team)
    return Selected(claim.need, claim.person, claim.team, claim, None, members, reasons, reasons)


def _rows(uow: UnitOfWork, model: type[Row], pairs: Sequence[dict[str, Any]], name: str, *load: Any) -> dict[UUID, Row]:
    ids = {UUID(pair[name]) for pair in pairs if pair.get(name)}
    if not ids:
        return {}
    statement = sa.select(model).where(model.id.in_(ids)).options(*load)
    return {row.id: row for row in uow.session.scalars(statement).unique()}


def _members(person: Person, team: Team | None) -> tuple[Person, ...]:
    if team is None:
        return (person,)
    return tuple(one.person for one in team.members if one.confirmed and one.left_at is None)


def judge(uow: UnitOfWork, plan: Plan, pairs: Sequence[Selected]) -> list[str]:
    """Say, in Chinese, why a plan that is not settled yet cannot take effect: stale, or without consent (R-MATCH-6)."""
    return standing.faults(uow, [plan])[plan.id] or faults(pairs)


def faults(pairs: Iterable[Selected]) -> list[str]:
    """Say, in Chinese, why a plan cannot take effect as it is: withdrawn claims, closed needs, missing consent."""
    return [f"{one.name}—「{one.need.title}」：{fault}" for one in pairs for fault in _faults_of(one)]


def _faults_of(one: Selected) -> list[str]:
    found = []
    if one.need.state != "approved":
        found.append(f"需求{label('need', one.need.state)}")
    if one.claim is not None and one.claim.state != "active":
        found.append(f"揭榜{label('claim', one.claim.state)}")
    if one.claim is not None and one.claim.declined_reason is not None:
        found.append("乡镇已谢绝该揭榜")
    if one.proposal is not None and one.proposal.state != "accepted":
        found.append("统筹提议尚未得到双方同意")
    if one.proposal is None and one.claim is None:
        found.append("既没有揭榜，也没有双方同意的提议")
    if any(person.closed_at is not None for person in one.members):
        found.append("人员已注销")
    if one.team is not None and one.team.state != "confirmed":
        found.append(f"团队{label('team', one.team.state)}")
    return found


def people_of(pairs: Iterable[Selected]) -> list[str]:
    """Give the ids of everybody whom the pairs name, sorted."""
    return sorted({str(person.id) for one in pairs for person in (one.person, *one.members)})


def refuse_concerned(uow: UnitOfWork, people: Iterable[str]) -> None:
    """Nobody decides on a list that names them.

    :raises SamePerson: if the actor is one of these people.
    """
    if str(uow.actor.person_id) in set(people):
        raise SamePerson("名单涉及本人，应当回避")


@dataclass(frozen=True)
class Names:
    """The words that lists show for codes."""

    organisations: dict[str, str]
    specialties: dict[str, str]
    counties: dict[str, str]

    def organisation(self, person: Person) -> str:
        """Name the organisation that a person belongs to; empty where there is none."""
        return self.organisations.get(person.organisation_code or "", "")

    def field(self, person: Person) -> str:
        """Name a person's fields of work."""
        return "、".join(self.specialties[code] for code in person.specialties if code in self.specialties)

    def county(self, township: Region) -> str:
        """Name the county that manages a township."""
        return self.counties.get(township.managing_county_code or "", "")


def names(uow: UnitOfWork, people: Sequence[Person]) -> Names:
    """Read the names that a list of these people needs."""
    codes = {code for one in people for code in one.specialties}
    bodies = {one.organisation_code for one in people if one.organisation_code}
    organisations = sa.select(Organisation.code, Organisation.name).where(Organisation.code.in_(bodies))
    specialties = sa.select(Specialty.code, Specialty.name).where(Specialty.code.in_(codes))
    return Names(
        dict(uow.session.execute(organisations).all()),
        dict(uow.session.execute(specialties).all()),
        county_names(uow),
    )


def public_items(uow: UnitOfWork, pairs: Sequence[Selected]) -> list[dict[str, str]]:
    """Make the rows that the public sees: name, organisation, field, host township, and nothing else (R-APP-4).

    A team whose name is not clear for strangers stands there by its leader (R-NEED-4).
    """
    words = names(uow, [one.person for one in pairs])
    named = clear(uow, [one.team for one in pairs if one.team])
    return [
        {
            "name": one.name if one.team is None or one.team.id in named else f"{one.person.name}团队",
            "organisation": words.organisation(one.person),
            "field": words.field(one.person),
            "host": words.county(one.need.township) + one.need.township.name,
        }
        for one in pairs
    ]
