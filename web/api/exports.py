"""Lists as files: the plan for signature, the publicity list, the filing with the province."""

from service.core.problems import Conflict
from service.exports import lists
from service.exports.files import XLSX
from web.endpoint import PUBLIC, Routes, endpoint
from web.schemas import exports as schemas

blp = Routes("exports", "导出")

endpoint(blp, "GET", "/plans/<uuid:plan_id>/signature.xlsx", who="plan.read", does=lists.signature, produces=XLSX,
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", "/publicity/<uuid:publicity_id>/list.xlsx", who=PUBLIC, does=lists.publicity_list, produces=XLSX)
endpoint(blp, "GET", "/rounds/<uuid:round_id>/filing.xlsx", who="round.filing", does=lists.filing,
         query=schemas.FilingAsked(), produces=XLSX)  # fmt: skip
