"""A round in figures, as NRMP publishes its own and with the reasons beside: all of it counted, nothing estimated."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rules.matching.flow import Minimiser, scipy_minimise
from rules.matching.instance import Claims, Counties, Grades, Instance, Pairs, Townships
from rules.matching.plan import Plan
from rules.matching.solve import solve

TOP = 3


@dataclass(frozen=True)
class Placed:
    """A pair of a standing plan: who, where, why, and whether the person is held there for coverage."""

    person: int
    need: int
    code: str
    held: bool = False


@dataclass(frozen=True)
class Season:
    """What a round's figures are counted from; indexes are those of its frozen lists.

    :param floor, county: of each township; :param township, places, urgency, field: of each need.
    :param claims: person, need, preference, and whether the township graded it (a mutual claim).
    :param lost: person, need and code of every claim that was not granted.
    :param county_floor: what each county's townships should get together, by the county's name; empty without floors.
    """

    floor: Sequence[int]
    county: Sequence[str]
    township: Sequence[int]
    places: Sequence[int]
    urgency: Sequence[int]
    field: Sequence[str]
    claims: Sequence[tuple[int, int, int, bool]]
    pairs: Sequence[Placed]
    lost: Sequence[tuple[int, int, str]]
    county_floor: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Prices:
    """What the aims cost one another, over the whole round and without anybody's overrides.

    `alone_covered` and `alone_mutual` are what choice alone would give, `covered` and `mutual` what the plan gives.
    `county_filled` of `county_floor` are the filled floors of counties, `alone_county_filled` by choice alone; they are
    missing without counties. `score_first` is the most points that any filling of all places reaches at the same
    coverage, `choice_first` what it reaches when mutual choice goes before points.
    """

    covered: int
    maximum: int
    mutual: int
    alone_covered: int
    alone_mutual: int
    score_first: int
    choice_first: int
    county_floor: int | None = None
    county_filled: int | None = None
    alone_county_filled: int | None = None


def count(season: Season) -> dict[str, Any]:
    """Count a round: townships, posts, claimants, choices, loads, reasons."""
    came = Counter(season.township[pair.need] for pair in season.pairs)
    floors = {t: season.floor[t] for t in set(season.township) if season.floor[t]}
    return {
        "townships": {"asking": len(floors), "covered": sum(came[t] >= floor for t, floor in floors.items())},
        **_counties(season),
        "posts": _posts(season, range(len(season.places))),
        "claimants": _claimants(season),
        "lists": _lists(season),
        "workload": dict(sorted(Counter(Counter(pair.person for pair in season.pairs).values()).items())),
        "held": sum(pair.held for pair in season.pairs),
        "reasons": dict(sorted(Counter(pair.code for pair in season.pairs).items())),
        "lost": dict(sorted(Counter(code for _, _, code in season.lost).items())),
        "by_county": _groups(season, lambda need: season.county[season.township[need]]),
        "by_urgency": _groups(season, lambda need: str(season.urgency[need])),
        "by_field": _groups(season, lambda need: season.field[need]),
    }


def _counties(season: Season) -> dict[str, Any]:
    """Count counties with a floor, and what each got of it; nothing where no county has one."""
    if not season.county_floor:
        return {}
    came = Counter(season.county[season.township[pair.need]] for pair in season.pairs)
    floors = {name: floor for name, floor in season.county_floor.items() if floor}
    each = {name: {"floor": floor, "came": came[name]} for name, floor in sorted(floors.items())}
    covered = sum(came[name] >= floor for name, floor in floors.items())
    return {"counties": {"asking": len(floors), "covered": covered, "each": each}}


def _posts(season: Season, needs: Sequence[int]) -> dict[str, int]:
    inside = set(needs)
    filled = sum(pair.need in inside for pair in season.pairs)
    return {"needs": len(inside), "offered": sum(season.places[need] for need in inside), "filled": filled}


def _groups(season: Season, key: Callable[[int], str]) -> dict[str, dict[str, int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for need in range(len(season.places)):
        groups[key(need)].append(need)
    return {name: _posts(season, groups[name]) for name in sorted(groups)}


def _best(season: Season) -> dict[int, int]:
    """Give the best preference that each claimant was granted."""
    granted = {(pair.person, pair.need) for pair in season.pairs}
    best: dict[int, int] = {}
    for person, need, preference, _ in season.claims:
        if (person, need) in granted:
            best[person] = min(preference, best.get(person, preference))
    return best


def _claimants(season: Season) -> dict[str, int]:
    """Count people: matched by both sides' choice, and placed at all; the second includes what was proposed."""
    people = {person for person, *_ in season.claims}
    mutual = {(person, need) for person, need, _, graded in season.claims if graded}
    at = {(pair.person, pair.need) for pair in season.pairs}
    placed, best = {person for person, _ in at}, _best(season)
    return {
        "claimants": len(people),
        "with_mutual": len({person for person, _ in mutual}),
        "matched": len({person for person, _ in at & mutual}),
        "placed": len(people & placed),
        "without_claim": len(placed - people),
        "first_choice": sum(preference == 1 for preference in best.values()),
        "top_three": sum(preference <= TOP for preference in best.values()),
    }


