"""The desk: what waits for me, and where everything else is."""

from collections.abc import Mapping
from typing import Any

from service.content import queries as content
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.needs import queries as needs
from service.publicity import evidence
from service.records import queries as records
from service.regions.queries import county_names
from web.endpoint import PERSON
from web.page import Pages, page

pages = Pages("desk", "/console", session=True)


def _desk(uow: UnitOfWork) -> Mapping[str, Any]:
    reviews = uow.actor.may("need.approve")
    found = needs.needs(uow, Ask(5), state="submitted", oldest_first=True).items if reviews else ()
    return {
        "reviews": reviews,
        "needs": needs.show_duplicates(uow, found),
        "needs_waiting": needs.waiting(uow) if reviews else 0,
        "plans": evidence.waiting(uow),
        "records": records.waiting(uow),
        "held": content.waiting(uow),
        "objections": evidence.objections_waiting(uow),
        "counties": county_names(uow),
        "now": uow.now,
    }


page(pages, "/", who=PERSON, does=_desk, template="console/desk.html")
