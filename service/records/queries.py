"""Records as their authors, companions and reviewers see them; conflicts that wait for their author."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.assessments import Assessment, Sheet
from models.content import ContentCheck
from models.identity import Person
from models.records import Companion, ConfirmationLink, Flag, Photo, Record, RecordConflict, RecordVersion
from models.regions import Region
from models.sites import Site
from rules.access import roles_for
from rules.calendar import end_of_day, start_of_day
from rules.content import CLEAR
from rules.evidence import Evidence, Material, evidence
from rules.records import service_dates
from rules.versions import changes
from service.core import gate
from service.core.paging import Ask, Page, page
from service.core.problems import Forbidden, NotFound
from service.core.unit import UnitOfWork

REVIEWERS = roles_for("record.review")
WAITS = {"township": ("submitted",), "county": ("confirmed", "disputed")}
"""Whose word a record waits for, by its state."""
HUSHED = "原话待核对后显示"
OURS = {"salt", "measured_from"}
"""What of a check-in nobody said."""
SHOWN = (
    selectinload(Record.person),
    selectinload(Record.township),
    selectinload(Record.village),
    selectinload(Record.companions).selectinload(Companion.person),
    selectinload(Record.flags).selectinload(Flag.clearer),
)


def fetch(
    uow: UnitOfWork, record_id: UUID, action: str | None = None, *, lock: bool = False, own: bool = False
) -> Record:
    """Give a record that the actor may see; a draft is its author's alone.

    :param own: only the author may, whoever else shares the team.
    :raises NotFound: if it is not there or not the actor's to see.
    :raises Forbidden: if the actor sees it but may not do the action.
    """
    row = gate.fetch(uow, Record, record_id, action, lock=lock)
    mine = row.person_id == uow.actor.person_id
    if row.state == "draft" and not mine:
        raise NotFound
    if own and not mine:
        raise Forbidden("只有记录人本人可以修改")
    return row


def accompanied(uow: UnitOfWork, record_id: UUID, *, lock: bool = False) -> tuple[Record, Companion]:
    """Give a submitted record in which the actor is named as a companion, and their part of it.

    :raises NotFound: if the actor is no companion there.
    """
    part = uow.session.get(Companion, (record_id, uow.actor.person_id)) if uow.actor.person_id else None
    statement = sa.select(Record).where(Record.id == record_id, Record.state != "draft")
    if lock:
        statement = statement.with_for_update(of=Record).execution_options(populate_existing=True)
    row = uow.session.scalar(statement)
    if row is None or part is None:
        raise NotFound
    return row, part


def record(uow: UnitOfWork, record_id: UUID) -> Record:
    """Give one record with its versions, companions and confirmation; check-in, distance and flags to its author and
    to reviewers alone (R-VISIT-2, R-VISIT-3).
    """  # fmt: skip
    try:
        row = fetch(uow, record_id)
    except NotFound:
        row, _ = accompanied(uow, record_id)
    return prepared(uow, row)


def prepared(uow: UnitOfWork, row: Record) -> Record:
    """Give a record as the actor sees it."""
    uow.session.flush()
    shown(uow, [row])
    for version in row.versions:
        version.hushed, version.shows_evidence = row.hushed, row.shows_evidence
    if row.number > 1:
        _compare(uow, row)
    return row


def _compare(uow: UnitOfWork, row: Record) -> None:
    """Say on each version what it changed (R-VISIT-6), of its check-in to those alone who see it (R-VISIT-2)."""
    told = [
        version.content | {"check_in": _located(version) if row.shows_evidence else None} for version in row.versions
    ]
    names = _names(uow, row, told)
    for version, (before, after) in zip(row.versions[1:], pairwise(told), strict=True):
        version.changes = changes(before, after, names)


def _located(version: RecordVersion) -> Any:
    """Give what tells a check-in from another: what was said of it, for the same point sent again is salted anew."""
    kept = version.check_in
    return {name: kept[name] for name in kept if name not in OURS} if kept else version.content["check_in"]


def _names(uow: UnitOfWork, row: Record, contents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name what contents name by code or id; whoever serves along no more is named to author and reviewers alone."""
    people = {UUID(one) for content in contents for one in content["companions"]}
    people &= people if row.shows_evidence else {one.person_id for one in row.companions}
    named = [
        (Region.code, Region.name, {one["village_code"] for one in contents}),
        (Site.id, Site.name, {UUID(one["site_id"]) for one in contents if one["site_id"]}),
        (Person.id, Person.name, people),
    ]
    statements = (
        sa.select(key, name).where(key.in_(wanted - {None})) for key, name, wanted in named if wanted - {None}
    )
    return {str(key): name for statement in statements for key, name in uow.session.execute(statement)}


