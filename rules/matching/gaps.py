"""Where coverage is not full: which rules kept the others away, and which relaxation would lift it (R-MATCH-3)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rules.matching.coverage import certify
from rules.matching.instance import Instance, Links, Pairs
from rules.matching.market import open_market
from rules.matching.plan import Violator

Link = tuple[int, int]
BANS = "bans"
PINS = "pins"


@dataclass(frozen=True)
class Gap:
    """One set of townships or counties in want, and the people who are able for none of its needs, counted by rule.

    Somebody whom several rules keep away is counted under each of them.
    """

    violator: Violator
    excluded: Mapping[str, int]


def explain_gaps(
    instance: Instance, violators: tuple[Violator, ...], excluded: Mapping[Link, frozenset[str]]
) -> tuple[Gap, ...]:
    """Say of each violator whom which rule kept away.

    :param excluded: the ids of the rules that each (person, need) fails, for pairs that are not eligible.
    """
    by_need: dict[int, list[tuple[int, frozenset[str]]]] = defaultdict(list)
    for (person, need), rules in excluded.items():
        by_need[need].append((person, rules))
    gaps = []
    for violator in violators:
        whole = {town for town, county in enumerate(instance.townships.county) if county in violator.counties}
        inside = [n for n, town in enumerate(instance.needs.township) if town in whole or town in violator.townships]
        people: dict[str, set[int]] = defaultdict(set)
        for need in inside:
            for person, rules in by_need[need]:
                if person not in violator.people:
                    for rule in rules:
                        people[rule].add(person)
        gaps.append(Gap(violator, {rule: len(people[rule]) for rule in sorted(people)}))
    return tuple(gaps)


def relaxations(instance: Instance, excluded: Mapping[Link, frozenset[str]]) -> dict[str, int]:
    """Give how much coverage each relaxation alone would add, where it adds any; one maximum flow each.

    Counted are the floors of townships, or what counties get as well if that is more.

    A rule is relaxed by admitting the pairs that fail it and nothing else; `bans` and `pins` by lifting them all.

    :raises InfeasiblePins: as `solve` does.
    """
    base = _maximum(instance)
    relaxed = {rule: _admitting(instance, excluded, rule) for rule in sorted(frozenset().union(*excluded.values()))}
    if instance.bans.person:
        relaxed[BANS] = replace(instance, bans=Links())
    if instance.pins.person:
        relaxed[PINS] = replace(instance, pins=Links())
    found = {rule: _maximum(other) for rule, other in relaxed.items()}
    gains = {rule: max(towns - base[0], every - base[1]) for rule, (towns, every) in found.items()}
    return {rule: gain for rule, gain in gains.items() if gain > 0}


def _maximum(instance: Instance) -> tuple[int, int]:
    found = certify(open_market(instance))
    return found.maximum, found.maximum + found.county_maximum


def _admitting(instance: Instance, excluded: Mapping[Link, frozenset[str]], rule: str) -> Instance:
    known = set(zip(instance.pairs.person, instance.pairs.need, strict=True))
    more = [link for link, rules in sorted(excluded.items()) if rules == {rule} and link not in known]
    pairs = Pairs(
        person=(*instance.pairs.person, *(person for person, _ in more)),
        need=(*instance.pairs.need, *(need for _, need in more)),
        score=(*instance.pairs.score, *(0 for _ in more)),
    )
    return replace(instance, pairs=pairs)
