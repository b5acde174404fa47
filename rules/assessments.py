"""The yearly assessment in whole numbers: schemes, totals, the quota of excellent grades, proposals, snapshots."""

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from rules.policy import EXCELLENT_PERCENT
from rules.schemes import NATURES, Scheme

RATIO_MIN = 15  # R-ASSESS-4, percent
RATIO_MAX = 25  # R-ASSESS-4, percent

Id = TypeVar("Id", bound=Hashable)


class Grade(StrEnum):
    """What a year can be worth (R-ASSESS-1; 004 二（二）5)."""

    EXCELLENT = "excellent"
    COMPETENT = "competent"
    INCOMPETENT = "incompetent"


GRADES: Mapping[str, str] = {Grade.EXCELLENT: "优秀", Grade.COMPETENT: "称职", Grade.INCOMPETENT: "不称职"}

EFFECTS: Mapping[str, str] = {
    Grade.EXCELLENT: "派出单位直接确定为年度考核优秀等次，不占单位名额；没有事业编制的由当地政府给予奖励",
    Grade.COMPETENT: "结果供派出单位年度考核参考",
    Grade.INCOMPETENT: "按程序退出科技特派员队伍",
}
"""What each decided grade brings about (R-ASSESS-7)."""


class Proposed(StrEnum):
    """What software may propose: two grades, and two ways of saying that people must decide (R-ASSESS-5, -6)."""

    EXCELLENT = "excellent"
    COMPETENT = "competent"
    TIE = "tie"
    NEEDS_DECISION = "needs_decision"


def judge_scores(scores: Mapping[str, int], nature: str, scheme: Scheme) -> dict[str, str]:
    """Say in Chinese what is wrong with a sheet's scores, by item code: unknown, out of range, not scored.

    :param scores: hundredths of a point by item code; a score of nothing is 0, not absence.
    """
    items = scheme.items_of(nature)
    found = {code: "考核方案中没有这一项" for code in scores if code not in items}
    for code, item in items.items():
        if code not in scores:
            found[code] = f"「{item.label}」尚未评分"
        elif not _whole(scores[code]) or not 0 <= scores[code] <= item.max_hundredths:
            found[code] = f"「{item.label}」应在 0 至 {points(item.max_hundredths)} 分之间"
    return found


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def points(hundredths: int) -> str:
    """Write hundredths of a point as people read them: 8550 is `85.5`."""
    return f"{hundredths // 100}.{hundredths % 100:02d}".rstrip("0").rstrip(".")


def total(scores: Mapping[str, int], scheme: Scheme) -> int:
    """Add up a sheet's scores, in hundredths of a point, exactly (R-ASSESS-8); what is not scored yet adds nothing.

    :raises ValueError: if an item is unknown, out of its range, or of another nature than the rest.
    """
    if not scores:
        return 0
    wrong = [_wrong_scores(scores, nature, scheme) for nature in NATURES]
    if all(wrong):
        fewest = min(wrong, key=len)
        raise ValueError("; ".join(f"{code}: {text}" for code, text in sorted(fewest.items())))
    return sum(scores.values())


def _wrong_scores(scores: Mapping[str, int], nature: str, scheme: Scheme) -> dict[str, str]:
    found = judge_scores(scores, nature, scheme)
    return {code: text for code, text in found.items() if code in scores}


class Ground(NamedTuple):
    """What lets a county use another ratio than the usual one: why, who approved it, in which document."""

    reason: str
    approver: str
    document_number: str


def judge_ratio(ratio_percent: int, ground: Ground | None = None) -> tuple[str, ...]:
    """Give every reason, in Chinese, why a ratio of excellent grades cannot be used (R-ASSESS-4)."""
    if not _whole(ratio_percent) or not RATIO_MIN <= ratio_percent <= RATIO_MAX:
        return (f"优秀比例应在 {RATIO_MIN}% 至 {RATIO_MAX}% 之间",)
    if ratio_percent == EXCELLENT_PERCENT:
        return ()
    reason, approver, document_number = ground or Ground("", "", "")
    wanted = {"依据": reason, "批准人": approver, "文号": document_number}
    return tuple(
        f"优秀比例不是 {EXCELLENT_PERCENT}%，须写明{what}" for what, said in wanted.items() if not said.strip()
    )


