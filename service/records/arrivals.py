"""What a device sends becomes a record: checked, placed on the map, put on the row, kept as a version."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person, RoleGrant
from models.records import Companion, Record, RecordPhoto, RecordVersion
from models.regions import Region
from models.sites import Site
from rules import geo
from rules import records as rules
from rules.flags import Finding, telling_fix
from service.core.problems import Invalid
from service.core.unit import UnitOfWork
from service.core.vault import canonical, sha256_of
from service.identity import queries as identity
from service.records import flags
from service.records.neighbours import last_day, place_of
from service.sites import queries as sites

DROPPED = "您尚未同意使用位置信息（或已撤回），本次定位未保存，其余内容已保存。"


@dataclass(frozen=True)
class PointForm:
    """A check-in's point as the device gives it: degrees in its datum, accuracy in metres."""

    lat: float
    lon: float
    datum: str
    accuracy_m: float | None = None
    source: str = "precise"
    taken_at: datetime | None = None


@dataclass(frozen=True)
class DeviceForm:
    """Where an item stands in the device's own sequence, and what its clocks said (R-VISIT-6)."""

    id: str
    seq: int
    made_at: datetime
    previous: str | None = None
    uptime_ms: int | None = None
    digest: str | None = None
    """Of the item that it came with, as `chain.item_digest` gives it; the device's next item names it."""


@dataclass(frozen=True)
class RecordForm:
    """What a commissioner says of a service (R-VISIT-1)."""

    id: UUID
    pairing_id: UUID
    started_at: datetime
    ended_at: datetime
    form: str
    kind: str
    village: str | None = None
    place_name: str | None = None
    place_kind: str | None = None
    site: UUID | None = None
    done: str = ""
    next: str | None = None
    companions: Sequence[UUID] = ()
    counters: Mapping[str, int] | None = None
    check_in: PointForm | None = None
    photos: Sequence[str] = ()
    travel_dates: Sequence[date] = ()
    device: DeviceForm | None = None
    draft: bool = False

    def values(self) -> dict[str, Any]:
        """Give the fields that make the content of a record."""
        return {name: value for name, value in vars(self).items() if name not in _NOT_CONTENT}


COLUMNS = {
    **{name: name for name in ("started_at", "ended_at", "form", "kind", "place_name", "place_kind", "done", "next")},
    "village": "village_code",
    "site": "site_id",
}
"""What a device says, and the column in which it stands as it was said."""
_NOT_CONTENT = {"id", "pairing_id", "draft"}


@dataclass(frozen=True)
class Located:
    """A check-in as it may be stored, with what was found at full precision on arrival (R-VISIT-3)."""

    check_in: dict[str, Any] | None = None
    distance_m: int | None = None
    flags: Sequence[Mapping[str, str]] = ()
    point_mark: str | None = None
    notices: Sequence[str] = ()


