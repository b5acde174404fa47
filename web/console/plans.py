"""The county's plan: what was computed, on one page with its evidence; submit, approve, return, settle."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.matching import Plan
from rules.states import label
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.matching import commands as matching
from service.pairings import commands as pairings
from service.publicity import commands as publicity
from service.publicity import evidence
from service.regions.queries import county_names
from web.page import Pages, form, page
from web.schemas.base import Asked, Reason, state_filter

pages = Pages("console_plans", "/console", session=True)

STATES = ("prepared", "submitted", "approved", "settled", "rejected")


class PlansAsked(Asked):
    """The list's filter."""

    state = state_filter()


def _list(uow: UnitOfWork, ask: Ask, state: str | None = None) -> Mapping[str, Any]:
    return {
        "page": evidence.plans(uow, ask, state=state),
        "states": [(one, label("plan", one)) for one in STATES],
        "counties": county_names(uow),
    }


def _detail(uow: UnitOfWork, plan_id: UUID) -> Mapping[str, Any]:
    found = evidence.evidence(uow, plan_id)
    return {"plan": found.plan, "found": found, "steps": found.steps, "now": uow.now}


page(pages, "/plans", who="plan.read", does=_list, template="console/plans.html", query=PlansAsked())
DETAIL = page(pages, "/plans/<uuid:plan_id>", who="plan.read", does=_detail, template="console/plan.html")

form(pages, "/plans/<uuid:plan_id>/submit", who="plan.submit", does=matching.submit, page=DETAIL, guards=Plan,
     then="/console/plans/{plan_id}", said="方案已提交，等待县级审批")  # fmt: skip
form(pages, "/plans/<uuid:plan_id>/approve", who="plan.approve", does=publicity.approve_plan, page=DETAIL, guards=Plan,
     fresh=True, then="/console/plans/{plan_id}", said="方案已批准，名单已开始公示")  # fmt: skip
form(pages, "/plans/<uuid:plan_id>/reject", who="plan.reject", does=matching.reject, page=DETAIL, guards=Plan,
     takes=Reason(), then="/console/plans/{plan_id}", said="方案已退回，理由已告知经办人")  # fmt: skip
form(pages, "/plans/<uuid:plan_id>/settle", who="plan.settle", does=pairings.settle, page=DETAIL, guards=Plan,
     fresh=True, then="/console/plans/{plan_id}", said="方案已生效，结对关系已建立")  # fmt: skip
form(pages, "/plans/<uuid:plan_id>/recall", who="plan.recall", does=publicity.recall_plan, page=DETAIL, guards=Plan,
     fresh=True, takes=Reason(), then="/console/plans/{plan_id}", said="方案已撤回，公示已结束")  # fmt: skip