def quota(base: int, ratio_percent: int = EXCELLENT_PERCENT, ground: Ground | None = None) -> int:
    """Count the excellent grades that may be given at most, rounded down (R-ASSESS-4).

    :param base: all commissioners of the locality on 31 December, not only those who took part; pooled counties add up.
    :raises ValueError: if the base is negative or the ratio is not allowed, with the Chinese reasons.
    """
    if base < 0:
        raise ValueError("考核基数不能为负数")
    if problems := judge_ratio(ratio_percent, ground):
        raise ValueError(";".join(problems))
    return base * ratio_percent // 100


@dataclass(frozen=True)
class Sheet(Generic[Id]):
    """One commissioner's year as scored by people: the nature, and hundredths of a point by item code."""

    id: Id
    nature: str
    scores: Mapping[str, int]


@dataclass(frozen=True)
class Proposal(Generic[Id]):
    """Grades to decide on, never decided here; every sheet has a grade or an open question, and a Chinese reason.

    :param ties: the sheets level at the quota's edge, and `tie_places`, the excellent grades left between them.
    :param needs_decision: sheets below the pass mark or not scored to the end, for people to look at.
    """

    grades: dict[Id, Proposed]
    reasons: dict[Id, str]
    totals: dict[Id, int]
    ties: tuple[Id, ...]
    tie_places: int
    needs_decision: tuple[Id, ...]


def propose(sheets: Iterable[Sheet[Id]], quota: int, scheme: Scheme) -> Proposal[Id]:
    """Propose grades under the quota; the order in which the sheets come changes nothing (R-ASSESS-4 to R-ASSESS-8).

    Excellent goes from the highest total down, to sheets that reach the scheme's mark, and stops before the quota
    would be passed; those level at that edge are all left as ties. Below the competent mark, or with items unscored,
    a sheet needs a decision: nobody becomes incompetent here. Both natures share the quota, by their totals.

    :raises ValueError: if a score is unknown or out of range, or two sheets have one id.
    """
    ordered = sorted(sheets, key=lambda sheet: str(sheet.id))
    totals = {sheet.id: _total_as(sheet, scheme) for sheet in ordered}
    if len(totals) < len(ordered):
        raise ValueError("两份考核表的编号相同")
    unscored = frozenset(sheet.id for sheet in ordered if judge_scores(sheet.scores, sheet.nature, scheme))
    scored = {one: mark for one, mark in totals.items() if one not in unscored}
    edge = _fill_quota({one: mark for one, mark in scored.items() if mark >= scheme.excellent_hundredths}, quota)
    grades: dict[Id, Proposed] = {}
    reasons: dict[Id, str] = {}
    for one, mark in totals.items():
        if one in unscored:
            grades[one], reasons[one] = Proposed.NEEDS_DECISION, "评分尚未完成，须评完或研究决定"
        else:
            grades[one], reasons[one] = _grade(one, mark, scheme, edge)
    return Proposal(
        grades,
        reasons,
        totals,
        ties=tuple(one for one in totals if one in edge.ties),
        tie_places=edge.places_left if edge.ties else 0,
        needs_decision=tuple(one for one, grade in grades.items() if grade is Proposed.NEEDS_DECISION),
    )


def _total_as(sheet: Sheet[Id], scheme: Scheme) -> int:
    if wrong := _wrong_scores(sheet.scores, sheet.nature, scheme):
        raise ValueError("; ".join(f"{code}: {text}" for code, text in sorted(wrong.items())))
    return total(sheet.scores, scheme)


@dataclass(frozen=True)
class _Edge(Generic[Id]):
    """Where the quota cuts: who is surely within it, and who stands level at the cut."""

    quota: int
    excellent: frozenset[Id]
    ties: frozenset[Id]

    @property
    def places_left(self) -> int:
        return self.quota - len(self.excellent)


