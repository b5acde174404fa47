"""Oneself: who I am, what waits for me, a copy of my data, the end of my account."""

from service.me import closing, data, queries, tasks
from service.me.closing import LastAdministrator
from web.endpoint import PERSON, Routes, endpoint
from web.schemas import me as schemas

blp = Routes("me", "本人")

endpoint(blp, "GET", "/me", who=PERSON, does=queries.me, gives=schemas.MeOut())
endpoint(blp, "DELETE", "/me", who=PERSON, does=closing.close, gives=schemas.ClosedOut(), refuses=(LastAdministrator,))
endpoint(blp, "GET", "/me/tasks", who=PERSON, does=tasks.tasks, gives=schemas.TasksOut())
endpoint(blp, "GET", "/me/data", who=PERSON, does=data.copy, gives=schemas.DataOut())
