"""The county's review of needs: what waits, one need with all its facts, approve, return, approve what is ticked."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from marshmallow import fields

from models.needs import Need
from rules.needs import URGENCY
from rules.states import label
from service.core import gate
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.identity.history import history
from service.needs import commands, queries
from service.regions import queries as regions
from web.page import Pages, bulk, form, page
from web.schemas.base import Asked, Code, Line, Number, Reason, state_filter

pages = Pages("console_needs", "/console", session=True)

STATES = ("submitted", "returned", "approved", "filled", "withdrawn", "closed")


class NeedsAsked(Asked):
    """The list's filters; `ticked` shows every box of the page ticked."""

    state = state_filter()
    county = Code(load_default=None)
    township = Code(load_default=None)
    urgency = Number(1, max(URGENCY), from_text=True, load_default=None)
    q = Line(60, load_default=None)
    ticked = fields.Boolean(load_default=None)


def _list(uow: UnitOfWork, ask: Ask, *, ticked: bool | None = None, **filters: Any) -> Mapping[str, Any]:
    state = filters.pop("state", "submitted")
    found = queries.needs(uow, ask, state=None if state == "all" else state, oldest_first=True, **filters)
    if state == "submitted":
        queries.show_duplicates(uow, found.items)
    return {
        "page": found,
        "state": state,
        "state_choices": [(one, label("need", one)) for one in STATES] + [("all", "全部状态")],
        "ticked": bool(ticked),
        "townships": [(town.code, town.name) for town in regions.reached_townships(uow)],
        "now": uow.now,
        "bulk": any("approve" in need.moves for need in found.items),
    }


def _detail(uow: UnitOfWork, need_id: UUID) -> Mapping[str, Any]:
    need = queries.need(uow, need_id)
    return {
        "need": need,
        "county": regions.county_names(uow).get(need.township.managing_county_code or "", ""),
        "specialties": regions.specialty_names(uow, need.specialties),
        "steps": history(uow, need),
        "barred": gate.barred(uow, need),
        "now": uow.now,
    }


LIST = page(pages, "/needs", who="need.list", does=_list, template="console/needs.html", query=NeedsAsked())
DETAIL = page(pages, "/needs/<uuid:need_id>", who="need.list", does=_detail, template="console/need.html")

form(pages, "/needs/<uuid:need_id>/approve", who="need.approve", does=commands.approve, page=DETAIL, guards=Need,
     then="/console/needs", said="已通过「{0.title}」")  # fmt: skip
form(pages, "/needs/<uuid:need_id>/return", who="need.return", does=commands.return_, page=DETAIL, guards=Need,
     takes=Reason(), then="/console/needs", said="已退回「{0.title}」，理由已告知乡镇")  # fmt: skip
bulk(pages, "/needs/approve", who="need.approve", does=commands.approve, guards=Need, then="/console/needs",
     said="已通过「{0.title}」")  # fmt: skip
