"""Freeze, seed, supplements, runs, plans, proposals."""

from rules import states
from service.core.problems import Conflict
from service.matching import commands, proposals, queries, supplements
from web.endpoint import PUBLIC, Routes, endpoint, moving
from web.schemas import matching as schemas
from web.schemas.base import Asked
from web.schemas.needs import RoundOut

blp = Routes("matching", "选派方案与统筹提议")

ROUND, PLAN, PROPOSAL = RoundOut(), schemas.PlanOut(), schemas.ProposalOut()
SUPPLEMENT = schemas.SupplementOut()

moving(blp, "rounds", states.ROUND, ROUND, {"freeze": commands.freeze})
endpoint(blp, "POST", "/rounds/<uuid:round_id>/seed", who="plan.seed", does=commands.draw_seed,
         takes=schemas.SeedIn(), gives=ROUND)  # fmt: skip
endpoint(blp, "POST", "/rounds/<uuid:round_id>/supplements", who="supplement.create", does=supplements.create,
         takes=schemas.SupplementIn(), gives=SUPPLEMENT, creates="/supplements/{id}", refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", "/rounds/<uuid:round_id>/supplements", who=PUBLIC, does=supplements.listed, query=Asked(),
         gives=SUPPLEMENT)  # fmt: skip
endpoint(blp, "GET", "/supplements/<uuid:supplement_id>", who=PUBLIC, does=supplements.show, gives=SUPPLEMENT)
moving(blp, "supplements", states.SUPPLEMENT, SUPPLEMENT, {"close": supplements.close})
endpoint(blp, "POST", "/rounds/<uuid:round_id>/plans", who="plan.create", does=commands.run, takes=schemas.RunIn(),
         gives=PLAN, creates="/plans/{id}")  # fmt: skip

endpoint(blp, "GET", "/plans", who="plan.read", does=queries.plans, query=schemas.PlansAsked(),
         gives=schemas.PlanHeadOut())  # fmt: skip
endpoint(blp, "GET", "/plans/<uuid:plan_id>", who="plan.read", does=queries.plan, gives=PLAN)
endpoint(blp, "POST", "/plans/<uuid:plan_id>/replacements", who="plan.replace", does=commands.replace,
         takes=schemas.ReplacementIn(), gives=PLAN, creates="/plans/{id}")  # fmt: skip
moving(blp, "plans", states.PLAN, PLAN, {"submit": commands.submit, "reject": commands.reject})

endpoint(blp, "GET", "/proposals", who="proposal.list", does=proposals.proposals, query=schemas.ProposalsAsked(),
         gives=PROPOSAL)  # fmt: skip
endpoint(blp, "GET", "/proposals/<uuid:proposal_id>", who="proposal.list", does=proposals.proposal, gives=PROPOSAL)
moving(blp, "proposals", states.PROPOSAL, PROPOSAL, {"accept": proposals.accept, "decline": proposals.decline})
