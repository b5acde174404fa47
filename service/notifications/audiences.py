"""Who hears of what: functions from a case to people, each with words of their own where they hear something else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Sheet
from models.claims import Claim
from models.identity import Binding
from models.pairings import Pairing
from rules.assessments import GRADES
from service.notifications.events import Case

Heard = Mapping[UUID, Mapping[str, Any]]
Audience = Callable[[Case], Heard]


def _plain(people: Iterable[UUID | str | None]) -> Heard:
    return {one if isinstance(one, UUID) else UUID(one): {} for one in people if one}


def all_of(*audiences: Audience) -> Audience:
    """Let everybody hear whom any of the audiences names."""

    def heard(case: Case) -> Heard:
        found: dict[UUID, Mapping[str, Any]] = {}
        for audience in audiences:
            found.update(audience(case))
        return found

    return heard


def office(role: str) -> Audience:
    """Let those hear who hold a role over the row: its township, its managing county or that county's city."""

    def heard(case: Case) -> Heard:
        if role == "township":
            return _plain(case.offices.at(role, case.row.township_code))
        county = case.offices.county_of(case.row)
        at = case.offices.city_of(county) if role in {"city", "admin"} else county
        return _plain(case.offices.at(role, at))

    return heard


def throughout(*roles: str) -> Audience:
    """Let everybody hear who holds one of the roles anywhere in the city of a round that is more than a draft."""

    def heard(case: Case) -> Heard:
        withdrawn = case.event.name == "round.cancel" and case.event.before == "draft"
        if withdrawn or case.row.state == "draft":
            return {}
        return _plain(one for role in roles for one in case.offices.within(role, case.row.city_code))

    return heard


def administrators(case: Case) -> Heard:
    """Whoever administers the system, wherever."""
    return _plain(case.offices.anywhere("admin"))


def person(case: Case) -> Heard:
    """The person whom the row is about."""
    return _plain([case.row.person_id])


def oneself(case: Case) -> Heard:
    """The person that the row is."""
    return _plain([case.row.id])


def bound(case: Case) -> Heard:
    """The person that the row is, where their WeChat was bound by then: somebody may be taking their place."""
    then = sa.and_(Binding.state == "bound", Binding.bound_at <= case.entry.at)
    return _plain(case.uow.session.scalars(sa.select(Binding.person_id).where(Binding.person_id == case.row.id, then)))


def inviter(case: Case) -> Heard:
    """Whoever made the invitation that the entry is about."""
    return _plain([case.entry.facts.get("inviter")])


def author(case: Case) -> Heard:
    """Whoever wrote what was checked."""
    return _plain([case.row.author_id])


def deciders(case: Case) -> Heard:
    """The county's staff, or the city's where the content is the city's."""
    at = case.row.county_code
    return _plain(case.offices.at("county", at) | case.offices.at("city", at))


def creator(case: Case) -> Heard:
    """Whoever made the row."""
    return _plain([case.row.moved_by.get("create")])


def claimant(case: Case) -> Heard:
    """The claimant, with all of its team."""
    team = case.row.team_id
    return _plain([case.row.person_id, *(case.offices.members_of_team(team) if team else ())])


def team(case: Case) -> Heard:
    """Everybody in a team, and those who were asked."""
    return _plain(case.offices.members_of_team(case.row.id))


def leader(case: Case) -> Heard:
    """The leader of a team."""
    return _plain([case.row.leader_id])


def serving(case: Case) -> Heard:
    """Everybody who serves in a pairing."""
    return _plain([case.row.person_id, *case.offices.members_of_pairing(case.row.id)])


def dispatcher(case: Case) -> Heard:
    """The organisation that dispatched the commissioner."""
    return _plain(case.offices.of_organisation(case.row.organisation_code))


def claimants_of_need(case: Case) -> Heard:
    """Those whose claims on a need still stand."""
    active = sa.select(Claim.person_id).where(Claim.need_id == case.row.id, Claim.state == "active")
    return _plain(case.uow.session.scalars(active))


def companions(case: Case) -> Heard:
    """Those who served along (R-VISIT-7)."""
    return _plain(one.person_id for one in case.row.companions if one.objected_at is None)


def listed(case: Case) -> Heard:
    """Those whom a list under publicity names."""
    return _plain(case.row.people)


def townships_of_plan(case: Case) -> Heard:
    """The townships to which a plan gives somebody."""
    codes = {str(pair.get("township")) for pair in case.row.body.get("pairs", ())}
    return _plain(one for code in sorted(codes) for one in case.offices.at("township", code))


def assessed(case: Case) -> Heard:
    """Everybody with a sheet in an assessment; each hears their own grade."""
    rows = case.uow.session.execute(sa.select(Sheet.person_id, Sheet.grade).where(Sheet.assessment_id == case.row.id))
    return {who: {"grade": GRADES.get(grade or "", "未定等次")} for who, grade in rows}


def dispatchers_of_assessed(case: Case) -> Heard:
    """The organisations of those who were assessed (R-ASSESS-7)."""
    codes = case.uow.session.scalars(
        sa.select(Sheet.organisation_code).where(Sheet.assessment_id == case.row.id).distinct()
    )
    return _plain(one for code in codes for one in case.offices.of_organisation(code))


def posted_at(case: Case) -> Heard:
    """Where somebody who left still holds a posting: township, county and dispatcher of each."""
    found: dict[UUID, Mapping[str, Any]] = {}
    posts = sa.select(Pairing).where(Pairing.person_id == case.row.id, Pairing.state == "active")
    for post in case.uow.session.scalars(posts):
        county = case.offices.county_of(post)
        ears = case.offices.at("township", post.township_code) | case.offices.at("county", county)
        for one in ears | case.offices.of_organisation(post.organisation_code):
            found[one] = {"title": post.need.title}
    return found
