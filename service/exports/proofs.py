"""What outsiders check a round by, as files: its frozen problem, each run's problem and plan, under pseudonyms."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.matching import Freeze, Plan, Run, Supplement
from models.needs import Round
from rules.matching.instance import canonical_json
from service.core import gate
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.exports.files import File
from service.matching import supplements
from service.matching.inputs import scale_of, weights_version
from service.matching.standing import SETTLING

JSON = "application/json"


def _file(name: str, content: Mapping[str, Any]) -> File:
    return File(f"{name}.json", JSON, canonical_json(content))


def _frozen(uow: UnitOfWork, round_id: UUID) -> Freeze:
    row = gate.fetch(uow, Round, round_id)
    found = uow.session.scalar(sa.select(Freeze).where(Freeze.round_id == row.id))
    if found is None:
        raise NotFound
    return found


def frozen_instance(uow: UnitOfWork, round_id: UUID, *, supplement: int | None = None) -> File:
    """Give the frozen problem without a seed: the SHA-256 of this file is the digest that was published (R-MATCH-2).

    :param supplement: the number of a supplement, for the problem with what it appended.
    """
    frozen = _frozen(uow, round_id)
    if supplement is None:
        return _file(f"instance-{round_id}", frozen.instance)
    wanted = sa.select(Supplement.instance).where(
        Supplement.round_id == round_id, Supplement.number == supplement, Supplement.state == "closed"
    )
    instance = uow.session.scalar(wanted)
    if instance is None:
        raise NotFound
    return _file(f"instance-{round_id}-{supplement}", instance)


def run_instance(uow: UnitOfWork, run_id: UUID) -> File:
    """Give the problem that a run solved: to anybody once a part of it was approved, before that to its staff."""
    return _file(f"instance-{run_id}", _open_run(uow, run_id).instance)


def run_plan(uow: UnitOfWork, run_id: UUID) -> File:
    """Give a run's plan with its certificate: to anybody once a part of it was approved, before that to its staff."""
    return _file(f"plan-{run_id}", _open_run(uow, run_id).plan)


def _published() -> sa.ColumnElement[bool]:
    approved = sa.exists().where(Plan.run_id == Run.id, Plan.state.in_(SETTLING))
    return sa.and_(Run.draft.is_(False), approved)


def _open_run(uow: UnitOfWork, run_id: UUID) -> Run:
    seen = sa.exists().where(Plan.run_id == Run.id, gate.visible(uow, Plan))
    allowed = sa.or_(_published(), gate.visible(uow, Run), seen)
    run = uow.session.scalar(sa.select(Run).where(Run.id == run_id, allowed))
    if run is None:
        raise NotFound
    return run


def proof(uow: UnitOfWork, round_id: UUID) -> dict[str, Any]:
    """Tell in which order a round was frozen, its seed drawn and its runs made, with every digest (R-MATCH-2)."""
    row, frozen = gate.fetch(uow, Round, round_id), _frozen(uow, round_id)
    scale = scale_of(frozen.inputs)
    runs = uow.session.scalars(sa.select(Run).where(Run.round_id == row.id, _published()).order_by(Run.created_at))
    drafts = sa.select(sa.func.count()).select_from(Run).where(Run.round_id == row.id, Run.draft)
    if row.seeded_at is not None:
        drafts = drafts.where(Run.created_at < row.seeded_at)
    return {
        "round": row.id,
        "digest": frozen.digest,
        "frozen_at": row.frozen_at,
        "seed": row.seed,
        "seeded_at": row.seeded_at,
        "seed_source": row.seed_source,
        "drafts_before_seed": uow.session.scalar(drafts),
        "weights": {
            "version": weights_version(frozen.inputs),
            "digest": scale.digest(),
            "approver": scale.approver,
            **scale.to_json(),
        },
        "supplements": supplements.chained(uow, row.id),
        "runs": [
            {
                "id": run.id,
                "created_at": run.created_at,
                "digest": run.digest,
                "inputs_digest": run.inputs_digest,
                "code": run.code_version,
                "counties": [one.county_code for one in run.parts if one.state in SETTLING],
            }
            for run in runs
        ],
    }
