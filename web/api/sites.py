"""Sites of visits."""

from rules import states
from service.core.problems import NotFound
from service.sites import commands, queries
from web.endpoint import Routes, endpoint, moving
from web.schemas import sites as schemas

blp = Routes("sites", "服务点：村委会、示范基地、合作社")

SITE = schemas.SiteOut()

endpoint(blp, "POST", "/sites", who="site.create", does=commands.create, takes=schemas.SiteIn(), gives=SITE,
         creates="/sites/{id}", refuses=(commands.SiteKnown,))  # fmt: skip
endpoint(blp, "GET", "/sites", who="site.list", does=queries.sites, query=schemas.SitesAsked(), gives=SITE)
endpoint(blp, "POST", "/sites/nearest", who="record.create", does=queries.nearest, takes=schemas.NearestAsked(),
         gives=schemas.NearestOut(), writes=False, refuses=(NotFound,))  # fmt: skip
endpoint(blp, "PATCH", "/sites/<uuid:site_id>", who="site.edit", does=commands.move_point, takes=schemas.SiteMove(),
         gives=SITE, edits=True)  # fmt: skip
moving(blp, "sites", states.SITE, SITE, {"retire": commands.retire, "restore": commands.restore})