def _fill_quota(able: Mapping[Id, int], quota: int) -> _Edge[Id]:
    if quota <= 0:
        return _Edge(0, frozenset(), frozenset())
    if len(able) <= quota:
        return _Edge(quota, frozenset(able), frozenset())
    marks = sorted(able.values(), reverse=True)
    last_in, first_out = marks[quota - 1], marks[quota]
    if last_in > first_out:
        return _Edge(quota, frozenset(one for one, mark in able.items() if mark >= last_in), frozenset())
    above = frozenset(one for one, mark in able.items() if mark > last_in)
    return _Edge(quota, above, frozenset(one for one, mark in able.items() if mark == last_in))


def _grade(one: Id, mark: int, scheme: Scheme, edge: _Edge[Id]) -> tuple[Proposed, str]:
    """Give the proposed grade of a scored sheet and, in Chinese, what it rests on, naming nobody else."""
    start = f"总分 {points(mark)} 分"
    competent, excellent = points(scheme.competent_hundredths), points(scheme.excellent_hundredths)
    if mark < scheme.competent_hundredths:
        text = f"{start}，低于合格分数线 {competent} 分，须听取本人意见后研究决定，不自动定为不称职"
        return Proposed.NEEDS_DECISION, text
    if mark < scheme.excellent_hundredths:
        return Proposed.COMPETENT, f"{start}，达到合格分数线 {competent} 分"
    if one in edge.excellent:
        return Proposed.EXCELLENT, f"{start}，达到优秀分数线 {excellent} 分，且在优秀名额 {edge.quota} 名之内"
    if one in edge.ties:
        text = f"{start}，共 {len(edge.ties)} 人并列，剩余优秀名额 {edge.places_left} 名，请研究决定并写明理由"
        return Proposed.TIE, text
    return Proposed.COMPETENT, f"{start}，达到优秀分数线 {excellent} 分，但优秀名额 {edge.quota} 名已满"


class Decision(NamedTuple):
    """What people decided on a sheet: a grade (None while open), the reason, and whether the person was heard."""

    grade: Grade | None
    reason: str = ""
    heard: bool = False


class GradeProblem(NamedTuple, Generic[Id]):
    """What stands against a set of decisions; `sheet` is None where it concerns all of them."""

    sheet: Id | None
    text: str


def judge_grades(grades: Mapping[Id, Decision], quota: int, ties: Iterable[Id] = ()) -> tuple[GradeProblem[Id], ...]:
    """Give every problem of the decided grades before they are approved (R-ASSESS-4, R-ASSESS-5, R-ASSESS-6).

    :param ties: the sheets that the proposal left as ties; each needs a reason, whichever way it went.
    """
    tied = frozenset(ties)
    found: list[GradeProblem[Id]] = []
    excellent = sum(decision.grade is Grade.EXCELLENT for decision in grades.values())
    if excellent > quota:
        found.append(GradeProblem(None, f"优秀 {excellent} 名，超过名额 {quota} 名"))
    for one, decision in sorted(grades.items(), key=lambda pair: str(pair[0])):
        said = bool(decision.reason.strip())
        if decision.grade is None:
            found.append(GradeProblem(one, "尚未定档"))
        elif decision.grade is Grade.INCOMPETENT:
            found += [] if said else [GradeProblem(one, "定为不称职须写明理由")]
            found += [] if decision.heard else [GradeProblem(one, "定为不称职前须听取本人意见")]
        elif one in tied and not said:
            found.append(GradeProblem(one, "并列者的定档须写明理由"))
    return tuple(found)


def snapshot_digest(snapshot: object) -> str:
    """Give the SHA-256, in hex, of a snapshot's canonical JSON: keys sorted, no spaces, UTF-8 (R-ASSESS-8).

    :param snapshot: None, bool, int, str, and lists and string-keyed dicts of these.
    :raises ValueError: if it holds anything else, so that nothing is rounded or guessed on the way.
    """
    _require_plain(snapshot)
    text = json.dumps(snapshot, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _require_plain(value: object) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("快照的键必须是文字")
        for one in value.values():
            _require_plain(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _require_plain(one)
    elif value is not None and not isinstance(value, bool | int | str):
        raise ValueError(f"快照中不能有 {type(value).__name__}")
