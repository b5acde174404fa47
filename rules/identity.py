"""Who may be given which role, and how an invitation to bind is judged."""

from datetime import datetime
from ipaddress import IPv4Address, ip_address

from rules.access import ORGANISATION_ROLES, REGION_LEVELS, ROLES
from rules.policy import FACTOR_TRIES, FACTOR_WAIT_FIRST_S, FACTOR_WAIT_LAST_S, TEAM_MEMBERS_MIN

GRANTABLE: dict[str, frozenset[str]] = {
    "admin": frozenset(ROLES),
    "city": frozenset(ROLES) - {"admin", "auditor"},
    "county": frozenset({"commissioner", "township", "co_reviewer"}),
}
"""What each granting role may propose; a second person approves every grant."""


def judge_grant(
    role: str, *, level: str | None, organisation: bool, granting: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Say everything that is wrong with a proposed grant, as (field, Chinese text).

    :param level: the level of the region named, None where none was.
    :param granting: the roles of the person who grants.
    """
    wrong = []
    if not any(role in GRANTABLE.get(one, frozenset()) for one in granting):
        wrong.append(("role", f"您不能授予「{ROLES[role]}」"))
    if role in ORGANISATION_ROLES:
        if not organisation:
            wrong.append(("organisation", "该角色须指明所属单位"))
        if level:
            wrong.append(("region", "该角色不按区域授予"))
    else:
        allowed = REGION_LEVELS.get(role, frozenset({"city", "county", "township"}))
        if level is None:
            wrong.append(("region", "该角色须指明管辖区域"))
        elif level not in allowed:
            wrong.append(("region", "该角色不能在此级别的区域授予"))
        if organisation:
            wrong.append(("organisation", "该角色不按单位授予"))
    return tuple(wrong)


def judge_invitation(
    *, expires_at: datetime, used: bool, tries_left: int, now: datetime, phone_matches: bool | None
) -> str | None:
    """Say why an invitation does not bind; None if it does.

    :param phone_matches: None where no phone was shown, or none is registered.
    """
    if used:
        return "邀请码已被使用"
    if now >= expires_at:
        return "邀请码已过期"
    if tries_left <= 0:
        return "邀请码因多次尝试失败已作废"
    if phone_matches is False:
        return "微信手机号与登记的手机号不一致"
    return None


def judge_team(leader: str, members: frozenset[str], free: frozenset[str]) -> tuple[str, ...]:
    """Say everything that is wrong with a team (R-APP-1).

    :param free: the members who are commissioners in office and in no other confirmed team.
    """
    wrong = []
    if len(members) < TEAM_MEMBERS_MIN:
        wrong.append(f"团队至少 {TEAM_MEMBERS_MIN} 人（含负责人）")
    if leader not in members:
        wrong.append("负责人须为团队成员")
    if members - free:
        wrong.append("有成员不是在任科技特派员，或已在其他团队中")
    return tuple(wrong)


def wait_after_tries(tries: int) -> int:
    """Give the seconds before the next try at a second factor, after so many in a row (quality.md §5)."""
    over = tries - FACTOR_TRIES
    return 0 if over < 0 else min(FACTOR_WAIT_FIRST_S * 2 ** min(over, 20), FACTOR_WAIT_LAST_S)


def coarse(address: str | None) -> str:
    """Give a network address without what tells households apart: two numbers of IPv4, the first 32 bits of IPv6."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "未知"
    if isinstance(found, IPv4Address):
        return ".".join(str(found).split(".")[:2]) + ".*.*"
    return ":".join(found.exploded.split(":")[:2]) + ":*"
