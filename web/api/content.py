"""What WeChat did not let pass, and people's decisions on it (R-NEED-4)."""

from rules import states
from service.content import commands, queries
from web.endpoint import Routes, endpoint, moving
from web.schemas import content as schemas

blp = Routes("content", "内容安全")

CONTENT = schemas.ContentOut()

endpoint(blp, "GET", "/content", who="content.list", does=queries.contents, query=schemas.ContentsAsked(),
         gives=CONTENT)  # fmt: skip
endpoint(blp, "GET", "/content/<uuid:content_id>", who="content.list", does=queries.content, gives=CONTENT)
moving(blp, "content", states.CONTENT, CONTENT, {"release": commands.release, "reject": commands.reject})
