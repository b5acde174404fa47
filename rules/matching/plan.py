"""What a matching run writes: the pairs with their reasons, and the proof that goes with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

from rules.matching.instance import canonical_json

CHOSEN = "P1"  # 双选成功
COVERING = "P2"  # 保障覆盖
COMPLETING = "P3"  # 统筹补位
PINNED = "P4"  # 人工指定
KEPT = "P5"  # 沿用
FOR_COUNTY = "P6"  # 保障县级
REASONS = (CHOSEN, COVERING, COMPLETING, PINNED, KEPT, FOR_COUNTY)
COUNTIES = ("county_covered", "county_maximum", "county_violators")
OPTIONAL = ("full", "counties")
ROOT = "every node at 0"


class PlanError(ValueError):
    """A plan file that does not have the form of a plan; the message names the key and the place."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One person at one need, as indexes into the instance, with the code of its reason (R-MATCH-4)."""

    person: int
    need: int
    reason: str


@dataclass(frozen=True, slots=True)
class Violator:
    """Townships, or counties, that cannot all be covered, whatever the plan (R-MATCH-3).

    `people` are all who are able for their needs other than those in `full`, whose places are what is short. `capacity`
    is the most that can come: everybody's capacity or, if fewer, the number of these needs they are able for, plus
    the places of `full`, plus what is pinned there. It is less than `floor`, the sum of the townships' floors.

    Where `counties` are named, all their townships are part of it, `townships` are those of other counties that want
    the same people, and `floor` holds beside the townships' floors what these counties ask beyond.
    """

    townships: tuple[int, ...]
    people: tuple[int, ...]
    capacity: int
    floor: int
    full: tuple[int, ...] = ()
    counties: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """A person kept out of a mutual choice, because the township would otherwise stay below its floor.

    Or the county, where the township has its own already.
    """

    person: int
    need: int
    township: int
    county: int | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A claimant and a need that prefer each other to what they got, and the hold (index) that explains it."""

    person: int
    need: int
    held: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Potentials of the completing flow, one list a tier, over source, people, needs, townships, counties, sink.

    They are shortest distances in the residual network from `root`, a node joined to every node at no cost; so they
    depend on the plan alone and not on who solved it. No arc that could still change has a negative reduced cost,
    compared tier by tier: hence no better plan.
    """

    root: str
    tiers: tuple[str, ...]
    potentials: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal for a whole round (R-MATCH-7). Coverage counts filled floors of townships that have needs.

    What counties get beyond these counts apart, and only where the instance has counties.
    """

    pairs: tuple[Pair, ...]
    covered: int
    maximum: int
    violators: tuple[Violator, ...]
    holds: tuple[Hold, ...]
    witnesses: tuple[Witness, ...]
    score: int
    certificate: Certificate | None = None
    digest: str = ""
    county_covered: int | None = None
    county_maximum: int | None = None
    county_violators: tuple[Violator, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the file's form: indexes into the instance's lists, `pairs` in columns."""
        proof: dict[str, Any] = {} if self.certificate is None else {"certificate": _lists(self.certificate)}
        if self.county_covered is not None:
            proof |= {"county_covered": self.county_covered, "county_maximum": self.county_maximum}
            proof["county_violators"] = [_lists(violator) for violator in self.county_violators]
        return {
            "pairs": {name: [getattr(pair, name) for pair in self.pairs] for name in ("person", "need", "reason")},
            "covered": self.covered,
            "maximum": self.maximum,
            "violators": [_lists(violator) for violator in self.violators],
            "holds": [_hold(hold) for hold in self.holds],
            "witnesses": [{"person": w.person, "need": w.need, "held": w.held} for w in self.witnesses],
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

        :raises PlanError: naming the part, and the place in it, that is missing, unknown or of another form.
        """
        return _read(content)


def _read(content: Any) -> Plan:
    top = _parts(
        "方案",
        content,
        ("pairs", "covered", "maximum", "violators", "holds", "witnesses", "score", "digest"),
        ("certificate", *COUNTIES),
    )
    counties = [name for name in COUNTIES if name in top]
    if counties and len(counties) < len(COUNTIES):
        raise PlanError(f"方案：{'、'.join(COUNTIES)} 应同时写出")
    table = _parts("pairs", top["pairs"], ("person", "need", "reason"))
    people, needs = _whole_list("pairs.person", table["person"]), _whole_list("pairs.need", table["need"])
    reasons = tuple(
        _one_of(f"pairs.reason[{row}]", code) for row, code in enumerate(_list("pairs.reason", table["reason"]))
    )
    if not len(people) == len(needs) == len(reasons):
        raise PlanError(f"pairs：各列长度不同（{len(people)}、{len(needs)}、{len(reasons)}）")
    if not isinstance(top["digest"], str):
        raise PlanError("digest：应为文本")
    return Plan(
        pairs=tuple(Pair(*row) for row in zip(people, needs, reasons, strict=True)),
        covered=_whole("covered", top["covered"]),
        maximum=_whole("maximum", top["maximum"]),
        violators=tuple(_violator(f"violators[{row}]", one) for row, one in _entries("violators", top)),
        holds=tuple(Hold(**_numbers(f"holds[{row}]", one, Hold, ("county",))) for row, one in _entries("holds", top)),
        witnesses=tuple(
            Witness(**_numbers(f"witnesses[{row}]", one, Witness)) for row, one in _entries("witnesses", top)
        ),
        score=_whole("score", top["score"]),
        certificate=_certificate(top["certificate"]) if "certificate" in top else None,
        digest=top["digest"],
        **(_counties(top) if counties else {}),
    )


def _counties(top: Mapping[str, Any]) -> dict[str, Any]:
    covered, maximum, violators = COUNTIES
    entries = (_violator(f"{violators}[{row}]", one) for row, one in _entries(violators, top))
    return {violators: tuple(entries)} | {name: _whole(name, top[name]) for name in (covered, maximum)}


def _violator(where: str, content: Any) -> Violator:
    parts = _parts(where, content, ("townships", "people", "capacity", "floor"), OPTIONAL)
    for name in OPTIONAL:
        if parts.get(name) == []:
            raise PlanError(f"{where}.{name}：没有时不应写出")
    names = ("townships", "people", *OPTIONAL)
    lists = {name: _whole_list(f"{where}.{name}", parts.get(name, [])) for name in names}
    capacity, floor = (_whole(f"{where}.{name}", parts[name]) for name in ("capacity", "floor"))
    return Violator(capacity=capacity, floor=floor, **lists)


def _certificate(content: Any) -> Certificate:
    parts = _parts("certificate", content, ("root", "tiers", "potentials"))
    tiers = _list("certificate.tiers", parts["tiers"])
    if not isinstance(parts["root"], str) or not all(isinstance(tier, str) for tier in tiers):
        raise PlanError("certificate：root 和 tiers 应为文本")
    potentials = enumerate(_list("certificate.potentials", parts["potentials"]))
    return Certificate(
        parts["root"],
        tuple(tiers),
        tuple(_whole_list(f"certificate.potentials[{tier}]", row) for tier, row in potentials),
    )


def _parts(where: str, content: Any, wanted: tuple[str, ...], may: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise PlanError(f"{where}：应为对象")
    if missing := [name for name in wanted if name not in content]:
        raise PlanError(f"{where}：缺少 {'、'.join(missing)}")
    if unknown := sorted(set(content) - {*wanted, *may}):
        raise PlanError(f"{where}：不认识的键 {'、'.join(unknown)}")
    return content


def _list(where: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise PlanError(f"{where}：应为列表")
    return value


def _entries(name: str, top: Mapping[str, Any]) -> Iterable[tuple[int, Any]]:
    return enumerate(_list(name, top[name]))


def _numbers(where: str, content: Any, kind: type[Hold | Witness], may: tuple[str, ...] = ()) -> dict[str, int]:
    parts = _parts(where, content, tuple(column.name for column in fields(kind) if column.name not in may), may)
    return {name: _whole(f"{where}.{name}", value) for name, value in parts.items()}


def _whole_list(where: str, value: Any) -> tuple[int, ...]:
    values = tuple(_list(where, value))
    if not set(map(type, values)) <= {int} or max(values, default=0) >= 2**63 or min(values, default=0) <= -(2**63):
        for row, one in enumerate(values):
            _whole(f"{where}[{row}]", one)
    return values


def _whole(where: str, value: Any) -> int:
    if type(value) is not int:
        raise PlanError(f"{where} = {value!r}：应为整数")
    if abs(value) >= 2**63:
        raise PlanError(f"{where}：整数过大")
    return value


def _one_of(where: str, value: Any) -> str:
    if value not in REASONS:
        raise PlanError(f"{where} = {value!r}：应为 {'、'.join(REASONS)} 之一")
    return str(value)


def _lists(record: Violator | Certificate) -> dict[str, Any]:
    content = {column.name: _thawed(getattr(record, column.name)) for column in fields(record)}
    return {name: value for name, value in content.items() if name not in OPTIONAL or value}


def _hold(hold: Hold) -> dict[str, int]:
    content = {"person": hold.person, "need": hold.need, "township": hold.township}
    return content if hold.county is None else content | {"county": hold.county}


def _thawed(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [list(item) for item in value] if value and isinstance(value[0], tuple) else list(value)
