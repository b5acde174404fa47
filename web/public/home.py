"""The first page: what this is and where the doors are."""

from collections.abc import Mapping
from typing import Any

from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.needs import queries as needs
from web.endpoint import PUBLIC
from web.page import Pages, page

pages = Pages("home", session=False)


def _home(uow: UnitOfWork) -> Mapping[str, Any]:
    return {"needs": needs.board(uow, Ask(4)).items}


page(pages, "/", who=PUBLIC, does=_home, template="public/home.html")
