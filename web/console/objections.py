"""Objections that wait for the county's answer (R-PUB-2)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.publicity import Objection
from rules.states import label
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.publicity import commands, queries
from web.page import Pages, form, page
from web.schemas.base import Asked, state_filter
from web.schemas.publicity import AnswerIn

pages = Pages("console_objections", "/console", session=True)


class ObjectionsAsked(Asked):
    """The list's filter."""

    state = state_filter()


def _list(uow: UnitOfWork, ask: Ask, state: str | None = None) -> Mapping[str, Any]:
    states = [(one, label("objection", one)) for one in ("open", "answered")]
    return {"page": queries.objections(uow, ask, state=state), "states": states}


def _detail(uow: UnitOfWork, objection_id: UUID) -> Mapping[str, Any]:
    return {"row": queries.objection(uow, objection_id)}


page(pages, "/objections", who="objection.list", does=_list, template="console/objections.html",
     query=ObjectionsAsked())  # fmt: skip
DETAIL = page(pages, "/objections/<uuid:objection_id>", who="objection.list", does=_detail,
              template="console/objection.html")  # fmt: skip
form(pages, "/objections/<uuid:objection_id>/answer", who="objection.answer", does=commands.answer, page=DETAIL,
     takes=AnswerIn(), guards=Objection, then="/console/objections", said="异议已答复")  # fmt: skip
