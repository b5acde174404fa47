"""Terms, everyday assignments, postings at once (domain §3 step 7, R-APP-5)."""

from datetime import date

import pytest

from rules.pairings import Place, overposted, task_end, term_end


@pytest.mark.parametrize(
    ("starts", "years", "ends"),
    [
        (date(2026, 3, 2), 3, date(2029, 3, 1)),
        (date(2026, 1, 1), 3, date(2028, 12, 31)),
        (date(2028, 2, 29), 3, date(2031, 2, 28)),
        (date(2028, 2, 29), 4, date(2032, 2, 28)),
        (date(2026, 3, 1), 2, date(2028, 2, 29)),
    ],
)
def test_a_term_ends_the_day_before_its_anniversary(starts: date, years: int, ends: date) -> None:
    """Domain §3 step 7."""
    assert term_end(starts, years) == ends


def test_a_term_has_a_year_at_least() -> None:
    with pytest.raises(ValueError, match="at least a year"):
        term_end(date(2026, 3, 2), 0)


@pytest.mark.parametrize(
    ("need_ends", "ends"),
    [(date(2026, 5, 1), date(2026, 5, 1)), (None, date(2027, 3, 1)), (date(2026, 3, 1), date(2027, 3, 1))],
)
def test_a_task_ends_with_its_need_or_after_a_year(need_ends: date | None, ends: date) -> None:
    assert task_end(date(2026, 3, 2), need_ends) == ends


A, B, C = "A", "B", "C"


@pytest.mark.parametrize(
    ("held", "given", "at_most", "over"),
    [
        ([], [(1, A)], 1, set()),
        ([(1, A)], [(1, B)], 1, {1}),
        ([(1, A)], [(1, A)], 1, set()),
        ([(1, A)], [(1, B)], 2, set()),
        ([(1, A), (1, B)], [(1, C)], 2, {1}),
        ([], [(1, A), (1, A)], 1, {1}),
        ([(2, A), (2, B)], [(1, A)], 1, set()),
    ],
)
def test_nobody_holds_more_postings_than_the_round_allows(
    held: list[tuple[int, str]], given: list[tuple[int, str]], at_most: int, over: set[int]
) -> None:
    """R-APP-5: going on in the same township is no second posting; people who gain nothing are not looked at."""
    assert overposted([Place(*one) for one in held], [Place(*one) for one in given], at_most) == over
