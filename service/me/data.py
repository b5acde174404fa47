"""A copy of all that is stored about me, machine-readable: every column that refers to a person is in the inventory."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Opinion, Review, Sheet
from models.base import Base
from models.claims import Claim
from models.content import ContentCheck
from models.identity import (
    Binding,
    Consent,
    ConsoleCode,
    ConsoleScan,
    Factor,
    Invitation,
    Person,
    RoleGrant,
    Session,
    Team,
    TeamMember,
    WechatAccount,
)
from models.journal import JournalEntry
from models.matching import Override, Proposal, Run
from models.notifications import Accept, Credit, Message
from models.pairings import Pairing, PairingMember
from models.records import Companion, ConfirmationLink, Flag, Photo, Record, RecordConflict, RecordVersion
from service.core.unit import UnitOfWork
from service.identity import queries as identity

WITHHELD = frozenset(
    {
        "token_digest",
        "csrf_digest",
        "code_digest",
        "ticket_digest",
        "browser_digest",
        "phone_index",
        "fingerprint",
        "claimant_key",
        "moved_by",
        "invited_by",
        "registered_by",
        "scored_by",
        "decided_by",
        "point_mark",
    }
)
"""Digests of secrets, keys that say nothing, and who else acted: not about me, or of no use to me."""
ACT = ("id", "created_at", "action", "thing", "subject_id", "at", "state", "kind")
"""What a copy shows of rows that I made about others: that I did it, on what, and when."""
POINTS = frozenset({"scores", "total", "proposed_grade", "proposed_reason", "grade", "grade_reason"})
RANKING = frozenset({"grade", "declined_reason"})


@dataclass(frozen=True)
class Held:
    """Rows that refer to a person: by which column, under which title, and whether they are about the person.

    :param hides: columns that I may not see yet, as elsewhere in the product.
    """

    column: Any
    title: str
    about_me: bool = True
    hides: Callable[[Any], frozenset[str]] = lambda _row: frozenset()

    @property
    def name(self) -> str:
        """Table and column, as the inventory's test compares them."""
        return f"{self.column.class_.__tablename__}.{self.column.key}"


def _before_result(row: Sheet) -> frozenset[str]:
    return frozenset() if row.assessment.state in {"published", "confirmed"} else POINTS


def _before_outcome(row: Claim) -> frozenset[str]:
    return RANKING if row.state == "active" else frozenset()


INVENTORY: tuple[Held, ...] = (
    Held(Person.id, "登记信息"),
    Held(WechatAccount.person_id, "微信账号"),
    Held(Binding.person_id, "微信绑定"),
    Held(Invitation.person_id, "收到的邀请"),
    Held(Session.person_id, "登录会话"),
    Held(ConsoleScan.person_id, "扫码登录工作台"),
    Held(Factor.person_id, "工作台的第二验证方式"),
    Held(ConsoleCode.person_id, "恢复码与应急口令"),
    Held(RoleGrant.person_id, "角色"),
    Held(Consent.person_id, "同意与撤回"),
    Held(TeamMember.person_id, "所在团队"),
    Held(Team.leader_id, "负责的团队"),
    Held(Claim.person_id, "揭榜", hides=_before_outcome),
    Held(Proposal.person_id, "统筹提议"),
    Held(Pairing.person_id, "结对"),
    Held(PairingMember.person_id, "参与的结对"),
    Held(Record.person_id, "服务记录"),
    Held(RecordConflict.person_id, "冲突的记录内容"),
    Held(Companion.person_id, "同行"),
    Held(Photo.owner_id, "照片"),
    Held(ConfirmationLink.made_by, "发出的确认链接", about_me=False),
    Held(Sheet.person_id, "年度考核表", hides=_before_result),
    Held(Review.person_id, "复核与申诉"),
    Held(Opinion.author_id, "写下的考核意见"),
    Held(ContentCheck.author_id, "送检的内容"),
    Held(Message.person_id, "站内消息"),
    Held(Credit.person_id, "订阅消息次数"),
    Held(Accept.person_id, "同意接收的订阅消息"),
    Held(JournalEntry.actor_id, "操作日志", about_me=False),
    Held(Person.registered_by, "登记的人员", about_me=False),
    Held(Invitation.invited_by, "发出的邀请", about_me=False),
    Held(Flag.cleared_by, "核销的提示", about_me=False),
    Held(Run.made_by, "生成的方案", about_me=False),
    Held(Override.author_id, "设定的固定与禁止", about_me=False),
    Held(Sheet.scored_by, "评分的考核表", about_me=False),
    Held(Sheet.decided_by, "定档的考核表", about_me=False),
)


def copy(uow: UnitOfWork) -> dict[str, Any]:
    """Give a copy of everything stored about the acting person, section by section (PIPL article 45)."""
    person = identity.me(uow)
    sections = [_section(uow, held, person.id) for held in INVENTORY]
    mine = sa.select(Record.id).where(Record.person_id == person.id)
    versions = uow.session.scalars(
        sa.select(RecordVersion)
        .where(RecordVersion.record_id.in_(mine))
        .order_by(RecordVersion.record_id, RecordVersion.number)
    )
    rows = [_plain(row, frozenset()) for row in versions]
    sections.append({"name": "record_versions.record_id", "title": "服务记录的各个版本", "rows": rows})
    hints = sa.select(Flag).where(Flag.record_id.in_(mine), Flag.theirs.is_(False)).order_by(Flag.id)
    rows = [_plain(row, frozenset({"cleared_by"})) for row in uow.session.scalars(hints)]
    sections.append({"name": "flags.record_id", "title": "服务记录上的提示", "rows": rows})
    phone = uow.vault.unseal(person.phone_sealed) if person.phone_sealed else None
    return {"made_at": uow.now, "person": person.id, "name": person.name, "phone": phone, "sections": sections}


def _section(uow: UnitOfWork, held: Held, person: UUID) -> dict[str, Any]:
    model = held.column.class_
    order = sa.inspect(model).primary_key
    rows = uow.session.scalars(sa.select(model).where(held.column == person).order_by(*order)).all()
    shown = [_plain(row, held.hides(row)) if held.about_me else _act(row) for row in rows]
    return {"name": held.name, "title": held.title, "rows": shown}


def _plain(row: Base, hidden: frozenset[str]) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in sa.inspect(type(row)).columns}
    left_out = WITHHELD | hidden
    return {name: _text(value) for name, value in values.items() if name not in left_out and not _binary(value)}


def _act(row: Base) -> dict[str, Any]:
    columns = sa.inspect(type(row)).columns.keys()
    return {name: _text(getattr(row, name)) for name in ACT if name in columns}


def _binary(value: Any) -> bool:
    return isinstance(value, bytes)


def _text(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
