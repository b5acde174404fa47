"""What a run rested on, written down with it, and read back: whatever is asked of a run later is answered from that."""

from collections.abc import Mapping
from typing import Any

from models.matching import Run
from rules.matching.instance import Instance
from rules.matching.plan import Plan as Solution
from service.claims import claimants
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.matching import lists
from service.matching.instances import Problem, Wishes
from service.matching.standing import Link, Live
from service.matching.telling import Telling, telling


def basis(problem: Problem, supplement: int) -> dict[str, Any]:
    """Write down what a run knew beside the frozen inputs, and the number of the supplement that these are of."""
    live, wishes = problem.live, problem.wishes
    return {
        "supplement": supplement,
        "withdrawn": sorted(live.withdrawn),
        "gone": sorted(live.gone),
        "shut": sorted(set(problem.need_at) - live.open_needs),
        "declines": dict(sorted(live.declines.items())),
        "refused": _written(live.bans),
        "set": _written(live.pins),
        "asked": sorted(live.asked),
        "pins": _written(wishes.pins),
        "bans": _written(wishes.bans),
        "fixed": sorted(wishes.fixed),
        "previous": sorted(wishes.previous),
        "survivors": sorted(wishes.survivors),
        "complete": wishes.complete,
    }


def _written(words: Mapping[Link, str]) -> list[list[str]]:
    return [[*link, text] for link, text in sorted(words.items())]


def problem(uow: UnitOfWork, run: Run) -> Problem:
    """Lay out anew what a run computed on.

    :raises NotFound: for a run of before this was written down.
    """
    frozen = lists.numbered(uow, run.round_id, run.basis.get("supplement", 0))
    if frozen is None or not run.basis:
        raise NotFound
    kept = run.basis
    live = Live(
        withdrawn=frozenset(kept["withdrawn"]),
        gone=frozenset(kept["gone"]),
        open_needs=frozenset(frozen.inputs["needs"]["id"]) - frozenset(kept["shut"]),
        declines=kept["declines"],
        bans=_read(kept["refused"]),
        pins=_read(kept["set"]),
        asked=_links(kept["asked"]),
    )
    wishes = Wishes(
        seed=run.seed,
        pins=_read(kept["pins"]),
        bans=_read(kept["bans"]),
        fixed=_links(kept["fixed"]),
        previous=_links(kept["previous"]),
        survivors=_links(kept["survivors"]),
        complete=kept["complete"],
    )
    return Problem(frozen.inputs, live, wishes, claimants.tree(uow))


def told(uow: UnitOfWork, run: Run) -> Telling:
    """Give a run's plan with all that is needed to tell it."""
    return telling(uow, problem(uow, run), Solution.from_json(run.plan))


def instance(run: Run) -> Instance:
    """Give the instance that a run solved."""
    return Instance.from_json(run.instance)


def _read(rows: list[list[str]]) -> dict[Link, str]:
    return {(key, need): text for key, need, text in rows}


def _links(rows: list[list[str]]) -> frozenset[Link]:
    return frozenset((key, need) for key, need in rows)
