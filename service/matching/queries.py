"""Plans and runs as the API shows them: what was computed, with what people answered since."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.matching import Plan, Proposal, Run
from rules.states import label
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.unit import UnitOfWork
from service.matching.standing import Link, faults, link_of
from service.regions.queries import county_names


def plan(uow: UnitOfWork, plan_id: UUID) -> dict[str, Any]:
    """Give a county's part, or a whole run to the city."""
    if uow.session.get(Run, plan_id) is not None:
        return shown_run(uow, gate.fetch(uow, Run, plan_id))
    return shown(uow, gate.fetch(uow, Plan, plan_id))


def plans(
    uow: UnitOfWork,
    ask: Ask,
    *,
    round: UUID | None = None,  # noqa: A002  (the filter's public name)
    state: str | None = None,
    county: str | None = None,
) -> Page[dict[str, Any]]:
    """List the counties' parts in one's jurisdiction, newest first, without their pairs."""
    statement = gate.select(uow, Plan).options(selectinload(Plan.run), selectinload(Plan.round))
    if round:
        statement = statement.where(Plan.round_id == round)
    if state:
        statement = statement.where(Plan.state == state)
    if county:
        statement = statement.where(Plan.county_code == county)
    found = page(statement, (Plan.created_at, Plan.id), ask, lambda s: gate.rows(uow, s))
    stale, names = faults(uow, found.items), county_names(uow)
    return Page([_head(one, stale[one.id], names) for one in found.items], found.next)


def shown(uow: UnitOfWork, row: Plan) -> dict[str, Any]:
    """Give a part whole, as its caller sees it."""
    uow.session.flush()
    gate.hand_out(uow, [row])
    head = _head(row, faults(uow, [row])[row.id], county_names(uow))
    return head | _answered(uow, row.round_id, row.body) | {"etag": row.etag}


def shown_run(uow: UnitOfWork, run: Run) -> dict[str, Any]:
    """Give a whole run with its parts. Its state is that of the part that is least far; it has no moves of its own."""
    uow.session.flush()
    parts = sorted(run.parts, key=lambda one: one.county_code)
    gate.hand_out(uow, parts)
    stale, names = faults(uow, parts), county_names(uow)
    order = ["superseded", "rejected", "prepared", "submitted", "approved", "settled"]
    state = min((one.state for one in parts), key=order.index, default="superseded")
    return {
        "id": run.id,
        "run": run.id,
        "round": run.round_id,
        "round_title": run.round.title,
        "county": None,
        "county_name": None,
        "state": state,
        "state_label": label("plan", state),
        "moves": [],
        "draft": run.draft,
        "seed": run.seed,
        "digest": run.digest,
        "inputs_digest": run.inputs_digest,
        "stale": any(stale.values()),
        "faults": [fault for one in parts for fault in stale[one.id]],
        "created_at": run.created_at,
        "parts": [_head(one, stale[one.id], names) for one in parts],
        "overrides": run.overrides,
        "weights": run.weights_version,
        "code": run.code_version,
        **_answered(uow, run.round_id, run.body),
    }


def _head(row: Plan, stale: Sequence[str], names: Mapping[str, str]) -> dict[str, Any]:
    """Give what a list shows of a part; a draft or a stale part cannot be submitted."""
    held_up = {"submit"} if row.draft or stale else set()
    return {
        "id": row.id,
        "run": row.run_id,
        "round": row.round_id,
        "round_title": row.round.title,
        "county": row.county_code,
        "county_name": names.get(row.county_code),
        "state": row.state,
        "state_label": label("plan", row.state),
        "state_since": row.state_since,
        "state_reason": row.state_reason,
        "moves": [name for name in row.moves if name not in held_up],
        "draft": row.draft,
        "seed": row.run.seed,
        "digest": row.run.digest,
        "inputs_digest": row.run.inputs_digest,
        "stale": bool(stale),
        "faults": list(stale),
        "publicity": row.publicity_id,
        "aims": row.body.get("aims", {}),
        "created_at": row.created_at,
        "weights": row.run.weights_version,
        "code": row.run.code_version,
    }


def _answered(uow: UnitOfWork, round_id: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give a body with what both sides said by now to the pairs that ask for their consent (R-MATCH-6)."""
    asked = proposals_of(uow, round_id)
    return {**body, "pairs": [pair | consent(pair, asked) for pair in body.get("pairs", ())]}


def proposals_of(uow: UnitOfWork, round_id: UUID) -> dict[Link, Proposal]:
    """Give all proposals of a round by claimant and need."""
    rows = uow.session.scalars(sa.select(Proposal).where(Proposal.round_id == round_id))
    return {(str(one.claimant_key), str(one.need_id)): one for one in rows}


def consent(pair: Mapping[str, Any], asked: Mapping[Link, Proposal]) -> dict[str, Any]:
    """Say how far the consent to a pair is: nothing for a pair of mutual choice, `needed` in a draft."""
    row = asked.get(link_of(pair)) if pair.get("asks_consent", True) else None
    if row is None:
        return {"consent": {"proposal": None, "state": "needed"}} if pair.get("asks_consent") else {}
    return {
        "consent": {
            "proposal": row.id,
            "state": row.state,
            "commissioner": row.commissioner_accepted_at is not None,
            "township": row.township_accepted_at is not None,
        }
    }


def unanswered(uow: UnitOfWork, row: Plan) -> Iterable[Mapping[str, Any]]:
    """Give the pairs of a part that both sides have not accepted yet."""
    asked = proposals_of(uow, row.round_id)
    answers = ((pair, consent(pair, asked).get("consent")) for pair in row.body["pairs"])
    return [pair for pair, said in answers if said is not None and said["state"] != "accepted"]
