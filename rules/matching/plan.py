"""What a matching run writes: the pairs with their reasons, and the proof that goes with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any

from rules.matching.instance import canonical_json

CHOSEN = "P1"  # 双选成功
COVERING = "P2"  # 保障覆盖
COMPLETING = "P3"  # 统筹补位
PINNED = "P4"  # 人工指定
KEPT = "P5"  # 沿用
REASONS = (CHOSEN, COVERING, COMPLETING, PINNED, KEPT)
ROOT = "every node at 0"


class PlanError(ValueError):
    """A plan file that does not have the form of a plan."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One person at one need, as indexes into the instance, with the code of its reason (R-MATCH-4)."""

    person: int
    need: int
    reason: str


@dataclass(frozen=True, slots=True)
class Violator:
    """Townships that cannot all be covered, whatever the plan (R-MATCH-3).

    `people` are all who are able for their needs other than those in `full`, whose places are what is short. `capacity`
    is the most that can come: everybody's capacity or, if fewer, the number of these needs they are able for, plus
    the places of `full`, plus what is pinned there. It is less than `floor`, the sum of the townships' floors.
    """

    townships: tuple[int, ...]
    people: tuple[int, ...]
    capacity: int
    floor: int
    full: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """A person kept out of a mutual choice, because the township would otherwise stay below its floor."""

    person: int
    need: int
    township: int


@dataclass(frozen=True, slots=True)
class Witness:
    """A claimant and a need that prefer each other to what they got, and the hold (index) that explains it."""

    person: int
    need: int
    held: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Potentials of the completing flow, one list a tier, over source, people, needs, townships, sink.

    They are shortest distances in the residual network from `root`, a node joined to every node at no cost; so they
    depend on the plan alone and not on who solved it. No arc that could still change has a negative reduced cost,
    compared tier by tier: hence no better plan.
    """

    root: str
    tiers: tuple[str, ...]
    potentials: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal for a whole round (R-MATCH-7). Coverage counts filled floors of townships that have needs."""

    pairs: tuple[Pair, ...]
    covered: int
    maximum: int
    violators: tuple[Violator, ...]
    holds: tuple[Hold, ...]
    witnesses: tuple[Witness, ...]
    score: int
    certificate: Certificate | None = None
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the file's form: indexes into the instance's lists, `pairs` in columns."""
        proof = {} if self.certificate is None else {"certificate": _lists(self.certificate)}
        return {
            "pairs": {name: [getattr(pair, name) for pair in self.pairs] for name in ("person", "need", "reason")},
            "covered": self.covered,
            "maximum": self.maximum,
            "violators": [_lists(violator) for violator in self.violators],
            "holds": [asdict(hold) for hold in self.holds],
            "witnesses": [asdict(witness) for witness in self.witnesses],
            "score": self.score,
            "digest": self.digest,
            **proof,
        }

    def computed_digest(self) -> str:
        """Give the SHA-256 (hex) of the canonical JSON without the digest itself."""
        content = self.to_json()
        del content["digest"]
        return sha256(canonical_json(content)).hexdigest()

    def sealed(self) -> "Plan":
        """Give the plan with its digest filled in."""
        return replace(self, digest=self.computed_digest())

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Plan":
        """Read a plan file.

        :raises PlanError: if a part is missing or has another form.
        """
        try:
            columns = content["pairs"]
            rows = zip(columns["person"], columns["need"], columns["reason"], strict=True)
            plan = cls(
                pairs=tuple(Pair(*row) for row in rows),
                covered=content["covered"],
                maximum=content["maximum"],
                violators=tuple(Violator(**_tuples(entry)) for entry in content["violators"]),
                holds=tuple(Hold(**entry) for entry in content["holds"]),
                witnesses=tuple(Witness(**entry) for entry in content["witnesses"]),
                score=content["score"],
                certificate=_certificate(content.get("certificate")),
                digest=content["digest"],
            )
            _check_numbers(plan)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PlanError(f"not a plan: {error}") from error
        if plan.to_json() != dict(content):
            raise PlanError("not a plan: it has parts that no plan has")
        return plan


def _check_numbers(plan: Plan) -> None:
    numbers = [plan.covered, plan.maximum, plan.score]
    for pair in plan.pairs:
        numbers += [pair.person, pair.need]
    for violator in plan.violators:
        numbers += [*violator.townships, *violator.people, violator.capacity, violator.floor, *violator.full]
    for hold in plan.holds:
        numbers += [hold.person, hold.need, hold.township]
    for witness in plan.witnesses:
        numbers += [witness.person, witness.need, witness.held]
    if plan.certificate is not None:
        for tier in plan.certificate.potentials:
            numbers += tier
    if wrong := [number for number in numbers if type(number) is not int]:
        raise TypeError(f"{wrong[0]!r} must be an integer")


def _certificate(content: Mapping[str, Any] | None) -> Certificate | None:
    return None if content is None else Certificate(**_tuples(content))


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _frozen(value) for key, value in content.items()}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _lists(record: Violator | Certificate) -> dict[str, Any]:
    return {column.name: _thawed(getattr(record, column.name)) for column in fields(record)}


def _thawed(value: Any) -> Any:
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
