"""Small matching problems, written by names or drawn by Hypothesis."""

import os
from typing import Any

from hypothesis import strategies as st

from rules.matching.instance import Instance
from rules.matching.plan import Plan

THOROUGH = int(os.environ.get("MATCHING_THOROUGH", "1"))
"""Laws are tried on so many times more problems; 20 is a good night's work (docs/matching.md)."""

_FEW = st.sampled_from([1, 1, 1, 2])


def examples(usual: int) -> int:
    """Give on how many drawn problems a law is tried."""
    return usual * THOROUGH


def board(
    people: dict[str, int],
    needs: dict[str, tuple[str, int]],
    fits: dict[str, str],
    *,
    claims: dict[str, str] | None = None,
    grades: dict[str, str] | None = None,
    floors: dict[str, int] | None = None,
    **more: Any,
) -> Instance:
    """Write a problem by names: claims and grades list names best first, `=` before a name means equal to the last.

    `counties` names each county's floor and townships: {"东": (3, "甲 乙")}. Places may stay free unless `complete`
    says no. Every pair has score 10 unless `scores` says more; `pins`, `bans`, `previous` are lists of (person, need).
    """
    ids, codes, posts = list(people), list(floors or {town: 1 for town, _ in needs.values()}), list(needs)
    scores = more.pop("scores", {})
    pairs = [(ids.index(p), posts.index(n), scores.get((p, n), 10)) for p, able in fits.items() for n in able.split()]
    wishes = [(ids.index(p), posts.index(n), place) for p, text in (claims or {}).items() for n, place in _places(text)]
    marks = [(ids.index(p), posts.index(n), place) for n, text in (grades or {}).items() for p, place in _places(text)]
    links = {
        name: _columns([(ids.index(p), posts.index(n)) for p, n in more.pop(name, [])], "person", "need")
        for name in ("pins", "bans", "previous")
    }
    counties = more.pop("counties", {})
    of = {town: place for place, (_, towns) in enumerate(counties.values()) for town in towns.split()}
    if counties:
        more["counties"] = {"code": list(counties), "floor": [floor for floor, _ in counties.values()]}
    return Instance.from_json(
        {
            "seed": more.pop("seed", "583214"),
            "complete": False,
            "people": {"id": ids, "capacity": list(people.values())},
            "townships": {
                "code": codes,
                "floor": list((floors or dict.fromkeys(codes, 1)).values()),
                **({"county": [of[code] for code in codes]} if counties else {}),
            },
            "needs": {
                "id": posts,
                "township": [codes.index(town) for town, _ in needs.values()],
                "places": [places for _, places in needs.values()],
            },
            "pairs": _columns(pairs, "person", "need", "score"),
            "claims": _columns(wishes, "person", "need", "preference"),
            "grades": _columns(marks, "person", "need", "grade"),
            **links,
            **more,
        }
    )


def named(instance: Instance, plan: Plan) -> dict[tuple[str, str], str]:
    """Give a plan's pairs by names, each with its reason."""
    return {(instance.people.id[p.person], instance.needs.id[p.need]): p.reason for p in plan.pairs}


def instances(most_people: int = 4, most_needs: int = 4) -> st.SearchStrategy[Instance]:
    """Draw a small problem: one with everything in it, or one where choice and coverage collide."""
    alone = anything(most_people, most_needs) | collisions(most_people, most_needs)
    return alone | alone.flatmap(within_counties)


@st.composite
def within_counties(draw: st.DrawFn, instance: Instance) -> Instance:
    """Put the townships of a problem into one or two counties with floors of their own."""
    counties, towns = draw(st.integers(1, 2)), len(instance.townships.code)
    content = instance.to_json()
    content["counties"] = {
        "code": [f"k{k}" for k in range(counties)],
        "floor": [draw(st.integers(0, towns + 2)) for _ in range(counties)],
    }
    content["townships"]["county"] = [draw(st.integers(0, counties - 1)) for _ in range(towns)]
    return Instance.from_json(content)


