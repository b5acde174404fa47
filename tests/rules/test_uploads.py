"""How a photo is cut into chunks (issue 4 point 2)."""

from hypothesis import given
from hypothesis import strategies as st

from rules.policy import PHOTO_CHUNK_BYTES, PHOTO_CHUNKED_BYTES_MAX
from rules.uploads import chunk_bytes, chunks, missing, present

lengths = st.integers(1, PHOTO_CHUNKED_BYTES_MAX)


@given(lengths)
def test_the_chunks_come_to_the_whole(length):
    held = [chunk_bytes(length, number) for number in range(1, chunks(length) + 1)]
    assert sum(one or 0 for one in held) == length
    assert set(held[:-1]) <= {PHOTO_CHUNK_BYTES}
    assert [chunk_bytes(length, number) for number in (-1, 0, chunks(length) + 1)] == [None] * 3


@given(lengths, st.dictionaries(st.integers(-2, 200), st.integers(0, PHOTO_CHUNK_BYTES + 1)))
def test_what_is_there_and_what_is_missing_make_the_whole(length, parts):
    """A chunk of another length, or of another number, is not there."""
    there = present(length, parts)
    assert sorted(there + missing(length, there)) == list(range(1, chunks(length) + 1))
    assert all(parts[number] == chunk_bytes(length, number) for number in there)
