"""Publicity: the lists that everybody reads, objections, the approval that opens one."""

from rules import states
from rules.policy import OBJECTIONS_PER_HOUR
from service.publicity import commands, queries
from web.endpoint import PUBLIC, Routes, endpoint, moving
from web.schemas import publicity as schemas
from web.schemas.matching import PlanOut

blp = Routes("publicity", "公示与异议")

PUBLICITY, OBJECTION, PLAN = schemas.PublicityOut(), schemas.ObjectionOut(), PlanOut()

moving(blp, "plans", states.PLAN, PLAN, {"approve": commands.approve_plan, "recall": commands.recall_plan})
endpoint(blp, "GET", "/publicity", who=PUBLIC, does=queries.publicities, query=schemas.PublicitiesAsked(),
         gives=PUBLICITY)  # fmt: skip
endpoint(blp, "GET", "/publicity/<uuid:publicity_id>", who=PUBLIC, does=queries.publicity, gives=PUBLICITY)
endpoint(blp, "POST", "/publicity/<uuid:publicity_id>/objections", who=PUBLIC, does=commands.object_,
         takes=schemas.ObjectionIn(), gives=schemas.ReceiptOut(), creates="/objections/{id}",
         per_hour=OBJECTIONS_PER_HOUR)  # fmt: skip
endpoint(blp, "GET", "/objections", who="objection.list", does=queries.objections, query=schemas.ObjectionsAsked(),
         gives=OBJECTION)  # fmt: skip
endpoint(blp, "GET", "/objections/<uuid:objection_id>", who="objection.list", does=queries.objection, gives=OBJECTION)
moving(blp, "objections", states.OBJECTION, OBJECTION, {"answer": commands.answer}, answer=schemas.AnswerIn())
