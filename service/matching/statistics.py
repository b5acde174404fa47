"""A round's figures from its standing parts: for a county its own, for the city all of them with what the aims cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.matching import Override, Plan, Run
from models.needs import Round
from rules.claims import SpecialtyTree
from rules.matching.instance import Instance
from rules.matching.statistics import Placed, Season, count, prices
from service.claims import claimants
from service.core import gate
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.matching import lists, standing
from service.matching.inputs import weights_version
from service.matching.lists import Lists
from service.matching.standing import link_of
from service.regions.queries import county_names

PRICED_PAIRS_MAX = 100_000
"""Eligible pairs up to which a page may wait for four more plans; a province asks on the command line."""


def statistics(uow: UnitOfWork, round_id: UUID) -> dict[str, Any]:
    """Count a round over the standing parts of one's jurisdiction; without any, every figure of `counts` is missing.

    `prices` need the whole round and its seed: the city and the auditor of the city see them.
    """
    row = gate.fetch(uow, Round, round_id)
    if row.state == "draft":
        raise NotFound
    frozen = lists.newest(uow, row.id)
    seen = gate.visible(uow, Plan)
    own = sa.select(Plan).where(Plan.round_id == row.id, Plan.draft.is_(False), seen)
    states = (*standing.CHANGEABLE, *standing.SETTLING)
    parts = uow.session.scalars(own.where(Plan.state.in_(states)).order_by(Plan.county_code, Plan.id)).all()
    head = {"round": row.id, "round_title": row.title, "seed": row.seed, "digest": frozen.digest if frozen else None}
    names = county_names(uow)
    head |= {"counties": [{"code": one.county_code, "name": names.get(one.county_code, "")} for one in parts]}
    if frozen is None or not parts:
        return head | {"weights": None, "counts": None, "prices": None, "overrides": None, "runs": None}
    content = frozen.inputs
    return head | {
        "weights": weights_version(content),
        "counts": _named(count(_season(content, claimants.tree(uow), parts)), names),
        "overrides": _overrides(uow, row, parts),
        "runs": _runs(uow, row),
        "prices": _prices(uow, row, frozen),
    }


def _season(content: Mapping[str, Any], tree: SpecialtyTree, parts: Sequence[Plan]) -> Season:
    """Take the needs of the parts' counties, the claims on them, and what the parts say of each."""
    townships, needs, claims = content["townships"], content["needs"], content["claims"]
    counties = {one.county_code for one in parts}
    kept = [n for n, t in enumerate(needs["township"]) if townships["county"][t] in counties]
    at = {needs["id"][n]: place for place, n in enumerate(kept)}
    place_of = {n: place for place, n in enumerate(kept)}
    person = {key: place for place, key in enumerate(content["people"]["id"])}
    gone = {one["claim"] for part in parts for one in part.body["losing"] if one["code"] == "W1"}
    rows = zip(*(claims[name] for name in ("id", "person", "need", "preference", "grade")), strict=True)
    return Season(
        floor=townships["floor"],
        county=townships["county"],
        township=[needs["township"][n] for n in kept],
        places=[needs["places"][n] for n in kept],
        urgency=[needs["urgency"][n] for n in kept],
        field=[_field(tree, needs["specialties"][n]) for n in kept],
        claims=[(p, place_of[n], wish, grade is not None) for claim, p, n, wish, grade in rows
                if n in place_of and claim not in gone],
        pairs=[Placed(person[link_of(pair)[0]], at[pair["need"]], pair["code"], pair["held"])
               for part in parts for pair in part.body["pairs"]],
        lost=[(person[link_of(one)[0]], at[one["need"]], one["code"]) for part in parts for one in part.body["losing"]],
        county_floor={one["county"]: one["floor"] for part in parts for one in part.body["aims"].get("counties", ())},
    )  # fmt: skip


def _field(tree: SpecialtyTree, specialties: Sequence[str]) -> str:
    """Name the field at the top of a need's first specialty."""
    parents = {row.code: row.parent for row in tree.rows}
    code = specialties[0] if specialties else ""
    for _ in range(len(parents)):
        above = parents.get(code)
        if not above:
            break
        code = above
    return tree.name(code) if code else "未标明"


def _named(counts: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    counts["by_county"] = {names.get(code, code): row for code, row in counts["by_county"].items()}
    if "counties" in counts:
        each = counts["counties"]["each"]
        counts["counties"]["each"] = {names.get(code, code): row for code, row in each.items()}
    return counts


def _overrides(uow: UnitOfWork, row: Round, parts: Sequence[Plan]) -> list[dict[str, Any]]:
    """Count by county what people set: overrides over the season, and pins and bans that the standing parts obey."""
    found = uow.session.scalars(
        sa.select(Override).where(Override.round_id == row.id, gate.visible(uow, Override))
    ).all()
    names = county_names(uow)
    rows = []
    for part in parts:
        own = [one for one in found if one.county_code == part.county_code]
        asked = Counter(one["kind"] for one in part.run.overrides if one["kind"] in {"pin", "ban"})
        rows.append(
            {
                "county": part.county_code,
                "county_name": names.get(part.county_code, ""),
                **{kind: sum(one.kind == kind for one in own) for kind in ("pin", "replacement", "ban")},
                "in_force": sum(standing.holds(one, uow.now) for one in own),
                "cost_coverage": sum(
                    bool(one.price.get("uncovered") or one.price.get("counties_short")) for one in own
                ),
                "in_run": asked["pin"] + asked["ban"],
            }
        )
    return rows


def _runs(uow: UnitOfWork, row: Round) -> dict[str, int]:
    """Count official runs and drafts, and the drafts that were made before the seed was drawn."""
    made = uow.session.execute(sa.select(Run.draft, Run.created_at).where(Run.round_id == row.id)).all()
    early = sum(draft and row.seeded_at is not None and at < row.seeded_at for draft, at in made)
    drafts = sum(draft for draft, _ in made)
    return {"official": len(made) - drafts, "drafts": drafts, "drafts_before_seed": early}


def _prices(uow: UnitOfWork, row: Round, frozen: Lists) -> dict[str, int] | None:
    whole = any(one.role in {"city", "auditor"} and row.city_code in one.counties for one in uow.actor.held)
    if not whole or row.seed is None or len(frozen.inputs["pairs"]["person"]) > PRICED_PAIRS_MAX:
        return None
    return asdict(prices(Instance.from_json({**frozen.instance, "seed": row.seed})))
