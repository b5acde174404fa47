"""Close my account: everything ends at once, personal data goes, what must stay is told with its reason (R-VISIT-8)."""

from typing import Any

import sqlalchemy as sa

from models.base import Stateful
from models.claims import Claim
from models.identity import (
    Binding,
    ConsoleCode,
    ConsoleScan,
    Factor,
    Invitation,
    Person,
    RoleGrant,
    Session,
    TeamMember,
    WechatAccount,
)
from models.matching import Proposal
from models.notifications import Accept, Credit, Message
from models.pairings import Pairing, PairingMember
from service.core import moves, replies
from service.core.problems import Conflict
from service.core.unit import UnitOfWork
from service.identity import queries as identity
from service.identity import teams
from service.identity.bindings import ENDS
from service.me import erasure

REASON = "本人注销账号"
REMOVED = (
    "手机号",
    "职称、简介与专业方向",
    "微信绑定、全部登录与验证方式",
    "站内消息与订阅",
    "角色、团队与有效的揭榜",
    "未提交的草稿与未采用的记录内容",
)
_QUIETLY = {"synchronize_session": False}


class LastAdministrator(Conflict):
    """Nobody could register people any more."""

    kind, title = "last-administrator", "您是唯一的系统管理员，请先移交后再注销"


def close(uow: UnitOfWork) -> dict[str, Any]:
    """Close the acting person's account and say what was removed, what stays and why.

    :raises LastAdministrator: for the only administrator.
    """
    person = identity.me(uow)
    _check_last_administrator(uow, person)
    return end(uow, person, REASON)


def end(uow: UnitOfWork, person: Person, reason: str) -> dict[str, Any]:
    """Close the account of the acting person, whoever they are; `close` and WeChat's word for it come here."""
    change = {"thing": "person", "id": str(person.id), "from": "registered", "to": "closed"}
    uow.record("person.close", person, [change])
    _leave_teams(uow, person)
    _end_what_is_open(uow, person, reason)
    _forget_contact(uow, person)
    changes = erasure.drop_unsent(uow, person.id, reason)
    changes += erasure.drop_locations(uow, person.id) + erasure.drop_photos(uow, person.id)
    replies.forget(uow, person.id)
    stays = _stays(uow, person)
    named = erasure.drop_name(uow, person)
    uow.record("person.close", person, changes + named)
    removed = [*REMOVED, "服务记录中不再需要的定位与照片", *(["姓名与单位"] if named else [])]
    return {"closed_at": uow.now, "removed": removed, "stays": stays}


def _check_last_administrator(uow: UnitOfWork, person: Person) -> None:
    office = sa.select(RoleGrant.person_id).where(RoleGrant.role == "admin", RoleGrant.state == "active")
    admins = set(uow.session.scalars(office))
    if admins == {person.id}:
        raise LastAdministrator


def _leave_teams(uow: UnitOfWork, person: Person) -> None:
    mine = sa.select(TeamMember.team_id).where(TeamMember.person_id == person.id, TeamMember.left_at.is_(None))
    for team in uow.session.scalars(mine.order_by(TeamMember.team_id)).all():
        teams.leave(uow, team)


def _end_what_is_open(uow: UnitOfWork, person: Person, reason: str) -> None:
    """End roles, bindings, claims and proposals, each by its own move."""
    ends: tuple[tuple[type[Stateful], dict[str, str]], ...] = (
        (Claim, {"active": "withdraw"}),
        (Proposal, {"waiting": "decline", "accepted": "decline"}),
        (RoleGrant, {"proposed": "end", "active": "end"}),
        (Binding, ENDS),
    )
    for model, by_state in ends:
        columns: Any = model
        mine = sa.select(model).where(columns.person_id == person.id, model.state.in_(by_state)).order_by(model.id)
        for row in uow.session.scalars(mine.with_for_update(of=model)).all():
            moves.apply(uow, row, by_state[row.state], reason)


def _forget_contact(uow: UnitOfWork, person: Person) -> None:
    """Erase what leads to the person: phone, profile, WeChat account, sessions, invitations, inbox."""
    person.phone_sealed = person.phone_index = None
    person.title = person.bio = None
    person.specialties, person.available, person.service_days = [], False, None
    person.closed_at = uow.now
    person.version += 1
    once = sa.select(Binding.account_id).where(Binding.person_id == person.id)
    mine = sa.or_(WechatAccount.person_id == person.id, WechatAccount.id.in_(once) & WechatAccount.person_id.is_(None))
    for account in uow.session.scalars(sa.select(WechatAccount).where(mine)):
        account.openid, account.person_id = f"closed:{account.id.hex}", None
    quietly = {"execution_options": _QUIETLY}
    living = sa.update(Session).where(Session.person_id == person.id, Session.ended_at.is_(None))
    uow.session.execute(living.values(ended_at=uow.now), **quietly)
    unused = sa.update(Invitation).where(Invitation.person_id == person.id, Invitation.used_at.is_(None))
    uow.session.execute(unused.values(tries_left=0), **quietly)
    for table in (Message, Credit, Accept, Factor, ConsoleCode, ConsoleScan):
        uow.session.execute(sa.delete(table).where(table.person_id == person.id), **quietly)
    uow.session.flush()


def _stays(uow: UnitOfWork, person: Person) -> list[dict[str, str]]:
    """Say what stays and why."""
    found = []
    if years := erasure.open_years(uow, person.id):
        named = "、".join(str(year) for year in years)
        what = f"姓名、单位，以及 {named} 年服务记录中的定位与照片"
        found.append({"what": what, "why": f"{named} 年度考核尚未办结，办结后自动删除"})
    serving = sa.select(PairingMember.pairing_id).where(PairingMember.person_id == person.id)
    posts = sa.select(sa.func.count()).where(Pairing.id.in_(serving), Pairing.state == "active")
    if count := uow.session.scalar(posts):
        found.append({"what": f"{count} 项在期的结对", "why": "由县级科技主管部门按退出程序办理"})
    found.append(
        {"what": "已提交服务记录的文字、计数与设备序号", "why": "属于服务对象与考核的工作档案，不含定位和照片"}
    )
    kept = "选派方案中的编号、去向、得分，以及经办人员和乡镇所写的理由"
    found.append({"what": kept, "why": "属于选派工作档案，供核对方案"})
    found.append({"what": "已公示、已生效的名单与考核结果", "why": "属于公文，依法留存"})
    found.append({"what": "操作日志与同意记录", "why": "供审计核对，只含编号，不含姓名、电话和微信标识"})
    return found
