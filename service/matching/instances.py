"""From frozen inputs and what people decided since to one matching problem, on the inputs' own indexes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rules.claims import SpecialtyTree
from rules.matching.instance import Claims, Counties, Grades, Instance, Links, Needs, Pairs, People, Townships
from rules.matching.reasons import Background
from service.matching.inputs import claim_rows, exclusions
from service.matching.standing import Link, Live

Place = tuple[int, int]
"""A person and a need, as indexes."""


@dataclass(frozen=True)
class Wishes:
    """What one run is asked beside the frozen inputs.

    :param pins, bans: of the request, with the reason.
    :param fixed: pairs of other counties that stay as they are (R-MATCH-7).
    :param previous: pairs to keep where nothing above speaks against it (R-MATCH-1 aim 4).
    :param survivors: previous pairs that are pinned where they still can be: only holes are filled.
    :param complete: fill free places by score with pairs that nobody chose.
    """

    seed: str
    pins: Mapping[Link, str] = field(default_factory=dict)
    bans: Mapping[Link, str] = field(default_factory=dict)
    fixed: frozenset[Link] = frozenset()
    previous: frozenset[Link] = frozenset()
    survivors: frozenset[Link] = frozenset()
    complete: bool = False


@dataclass(frozen=True)
class Problem:
    """What a run computes on. Whoever left and whatever was closed since the freeze is struck, the rest is as frozen.

    All indexes are those of the frozen inputs.
    """

    content: Mapping[str, Any]
    live: Live
    wishes: Wishes
    tree: SpecialtyTree

    @cached_property
    def person_at(self) -> dict[str, int]:
        """Where each claimant stands in the lists."""
        return {key: place for place, key in enumerate(self.content["people"]["id"])}

    @cached_property
    def need_at(self) -> dict[str, int]:
        """Where each need stands in the lists."""
        return {key: place for place, key in enumerate(self.content["needs"]["id"])}

    @cached_property
    def gone(self) -> frozenset[int]:
        """Claimants who are no more."""
        return frozenset(self.person_at[key] for key in self.live.gone)

    @cached_property
    def shut(self) -> frozenset[int]:
        """Needs that were taken off the board."""
        return frozenset(place for key, place in self.need_at.items() if key not in self.live.open_needs)

    @cached_property
    def withdrawn(self) -> frozenset[Place]:
        """Claims that were taken back: nobody is sent there against their word."""
        return frozenset((p, n) for claim, p, n, *_ in self._claims if claim in self.live.withdrawn)

    @cached_property
    def _claims(self) -> list[tuple[str, int, int, int, int | None]]:
        names = ("id", "person", "need", "preference", "grade")
        return list(zip(*(self.content["claims"][name] for name in names), strict=True))

    @cached_property
    def standing(self) -> list[tuple[int, int, int, int | None]]:
        """Claims that were not taken back: person, need, preference, grade (None: declined)."""
        return [row[1:] for row in self._claims if row[0] not in self.live.withdrawn]

    @cached_property
    def declined(self) -> frozenset[Place]:
        """Claims that the township declined: never assigned (R-MATCH-6)."""
        return frozenset((p, n) for p, n, _, grade in self.standing if grade is None)

    @cached_property
    def rows(self) -> list[tuple[int, int, int]]:
        """Eligible pairs with their scores."""
        pairs = self.content["pairs"]
        return [
            row
            for row in zip(pairs["person"], pairs["need"], pairs["score"], strict=True)
            if row[0] not in self.gone and row[1] not in self.shut and row[:2] not in self.withdrawn
        ]

    @cached_property
    def eligible(self) -> frozenset[Place]:
        """Eligible pairs, also those that somebody refused."""
        return frozenset(row[:2] for row in self.rows)

    @cached_property
    def able(self) -> frozenset[Place]:
        """Pairs that a plan may contain."""
        return self.eligible - self.declined - frozenset(self.places(self._bans))

    @property
    def _bans(self) -> dict[Link, str]:
        return {**self.live.bans, **self.wishes.bans}

    @property
    def _pins(self) -> dict[Link, str]:
        return {**self.live.pins, **self.wishes.pins}

    @cached_property
    def fixed(self) -> frozenset[Place]:
        """Pairs of other counties that still can be: they are pinned (R-MATCH-7)."""
        return frozenset(self.places(self.wishes.fixed)) & self.able

    @cached_property
    def survivors(self) -> frozenset[Place]:
        """Previous pairs that still can be and that were not to be touched."""
        return frozenset(self.places(self.wishes.survivors)) & self.able

    @cached_property
    def asked(self) -> frozenset[Place]:
        """Pairs that staff set and that need both sides' consent (replacements, R-MATCH-6)."""
        return frozenset(self.places(self.live.asked)) & self.able

    @cached_property
    def set_by_staff(self) -> frozenset[Place]:
        """Pairs that staff set before this run and that still can be."""
        return frozenset(self.places(self.live.pins)) & self.able

    def places(self, links: Iterable[Link]) -> list[Place]:
        """Give links as indexes, sorted; what the inputs do not know is left out."""
        known = ((self.person_at.get(key, -1), self.need_at.get(need, -1)) for key, need in links)
        return sorted(place for place in known if min(place) >= 0)

    @cached_property
    def instance(self) -> Instance:
        """Give the matching problem itself."""
        content, needs = self.content, self.content["needs"]
        claims = [(p, n, wish) for p, n, wish, _ in self.standing]
        grades = [(p, n, grade) for p, n, _, grade in self.standing if grade is not None]
        pins = sorted({*self.fixed, *self.survivors, *self.set_by_staff, *self.places(self.wishes.pins)})
        return Instance(
            seed=self.wishes.seed,
            people=People(tuple(content["people"]["code"]), tuple(content["people"]["capacity"])),
            townships=Townships(tuple(content["townships"]["code"]), self._floors(), self._county_of()),
            counties=Counties(tuple(self.counties), self._county_floors()),
            needs=Needs(
                tuple(needs["id"]),
                tuple(needs["township"]),
                tuple(0 if need in self.shut else most for need, most in enumerate(needs["places"])),
            ),
            pairs=Pairs(*_columns(self.rows, 3)),
            claims=Claims(*_columns(claims, 3)),
            grades=Grades(*_columns(grades, 3)),
            pins=Links(*_columns(pins, 2)),
            bans=Links(*_columns(self.places(self._bans), 2)),
            previous=Links(*_columns(self.places(self.wishes.previous), 2)),
            complete=self.wishes.complete,
        )

    def _floors(self) -> tuple[int, ...]:
        """A township whose needs were all taken off the board asks for nobody."""
        townships = self.content["townships"]
        asking = {township for need, township in enumerate(self.content["needs"]["township"]) if need not in self.shut}
        return tuple(floor if place in asking else 0 for place, floor in enumerate(townships["floor"]))

    @cached_property
    def counties(self) -> list[str]:
        """The codes of all counties of the lists, where any of them has a floor; in the order of the instance."""
        floors = self.content.get("counties")
        return sorted({*self.content["townships"]["county"], *floors["code"]}) if floors else []

    def _county_of(self) -> tuple[int, ...]:
        return tuple(map(self.counties.index, self.content["townships"]["county"])) if self.counties else ()

    def _county_floors(self) -> tuple[int, ...]:
        """A county whose needs were all taken off the board, or that never had any, asks for nobody."""
        if not self.counties:
            return ()
        floors, townships = self.content["counties"], self.content["townships"]["county"]
        asked = dict(zip(floors["code"], floors["floor"], strict=True))
        open_ = {townships[t] for n, t in enumerate(self.content["needs"]["township"]) if n not in self.shut}
        return tuple(asked.get(code, 0) if code in open_ else 0 for code in self.counties)

    @cached_property
    def background(self) -> Background:
        """Give what people wrote down: who was excluded by which rule, declined, banned or pinned and why."""
        ranked = self.content["claims"]["ranked"]
        words = {(p, n): self.live.declines.get(claim, "") for claim, p, n, *_ in self._claims}
        return Background(
            withdrawn=self.withdrawn,
            excluded={(p, n): self.why_not(p, n) for p, n, *_ in self.standing if (p, n) not in self.eligible},
            declined={place: words[place] for place in self.declined},
            banned=self._told(self._bans),
            pinned=self._told(self._pins),
            unranked=frozenset(place for place, row in claim_rows(self.content).items() if not ranked[row]),
        )

    def _told(self, words: Mapping[Link, str]) -> dict[Place, str]:
        return {place: text for link, text in words.items() for place in self.places([link])}

    def why_not(self, person: int, need: int) -> tuple[str, ...]:
        """Say in Chinese which rules a pair fails."""
        if person in self.gone:
            return ("已离任，或所在团队已解散",)
        if need in self.shut:
            return ("需求已下榜",)
        return tuple(one.sentence for one in exclusions(self.content, self.tree, person, need))


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) or [()] * width


def frozen(content: Mapping[str, Any]) -> Instance:
    """Give what a freeze publishes: the problem as it stands, without a seed, pins, bans or a plan before."""
    untouched = Live(
        withdrawn=frozenset(),
        gone=frozenset(),
        open_needs=frozenset(content["needs"]["id"]),
        declines={},
        bans={},
        pins={},
    )
    return Problem(content, untouched, Wishes(seed=""), SpecialtyTree(())).instance
