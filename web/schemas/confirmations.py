"""Schemas of the word of those who were served, by the township or by a farmer's link."""

import segno
from marshmallow import fields

from rules.policy import RECORDS_BATCH_MAX
from rules.records import FORM, KIND
from web.schemas.base import Id, In, Line, ListOf, Moment, Number, Out, Words


class WordIn(In):
    """The word of those who were served; nothing in it is compulsory."""

    rating = Number(1, 5, load_default=None, allow_none=True)
    words = Words(500, shortest=0, load_default=None, allow_none=True)


class FarmerWordIn(WordIn):
    """A farmer's word: that it was so, or with `dispute` why it was not."""

    dispute = Words(500, load_default=None, allow_none=True)


class WordForm(In):
    """A word from a page, where everything is text."""

    rating = Number(1, 5, from_text=True, load_default=None)
    words = Words(500, shortest=0, load_default=None)


class FarmerForm(WordForm):
    """A farmer's word from their page."""

    dispute = Words(500, load_default=None)


class CodeIn(In):
    """A code as somebody typed it."""

    code = Line(60, required=True)


class ConfirmIn(WordIn):
    """One of a batch: which record, and the word on it."""

    record_id = Id(required=True, data_key="id")


class ConfirmBatchIn(In):
    """Up to fifty confirmations; each is judged on its own."""

    items = ListOf(
        fields.Raw(allow_none=True, metadata={"type": "object"}),
        RECORDS_BATCH_MAX,
        shortest=1,
        distinct=False,
        required=True,
        data_key="records",
    )


class LinkOut(Out):
    """A one-time link, shown this once; `qr` is a picture of it as a data URL, `code` opens it where it is typed."""

    id = fields.UUID()
    url = fields.String()
    token = fields.String()
    code = fields.String()
    qr = fields.Function(
        lambda link: segno.make(link["url"], error="m").svg_data_uri(scale=4), metadata={"type": "string"}
    )
    made_as = fields.String()
    expires_at = Moment()


class ConfirmationOut(Out):
    """What a farmer is asked to confirm, in words that can be read aloud."""

    confirmed = fields.Function(lambda shown: shown["answer"] == "confirm", metadata={"type": "boolean"})
    disputed = fields.Function(lambda shown: shown["answer"] == "dispute", metadata={"type": "boolean"})
    expires_at = Moment()
    commissioner = fields.String(attribute="record.person.name")
    township = fields.String(attribute="record.township.name")
    village = fields.String(attribute="record.village.name", allow_none=True)
    place_name = fields.String(attribute="record.place_name", allow_none=True)
    started_at = Moment(attribute="record.started_at")
    ended_at = Moment(attribute="record.ended_at")
    kind = fields.Function(lambda shown: KIND[shown["record"].kind], metadata={"type": "string"})
    form = fields.Function(lambda shown: FORM[shown["record"].form], metadata={"type": "string"})
    done = fields.String(attribute="record.done")
