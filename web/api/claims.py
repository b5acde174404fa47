"""Claims, the claimant's order, the township's ranking."""

from rules import states
from service.claims import commands, queries
from service.core.problems import Stale
from web.endpoint import Routes, endpoint, moving
from web.schemas import claims as schemas

blp = Routes("claims", "揭榜与排序")

CLAIM = schemas.ClaimOut()

endpoint(blp, "POST", "/needs/<uuid:need_id>/claims", who="claim.create", does=commands.claim, takes=schemas.ClaimIn(),
         gives=CLAIM, creates="/claims/{id}")  # fmt: skip
endpoint(blp, "GET", "/needs/<uuid:need_id>/claims", who="need.list", does=queries.of_need,
         gives=schemas.NeedClaimsOut())  # fmt: skip
endpoint(blp, "PUT", "/needs/<uuid:need_id>/ranking", who="claim.rank", does=commands.rank, takes=schemas.RankingIn(),
         gives=schemas.NeedClaimsOut(), edits=None, refuses=(Stale,))  # fmt: skip
endpoint(blp, "GET", "/claims", who="claim.list", does=queries.claims, query=schemas.ClaimsAsked(), gives=CLAIM)
endpoint(blp, "GET", "/claims/<uuid:claim_id>", who="claim.list", does=queries.claim, gives=CLAIM)
endpoint(blp, "PUT", "/rounds/<uuid:round_id>/preferences", who="claim.order", does=commands.prefer,
         takes=schemas.PreferencesIn(), gives=schemas.OwnClaimsOut())  # fmt: skip
moving(blp, "claims", states.CLAIM, CLAIM, {"withdraw": commands.withdraw})
