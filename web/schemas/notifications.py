"""Schemas of the inbox and of subscriptions."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.notifications import Message
from service.notifications.commands import RESULTS
from service.notifications.notice import TEMPLATES
from web.schemas.base import Asked, Choice, Flag, In, Moment, Out, state_filter


class MessagesAsked(Asked):
    unread = Flag(from_text=True, load_default=None)
    thing = state_filter()


class MessageOut(Out):
    class Meta:
        model = Message

    id = fields.UUID()
    kind = auto_field()
    title = auto_field()
    body = auto_field()
    thing = auto_field()
    subject = fields.String(attribute="subject_id")
    at = Moment()
    read_at = Moment(allow_none=True)


class SubscriptionIn(In):
    template = Choice(TEMPLATES, required=True)
    result = Choice(RESULTS, required=True)


class SubscriptionOut(Out):
    template = fields.String()
    result = fields.String()
    credits = fields.Integer()


class SubscribableOut(Out):
    template = fields.String()
    template_id = fields.String()
    title = fields.String()
    lasting = fields.Boolean()
    credits = fields.Integer()


class SubscriptionsOut(Out):
    items = fields.List(fields.Nested(SubscribableOut))
    next = fields.String(allow_none=True)
