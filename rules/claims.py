"""Who may claim a need, how well the specialty fits, whether a township's ranking holds together."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from rules.policy import CLAIMS_CAPACITY_MAX, SERVICE_DAYS_PER_PLACE

FIT_SAME = 1000  # the very code that the need names
FIT_LINE = 700  # one code lies above the other in the tree
FIT_RELATED = 500  # one code is mapped to the other (`maps_to`)
FIT_KIN = 300  # one code is mapped to something above or below the other
DECLINE_REASON_MAX = 500  # characters
YEAR_DAYS_MAX = 366

Id = TypeVar("Id", bound=Hashable)


class Exclusion(NamedTuple):
    """One reason why a claim cannot stand: the rule with its part (`R-CLAIM-3:banned`), and a sentence to read."""

    rule: str
    sentence: str


class Specialty(NamedTuple):
    """A row of the specialty catalogue, as the rules see it."""

    code: str
    name: str
    parent: str | None = None
    maps_to: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SpecialtyTree:
    """The specialty catalogue: a forest by `parent`, with cross links by `maps_to`. Unknown codes stand alone."""

    rows: tuple[Specialty, ...]

    @cached_property
    def _by_code(self) -> dict[str, Specialty]:
        return {row.code: row for row in self.rows}

    @cached_property
    def _lines(self) -> dict[str, frozenset[str]]:
        """Every code's line, once: a round compares some hundred thousand pairs."""
        return {code: self._climb(code) for code in self._by_code}

    def _climb(self, code: str) -> frozenset[str]:
        found: set[str] = set()
        at: str | None = code
        while at and at not in found:
            found.add(at)
            row = self._by_code.get(at)
            at = None if row is None else row.parent
        return frozenset(found)

    def name(self, code: str) -> str:
        """Give the Chinese name of a code, or the code itself where the catalogue does not have it."""
        row = self._by_code.get(code)
        return code if row is None else row.name

    def line(self, code: str) -> frozenset[str]:
        """Give the code and everything above it; a loop in the data ends where it began."""
        return self._lines.get(code) or frozenset({code})

    def mapped(self, code: str) -> frozenset[str]:
        """Give the codes that this one is mapped to."""
        row = self._by_code.get(code)
        return frozenset() if row is None else row.maps_to

    def _in_line(self, a: str, b: str) -> bool:
        return a in self.line(b) or b in self.line(a)

    @cached_property
    def _known(self) -> dict[tuple[str, str], int]:
        return {}

    def nearness(self, a: str, b: str) -> int:
        """Say how near two codes are, 0 (strangers) to 1000 (the same); symmetric."""
        known = self._known.get((a, b))
        if known is None:
            known = self._known[a, b] = self._compare(a, b)
        return known

    def _compare(self, a: str, b: str) -> int:
        if a == b:
            return FIT_SAME
        if self._in_line(a, b):
            return FIT_LINE
        if b in self.mapped(a) or a in self.mapped(b):
            return FIT_RELATED
        kin = any(self._in_line(one, b) for one in self.mapped(a)) or any(
            self._in_line(a, one) for one in self.mapped(b)
        )
        return FIT_KIN if kin else 0


class Posting(NamedTuple):
    """An active posting of the claimant, in any county: the township's code and Chinese name."""

    township: str
    name: str


@dataclass(frozen=True)
class Claimant:
    """A person or a team, as far as R-CLAIM-3 looks; a team brings together what its members have.

    :param available: whether it declared itself available; somebody who said nothing is not.
    :param banned: barred from claiming at the time of judging.
    :param led_by_other: a member of a confirmed team that somebody else leads (R-APP-1).
    """

    specialties: frozenset[str]
    organisations: frozenset[str]
    available: bool
    postings: tuple[Posting, ...] = ()
    banned: bool = False
    led_by_other: bool = False


@dataclass(frozen=True)
class ClaimedNeed:
    """The need that is claimed: its township, specialties, and the organisations that would gain from it."""

    township: str
    specialties: frozenset[str]
    organisations: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Terms:
    """What a round may set otherwise: several postings at once (R-APP-5), and whether one's own house is a conflict."""

    several_postings: bool = False
    own_organisation_conflicts: bool = True


def fit(claimant: Iterable[str], need: Iterable[str], tree: SpecialtyTree) -> int:
    """Say how well specialties fit a need, 0 to 1000: the nearest pair of codes decides (R-CLAIM-3, R-MATCH-1).

    1000 the same code, 700 one above the other, 500 related by `maps_to`, 300 related to something above or below.
    """
    wanted = tuple(need)
    return max((tree.nearness(own, one) for own in claimant for one in wanted), default=0)


