"""A round's figures as CSV: one row a figure, so that any office can add them up again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from rules.needs import URGENCY
from service.core.unit import UnitOfWork
from service.exports.files import File
from service.exports.sheets import Cell, Column, csv_text
from service.matching.statistics import statistics
from service.matching.wording import COUNTS, GROUPS, OVERRIDES, PRICES, REASONS, share

CSV = "text/csv; charset=utf-8"
COLUMNS = (Column("部分"), Column("项目"), Column("数值"), Column("基数"), Column("比例"))


def round_csv(uow: UnitOfWork, round_id: UUID) -> File:
    """Give the figures of a round's standing parts in one's jurisdiction, as the page shows them."""
    found = statistics(uow, round_id)
    return File(f"{found['round_title']} 选派统计.csv", CSV, csv_text(COLUMNS, _rows(found)))


def _rows(found: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    yield "依据", "种子数", found["seed"] or "", "", ""
    yield "依据", "输入摘要", found["digest"] or "", "", ""
    yield "依据", "权重版本", found["weights"] or "", "", ""
    if found["counts"] is not None:
        yield from _counted(found["counts"])
        yield from _grouped(found["counts"])
        yield from _overridden(found["overrides"])
    for name, title in PRICES.items() if found["prices"] else ():
        if found["prices"][name] is None:
            continue  # no county has a floor
        yield "目标的代价", title, found["prices"][name], "", ""


def _counted(counts: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    for section, name, titles, base in COUNTS:
        value, of = counts[section][name], counts[section].get(base) if base else None
        yield *titles, value, of, share(value, of)
    yield "选派", "为保障覆盖而保留的人选", counts["held"], "", ""
    for section, title in (("reasons", "入选理由"), ("lost", "未入选理由")):
        for code, value in counts[section].items():
            yield title, f"{REASONS[code]}（{code}）", value, "", ""
    for load, value in counts["workload"].items():
        yield "承担项数", f"{load} 项", value, "", ""
    for kind, title in (("matched", "按志愿入选者的志愿数"), ("unmatched", "其他揭榜者的志愿数")):
        for length, value in counts["lists"][kind].items():
            yield title, f"{length} 个", value, "", ""


def _grouped(counts: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    for name, row in counts.get("counties", {}).get("each", {}).items():
        yield "县级保障", name, row["came"], row["floor"], share(row["came"], row["floor"])
    for group, title in GROUPS.items():
        for name, row in counts[group].items():
            label = URGENCY[int(name)] if group == "by_urgency" else name
            yield title, label, row["filled"], row["offered"], share(row["filled"], row["offered"])


def _overridden(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Cell, ...]]:
    for one in rows:
        for kind, title in OVERRIDES.items():
            yield "人工指定", f"{one['county_name']} {title}", one[kind], "", ""
