"""Rounds of matching as they might come: synthetic, seeded, with every skew that makes matching hard.

Specialities follow Zipf's law, some townships are remote and some needs are everybody's favourite, experts cluster, and
a township grades most of those who claim. All figures are integers, as the product makes them; nothing is real.
`python -m bench.rounds city FILE` writes one as an instance file.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rules.matching.instance import (
    Claims,
    Counties,
    Grades,
    Instance,
    Links,
    Needs,
    Pairs,
    People,
    Townships,
    canonical_json,
)

SEED = 20250601
BLOCK = 500


@dataclass(frozen=True)
class Size:
    """How large a round is. `short` keeps so many best pairs a need, `single` gives everybody capacity 1."""

    townships: int
    people: int
    needs: int
    specialities: int = 14
    short: int | None = None
    single: bool = False
    remote: float = 0.2


SIZES = {
    "city": Size(65, 120, 260),
    "city-large": Size(65, 1_200, 2_600),
    "province": Size(1_127, 10_000, 20_000, specialities=36, short=30),
    "city-tight": Size(65, 120, 260, single=True),
    "city-key": Size(65, 75, 130, single=True, remote=0.35),
    "province-key": Size(1_127, 1_300, 2_254, specialities=36, short=30, single=True, remote=0.35),
}


def generate(name: str, seed: int = SEED, *, complete: bool = True) -> Instance:
    """Draw a round of a named size: the same for the same seed."""
    return _Draw(SIZES[name], seed).instance(str(seed), complete=complete)


def infeasible(game: Instance) -> Instance:
    """Give the round where only the first expert is able for the first five townships."""
    rows = [
        row
        for row in zip(game.pairs.person, game.pairs.need, game.pairs.score, strict=True)
        if game.needs.township[row[1]] >= 5 or row[0] == 0
    ]
    return replace(game, pairs=Pairs(*zip(*rows, strict=True)))


def within_counties(game: Instance, counties: int = 5, more: int = 4) -> Instance:
    """Give the round with its townships in counties, each of which asks for so many pairs beyond their floors."""
    floor = [0] * counties
    county = tuple(t % counties for t in range(len(game.townships.code)))
    for own, least in zip(county, game.townships.floor, strict=True):
        floor[own] += least
    codes = tuple(f"k{k}" for k in range(counties))
    asked = Counties(codes, tuple(least + more for least in floor))
    return replace(game, townships=replace(game.townships, county=county), counties=asked)


def withdrawn(game: Instance, pairs: list[tuple[int, int]], share: float = 0.01) -> Instance:
    """Give the round after a share of the people in a plan withdrew, with the plan as the previous one."""
    dice = np.random.default_rng(SEED)
    used = sorted({person for person, _ in pairs})
    gone = set(dice.choice(used, size=max(1, round(share * len(used))), replace=False).tolist())
    capacity = tuple(0 if p in gone else most for p, most in enumerate(game.people.capacity))
    stay = [link for link in pairs if link[0] not in gone]
    return replace(game, people=replace(game.people, capacity=capacity), previous=Links(*zip(*stay, strict=True)))


class _Draw:
    def __init__(self, size: Size, seed: int) -> None:
        self.size = size
        self.dice = dice = np.random.default_rng(seed)
        zipf = 1 / np.arange(1, size.specialities + 1) ** 0.8
        self.zipf = zipf / zipf.sum()
        # People live in few centres, townships lie everywhere; a township's pull is what makes people claim there.
        centres = dice.uniform(0, 100, (5, 2))
        self.home = centres[dice.integers(0, 5, size.people)] + dice.normal(0, 8, (size.people, 2))
        self.spot = dice.uniform(0, 100, (size.townships, 2))
        self.pull = np.where(dice.random(size.townships) < size.remote, 0.05, dice.lognormal(0, 0.6, size.townships))
        self.capacity = np.ones(size.people, int) if size.single else dice.integers(1, 4, size.people)
        first = np.arange(size.townships)
        rest = dice.integers(0, size.townships, size.needs - size.townships)
        self.township = np.concatenate([first, rest])
        self.places = dice.choice([1, 2, 3], size.needs, p=[0.73, 0.23, 0.04])
        self.wants = dice.choice(size.specialities, size.needs, p=self.zipf)
        self.able = np.zeros((size.people, size.specialities), dtype=np.int16)
        for turn, strength in enumerate((1000, 800, 600)):
            own = dice.choice(size.specialities, size.people, p=self.zipf)
            grows = dice.random(size.people) < (1, 0.8, 0.6)[turn]
            self.able[np.arange(size.people)[grows], own[grows]] = strength
        self.merit = dice.choice([0, 600, 700, 1000], size.people, p=[0.02, 0.3, 0.5, 0.18])
        self.urgency = dice.choice([300, 600, 1000], size.needs)
        self.appeal = self.pull[self.township] * dice.lognormal(0, 0.8, size.needs)

    def instance(self, seed: str, *, complete: bool) -> Instance:
        size = self.size
        person, need, base = (np.concatenate(column) for column in zip(*self._pairs(), strict=True))
        claims, wish, grade = self._claims(person, need, base)
        score = base.copy()
        score[claims] += np.array([1000, 800, 600, 450, 300, 150])[wish - 1] * 25
        score[claims[grade > 0]] += np.array([1000, 750, 500])[grade[grade > 0] - 1] * 20
        keep = np.ones(len(person), dtype=bool)
        if size.short is not None:
            keep = self._best(need, score, size.short)
            keep[claims] = True
        graded = claims[grade > 0]
        return Instance(
            seed=seed,
            people=People(tuple(f"p{p:06}" for p in range(size.people)), tuple(self.capacity.tolist())),
            townships=Townships(tuple(f"t{t:06}" for t in range(size.townships)), (1,) * size.townships),
            needs=Needs(
                tuple(f"n{n:06}" for n in range(size.needs)),
                tuple(self.township.tolist()),
                tuple(self.places.tolist()),
            ),
            pairs=Pairs(*(tuple(column[keep].tolist()) for column in (person, need, score))),
            claims=Claims(tuple(person[claims].tolist()), tuple(need[claims].tolist()), tuple(wish.tolist())),
            grades=Grades(
                tuple(person[graded].tolist()), tuple(need[graded].tolist()), tuple(grade[grade > 0].tolist())
            ),
            complete=complete,
        )

    def _pairs(self):
        """Give eligible pairs block by block, with what a score has before claims and grades."""
        for start in range(0, self.size.needs, BLOCK):
            block = np.arange(start, min(start + BLOCK, self.size.needs))
            fit = self.able[:, self.wants[block]].T.astype(np.int64)
            row, person = np.nonzero(fit)
            need = block[row]
            away = np.hypot(*(self.home[person] - self.spot[self.township[need]]).T)
            near = np.array([1000, 900, 750, 500, 300, 150])[np.searchsorted([5, 10, 20, 50, 100], away)]
            noise = self.dice.integers(0, 200, len(person))
            base = (fit[row, person] - noise) * 40 + (self.merit[person] + self.urgency[need] + near) * 5
            if self.size.short is not None:
                chance = self.dice.random(len(person)) < 0.02
                best = self._best(need, base, self.size.short) | chance
                person, need, base = person[best], need[best], base[best]
            yield person, need, base

    @staticmethod
    def _best(need, score, most):
        order = np.lexsort((-score, need))
        first = np.searchsorted(need[order], need[order])
        keep = np.zeros(len(need), dtype=bool)
        keep[order[np.arange(len(need)) - first < most]] = True
        return keep

    def _claims(self, person, need, base):
        """Everybody claims some three or four of what attracts them; towns grade nine in ten of them by merit."""
        lure = np.log(self.appeal[need]) + base / 20_000 + self.dice.gumbel(0, 0.7, len(person))
        order = np.lexsort((-lure, person))
        turn = np.arange(len(person)) - np.searchsorted(person[order], person[order])
        most = self.dice.choice([2, 3, 4, 5, 6], self.size.people, p=[0.15, 0.32, 0.3, 0.15, 0.08])
        taken = turn < most[person[order]]
        claims, wish = order[taken], turn[taken] + 1
        merit = base[claims] + self.dice.normal(0, 6_000, len(claims))
        grade = 3 - np.searchsorted(np.quantile(merit, [0.3, 0.65]), merit)
        grade[self.dice.random(len(claims)) > 0.92] = 0
        rows = np.argsort(claims)
        return claims[rows], wish[rows], grade[rows]


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(canonical_json(generate(sys.argv[1]).to_json()))
