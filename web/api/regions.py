"""Regions, the roster of townships, specialties, organisations."""

from flask import Response

from service.core.unit import UnitOfWork
from service.regions import commands, queries
from web.endpoint import PUBLIC, Routes, endpoint
from web.schemas import regions as schemas
from web.schemas.base import AskedWhole

blp = Routes("regions", "区域与基础数据")

CODES_PER_HOUR = 600
"""Mini-program codes that one network address may have drawn."""
TOWNSHIP = schemas.TownshipOut()

endpoint(
    blp,
    "GET",
    "/regions",
    who=PUBLIC,
    does=queries.regions,
    query=schemas.RegionsAsked(),
    gives=schemas.RegionOut(),
)
endpoint(
    blp,
    "GET",
    "/townships",
    who=PUBLIC,
    does=queries.townships,
    query=schemas.TownshipsAsked(),
    gives=TOWNSHIP,
)
endpoint(blp, "GET", "/townships/<string:code>", who=PUBLIC, does=queries.township, gives=TOWNSHIP)


def _code(uow: UnitOfWork, code: str) -> Response:
    """Give the mini-program code of a township, to be hung on its wall: it opens the township's page."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(queries.township_code(uow, code), content_type="image/png", headers=headers)


endpoint(blp, "GET", "/townships/<string:code>/code.png", who=PUBLIC, does=_code, produces="image/png",
         per_hour=CODES_PER_HOUR)  # fmt: skip
endpoint(
    blp,
    "PATCH",
    "/townships/<string:code>",
    who="region.edit",
    does=commands.edit,
    takes=schemas.TownshipIn(),
    gives=TOWNSHIP,
    edits=True,
)
endpoint(blp, "GET", "/specialties", who=PUBLIC, does=queries.specialties, query=AskedWhole(),
         gives=schemas.SpecialtyOut())  # fmt: skip
endpoint(blp, "GET", "/organisations", who=PUBLIC, does=queries.organisations, query=AskedWhole(),
         gives=schemas.OrganisationOut())  # fmt: skip
