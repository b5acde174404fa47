"""Why any pair is in a plan or is not, claimed or not: one code with facts each (R-MATCH-4)."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from rules.matching.instance import Instance
from rules.matching.plan import Plan
from rules.matching.reasons import (
    FORBIDDEN,
    INELIGIBLE,
    UNCLAIMED,
    Background,
    Reason,
    lost_claims,
    pair_reasons,
)

Link = tuple[int, int]


def explain(instance: Instance, plan: Plan, link: Link, background: Background | None = None) -> Reason:
    """Give the reason of one pair: as a plan's pair, as a lost claim, or as a pair that nobody asked for.

    :param background: its `excluded` may hold the pair itself; a pair that is not eligible has no other reason.
    """
    words = background or Background()
    for reason in (*pair_reasons(instance, plan, words), *lost_claims(instance, plan, words)):
        if (reason.person, reason.need) == link:
            return reason
    person, need = link
    score = dict(zip(zip(instance.pairs.person, instance.pairs.need, strict=True), instance.pairs.score, strict=True))
    if link not in score:
        return Reason(person, need, INELIGIBLE, {"why": words.excluded.get(link, ())})
    if link in set(zip(instance.bans.person, instance.bans.need, strict=True)):
        return Reason(person, need, FORBIDDEN, {"why": words.banned.get(link, "")})
    facts = {
        "score": score[link],
        "load": sum(pair.person == person for pair in plan.pairs),
        "capacity": instance.people.capacity[person],
        "came": sum(pair.need == need for pair in plan.pairs),
        "places": instance.needs.places[need],
    }
    return Reason(person, need, UNCLAIMED, facts)


def codes(instance: Instance, plan: Plan) -> NDArray[np.str_]:
    """Give the code of every eligible pair, in the order of the instance's `pairs`."""
    width = max(len(instance.needs.id), 1)
    rows = np.array(instance.pairs.person, dtype=np.int64) * width + np.array(instance.pairs.need, dtype=np.int64)
    found = np.full(len(rows), UNCLAIMED, dtype="<U2")
    order = np.argsort(rows)
    known = rows[order]
    banned = np.array([p * width + n for p, n in zip(instance.bans.person, instance.bans.need, strict=True)])
    found[np.isin(rows, banned)] = FORBIDDEN
    told = (*lost_claims(instance, plan), *pair_reasons(instance, plan))
    wanted = np.array([one.person * width + one.need for one in told], dtype=np.int64)
    words = np.array([one.code for one in told], dtype="<U2")
    if len(known) and len(wanted):
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        there = known[place] == wanted
        found[order[place[there]]] = words[there]
    return found


def count_codes(instance: Instance, plan: Plan, background: Background | None = None) -> dict[str, dict[str, int]]:
    """Count the codes of a plan's pairs, of the lost claims, and of all eligible pairs."""
    words = background or Background()
    return {
        "pairs": dict(sorted(Counter(one.code for one in pair_reasons(instance, plan, words)).items())),
        "lost": dict(sorted(Counter(one.code for one in lost_claims(instance, plan, words)).items())),
        "all": dict(sorted(Counter(codes(instance, plan).tolist()).items())),
    }
