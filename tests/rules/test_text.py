"""What text may hold: told at a glance or character by character, the answer is the same (quality.md §4 row 24)."""

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import text as rules

LETTERS = st.sampled_from(
    "茶园 aZ~\n\t\r，。「」（）０～\u3000\u200b\u200d\u202e\ufeff\x7f\x00\u9fa6\U0002a700\u3004\ue000·😀"
)


@given(st.text(LETTERS) | st.text())
def test_a_glance_never_passes_what_a_close_look_refuses(text: str) -> None:
    with patch.object(rules, "_ORDINARY", re.compile(r"(?!)")):
        closely = rules.judge_words(text)
    assert rules.judge_words(text) == closely


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("查看示范茶园虫口，讲解黄板。\n两周后复查 (A~Z)。", False),
        ("𪜀村·老李", False),
        ("零宽\u202e反转", True),
        ("\u200b", True),
        ("控制\x07符", True),
        ("", False),
    ],
)
def test_words(text: str, refused: bool) -> None:  # noqa: FBT001
    assert bool(rules.judge_words(text)) is refused
