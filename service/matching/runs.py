"""One run over a whole round: lay out, solve, tell, keep; one part a county (R-MATCH-5, R-MATCH-7)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.matching import Plan, Proposal, Run
from models.needs import Need, Round
from rules.matching import CODE_VERSION
from service.core import moves
from service.core.unit import UnitOfWork
from service.matching import pricing, standing
from service.matching.inputs import weights_version
from service.matching.kept import basis
from service.matching.orders import Order, RunForm, kept_pairs, links_of, order_of, problem_of, solved
from service.matching.standing import Link, link_of
from service.matching.telling import Telling, telling


def compute(uow: UnitOfWork, row: Round, county: str | None, form: RunForm) -> Plan | Run:
    """Compute and keep a run on a round that is held for this command.

    :returns: the county's part, or for the city the run.
    :raises NotFrozen, NoSeed, PartApproved, NothingToMatch: when the round or the county's part allows no run.
    :raises PinsImpossible: naming every pin that no plan can obey.
    :raises CoverageLost: naming the townships that fall empty by the pins and bans, unless the request names them.
    """
    order = order_of(uow, row, county, form)
    kept = kept_pairs(uow, order)
    problem = problem_of(uow, order, kept)
    solution = solved(problem)
    if not order.draft and (form.pins or form.bans or form.hold):
        pricing.refuse_losses(pricing.of_request(uow, order, kept, solution), form.loses)
    told = telling(uow, problem, solution)
    run = _keep(uow, order, told)
    replaced = [] if order.draft else [one for one in order.parts if one.county_code in order.counties]
    before = {one.county_code: links_of([one]) for one in order.parts}
    for one in replaced:
        moves.apply(uow, one, "supersede", title=row.title)
    run.parts = [
        _part(uow, run, told.body(code, kept if form.keep else before.get(code, frozenset())), code)
        for code in order.counties
    ]
    if not order.draft:
        _propose(uow, row, run.parts, replaced)
    return run if county is None else run.parts[0]


def _keep(uow: UnitOfWork, order: Order, told: Telling) -> Run:
    """Keep the run for ever: instance, plan, digests, what was overridden by whom, which code and which weights."""
    row, problem, solution = order.row, told.problem, told.plan
    wishes = problem.wishes
    run = Run(
        id=new_id(),
        created_at=uow.now,
        county_code=order.county or row.city_code,
        round_id=row.id,
        seed=wishes.seed,
        draft=order.draft,
        made_by=uow.actor.person_id,
        for_county=order.county,
        inputs_digest=order.digest,
        digest=solution.digest,
        instance=problem.instance.to_json(),
        plan=solution.to_json(),
        body=told.body(None, wishes.previous | wishes.fixed),
        overrides=_overridden(uow, row, told),
        basis=basis(problem, order.supplement),
        weights_version=weights_version(problem.content),
        code_version=CODE_VERSION,
    )
    uow.session.add(run)
    uow.session.flush()
    role = "county" if order.county else "city"
    uow.record("plan.create", run, [], role=role, title=row.title, draft=run.draft, digest=run.digest)
    return run


def _overridden(uow: UnitOfWork, row: Round, told: Telling) -> list[dict[str, Any]]:
    """List the pins and bans that a run obeys, of the request and of before, and what it was not to touch."""
    wishes, live = told.problem.wishes, told.problem.live
    by = str(uow.actor.person_id) if uow.actor.person_id else None
    authors = {
        (str(one.claimant_key), str(one.need_id)): str(one.author_id) if one.author_id else None
        for one in standing.overrides(uow, row.id)
    }
    links: tuple[tuple[str, Mapping[Link, str], str | None], ...] = (
        ("pin", wishes.pins, by),
        ("ban", wishes.bans, by),
        ("set", live.pins, None),
        ("refused", live.bans, None),
        ("kept", dict.fromkeys(sorted(wishes.fixed | wishes.survivors), ""), None),
    )
    return [
        {
            "kind": kind,
            "claimant": key,
            "need": need,
            "claim": told.claim(key, need),
            "reason": reason,
            "by": author or authors.get((key, need)),
        }
        for kind, words, author in links
        for (key, need), reason in words.items()
    ]


def _part(uow: UnitOfWork, run: Run, body: dict[str, Any], county: str) -> Plan:
    part = Plan(id=new_id(), county_code=county, run_id=run.id, round_id=run.round_id, draft=run.draft, body=body)
    return moves.start(uow, part)


def _propose(uow: UnitOfWork, row: Round, parts: Sequence[Plan], replaced: Sequence[Plan]) -> None:
    """Ask both sides about every pair that they did not choose; what they answered before still counts (R-MATCH-6).

    Who was proposed and claimed since is asked no more: both sides chose.
    """
    rows = uow.session.scalars(sa.select(Proposal).where(Proposal.round_id == row.id)).all()
    known = {(str(one.claimant_key), str(one.need_id)): one for one in rows}
    for one in rows:
        if one.plan_id in {part.id for part in replaced}:
            one.plan_id = None
    for part in parts:
        for pair in part.body["pairs"]:
            if not pair["asks_consent"]:
                continue
            asked = known.get(link_of(pair))
            if asked is not None:
                asked.plan_id = part.id
            else:
                _ask(uow, row, part, pair)
    uow.session.flush()


def _ask(uow: UnitOfWork, row: Round, part: Plan, pair: Mapping[str, Any]) -> None:
    need = uow.session.get_one(Need, UUID(pair["need"]))
    proposal = Proposal(
        id=new_id(),
        county_code=need.county_code,
        township_code=need.township_code,
        round_id=row.id,
        need_id=need.id,
        claim_id=UUID(pair["claim"]) if pair["claim"] else None,
        person_id=UUID(pair["commissioner"]),
        team_id=UUID(pair["team"]) if pair["team"] else None,
        claimant_key=UUID(link_of(pair)[0]),
        plan_id=part.id,
        reason=pair["reasons"][0],
    )
    moves.start(uow, proposal)
