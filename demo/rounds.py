"""A round of the demo, from its opening to plans that wait for approval; last year's also to its pairings."""

from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from demo import content
from demo.cast import Cast, Places
from demo.stage import Stage
from models.claims import Claim
from models.identity import TeamMember
from models.matching import Plan, Proposal
from models.pairings import Pairing
from models.publicity import Publicity
from rules.calendar import SHANGHAI
from rules.claims import fit
from service import schedule
from service.claims import claimants
from service.claims import commands as claims
from service.core.unit import UnitOfWork
from service.identity import teams
from service.matching import commands as matching
from service.matching import proposals
from service.needs import commands as needs
from service.needs import rounds
from service.pairings import commands as pairings
from service.publicity import commands as publicity

NEEDS, LAST_YEARS_NEEDS, LAST_YEARS_TOWNSHIPS, TEAMS = 300, 24, 24, 8
SEED_DRAWN, LAST_SEED_DRAWN = "806452", "315927"


class Teller:
    """Tells a round through the real commands; keeps what it made for the next step."""

    def __init__(self, stage: Stage, rng: Random, places: Places, cast: Cast) -> None:
        self.stage = stage
        self.rng = rng
        self.places = places
        self.cast = cast
        self.round: UUID = UUID(int=0)
        self.start = stage.clock.moment
        self.posted: list[tuple[UUID, content.DemoNeed]] = []
        self.words_of: dict[UUID, content.DemoNeed] = {}
        self.busy: set[UUID] = set()
        """Commissioners whose posting of last year goes on."""

    # ---- needs ----

    def needs(self, start: datetime, count: int = NEEDS, townships: int | None = None) -> None:
        """Open a round, post and review its needs, publish the board."""
        stage, cast = self.stage, self.cast
        self.start = start
        stage.at(start)
        year = start.astimezone(SHANGHAI).year
        dates = [start + timedelta(days=days) for days in (14, 28, 38)]
        form = rounds.NewRound(f"揭阳市{year}年镇村发榜", year, dates[0], dates[1], dates[2])
        self.round = stage.do(cast.city, rounds.create, form).id
        stage.do(cast.city, rounds.open_, self.round)
        where = self.places.townships
        if townships is not None:
            where = tuple(self.rng.sample(where, townships))
        self.posted = []
        for number, one in enumerate(content.needs(self.rng, where, self.places.specialties, count)):
            stage.at(start + timedelta(minutes=20 * (number % 600) + 30))
            self._post(one, number)
        schedule.run(stage.house, "check_content")
        stage.at(start + timedelta(days=14, hours=1))
        stage.do(cast.city, rounds.publish, self.round)

    def _post(self, one: content.DemoNeed, number: int) -> None:
        stage, clerk = self.stage, self.cast.township[one.township]
        form = form_of(one, self.start, self.round)
        need = stage.do(clerk, needs.create, form).id
        stage.do(clerk, needs.submit, need)
        county = self.cast.county[self.county_of(one.township)]
        if number % 23 == 7:  # now and then one comes back and is handed in better
            stage.do(county, needs.return_, need, "请补充种养面积和涉及农户数")
            stage.do(clerk, needs.submit, need)
        stage.do(county, needs.approve, need)
        self.posted.append((need, one))
        self.words_of[need] = one

    def county_of(self, township: str) -> str:
        """Give the county that manages a township."""
        return next(one.county_code for one in self.places.townships if one.code == township)

    # ---- claims and rankings ----

    def claims(self) -> None:
        """Form some teams, let commissioners claim what they know, let townships choose."""
        self._form_teams()
        self.stage.at(self.start + timedelta(days=16))
        self._claim()
        self.stage.at(self.start + timedelta(days=30))
        self._rank()

    def _form_teams(self) -> None:
        """Three people of one field each, all of whom agree."""
        stage = self.stage
        stage.at(self.start + timedelta(days=10))
        by_field: dict[str, list[UUID]] = {}
        for person, who in self.cast.commissioners:
            if person not in self.busy and who.available:
                by_field.setdefault(who.field, []).append(person)
        large = sorted((field for field, people in by_field.items() if len(people) >= 4), key=str)
        for field in large[:TEAMS]:
            leader, *others = by_field[field][:3]
            team = stage.do(leader, teams.form, f"{field}服务团", others).id
            for one in others:
                stage.do(one, teams.agree, team)
            stage.forget(leader, *others)
            self.cast.teams.append((team, leader))

    def _claim(self, one_in: int = 1) -> None:
        """Let commissioners claim what they know; `one_in` of them, for a small round has few places."""
        tree = self.stage.read(claimants.tree)
        members = self.teamed()
        leaders = {leader: team for team, leader in self.cast.teams}
        for number, (person, who) in enumerate(self.cast.commissioners):
            silent = number % 11 == 5 or number % one_in or not who.available or person in self.busy
            if silent or (person in members and person not in leaders):
                continue
            able = [one for one in self.posted if fit(who.specialties, one[1].specialties, tree) >= 500]
            self.rng.shuffle(able)
            for preference, (need, words) in enumerate(islice(able, self.rng.randint(1, 4)), 1):
                plan = content.claim_plan(self.rng, words, who)
                form = claims.ClaimForm(plan=plan, preference=preference, team_id=leaders.get(person))
                self.stage.do(person, claims.claim, need, form)

    def teamed(self) -> set[UUID]:
        """Give all who serve in a team, their leaders too."""
        return {one for team, _ in self.cast.teams for one in self.stage.read(_members, team)}

    def _rank(self) -> None:
        """Most townships rank, some decline somebody, a few stay silent."""
        for number, (need, words) in enumerate(self.posted):
            found: list[UUID] = self.stage.read(_claims_on, need)
            if not found or number % 17 == 11:
                continue
            self.rng.shuffle(found)
            declined: list[dict[str, Any]] = []
            if len(found) > 2 and self.rng.random() < 0.2:
                declined = [{"claim": found.pop(), "reason": content.decline_reason(self.rng, words)}]
            clerk = self.cast.township[words.township]
            self.stage.do(clerk, claims.rank, need, ranked=found, declined=declined, if_match=None)

    # ---- the plan ----

    def plan(self, seed: str = SEED_DRAWN) -> None:
        """Freeze, draw the seed, run, let both sides accept what was proposed, hand the parts in."""
        stage, city = self.stage, self.cast.city
        stage.at(self.start + timedelta(days=39))
        stage.do(city, matching.freeze, self.round)
        stage.do(city, matching.draw_seed, self.round, seed=seed)
        stage.at(self.start + timedelta(days=40))
        stage.do(city, matching.run, self.round, matching.RunForm())
        stage.at(self.start + timedelta(days=41))
        for proposal in stage.read(_proposals, self.round):
            clerk = self.cast.township[proposal.township_code]
            stage.do(proposal.person_id, proposals.accept, proposal.id)
            stage.do(clerk, proposals.accept, proposal.id)
        stage.at(self.start + timedelta(days=43))
        for plan in stage.read(_plans, self.round):
            stage.do(self.cast.county[plan.county_code], matching.submit, plan.id)

    # ---- last year ----

    def last_year(self, year: int) -> None:
        """Play a small round to its pairings."""
        start = datetime(year, 2, 17, 9, tzinfo=SHANGHAI)
        self.needs(start, LAST_YEARS_NEEDS, LAST_YEARS_TOWNSHIPS)
        self.stage.at(start + timedelta(days=16))
        self._claim(one_in=2)
        self.stage.at(start + timedelta(days=30))
        self._rank()
        self.plan(LAST_SEED_DRAWN)
        self.stage.at(start + timedelta(days=44))
        plans = self.stage.read(_plans, self.round)
        for plan in plans:
            self.stage.do(self.cast.lead[plan.county_code], publicity.approve_plan, plan.id)
        self._settle(plans)

    def _settle(self, plans: list[Plan]) -> None:
        for plan in plans:
            window: Publicity = self.stage.read(_window, plan.id)
            if window.ends_at is None:
                raise LookupError(f"the official calendar of {window.unknown_year} is not loaded")
            self.stage.at(window.ends_at + timedelta(hours=10))
            self.stage.do(self.cast.city, pairings.settle, plan.id)
        found = self.stage.read(_pairings, self.round)
        self.busy = {one.person_id for pairing in found for one in pairing.people}
        for number, pairing in enumerate(found, 1):
            day = self.stage.clock.moment.astimezone(SHANGHAI).date()
            self.stage.do(self.cast.city, pairings.recognise, pairing.id, f"粤农特〔{day.year}〕{number:03d}", day)


