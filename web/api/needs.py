"""Rounds, needs and the public board."""

from rules import states
from service.core.problems import Conflict
from service.needs import commands, queries, rounds
from web.endpoint import PUBLIC, Routes, endpoint, moving
from web.schemas import needs as schemas

blp = Routes("needs", "批次、需求与榜单")

ROUND, NEED, BOARD = schemas.RoundOut(), schemas.NeedOut(), schemas.BoardOut()

endpoint(blp, "POST", "/rounds", who="round.create", does=rounds.create, takes=schemas.RoundIn(), gives=ROUND,
         creates="/rounds/{id}")  # fmt: skip
endpoint(blp, "GET", "/rounds", who=PUBLIC, does=rounds.rounds, query=schemas.RoundsAsked(), gives=ROUND)
endpoint(blp, "GET", "/rounds/<uuid:round_id>", who=PUBLIC, does=rounds.show, gives=ROUND)
endpoint(blp, "PATCH", "/rounds/<uuid:round_id>", who="round.edit", does=rounds.edit, takes=schemas.RoundEdit(),
         gives=ROUND, edits=True)  # fmt: skip
moving(blp, "rounds", states.ROUND, ROUND, {"open": rounds.open_, "publish": rounds.publish, "close": rounds.close,
       "cancel": rounds.cancel})  # fmt: skip

endpoint(blp, "POST", "/needs", who="need.create", does=commands.create, takes=schemas.NeedIn(), gives=NEED,
         creates="/needs/{id}")  # fmt: skip
endpoint(blp, "GET", "/needs", who="need.list", does=queries.needs, query=schemas.NeedsAsked(), gives=NEED)
endpoint(blp, "GET", "/needs/<uuid:need_id>", who="need.list", does=queries.need, gives=NEED)
endpoint(blp, "GET", "/needs/<uuid:need_id>/duplicates", who="need.list", does=queries.duplicates,
         gives=schemas.DuplicatesOut())  # fmt: skip
endpoint(blp, "PATCH", "/needs/<uuid:need_id>", who="need.edit", does=commands.edit, takes=schemas.NeedEdit(),
         gives=NEED, edits=True, refuses=(Conflict,))  # fmt: skip
moving(blp, "needs", states.NEED, NEED, {"submit": commands.submit, "approve": commands.approve,
       "return": commands.return_, "withdraw": commands.withdraw, "close": commands.close})  # fmt: skip

endpoint(blp, "GET", "/board", who=PUBLIC, does=queries.board, query=schemas.BoardAsked(), gives=BOARD)
endpoint(blp, "GET", "/board/<uuid:need_id>", who=PUBLIC, does=queries.board_item, gives=BOARD)
