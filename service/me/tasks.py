"""What waits for me now, by role, computed from the rows that the gate lets me see: no list of tasks is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from models.assessments import Assessment, Opinion, Review, Sheet
from models.base import Stateful
from models.claims import Claim
from models.content import ContentCheck
from models.identity import Binding, RoleGrant, Team, TeamMember
from models.matching import Plan, Proposal, Supplement
from models.needs import Need, Round
from models.publicity import Objection, Publicity
from models.records import Record
from rules.access import ROLES
from rules.content import HELD, SUBJECTS
from service.core import gate
from service.core.unit import UnitOfWork

SHOWN, READ = 20, 200
Condition = Callable[[UnitOfWork], sa.ColumnElement[bool]]


@dataclass(frozen=True)
class Task:
    """One kind of task: whose role it waits for, on which rows, and the move that would do it, where it is one.

    :param until: the deadline of a row, where it has one.
    """

    kind: str
    role: str
    title: str
    model: type[Stateful]
    waits: Condition
    says: Callable[[Any], str]
    move: str | None = None
    together: tuple[Any, ...] = ()
    until: Callable[[Any], datetime | None] = lambda _row: None


def _in(model: type[Stateful], *states: str) -> Condition:
    return lambda _uow: model.state.in_(states)


def _unranked(round_is_over: bool) -> Condition:  # noqa: FBT001  (two readings of one question)
    """Needs whose claimants nobody ranked: the township's until `ranking_until`, then the county's (R-CLAIM-4)."""

    def condition(uow: UnitOfWork) -> sa.ColumnElement[bool]:
        claimed = sa.exists().where(Claim.need_id == Need.id, Claim.state == "active")
        rounds = sa.select(Round.id).where(Round.state == "published")
        over = rounds.where(Round.ranking_until <= uow.now)
        open_ = sa.or_(Need.round_id.in_(rounds.where(Round.ranking_until > uow.now)), Need.round_id.is_(None))
        when = Need.round_id.in_(over) if round_is_over else open_
        unranked = sa.and_(Need.ranked_at.is_(None), claimed, when)
        return sa.and_(Need.state == "approved", sa.or_(unranked, _supplemented(uow, round_is_over)))

    return condition


def _supplemented(uow: UnitOfWork, ranking_is_over: bool) -> sa.ColumnElement[bool]:  # noqa: FBT001
    """Needs with claims of an open supplement that nobody ranked since it was opened."""
    ends = Supplement.ranking_until
    return sa.exists().where(
        Claim.need_id == Need.id,
        Claim.state == "active",
        Claim.supplement_id == Supplement.id,
        Supplement.state == "open",
        ends <= uow.now if ranking_is_over else ends > uow.now,
        sa.or_(Need.ranked_at.is_(None), Need.ranked_at < Supplement.created_at),
    )


def _supplement_over(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    return sa.and_(Supplement.state == "open", Supplement.ranking_until <= uow.now)


def _over(model: type[Plan] | type[Assessment], state: str) -> Condition:
    """Rows whose publicity has passed with every objection answered (R-PUB-1, R-PUB-2)."""

    def condition(uow: UnitOfWork) -> sa.ColumnElement[bool]:
        unanswered = sa.exists().where(Objection.publicity_id == Publicity.id, Objection.state == "open")
        over = sa.select(Publicity.id).where(Publicity.ends_at <= uow.now, ~unanswered)
        return sa.and_(model.state == state, model.publicity_id.in_(over))

    return condition


def _submitted_plan(_uow: UnitOfWork) -> sa.ColumnElement[bool]:
    return sa.and_(Plan.state == "submitted", Plan.draft.is_(False))


def _side(column: Any) -> Condition:
    return lambda _uow: sa.and_(Proposal.state == "waiting", column.is_(None))


def _opinion(role: str) -> Condition:
    """Sheets that were handed in and on which this role has not spoken (R-ASSESS-3)."""

    def condition(_uow: UnitOfWork) -> sa.ColumnElement[bool]:
        spoken = sa.exists().where(Opinion.sheet_id == Sheet.id, Opinion.role == role)
        scoring = sa.select(Assessment.id).where(Assessment.state == "scoring")
        return sa.and_(Sheet.state == "handed_in", Sheet.assessment_id.in_(scoring), ~spoken)

    return condition


def _own_sheet(_uow: UnitOfWork) -> sa.ColumnElement[bool]:
    scoring = sa.select(Assessment.id).where(Assessment.state == "scoring")
    return sa.and_(Sheet.state == "open", Sheet.assessment_id.in_(scoring))


def _own_record(uow: UnitOfWork) -> sa.ColumnElement[bool]:
    return sa.and_(Record.state == "returned", Record.person_id == uow.actor.person_id)


def _title(row: Any) -> str:
    return str(row.title)


def _sheet_title(row: Any) -> str:
    return f"{row.person.name} {row.assessment.year} 年度考核表"


def _need_title(row: Any) -> str:
    return str(row.need.title)


def _record_title(row: Any) -> str:
    return f"{row.person.name}：{row.done[:40]}"


def _person_name(row: Any) -> str:
    return str(row.person.name)


def _grant_title(row: Any) -> str:
    return f"{row.person.name}：{ROLES[row.role]}"


def _year(row: Any) -> str:
    return f"{row.year} 年度考核"


def _review_title(row: Any) -> str:
    return str(row.text[:40])


def _plan_title(row: Any) -> str:
    return f"{row.round.title}选派方案"


def _content_title(row: Any) -> str:
    return f"{SUBJECTS[row.subject]}：{row.title}"


_PEOPLE = (joinedload(Record.person),)
_SHEET = (joinedload(Sheet.person), joinedload(Sheet.assessment))
_APPROVERS = ("admin", "city", "county_lead")
_RANKING = (joinedload(Need.round),)


def _ranking_until(row: Need) -> datetime | None:
    return row.round.ranking_until if row.round and row.round.state == "published" else None


TASKS: tuple[Task, ...] = (
    Task("needs_returned", "township", "被退回的需求", Need, _in(Need, "returned"), _title, "submit"),
    Task("claims_to_rank", "township", "揭榜人待排序", Need, _unranked(False), _title, None, _RANKING, _ranking_until),
    Task("proposals_to_answer", "township", "统筹提议待答复", Proposal, _side(Proposal.township_accepted_at),
         _need_title, "accept", (joinedload(Proposal.need),)),
    Task("records_to_confirm", "township", "服务记录待确认", Record, _in(Record, "submitted"), _record_title, "confirm",
         _PEOPLE),
    Task("opinions_due", "township", "考核意见待填写", Sheet, _opinion("township"), _sheet_title, None, _SHEET),
    Task("needs_to_review", "county", "需求待审核", Need, _in(Need, "submitted"), _title, "approve"),
    Task("claims_to_rank_for_township", "county", "代乡镇排序", Need, _unranked(True), _title),
    Task("records_to_accept", "county", "服务记录待审核", Record, _in(Record, "confirmed", "disputed"), _record_title,
         "accept", _PEOPLE),
    Task("objections_to_answer", "county", "公示异议待答复", Objection, _in(Objection, "open"),
         lambda row: row.publicity.title, "answer", (joinedload(Objection.publicity),)),
    Task("reviews_to_answer", "county", "复核申请待答复", Review, _in(Review, "open"), _review_title,
         "answer"),
    Task("plans_to_approve", "county_lead", "选派方案待审批", Plan, _submitted_plan, _plan_title, "approve",
         (joinedload(Plan.round),)),
    Task("grades_to_approve", "county_lead", "考核等次待审批", Assessment, _in(Assessment, "proposed"), _year,
         "approve"),
    Task("grades_to_confirm", "county_lead", "考核等次待确认", Assessment, _over(Assessment, "published"), _year,
         "confirm"),
    Task("plans_to_settle", "city", "公示期满的方案待生效", Plan, _over(Plan, "approved"), _plan_title, "settle",
         (joinedload(Plan.round),)),
    Task("supplements_to_close", "city", "补报待结束", Supplement, _supplement_over, _plan_title, "close",
         (joinedload(Supplement.round),)),
    Task("appeals_to_decide", "city", "申诉待决定", Review, _in(Review, "appealed"), _review_title,
         "decide"),
    Task("opinions_due", "co_reviewer", "考核意见待填写", Sheet, _opinion("co_reviewer"), _sheet_title, None, _SHEET),
    Task("opinions_due", "dispatcher", "考核意见待填写", Sheet, _opinion("dispatcher"), _sheet_title, None, _SHEET),
    Task("proposals_to_answer", "commissioner", "统筹提议待答复", Proposal, _side(Proposal.commissioner_accepted_at),
         _need_title, "accept", (joinedload(Proposal.need),)),
    Task("records_returned", "commissioner", "被退回的服务记录", Record, _own_record, _record_title, "submit", _PEOPLE),
    Task("sheets_to_hand_in", "commissioner", "年度考核表待提交", Sheet, _own_sheet, _sheet_title, "hand_in", _SHEET),
    *(Task("content_to_decide", role, "内容待复核", ContentCheck, _in(ContentCheck, *HELD), _content_title, "release")
      for role in ("county", "county_lead", "city")),
    *(Task("bindings_to_approve", role, "微信绑定待核实", Binding, _in(Binding, "claimed"), _person_name, "approve",
           (joinedload(Binding.person),)) for role in (*_APPROVERS, "county")),
    *(Task("roles_to_approve", role, "角色授权待批准", RoleGrant, _in(RoleGrant, "proposed"), _grant_title, "approve",
           (joinedload(RoleGrant.person),)) for role in _APPROVERS),
)  # fmt: skip


def tasks(uow: UnitOfWork) -> dict[str, Any]:
    """List what waits for the actor, the kinds in the order of the table, the oldest of each first.

    A row is named once a kind, also for somebody who reaches it through two roles.
    """
    roles = uow.actor.roles()
    found: dict[str, dict[str, Any]] = {}
    for task in TASKS:
        if task.role in roles:
            _add(found, _found(uow, task))
    invited = _invitations(uow)
    shown = [one for one in (*found.values(), invited) if one["count"]]
    return {"items": shown, "next": None}


def _add(found: dict[str, dict[str, Any]], one: dict[str, Any]) -> None:
    """Put together what two roles see of one kind."""
    before = found.setdefault(one["kind"], one)
    if before is one:
        return
    known = {item["id"] for item in before["items"]}
    new = [item for item in one["items"] if item["id"] not in known]
    before["items"] = (before["items"] + new)[:SHOWN]
    before["count"] = max(before["count"], one["count"], len(known) + len(new))


def _found(uow: UnitOfWork, task: Task) -> dict[str, Any]:
    model = task.model
    statement = gate.select(uow, model, {task.role}).where(task.waits(uow))
    ordered = statement.options(*task.together).order_by(model.state_since, model.id).limit(READ)
    read = gate.rows(uow, ordered)
    mine = [row for row in read if task.move is None or task.move in row.moves]
    count = len(mine)
    if len(read) == READ:
        count = uow.session.scalar(sa.select(sa.func.count()).select_from(statement.subquery())) or count
    return _shown(task.kind, task.title, model.__thing__, count, [_item(task, row) for row in mine[:SHOWN]])


def _item(task: Task, row: Any) -> dict[str, Any]:
    found = {"id": row.id, "title": task.says(row), "since": row.state_since, "moves": row.moves}
    return found | {"until": task.until(row)}


def _shown(kind: str, title: str, thing: str, count: int, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "title": title, "count": count, "thing": thing, "items": list(items)}


def _invitations(uow: UnitOfWork) -> dict[str, Any]:
    """Teams that ask for the actor's word (R-APP-1)."""
    rows = uow.session.scalars(
        sa.select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(
            TeamMember.person_id == uow.actor.person_id,
            TeamMember.agreed_at.is_(None),
            TeamMember.left_at.is_(None),
            Team.state == "forming",
        )
        .order_by(Team.state_since, Team.id)
    ).all()
    words = ["agree", "leave"]
    items = [{"id": t.id, "title": t.name, "since": t.state_since, "moves": words, "until": None} for t in rows]
    return _shown("teams_to_answer", "团队邀请待答复", "team", len(items), items[:SHOWN])
