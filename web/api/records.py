"""Service records, photos, confirmations, service days."""

from rules import states
from rules.policy import CONFIRMATION_WORDS_PER_HOUR, RECORDS_BATCH_BYTES_MAX
from service.core.problems import Conflict
from service.records import chain, commands, confirmations, days, links, posting, queries
from web.batch import apart, each
from web.endpoint import PUBLIC, Routes, endpoint, moving
from web.schemas import confirmations as words
from web.schemas import days as counted
from web.schemas import records as schemas
from web.schemas.base import Asked

blp = Routes("records", "服务记录、照片、确认与服务天数")

RECORD, LISTED, CONFLICT = (
    schemas.RecordDetailOut(),
    schemas.RecordOut(),
    schemas.ConflictOut(),
)
WORD, CONFIRMATION = words.WordIn(), words.ConfirmationOut()

POST = endpoint(blp, "POST", "/records", who="record.create", does=commands.post, takes=schemas.RecordIn(),
                gives=RECORD, creates="/records/{id}", rivals=True)  # fmt: skip
endpoint(blp, "POST", "/records/batch", who="record.create",
         does=each(POST, "/records", "record", posting.take), takes=schemas.BatchIn(),
         gives=schemas.BatchOut(), status=207, writes=False, body_max=RECORDS_BATCH_BYTES_MAX)  # fmt: skip
endpoint(blp, "GET", "/records", who="record.list", does=queries.records, query=schemas.RecordsAsked(), gives=LISTED)
endpoint(blp, "GET", "/records/<uuid:record_id>", who="record.list", does=queries.record, gives=RECORD)
endpoint(blp, "PATCH", "/records/<uuid:record_id>", who="record.edit", does=commands.edit, takes=schemas.RecordEdit(),
         gives=RECORD, edits=True)  # fmt: skip
endpoint(blp, "POST", "/records/<uuid:record_id>/versions", who="record.correct", does=commands.correct,
         takes=schemas.VersionIn(), gives=RECORD, creates="/records/{id}", edits=None)  # fmt: skip
moving(blp, "records", states.RECORD, RECORD, {"submit": commands.submit, "confirm": confirmations.confirm,
       "dispute": confirmations.dispute, "accept": commands.accept, "return": commands.return_},
       confirm=WORD, accept=schemas.AcceptIn())  # fmt: skip
endpoint(blp, "POST", "/records/confirm", who="record.confirm",
         does=apart(confirmations.confirm, words.ConfirmIn(), LISTED, "record"), takes=words.ConfirmBatchIn(),
         gives=schemas.BatchOut(), status=207, writes=False, body_max=RECORDS_BATCH_BYTES_MAX)  # fmt: skip
moving(blp, "flags", states.FLAG, RECORD, {"clear": commands.clear})
endpoint(blp, "POST", "/records/<uuid:record_id>/object", who="record.object", does=commands.object_,
         takes=schemas.ObjectIn(), gives=RECORD)  # fmt: skip
endpoint(blp, "POST", "/records/<uuid:record_id>/confirmation-link", who="record.link", does=links.make,
         gives=words.LinkOut(), status=201)  # fmt: skip

endpoint(blp, "GET", "/confirmations/<token>", who=PUBLIC, does=links.shown, gives=CONFIRMATION,
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "POST", "/confirmations/<token>", who=PUBLIC, does=links.answer,
         takes=words.FarmerWordIn(), gives=CONFIRMATION, per_hour=CONFIRMATION_WORDS_PER_HOUR)  # fmt: skip

endpoint(blp, "GET", "/me/conflicts", who="record.create", does=queries.conflicts, query=Asked(), gives=CONFLICT)
moving(blp, "conflicts", states.CONFLICT, CONFLICT, {"keep": commands.keep, "discard": commands.discard})

endpoint(blp, "GET", "/commissioners/<uuid:person_id>/days", who="days.read", does=days.days,
         query=counted.DaysAsked(), gives=counted.DaysOut())  # fmt: skip
endpoint(blp, "GET", "/teams/<uuid:team_id>/days", who="days.read", does=days.days_of_team, query=counted.DaysAsked(),
         gives=counted.TeamDaysOut())  # fmt: skip
endpoint(blp, "GET", "/commissioners/<uuid:person_id>/devices", who="record.devices", does=chain.devices,
         gives=schemas.DevicesOut())  # fmt: skip