def _lists(season: Season) -> dict[str, dict[int, int]]:
    """Count how long the claim lists are, of those who were matched and of the others."""
    length = Counter(person for person, *_ in season.claims)
    matched = set(_best(season))
    return {
        "matched": dict(sorted(Counter(n for person, n in length.items() if person in matched).items())),
        "unmatched": dict(sorted(Counter(n for person, n in length.items() if person not in matched).items())),
    }


def prices(instance: Instance, minimise: Minimiser = scipy_minimise) -> Prices:
    """Solve a frozen round four ways and say what coverage costs choice, and choice costs points.

    :param instance: without pins, bans and a plan before.
    """
    free = replace(instance.townships, floor=(0,) * len(instance.townships.floor), county=())
    plan, alone = solve(instance, minimise), solve(replace(instance, townships=free, counties=Counties()), minimise)
    whole = len(instance.counties.code) > 0
    return Prices(
        county_floor=sum(instance.counties.floor) if whole else None,
        county_filled=_county_filled(instance, plan) if whole else None,
        alone_county_filled=_county_filled(instance, alone) if whole else None,
        covered=plan.covered,
        maximum=plan.maximum,
        mutual=_mutual(instance, plan),
        alone_covered=_covered(instance.townships, instance, alone),
        alone_mutual=_mutual(instance, alone),
        score_first=solve(_by_points(instance), minimise).score,
        choice_first=solve(replace(instance, complete=True), minimise).score,
    )


def _covered(townships: Townships, instance: Instance, plan: Plan) -> int:
    came = Counter(instance.needs.township[pair.need] for pair in plan.pairs)
    return sum(min(townships.floor[t], n) for t, n in came.items())


def _county_filled(instance: Instance, plan: Plan) -> int:
    came = Counter(instance.townships.county[instance.needs.township[pair.need]] for pair in plan.pairs)
    return sum(min(floor, came[county]) for county, floor in enumerate(instance.counties.floor))


def _mutual(instance: Instance, plan: Plan) -> int:
    graded = set(zip(instance.grades.person, instance.grades.need, strict=True))
    claimed = set(zip(instance.claims.person, instance.claims.need, strict=True))
    return sum((pair.person, pair.need) in graded & claimed for pair in plan.pairs)


def _by_points(instance: Instance) -> Instance:
    """Give the round as it would be without anybody's wishes: declined claims stay out, points decide the rest."""
    graded = set(zip(instance.grades.person, instance.grades.need, strict=True))
    declined = set(zip(instance.claims.person, instance.claims.need, strict=True)) - graded
    rows = zip(instance.pairs.person, instance.pairs.need, instance.pairs.score, strict=True)
    kept = [row for row in rows if row[:2] not in declined]
    pairs = Pairs(*zip(*kept, strict=True)) if kept else Pairs()
    return replace(instance, pairs=pairs, claims=Claims(), grades=Grades(), complete=True)
