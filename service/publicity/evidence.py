"""A plan with all that a person needs to decide on it, on one page: names for ids, consents, what stands against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from models.claims import Claim
from models.identity import Person, Team
from models.matching import Plan
from models.needs import Need
from models.publicity import Objection
from models.regions import Region
from rules.access import roles_for
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork
from service.identity.history import Step, history
from service.publicity import selections

WAITING_MAX = 20
OPEN = ("prepared", "submitted", "approved")
STEPS = (("prepared", "submit"), ("submitted", "approve"), ("approved", "settle"))


@dataclass(frozen=True)
class Lost:
    """A claim that the plan does not take, and every reason."""

    claim: Claim
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """Townships and counties that get too few, who could have come, and why no more do."""

    townships: tuple[str, ...]
    candidates: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Evidence:
    """All of it. `faults` say why the plan cannot take effect as things are now (R-MATCH-6)."""

    plan: Plan
    county: str
    pairs: tuple[tuple[selections.Selected, str], ...]
    """Each with the claimant's organisation."""
    losing: tuple[tuple[Need, tuple[Lost, ...]], ...]
    """By need, in the plan's order."""
    uncovered: tuple[Gap, ...]
    faults: tuple[str, ...]
    steps: Sequence[Step]
    barred: Sequence[str]

    @property
    def lost(self) -> int:
        """How many claims the plan does not take."""
        return sum(len(claims) for _, claims in self.losing)

    @property
    def proposals(self) -> int:
        """How many pairs rest on a proposal instead of a mutual claim."""
        return sum(one.proposal is not None for one, _ in self.pairs)


def evidence(uow: UnitOfWork, plan_id: UUID) -> Evidence:
    """Give a plan in the actor's jurisdiction with its evidence."""
    plan = gate.fetch(uow, Plan, plan_id)
    pairs = selections.selection(uow, plan)
    words = selections.names(uow, [one.person for one in pairs])
    return Evidence(
        plan,
        words.counties.get(plan.county_code, ""),
        tuple((one, words.organisation(one.person)) for one in pairs),
        _losing(uow, plan),
        _uncovered(uow, plan),
        tuple(selections.judge(uow, plan, pairs)) if plan.state in OPEN else (),
        history(uow, plan),
        gate.barred(uow, plan),
    )


def _losing(uow: UnitOfWork, plan: Plan) -> tuple[tuple[Need, tuple[Lost, ...]], ...]:
    listed: list[dict[str, Any]] = plan.body.get("losing", [])
    ids = {UUID(one["claim"]) for one in listed}
    load = (joinedload(Claim.person), joinedload(Claim.team), joinedload(Claim.need))
    claims = {row.id: row for row in uow.session.scalars(sa.select(Claim).where(Claim.id.in_(ids)).options(*load))}
    found: dict[UUID, list[Lost]] = {}
    for one in listed:
        claim = claims[UUID(one["claim"])]
        name = f"{claim.team.name}（团队）" if claim.team else claim.person.name
        found.setdefault(claim.need_id, []).append(Lost(claim, name, tuple(one["reasons"])))
    return tuple((losers[0].claim.need, tuple(losers)) for losers in found.values())


def _uncovered(uow: UnitOfWork, plan: Plan) -> tuple[Gap, ...]:
    listed: list[dict[str, Any]] = plan.body.get("uncovered", [])
    codes = {code for one in listed for code in _where(one)}
    ids = {UUID(claimant) for one in listed for claimant in one.get("candidates", ())}
    towns = dict(uow.session.execute(sa.select(Region.code, Region.name).where(Region.code.in_(codes))).all())
    names: dict[UUID, str] = {}
    for model in (Person, Team):
        names.update(uow.session.execute(sa.select(model.id, model.name).where(model.id.in_(ids))).all())
    return tuple(
        Gap(
            tuple(towns.get(code, code) for code in _where(one)),
            tuple(names[UUID(claimant)] for claimant in one.get("candidates", ()) if UUID(claimant) in names),
            one["reason"],
        )
        for one in listed
    )


def _where(gap: dict[str, Any]) -> list[str]:
    return [*gap.get("whole_counties", ()), *gap["townships"]]


def plans(uow: UnitOfWork, ask: Ask, *, state: str | None = None) -> Page[Plan]:
    """List the plans in the actor's jurisdiction, newest first, without what-ifs and superseded ones."""
    statement = gate.select(uow, Plan).where(Plan.draft.is_(False)).options(joinedload(Plan.round))
    statement = statement.where(Plan.state == state if state else Plan.state != "superseded")
    return page(statement, (Plan.created_at, Plan.id), ask, lambda s: gate.rows(uow, s))


def waiting(uow: UnitOfWork) -> Sequence[Plan]:
    """List the plans that wait for the actor: to submit, to approve, to settle."""
    steps = [sa.and_(Plan.state == state, gate.visible(uow, Plan, roles_for(f"plan.{move}"))) for state, move in STEPS]
    statement = gate.select(uow, Plan).where(sa.or_(*steps), Plan.draft.is_(False)).options(joinedload(Plan.round))
    return gate.rows(uow, statement.order_by(Plan.created_at.desc(), Plan.id).limit(WAITING_MAX))


def objections_waiting(uow: UnitOfWork) -> int:
    """Count the objections that wait for an answer of the actor's county (R-PUB-2)."""
    reached = gate.visible(uow, Objection, roles_for("objection.answer"))
    found = sa.select(sa.func.count()).select_from(Objection).where(reached, Objection.state == "open")
    return uow.session.scalar(found) or 0
