"""What lies on a desk: a need that waits, a plan with its evidence; and the house as it stands in production."""

import dataclasses
from uuid import UUID

from flask import Flask
from sqlalchemy.orm import Session

import wsgi
from models.needs import Round
from service.core.unit import House
from tests.make import START, a_need, a_round, an_approved_need
from tests.rows import a_claim_row, a_pair, a_plan_row, a_proposal_row
from tests.world import World, staged


@staged
def a_waiting_need(world: World, **changes: object) -> str:
    township = world.as_("township")
    need = township.ok("POST", "/needs", a_need(**changes))["id"]
    township.ok("POST", f"/needs/{need}/submit")
    return str(need)


@staged
def a_plan(world: World, state: str = "submitted", *, proposed: bool = False) -> str:
    """A plan of 榕城 with one pair, one loser and one gap."""
    world.at(START)
    round_ = a_round(world)
    need = an_approved_need(world, round_id=round_["id"])
    won, lost = a_claim_row(world, "chen", need), a_claim_row(world, "li", need)
    claim = None if proposed else won
    if proposed:
        a_proposal_row(world, round_["id"], "chen", need)
    pair = a_pair(world, "chen", need, claim, reasons=["双方互相排在第一位"])
    losing = [{"claim": lost, "reasons": ["乡镇把陈茶生排在前面"]}]
    with Session(world.house.engine) as session, session.begin():
        row = session.get_one(Round, UUID(round_["id"]))
        row.state, row.frozen_at = "frozen", START
    return a_plan_row(world, round_["id"], [pair], losing, state=state)


def outside(world: World) -> tuple[House, Flask]:
    """The same house as it would stand in production."""
    settings = dataclasses.replace(world.house.settings, development=False, public_url="https://tepai.example")
    house = wsgi.make_house(settings)
    return house, wsgi.create_app(house)
