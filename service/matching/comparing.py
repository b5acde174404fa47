"""Two plans of one round side by side, pair by pair, each difference with the reasons of both (R-MATCH-4, -5)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.matching import Plan, Run
from rules.matching.plan import Plan as Solution
from service.core import gate
from service.core.problems import Invalid
from service.core.unit import UnitOfWork
from service.matching import differences, kept
from service.matching.standing import Link, link_of

WHO = (
    "need",
    "need_title",
    "township",
    "township_name",
    "county",
    "commissioner",
    "commissioner_name",
    "team",
    "claim",
)


def compare(uow: UnitOfWork, plan_id: UUID, *, earlier: UUID) -> dict[str, Any]:
    """Compare a plan with an earlier one: a part with another part of its county or with a whole run.

    :raises Invalid: if the earlier one is not there for the actor, or is of another round or county.
    """
    one, other = _fetched(uow, plan_id), _named(uow, earlier)
    county = next((plan.county_code for plan in (one, other) if isinstance(plan, Plan)), None)
    counties = {plan.county_code for plan in (one, other) if isinstance(plan, Plan)}
    if other is None or other.round_id != one.round_id or len(counties) > 1:
        raise Invalid(errors={"earlier": ["没有这个方案，或不属于同一批次、同一县（市、区）"]})
    before, after = _body(other, county), _body(one, county)
    found = {
        "earlier": other.id,
        "later": one.id,
        "county": county,
        "before": before["aims"],
        "after": after["aims"],
        "pairs": _differences(before, after),
        "same": len(_links(before) & _links(after)),
        "changes": None,
    }
    runs = [plan if isinstance(plan, Run) else plan.run for plan in (other, one)]
    if all(run.basis for run in runs):
        told = kept.told(uow, max(reversed(runs), key=lambda run: len(run.instance["people"]["id"])))
        plans = [Solution.from_json(run.plan) for run in runs]
        found["changes"] = differences.shown(told.problem, told.names, plans[0], plans[1], county)
    return found


def _fetched(uow: UnitOfWork, plan_id: UUID) -> Plan | Run:
    if uow.session.get(Run, plan_id) is not None:
        return gate.fetch(uow, Run, plan_id)
    return gate.fetch(uow, Plan, plan_id)


def _named(uow: UnitOfWork, plan_id: UUID) -> Plan | Run | None:
    seen: Run | Plan | None = uow.session.scalar(gate.select(uow, Run).where(Run.id == plan_id))
    return seen or uow.session.scalar(gate.select(uow, Plan).where(Plan.id == plan_id))


def _body(plan: Plan | Run, county: str | None) -> Mapping[str, Any]:
    """Give a plan's body; of a whole run beside a part that county's pairs alone."""
    if isinstance(plan, Plan) or county is None:
        return plan.body
    own = next((part.body for part in plan.parts if part.county_code == county), None)
    if own is not None:
        return own
    rows = {name: [one for one in plan.body[name] if one["county"] == county] for name in ("pairs", "losing")}
    return {"aims": {}, **rows}


def _links(body: Mapping[str, Any]) -> set[Link]:
    return {link_of(pair) for pair in body["pairs"]}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the pairs that one of two bodies has alone, and those that both have for other reasons."""
    was, now = ({link_of(pair): pair for pair in body["pairs"]} for body in (before, after))
    lost = [{link_of(one): one for one in body.get("losing", ())} for body in (before, after)]
    found = []
    for link in sorted(was.keys() | now.keys()):
        sides = [_side(was.get(link) or lost[0].get(link)), _side(now.get(link) or lost[1].get(link))]
        kind = "removed" if link not in now else "added" if link not in was else "changed"
        if kind == "changed" and was[link]["code"] == now[link]["code"]:
            continue
        pair = now.get(link) or was[link]
        found.append({name: pair.get(name) for name in WHO} | {"kind": kind, "before": sides[0], "after": sides[1]})
    return sorted(found, key=lambda one: (one["township"], one["need"], one["kind"], one["commissioner"]))


def _side(entry: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give what one plan says of a pair: its code and first sentence; nothing where it was neither made nor claimed."""
    if entry is None:
        return None
    return {"code": entry.get("code"), "score": entry.get("score"), "reason": next(iter(entry["reasons"]), "")}
