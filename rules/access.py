"""Who may do what, in one table: role x action x reach. Moves stand in `rules/states.py`, everything else here."""

from rules.machine import SYSTEM
from rules.states import MACHINES

ROLES: dict[str, str] = {
    "commissioner": "科技特派员",
    "township": "乡镇经办",
    "county": "县级经办",
    "county_lead": "县级审批",
    "city": "市级主管",
    "dispatcher": "派出单位",
    "co_reviewer": "会审部门",
    "centre": "服务中心",
    "expert": "评审专家",
    "admin": "系统管理员",
    "auditor": "审计",
}

STAFF = frozenset({"township", "county", "county_lead", "city", "dispatcher", "co_reviewer", "admin", "auditor"})
REGION_LEVELS: dict[str, frozenset[str]] = {
    "township": frozenset({"township"}),
    "county": frozenset({"county"}),
    "county_lead": frozenset({"county"}),
    "co_reviewer": frozenset({"county"}),
    "city": frozenset({"city"}),
    "admin": frozenset({"city"}),
    "auditor": frozenset({"city", "county"}),
    "commissioner": frozenset({"city", "county"}),
}
ORGANISATION_ROLES = frozenset({"dispatcher"})
BINDING_NEEDS_APPROVAL = frozenset(ROLES) - {"commissioner"}

ANYONE = frozenset({"*"})
VISITOR = frozenset({"visitor"})

MAY: dict[str, frozenset[str]] = {
    "console.enter": STAFF,
    "person.create": frozenset({"admin", "city", "county"}),
    "person.list": frozenset({"admin", "city", "county", "county_lead", "dispatcher", "auditor"}),
    "invitation.create": frozenset({"admin", "city", "county"}),
    "role.create": frozenset({"admin", "city", "county"}),
    "role.list": frozenset({"admin", "city", "county", "county_lead", "auditor"}),
    "binding.list": frozenset({"admin", "city", "county", "county_lead"}),
    "team.create": frozenset({"commissioner"}),
    "team.answer": frozenset({"commissioner"}),
    "profile.edit": frozenset({"commissioner"}),
    "region.edit": frozenset({"city", "admin"}),
    "round.create": frozenset({"city"}),
    "round.edit": frozenset({"city"}),
    "supplement.create": frozenset({"city"}),
    "need.create": frozenset({"township"}),
    "need.edit": frozenset({"township"}),
    "need.list": frozenset({"township", "county", "county_lead", "city", "auditor"}),
    "need.assign": frozenset({"county"}),
    "claim.create": frozenset({"commissioner"}),
    "claim.list": frozenset({"commissioner", "township", "county", "county_lead", "city", "auditor"}),
    "claim.order": frozenset({"commissioner"}),
    "claim.rank": frozenset({"township", "county"}),
    "plan.seed": frozenset({"city"}),
    "plan.create": frozenset({"county", "city"}),
    "plan.read": frozenset({"county", "county_lead", "city", "auditor"}),
    "plan.replace": frozenset({"county"}),
    "weights.create": frozenset({"city"}),
    "weights.list": frozenset({"county", "county_lead", "city", "auditor"}),
    "plan.price": frozenset({"county", "city"}),
    "override.create": frozenset({"county", "city"}),
    "override.lift": frozenset({"county", "city"}),
    "override.list": frozenset({"county", "county_lead", "city", "auditor"}),
    "claim.outcome": frozenset({"commissioner"}),
    "proposal.list": frozenset({"commissioner", "township", "county", "county_lead", "city", "auditor"}),
    "objection.list": frozenset({"county", "county_lead", "city", "auditor"}),
    "pairing.list": frozenset({"commissioner", "township", "county", "county_lead", "city", "dispatcher", "auditor"}),
    "pairing.recognise": frozenset({"city"}),
    "round.filing": frozenset({"city"}),
    "record.create": frozenset({"commissioner"}),
    "record.edit": frozenset({"commissioner"}),
    "record.correct": frozenset({"commissioner"}),
    "record.object": frozenset({"commissioner"}),
    "record.link": frozenset({"commissioner", "township"}),
    "record.review": frozenset({"county", "county_lead", "city", "auditor"}),
    "record.list": frozenset({"commissioner", "township", "county", "county_lead", "city", "auditor"}),
    "record.devices": frozenset({"commissioner", "county", "county_lead", "city", "auditor"}),
    "site.create": frozenset({"township"}),
    "site.edit": frozenset({"township"}),
    "site.list": frozenset({"commissioner", "township", "county", "county_lead", "city", "auditor"}),
    "photo.put": frozenset({"commissioner"}),
    "days.read": frozenset({"commissioner", "township", "county", "county_lead", "city", "dispatcher", "auditor"}),
    "scheme.list": frozenset(
        {"commissioner", "township", "dispatcher", "co_reviewer", "county", "county_lead", "city", "auditor"}
    ),
    "scheme.create": frozenset({"county", "city"}),
    "assessment.create": frozenset({"county", "city"}),
    "assessment.read": frozenset({"county", "county_lead", "city", "co_reviewer", "auditor"}),
    "sheet.list": frozenset(
        {"commissioner", "township", "county", "county_lead", "city", "co_reviewer", "dispatcher", "auditor"}
    ),
    "sheet.edit": frozenset({"commissioner"}),
    "sheet.evidence": frozenset({"commissioner", "township", "county"}),
    "sheet.opinion": frozenset({"township", "co_reviewer", "dispatcher"}),
    "sheet.score": frozenset({"county"}),
    "sheet.grade": frozenset({"county"}),
    "review.create": frozenset({"commissioner"}),
    "review.list": frozenset({"commissioner", "county", "county_lead", "city", "auditor"}),
    "feedback.read": frozenset({"dispatcher", "county", "county_lead", "city", "auditor"}),
    "content.list": frozenset({"county", "county_lead", "city", "auditor"}),
    "audit.read": frozenset({"auditor"}),
}


def roles_for(action: str) -> frozenset[str]:
    """Give the roles that may do an action: a row of the table, or a move (`need.approve`) of its machine.

    :raises KeyError: if nobody declared that action.
    """
    if action in MAY:
        return MAY[action]
    thing, _, name = action.partition(".")
    return MACHINES[thing].move(name).by - {SYSTEM}


APPROVALS = frozenset(
    {
        "role.approve",
        "binding.approve",
        "binding.resume",
        "need.approve",
        "plan.approve",
        "plan.settle",
        "weights.approve",
        "assessment.approve",
        "assessment.confirm",
    }
)
"""What nobody decides for a day after their WeChat was bound anew (quality.md §5)."""

VIEW: dict[str, frozenset[str]] = {
    "person": MAY["person.list"],
    "role": MAY["role.list"],
    "binding": MAY["binding.list"],
    "team": frozenset({"commissioner", "county", "county_lead", "city", "auditor"}),
    "round": ANYONE,
    "supplement": ANYONE,
    "need": MAY["need.list"],
    "claim": MAY["claim.list"],
    "plan": MAY["plan.read"],
    "run": frozenset({"city", "auditor"}),
    "override": MAY["override.list"],
    "weights": MAY["weights.list"],
    "proposal": MAY["proposal.list"],
    "publicity": ANYONE,
    "objection": MAY["objection.list"],
    "pairing": MAY["pairing.list"],
    "record": MAY["record.list"],
    "flag": MAY["record.review"],
    "site": MAY["site.list"] - {"commissioner"},
    "conflict": frozenset({"commissioner"}),
    "assessment": MAY["assessment.read"],
    "sheet": MAY["sheet.list"],
    "review": MAY["review.list"],
    "content": MAY["content.list"],
}