@st.composite
def collisions(draw: st.DrawFn, most_people: int, most_needs: int) -> Instance:
    """Draw a problem where all want the same need, and each other township hangs on one or two of them."""
    people, needs = draw(st.integers(1, most_people)), draw(st.integers(2, most_needs))
    able = {n: draw(st.sets(st.integers(0, people - 1), min_size=1, max_size=2)) for n in range(1, needs)}
    pairs = [(p, 0) for p in range(people)] + [(p, n) for n, group in able.items() for p in sorted(group)]
    claims = [(p, 0) for p in range(people)] + [link for link in pairs[people:] if not draw(st.integers(0, 3))]
    return Instance.from_json(
        {
            "seed": draw(st.sampled_from(["1", "2", "3"])),
            "people": {"id": [f"p{p}" for p in range(people)], "capacity": [draw(_FEW) for _ in range(people)]},
            "townships": {"code": [f"t{t}" for t in range(needs)], "floor": [draw(_FEW) for _ in range(needs)]},
            "needs": {
                "id": [f"n{n}" for n in range(needs)],
                "township": list(range(needs)),
                "places": [draw(st.integers(1, people)), *(draw(_FEW) for _ in able)],
            },
            "pairs": _columns([(*link, draw(st.integers(0, 3))) for link in pairs], "person", "need", "score"),
            "claims": _columns([(*link, draw(st.integers(1, 3))) for link in claims], "person", "need", "preference"),
            "grades": _columns([(*link, draw(st.integers(1, 2))) for link in claims], "person", "need", "grade"),
            "complete": draw(st.booleans()),
        }
    )


@st.composite
def anything(draw: st.DrawFn, most_people: int, most_needs: int) -> Instance:
    """Draw a small problem with everything in it: ties, declined claims, floors above 1, bans, previous pairs, pins."""
    people, needs = draw(st.integers(1, most_people)), draw(st.integers(1, most_needs))
    townships = draw(st.integers(1, 3))
    every = [(p, n) for p in range(people) for n in range(needs)]
    some = st.lists(st.sampled_from(every), unique=True)
    pairs = draw(st.lists(st.sampled_from(every), unique=True, min_size=len(every) // 2))
    claims = draw(st.lists(st.sampled_from(every), unique=True, min_size=len(every) // 3))
    graded = [claim for claim in claims if draw(st.integers(0, 5))]
    small = st.integers(0, 2)
    content = {
        "seed": draw(st.sampled_from(["1", "2", "3"])),
        "people": {"id": [f"p{p}" for p in range(people)], "capacity": [draw(small) for _ in range(people)]},
        "townships": {"code": [f"t{t}" for t in range(townships)], "floor": [draw(small) for _ in range(townships)]},
        "needs": {
            "id": [f"n{n}" for n in range(needs)],
            "township": [draw(st.integers(0, townships - 1)) for _ in range(needs)],
            "places": [draw(small) for _ in range(needs)],
        },
        "pairs": _columns([(*link, draw(st.integers(0, 3))) for link in pairs], "person", "need", "score"),
        "claims": _columns([(*link, draw(st.integers(1, 3))) for link in claims], "person", "need", "preference"),
        "grades": _columns([(*link, draw(st.integers(1, 2))) for link in graded], "person", "need", "grade"),
        "bans": _columns(draw(some)[:2], "person", "need"),
        "previous": _columns(draw(some), "person", "need"),
        "complete": draw(st.booleans()),
    }
    content["pins"] = _columns(_pins(content, set(claims) - set(graded), draw(small)), "person", "need")
    return Instance.from_json(content)


def _pins(content: dict[str, Any], declined: set[tuple[int, int]], wanted: int) -> list[tuple[int, int]]:
    struck = declined | set(zip(*content["bans"].values(), strict=True))
    capacity, places = list(content["people"]["capacity"]), list(content["needs"]["places"])
    pins: list[tuple[int, int]] = []
    for p, n in zip(content["pairs"]["person"], content["pairs"]["need"], strict=True):
        if len(pins) < wanted and (p, n) not in struck and capacity[p] and places[n]:
            capacity[p], places[n] = capacity[p] - 1, places[n] - 1
            pins.append((p, n))
    return pins


def _places(text: str) -> list[tuple[str, int]]:
    places: list[tuple[str, int]] = []
    for name in text.split():
        equal = name.startswith("=")
        places.append((name.lstrip("="), places[-1][1] if equal else len(places) + 1))
    return places


def _columns(rows: list[Any], *names: str) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
