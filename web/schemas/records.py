"""Schemas of service records, photos, confirmations and service days."""

from dataclasses import replace
from typing import Any

from marshmallow import fields, post_load, validate
from marshmallow_sqlalchemy import auto_field

from models.records import Record, RecordConflict
from rules.flags import HONEST
from rules.policy import PHOTOS_MAX, RECORDS_BATCH_MAX
from rules.records import COUNTER_MAX, COUNTERS, FORM, KIND
from rules.sites import KIND as PLACE_KIND
from rules.versions import How
from service.records import queries
from service.records.arrivals import DeviceForm, PointForm, RecordForm
from service.records.chain import item_digest
from web.schemas.base import (
    MESSAGES,
    Asked,
    Choice,
    Code,
    Day,
    Flag,
    Id,
    In,
    Inner,
    Line,
    ListOf,
    Moment,
    Number,
    Out,
    Real,
    StatefulOut,
    Words,
    state_filter,
)

TRAVEL_DATES_MAX = 8
DATUMS, SOURCES = ("gcj02", "wgs84"), ("precise", "fuzzy", "chosen")


def sha256_field(**kwargs: Any) -> fields.String:
    """Make a field for a SHA-256 in lower-case hexadecimal digits."""
    checks = validate.Regexp(r"\A[0-9a-f]{64}\Z", error="应为 64 位小写十六进制摘要")
    return fields.String(validate=checks, error_messages=MESSAGES, **kwargs)


class PointIn(In):
    makes = PointForm

    lat = Real(-90, 90, required=True)
    lon = Real(-180, 180, required=True)
    datum = Choice(DATUMS, required=True)
    accuracy_m = Real(0, 1_000_000, load_default=None, allow_none=True)
    source = Choice(SOURCES, load_default="precise")
    taken_at = Moment(load_default=None, allow_none=True)


class DeviceIn(In):
    makes = DeviceForm

    id = Line(100, required=True)
    seq = Number(0, 2**31 - 1, required=True)
    previous = Line(
        100,
        load_default=None,
        allow_none=True,
        metadata={"description": "同一设备上一条的摘要：去掉 check_in 后的 JSON（键排序、无空格、UTF-8）的 SHA-256"},
    )
    made_at = Moment(required=True)
    uptime_ms = Number(0, 2**53, load_default=None, allow_none=True)


CountersIn = In.from_dict({code: Number(0, COUNTER_MAX) for code in COUNTERS}, name="CountersIn")


class Sent(In):
    """An item of a device's sequence: its digest is taken from it as it came."""

    @post_load(pass_original=True)
    def _make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> Any:
        if data.get("device"):
            data["device"] = replace(data["device"], digest=item_digest(original))
        return super()._make(data)


class RecordEdit(In):
    """A change of a draft: what is not named stays, so does its place in the device's sequence."""

    started_at = Moment()
    ended_at = Moment()
    form = Choice(FORM)
    kind = Choice(KIND)
    village = Code(allow_none=True)
    place_name = Line(200, allow_none=True)
    place_kind = Choice(PLACE_KIND, allow_none=True)
    site = Id(allow_none=True)
    done = Words(2000, shortest=0)
    next = Words(2000, shortest=0, allow_none=True)
    companions = ListOf(Id(), 20)
    counters = Inner(CountersIn())
    check_in = Inner(PointIn(), allow_none=True)
    photos = ListOf(sha256_field(), PHOTOS_MAX)
    travel_dates = ListOf(Day(), TRAVEL_DATES_MAX)


class VersionIn(RecordEdit, Sent):
    """A correction: what is not named stays, and why."""

    device = Inner(DeviceIn())
    reason = Words(2000, required=True)