def places_of(service_days: int) -> int:
    """Give the places that somebody can fill who serves so many days a year, in whole places (R-CLAIM-3)."""
    return min(service_days // SERVICE_DAYS_PER_PLACE, CLAIMS_CAPACITY_MAX)


def judge_offer(service_days: int | None, capacity: int | None) -> dict[str, list[str]]:
    """Say by field what is wrong with the service days of a year and the places that somebody states (R-CLAIM-3).

    Places follow from days; only who states no days states places.
    """
    if service_days is None:
        return {}
    each, places = f"每个名额按每年 {SERVICE_DAYS_PER_PLACE} 天计", places_of(service_days)
    if not places:
        return {"service_days": [f"每年 {service_days} 天不足一个名额（{each}）；说不准天数的，请改填名额"]}
    if capacity not in {None, places}:
        return {"capacity": [f"名额由服务天数得出（{each}，{service_days} 天为 {places} 个），不能另填"]}
    return {}


def judge_claim(
    claimant: Claimant, need: ClaimedNeed, tree: SpecialtyTree, terms: Terms = Terms()
) -> tuple[Exclusion, ...]:
    """Give every reason why this claimant cannot claim this need (R-CLAIM-3, R-APP-1, R-APP-5); none means eligible.

    Distance is not asked for and so can never exclude: experts come from the whole province.
    """
    found = []
    if not fit(claimant.specialties, need.specialties, tree):
        found.append(Exclusion("R-CLAIM-3:specialty", _specialty_sentence(claimant, need, tree)))
    if not claimant.available:
        found.append(Exclusion("R-CLAIM-3:availability", "尚未声明本期可以承接服务，请先在个人资料中填写"))
    if terms.own_organisation_conflicts and claimant.organisations & need.organisations:
        found.append(Exclusion("R-CLAIM-3:conflict", "需求与揭榜人所在单位有利益关系，应当回避"))
    elsewhere = [one for one in claimant.postings if one.township != need.township]
    if elsewhere and not terms.several_postings:
        names = "、".join(sorted({one.name for one in elsewhere}))
        found.append(Exclusion("R-APP-5", f"正在{names}服务，本批次不允许同时承担两处任务"))
    if claimant.banned:
        found.append(Exclusion("R-CLAIM-3:banned", "目前处于暂停揭榜期内"))
    if claimant.led_by_other:
        found.append(Exclusion("R-APP-1", "已是团队成员，请由团队负责人代表团队揭榜"))
    return tuple(found)


def _specialty_sentence(claimant: Claimant, need: ClaimedNeed, tree: SpecialtyTree) -> str:
    wanted = "、".join(tree.name(code) for code in sorted(need.specialties)) or "未填写"
    own = "、".join(tree.name(code) for code in sorted(claimant.specialties)) or "未填写"
    return f"专业不对口：需求的专业领域为{wanted}，揭榜人登记的专业领域为{own}"


class RankingProblem(NamedTuple):
    """What is wrong with a ranking: the field of api.md (`ranked` or `declined`) and a Chinese sentence."""

    field: str
    text: str


def judge_ranking(
    claims: Iterable[Id], ranked: Sequence[Id], declined: Sequence[tuple[Id, str]]
) -> tuple[RankingProblem, ...]:
    """Give every problem of a township's ranking: strangers, doubles, declines without a reason (R-CLAIM-2, R-CLAIM-4).

    Claims that are mentioned nowhere are no problem: see `ranking_classes`.
    """
    known = frozenset(claims)
    mentions = [("ranked", one) for one in ranked] + [("declined", one) for one, _ in declined]
    strangers = [RankingProblem(field, f"揭榜 {one} 不属于本需求") for field, one in mentions if one not in known]
    counts = Counter(one for _, one in mentions)
    last_field = {one: field for field, one in mentions}
    doubles = [RankingProblem(last_field[one], f"揭榜 {one} 出现了不止一次") for one, n in counts.items() if n > 1]
    reasons = [
        RankingProblem("declined", f"谢绝揭榜 {one} 须写明理由，且不超过 {DECLINE_REASON_MAX} 字")
        for one, reason in declined
        if not 0 < len(reason.strip()) <= DECLINE_REASON_MAX
    ]
    return (*strangers, *doubles, *reasons)


def ranking_classes(claims: Iterable[Id], ranked: Sequence[Id], declined: Iterable[Id]) -> tuple[frozenset[Id], ...]:
    """Give the claims as the township prefers them: each ranked one alone, then the unmentioned as one class of equals.

    Declined claims are in no class (R-MATCH-6); the unmentioned still count as mutual (R-CLAIM-4).
    """
    last = frozenset(claims) - frozenset(ranked) - frozenset(declined)
    return (*(frozenset({one}) for one in ranked), *([last] if last else []))


def specialty_tree(rows: Iterable[Mapping[str, str]]) -> SpecialtyTree:
    """Make the tree of rows under the column names of data/specialties.csv (`maps_to` holds codes joined by a bar)."""
    return SpecialtyTree(
        tuple(
            Specialty(
                row["code"],
                row["name_zh"],
                row["parent"] or None,
                frozenset(code for code in row["maps_to"].split("|") if code),
            )
            for row in rows
        )
    )
