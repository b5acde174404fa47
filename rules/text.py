"""What text may hold (quality.md §4 row 24), how it is searched, and how alike two texts are."""

import re
import unicodedata
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import pairwise

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str) -> str:
    """Give text in NFC, without white space at its ends."""
    return unicodedata.normalize("NFC", text).strip()


_ORDINARY = re.compile("[ -~\n\t\r\u3001-\u3011\u4e00-\u9fa5\uff01-\uff5e]*")
"""Nearly every text, told at a glance: ASCII, Chinese characters and punctuation, all of them assigned and visible."""


def judge_line(text: str) -> str | None:
    """Say what is wrong with a one-line text such as a name or title; None if nothing is.

    Control, format, surrogate, private and unassigned characters cannot be seen, so equal-looking names could differ.
    """
    bad = next((one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}), None)
    return None if bad is None else f"含有不可见或未定义的字符 U+{ord(bad):04X}"


def judge_words(text: str) -> str | None:
    """Say what is wrong with a text of several lines; None if nothing is. Line breaks and emoji joiners are fine."""
    if _ORDINARY.fullmatch(text) and text.strip() == text:
        return None
    if text and all(unicodedata.category(one) in {"Cf", "Zs", "Zl", "Zp", "Cc"} for one in text):
        return "没有可见的文字"
    for one in text:
        if one in "\n\t\r\u200d":
            continue
        if one in _BIDI or unicodedata.category(one) in {"Cc", "Cs", "Cn"}:
            return f"含有不可用的字符 U+{ord(one):04X}"
    return None


def mask_name(name: str) -> str:
    """Show the first character of a name only, as lists that need no full name do."""
    return name[:1] + "*" * max(len(name) - 1, 1)


def mask_phone(phone: str) -> str:
    """Show the first three and last two digits of a phone number."""
    return phone[:3] + "*" * max(len(phone) - 5, 0) + phone[-2:] if len(phone) > 5 else "*" * len(phone)


def search_key(text: str) -> str:
    """Fold text so that what looks alike is found alike: full width, compatibility forms, case, runs of white space.

    The same fold goes over what is stored and what is typed (board search). Folding twice changes nothing.
    """
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return " ".join(unicodedata.normalize("NFKC", once.casefold()).split())


_SILENT = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    """Give what of a text is letters, numbers and Chinese characters, folded as for searching."""
    return _SILENT.sub("", search_key(text))


@lru_cache(maxsize=512)
def pairs_of_characters(*texts: str) -> frozenset[str]:
    """Chinese has no spaces between words, so neighbouring characters stand for words; punctuation means nothing.

    Kept for the latest texts: every need of a county is compared with each new one.
    """
    found: set[str] = set()
    for text in texts:
        bare = letters(text)
        found.update(map("".join, pairwise(bare)) if len(bare) > 1 else (bare,))
    return frozenset(found - {""})


def overlap(one: AbstractSet[Hashable], other: AbstractSet[Hashable]) -> tuple[int, int]:
    """Dice's measure as a fraction of integers: twice what is shared over the sum of both sizes."""
    return 2 * len(one & other), max(len(one) + len(other), 1)
