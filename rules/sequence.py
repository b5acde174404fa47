"""A device's own sequence: what of it has arrived, and where it does not hold together (R-VISIT-6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

FIRST = 1  # where a device begins to count; one that begins with 0 is taken as it is (practice)


class Item(NamedTuple):
    """An item's place in the sequence, its digest, and the digest that it gives of the item before it."""

    seq: int
    digest: str | None = None
    previous: str | None = None


class Gap(NamedTuple):
    """Numbers of which nothing has arrived, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a sequence tells. A gap may be an item that is still on its way or was never sent: none of this is a fault.

    :param arrived: how many different numbers arrived.
    :param twice: numbers that came with more than one content.
    :param broken: numbers whose item names another digest than that of the item before it.
    """

    last: int
    arrived: int
    missing: tuple[Gap, ...]
    twice: tuple[int, ...]
    broken: tuple[int, ...]


def judge_sequence(items: Iterable[Item]) -> Told:
    """Find gaps, numbers that came twice, and broken links; neither order nor repetition of the items matters.

    A link is looked at only where both it and the item before it are there.

    :raises ValueError: without any item.
    """
    by_seq: dict[int, set[Item]] = {}
    for item in items:
        by_seq.setdefault(item.seq, set()).add(item)
    if not by_seq:
        raise ValueError("a sequence without items")
    numbers = sorted(by_seq)
    return Told(
        last=numbers[-1],
        arrived=len(numbers),
        missing=tuple(
            Gap(before + 1, number - 1)
            for before, number in zip([FIRST - 1, *numbers], numbers, strict=False)
            if number - before > 1
        ),
        twice=tuple(number for number in numbers if len({item.digest for item in by_seq[number]}) > 1),
        broken=tuple(number for number in numbers if _broken(by_seq[number], by_seq.get(number - 1, set()))),
    )


def _broken(items: set[Item], before: set[Item]) -> bool:
    known = {item.digest for item in before}
    named = {item.previous for item in items} - {None}
    return None not in known and bool(known) and bool(named - known)
