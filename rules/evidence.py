"""What speaks for a record, the strongest first, for the people who review it (R-VISIT-4, R-VISIT-9).

Every piece is optional and none is a score: a record with nothing here may be as true as any. A word of those who were
served weighs most, and less where the commissioner handed out the link themselves; what the author brought along
(photos, a check-in) weighs least, for it comes from one hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Source(StrEnum):
    """Where a piece of evidence comes from, in the order of its weight."""

    TOWNSHIP = "township"
    FARMER = "farmer"
    FARMER_BY_COMMISSIONER = "farmer_by_commissioner"
    PHOTOS = "photos"
    CHECK_IN = "check_in"
    COMPANIONS = "companions"
    EARLIER = "earlier"
    """A word on a version that was corrected since: it stays with that version."""


WEIGHT = {source: place for place, source in enumerate(Source)}
_WHO: Mapping[Source, str] = {
    Source.TOWNSHIP: "乡镇",
    Source.FARMER: "农户（链接由乡镇发出）",
    Source.FARMER_BY_COMMISSIONER: "农户（链接由特派员本人发出，分量较轻）",
}


class Evidence(NamedTuple):
    """One piece: where from, whether it speaks for the record, in words, when it was given (aware, or None)."""

    source: Source
    supports: bool
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class Material:
    """What there is about a record.

    :param words: words of those who were served, on any version: `by`, `link_by`, `number`, `at` (ISO 8601), and
        `rating`, `words`, or with a dispute `disputes`.
    :param number: the version that stands.
    :param photos: how many have arrived, and how many the record names.
    :param place: name of the township of the record.
    :param distance_m: metres from there to the check-in; None where nobody can tell.
    :param companions: names of those who served along, and whether each objected.
    """

    words: Sequence[Mapping[str, Any]] = ()
    number: int = 1
    photos: tuple[int, int] = (0, 0)
    place: str = ""
    checked_in: bool = False
    distance_m: int | None = None
    companions: Sequence[tuple[str, bool]] = ()


def evidence(there: Material) -> tuple[Evidence, ...]:
    """List the evidence of a record: the strongest source first, within one the latest word first."""
    found = [*_words(there), *_photos(*there.photos), *_check_in(there), *_companions(there.companions)]
    return tuple(sorted(found, key=lambda one: (WEIGHT[one.source], -(one.at.timestamp() if one.at else 0))))


def _words(there: Material) -> Iterable[Evidence]:
    for word in there.words:
        source = Source.TOWNSHIP
        if word["by"] == "farmer":
            source = Source.FARMER if word.get("link_by") == "township" else Source.FARMER_BY_COMMISSIONER
        dispute = word.get("disputes")
        text = f"{_WHO[source]}认为不属实：「{dispute}」" if dispute else f"{_WHO[source]}确认属实{_praise(word)}"
        at = datetime.fromisoformat(word["at"])
        if word["number"] == there.number:
            yield Evidence(source, not dispute, text, at)
        else:
            yield Evidence(Source.EARLIER, not dispute, f"对第 {word['number']} 版：{text}", at)


def _praise(word: Mapping[str, Any]) -> str:
    rating = f"，评 {word['rating']} 分" if word.get("rating") else ""
    return rating + (f"：「{word['words']}」" if word.get("words") else "")


def _photos(arrived: int, named: int) -> Iterable[Evidence]:
    if named:
        missing = f"，其中 {named - arrived} 张尚未传到" if arrived < named else ""
        yield Evidence(Source.PHOTOS, arrived > 0, f"照片 {named} 张{missing}")


def _check_in(there: Material) -> Iterable[Evidence]:
    if there.checked_in:
        far = "没有可比的参照点" if there.distance_m is None else f"距{there.place}约{_metres(there.distance_m)}"
        yield Evidence(Source.CHECK_IN, True, f"签到位置，{far}")


def _metres(distance: int) -> str:
    return f" {distance} 米" if distance < 1000 else f" {distance / 1000:.1f} 公里"


def _companions(companions: Sequence[tuple[str, bool]]) -> Iterable[Evidence]:
    along = [name for name, objected in companions if not objected]
    against = [name for name, objected in companions if objected]
    if against:
        yield Evidence(Source.COMPANIONS, False, f"{'、'.join(against)}表示没有同行")
    if along:
        yield Evidence(Source.COMPANIONS, True, f"同行：{'、'.join(along)}")
