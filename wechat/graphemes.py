"""Cutting text where a reader sees a border, so that no character is left half (wechat.md §B.4)."""

import unicodedata
from collections.abc import Iterator

_ZERO_WIDTH_JOINER = "\u200d"


def graphemes(text: str) -> Iterator[str]:
    """Split into what a reader takes for single characters: base with its marks, joined emoji, flags, Hangul syllables.

    This covers the rules of Unicode's UAX 29 that matter for Chinese text and emoji, not every Indic conjunct.
    """
    cluster = ""
    for character in text:
        if cluster and not _belongs(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def cut(text: str, units: int, ellipsis: str = "") -> str:
    """Shorten to at most `units` UTF-16 units (as WeChat's counters do, an emoji is two), marked by the ellipsis."""
    if width(text) <= units:
        return text
    kept, left = "", units - width(ellipsis)
    for cluster in graphemes(text):
        left -= width(cluster)
        if left < 0:
            break
        kept += cluster
    return kept.rstrip() + ellipsis if kept.strip() else ""


def width(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def _belongs(cluster: str, character: str) -> bool:
    previous = cluster[-1]
    if previous == _ZERO_WIDTH_JOINER and unicodedata.category(character) == "So":
        return True
    if _is_flag_half(character):
        return len(cluster) == 1 and _is_flag_half(previous)
    return _extends(character) or _continues_hangul(previous, character)


def _extends(character: str) -> bool:
    skin_tone = 0x1F3FB <= ord(character) <= 0x1F3FF
    tag = 0xE0020 <= ord(character) <= 0xE007F
    return skin_tone or tag or character == _ZERO_WIDTH_JOINER or unicodedata.category(character) in {"Mn", "Mc", "Me"}


def _is_flag_half(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _continues_hangul(previous: str, character: str) -> bool:
    before, code = ord(previous), ord(character)
    vowel = 0x1160 <= code <= 0x11A7 and (0x1100 <= before <= 0x11A7 or 0xAC00 <= before <= 0xD7A3)
    final = 0x11A8 <= code <= 0x11FF and (0x1160 <= before <= 0x11FF or 0xAC00 <= before <= 0xD7A3)
    return vowel or final
