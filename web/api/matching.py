"""Freeze, seed, runs, plans, proposals."""

from rules import states
from service.matching import commands, proposals, queries
from web.endpoint import Routes, endpoint, moving
from web.schemas import matching as schemas
from web.schemas.needs import RoundOut

blp = Routes("matching", "选派方案与统筹提议")

ROUND, PLAN, PROPOSAL = RoundOut(), schemas.PlanOut(), schemas.ProposalOut()

moving(blp, "rounds", states.ROUND, ROUND, {"freeze": commands.freeze})
endpoint(blp, "POST", "/rounds/<uuid:round_id>/seed", who="plan.seed", does=commands.draw_seed,
         takes=schemas.SeedIn(), gives=ROUND)  # fmt: skip
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
