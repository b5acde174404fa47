"""Lists as files: for signature, publicity, filing; and what outsiders check a round's plans by."""

from rules.policy import PROOFS_PER_HOUR
from service.core.problems import Conflict
from service.exports import lists, photos, proofs, statistics
from service.exports.files import JPEG, XLSX
from web.endpoint import PUBLIC, Routes, endpoint
from web.schemas import exports as schemas

blp = Routes("exports", "导出")

endpoint(blp, "GET", "/plans/<uuid:plan_id>/signature.xlsx", who="plan.read", does=lists.signature, produces=XLSX,
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", "/publicity/<uuid:publicity_id>/list.xlsx", who=PUBLIC, does=lists.publicity_list, produces=XLSX)
endpoint(blp, "GET", "/rounds/<uuid:round_id>/filing.xlsx", who="round.filing", does=lists.filing,
         query=schemas.FilingAsked(), produces=XLSX)  # fmt: skip

endpoint(blp, "GET", "/rounds/<uuid:round_id>/proof", who=PUBLIC, does=proofs.proof, gives=schemas.ProofOut())
endpoint(blp, "GET", "/rounds/<uuid:round_id>/instance.json", who=PUBLIC, does=proofs.frozen_instance,
         query=schemas.InstanceAsked(), produces=proofs.JSON, per_hour=PROOFS_PER_HOUR)  # fmt: skip
endpoint(blp, "GET", "/runs/<uuid:run_id>/instance.json", who=PUBLIC, does=proofs.run_instance, produces=proofs.JSON,
         per_hour=PROOFS_PER_HOUR)  # fmt: skip
endpoint(blp, "GET", "/runs/<uuid:run_id>/plan.json", who=PUBLIC, does=proofs.run_plan, produces=proofs.JSON,
         per_hour=PROOFS_PER_HOUR)  # fmt: skip
endpoint(blp, "GET", "/rounds/<uuid:round_id>/statistics.csv", who="plan.read", does=statistics.round_csv,
         produces=statistics.CSV)  # fmt: skip
endpoint(blp, "GET", "/records/<uuid:record_id>/photos/<sha256>", who="record.list", does=photos.watermarked,
         produces=JPEG)  # fmt: skip
