"""When two texts or two pictures are the same but for small changes, and the marks under which such pairs are found.

Marks are numbers that an index holds: whoever shares some of them is compared in full, everybody else never is.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from rules.text import letters, overlap, pairs_of_characters

TEXT_PAIRS_MIN = 29
"""Shorter texts (thirty characters) are alike by chance: 「查看茶园」 has been written before (practice)."""
TEXT_ALIKE = 90
"""Of a hundred pairs of neighbouring characters so many are the same: a copy with a word changed (practice)."""
TEXT_MARKS = 8
_ROWS, _PRIME = 4, 2**31 - 1
_SKETCH = 63
"""Bits of a text's sketch: as many as a signed number of the database holds without its sign."""
_FIRST, _SECOND = 1_103_515_245, 1_597_334_677
"""By which a pair's first and second character (below 2²¹) are told apart and spread."""
_SEEDS = np.random.default_rng(20260115).integers(1, _PRIME, (2, TEXT_MARKS * _ROWS), dtype=np.int64)
_MIXED = np.random.default_rng(20261129).integers(1, 2**63, (TEXT_MARKS, _ROWS), dtype=np.uint64) * 2 + 1
_TOSSES = np.random.default_rng(20261128).integers(1, 2**63, (_SKETCH, 1), dtype=np.uint64) * 2 + 1
_PLACES = np.uint64(1) << np.arange(_SKETCH, dtype=np.uint64)
SKETCH_APART_MAX = 13
"""In so many bits the sketches of texts may differ that are 90 % alike: theirs in 6 ± 2, those of strangers in 26."""

STRIPS, CELLS = 8, 17
"""A picture is looked at as eight strips of seventeen cells of brightness each."""
_BITS = CELLS - 1
_CLEARER = 2
"""Levels of brightness (of 255) below which a difference between cells is noise."""
_TELLING = 12
"""A picture with fewer clear differences than this (a wall, the sky, a blur) looks like any other of its kind."""
PICTURE_APART_MAX = 14
"""Of 128 differences so many may be others in a copy; strangers in 35 and more (see `bench/flags.py`)."""
MARKS_SHARED_MIN = 2
"""Strips that a copy has in common with what it was made from, at the least."""


class TextLook(NamedTuple):
    """What an index keeps of a text: the marks under which it is found, and the sketch that tells it from most others.

    Nothing of the text can be read from either. A text too short to be a copy has no marks.
    """

    marks: tuple[int, ...] = ()
    sketch: int = 0


def look_of_text(text: str) -> TextLook:
    """Give the marks of a text: of two texts that are 90 % alike some mark is the same in 99 cases of a hundred.

    Each mark stands for the smallest of four shuffles of the text's pairs of characters; each bit of the sketch for
    the smallest of another.
    """
    codes = np.frombuffer(letters(text).encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    if len(codes) <= TEXT_PAIRS_MIN:
        return TextLook()
    pairs = np.unique(codes[:-1] << 32 | codes[1:])
    if len(pairs) < TEXT_PAIRS_MIN:
        return TextLook()
    hashed = ((pairs >> 32) * _FIRST + (pairs & 0xFFFFFFFF) * _SECOND) % _PRIME
    least = (hashed[:, None] * _SEEDS[0] + _SEEDS[1]) % _PRIME
    mixed = (least.min(axis=0).astype(np.uint64).reshape(TEXT_MARKS, _ROWS) * _MIXED).sum(axis=1) >> np.uint64(1)
    tossed = (hashed.astype(np.uint64) * _TOSSES).min(axis=1) >> np.uint64(17) & np.uint64(1)
    return TextLook(tuple(mixed.tolist()), int((tossed * _PLACES).sum()))


def text_alike(one: str, other: str) -> int | None:
    """Give the percentage to which two texts are the same, from `TEXT_ALIKE` up; None below and for short ones."""
    a, b = pairs_of_characters(one), pairs_of_characters(other)
    if min(len(a), len(b)) < TEXT_PAIRS_MIN:
        return None
    shared, whole = overlap(a, b)
    return percent if (percent := 100 * shared // whole) >= TEXT_ALIKE else None


def looks_of(brightness: bytes) -> str | None:
    """Give what tells a picture from others, whatever its size and encoding: where it grows brighter to the right.

    :param brightness: `STRIPS` rows of `CELLS` bytes, each the mean brightness of its part of the picture.
    :returns: 64 hexadecimal digits, the picture's and its mirror image's; None where there is nothing to tell.
    """
    cells = np.frombuffer(brightness, dtype=np.uint8).reshape(STRIPS, CELLS).astype(np.int16)
    rises = [np.diff(view, axis=1) > _CLEARER for view in (cells, cells[:, ::-1])]
    if sum(int(one.sum()) for one in rises) < _TELLING:
        return None
    return "".join(np.packbits(one).tobytes().hex() for one in rises)


def _strips(looks: str) -> tuple[list[int], list[int]]:
    """Give the strips of a picture and of its mirror image, from top to bottom."""
    words = [int(looks[at : at + _BITS // 4], 16) for at in range(0, len(looks), _BITS // 4)]
    return words[:STRIPS], words[STRIPS:]


def _turned(looks: str) -> dict[str, list[int]]:
    """Give a picture's four orientations, each with what was done to it."""
    upright, mirrored = _strips(looks)
    return {"": upright, "左右翻转后": mirrored, "上下翻转后": upright[::-1], "旋转后": mirrored[::-1]}


def _marks(strips: Iterable[int]) -> set[int]:
    return {one for one in strips if one.bit_count() > 1}


def picture_marks(looks: str) -> tuple[int, ...]:
    """Give the marks under which a picture is found: its strips, but for those with next to nothing in them."""
    return tuple(sorted(_marks(_strips(looks)[0])))


def sought_marks(looks: str) -> tuple[int, ...]:
    """Give the marks of everything that the picture may be a copy of, as it lies, mirrored or turned."""
    return tuple(sorted({mark for strips in _turned(looks).values() for mark in _marks(strips)}))


def picture_alike(one: str, other: str) -> str | None:
    """Say how a picture was made from another: 「」 as it is, or mirrored, upside down, turned; None if it was not."""
    wanted = _strips(one)[0]
    apart = {done: _apart(wanted, strips) for done, strips in _turned(other).items()}
    nearest = min(apart, key=lambda done: apart[done])
    return nearest if apart[nearest] <= PICTURE_APART_MAX else None


def _apart(one: Sequence[int], other: Sequence[int]) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))
