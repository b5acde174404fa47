"""A farmer's page: did this service take place? Yes or no, without an account and without script (R-VISIT-4).

The address is the secret. Looking changes nothing, however often a chat program looks ahead; only the form gives a
word, and sent twice it leads to the same thanks.
"""

from collections.abc import Mapping
from typing import Any

from rules.policy import CONFIRMATION_CODE_DIGITS, CONFIRMATION_CODES_PER_HOUR, CONFIRMATION_WORDS_PER_HOUR
from rules.records import KIND
from service.core.unit import UnitOfWork
from service.records import links
from service.records.links import Standing
from web.endpoint import PUBLIC
from web.page import Pages, form, page
from web.schemas.confirmations import CodeIn, FarmerForm

pages = Pages("confirmations", session=False, alone="farmer.css")

STATUS = {Standing.UNKNOWN: 404, Standing.EXPIRED: 410, Standing.CORRECTED: 410, Standing.DECIDED: 410}
"""Of a link that asks nothing any more; one that was answered is a receipt."""


def _enter(_: UnitOfWork) -> Mapping[str, Any]:
    return {"digits": CONFIRMATION_CODE_DIGITS}


def _asked(uow: UnitOfWork, token: str) -> Mapping[str, Any]:
    found = links.open_(uow, token)
    return {
        "standing": found.standing.value,
        "link": found.link,
        "record": found.record,
        "kinds": KIND,
        "status": STATUS.get(found.standing),
    }


ENTER = page(pages, "/confirmations", who=PUBLIC, does=_enter, template="public/confirmation_code.html")
ASKED = page(pages, "/confirmations/<token>", who=PUBLIC, does=_asked, template="public/confirmation.html")
form(pages, "/confirmations", who=PUBLIC, does=links.token_of, takes=CodeIn(), page=ENTER, then="/confirmations/{0}",
     per_hour=CONFIRMATION_CODES_PER_HOUR)  # fmt: skip
form(pages, "/confirmations/<token>", who=PUBLIC, does=links.answer_on_page, takes=FarmerForm(), page=ASKED,
     then="/confirmations/{token}", per_hour=CONFIRMATION_WORDS_PER_HOUR)  # fmt: skip
