"""A closed account's name in what plans say: runs, parts, proposals and pairings say the same of nobody (R-VISIT-8).

What a plan proves (instance, plan, digests) holds pseudonyms and is not touched; nor is a list that was published.
"""

from typing import Any

import sqlalchemy as sa

from models.identity import Person
from models.matching import Plan, Proposal, Run
from models.pairings import Pairing
from rules.matching.sentences import retell_violator
from service.core.unit import UnitOfWork

_QUIETLY = {"synchronize_session": False}


def replace(uow: UnitOfWork, person: Person, word: str) -> list[dict[str, Any]]:
    """Put another word for the name wherever a plan tells of the person, and give what changed.

    Bodies of runs and parts are kept from every other hand (R-MATCH-5), so they are written past the mapper.
    """
    changes = []
    for model in (Run, Plan):
        mine = sa.cast(model.body, sa.Text).contains(str(person.id))
        for one in uow.session.scalars(sa.select(model.id).where(mine).order_by(model.id)).all():
            body = uow.session.scalars(sa.select(model.body).where(model.id == one)).one()
            changes += _write(uow, model, one, "body", _retold(body, str(person.id), person.name, word))
    for asked in uow.session.execute(sa.select(Proposal.id, Proposal.reason).where(Proposal.person_id == person.id)):
        changes += _write(uow, Proposal, asked.id, "reason", _without(asked.reason, person.name, word))
    for made in uow.session.execute(sa.select(Pairing.id, Pairing.reasons).where(Pairing.person_id == person.id)):
        changes += _write(uow, Pairing, made.id, "reasons", _without(made.reasons, person.name, word))
    return changes


def _retold(body: dict[str, Any], person: str, name: str, word: str) -> dict[str, Any]:
    """Give a body in which the entries about a person, and the gaps for which they are able, say another word."""

    def retell(one: dict[str, Any]) -> dict[str, Any]:
        if person in one.get("candidates", ()):
            return one | {"reason": retell_violator(one["reason"], name, word)}
        mine = one.get("commissioner") == person
        return {key: _without(value, name, word) for key, value in one.items()} if mine else one

    return {key: [retell(one) for one in part] if isinstance(part, list) else part for key, part in body.items()}


def _without(value: Any, name: str, word: str) -> Any:
    if isinstance(value, list):
        return [_without(one, name, word) for one in value]
    return value.replace(name, word) if isinstance(value, str) else value


def _write(uow: UnitOfWork, model: Any, one: Any, column: str, value: Any) -> list[dict[str, Any]]:
    """Write a column as its row's next version."""
    values = {column: value, "version": model.version + 1}
    uow.session.execute(sa.update(model).where(model.id == one).values(**values).execution_options(**_QUIETLY))
    return [{"thing": model.__thing__, "id": str(one), "fields": [column]}]
