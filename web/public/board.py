"""The board (榜单), which everybody reads without logging in and without contact data."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.needs import queries
from service.regions import queries as regions
from web.endpoint import PUBLIC
from web.page import Pages, page
from web.schemas.needs import BoardAsked

pages = Pages("public_board", session=False)


def _board(uow: UnitOfWork, ask: Ask, **filters: Any) -> Mapping[str, Any]:
    found = queries.board(uow, ask, **filters)
    counties, towns = regions.county_names(uow), regions.roster(uow)
    chosen = filters.get("county")
    return {
        "page": found,
        "counties": sorted(
            {(code, counties[code]) for town in towns if (code := town.managing_county_code or "") in counties}
        ),
        "townships": [(town.code, town.name) for town in towns if chosen in {None, town.managing_county_code}],
        "specialties": queries.wanted_specialties(uow),
        "county_names": counties,
    }


def _item(uow: UnitOfWork, need_id: UUID) -> Mapping[str, Any]:
    need = queries.board_item(uow, need_id)
    return {
        "need": need,
        "county": regions.county_names(uow).get(need.township.managing_county_code or "", ""),
        "specialties": regions.specialty_names(uow, need.specialties),
    }


page(pages, "/board", who=PUBLIC, does=_board, template="public/board.html", query=BoardAsked())
page(pages, "/board/<uuid:need_id>", who=PUBLIC, does=_item, template="public/board_item.html")