def shown(uow: UnitOfWork, rows: Sequence[Record]) -> Sequence[Record]:
    """Write on each row what the actor may do and see, and which of its photos are there (one query for all)."""
    gate.hand_out(uow, rows)
    owners, named = {row.person_id for row in rows}, {sha256 for row in rows for sha256 in row.photos}
    there = _arrived(uow, owners, named) if named else set()
    for row in rows:
        mine = row.person_id == uow.actor.person_id
        row.present = frozenset(sha256 for sha256 in row.photos if (row.person_id, sha256) in there)
        reviews = any(held.role in REVIEWERS and gate.reaches(uow.actor, held, row) for held in uow.actor.held)
        row.reviewed, row.shows_evidence = reviews, mine or reviews
        row.shown_flags = [one for one in row.flags if reviews or (mine and not one.theirs)]
        if not mine:
            row.moves = [move for move in row.moves if move != "submit"]
    _hush(uow, [row for row in rows if not row.reviewed])
    _show_others(uow, [flag for row in rows for flag in row.shown_flags])
    return rows


def _arrived(uow: UnitOfWork, owners: Collection[UUID], named: Collection[str]) -> set[tuple[UUID, str]]:
    found = sa.select(Photo.owner_id, Photo.sha256).where(Photo.owner_id.in_(owners), Photo.sha256.in_(named))
    return {(owner, sha256) for owner, sha256 in uow.session.execute(found)}


def _hush(uow: UnitOfWork, rows: Sequence[Record]) -> None:
    """Name the links whose farmer's words nobody let pass; reviewers decide on them and read them before (R-NEED-4)."""
    spoken = [row.id for row in rows if row.confirmation or row.number > 1 or row.state not in {"draft", "submitted"}]
    hushed = unread(uow, spoken) if spoken else frozenset()
    for row in rows:
        row.hushed = hushed


def unread(uow: UnitOfWork, records: Collection[UUID]) -> frozenset[str]:
    """Give the links of these records whose farmer's words nobody let pass."""
    waits = sa.select(ContentCheck.subject_id).where(
        ContentCheck.subject == ConfirmationLink.__thing__,
        ContentCheck.subject_id.in_(sa.select(ConfirmationLink.id).where(ConfirmationLink.record_id.in_(records))),
        ContentCheck.state.not_in(CLEAR),
    )
    return frozenset(map(str, uow.session.scalars(waits)))


def as_heard(word: Mapping[str, Any], hushed: Collection[str]) -> Mapping[str, Any]:
    """Give a word on a record without what may not be read yet."""
    if word.get("link") not in hushed:
        return word
    return {**word, "words": None, "disputes": HUSHED if word.get("disputes") else None}


def evidence_of(row: Record) -> tuple[Evidence, ...]:
    """Give what speaks for a prepared record, the strongest first; the check-in only to those who may see it."""
    words = [as_heard(word, row.hushed) for version in row.versions for word in version.confirmations]
    return evidence(
        Material(
            words,
            row.number,
            (len(row.present), len(row.photos)),
            row.township.name,
            row.check_in is not None and row.shows_evidence,
            row.distance_m,
            [(one.person.name, one.objected_at is not None) for one in row.companions],
        )
    )


def _show_others(uow: UnitOfWork, flags: Sequence[Flag]) -> None:
    """Name the record that a flag rests on to whoever may see that one too (one query for all)."""
    gate.hand_out(uow, flags)
    others = {flag.other_id for flag in flags if flag.other_id}
    seen = _seen(uow, others) if others else set()
    for flag in flags:
        flag.shown_other = flag.other_id if flag.other_id in seen else None


