"""The short-lived signed address under which WeChat, and who decides, see a picture."""

import hmac
from uuid import UUID

from rules.policy import CONTENT_ANSWER_MINUTES
from service.core.unit import House

PATH = "/api/v1/pictures"


def address(house: House, picture_id: UUID) -> str:
    """Give the path and query of a picture on this server, good until WeChat must have answered."""
    until = int(house.clock.now().timestamp()) + CONTENT_ANSWER_MINUTES * 60
    return f"{PATH}/{picture_id}?until={until}&signature={_sign(house, picture_id, until)}"


def opens(house: House, picture_id: UUID, until: int, signature: str) -> bool:
    """Say whether an address is ours and still good."""
    in_time = house.clock.now().timestamp() <= until
    return hmac.compare_digest(_sign(house, picture_id, until).encode(), signature.encode()) and in_time


def _sign(house: House, picture_id: UUID, until: int) -> str:
    return house.vault.digest("picture", f"{picture_id} {until}")
