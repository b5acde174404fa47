"""The instance as the verifier reads it: sets and dictionaries, built without the solver's arrays."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property

from rules.matching.instance import Instance
from rules.matching.lottery import pair_ticket, person_ticket

Link = tuple[int, int]


class Reading:
    """Everything a check asks of an instance. `free_…` is what pins leave; `floor` holds townships with needs only.

    `beyond` is what each county asks beyond the most of its townships' floors that any plan could fill.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.capacity = instance.people.capacity
        self.places = instance.needs.places
        self.township = instance.needs.township
        self.floor = {township: instance.townships.floor[township] for township in set(self.township)}
        self.county = dict(enumerate(instance.townships.county))
        self.beyond: dict[int, int] = {}
        self.pins = set(zip(instance.pins.person, instance.pins.need, strict=True))
        self.previous = set(zip(instance.previous.person, instance.previous.need, strict=True))
        self.points = {
            (p, n): s for p, n, s in zip(instance.pairs.person, instance.pairs.need, instance.pairs.score, strict=True)
        }
        self._grade = {
            (p, n): g
            for p, n, g in zip(instance.grades.person, instance.grades.need, instance.grades.grade, strict=True)
        }
        claims = zip(instance.claims.person, instance.claims.need, instance.claims.preference, strict=True)
        self._preference = {(p, n): place for p, n, place in claims}
        banned = set(zip(instance.bans.person, instance.bans.need, strict=True))
        self.allowed = set(self.points) - banned - (set(self._preference) - set(self._grade))
        pinned_people, pinned_needs = Counter(p for p, _ in self.pins), Counter(n for _, n in self.pins)
        self.free_capacity = [most - pinned_people[p] for p, most in enumerate(self.capacity)]
        self.free_places = [most - pinned_needs[n] for n, most in enumerate(self.places)]

    def names(self, link: Link) -> str:
        """Give a pair's ids."""
        return f"{self.instance.people.id[link[0]]} → {self.instance.needs.id[link[1]]}"

    def needs_of(self, townships: set[int]) -> set[int]:
        """Give the needs of some townships."""
        return {need for township in townships for need in self.needs_in[township]}

    def over(self, came: Mapping[int, int]) -> Counter[int]:
        """Count by county the pairs that townships have beyond their floors."""
        found: Counter[int] = Counter()
        for township, county in self.county.items():
            found[county] += max(0, came[township] - self.floor.get(township, 0))
        return found

    @cached_property
    def needs_in(self) -> dict[int, list[int]]:
        """The needs of each township."""
        found: dict[int, list[int]] = defaultdict(list)
        for need, township in enumerate(self.township):
            found[township].append(need)
        return found

    @cached_property
    def able(self) -> list[list[int]]:
        """Whom each need may have."""
        found: list[list[int]] = [[] for _ in self.places]
        for person, need in self.allowed:
            found[need].append(person)
        return [sorted(people) for people in found]

    @cached_property
    def able_for(self) -> list[list[int]]:
        """What each person may have."""
        found: list[list[int]] = [[] for _ in self.capacity]
        for person, need in self.allowed:
            found[person].append(need)
        return found

    @cached_property
    def wishes(self) -> dict[int, list[int]]:
        """The needs of each person's mutual claims, dearest first."""
        found: dict[int, list[int]] = defaultdict(list)
        for person, need in sorted(self.turn, key=lambda link: (link[0], self.turn[link])):
            found[person].append(need)
        return found

    def ticket(self, link: Link) -> bytes:
        """Give a pair's ticket in the lottery."""
        return pair_ticket(self.instance.seed, self.instance.people.id[link[0]], self.instance.needs.id[link[1]])

    def order_of_arrival(self, link: Link) -> tuple[bool, int, bytes]:
        """Give the order in which completing pairs count: kept ones, then by score, then by ticket."""
        return link not in self.previous, -self.points[link], self.ticket(link)

    @cached_property
    def mutual(self) -> set[Link]:
        """Claims that the township graded and that may still be made beside the pins."""
        return (set(self._preference) & set(self._grade) & self.allowed) - self.pins

    @cached_property
    def turn(self) -> dict[Link, int]:
        """The place of each mutual claim in its claimant's strict order (0 = dearest)."""
        ordered = sorted(self.mutual, key=lambda link: (link[0], self._preference[link], self.ticket(link)))
        return _places(ordered, 0)

    @cached_property
    def rank(self) -> dict[Link, int]:
        """The place of each mutual claim in its need's strict order (0 = best)."""
        people, seed = self.instance.people.id, self.instance.seed
        key = {link: (link[1], self._grade[link], person_ticket(seed, people[link[0]])) for link in self.mutual}
        return _places(sorted(self.mutual, key=key.__getitem__), 1)


def _places(ordered: list[Link], side: int) -> dict[Link, int]:
    met: dict[int, int] = defaultdict(int)
    places = {}
    for link in ordered:
        places[link] = met[link[side]]
        met[link[side]] += 1
    return places
