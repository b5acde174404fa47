"""Schemas of photos, sent whole or in chunks."""

from flask_smorest.fields import Upload
from marshmallow import fields

from service.records.uploads import UploadForm
from web.schemas.base import MESSAGES, Choice, Id, In, Moment, Number, Out, Secret


class PhotoIn(In):
    file = Upload(required=True, error_messages=MESSAGES)


class PhotoOut(Out):
    sha256 = fields.String()
    media_type = fields.String()
    bytes = fields.Integer()
    width = fields.Integer()
    height = fields.Integer()
    at = Moment(attribute="created_at")


class PhotoAsked(In):
    owner = Id(load_default=None)
    size = Choice(("full", "thumb"), load_default="full")


class AddressOut(Out):
    url = fields.String()
    expires_at = Moment()


class SignedAsked(In):
    size = Choice(("full", "thumb"), load_default="full")
    until = Number(0, 2**53, from_text=True, required=True)
    signature = Secret(64, required=True)


class UploadIn(In):
    makes = UploadForm

    bytes = Number(1, 2**31 - 1, required=True)


class UploadOut(Out):
    """How far a photo has come; once it is `kept` there is nothing to send any more."""

    sha256 = fields.String()
    bytes = fields.Integer(allow_none=True)
    chunk_bytes = fields.Integer()
    present = fields.List(fields.Integer())
    missing = fields.List(fields.Integer())
    kept = fields.Boolean()
    expires_at = Moment(allow_none=True)


class ChunkOut(Out):
    number = fields.Integer()
    bytes = fields.Integer()
