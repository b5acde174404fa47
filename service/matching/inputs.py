"""What a round's runs read: gathered once, at the freeze, and kept as it was (R-MATCH-2)."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Assessment, Sheet
from models.claims import Claim
from models.identity import RoleGrant, Team
from models.needs import Need, Round
from models.regions import Organisation, Region
from rules import claims as rules
from rules.assessments import Grade
from rules.geo import Point, distance_m
from rules.matching.score import Facts, Scale, total
from service.claims import claimants
from service.claims.claimants import Offer
from service.content.queries import shown
from service.core.unit import UnitOfWork
from service.matching import weights

PSEUDONYM_DIGITS = 16
PERFORMANCE = {Grade.INCOMPETENT: 0, Grade.COMPETENT: 2, Grade.EXCELLENT: 3}
"""Last confirmed grade as the scale's level; 基本合格 (1) is no grade here (R-ASSESS-1)."""


def gather(uow: UnitOfWork, row: Round) -> dict[str, Any]:
    """Gather needs, claims, rankings, profiles, eligible pairs with their scores, and the scale, in columns by id.

    Eligible pairs are those that `judge_claim` has nothing against, claimed or not: whoever is able may be asked to
    cover a township (R-MATCH-1 aim 2). Nothing in it names or describes a person beyond ids and specialties; `code` is
    the pseudonym under which outsiders see a claimant, and the order of claimants is that of their pseudonyms.
    """
    standing = sa.select(Need).where(Need.round_id == row.id, Need.state == "approved", shown(Need))
    needs = sorted(uow.session.scalars(standing), key=lambda one: str(one.id))
    townships = {
        one.code: one
        for one in uow.session.scalars(
            sa.select(Region).where(Region.city_code == row.city_code, Region.level == "township")
        )
    }
    codes = sorted({one.township_code for one in needs})
    claims = _claims(uow, row)
    offers = sorted(_pool(uow, row, claims), key=lambda one: pseudonym(uow, row, one.key))
    scale, floor = weights.in_force(uow, row)
    content = {
        "form": 1,
        "round": str(row.id),
        "capacity_max": row.capacity_max,
        "several_postings": claimants.terms(row).several_postings,
        "scale": scale.to_json(),
        "townships": {
            "code": codes,
            "county": [townships[code].managing_county_code for code in codes],
            "floor": [floor] * len(codes),
        },
        **_counties(row),
        "no_need": _without_need(townships, codes),
        "needs": {
            "id": [str(one.id) for one in needs],
            "township": [codes.index(one.township_code) for one in needs],
            "places": [one.places for one in needs],
            "urgency": [one.urgency for one in needs],
            "specialties": [sorted(one.specialties) for one in needs],
        },
        "people": people_columns(uow, row, offers),
    }
    content["claims"] = claim_columns(content, claims)
    every = ((person, offer, need) for person, offer in enumerate(offers) for need in range(len(needs)))
    content["pairs"] = eligible(uow, content, every)
    score(content, range(len(content["pairs"]["person"])))
    return content


def _counties(row: Round) -> dict[str, Any]:
    """List the counties that have a floor of their own; nothing where none has."""
    codes, floors = ([one[name] for one in row.county_floors] for name in ("county", "floor"))
    return {"counties": {"code": codes, "floor": floors}} if codes else {}


def _without_need(townships: Mapping[str, Region], codes: Sequence[str]) -> dict[str, Any]:
    """List the agricultural townships that asked for nobody, each with its managing county."""
    silent = [one for code, one in sorted(townships.items()) if one.agricultural and code not in codes]
    return {"code": [one.code for one in silent], "county": [one.managing_county_code for one in silent]}


def _claims(uow: UnitOfWork, row: Round) -> Sequence[Claim]:
    return uow.session.scalars(sa.select(Claim).where(Claim.round_id == row.id, Claim.state == "active")).all()


