"""Sites of visits: kinds, and which accepted visit may say where a site is (issue 4 point 5)."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from rules.geo import POOR_ACCURACY_M, Point
from rules.needs import Form

RADIUS_M = 1_000
"""What counts as at a site unless the township says otherwise: its fields lie around it (practice)."""


class Kind(StrEnum):
    """What a site is."""

    VILLAGE_OFFICE = "village_office"
    BASE = "base"
    COOPERATIVE = "cooperative"


KIND: Mapping[str, str] = {Kind.VILLAGE_OFFICE: "村委会", Kind.BASE: "示范基地", Kind.COOPERATIVE: "合作社"}


def site_of_visit(form: str, check_in: Mapping[str, Any] | None, hints: Collection[str]) -> Point | None:
    """Give where an accepted visit says that its site is, to three decimals (about 110 m): a place, not a person.

    Nothing where the visit was remote, brought no good position, or where anybody still wonders about the position.

    :param hints: codes of the open hints about its position.
    """
    if form != Form.ON_SITE or check_in is None or hints or check_in["source"] == "fuzzy":
        return None
    if (check_in["accuracy_m"] or 0) > POOR_ACCURACY_M:
        return None
    return Point(round(check_in["wgs84"]["lat"], 3), round(check_in["wgs84"]["lon"], 3))
