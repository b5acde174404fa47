"""The lists that leave the house on paper: the plan for signature, the publicity list, the filing with the province."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person
from models.matching import Plan
from models.needs import Round
from models.pairings import Pairing
from models.publicity import Publicity
from rules.calendar import SHANGHAI
from rules.states import label
from service.core import gate
from service.core.problems import Conflict
from service.core.unit import UnitOfWork
from service.exports.files import XLSX, File
from service.exports.sheets import Cell, Column, xlsx
from service.pairings.queries import SHOWN
from service.publicity import selections
from service.publicity.queries import note_of
from service.regions.queries import county_names

SIGNATURE = (
    Column("序号", 6),
    Column("县（市、区）"),
    Column("乡镇"),
    Column("需求", 36),
    Column("科技特派员（团队）", 24),
    Column("团队成员", 30),
    Column("派出单位", 28),
    Column("职称"),
    Column("专业领域", 28),
    Column("产生方式"),
    Column("选派理由", 48),
)
PUBLIC = (
    Column("序号", 6),
    Column("姓名（团队）", 24),
    Column("派出单位", 28),
    Column("专业领域", 28),
    Column("服务乡镇", 24),
)
GRADE = Column("考核等次")
FILING = (
    Column("序号", 6),
    Column("认定编号", 26),
    Column("认定日期"),
    Column("科技特派员（团队）", 24),
    Column("团队成员", 30),
    Column("派出单位", 28),
    Column("职称"),
    Column("专业领域", 28),
    Column("县（市、区）"),
    Column("乡镇"),
    Column("需求", 36),
    Column("服务开始"),
    Column("服务截止"),
    Column("状态"),
)


class NothingToSign(Conflict):
    """A draft run is for thinking; only a plan that can be submitted goes for signature (R-MATCH-2)."""

    kind, title = "nothing-to-sign", "试算方案不能呈签"


def _file(title: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], notes: Sequence[str]) -> File:
    name = re.sub(r'[\\/:*?"<>|\s]+', " ", title).strip(" .") or "导出"
    return File(f"{name}.xlsx", XLSX, xlsx(title, columns, rows, notes))


def signature(uow: UnitOfWork, plan_id: UUID) -> File:
    """Give a county's plan as the sheet that is signed (选派方案呈签): each pair with its reason (R-MATCH-4).

    :raises NothingToSign: for a draft.
    """
    plan = gate.fetch(uow, Plan, plan_id, "plan.read")
    if plan.draft:
        raise NothingToSign
    pairs = selections.selection(uow, plan)
    words = selections.names(uow, [one.person for one in pairs])
    rows = [
        (
            number,
            words.county(one.need.township),
            one.need.township.name,
            one.need.title,
            one.name,
            "、".join(person.name for person in one.members) if one.team else "",
            words.organisation(one.person),
            one.person.title,
            words.field(one.person),
            "统筹提议（双方同意）" if one.proposal else "双向选择",
            "；".join(one.reasons),
        )
        for number, one in enumerate(pairs, start=1)
    ]
    title = f"{plan.round.title} {county_names(uow).get(plan.county_code, '')} 选派方案（呈签）"
    return _file(title, SIGNATURE, rows, [title, *_plan_notes(uow, plan)])


def _plan_notes(uow: UnitOfWork, plan: Plan) -> list[str]:
    aims: dict[str, Any] = plan.body.get("aims", {})
    notes = [
        f"方案编号：{plan.id}",
        f"状态：{label('plan', plan.state)}",
        f"随机种子：{plan.run.seed}",
        f"输入摘要：{plan.run.inputs_digest}",
        f"结果摘要：{plan.run.digest}",
        f"应覆盖乡镇 {aims.get('townships', '—')} 个，已覆盖 {aims.get('covered', '—')} 个",
    ]
    names = county_names(uow)
    notes += [
        f"{names.get(one['county'], '')}至少应有 {one['floor']} 人，已安排 {one['came']} 人"
        for one in aims.get("counties", ())
    ]
    notes += [f"未覆盖：{one['reason']}" for one in plan.body.get("uncovered", ())]
    makers = {UUID(one) for name, one in plan.moved_by.items() if name in {"submit", "approve"}}
    found = uow.session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(makers)))
    known: dict[UUID, str] = dict(found.all())
    for move, word in (("submit", "经办人"), ("approve", "审批人")):
        name = known.get(UUID(plan.moved_by[move]), "") if move in plan.moved_by else ""
        notes.append(f"{word}：{name}　　签字：　　　　　　日期：")
    return notes


def publicity_list(uow: UnitOfWork, publicity_id: UUID) -> File:
    """Give a publicity's list as everybody may print it: what the page shows and no more (R-APP-4)."""
    row = gate.fetch(uow, Publicity, publicity_id)
    graded = row.subject == "assessment"
    columns = (*PUBLIC, GRADE) if graded else PUBLIC
    names = ("name", "organisation", "field", "host", *(("grade",) if graded else ()))
    rows = [(number, *(item.get(name) for name in names)) for number, item in enumerate(row.items, start=1)]
    opened = row.opens_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    window = f"公示期：{row.first_day} 至 {row.last_day}，共 {row.days} 个工作日" if row.last_day else note_of(row)
    return _file(row.title, columns, rows, [row.title, f"发布时间：{opened}", window or "", "异议须署名并留联系方式"])


def filing(uow: UnitOfWork, round_id: UUID, *, pending: bool = False) -> File:
    """Give the round's list for filing with the province (备案表): recognised pairings with their numbers.

    :param pending: also the pairings that wait for their number, as when the list is first sent.
    """
    round_ = gate.fetch(uow, Round, round_id, "round.filing")
    statement = sa.select(Pairing).where(
        Pairing.round_id == round_.id, Pairing.kind == "pairing", Pairing.state != "terminated"
    )
    if not pending:
        statement = statement.where(Pairing.recognition_number.is_not(None))
    found = uow.session.scalars(statement.options(*SHOWN).order_by(Pairing.township_code, Pairing.id)).unique().all()
    words = selections.names(uow, [one.person for one in found])
    rows = [
        (
            number,
            one.recognition_number,
            one.recognised_on,
            one.team.name if one.team else one.person.name,
            "、".join(member.person.name for member in one.people) if one.team else "",
            words.organisation(one.person),
            one.person.title,
            words.field(one.person),
            words.county(one.township),
            one.township.name,
            one.need.title,
            one.starts_on,
            one.ends_on,
            label("pairing", one.state),
        )
        for number, one in enumerate(found, start=1)
    ]
    title = f"{round_.title} 科技特派员选派备案表"
    kept = "含待认定" if pending else "已认定"
    return _file(title, FILING, rows, [title, f"年度：{round_.year}", f"范围：{kept}，共 {len(rows)} 项"])
