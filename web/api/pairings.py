"""Pairings: settling a plan, assigning an everyday need, recognition, ends."""

from rules import states
from service.core.problems import Conflict
from service.pairings import commands, queries
from web.endpoint import Routes, endpoint, moving
from web.schemas import pairings as schemas
from web.schemas.matching import PlanOut

blp = Routes("pairings", "结对与日常指派")

PAIRING = schemas.PairingOut()

moving(blp, "plans", states.PLAN, PlanOut(), {"settle": commands.settle})
endpoint(blp, "POST", "/needs/<uuid:need_id>/assign", who="need.assign", does=commands.assign, takes=schemas.AssignIn(),
         gives=schemas.AssignedOut(), refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", "/pairings", who="pairing.list", does=queries.pairings, query=schemas.PairingsAsked(),
         gives=PAIRING)  # fmt: skip
endpoint(blp, "GET", "/pairings/<uuid:pairing_id>", who="pairing.list", does=queries.pairing, gives=PAIRING)
endpoint(blp, "POST", "/pairings/<uuid:pairing_id>/recognition", who="pairing.recognise", does=commands.recognise,
         takes=schemas.RecognitionIn(), gives=PAIRING, refuses=(Conflict,))  # fmt: skip
moving(blp, "pairings", states.PAIRING, PAIRING, {"end": commands.end, "terminate": commands.terminate})
