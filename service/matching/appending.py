"""What a supplement adds to frozen lists: claims, and claimants who were not on them, behind all that stood before."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from models.claims import Claim
from models.needs import Round
from service.claims import claimants
from service.core.unit import UnitOfWork
from service.matching.inputs import claim_columns, claim_rows, eligible, people_columns, pseudonym, score


def appended(uow: UnitOfWork, row: Round, before: Mapping[str, Any], claims: Sequence[Claim]) -> dict[str, Any]:
    """Give the inputs with what came: nothing that stood there moves, so that earlier plans mean the same in both.

    Newcomers stand behind the others in the order of their pseudonyms, and may be asked to cover a township as
    everybody is. A claim stands behind those of before in the township's order. Who took a claim back and made it again
    has the new one; a pair that is claimed now has its score anew.
    """
    content: dict[str, Any] = deepcopy(dict(before))
    offers = claimants.offers(
        uow,
        {one.person_id for one in claims if one.team_id is None},
        {one.team_id for one in claims if one.team_id is not None},
    )
    people = content["people"]
    known = {key: place for place, key in enumerate(people["id"])}
    fresh = [one for key, one in offers.items() if str(key) not in known]
    fresh.sort(key=lambda one: pseudonym(uow, row, one.key))
    for name, column in people_columns(uow, row, fresh).items():
        people[name] += column
    at = {key: place for place, key in enumerate(people["id"])}
    needs = {key: place for place, key in enumerate(content["needs"]["id"])}
    _append_claims(content, claims)
    had = set(zip(content["pairs"]["person"], content["pairs"]["need"], strict=True))
    asked = [(at[str(one.key)], one, need) for one in fresh for need in needs.values()]
    asked += [
        (known[str(one.claimant_key)], offers[one.claimant_key], needs[str(one.need_id)])
        for one in claims
        if str(one.claimant_key) in known and one.claimant_key in offers
    ]
    pairs = eligible(uow, content, [link for link in asked if (link[0], link[2]) not in had])
    for name, column in pairs.items():
        content["pairs"][name] += column
    claimed = {(at.get(str(one.claimant_key)), needs[str(one.need_id)]) for one in claims}
    links = zip(content["pairs"]["person"], content["pairs"]["need"], strict=True)
    score(content, [place for place, link in enumerate(links) if link not in had or link in claimed])
    return content


def _append_claims(content: dict[str, Any], claims: Sequence[Claim]) -> None:
    old = content["claims"]
    behind: dict[int, int] = {}
    for need, grade in zip(old["need"], old["grade"], strict=True):
        behind[need] = max(behind.get(need, 0), grade or 0)
    new = claim_columns(content, claims, behind)
    again = set(zip(new["person"], new["need"], strict=True))
    kept = [place for link, place in claim_rows(content).items() if link not in again]
    content["claims"] = {name: [old[name][place] for place in kept] + new[name] for name in old}