class RecordIn(Sent):
    makes = RecordForm

    id = Id(required=True)
    pairing_id = Id(required=True)
    started_at = Moment(required=True)
    ended_at = Moment(required=True)
    form = Choice(FORM, required=True)
    kind = Choice(KIND, required=True)
    village = Code(load_default=None, allow_none=True)
    place_name = Line(200, load_default=None, allow_none=True)
    place_kind = Choice(PLACE_KIND, load_default=None, allow_none=True)
    site = Id(load_default=None, allow_none=True)
    done = Words(2000, shortest=0, load_default="")
    next = Words(2000, shortest=0, load_default=None, allow_none=True)
    companions = ListOf(Id(), 20, load_default=())
    counters = Inner(CountersIn(), load_default=None, allow_none=True)
    check_in = Inner(PointIn(), load_default=None, allow_none=True)
    photos = ListOf(sha256_field(), PHOTOS_MAX, load_default=())
    travel_dates = ListOf(Day(), TRAVEL_DATES_MAX, load_default=())
    device = Inner(DeviceIn(), load_default=None, allow_none=True)
    draft = Flag(load_default=False)


class BatchIn(In):
    """Up to fifty records, each as `POST /records` takes it; each is judged on its own."""

    items = ListOf(
        fields.Raw(allow_none=True, metadata={"type": "object"}),
        RECORDS_BATCH_MAX,
        shortest=1,
        distinct=False,
        required=True,
        data_key="records",
    )


class PersonRef(Out):
    id = fields.UUID()
    name = fields.String()


class CompanionOut(Out):
    id = fields.UUID(attribute="person_id")
    name = fields.String(attribute="person.name")
    objected = fields.Function(lambda one: one.objected_at is not None, metadata={"type": "boolean"})


class FlagOut(StatefulOut):
    """A hint: why a second look is worth it, what may honestly lie behind it, who cleared it and why."""

    code = fields.String()
    reason = fields.String()
    honest = fields.Function(lambda flag: HONEST[flag.code], metadata={"type": "string"})
    other = fields.UUID(attribute="shown_other", allow_none=True)
    raised_at = Moment(attribute="created_at")
    cleared_by = fields.Nested(PersonRef(), attribute="clearer", allow_none=True)


FLAGS = FlagOut(many=True)


class PieceOut(Out):
    """Kept and removed pieces in a row are the value before, kept and added ones the value after."""

    how = Choice(tuple(How))
    text = fields.String()


class FieldChangeOut(Out):
    """A field that a version changed, its name in Chinese, and what went and came; a note where values are not told."""

    field = fields.String()
    name = fields.String()
    pieces = fields.List(fields.Nested(PieceOut()))


class VersionOut(Out):
    number = fields.Integer()
    at = Moment()
    reason = fields.String(allow_none=True)
    content = fields.Function(
        lambda version: version.content | ({} if version.shows_evidence else {"check_in": None, "device": None}),
        metadata={"type": "object"},
    )
    previous = fields.String(allow_none=True)
    digest = fields.String()
    changes = fields.List(fields.Nested(FieldChangeOut()))
    confirmations = fields.Function(
        lambda version: [queries.as_heard(word, version.hushed) for word in version.confirmations],
        metadata={"type": "array", "items": {"type": "object"}},
    )


