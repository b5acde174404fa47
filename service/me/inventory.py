"""What is stored about a person, column by column: how it is copied to them, and what closing their account leaves.

A test walks the tables: whatever refers to a person, or to a thing of theirs, stands here (quality.md bar 36).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Opinion, Review, Sheet
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
from models.records import (
    Companion,
    ConfirmationLink,
    Flag,
    Photo,
    PhotoUpload,
    Record,
    RecordConflict,
    RecordPhoto,
    RecordVersion,
)
from models.sites import SiteVisit

POINTS = frozenset({"scores", "total", "proposed_grade", "proposed_reason", "grade", "grade_reason"})
RANKING = frozenset({"grade", "declined_reason"})


@dataclass(frozen=True)
class Held:
    """Rows that refer to a person: by which column, under which title, and whether they are about the person.

    :param hides: columns that I may not see yet, as elsewhere in the product, or that are somebody else's.
    :param through: the column that says whose the thing is to which `column` refers, where that is no person.
    :param gone: closing the account leaves no row.
    :param empties: what closing the account leaves empty; what else stays is told in the answer, with its reason.
    :param located: what withdrawing the consent to location leaves empty as well (R-VISIT-8).
    """

    column: Any
    title: str
    about_me: bool = True
    hides: Callable[[Any], frozenset[str]] = lambda _row: frozenset()
    through: Any = None
    gone: bool = False
    empties: tuple[str, ...] = ()
    located: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Table and column, as the inventory's test compares them."""
        return f"{self.column.class_.__tablename__}.{self.column.key}"

    def mine(self, person: UUID) -> sa.ColumnElement[bool]:
        """Give the condition under which a row is the person's."""
        if self.through is None:
            return sa.and_(self.column == person)
        owned = sa.select(self.through.class_.id).where(self.through == person)
        return sa.and_(self.column.in_(owned))


def _hiding(*names: str) -> Callable[[Any], frozenset[str]]:
    return lambda _row: frozenset(names)


def _before_result(row: Sheet) -> frozenset[str]:
    return frozenset() if row.assessment.state in {"published", "confirmed"} else POINTS


def _before_outcome(row: Claim) -> frozenset[str]:
    return RANKING if row.state == "active" else frozenset()


INVENTORY: tuple[Held, ...] = (
    Held(Person.id, "登记信息", empties=("phone_sealed", "phone_index", "title", "bio", "organisation_code")),
    Held(WechatAccount.person_id, "微信账号", gone=True),
    Held(Binding.person_id, "微信绑定"),
    Held(Invitation.person_id, "收到的邀请"),
    Held(Session.person_id, "登录会话"),
    Held(ConsoleScan.person_id, "扫码登录工作台", gone=True),
    Held(Factor.person_id, "工作台的第二验证方式", gone=True),
    Held(ConsoleCode.person_id, "恢复码与应急口令", gone=True),
    Held(RoleGrant.person_id, "角色"),
    Held(Consent.person_id, "同意与撤回"),
    Held(TeamMember.person_id, "所在团队"),
    Held(Team.leader_id, "负责的团队"),
    Held(Claim.person_id, "揭榜", hides=_before_outcome),
    Held(Proposal.person_id, "统筹提议"),
    Held(Pairing.person_id, "结对"),
    Held(PairingMember.person_id, "参与的结对"),
    Held(Record.person_id, "服务记录", located=("check_in", "distance_m", "point_mark")),
    Held(RecordConflict.person_id, "冲突的记录内容", located=("located",)),
    Held(Companion.person_id, "同行", empties=("objection",)),
    Held(Photo.owner_id, "照片", gone=True),
    Held(PhotoUpload.owner_id, "未传完的照片"),  # it ends at once, and a job removes it with its chunks
    Held(ConfirmationLink.made_by, "发出的确认链接", about_me=False),
    Held(Sheet.person_id, "年度考核表", hides=_before_result),
    Held(Review.person_id, "复核与申诉"),
    Held(Opinion.author_id, "写下的考核意见"),
    Held(ContentCheck.author_id, "送检的内容"),
    Held(Message.person_id, "站内消息", gone=True),
    Held(Credit.person_id, "订阅消息次数", gone=True),
    Held(Accept.person_id, "同意接收的订阅消息", gone=True),
    Held(JournalEntry.actor_id, "操作日志", about_me=False),
    Held(Person.registered_by, "登记的人员", about_me=False),
    Held(Invitation.invited_by, "发出的邀请", about_me=False),
    Held(Flag.cleared_by, "核销的提示", about_me=False),
    Held(Run.made_by, "生成的方案", about_me=False),
    Held(Override.author_id, "设定的固定与禁止", about_me=False),
    Held(Sheet.scored_by, "评分的考核表", about_me=False),
    Held(Sheet.decided_by, "定档的考核表", about_me=False),
    Held(RecordVersion.record_id, "服务记录的各个版本", through=Record.person_id, located=("check_in",)),
    Held(Flag.record_id, "服务记录上的提示", through=Record.person_id, hides=_hiding("cleared_by")),
    Held(Companion.record_id, "服务记录的同行人", through=Record.person_id, hides=_hiding("objection")),
    Held(ConfirmationLink.record_id, "服务记录的确认链接", through=Record.person_id, hides=_hiding("made_by")),
    Held(RecordPhoto.record_id, "服务记录所列的照片", through=Record.person_id, gone=True),
    Held(SiteVisit.record_id, "由到访定下位置的服务点", through=Record.person_id, gone=True, located=("lat", "lon")),
)
OUTSIDE: dict[str, str] = {
    "flags.other_id": "a hint on another record; what it rests on is in the copy as a record of its own",
    "text_marks.record_id": "numbers made from words that are in the copy, to find copies of them",
    "photo_marks.photo_id": "numbers made from a photo that is in the copy; they go with it",
    "records.team_id": "the team is in the copy",
    "claims.claimant_key": "the person's or the team's id once more",
    "proposals.claimant_key": "the person's or the team's id once more",
    "pairings.claimant_key": "the person's or the team's id once more",
    "overrides.claimant_key": "staff's word on a claim; what came of it is in the copy with the claim",
    "overrides.claim_id": "staff's word on a claim; what came of it is in the copy with the claim",
    "content_checks.subject_id": "the thing that was checked; its author's checks are in the copy",
    "messages.entry_id": "the journal's entry that a message tells of",
    "publicities.subject_id": "what stands under publicity; a list is public",
    "plans.publicity_id": "the publicity of a plan",
    "assessments.publicity_id": "the publicity of an assessment",
}
"""Columns that might refer to a person or a thing of theirs and are not asked for a copy, each with its reason."""
