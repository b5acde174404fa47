"""What pins and bans cost, before they are saved: townships lost, people moved, points (R-MATCH-5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from models.needs import Round
from rules.matching.plan import Plan as Solution
from rules.matching.sentences import Names
from service.core import gate
from service.core.problems import Conflict, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.matching import differences
from service.matching.instances import Problem
from service.matching.orders import Order, RunForm, chosen, kept_pairs, order_of, problem_of, scope, solved
from service.matching.standing import Link
from service.matching.telling import telling


class CoverageLost(Conflict):
    """Pins or bans leave townships or counties below their floor; `townships` names them, `loses` must as well."""

    kind, title = "coverage-lost", "这样安排会使乡镇或县达不到保障人数，请再次确认"


@dataclass(frozen=True)
class PriceForm:
    """What is asked after.

    :param pins, bans: claims.
    :param pairs: claimants (a person or team) and needs, claimed or not: "what if they had to go there".
    :param seed: one's own, while the public one is not drawn.
    """

    pins: Sequence[UUID] = ()
    bans: Sequence[UUID] = ()
    pairs: Sequence[Mapping[str, UUID]] = ()
    seed: str | None = None


@dataclass(frozen=True)
class Price:
    """The plan as things are beside the plan with further pins and bans.

    :param seen: names all that the price rests on; another one means that things have changed.
    """

    problem: Problem
    names: Names
    before: Solution
    after: Solution
    seen: str

    @property
    def lost(self) -> list[dict[str, str]]:
        """The townships and counties that fall below their floor."""
        changes = differences.changes_of(self.problem, self.before, self.after)
        lost = differences.townships(self.problem, self.names, changes.uncovered)
        return [*lost, *differences.counties(self.problem, self.names, changes.counties_short)]


def priced(uow: UnitOfWork, order: Order, pins: Mapping[Link, str], bans: Mapping[Link, str]) -> Price:
    """Compute both plans.

    :raises PinsImpossible: naming every pin that no plan can obey.
    """
    base = problem_of(uow, order, kept_pairs(uow, order))
    wishes = base.wishes
    changed = replace(base, wishes=replace(wishes, pins={**wishes.pins, **pins}, bans={**wishes.bans, **bans}))
    before, after = solved(base), solved(changed)
    return Price(base, telling(uow, base, before).names, before, after, base.instance.digest())


def of_request(uow: UnitOfWork, order: Order, kept: frozenset[Link], after: Solution) -> list[dict[str, str]]:
    """Give the townships that a run's own pins, bans and holding on cost."""
    bare = replace(order, form=replace(order.form, pins=(), bans=(), hold=False))
    base = problem_of(uow, bare, kept)
    before = solved(base)
    return Price(base, telling(uow, base, before).names, before, after, "").lost


def refuse_losses(lost: Sequence[Mapping[str, str]], known: Sequence[str]) -> None:
    """Ask a second time where townships would fall empty.

    :raises CoverageLost: naming them, unless the asker has named each of them.
    """
    if missing := [one for one in lost if one["code"] not in known]:
        names = "、".join(one["name"] for one in missing)
        raise CoverageLost(f"{names}将达不到保障人数；仍要如此，请逐一确认", townships=missing)


def price(uow: UnitOfWork, round_id: UUID, form: PriceForm) -> dict[str, Any]:
    """Say what pins, bans or forced pairs would cost now; nothing is kept (R-MATCH-5).

    The moves are the displacement chain: whoever comes to a place stands before whoever leaves it.

    :raises NotFrozen, NoSeed, PartApproved, NothingToMatch, PinsImpossible: when there can be no such run.
    """
    row = gate.fetch(uow, Round, round_id)
    if row.state == "draft":
        raise NotFound
    county = scope(uow, row)
    order = order_of(uow, row, county, RunForm(seed=form.seed))
    pins = chosen(order, "pins", {str(one): "" for one in form.pins}) | _forced(order, form.pairs)
    bans = chosen(order, "bans", {str(one): "" for one in form.bans})
    return shown(priced(uow, order, pins, bans), order)


def _forced(order: Order, pairs: Sequence[Mapping[str, UUID]]) -> dict[Link, str]:
    people, needs = order.content["people"], order.content["needs"]
    counties = order.content["townships"]["county"]
    found: dict[Link, str] = {}
    wrong = []
    for one in pairs:
        key, need = str(one["claimant"]), str(one["need"])
        at = needs["id"].index(need) if need in needs["id"] else None
        own = at is not None and order.county in {None, counties[needs["township"][at]]}
        if key not in people["id"] or not own:
            wrong.append("人员（团队）或需求不在本批次冻结的范围内，或不属于本县（市、区）")
        found[key, need] = ""
    if wrong:
        raise Invalid(errors={"pairs": wrong})
    return found


def shown(found: Price, order: Order) -> dict[str, Any]:
    """Give a price as its asker sees it."""
    before, after = (differences.within(found.problem, one, order.county) for one in (found.before, found.after))
    return {
        "seen": found.seen,
        "seed": order.seed,
        "draft": order.draft,
        "before": {"covered": found.before.covered, "pairs": len(before.pairs), "score": before.score},
        "after": {"covered": found.after.covered, "pairs": len(after.pairs), "score": after.score},
        "changes": differences.shown(found.problem, found.names, found.before, found.after, order.county),
    }
