"""Records that come from a device, written by the set: so many statements for one as for fifty, over tables alone.

Nobody else has seen them yet and nothing rests on them, so objects that follow every change would follow nothing; what
they cost was most of what posting cost (`bench/records.py`). Whatever happens to a record later goes by `commands.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Person
from models.pairings import Pairing, PairingMember
from models.records import Companion, Flag, Record, RecordPhoto, RecordVersion
from models.regions import Region
from rules import records as rules
from rules.flags import Finding
from rules.records import service_dates
from service.core import moves
from service.core.prepared import Prepared, among
from service.core.problems import Invalid, Refusal
from service.core.unit import UnitOfWork, as_loaded
from service.records import arrivals, flags, queries
from service.records.arrivals import RecordForm
from service.records.neighbours import Subject, last_day, place_of, subject, visit

_PAIRINGS, _MEMBERS, _TOWNS, _PEOPLE = (one.__table__.c for one in (Pairing, PairingMember, Region, Person))
_GROUNDS = Prepared(
    sa.select(
        *(_PAIRINGS[name] for name in ("id", "county_code", "township_code", "team_id")),
        *(_PAIRINGS[name] for name in ("starts_on", "ends_on", "ended_on")),
        *(_TOWNS[name] for name in ("name", "lat", "lon", "radius_m", "managing_county_code")),
        _PEOPLE.name.label("person_name"),
        sa.exists().where(among(Record.__table__.c.id, "ids")).label("some_known"),
    )
    .select_from(Pairing.__table__)
    .join(PairingMember.__table__, _MEMBERS.pairing_id == _PAIRINGS.id)
    .join(Region.__table__, _TOWNS.code == _PAIRINGS.township_code)
    .join(Person.__table__, _PEOPLE.id == _MEMBERS.person_id)
    .where(among(_PAIRINGS.id, "pairings"), _MEMBERS.person_id == sa.bindparam("me"))
)
"""What the actor's own pairings say of records that name them: the term, the township, the actor's name; and whether
any of the records is there already."""
_KNOWN = Prepared(sa.select(Record.__table__.c.id).where(among(Record.__table__.c.id, "ids")))


@dataclass(frozen=True)
class _Arrival:
    """A record that may be written: its columns, what it looks like to its author, its hints, how it is judged.

    A draft is not judged and has no version yet.
    """

    values: dict[str, Any]
    row: Record
    hints: Sequence[Finding]
    version: dict[str, Any] | None = None
    subject: Subject | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The moves that its author makes by sending it."""
        return ("submit",) if self.subject else ()


def known(uow: UnitOfWork, ids: Collection[UUID]) -> set[UUID]:
    """Give those ids under which a record is there, whosever it is."""
    return {row.id for row in uow.peek(_KNOWN, ids=list(ids))}


def take(uow: UnitOfWork, forms: Sequence[RecordForm]) -> list[Record | Refusal | None]:
    """Take records, each a command of its own; a refusal of one holds up no other.

    :returns: for each form its record, as its author sees it, or why it was not taken; None for an id that is known.
    """
    ids, named = [form.id for form in forms], {form.pairing_id for form in forms}
    grounds = {row.id: row for row in uow.peek(_GROUNDS, pairings=list(named), me=_me(uow), ids=ids)}
    some = len(grounds) < len(named) or any(row.some_known for row in grounds.values())
    there = known(uow, ids) if some else set()
    taken: dict[UUID, _Arrival | Refusal] = {}
    for form in forms:
        try:
            if form.id not in there:
                taken[form.id] = _arrival(uow, form, grounds.get(form.pairing_id))
        except Invalid as refusal:
            taken[form.id] = refusal
    # In the order of their ids, so that two who send the same do not wait for each other in a ring.
    fresh = [one for _, one in sorted(taken.items()) if isinstance(one, _Arrival)]
    if fresh:
        _store(uow, fresh)
        _judge(uow, fresh)
    return [one.row if isinstance(one, _Arrival) else one for one in map(taken.get, ids)]


def _me(uow: UnitOfWork) -> UUID:
    if uow.actor.person_id is None:
        raise TypeError("only a person serves")
    return uow.actor.person_id


