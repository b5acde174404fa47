"""The inbox and the subscriptions of whoever asks."""

from service.notifications import commands, queries
from web.endpoint import PERSON, Routes, endpoint
from web.schemas import notifications as schemas
from web.schemas.base import Empty

blp = Routes("notifications", "站内消息与订阅")

MESSAGE = schemas.MessageOut()

endpoint(blp, "GET", "/me/messages", who=PERSON, does=queries.messages, query=schemas.MessagesAsked(), gives=MESSAGE)
endpoint(blp, "POST", "/me/messages/<uuid:message_id>/read", who=PERSON, does=commands.read, takes=Empty(),
         gives=MESSAGE)  # fmt: skip
endpoint(blp, "GET", "/me/subscriptions", who=PERSON, does=queries.subscriptions, gives=schemas.SubscriptionsOut())
endpoint(blp, "POST", "/me/subscriptions", who=PERSON, does=commands.subscribe, takes=schemas.SubscriptionIn(),
         gives=schemas.SubscriptionOut())  # fmt: skip
