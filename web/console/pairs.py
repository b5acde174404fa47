"""A plan questioned at the desk: why is somebody at a need or not, what a pin costs, what differs, the figures."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.matching import Plan
from models.needs import Round
from rules.needs import URGENCY
from service.core import gate
from service.core.paging import Ask
from service.core.problems import Invalid, NotFound, Refusal
from service.core.unit import UnitOfWork
from service.matching import commands, comparing, explaining, overrides, pricing, queries, statistics, supplements
from service.matching.orders import RunForm
from service.matching.overrides import KINDS, OverrideForm
from service.matching.wording import COUNTS, GROUPS, OVERRIDES, PRICES, REASONS, share
from service.publicity import evidence
from web.page import Pages, form, page
from web.schemas.base import Choice, Id, In, Line, Reason, Secret, Words

pages = Pages("console_pairs", "/console", session=True)

PAIR = "/plans/<uuid:plan_id>/pairs/<uuid:claimant>/<uuid:need>"
CODES_MAX = 4000


class EarlierAsked(In):
    """The plan to compare with."""

    earlier = Id(load_default=None)


class PinForm(In):
    """A pin or a ban, with the price that was shown and the townships that it empties."""

    kind = Choice(KINDS, required=True)
    reason = Words(500, required=True)
    basis = Secret(64, required=True)
    loses = Line(CODES_MAX, shortest=0, load_default="")


class RunAgainForm(In):
    """All anew, or the holes alone."""

    how = Choice({"all", "holes"}, required=True)


def _pair(uow: UnitOfWork, plan_id: UUID, claimant: UUID, need: UUID) -> Mapping[str, Any]:
    found = evidence.evidence(uow, plan_id)
    facts = {"plan": found.plan, "county": found.county, "kinds": KINDS, "reason_names": REASONS, "price": None}
    try:
        told = explaining.explain(uow, plan_id, claimant=claimant, need=need)
    except NotFound:
        return facts | {"one": _noted(found, claimant, need), "no_price": None}
    return facts | {"one": told} | _price(uow, found.plan, told)


def _noted(found: evidence.Evidence, claimant: UUID, need: UUID) -> dict[str, Any]:
    """Give what the plan itself notes of a pair, where what it was computed from was not kept.

    :raises NotFound: if it notes nothing.
    """
    for one, _ in found.pairs:
        if (one.claimant_key, one.need.id) == (claimant, need):
            return _note(one.name, one.need.title, one.need.township.name, one.reasons)
    for row, claims in found.losing:
        for lost in claims:
            if (lost.claim.claimant_key, row.id) == (claimant, need):
                return _note(lost.name, row.title, row.township.name, lost.reasons)
    raise NotFound


def _note(name: str, title: str, township: str, reasons: tuple[str, ...]) -> dict[str, Any]:
    names = {"commissioner_name": name, "need_title": title, "township_name": township}
    return names | {"reasons": reasons, "code": None, "told": None, "bill": None}


def _price(uow: UnitOfWork, plan: Plan, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a pin would cost, or a ban where the pair stands; or why there can be none."""
    if not told["claim"] or plan.draft or plan.state == "superseded" or not uow.actor.may("override.create"):
        return {"price": None, "no_price": None}
    kind = "ban" if told["assigned"] else "pin"
    try:
        claim = [UUID(told["claim"])]
        asked = pricing.PriceForm(bans=claim) if told["assigned"] else pricing.PriceForm(pins=claim)
        return {"price": pricing.price(uow, plan.round_id, asked), "kind": kind, "no_price": None}
    except Refusal as refusal:
        return {"price": None, "kind": kind, "no_price": refusal}


def _set(
    uow: UnitOfWork,
    plan_id: UUID,
    claimant: UUID,
    need: UUID,
    *,
    kind: str,
    reason: str,
    basis: str,
    loses: str,
) -> Any:
    """Save a pin or a ban from the page that showed its price."""
    plan = gate.fetch(uow, Plan, plan_id)
    claim = explaining.explain(uow, plan_id, claimant=claimant, need=need)["claim"]
    if claim is None:
        raise Invalid(errors={"kind": ["没有揭榜，不能指定"]})
    wanted = OverrideForm(kind, UUID(claim), reason, basis, [code for code in loses.split(",") if code])
    return overrides.create(uow, plan.round_id, wanted)


def _again(uow: UnitOfWork, plan_id: UUID, *, how: str) -> dict[str, Any]:
    """Compute the plan's round again, with what was set since."""
    plan = gate.fetch(uow, Plan, plan_id)
    made = commands.run(uow, plan.round_id, RunForm(hold=how == "holes"))
    own = next((one["id"] for one in made.get("parts", ()) if one["county"] == plan.county_code), made["id"])
    return made | {"id": own}


def _compared(uow: UnitOfWork, plan_id: UUID, *, earlier: UUID | None = None) -> Mapping[str, Any]:
    plan = gate.fetch(uow, Plan, plan_id)
    others = queries.plans(uow, Ask(limit=50), round=plan.round_id, county=plan.county_code).items
    return {
        "plan": plan,
        "choices": [one for one in others if one["id"] != plan_id],
        "found": comparing.compare(uow, plan_id, earlier=earlier) if earlier else None,
        "reason_names": REASONS,
    }


def _figures(uow: UnitOfWork, round_id: UUID) -> Mapping[str, Any]:
    return {
        "found": statistics.statistics(uow, round_id),
        "supplements": supplements.chained(uow, round_id),
        "rows": COUNTS,
        "groups": GROUPS,
        "prices": PRICES,
        "set_kinds": OVERRIDES,
        "reason_names": REASONS,
        "urgency": URGENCY,
        "share": share,
    }


def _overrides(uow: UnitOfWork, round_id: UUID) -> Mapping[str, Any]:
    row = gate.fetch(uow, Round, round_id)
    names = {**KINDS, "replacement": "调整"}
    found = overrides.listed(uow, round_id, Ask(limit=100))
    return {"round": row, "page": found, "kinds": names, "may_lift": uow.actor.may("override.lift")}


def _lift(uow: UnitOfWork, round_id: UUID, override_id: UUID, *, reason: str) -> Any:
    if all(one.id != override_id for one in overrides.listed(uow, round_id, Ask(limit=100), living=True).items):
        raise NotFound
    return overrides.lift(uow, override_id, reason)


SHOWN = page(pages, PAIR, who="plan.read", does=_pair, template="console/pair.html")
form(pages, f"{PAIR}/override", who="override.create", does=_set, takes=PinForm(), page=SHOWN, guards=Plan,
     then="/console/plans/{plan_id}", said="人工指定已保存。请重新计算，方案才会按它安排")  # fmt: skip
form(pages, "/plans/<uuid:plan_id>/again", who="plan.create", does=_again, takes=RunAgainForm(), guards=Plan,
     then="/console/plans/{0[id]}", said="已重新计算，这是新的方案")  # fmt: skip
page(pages, "/plans/<uuid:plan_id>/comparison", who="plan.read", does=_compared, template="console/comparison.html",
     query=EarlierAsked())  # fmt: skip
page(pages, "/rounds/<uuid:round_id>/statistics", who="plan.read", does=_figures, template="console/statistics.html")
SET = page(pages, "/rounds/<uuid:round_id>/overrides", who="override.list", does=_overrides,
           template="console/overrides.html")  # fmt: skip
form(pages, "/rounds/<uuid:round_id>/overrides/<uuid:override_id>/lift", who="override.lift", does=_lift,
     takes=Reason(), then="/console/rounds/{round_id}/overrides", said="人工指定已解除。请重新计算方案")  # fmt: skip
