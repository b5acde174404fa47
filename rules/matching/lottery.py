"""The public lottery: numbers that depend on the seed and on ids alone, never on the order of rows (R-MATCH-2)."""

from hashlib import sha256

BYTES = 5
DRAWS = sha256().digest_size // BYTES


def person_ticket(seed: str, person: str) -> bytes:
    """Give a person's ticket; among equals in a grade the smaller goes first, at every township alike.

    Its first five bytes are the number shown to people; the bytes behind them part two equal numbers.
    """
    return sha256(f"{seed}\n{person}".encode()).digest()


def pair_ticket(seed: str, person: str, need: str) -> bytes:
    """Give the ticket of a pair; of two plans alike in all aims, the one with the larger sum of numbers stands."""
    return sha256(f"{seed}\n{person}\n{need}".encode()).digest()


def number(ticket: bytes, draw: int = 0) -> int:
    """Give a ticket's number in a draw: five bytes, the next five only where sums are still equal."""
    return int.from_bytes(ticket[draw * BYTES : (draw + 1) * BYTES])