def _arrival(uow: UnitOfWork, form: RecordForm, ground: Any) -> _Arrival:
    """Check a record and make its row.

    :raises Invalid: naming every field that is wrong.
    """
    if ground is None:
        raise Invalid(errors={"pairing_id": ["不是您的结对"]})
    arrivals.check_posting(ground, form.started_at, form.ended_at)
    values = form.values()
    if not form.draft:
        judge_content(uow, values)
    located = arrivals.locate(uow, ground.township_code, values)
    arrivals.check_references(uow, ground.township_code, _me(uow), values)
    columns = arrivals.columns(values, located) | {
        "id": form.id,
        "county_code": ground.county_code,
        "township_code": ground.township_code,
        "pairing_id": ground.id,
        "person_id": _me(uow),
        "team_id": ground.team_id,
        "fingerprint": arrivals.fingerprint(uow, form),
        "received_at": uow.now,
        "number": 1,
        "confirmation": None,
        **moves.born(uow, Record.__thing__, *(() if form.draft else ("submit",))),
    }
    row = as_loaded(Record, columns | _around(uow, form, ground) | {"notices": tuple(located.notices)})
    hints = [Finding(hint["code"], hint["reason"]) for hint in located.flags]
    if form.draft:
        return _Arrival(columns, row, hints)
    there = visit(row, frozenset(form.companions), place_of(ground))
    return _Arrival(columns, row, hints, arrivals.version_of(row, uow.now), subject(row, there, last_day(ground)))


def judge_content(uow: UnitOfWork, values: Any) -> None:
    """Refuse what cannot be submitted (R-VISIT-1).

    :raises Invalid: naming every field that is wrong.
    """
    problems = rules.judge_record(values, uow.now)
    if problems:
        raise Invalid(errors={field: [one.text for one in problems if one.field == field] for field, _ in problems})


def _around(uow: UnitOfWork, form: RecordForm, ground: Any) -> dict[str, Any]:
    """Give what a record's representation shows beside its columns."""
    me, town = _me(uow), {"name": ground.name, "managing_county_code": ground.managing_county_code}
    return {
        "person": as_loaded(Person, {"id": me, "name": ground.person_name}),
        "township": as_loaded(Region, {"code": ground.township_code, **town}),
        "village": uow.session.get(Region, form.village) if form.village else None,
        "companions": _companions(uow, form, ground.county_code) if form.companions else [],
        "versions": [],
        "flags": [],
    }


def _companions(uow: UnitOfWork, form: RecordForm, county_code: str) -> list[Companion]:
    people = uow.session.scalars(sa.select(Person).where(Person.id.in_(form.companions)).order_by(Person.id))
    values = {"record_id": form.id, "county_code": county_code, "objected_at": None, "objection": None}
    return [as_loaded(Companion, values | {"person_id": one.id, "person": one}) for one in people]


def _store(uow: UnitOfWork, fresh: Sequence[_Arrival]) -> None:
    """Write the rows, and let those wait who bring what must be compared with them."""
    subjects = [one.subject for one in fresh if one.subject]
    flags.take_turns(uow, subjects)
    uow.insert(Record, [one.values for one in fresh])
    uow.insert(RecordVersion, [one.version for one in fresh if one.version])
    names = ("record_id", "person_id", "county_code", "objected_at", "objection")
    along = [{name: getattr(who, name) for name in names} for one in fresh for who in one.row.companions]
    uow.insert(Companion, along)
    named = [
        {"record_id": one.row.id, "sha256": sha256, "county_code": one.row.county_code}
        for one in fresh
        for sha256 in one.row.photos
    ]
    uow.insert(RecordPhoto, named)
    flags.mark_texts(uow, subjects)


def _judge(uow: UnitOfWork, fresh: Sequence[_Arrival]) -> None:
    """Raise the flags of what was written, judge again whom it touches, and journal each as a command of its own."""
    here = {one.row.id for one in fresh}
    judged = iter(flags.judge_fresh(uow, [one.subject for one in fresh if one.subject]))
    waiting: list[dict[str, Any]] = []
    for one in fresh:
        found, touched = next(judged) if one.subject else ([], {})
        raised = [flags.values_of(one.row, each) | moves.born(uow, Flag.__thing__) for each in (*one.hints, *found)]
        uow.next_command()
        _tell(uow, one, raised)
        waiting += raised
        if any(set(near) - here for near in touched.values()):
            uow.insert(Flag, waiting)
            waiting = []
            flags.judge_again(uow, touched, here)
    uow.insert(Flag, waiting)
    queries.shown(uow, [one.row for one in fresh])


def _tell(uow: UnitOfWork, one: _Arrival, raised: Sequence[dict[str, Any]]) -> None:
    """Journal a record and its flags, and hang on it what it shows of its versions and flags."""
    if one.version:
        said = facts(one.row) | {"digest": one.version["digest"]}
        moves.tell_of(uow, one.row, *one.steps, action="record.submit", **said)
        one.row.__dict__["versions"] = [as_loaded(RecordVersion, one.version)]
    else:
        moves.tell_of(uow, one.row, action="record.create")
    one.row.__dict__["flags"] = [as_loaded(Flag, values | {"clearer": None}) for values in raised]
    for flag in one.row.flags:
        moves.tell_of(uow, flag)


def facts(row: Record) -> dict[str, Any]:
    """Give what messages about a record need."""
    return {
        "person": str(row.person_id),
        "companions": sorted(str(one.person_id) for one in row.companions),
        "township": row.township_code,
        "date": service_dates(row.started_at, row.ended_at)[0].isoformat(),
    }
