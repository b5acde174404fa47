"""What a version of a record changed, in words that a reviewer reads at a glance (R-VISIT-6)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import takewhile
from typing import Any, NamedTuple

from rules.calendar import SHANGHAI
from rules.records import COUNTERS, FORM, KIND, counted
from rules.sites import KIND as PLACE_KIND

RUN = 2
"""Shorter runs that two wordings share are chance: showing them apart would make confetti of both."""
ALIKE = 0.4
"""What two wordings must share of the shorter one to be shown woven together."""
STOPS = "。；，！？、\n"


class How(StrEnum):
    """What a piece of a change is: a text's part that stayed, went or came, or a note about the whole."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"
    NOTE = "note"


class Piece(NamedTuple):
    """A part of a change. What was kept and removed is the value before, what was kept and added the one after."""

    how: How
    text: str


class Change(NamedTuple):
    """A field that differs: under its name in the API, its Chinese name, and what went and came."""

    field: str
    name: str
    pieces: tuple[Piece, ...]


Names = Mapping[str, str]
Pieces = tuple[Piece, ...]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Names) -> tuple[Change, ...]:
    """Say what differs between two contents of a record, in the order of its form (R-VISIT-6).

    A device's own numbering is no content: it says how a version came, not what it says.

    :param before: a version's content; absent and empty are the same. Of `check_in` only whether it differs is told.
    :param names: of villages and sites by code and id, and of those people by id whom the reader may see.
    """
    found = []
    for key, (name, write) in FIELDS.items():
        was, now = before.get(key) or None, after.get(key) or None
        if was != now:
            found.append(Change(_API.get(key, key), name, write(was, now, names)))
    was, now = before.get("counters") or {}, after.get("counters") or {}
    for code, name in COUNTERS.items():
        if was.get(code) != now.get(code):
            told = [None if one.get(code) is None else counted(code, one[code]) for one in (was, now)]
            found.append(Change(f"counters.{code}", name, _value(told[0], told[1], names)))
    return tuple(found)


def _value(was: str | None, now: str | None, _: Names) -> Pieces:
    both = (How.REMOVED, was), (How.ADDED, now)
    return tuple(Piece(how, text) for how, text in both if text is not None)


def _labelled(labels: Mapping[str, str]) -> Callable[[Any, Any, Names], Pieces]:
    return lambda was, now, names: _named(was, now, {**names, **labels})


def _named(was: str | None, now: str | None, names: Names) -> Pieces:
    return _value(was and names.get(was, was), now and names.get(now, now), names)


def _moments(was: str | None, now: str | None, names: Names) -> Pieces:
    """Write Shanghai's clock to the minute, and finer where only that tells the two apart."""
    times = [one and datetime.fromisoformat(one).astimezone(SHANGHAI) for one in (was, now)]
    for form in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f"):
        told = [one and f"{_day(one)} {one:{form}}" for one in times]
        if told[0] != told[1]:
            break
    return _value(told[0] or None, told[1] or None, names)


def _day(value: date) -> str:
    return f"{value.year}年{value.month}月{value.day}日"


def _members(say: Callable[[list[str], Names], str]) -> Callable[[Any, Any, Names], Pieces]:
    def write(was: Sequence[str] | None, now: Sequence[str] | None, names: Names) -> Pieces:
        was, now = was or (), now or ()
        came, went = [one for one in now if one not in was], [one for one in was if one not in now]
        told = [verb + say(some, names) for verb, some in (("添加", came), ("移除", went)) if some]
        return (Piece(How.NOTE, "，".join(told) or "顺序有调整"),)

    return write


def _people(ids: Sequence[str], names: Names) -> str:
    known = [names[one] for one in ids if one in names]
    rest = len(ids) - len(known)
    return "、".join(known + [f"已不在名单上的 {rest} 人"] * bool(rest))


def _days(dates: Sequence[str], _: Names) -> str:
    return "、".join(_day(date.fromisoformat(one)) for one in dates)


def _check_in(was: Any, now: Any, _: Names) -> Pieces:
    return (Piece(How.NOTE, "定位已更改" if was and now else "定位已添加" if now else "定位已移除"),)


_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[A-Za-z]+|.", re.DOTALL)
"""A number or a Latin word is changed as a whole, Chinese by its characters."""


def _words(was: str | None, now: str | None, names: Names) -> Pieces:
    """Weave two wordings: what both share once, and between it what went and what came."""
    if was is None or now is None:
        return _value(was, now, names)
    old, new = _TOKEN.findall(was), _TOKEN.findall(now)
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    kept = Piece(How.KEPT, "".join(old[:start])), Piece(How.KEPT, "".join(old[len(old) - end :]))
    middle = _woven(old[start : len(old) - end], new[start : len(new) - end])
    found = [one for one in (kept[0], *middle, kept[1]) if one.text]
    if sum(len(text) for how, text in found if how == How.KEPT) < ALIKE * min(len(was), len(now)):
        return _value(was, now, names)
    return tuple(_from_its_beginning(found))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _woven(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Difflib takes letters that fill a long text for junk, which also bounds its work on texts made to be slow."""
    steps = SequenceMatcher(None, old, new).get_opcodes()
    kept = sum(to - at for how, at, to, _, _ in steps if how == "equal" and to - at >= RUN)
    shortest = RUN if kept >= ALIKE * min(len(old), len(new)) else len(old) + 1
    went = came = ""
    for how, at, to, new_at, new_to in steps:
        if how == "equal" and to - at >= shortest:
            yield from (Piece(How.REMOVED, went), Piece(How.ADDED, came), Piece(How.KEPT, "".join(old[at:to])))
            went = came = ""
        else:
            went, came = went + "".join(old[at:to]), came + "".join(new[new_at:new_to])
    yield from (Piece(How.REMOVED, went), Piece(How.ADDED, came))


def _from_its_beginning(pieces: list[Piece]) -> Iterator[Piece]:
    """Let a sentence that came or went after another begin with itself: not `。B` before `。`, but `B。` after `。`."""
    for at in range(1, len(pieces) - 1):
        (left, before), (how, text), (right, after) = pieces[at - 1 : at + 2]
        if left == right == How.KEPT and text[0] == after[0] and text[0] in STOPS:
            stop = text[0]
            pieces[at - 1 : at + 2] = Piece(left, before + stop), Piece(how, text[1:] + stop), Piece(right, after[1:])
    return (one for one in pieces if one.text)


FIELDS: Mapping[str, tuple[str, Callable[[Any, Any, Names], Pieces]]] = {
    "started_at": ("开始时间", _moments),
    "ended_at": ("结束时间", _moments),
    "form": ("服务方式", _labelled(FORM)),
    "kind": ("服务类型", _labelled(KIND)),
    "village_code": ("村（社区）", _named),
    "place_name": ("地点", _value),
    "place_kind": ("地点类别", _labelled(PLACE_KIND)),
    "site_id": ("服务点", _named),
    "done": ("做了什么", _words),
    "next": ("下一步", _words),
    "companions": ("同行人", _members(_people)),
    "photos": ("照片", _members(lambda photos, _: f" {len(photos)} 张")),
    "travel_dates": ("在途日期", _members(_days)),
    "check_in": ("定位", _check_in),
}
"""What of a content is compared, in the order of the form: its Chinese name, and how its change is written."""
_API = {"village_code": "village", "site_id": "site"}
