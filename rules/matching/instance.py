"""What a matching run reads: columns of plain integers and texts that anybody can write, check and hash."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

LARGEST = 2**31 - 1


class InstanceError(ValueError):
    """An instance that contradicts itself; the message names table, column and row."""


@dataclass(frozen=True, slots=True)
class People:
    """Claimants (a person or a confirmed team): id, and how many places each may fill in this round (R-CLAIM-3)."""

    id: tuple[str, ...] = ()
    capacity: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Townships:
    """Townships: statistical code, how many pairs each should get at least (its floor, normally 1), and its county.

    `county` is an index into the counties; it is empty where the instance has none.
    """

    code: tuple[str, ...] = ()
    floor: tuple[int, ...] = ()
    county: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Counties:
    """Counties: code, and how many pairs the townships of each should get together at least (its floor)."""

    code: tuple[str, ...] = ()
    floor: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """Approved needs: id, index of the township, number of places (R-NEED-5)."""

    id: tuple[str, ...] = ()
    township: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every eligible pair with its score in points; what is not listed is not eligible (R-CLAIM-3)."""

    person: tuple[int, ...] = ()
    need: tuple[int, ...] = ()
    score: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """Who claimed which need, with the claimant's own order (1 = dearest)."""

    person: tuple[int, ...] = ()
    need: tuple[int, ...] = ()
    preference: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grades:
    """The township's grade of a claimant (1 = best). A claim is mutual when it is graded, declined when it is not."""

    person: tuple[int, ...] = ()
    need: tuple[int, ...] = ()
    grade: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs without a figure: pins, bans, the previous plan."""

    person: tuple[int, ...] = ()
    need: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """One frozen matching problem (R-MATCH-2), in columns; rows may stand in any order.

    `complete`: free places are filled by score with pairs that nobody chose, each a proposal that both sides must
    accept (R-MATCH-6). A round may want such pairs for coverage alone; then it says so.

    :raises InstanceError: naming the table, column and row that is wrong.
    """

    seed: str
    people: People = People()
    townships: Townships = Townships()
    needs: Needs = Needs()
    pairs: Pairs = Pairs()
    claims: Claims = Claims()
    grades: Grades = Grades()
    pins: Links = Links()
    bans: Links = Links()
    previous: Links = Links()
    complete: bool = True
    counties: Counties = Counties()

    def __post_init__(self) -> None:
        if not isinstance(self.seed, str) or "\n" in self.seed:
            raise InstanceError("seed：应为一行文本")
        if not isinstance(self.complete, bool):
            raise InstanceError("complete：应为 true 或 false")
        sizes = {"person": len(self.people.id), "need": len(self.needs.id), "township": len(self.townships.code)}
        sizes["county"] = len(self.counties.code)
        if self.counties.code and not self.townships.county and self.townships.code:
            raise InstanceError("townships：有 counties 时缺少 county")
        for name in TABLES:
            _check_table(name, getattr(self, name), sizes)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Instance":
        """Read the columnar form; absent tables are empty, unknown keys are refused.

        :raises InstanceError: naming what is unknown, missing or wrong.
        """
        if not isinstance(content, Mapping):
            raise InstanceError("实例应为对象")
        if unknown := sorted(set(content) - set(TABLES) - {"seed", "complete"}):
            raise InstanceError(f"不认识的键 {'、'.join(unknown)}")
        if "seed" not in content:
            raise InstanceError("seed：缺少")
        tables = {name: _read_table(name, kind, content[name]) for name, kind in TABLES.items() if name in content}
        return cls(seed=content["seed"], complete=content.get("complete", True), **tables)

    def to_json(self) -> dict[str, Any]:
        """Give the columnar form; `complete` is written only where places may stay free, `counties` only if any."""
        tables = {name: columns(getattr(self, name)) for name in TABLES if name != "counties" or self.counties.code}
        return {"seed": self.seed, **tables, **({} if self.complete else {"complete": False})}

    def digest(self) -> str:
        """Give the SHA-256 (hex) of the canonical JSON: what is published before the seed is drawn (R-MATCH-2)."""
        return sha256(canonical_json(self.to_json())).hexdigest()

    def canonical(self) -> "Instance":
        """Give the same problem with every table sorted by ids, so that two files with the same rows become one."""
        people = _order(self.people.id)
        townships, counties = _order(self.townships.code), _order(self.counties.code)
        needs = _order(self.needs.id)
        place = {"person": _inverse(people), "need": _inverse(needs), "township": _inverse(townships)}
        place["county"] = _inverse(counties)
        rows = {"people": people, "townships": townships, "needs": needs, "counties": counties}
        tables = {name: _rearranged(getattr(self, name), rows.get(name), place) for name in TABLES}
        return Instance(seed=self.seed, complete=self.complete, **tables)


TABLES: dict[str, type[Any]] = {
    "people": People,
    "townships": Townships,
    "counties": Counties,
    "needs": Needs,
    "pairs": Pairs,
    "claims": Claims,
    "grades": Grades,
    "pins": Links,
    "bans": Links,
    "previous": Links,
}
_LEAST = {"capacity": 0, "floor": 0, "places": 0, "score": 0, "preference": 1, "grade": 1}


def canonical_json(content: Any) -> bytes:
    """Write JSON in the one way that is hashed: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def columns(table: Any) -> dict[str, list[Any]]:
    """Give a table's columns as lists, by name; `county` only where it is filled in."""
    return {name: list(getattr(table, name)) for name in _filled(table)}