def form_of(one: content.DemoNeed, opened: datetime, round_id: UUID | None) -> needs.NeedForm:
    """Write a need as a township posts it: for a round, or for every day where it is None."""
    day = opened.astimezone(SHANGHAI).date()
    return needs.NeedForm(
        township=one.township,
        title=one.title,
        round_id=round_id,
        village=one.village,
        problem=one.problem,
        wanted=one.wanted,
        specialties=one.specialties,
        industry=one.industry,
        form=one.form,
        places=one.places,
        urgency=one.urgency,
        starts_on=day + timedelta(days=one.starts_in_days),
        ends_on=day + timedelta(days=one.ends_in_days),
        contact=one.contact,
    )


# ---- what the teller looks up ----


def _claims_on(uow: UnitOfWork, need: UUID) -> list[UUID]:
    mine = (
        sa.select(Claim.id).where(Claim.need_id == need, Claim.state == "active").order_by(Claim.created_at, Claim.id)
    )
    return list(uow.session.scalars(mine))


def _members(uow: UnitOfWork, team: UUID) -> list[UUID]:
    return list(uow.session.scalars(sa.select(TeamMember.person_id).where(TeamMember.team_id == team)))


def _proposals(uow: UnitOfWork, round_id: UUID) -> list[Proposal]:
    mine = sa.select(Proposal).where(Proposal.round_id == round_id, Proposal.state == "waiting").order_by(Proposal.id)
    return list(uow.session.scalars(mine))


def _plans(uow: UnitOfWork, round_id: UUID) -> list[Plan]:
    standing = Plan.state.in_(("prepared", "submitted", "approved"))
    mine = sa.select(Plan).where(Plan.round_id == round_id, standing, Plan.draft.is_(False))
    return list(uow.session.scalars(mine.order_by(Plan.county_code)))


def _window(uow: UnitOfWork, plan: UUID) -> Publicity:
    return uow.session.scalars(sa.select(Publicity).where(Publicity.subject_id == plan)).one()


def _pairings(uow: UnitOfWork, round_id: UUID) -> list[Pairing]:
    mine = sa.select(Pairing).where(Pairing.round_id == round_id).order_by(Pairing.county_code, Pairing.id)
    return list(uow.session.scalars(mine.options(selectinload(Pairing.people))))
