"""What is asked about plans: what a pin costs, why a pair is there or not, what differs; and the pins and bans."""

from service.core.problems import Conflict, Stale
from service.matching import comparing, explaining, overrides, pricing, statistics
from web.endpoint import Routes, endpoint
from web.schemas import plans as schemas
from web.schemas.base import Reason

blp = Routes("plans", "选派方案的代价、解释与比较")

OVERRIDE = schemas.OverrideOut()

endpoint(blp, "POST", "/rounds/<uuid:round_id>/price", who="plan.price", does=pricing.price, takes=schemas.PriceIn(),
         gives=schemas.PriceOut(), writes=False, refuses=(Conflict,))  # fmt: skip
endpoint(blp, "POST", "/rounds/<uuid:round_id>/overrides", who="override.create", does=overrides.create,
         takes=schemas.OverrideIn(), gives=OVERRIDE, creates="/overrides/{id}", refuses=(Stale,))  # fmt: skip
endpoint(blp, "GET", "/rounds/<uuid:round_id>/overrides", who="override.list", does=overrides.listed,
         query=schemas.OverridesAsked(), gives=OVERRIDE)  # fmt: skip
endpoint(blp, "GET", "/overrides/<uuid:override_id>", who="override.list", does=overrides.show, gives=OVERRIDE)
endpoint(blp, "POST", "/overrides/<uuid:override_id>/lift", who="override.lift", does=overrides.lift, takes=Reason(),
         gives=OVERRIDE, refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", "/plans/<uuid:plan_id>/explanation", who="plan.read", does=explaining.explain,
         query=schemas.ExplanationAsked(), gives=schemas.ExplanationOut())  # fmt: skip
endpoint(blp, "GET", "/plans/<uuid:plan_id>/comparison", who="plan.read", does=comparing.compare,
         query=schemas.ComparisonAsked(), gives=schemas.ComparisonOut())  # fmt: skip
endpoint(blp, "GET", "/rounds/<uuid:round_id>/mine", who="claim.outcome", does=explaining.mine,
         gives=schemas.MineOut())  # fmt: skip
endpoint(blp, "GET", "/rounds/<uuid:round_id>/statistics", who="plan.read", does=statistics.statistics,
         gives=schemas.StatisticsOut())  # fmt: skip