def _pool(uow: UnitOfWork, row: Round, claims: Sequence[Claim]) -> list[Offer]:
    """Give all claimants, and every commissioner of the city and every team led by one, by key."""
    counties = sa.select(Region.code).where(Region.city_code == row.city_code, Region.level == "county")
    here = sa.or_(RoleGrant.region_code == row.city_code, RoleGrant.region_code.in_(counties))
    people = set(uow.session.scalars(claimants.commissioners(uow).where(here)))
    led = uow.session.scalars(sa.select(Team.id).where(Team.leader_id.in_(people), Team.state == "confirmed"))
    teams = {*led, *(one.team_id for one in claims if one.team_id)}
    people |= {one.person_id for one in claims if one.team_id is None}
    return list(claimants.offers(uow, people, teams).values())


def pseudonym(uow: UnitOfWork, row: Round, key: UUID) -> str:
    """Give the name under which a claimant takes part in a round's lottery.

    Nobody without our key finds who it is, and it is another one in every round.
    """
    return uow.vault.digest("pseudonym", f"{row.id} {key}")[:PSEUDONYM_DIGITS]


def people_columns(uow: UnitOfWork, row: Round, offers: Sequence[Offer]) -> dict[str, Any]:
    """Lay claimants out, as they offer themselves today."""
    grades = _performance(uow, [one.person_id for one in offers])
    return {
        "id": [str(one.key) for one in offers],
        "code": [pseudonym(uow, row, one.key) for one in offers],
        "person": [str(one.person_id) for one in offers],
        "team": [str(one.team_id) if one.team_id else None for one in offers],
        "capacity": [min(one.capacity, row.capacity_max) for one in offers],
        "specialties": [sorted(one.claimant.specialties) for one in offers],
        "organisation": [one.organisation_code for one in offers],
        "organisations": [sorted(one.claimant.organisations) for one in offers],
        "available": [one.claimant.available for one in offers],
        "postings": [[list(post) for post in one.claimant.postings] for one in offers],
        "led_by_other": [one.claimant.led_by_other for one in offers],
        "performance": [grades.get(one.person_id) for one in offers],
    }


def _performance(uow: UnitOfWork, people: Sequence[UUID]) -> dict[UUID, int]:
    """Give each person's latest confirmed grade as the scale's level."""
    rows = uow.session.execute(
        sa.select(Sheet.person_id, Sheet.grade)
        .join(Assessment, Assessment.id == Sheet.assessment_id)
        .where(Assessment.state == "confirmed", Sheet.person_id.in_(set(people)), Sheet.grade.is_not(None))
        .order_by(Assessment.year)
    )
    return {person: PERFORMANCE[Grade(grade)] for person, grade in rows if grade}


def claim_columns(
    content: Mapping[str, Any], claims: Sequence[Claim], behind: Mapping[int, int] = MappingProxyType({})
) -> dict[str, Any]:
    """Lay out the claims; those that the township neither ranked nor declined are one last class (R-CLAIM-4).

    :param behind: the last class of claims on a need (an index) that stand already: these come behind it.
    """
    people = {key: place for place, key in enumerate(content["people"]["id"])}
    needs = {key: place for place, key in enumerate(content["needs"]["id"])}
    last: dict[UUID, int] = {}
    for one in claims:
        last[one.need_id] = max(last.get(one.need_id, 0), one.grade or 0)
    rows = sorted(
        (people[str(one.claimant_key)], needs[str(one.need_id)], one)
        for one in claims
        if str(one.claimant_key) in people and str(one.need_id) in needs
    )
    kept = [one for _, _, one in rows]
    return {
        "id": [str(one.id) for one in kept],
        "person": [person for person, _, _ in rows],
        "need": [need for _, need, _ in rows],
        "preference": [one.preference for one in kept],
        "ranked": [one.grade is not None for one in kept],
        "grade": [
            None if one.declined_reason else behind.get(need, 0) + (one.grade or last[one.need_id] + 1)
            for _, need, one in rows
        ],
    }


def claimant_of(content: Mapping[str, Any], person: int) -> rules.Claimant:
    """Give a frozen claimant as the rules take it."""
    row = {name: column[person] for name, column in content["people"].items()}
    return rules.Claimant(
        frozenset(row["specialties"]),
        frozenset(row["organisations"]),
        available=row["available"],
        postings=tuple(rules.Posting(*post) for post in row["postings"]),
        led_by_other=row["led_by_other"],
    )


