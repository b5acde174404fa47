"""Versions of the matching weights: one proposes, another approves, the next freeze uses them."""

from rules import states
from service.matching import weights
from web.endpoint import Routes, endpoint, moving
from web.schemas import weights as schemas
from web.schemas.base import Asked

blp = Routes("weights", "匹配权重")

WEIGHTS = schemas.WeightsOut()

endpoint(blp, "POST", "/weights", who="weights.create", does=weights.create, takes=schemas.WeightsIn(), gives=WEIGHTS,
         creates="/weights/{id}")  # fmt: skip
endpoint(blp, "GET", "/weights", who="weights.list", does=weights.listed, query=Asked(), gives=WEIGHTS)
endpoint(blp, "GET", "/weights/<uuid:weights_id>", who="weights.list", does=weights.show, gives=WEIGHTS)
moving(blp, "weights", states.WEIGHTS, WEIGHTS, {"approve": weights.approve, "reject": weights.reject})
