"""What stands in public before it takes effect (公示), and the form for objections."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rules.policy import OBJECTIONS_PER_HOUR
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.publicity import commands, queries
from service.regions import queries as regions
from web.endpoint import PUBLIC
from web.page import Pages, form, page
from web.schemas.publicity import ObjectionIn, PublicitiesAsked

pages = Pages("public_publicity", session=False)

STATES = (("open", "公示中"), ("closed", "已结束"))


def _list(uow: UnitOfWork, ask: Ask, **filters: Any) -> Mapping[str, Any]:
    return {
        "page": queries.publicities(uow, ask, **filters),
        "counties": sorted(regions.county_names(uow).items()),
        "states": STATES,
    }


def _one(uow: UnitOfWork, publicity_id: UUID) -> Mapping[str, Any]:
    return {"row": queries.publicity(uow, publicity_id)}


page(pages, "/publicity", who=PUBLIC, does=_list, template="public/publicities.html", query=PublicitiesAsked())
ONE = page(pages, "/publicity/<uuid:publicity_id>", who=PUBLIC, does=_one, template="public/publicity.html")
page(pages, "/publicity/<uuid:publicity_id>/received", who=PUBLIC, does=_one, template="public/received.html")
form(pages, "/publicity/<uuid:publicity_id>/objections", who=PUBLIC, does=commands.object_on_page,
     takes=ObjectionIn(exclude=("id",)), page=ONE, then="/publicity/{publicity_id}/received",
     per_hour=OBJECTIONS_PER_HOUR)  # fmt: skip
