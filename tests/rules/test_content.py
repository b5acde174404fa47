"""Pieces, reasons and the worst of several opinions (R-NEED-4, wechat.md §B.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.content import CAUSES, LABELS, MOVES, pieces, why, worst
from rules.policy import CONTENT_OVERLAP, CONTENT_PIECE_MAX
from rules.states import CONTENT


@given(st.integers(1, 3 * CONTENT_PIECE_MAX), st.data())
def test_pieces_are_short_enough_and_no_word_falls_between_two(length: int, data: st.DataObject) -> None:
    text = "".join(chr(0x4E00 + at) for at in range(length))
    found = pieces(text)
    assert all(0 < len(one) <= CONTENT_PIECE_MAX for one in found)
    at = data.draw(st.integers(0, length - 1))
    word = text[at : at + CONTENT_OVERLAP]
    assert any(word in one for one in found)


@pytest.mark.parametrize(("length", "count"), [(1, 1), (2500, 1), (2501, 2), (4960, 2), (4961, 3)])
def test_no_more_pieces_than_needed(length: int, count: int) -> None:
    assert len(pieces("稻" * length)) == count


@pytest.mark.parametrize(
    ("found", "outcome"),
    [(["pass"], "pass"), (["pass", "review"], "review"), (["risky", "review", "pass"], "risky"), ([], "pass")],
)
def test_the_worst_opinion_counts(found: list[str], outcome: str) -> None:
    assert worst(found) == outcome


def test_reasons_are_chinese_and_every_suggestion_is_a_move() -> None:
    assert why("pass", "100") is None
    assert why("review", "10001") == "微信内容安全检测建议人工复核：广告"
    assert why("risky", "99999") == "微信内容安全检测判定违规：其他"
    assert all(CONTENT.move(name).sources == {"waiting"} for name in MOVES.values())
    assert all(text.endswith("须人工审核") for text in CAUSES.values())
    assert len(set(LABELS.values())) == len(LABELS)
