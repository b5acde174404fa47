"""Freeze a round, draw its seed, compute plans, hand parts in, reject them, replace a pair."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.claims import Claim
from models.matching import Freeze, Override, Plan, Run
from models.needs import Need, Round
from service.core import gate, moves
from service.core.problems import Conflict, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.matching import pricing, queries, standing
from service.matching.inputs import gather, weights_version
from service.matching.instances import frozen
from service.matching.orders import NotFrozen, RunForm, scope
from service.matching.runs import compute
from service.matching.standing import Link, SupplementOpen, link_of
from service.regions.queries import county_names

__all__ = ["RunForm", "draw_seed", "freeze", "reject", "replace", "run", "submit"]


class TooEarlyToFreeze(Conflict):
    """Townships may still rank."""

    kind, title = "too-early-to-freeze", "排序尚未截止，不能冻结"


class SeedDrawn(Conflict):
    """The seed is drawn once and never again (R-MATCH-2)."""

    kind, title = "seed-drawn", "种子数已经抽取，不能更改"


class DraftPlan(Conflict):
    """A what-if cannot be submitted, nor replaced in."""

    kind, title = "draft-plan", "试算草案不能提交或调整"


class PlanStale(Conflict):
    """What the plan rests on changed; `faults` names each change (R-MATCH-6)."""

    kind, title = "plan-stale", "方案所依据的情况已有变化，请重新计算"


class ConsentMissing(Conflict):
    """Proposals that both sides have not accepted yet; `proposals` names them (R-MATCH-6)."""

    kind, title = "consent-missing", "还有提议未得到双方同意"


class NotReplaceable(Conflict):
    """The replacement cannot be made on this plan."""

    kind, title = "not-replaceable", "不能作此调整"


def freeze(uow: UnitOfWork, round_id: UUID) -> Round:
    """Freeze the round's inputs and publish their digest; the seed is drawn only then (R-MATCH-2).

    The digest is the SHA-256 of the file that anybody may download from then on.

    :raises TooEarlyToFreeze: before `ranking_until`.
    :raises WrongState: unless the round is published.
    """
    row = gate.fetch(uow, Round, round_id, "round.freeze", lock=True)
    if row.state == "published" and uow.now < row.ranking_until:
        raise TooEarlyToFreeze(ranking_until=row.ranking_until.isoformat())
    moves.apply(uow, row, "freeze", title=row.title)
    inputs = gather(uow, row)
    instance = frozen(inputs)
    digest = instance.digest()
    common = {"created_at": uow.now, "county_code": row.city_code, "round_id": row.id}
    uow.session.add(Freeze(id=new_id(), inputs=inputs, instance=instance.to_json(), digest=digest, **common))
    row.frozen_at, row.frozen_digest = uow.now, digest
    uow.record("round.freeze", row, digest=digest, weights=weights_version(inputs))
    gate.hand_out(uow, [row])
    return row


def draw_seed(uow: UnitOfWork, round_id: UUID, *, seed: str, source: str | None = None) -> Round:
    """Record the seed that was drawn in public, once, after the freeze (R-MATCH-2).

    :param source: where and before whom it was drawn.
    :raises NotFrozen: before the freeze, or after the round's end.
    :raises SeedDrawn: the second time, whatever the seed.
    """
    row = gate.fetch(uow, Round, round_id, "plan.seed", lock=True)
    if row.state != "frozen":
        raise NotFrozen(state=row.state)
    if row.seed is not None:
        raise SeedDrawn(seed=row.seed)
    row.seed, row.seeded_at, row.seed_source = seed, uow.now, source
    row.version += 1
    changes = [{"thing": "round", "id": str(row.id), "fields": ["seed"]}]
    uow.record("round.seed", row, changes, title=row.title, seed=seed, digest=row.frozen_digest)
    gate.hand_out(uow, [row])
    return row


def run(uow: UnitOfWork, round_id: UUID, form: RunForm) -> dict[str, Any]:
    """Compute a plan over the whole round (R-MATCH-7).

    A county gets its own part; other counties' standing pairs stay. The city gets all, with `parts`. With a seed of
    one's own it is a draft. An official run takes the place of the parts that are not approved yet.

    :raises NotFrozen, NoSeed, PartApproved, NothingToMatch, PinsImpossible: when there can be no such run.
    """
    row = gate.fetch(uow, Round, round_id, lock=True)
    if row.state == "draft":
        raise NotFound
    return _shown(uow, compute(uow, row, scope(uow, row), form))


def _shown(uow: UnitOfWork, made: Plan | Run) -> dict[str, Any]:
    return queries.shown_run(uow, made) if isinstance(made, Run) else queries.shown(uow, made)


def _held(uow: UnitOfWork, plan_id: UUID, action: str) -> Plan:
    """Give a part, with its round held: nothing that the part rests on changes meanwhile.

    :raises NotFrozen: once the round is closed.
    """
    plan = gate.fetch(uow, Plan, plan_id, action)
    row = uow.session.get_one(Round, plan.round_id, with_for_update=True, populate_existing=True)
    if row.state != "frozen":
        raise NotFrozen(state=row.state)
    return gate.fetch(uow, Plan, plan_id, action, lock=True)


def submit(uow: UnitOfWork, plan_id: UUID) -> dict[str, Any]:
    """Hand a county's part in for approval.

    :raises DraftPlan: for a what-if.
    :raises SupplementOpen: while claims are taken once more on needs of the county.
    :raises PlanStale: if a claim was withdrawn, a proposal declined or a ban set since it was computed (R-MATCH-6).
    :raises ConsentMissing: while a proposal lacks an answer.
    """
    plan = _held(uow, plan_id, "plan.submit")
    if plan.draft:
        raise DraftPlan
    if plan.state == "prepared":
        if standing.supplemented(uow, plan):
            raise SupplementOpen("补报结束并重新计算之后，方案才能提交")
        if found := standing.faults(uow, [plan])[plan.id]:
            raise PlanStale("；".join(found[:5]), faults=found)
        if waiting := queries.unanswered(uow, plan):
            names = [f"{pair['commissioner_name']}—「{pair['need_title']}」" for pair in waiting]
            raise ConsentMissing("；".join(names[:5]), proposals=names)
    moves.apply(uow, plan, "submit", title=plan.round.title)
    return queries.shown(uow, plan)


def reject(uow: UnitOfWork, plan_id: UUID, reason: str) -> dict[str, Any]:
    """Refuse a submitted part, as somebody else than who submitted it, with a reason."""
    plan = _held(uow, plan_id, "plan.reject")
    moves.apply(uow, plan, "reject", reason, title=plan.round.title)
    return queries.shown(uow, plan)


def replace(
    uow: UnitOfWork, plan_id: UUID, *, need: UUID, claim: UUID, reason: str, loses: Sequence[str] = ()
) -> dict[str, Any]:
    """Give a need to another claimant than computed: a pin, and a ban on whom it replaces (R-MATCH-5).

    The new part holds the pair as a proposal that both sides must accept (R-MATCH-6). The claim names the claimant; it
    may be on another need. Where all places are taken, the pair of the lowest score gives way.

    :raises NotReplaceable: if the part no longer stands or the claimant is there already.
    :raises PinsImpossible: if the claimant is not able, was declined, or is bound elsewhere.
    :raises CoverageLost: if townships fall empty by it that `loses` does not name.
    """
    plan = _held(uow, plan_id, "plan.replace")
    if plan.draft:
        raise DraftPlan
    if plan.state not in {"prepared", "rejected"}:
        raise NotReplaceable("方案已提交、批准或被取代，不能调整", state=plan.state)
    if any(one.county_code == plan.county_code and one.id != plan.id for one in standing.parts(uow, plan.round_id)):
        raise NotReplaceable("已有更新的方案，请在新方案上调整")
    chosen = _replacement(uow, plan, need, claim)
    key, pairs = str(chosen.claimant_key), [pair for pair in plan.body["pairs"] if pair["need"] == str(need)]
    if key in {link_of(pair)[0] for pair in pairs}:
        raise NotReplaceable("方案已安排该人员（团队）对接此需求")
    full = bool(pairs) and len(pairs) >= uow.session.get_one(Need, need).places
    gives_way = link_of(min(pairs, key=lambda pair: (pair["score"], link_of(pair)))) if full else None
    _override(uow, plan, need, chosen, gives_way, reason=reason)
    facts = {"title": plan.round.title, "need": str(need), "claim": str(claim), "reason": reason}
    changes = [{"thing": "plan", "id": str(plan.id), "fields": ["overrides"]}]
    uow.record("plan.replace", plan, changes, role="county", **facts)
    made = compute(uow, plan.round, plan.county_code, _asked_again(plan, key, {(key, str(need)), gives_way}))
    if (key, str(need)) not in {link_of(pair) for pair in made.body["pairs"]}:
        raise NotReplaceable("该人员（团队）不符合此需求的条件，或被乡镇谢绝，或本人已谢绝")
    reached, kept = ({pair["township"]: pair["township_name"] for pair in one.body["pairs"]} for one in (plan, made))
    lost = [{"code": code, "name": name} for code, name in sorted(reached.items()) if code not in kept]
    short = _counties_short(made) - _counties_short(plan)
    lost += [{"code": code, "name": name} for code, name in sorted(county_names(uow).items()) if code in short]
    pricing.refuse_losses(lost, loses)
    return _shown(uow, made)


def _counties_short(plan: Plan | Run) -> set[str]:
    return {one["county"] for one in plan.body["aims"].get("counties", ()) if one["came"] < one["floor"]}


def _asked_again(plan: Plan, mover: str, overruled: set[Link | None]) -> RunForm:
    """Give the county's pins and bans that the part was computed with, but for what the replacement overrules."""
    own = {one["claim"] for one in (*plan.body["pairs"], *plan.body["losing"])}
    again = [
        one for one in plan.run.overrides if one["claim"] in own and (one["claimant"], one["need"]) not in overruled
    ]
    return RunForm(
        pins=[UUID(one["claim"]) for one in again if one["kind"] == "pin" and one["claimant"] != mover],
        bans=[{"claim": one["claim"], "reason": one["reason"]} for one in again if one["kind"] == "ban"],
    )