def _seen(uow: UnitOfWork, records: Collection[UUID | None]) -> set[UUID]:
    mine = Record.person_id == uow.actor.person_id
    seen = sa.select(Record.id).where(Record.id.in_(records), sa.or_(mine, gate.visible(uow, Record, REVIEWERS)))
    return set(uow.session.scalars(seen))


def records(
    uow: UnitOfWork,
    ask: Ask,
    *,
    state: str | None = None,
    flagged: bool | None = None,
    from_: date | None = None,
    to: date | None = None,
    county: str | None = None,
    township: str | None = None,
    commissioner: UUID | None = None,
    pairing: UUID | None = None,
) -> Page[Record]:
    """List the records that the actor may see, the latest service first. Dates are Shanghai's and both included."""
    me = uow.actor.person_id
    statement = sa.select(Record).where(
        sa.or_(gate.visible(uow, Record), Record.id.in_(_as_companion(me))),
        sa.or_(Record.state != "draft", Record.person_id == me),
    )
    for column, value in (
        (Record.state, state),
        (Record.township_code, township),
        (Record.person_id, commissioner),
        (Record.pairing_id, pairing),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if county:
        statement = statement.where(Record.township_code.in_(_managed(county)))
    if flagged is not None:
        statement = statement.where(_flagged(uow, flagged=flagged))
    if from_:
        statement = statement.where(Record.ended_at > start_of_day(from_))
    if to:
        statement = statement.where(Record.started_at < end_of_day(to))
    statement = statement.options(*SHOWN)
    return page(statement, (Record.started_at, Record.id), ask, lambda s: shown(uow, uow.session.scalars(s).all()))


def _flagged(uow: UnitOfWork, *, flagged: bool) -> sa.ColumnElement[bool]:
    """Records on which the actor sees a flag that nobody cleared, or on which they would see it and there is none."""
    mine, reviewed = Record.person_id == uow.actor.person_id, gate.visible(uow, Record, REVIEWERS)
    open_ = Record.flags.any(Flag.state == "open")
    own = Record.flags.any(sa.and_(Flag.state == "open", Flag.theirs.is_(False)))
    found = sa.or_(sa.and_(reviewed, open_), sa.and_(mine, own))
    return found if flagged else sa.and_(sa.or_(mine, reviewed), ~found)


def _managed(county: str) -> sa.Select[Any]:
    return sa.select(Region.code).where(Region.managing_county_code == county, Region.level == "township")


def _as_companion(person_id: UUID | None) -> sa.Select[Any]:
    return sa.select(Companion.record_id).where(Companion.person_id == person_id)


def conflicts(uow: UnitOfWork, ask: Ask) -> Page[RecordConflict]:
    """List the contents that came second and wait for the actor's word, newest first (R-VISIT-5)."""
    statement = gate.select(uow, RecordConflict).where(RecordConflict.state == "open")
    return page(statement, (RecordConflict.created_at, RecordConflict.id), ask, lambda s: gate.rows(uow, s))


def waiting(uow: UnitOfWork) -> dict[str, int]:
    """Count by state the records that wait for the actor's word: the township's, then the county's (R-VISIT-9)."""
    found: dict[str, int] = {}
    for role, states in WAITS.items():
        mine = sa.and_(gate.visible(uow, Record, {role}), Record.state.in_(states))
        counted = sa.select(Record.state, sa.func.count()).where(mine).group_by(Record.state)
        found |= dict(uow.session.execute(counted).all()) if role in uow.actor.roles() else {}
    return found


def assessed(uow: UnitOfWork, row: Record) -> bool:
    """Say whether a confirmed assessment rests on the record: then it cannot change any more (R-VISIT-6)."""
    first, last = service_dates(row.started_at, row.ended_at)
    people = [row.person_id, *(one.person_id for one in row.companions)]
    used = (
        sa.select(Sheet.id)
        .join(Assessment, Assessment.id == Sheet.assessment_id)
        .where(
            Sheet.person_id.in_(people),
            Assessment.state == "confirmed",
            Assessment.year.between(first.year, last.year),
        )
        .limit(1)
    )
    return uow.session.scalar(used) is not None
