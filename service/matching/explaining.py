"""Why anybody is at a need, or is not: for staff any pair of theirs, for claimants their own (R-MATCH-4, R-CLAIM-2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.claims import Claim
from models.matching import Plan, Run
from models.needs import Need, Round
from rules.matching.explain import explain as explain_pair
from rules.matching.lottery import number, person_ticket
from rules.matching.reasons import Reason
from rules.matching.score import TITLES, tell_bill, total
from rules.matching.sentences import tell
from service.core import gate
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.matching import kept, lists
from service.matching.inputs import claim_rows, facts_of, scale_of
from service.matching.instances import Place, Problem
from service.matching.standing import SETTLING
from service.matching.telling import Telling


def explain(uow: UnitOfWork, plan_id: UUID, *, claimant: UUID, need: UUID) -> dict[str, Any]:
    """Explain one pair of a plan in one's jurisdiction, claimed or not: code, facts, sentences, bill, lottery.

    :param claimant: a person or a team of the frozen lists.
    :raises NotFound: if either is not among them, or the need is not in the part.
    """
    whole = uow.session.get(Run, plan_id)
    plan = gate.fetch(uow, Run, plan_id) if whole is not None else gate.fetch(uow, Plan, plan_id)
    told = kept.told(uow, plan if isinstance(plan, Run) else plan.run)
    place = _place(told.problem, str(claimant), str(need))
    if isinstance(plan, Plan) and told.entry(*place)["county"] != plan.county_code:
        raise NotFound
    return _told(told, place)


def _place(problem: Problem, claimant: str, need: str) -> Place:
    people = problem.content["people"]
    alone = zip(people["person"], people["team"], strict=True)
    at = problem.person_at.get(claimant)
    if at is None:
        at = next((one for one, row in enumerate(alone) if row == (claimant, None)), None)
    if at is None or need not in problem.need_at:
        raise NotFound
    return at, problem.need_at[need]


def _told(told: Telling, place: Place) -> dict[str, Any]:
    problem = told.problem
    words = problem.background
    if place not in problem.eligible and place not in words.excluded:
        words = replace(words, excluded={**words.excluded, place: problem.why_not(*place)})
    reason = explain_pair(problem.instance, told.plan, place, words)
    bill, code = _bill(problem, place), problem.content["people"]["code"][place[0]]
    held = any((hold.person, hold.need) == place for hold in told.plan.holds)
    return told.entry(*place) | {
        "code": reason.code,
        "assigned": any((pair.person, pair.need) == place for pair in told.plan.pairs),
        "held": held,
        "facts": facts(problem, reason),
        "reasons": [tell(reason, told.names, claimant=False), *([f"得分：{bill['text']}"] if bill else [])],
        "told": tell(reason, told.names),
        "bill": bill,
        "lottery": _lottery(problem.wishes.seed, code),
    }


def facts(problem: Problem, reason: Reason) -> dict[str, Any]:
    """Give a reason's facts with ids in the place of indexes."""
    needs, codes = problem.content["needs"]["id"], problem.content["townships"]["code"]
    found = dict(reason.facts)
    if "township" in found:
        found["township"] = codes[found["township"]]
    if "county" in found:
        found["county"] = problem.counties[found["county"]]
    for name in ("instead", "lost"):
        if name in found:
            places = found[name] if isinstance(found[name], tuple) else (found[name],)
            found[name] = [needs[one] for one in places]
    return found


def _lottery(seed: str, code: str) -> dict[str, Any]:
    return {"code": code, "number": number(person_ticket(seed, code))}


def _bill(problem: Problem, place: Place) -> dict[str, Any] | None:
    """Give the bill of an eligible pair; a pair that is not eligible has no score."""
    content = problem.content
    links = zip(content["pairs"]["person"], content["pairs"]["need"], strict=True)
    row = next((at for at, link in enumerate(links) if link == place), None)
    if row is None:
        return None
    rows = scale_of(content).bill(facts_of(content, row, claim_rows(content)))
    return {
        "rows": [
            {
                "name": one.name,
                "title": TITLES[one.name],
                "value": one.value,
                "points": one.points,
                "weight": one.weight,
                "product": one.product,
            }
            for one in rows
        ],
        "total": total(rows),
        "text": tell_bill(rows),
    }


def mine(uow: UnitOfWork, round_id: UUID) -> dict[str, Any]:
    """Tell a claimant the number in the lottery and what became of each claim, one's own and one's teams'.

    The number is known once the seed is drawn, before any plan. A claim's reason is told when its county's part was
    approved; before that it may still change.
    """
    row = gate.fetch(uow, Round, round_id)
    if row.state == "draft":
        raise NotFound
    claims = uow.session.scalars(
        gate.select(uow, Claim, {"commissioner"}).where(Claim.round_id == row.id).order_by(Claim.preference, Claim.id)
    ).all()
    frozen = lists.newest(uow, row.id)
    lots = {} if frozen is None else _lots(frozen.inputs, row.seed, claims)
    told = _announced(uow, row)
    return {
        "round": row.id,
        "lots": list(lots.values()),
        "claims": [_outcome(uow, one, told) for one in claims],
    }


def _lots(content: Mapping[str, Any], seed: str | None, claims: Sequence[Claim]) -> dict[str, dict[str, Any]]:
    people = content["people"]
    codes = dict(zip(people["id"], people["code"], strict=True))
    keys = {str(one.claimant_key): one for one in claims}
    return {
        key: {
            "team": one.team_id,
            "code": codes[key],
            "number": None if seed is None else _lottery(seed, codes[key])["number"],
        }
        for key, one in keys.items()
        if key in codes
    }


def _announced(uow: UnitOfWork, row: Round) -> dict[str, Telling]:
    """Give, by county, the plan of its approved part."""
    plans = uow.session.scalars(
        sa.select(Plan).where(Plan.round_id == row.id, Plan.draft.is_(False), Plan.state.in_(SETTLING))
    ).all()
    runs = {one.run_id: one.run for one in plans if one.run.basis}
    told = {key: kept.told(uow, run) for key, run in runs.items()}
    return {one.county_code: told[one.run_id] for one in plans if one.run_id in told}


def _outcome(uow: UnitOfWork, claim: Claim, announced: Mapping[str, Telling]) -> dict[str, Any]:
    head = {"claim": claim.id, "need": claim.need_id, "team": claim.team_id}
    need = uow.session.get_one(Need, claim.need_id)
    told = announced.get(need.township.managing_county_code or "")
    known = told is not None and str(claim.claimant_key) in told.problem.person_at
    if told is None or not known or str(claim.need_id) not in told.problem.need_at:
        return head | {"need_title": need.title, "outcome": "pending"}
    one = _told(told, _place(told.problem, str(claim.claimant_key), str(claim.need_id)))
    shown = {name: one[name] for name in ("code", "facts", "told", "bill")}
    return head | {"need_title": need.title, "outcome": "assigned" if one["assigned"] else "lost"} | shown
