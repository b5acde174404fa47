"""A device's own sequence (R-VISIT-6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.sequence import Gap, Item, judge_sequence

pytestmark = pytest.mark.one_database

CHAIN = [Item(n, f"d{n}", f"d{n - 1}" if n > 1 else None) for n in range(1, 8)]
CASES: list[tuple[list[Item], tuple[Gap, ...], tuple[int, ...], tuple[int, ...]]] = [
    (CHAIN, (), (), ()),
    ([Item(0, "d0"), Item(1, "d1", "d0")], (), (), ()),
    (CHAIN[2:], (Gap(1, 2),), (), ()),
    ([CHAIN[0], CHAIN[3], CHAIN[6]], (Gap(2, 3), Gap(5, 6)), (), ()),
    ([*CHAIN[:3], Item(3, "other", "d2")], (), (3,), ()),
    ([Item(1, "forged"), *CHAIN[1:]], (), (), (2,)),
    ([Item(1, "forged"), *CHAIN], (), (1,), ()),
    ([CHAIN[0], Item(2, "d2"), CHAIN[2]], (), (), ()),
    ([Item(1), CHAIN[1]], (), (), ()),
    ([Item(2**31 - 1, "x", "y")], (Gap(1, 2**31 - 2),), (), ()),
]


@pytest.mark.parametrize(("items", "missing", "twice", "broken"), CASES)
def test_gaps_doubles_and_broken_links_are_named(items, missing, twice, broken):
    """R-VISIT-6: a link whose other end is missing says nothing."""
    told = judge_sequence(items)
    assert (told.missing, told.twice, told.broken) == (missing, twice, broken)


@given(st.lists(st.sampled_from(CHAIN), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(items, chance):
    """R-VISIT-5: what arrived, however it came, tells the same; arrived and missing make up the whole."""
    shuffled = [*items, *chance.sample(items, len(items))]
    chance.shuffle(shuffled)
    told = judge_sequence(items)
    assert judge_sequence(shuffled) == told
    assert told.arrived + sum(gap.last - gap.first + 1 for gap in told.missing) == told.last
    assert not told.broken


def test_nothing_is_no_sequence():
    """A device is known by what it sent."""
    with pytest.raises(ValueError, match="without items"):
        judge_sequence([])