_AS_IT_IS = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """Give a form's value as JSON holds it, times in UTC, so that equal contents are equal texts."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, PointForm | DeviceForm):
        return {name: plain(inner) for name, inner in vars(value).items()}
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def fingerprint(uow: UnitOfWork, form: RecordForm) -> str:
    """Give the keyed digest of all that was sent: the precise point can neither be read from it nor guessed."""
    sent = plain(vars(form))
    if sent["device"]:
        del sent["device"]["digest"]  # it tells another way of writing the same times from the first
    return uow.vault.digest("record", canonical(sent).decode())


def thaw(content: Mapping[str, Any]) -> dict[str, Any]:
    """Give stored content as values again."""
    values = dict(content)
    values |= {name: datetime.fromisoformat(content[name]) for name in ("started_at", "ended_at")}
    values["companions"] = [UUID(one) for one in content["companions"]]
    values["site"] = UUID(content["site"]) if content["site"] else None
    return values


def check_posting(pairing: Any, started_at: datetime, ended_at: datetime) -> None:
    """Refuse a service outside the term of its pairing; later arrival alone is no reason (R-VISIT-5).

    :raises Invalid: naming the day on which the term begins or ends.
    """
    if ended_at < started_at:
        return  # the judge of the record says so
    wrong = rules.judge_posting(started_at, ended_at, pairing.starts_on, last_day(pairing))
    if wrong:
        raise Invalid(errors={"started_at": [wrong]})


def locate(uow: UnitOfWork, township_code: str, told: Mapping[str, Any]) -> Located:
    """Judge a check-in at full precision and round it for storage; without a living consent it is dropped (R-VISIT-2).

    :param told: what the record says: its check-in, its times, the place that it names.
    """
    point: PointForm | None = told["check_in"]
    if point is None:
        return Located()
    if not _consented(uow):
        return Located(notices=(DROPPED,))
    wgs84 = geo.gcj02_to_wgs84(point.lat, point.lon) if point.datum == "gcj02" else geo.Point(point.lat, point.lon)
    township = uow.session.get_one(Region, township_code)
    outlines = _outlines(uow, township.city_code)
    known = [one for one in sites.of_township(uow, township_code) if one.lat is not None]
    named = sites.named(known, told["site"], told["place_kind"], told["place_name"])
    verdict = geo.judge_fix(
        geo.Fix(wgs84, point.accuracy_m, point.taken_at),
        place_of(township),
        (told["started_at"], told["ended_at"]),
        [] if None in outlines.values() else [one for one in outlines.values() if one is not None],
        county=outlines.get(township.managing_county_code),
        sites=[sites.place_of(one) for one in known],
        named=sites.place_of(named) if named else None,
    )
    received, stored = geo.round_for_storage(geo.Point(point.lat, point.lon)), geo.round_for_storage(wgs84)
    check_in = plain(point) | {
        "lat": received.lat,
        "lon": received.lon,
        "wgs84": {"lat": stored.lat, "lon": stored.lon},
        "measured_from": verdict.measured_from,
        "salt": secrets.token_hex(16),
    }
    mark = None
    if telling_fix(point.lat, point.lon, point.source):
        mark = uow.vault.digest("point", f"{point.datum} {point.lat!r} {point.lon!r}")
    return Located(check_in, verdict.distance_m, [hint._asdict() for hint in verdict.hints], mark)


def _consented(uow: UnitOfWork) -> bool:
    person = uow.actor.person_id
    return person is not None and identity.consents(uow, person)["location"]


def located_before(uow: UnitOfWork, stored: Mapping[str, Any] | None) -> Located:
    """Give a check-in that was judged when it arrived; a consent withdrawn since then drops it (R-VISIT-2)."""
    located = Located(**stored) if stored else Located()
    return located if located.check_in is None or _consented(uow) else Located(notices=(DROPPED,))


def _outlines(uow: UnitOfWork, city_code: str | None) -> dict[str | None, dict[str, Any] | None]:
    """Give the outlines of a city's counties by code; where one is missing nobody can tell what is outside the city."""
    counties = sa.select(Region.code, Region.outline).where(Region.level == "county", Region.city_code == city_code)
    return dict(uow.session.execute(counties).all())


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "counters": lambda given: dict(given or {}),
    "photos": list,
    "travel_dates": lambda given: sorted(map(str, given)),
}
"""How some fields lie on the row."""


def write(uow: UnitOfWork, row: Record, values: Mapping[str, Any], located: Located | None) -> None:
    """Put checked content on a record; nothing is written when a reference is wrong.

    :param located: the check-in, where the values bring one (or bring none on purpose); None leaves it as it is.
    :raises Invalid: naming every field that is wrong.
    """
    already = {one.person_id for one in row.companions}
    check_references(uow, row.township_code, row.person_id, values, already)
    for name, value in columns(values, located).items():
        setattr(row, name, value)
    if located is not None:
        row.notices = tuple(located.notices)
    if "companions" in values:
        _accompany(row, values["companions"])


def columns(values: Mapping[str, Any], located: Located | None) -> dict[str, Any]:
    """Give what a device said as the columns of a record hold it."""
    held = {column: values[name] for name, column in COLUMNS.items() if name in values}
    held |= {name: made(values[name]) for name, made in _MADE.items() if name in values}
    if "device" in values:
        device = plain(values["device"])
        held |= {"device": device, "device_id": device and device["id"], "device_seq": device and device["seq"]}
    if located is not None:
        held |= {name: getattr(located, name) for name in ("check_in", "distance_m", "point_mark")}
    return held


