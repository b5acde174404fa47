"""What a need must say before it goes on the board, and how alike two needs are."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from rules.text import overlap, pairs_of_characters

TITLE_MAX = 60  # R-NEED-1, characters
TEXT_MAX = 2000  # R-NEED-1, characters, for the problem and for the wanted result alike
PLACES_MAX = 20  # a need with more places than this is several needs (practice)
LIKENESS_THRESHOLD = 50  # of 100; half the words and the same specialties
_TEXT_WEIGHT = 70
_SPECIALTY_WEIGHT = 30

Id = TypeVar("Id", bound=Hashable)


class Form(StrEnum):
    """How a service is given (R-NEED-1, `form` in api.md)."""

    ON_SITE = "on_site"
    REMOTE = "remote"
    BOTH = "both"


FORM: Mapping[str, str] = {Form.ON_SITE: "现场服务", Form.REMOTE: "远程服务", Form.BOTH: "现场与远程结合"}
URGENCY: Mapping[int, str] = {1: "一般", 2: "较急", 3: "紧急"}


class Missing(NamedTuple):
    """A field that still keeps a need from the board, and why, in Chinese."""

    field: str
    text: str


def missing_for_board(values: Mapping[str, object]) -> tuple[Missing, ...]:
    """Name everything that a need must still say before it can be submitted for the board (R-NEED-1).

    :param values: the need under api.md's field names; dates are ``datetime.date`` or None, absent means empty.
    :returns: every lack, at most one a field, in the order of the form; empty when the need is complete.
    """
    found = (
        _text_lack(values, "township", "请选择乡镇", None),
        _text_lack(values, "title", "请填写标题", TITLE_MAX),
        _text_lack(values, "problem", "请写明要解决的问题", TEXT_MAX),
        _text_lack(values, "wanted", "请写明希望得到的结果", TEXT_MAX),
        None if _named_codes(values.get("specialties")) else Missing("specialties", "请至少选择一个专业领域"),
        None if values.get("form") in tuple(FORM) else Missing("form", "请选择服务方式：现场、远程或两者结合"),
        _number_lack(values, "places", PLACES_MAX, "名额应为 1 至 20 的整数"),
        _number_lack(values, "urgency", max(URGENCY), "紧急程度应为 1（一般）、2（较急）或 3（紧急）"),
        _date_lack(values),
        _text_lack(values, "contact", "请填写联系方式", None),
    )
    return tuple(lack for lack in found if lack is not None)


def _text_lack(values: Mapping[str, object], field: str, empty: str, limit: int | None) -> Missing | None:
    value = values.get(field)
    if not isinstance(value, str) or not value.strip():
        return Missing(field, empty)
    if limit is not None and len(value) > limit:
        return Missing(field, f"最多 {limit} 个字，现有 {len(value)} 个字")
    return None


def _named_codes(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return False
    codes = list(value)
    return bool(codes) and all(isinstance(code, str) and code.strip() for code in codes)


def _number_lack(values: Mapping[str, object], field: str, highest: int, text: str) -> Missing | None:
    value = values.get(field)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole and value in range(1, highest + 1) else Missing(field, text)


def _date_lack(values: Mapping[str, object]) -> Missing | None:
    starts_on, ends_on = values.get("starts_on"), values.get("ends_on")
    if isinstance(starts_on, date) and isinstance(ends_on, date) and ends_on < starts_on:
        return Missing("ends_on", "结束日期不能早于开始日期")
    return None


@dataclass(frozen=True)
class NeedSketch(Generic[Id]):
    """As much of a need as comparing takes."""

    id: Id
    township: str
    title: str
    problem: str
    specialties: frozenset[str]


def likeness(a: NeedSketch[Id], b: NeedSketch[Id]) -> int:
    """Say how alike two needs are, 0 (nothing shared) to 100 (same words, same specialties); symmetric (R-NEED-3).

    Seventy parts come from the words of title and problem, thirty from the specialties, rounded down together; where
    neither names a specialty the words decide alone.
    """
    shared, all_words = overlap(pairs_of_characters(a.title, a.problem), pairs_of_characters(b.title, b.problem))
    if not a.specialties and not b.specialties:
        return 100 * shared // all_words
    common, all_codes = overlap(a.specialties, b.specialties)
    parts = _TEXT_WEIGHT * shared * all_codes + _SPECIALTY_WEIGHT * common * all_words
    return parts // (all_words * all_codes)


class Duplicate(NamedTuple, Generic[Id]):
    """An open need that may be the same one, how alike (0 to 100), and the Chinese sentence that says so."""

    id: Id
    likeness: int
    reason: str


def likely_duplicates(
    candidate: NeedSketch[Id], others: Iterable[NeedSketch[Id]], threshold: int = LIKENESS_THRESHOLD
) -> list[Duplicate[Id]]:
    """List the needs that a township should look at before it submits (R-NEED-3: shown, never refused).

    :param others: its own and its neighbours' open needs; the candidate itself among them is passed over.
    :param threshold: least likeness, 0 to 100.
    :returns: the most alike first; equals in the order of their ids as text, whatever order they came in.
    """
    found = [
        Duplicate(other.id, alike, _likeness_reason(candidate, other, alike))
        for other in others
        if other.id != candidate.id and (alike := likeness(candidate, other)) >= threshold
    ]
    return sorted(found, key=lambda one: (-one.likeness, str(one.id)))


def _likeness_reason(candidate: NeedSketch[Id], other: NeedSketch[Id], alike: int) -> str:
    whose = "本乡镇" if other.township == candidate.township else "邻近乡镇"
    common = len(candidate.specialties & other.specialties)
    same = f"，有 {common} 个相同的专业领域" if common else ""
    return f"{whose}已有相近需求「{other.title}」，相似度 {alike}%{same}"