def need_of(content: Mapping[str, Any], need: int) -> rules.ClaimedNeed:
    """Give a frozen need as the rules take it."""
    township = content["townships"]["code"][content["needs"]["township"][need]]
    return rules.ClaimedNeed(township, frozenset(content["needs"]["specialties"][need]))


def exclusions(
    content: Mapping[str, Any], tree: rules.SpecialtyTree, person: int, need: int
) -> tuple[rules.Exclusion, ...]:
    """Say why a frozen claimant is not eligible for a frozen need; nothing where it is."""
    terms = rules.Terms(several_postings=content["several_postings"])
    return rules.judge_claim(claimant_of(content, person), need_of(content, need), tree, terms)


def scale_of(content: Mapping[str, Any]) -> Scale:
    """Give the scale that the inputs were scored by."""
    return Scale.from_json(content["scale"])


def weights_version(content: Mapping[str, Any]) -> str:
    """Name the scale: its id and the beginning of its digest."""
    scale = scale_of(content)
    return f"{scale.id}-{scale.digest()[:12]}"


def facts_of(content: Mapping[str, Any], row: int, claimed: Mapping[tuple[int, int], int]) -> Facts:
    """Give what the score of a row of `pairs` is made of; `claimed` finds the row of a claim by (person, need)."""
    pairs, claims = content["pairs"], content["claims"]
    person, need = pairs["person"][row], pairs["need"][row]
    claim = claimed.get((person, need))
    return Facts(
        fit=pairs["fit"][row],
        preference=None if claim is None else claims["preference"][claim],
        grade=None if claim is None or not claims["ranked"][claim] else claims["grade"][claim],
        performance=content["people"]["performance"][person],
        urgency=content["needs"]["urgency"][need],
        distance_m=pairs["distance_m"][row],
    )


def claim_rows(content: Mapping[str, Any]) -> dict[tuple[int, int], int]:
    """Find the row of a claim by (person, need)."""
    links = zip(content["claims"]["person"], content["claims"]["need"], strict=True)
    return {link: row for row, link in enumerate(links)}


def eligible(
    uow: UnitOfWork, content: Mapping[str, Any], asked: Iterable[tuple[int, Offer, int]]
) -> dict[str, list[Any]]:
    """List those pairs of people and needs that are eligible, with what their score is made of (R-CLAIM-3).

    :param asked: place of the person, the offer as of today, place of the need.
    """
    tree, distances = claimants.tree(uow), _distances(uow, content)
    terms = rules.Terms(several_postings=content["several_postings"])
    needs = [need_of(content, need) for need in range(len(content["needs"]["id"]))]
    pairs: dict[str, list[Any]] = {"person": [], "need": [], "fit": [], "distance_m": [], "score": []}
    for person, offer, need in asked:
        wanted = needs[need]
        if rules.judge_claim(offer.claimant, wanted, tree, terms):
            continue
        pairs["person"].append(person)
        pairs["need"].append(need)
        pairs["fit"].append(rules.fit(offer.claimant.specialties, wanted.specialties, tree))
        pairs["distance_m"].append(distances.get((offer.organisation_code, wanted.township)))
        pairs["score"].append(0)
    return pairs


def score(content: Mapping[str, Any], rows: Iterable[int]) -> None:
    """Write the score of some rows of `pairs` (R-MATCH-1 aim 5)."""
    scale, claimed = scale_of(content), claim_rows(content)
    for row in rows:
        content["pairs"]["score"][row] = total(scale.bill(facts_of(content, row, claimed)))


def _distances(uow: UnitOfWork, content: Mapping[str, Any]) -> dict[tuple[str | None, str], int]:
    """Measure from every organisation to every township in whole metres, where both have a point."""
    towns = uow.session.scalars(sa.select(Region).where(Region.code.in_(content["townships"]["code"])))
    seats = {row.code: Point(row.lat, row.lon) for row in towns if row.lat is not None and row.lon is not None}
    wanted = {code for code in content["people"]["organisation"] if code}
    found: dict[tuple[str | None, str], int] = {}
    for body in uow.session.scalars(sa.select(Organisation).where(Organisation.code.in_(wanted))):
        if body.lat is not None and body.lon is not None:
            home = Point(body.lat, body.lon)
            found.update({(body.code, code): distance_m(home, seat) for code, seat in seats.items()})
    return found