class RecordOut(StatefulOut):
    """A record; check-in, distance, flags and device are null for those who neither wrote nor review it."""

    class Meta:
        model = Record

    pairing_id = auto_field()
    township = fields.String(attribute="township_code")
    township_name = fields.String(attribute="township.name")
    county = fields.String(attribute="township.managing_county_code")
    village = fields.String(attribute="village_code", allow_none=True)
    village_name = fields.String(attribute="village.name", allow_none=True)
    place_name = auto_field()
    place_kind = auto_field()
    site = fields.UUID(attribute="site_id", allow_none=True)
    commissioner = fields.Nested(PersonRef(), attribute="person")
    started_at = Moment()
    ended_at = Moment()
    form = auto_field()
    kind = auto_field()
    kind_label = fields.Function(lambda row: KIND[row.kind], metadata={"type": "string"})
    done = auto_field()
    next = auto_field()
    counters = fields.Dict()
    companions = fields.List(fields.Nested(CompanionOut()))
    travel_dates = fields.List(fields.String())
    photos = fields.Method("_photos", metadata={"type": "array", "items": {"type": "object"}})
    check_in = fields.Method("_check_in", metadata={"type": ["object", "null"]})
    distance_m = fields.Method("_evidence", metadata={"type": ["integer", "null"]})
    flags = fields.Function(
        lambda row: FLAGS.dump(row.shown_flags) if row.shows_evidence else None,
        metadata={"type": ["array", "null"], "items": {"type": "object"}},
    )
    device = fields.Method("_device", metadata={"type": ["object", "null"]})
    confirmation = fields.Function(
        lambda row: row.confirmation and queries.as_heard(row.confirmation, row.hushed),
        metadata={"type": ["object", "null"]},
    )
    number = auto_field()
    received_at = Moment()
    notices = fields.List(fields.String())

    def _photos(self, row: Record) -> list[dict[str, Any]]:
        return [{"sha256": sha256, "present": sha256 in row.present} for sha256 in row.photos]

    def _check_in(self, row: Record) -> Any:
        if row.check_in is None or not row.shows_evidence:
            return None
        return {name: value for name, value in row.check_in.items() if name != "salt"}

    def _evidence(self, row: Record) -> Any:
        return row.distance_m if row.shows_evidence else None

    def _device(self, row: Record) -> Any:
        return row.device if row.shows_evidence else None


class EvidenceOut(Out):
    """One piece of what speaks for a record or against it; none is compulsory and none is a score."""

    source = fields.String()
    supports = fields.Boolean()
    text = fields.String()
    at = Moment(allow_none=True)


EVIDENCE = EvidenceOut()


class RecordDetailOut(RecordOut):
    """A record with all its versions, and what speaks for it, the strongest first."""

    class Meta:
        model = Record

    evidence = fields.Method("_strongest_first", metadata={"type": "array", "items": {"type": "object"}})
    versions = fields.List(fields.Nested(VersionOut()))

    def _strongest_first(self, row: Record) -> Any:
        return EVIDENCE.dump(queries.evidence_of(row), many=True)


class BatchOut(Out):
    items = fields.List(fields.Raw(metadata={"type": "object"}))


class RecordsAsked(Asked):
    state = state_filter()
    flagged = Flag(from_text=True, load_default=None)
    from_ = Day(load_default=None, data_key="from")
    to = Day(load_default=None)
    county = Code(load_default=None)
    township = Code(load_default=None)
    commissioner = Id(load_default=None)
    pairing = Id(load_default=None)


class ConflictOut(StatefulOut):
    """Content that came second under a record's id, as its author sent it."""

    class Meta:
        model = RecordConflict

    record = fields.UUID(attribute="record_id")
    content = fields.Dict()
    draft = auto_field()
    created_at = Moment()


class AcceptIn(In):
    reason = Words(2000, load_default=None, allow_none=True)


class AcceptForm(In):
    """The same from a page, where a field may be empty."""

    reason = Words(2000, shortest=0, load_default=None)


class ClearForm(In):
    """Which flag of a record to clear, and why, as its page sends it."""

    flag = Id(required=True)
    reason = Words(2000, required=True)


class ObjectIn(In):
    reason = Words(2000, load_default=None, allow_none=True)


class GapOut(Out):
    """Numbers of which nothing has arrived, both included."""

    first = fields.Integer()
    last = fields.Integer()


class DeviceOut(Out):
    """What of a device's sequence arrived. What did not may be on its way or was never sent: none of it is a fault."""

    device = fields.String()
    last = fields.Integer()
    arrived = fields.Integer()
    missing = fields.List(fields.Nested(GapOut()))
    twice = fields.List(fields.Integer())
    broken = fields.List(fields.Integer())


class DevicesOut(Out):
    person = fields.UUID()
    devices = fields.List(fields.Nested(DeviceOut()))