def _replacement(uow: UnitOfWork, plan: Plan, need: UUID, claim: UUID) -> Claim:
    township = sa.select(Need.township_code).where(Need.id == need, Need.round_id == plan.round_id)
    frozen = uow.session.scalars(sa.select(Freeze).where(Freeze.round_id == plan.round_id)).one().inputs["townships"]
    counties = dict(zip(frozen["code"], frozen["county"], strict=True))
    errors = {}
    if counties.get(uow.session.scalar(township)) != plan.county_code:
        errors["need"] = ["不是本方案中的需求"]
    chosen = uow.session.scalar(gate.select(uow, Claim).where(Claim.id == claim))
    if chosen is None or chosen.round_id != plan.round_id or chosen.state != "active":
        errors["claim"] = ["不是本批次的有效揭榜"]
    if errors or chosen is None:
        raise Invalid(errors=errors)
    return chosen


def _override(uow: UnitOfWork, plan: Plan, need: UUID, chosen: Claim, gives_way: Link | None, *, reason: str) -> None:
    """Set the pin of the chosen and the ban of who gives way; what staff set before on either is over."""
    for old in standing.overrides(uow, plan.round_id):
        same = old.need_id == need
        if old.claimant_key == chosen.claimant_key and (old.kind != standing.BAN or same):
            old.expires_at = uow.now
        if gives_way and same and str(old.claimant_key) == gives_way[0]:
            old.expires_at = uow.now
    common = {"created_at": uow.now, "county_code": plan.county_code, "round_id": plan.round_id, "need_id": need}
    common |= {"author_id": uow.actor.person_id, "reason": reason}
    pin = {"kind": standing.REPLACEMENT, "claimant_key": chosen.claimant_key, "claim_id": chosen.id}
    uow.session.add(Override(id=new_id(), **pin, **common))
    if gives_way:
        uow.session.add(Override(id=new_id(), kind=standing.BAN, claimant_key=UUID(gives_way[0]), **common))
    uow.session.flush()
