"""Rows written straight into the database, for stories that start where others would have to be played first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.claims import Claim
from models.content import ContentCheck
from models.identity import Team, TeamMember
from models.matching import Plan, Proposal, Run
from models.needs import Need
from tests.cast import RONGCHENG
from tests.world import World, new_id


def a_claim_row(world: World, who: str, need: dict[str, Any], team: str | None = None) -> str:
    """A claim as its claimant would have made it; `who` leads the team if there is one."""
    now, made, person = world.house.clock.now(), UUID(new_id()), world.as_(who).id
    with Session(world.house.engine) as session, session.begin():
        row = session.get_one(Need, UUID(need["id"]))
        session.add(
            Claim(
                id=made,
                created_at=now,
                version=1,
                state="active",
                state_since=now,
                moved_by={"create": person},
                county_code=row.county_code,
                township_code=row.township_code,
                round_id=row.round_id,
                need_id=row.id,
                person_id=UUID(person),
                team_id=UUID(team) if team else None,
                claimant_key=UUID(team or person),
                plan="每月下乡两次，先建示范点。",
                preference=1,
                grade=1,
            )
        )
    return str(made)


def a_team_row(world: World, name: str, leader: str, *others: str) -> str:
    """A confirmed team."""
    now, made = world.house.clock.now(), UUID(new_id())
    people = [UUID(world.as_(key).id) for key in (leader, *others)]
    common = {"created_at": now, "version": 1, "state_since": now, "moved_by": {}, "county_code": RONGCHENG}
    with Session(world.house.engine) as session, session.begin():
        session.add(Team(id=made, name=name, leader_id=people[0], state="confirmed", **common))
        session.flush()
        for person in people:
            session.add(TeamMember(team_id=made, person_id=person, agreed_at=now, confirmed=True))
        check = {"subject": "team", "subject_id": made, "title": name, "text": name, "digest": "c" * 64}
        session.add(ContentCheck(state="passed", **check, **common))
    return str(made)


def a_proposal_row(world: World, round_id: str, who: str, need: dict[str, Any], state: str = "waiting") -> str:
    """A pair without a mutual claim, waiting for both sides unless the state says otherwise."""
    now, made, person = world.house.clock.now(), UUID(new_id()), world.as_(who).id
    with Session(world.house.engine) as session, session.begin():
        row = session.get_one(Need, UUID(need["id"]))
        session.add(
            Proposal(
                id=made,
                created_at=now,
                version=1,
                state=state,
                state_since=now,
                moved_by={},
                county_code=row.county_code,
                township_code=row.township_code,
                round_id=UUID(round_id),
                need_id=row.id,
                person_id=UUID(person),
                claimant_key=UUID(person),
                reason="覆盖需要",
            )
        )
    return str(made)


def a_plan_row(
    world: World,
    round_id: str,
    pairs: Sequence[dict[str, Any]],
    losing: Sequence[dict[str, Any]] = (),
    *,
    county: str = RONGCHENG,
    by: str = "county",
    state: str = "submitted",
    draft: bool = False,
) -> str:
    """A county's part of a run, as that county's staff submitted it; pairs are those of `a_pair`."""
    now, run, plan, person = world.house.clock.now(), UUID(new_id()), UUID(new_id()), world.as_(by).id
    common = {"created_at": now, "version": 1, "county_code": county, "round_id": UUID(round_id), "draft": draft}
    with Session(world.house.engine) as session, session.begin():
        session.add(
            Run(
                id=run,
                seed="20260301",
                made_by=UUID(person),
                for_county=None,
                inputs_digest="a" * 64,
                digest="b" * 64,
                instance={},
                plan={},
                overrides=[],
                weights_version="v1",
                code_version="test",
                **common,
            )
        )
        session.flush()
        body = {"aims": {}, "pairs": list(pairs), "losing": list(losing), "uncovered": [], "changes": []}
        moved_by = {"create": person, "submit": person}
        session.add(Plan(id=plan, run_id=run, state=state, state_since=now, moved_by=moved_by, body=body, **common))
    return str(plan)


def a_pair(
    world: World, who: str, need: dict[str, Any], claim: str | None, team: str | None = None, **more: Any
) -> dict[str, Any]:
    """A pair of a plan's body."""
    return {
        "claim": claim,
        "need": need["id"],
        "township": need["township"],
        "commissioner": world.as_(who).id,
        "team": team,
        "score": 900,
        "reasons": ["双向选择"],
    } | more