def check_references(
    uow: UnitOfWork, township_code: str, person_id: UUID, values: Mapping[str, Any], already: Collection[UUID] = ()
) -> None:
    """Refuse what a record may not name: a village or site elsewhere, a companion who is none.

    :param already: companions that it names since before.
    :raises Invalid: naming every field that is wrong.
    """
    wrong: dict[str, list[str]] = {}
    if village := values.get("village"):
        region = uow.session.get(Region, village)
        if region is None or region.parent_code != township_code:
            wrong["village"] = ["不是该乡镇的村（社区）"]
    if site := values.get("site"):
        chosen = sa.select(Site.id).where(Site.id == site, Site.township_code == township_code)
        if uow.session.scalar(chosen) is None:
            wrong["site"] = ["不是该乡镇的服务点"]
    companions = set(values.get("companions") or ())
    if person_id in companions:
        wrong["companions"] = ["同行人不含记录人本人"]
    elif unknown := companions - set(already):
        known = sa.select(Person.id).where(
            Person.id.in_(unknown),
            Person.closed_at.is_(None),
            Person.id.in_(sa.select(RoleGrant.person_id).where(RoleGrant.role == "commissioner")),
        )
        if unknown - set(uow.session.scalars(known)):
            wrong["companions"] = ["同行人须为已登记的科技特派员"]
    if wrong:
        raise Invalid(errors=wrong)


def _accompany(row: Record, companions: Sequence[UUID]) -> None:
    """Set the companions; whoever stays keeps their objection."""
    before = {one.person_id: one for one in row.companions}
    row.companions = [
        before.get(one) or Companion(person_id=one, county_code=row.county_code, objected_at=None) for one in companions
    ]


def flag_position(uow: UnitOfWork, row: Record, located: Located | None) -> None:
    """Flag what the check-in's position says alone, as it was judged at full precision (R-VISIT-3)."""
    if located is not None:
        flags.put(uow, row, geo.FIX_CODES, [Finding(one["code"], one["reason"]) for one in located.flags])


def name_photos(uow: UnitOfWork, row: Record) -> None:
    """Note which photos a record names, so that its reviewers may see them when they arrive."""
    noted = set(uow.session.scalars(sa.select(RecordPhoto.sha256).where(RecordPhoto.record_id == row.id)))
    uow.session.add_all(
        RecordPhoto(record_id=row.id, sha256=sha256, county_code=row.county_code)
        for sha256 in row.photos
        if sha256 not in noted
    )


def content_of(row: Record) -> dict[str, Any]:
    """Give what a version of a record says; of the check-in only a digest."""
    names = (*COLUMNS.values(), "counters", "photos", "travel_dates", "device")
    content: dict[str, Any] = plain({name: getattr(row, name) for name in names})
    content["companions"] = sorted(str(one.person_id) for one in row.companions)
    content["check_in"] = sha256_of(row.check_in) if row.check_in else None
    return content


def keep_version(uow: UnitOfWork, row: Record, reason: str | None = None) -> RecordVersion:
    """Keep the record's content as its version `number`, linked to the version before (R-VISIT-6)."""
    before = uow.session.get(RecordVersion, (row.id, row.number - 1))
    version = RecordVersion(**version_of(row, uow.now, reason, before.digest if before else None))
    uow.session.add(version)
    return version


def version_of(row: Record, at: datetime, reason: str | None = None, previous: str | None = None) -> dict[str, Any]:
    """Give what a record says as the columns of its version `number`."""
    content = content_of(row)
    return {
        "record_id": row.id,
        "number": row.number,
        "county_code": row.county_code,
        "content": content,
        "check_in": row.check_in,
        "reason": reason,
        "at": at,
        "previous": previous,
        "digest": version_digest(row.id, row.number, previous, [content, reason], at),
        "confirmations": [],
    }


def version_digest(record_id: UUID, number: int, previous: str | None, said: Sequence[Any], at: datetime) -> str:
    """Give the digest of a version over what it says and why, its time and the version before (R-VISIT-6)."""
    return sha256_of(["record-version-v1", str(record_id), number, previous, said, at.astimezone(UTC).isoformat()])
