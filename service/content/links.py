"""The short-lived signed address under which WeChat, who decides, and pages that can send no token see a picture."""

import hmac
from uuid import UUID

from rules.policy import CONTENT_ANSWER_MINUTES
from service.core.unit import House

PATH = "/api/v1/pictures"
FULL = "full"


def address(house: House, picture_id: UUID, size: str = FULL, minutes: int = CONTENT_ANSWER_MINUTES) -> str:
    """Give the path and query of a picture on this server, good for so long: until WeChat must have answered."""
    until = int(house.clock.now().timestamp()) + minutes * 60
    smaller = "" if size == FULL else f"&size={size}"
    return f"{PATH}/{picture_id}?until={until}{smaller}&signature={_sign(house, picture_id, until, size)}"


def opens(house: House, picture_id: UUID, until: int, signature: str, size: str = FULL) -> bool:
    """Say whether an address is ours and still good."""
    in_time = house.clock.now().timestamp() <= until
    return hmac.compare_digest(_sign(house, picture_id, until, size).encode(), signature.encode()) and in_time


def _sign(house: House, picture_id: UUID, until: int, size: str) -> str:
    return house.vault.digest("picture", f"{picture_id} {until} {size}")
