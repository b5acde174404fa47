"""Schemas of content checks."""

from marshmallow import fields
from marshmallow_sqlalchemy import auto_field

from models.content import ContentCheck
from rules.content import SUBJECTS
from rules.states import label
from web.schemas.base import Asked, Choice, Flag, Moment, Out, StatefulOut, state_filter


class ContentStateOut(Out):
    """What its author and staff learn of the check beside the thing itself."""

    state = fields.String()
    state_label = fields.Function(lambda row: label("content", row.state), metadata={"type": "string"})
    why = fields.String(allow_none=True)
    reason = fields.String(attribute="state_reason", allow_none=True)


class ContentOut(StatefulOut):
    class Meta:
        model = ContentCheck

    subject = auto_field()
    subject_id = fields.UUID()
    county = fields.String(attribute="county_code")
    title = auto_field()
    text = auto_field()
    label = auto_field()
    why = auto_field()
    picture = fields.String(allow_none=True)
    created_at = Moment()


class ContentsAsked(Asked):
    state = state_filter()
    subject = Choice(SUBJECTS, load_default=None)
    held = Flag(from_text=True, load_default=None)
