"""Why any pair is in a plan or is not, claimed or not: one code with facts each (R-MATCH-4)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rules.matching.instance import Instance
from rules.matching.market import Link, Market, among, column, found, links, open_market
from rules.matching.plan import Plan
from rules.matching.reasons import FORBIDDEN, INELIGIBLE, UNCLAIMED, Background, Ledger, Reason


def explain(instance: Instance, plan: Plan, link: Link, background: Background | None = None) -> Reason:
    """Give the reason of one pair: as a plan's pair, as a lost claim, or as a pair that nobody asked for.

    :param background: its `excluded` may hold the pair itself; a pair that is not eligible has no other reason.
    """
    words, market = background or Background(), open_market(instance)
    ledger = Ledger(market, plan, words)
    for reason in (*ledger.pairs(), *ledger.lost()):
        if (reason.person, reason.need) == link:
            return reason
    person, need = link
    row = found(market.codes, np.array([person * len(market.places) + need])).tolist()
    if not row:
        return Reason(person, need, INELIGIBLE, {"why": words.excluded.get(link, ())})
    if link in links(instance.bans):
        return Reason(person, need, FORBIDDEN, {"why": words.banned.get(link, "")})
    facts = {
        "score": int(market.score[row[0]]),
        "load": sum(pair.person == person for pair in plan.pairs),
        "capacity": instance.people.capacity[person],
        "came": sum(pair.need == need for pair in plan.pairs),
        "places": instance.needs.places[need],
    }
    return Reason(person, need, UNCLAIMED, facts)


def codes(instance: Instance, plan: Plan) -> NDArray[np.str_]:
    """Give the code of every eligible pair, in the order of the instance's `pairs`."""
    market = open_market(instance)
    ledger = Ledger(market, plan)
    return spread(market, (*ledger.lost(), *ledger.pairs()))


def spread(market: Market, told: Sequence[Reason]) -> NDArray[np.str_]:
    """Give the code of every eligible pair, in the order of the instance's `pairs`.

    :param told: all the reasons that a ledger gives; what they leave out was banned or not claimed.
    """
    width, bans = len(market.places), market.instance.bans
    every = np.full(len(market.codes), UNCLAIMED, dtype="<U2")
    banned = column(bans.person) * width + column(bans.need)
    every[market.order[found(market.codes, banned)]] = FORBIDDEN
    wanted = np.array([reason.person * width + reason.need for reason in told], dtype=np.int64)
    words = np.array([reason.code for reason in told], dtype="<U2")
    every[market.order[found(market.codes, wanted)]] = words[among(market.codes, wanted)]
    return every


def count_codes(instance: Instance, plan: Plan, background: Background | None = None) -> dict[str, dict[str, int]]:
    """Count the codes of a plan's pairs, of the lost claims, and of all eligible pairs."""
    ledger = Ledger(open_market(instance), plan, background)
    told = {"pairs": ledger.pairs(), "lost": ledger.lost()}
    counted = {name: Counter(one.code for one in reasons) for name, reasons in told.items()}
    counted["all"] = Counter(codes(instance, plan).tolist())
    return {name: dict(sorted(counter.items())) for name, counter in counted.items()}
