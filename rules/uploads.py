"""How a photo that comes in chunks is cut: equal ones, numbered from 1, and what is left in the last."""

from collections.abc import Mapping

from rules.policy import PHOTO_CHUNK_BYTES


def chunks(length: int) -> int:
    """Give how many chunks so many bytes make."""
    return -(-length // PHOTO_CHUNK_BYTES)


def chunk_bytes(length: int, number: int) -> int | None:
    """Give how many bytes a chunk of so many has; None where there is no such chunk."""
    if not 1 <= number <= chunks(length):
        return None
    return min(PHOTO_CHUNK_BYTES, length - (number - 1) * PHOTO_CHUNK_BYTES)


def present(length: int, parts: Mapping[int, int]) -> tuple[int, ...]:
    """Give the numbers of the chunks that are there as a whole.

    :param parts: bytes by number, as the store has them.
    """
    return tuple(sorted(number for number, held in parts.items() if held == chunk_bytes(length, number)))


def missing(length: int, there: tuple[int, ...]) -> tuple[int, ...]:
    """Give the numbers of the chunks that have yet to come."""
    return tuple(sorted(set(range(1, chunks(length) + 1)) - set(there)))
