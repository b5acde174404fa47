"""What differs between two plans of one round, in the words of the API: who moves, which townships lose or gain."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rules.matching.changes import Changes, compare, tell_changes
from rules.matching.plan import Plan as Solution
from rules.matching.sentences import Names
from service.matching.instances import Problem


def changes_of(problem: Problem, before: Solution, after: Solution) -> Changes:
    """Compare two plans whose indexes are those of a round's frozen inputs."""
    return compare(problem.instance, before, after)


def within(problem: Problem, solution: Solution, county: str | None) -> Solution:
    """Give a plan with the pairs of one county alone; all of them where none is named."""
    if county is None:
        return solution
    counties = problem.content["townships"]["county"]
    own = {n for n, township in enumerate(problem.content["needs"]["township"]) if counties[township] == county}
    pairs = tuple(pair for pair in solution.pairs if pair.need in own)
    points = dict(
        zip(
            zip(problem.instance.pairs.person, problem.instance.pairs.need, strict=True),
            problem.instance.pairs.score,
            strict=True,
        )
    )
    return replace(
        solution,
        pairs=pairs,
        holds=tuple(hold for hold in solution.holds if hold.need in own),
        score=sum(points.get((pair.person, pair.need), 0) for pair in pairs),
    )


def townships(problem: Problem, names: Names, places: Sequence[int]) -> list[dict[str, str]]:
    """Name townships."""
    codes = problem.content["townships"]["code"]
    return [{"code": codes[one], "name": names.townships[one]} for one in places]


def counties(problem: Problem, names: Names, places: Sequence[int]) -> list[dict[str, str]]:
    """Name counties."""
    return [{"code": problem.counties[one], "name": names.counties[one]} for one in places]


def shown(problem: Problem, names: Names, before: Solution, after: Solution, county: str | None) -> dict[str, Any]:
    """Give the differences as a county sees them: its own moves, points and holds; coverage is everybody's."""
    whole = changes_of(problem, before, after)
    own = changes_of(problem, within(problem, before, county), within(problem, after, county))
    people, needs = problem.content["people"], problem.content["needs"]

    def person(one: int) -> dict[str, Any]:
        row = {"commissioner": people["person"][one], "commissioner_name": names.people[one]}
        return row | {"team": people["team"][one]}

    def need(one: int) -> dict[str, Any]:
        code = problem.content["townships"]["code"][needs["township"][one]]
        where = {"township": code, "township_name": names.townships[needs["township"][one]]}
        return {"need": needs["id"][one], "need_title": names.needs[one]} | where

    everybodys = ("uncovered", "newly_covered", "counties_short", "counties_reached")
    told = replace(own, **{name: getattr(whole, name) for name in everybodys})
    return {
        "coverage": whole.coverage,
        "uncovered": townships(problem, names, whole.uncovered),
        "newly_covered": townships(problem, names, whole.newly_covered),
        "counties_short": counties(problem, names, whole.counties_short),
        "counties_reached": counties(problem, names, whole.counties_reached),
        "moves": [
            person(move.person) | {"left": list(map(need, move.left)), "got": list(map(need, move.got))}
            for move in own.moves
        ],
        "elsewhere": len(whole.moves) - len(own.moves),
        "held": [person(one) for one in own.held],
        "released": [person(one) for one in own.released],
        "score": own.score,
        "text": tell_changes(told, names),
    }
