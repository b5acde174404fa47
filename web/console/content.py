"""Content that WeChat did not let pass and that waits for a person's decision (R-NEED-4)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.content import ContentCheck
from rules.content import SUBJECTS
from rules.states import CONTENT, label
from service.content import commands, queries
from service.core import gate
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from web.page import Pages, form, page
from web.schemas.base import Asked, Reason, state_filter

pages = Pages("console_content", "/console", session=True)

STATES = ("review", "risky", "unavailable", "waiting", "released", "rejected", "passed")


class ContentsAsked(Asked):
    """The list's filter; without it stands what waits for a person."""

    state = state_filter()


def _list(uow: UnitOfWork, ask: Ask, state: str | None = None) -> Mapping[str, Any]:
    found = queries.contents(uow, ask, state=state, held=None if state else True)
    return {"page": found, "subjects": SUBJECTS, "states": [(one, label(CONTENT.thing, one)) for one in STATES]}


def _detail(uow: UnitOfWork, content_id: UUID) -> Mapping[str, Any]:
    row = queries.content(uow, content_id)
    return {"row": row, "subjects": SUBJECTS, "barred": gate.barred(uow, row)}


page(pages, "/content", who="content.list", does=_list, template="console/contents.html", query=ContentsAsked())
DETAIL = page(pages, "/content/<uuid:content_id>", who="content.list", does=_detail, template="console/content.html")
form(pages, "/content/<uuid:content_id>/release", who="content.release", does=commands.release, page=DETAIL,
     takes=Reason(), guards=ContentCheck, then="/console/content", said="已放行")  # fmt: skip
form(pages, "/content/<uuid:content_id>/reject", who="content.reject", does=commands.reject, page=DETAIL,
     takes=Reason(), guards=ContentCheck, then="/console/content", said="已决定不予公开，理由已告知作者")  # fmt: skip