def _filled(table: Any) -> list[str]:
    return [column.name for column in fields(table) if column.name != "county" or table.county]


def _read_table(name: str, kind: type[Any], content: Any) -> Any:
    mapped = isinstance(content, Mapping)
    wanted = [column.name for column in fields(kind) if column.name != "county" or (mapped and "county" in content)]
    if not mapped:
        raise InstanceError(f"{name}：应为对象，恰有 {'、'.join(wanted)} 各列")
    for what, columns_ in (("缺少", set(wanted) - set(content)), ("不认识的列", set(content) - set(wanted))):
        if columns_:
            raise InstanceError(f"{name}：{what} {'、'.join(sorted(columns_))}（应恰有 {'、'.join(wanted)} 各列）")
    for column in wanted:
        if not isinstance(content[column], list | tuple):
            raise InstanceError(f"{name}.{column}：应为列表")
    return kind(**{column: tuple(content[column]) for column in wanted})


def _check_table(name: str, table: Any, sizes: Mapping[str, int]) -> None:
    lengths = {column: len(getattr(table, column)) for column in _filled(table)}
    if len(set(lengths.values())) > 1:
        raise InstanceError(
            f"{name}：各列长度不同（{'、'.join(f'{column} {size}' for column, size in lengths.items())}）"
        )
    for column in lengths:
        values = getattr(table, column)
        if column in {"id", "code"}:
            _check_names(f"{name}.{column}", values)
        elif column in sizes:
            _check_numbers(f"{name}.{column}", values, 0, sizes[column] - 1)
        else:
            _check_numbers(f"{name}.{column}", values, _LEAST[column], LARGEST)
    if "person" in lengths:
        seen: dict[tuple[int, int], int] = {}
        for row, pair in enumerate(zip(table.person, table.need, strict=True)):
            if (first := seen.setdefault(pair, row)) != row:
                raise InstanceError(f"{name}[{row}]：person {pair[0]} 与 need {pair[1]} 已在 {name}[{first}]")


def _check_names(where: str, values: Sequence[Any]) -> None:
    seen: dict[str, int] = {}
    for row, value in enumerate(values):
        if not isinstance(value, str) or not value or "\n" in value:
            raise InstanceError(f"{where}[{row}]：应为一行非空文本")
        if value in seen:
            raise InstanceError(f"{where}[{row}] = {value}：重复，已在 {where}[{seen[value]}]")
        seen[value] = row


def _check_numbers(where: str, values: Sequence[Any], least: int, most: int) -> None:
    if set(map(type, values)) <= {int} and (not values or (min(values) >= least and max(values) <= most)):
        return
    row, value = next((r, v) for r, v in enumerate(values) if type(v) is not int or not least <= v <= most)
    raise InstanceError(_wrong_number(where, row, value, least, most))


def _wrong_number(where: str, row: int, value: Any, least: int, most: int) -> str:
    told = "（过大的数）" if isinstance(value, int) and abs(value) >= 2**63 else repr(value)
    if most < least:
        return f"{where}[{row}] = {told}：所指的列表是空的"
    return f"{where}[{row}] = {told}：应为 {least} 至 {most} 的整数"


def _order(names: Sequence[str]) -> list[int]:
    return sorted(range(len(names)), key=names.__getitem__)


def _inverse(order: Sequence[int]) -> list[int]:
    place = [0] * len(order)
    for new, old in enumerate(order):
        place[old] = new
    return place


def _rearranged(table: Any, order: list[int] | None, place: Mapping[str, list[int]]) -> Any:
    moved = {
        name: tuple(place[name][value] for value in values) if name in place else tuple(values)
        for name, values in columns(table).items()
    }
    if order is None:
        order = sorted(range(len(moved["person"])), key=lambda row: (moved["person"][row], moved["need"][row]))
    return type(table)(**{name: tuple(values[row] for row in order) for name, values in moved.items()})
