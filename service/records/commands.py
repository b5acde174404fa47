"""Write a record, send it again, correct it, settle which of two contents stays; accept it or give it back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.records import Flag, Record, RecordConflict
from service.core import gate, moves
from service.core.problems import Conflict, IdTaken, Invalid, Refusal, SamePerson
from service.core.unit import UnitOfWork
from service.records import arrivals, flags, posting, queries
from service.records.arrivals import Located, RecordForm
from service.records.posting import facts
from service.sites import commands as sites


class ContentDiffers(Conflict):
    """Other content came under the id of a record; both are kept, and `conflict` names the second (R-VISIT-5)."""

    kind, title = "record-differs", "该编号下已有内容不同的记录，后到的内容已另存，请选择采用或放弃"


class FlagLapsed(Conflict):
    """The flag stands on the record no more: what it rested on was corrected."""

    kind, title = "flag-lapsed", "这条提示已不成立，不用核销"


class Assessed(Conflict):
    """A confirmed assessment rests on the record (R-VISIT-6)."""

    kind, title = "record-assessed", "已确认的考核用到了这条记录，不能再更改"


def post(uow: UnitOfWork, form: RecordForm) -> Record:
    """Take a record from its author's device: submitted at once, or kept as a draft (R-VISIT-1, R-VISIT-5).

    Late arrival, odd positions and odd clocks are flags, never refusals.

    :raises Invalid: naming every field that is wrong.
    :raises IdTaken: if the id is another person's record.
    :raises ContentDiffers: if the id is known with other content, which is stored as a conflict.
    """
    [outcome] = posting.take(uow, [form])
    if outcome is None:
        return _again(uow, uow.session.get_one(Record, form.id), form)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _submit(uow: UnitOfWork, row: Record) -> None:
    """Move a record to review; a draft gets its time of arrival, its first version and its flags now."""
    first, made = row.state == "draft", {}
    if first:
        row.received_at = uow.now
        made["digest"] = arrivals.keep_version(uow, row).digest
    moves.apply(uow, row, "submit", **facts(row), **made)
    if first:
        flags.judge(uow, row, fresh=True)


def _again(uow: UnitOfWork, known: Record, form: RecordForm) -> Record:
    """Answer a record that came before: the same is the same, another content is kept beside it."""
    mark = arrivals.fingerprint(uow, form)
    if known.person_id != uow.actor.person_id:
        raise IdTaken
    rival = uow.session.scalar(
        sa.select(RecordConflict).where(RecordConflict.record_id == known.id, RecordConflict.fingerprint == mark)
    )
    if known.fingerprint == mark or (rival is not None and rival.state == "kept"):
        return queries.prepared(uow, known)
    raise ContentDiffers(conflict=rival.id if rival is not None else _keep_rival(uow, known, form, mark))


def _keep_rival(uow: UnitOfWork, known: Record, form: RecordForm, mark: str) -> UUID:
    """Store content that came second in a transaction of its own, so that the refusal does not undo it."""
    located = arrivals.locate(uow, known.township_code, form.values())
    content = arrivals.plain({**form.values(), "check_in": None, "pairing_id": form.pairing_id})
    rival = RecordConflict(
        id=new_id(),
        county_code=known.county_code,
        record_id=known.id,
        person_id=known.person_id,
        fingerprint=mark,
        content=content,
        draft=form.draft,
        located=asdict(located),
    )
    uow.rollback()
    with uow.house.write(uow.actor, uow.trace) as own:
        moves.start(own, rival, record=str(rival.record_id))
    return rival.id


def edit(uow: UnitOfWork, record_id: UUID, *, if_match: str | None, **values: Any) -> Record:
    """Change a draft.

    :raises Stale: if it changed since it was read.
    :raises Conflict: once it was submitted; then a new version corrects it.
    """
    row = queries.fetch(uow, record_id, "record.edit", lock=True, own=True)
    gate.match(row, if_match)
    if row.state != "draft":
        raise Conflict("只有草稿可以直接修改；已提交的记录请提交更正", state=row.state)
    located = _rewrite(uow, row, values)
    row.version += 1
    uow.record("record.edit", row, [{"thing": "record", "id": str(row.id), "fields": sorted(values)}])
    arrivals.flag_position(uow, row, located)
    return queries.prepared(uow, row)


def _rewrite(uow: UnitOfWork, row: Record, values: Mapping[str, Any]) -> Located | None:
    """Put other values on a record: a check-in among them is judged as on arrival, and given."""
    names = ("started_at", "ended_at", "place_kind", "place_name")
    told = {name: getattr(row, name) for name in names} | {"site": row.site_id} | dict(values)
    arrivals.check_posting(row.pairing, told["started_at"], told["ended_at"])
    located = arrivals.locate(uow, row.township_code, told) if "check_in" in values else None
    arrivals.write(uow, row, values, located)
    arrivals.name_photos(uow, row)
    return located


def submit(uow: UnitOfWork, record_id: UUID) -> Record:
    """Hand a draft in, or a returned record once more as it is.

    :raises Invalid: naming everything that it still lacks.
    """
    row = queries.fetch(uow, record_id, "record.submit", lock=True, own=True)
    posting.judge_content(uow, _values(row))
    arrivals.check_posting(row.pairing, row.started_at, row.ended_at)
    _submit(uow, row)
    return queries.prepared(uow, row)


def _values(row: Record) -> dict[str, Any]:
    names = ("started_at", "ended_at", "form", "kind", "done", "counters", "photos", "travel_dates")
    return {name: getattr(row, name) for name in names}


def correct(uow: UnitOfWork, record_id: UUID, *, reason: str, if_match: str | None = None, **values: Any) -> Record:
    """Correct a submitted record by a new version; what is not named stays, all versions are kept (R-VISIT-6).

    :raises Conflict: for a draft, which is edited instead.
    :raises Assessed: once a confirmed assessment rests on it.
    """
    row = queries.fetch(uow, record_id, "record.correct", lock=True, own=True)
    gate.match(row, if_match)
    if row.state == "draft":
        raise Conflict("草稿请直接修改", state=row.state)
    _check_changeable(uow, row)
    located = _rewrite(uow, row, values)
    _renew(uow, row, reason, located)
    return queries.prepared(uow, row)


def _check_changeable(uow: UnitOfWork, row: Record) -> None:
    if row.state == "accepted" and queries.assessed(uow, row):
        raise Assessed


def _renew(uow: UnitOfWork, row: Record, reason: str, located: Located | None) -> None:
    """Make what now stands on the row its next version; confirmations stay with the one before (R-VISIT-9)."""
    posting.judge_content(uow, _values(row))
    row.number += 1
    row.confirmation = None
    version = arrivals.keep_version(uow, row, reason)
    moves.apply(uow, row, "correct", reason, number=row.number, digest=version.digest, **facts(row))
    arrivals.flag_position(uow, row, located)
    flags.judge(uow, row)


def keep(uow: UnitOfWork, conflict_id: UUID) -> RecordConflict:
    """Take the content that came second: as the draft's, or as a new version of the record.

    :raises Conflict: if it names another pairing; then it is to be sent as a record of its own.
    :raises Assessed: once a confirmed assessment rests on the record.
    """
    rival = gate.fetch(uow, RecordConflict, conflict_id, "conflict.keep", lock=True)
    row = queries.fetch(uow, rival.record_id, "record.correct", lock=True, own=True)
    if rival.content["pairing_id"] != str(row.pairing_id):
        raise Conflict("后到的内容属于另一结对，请用新的编号提交")
    _check_changeable(uow, row)
    moves.apply(uow, rival, "keep", record=str(row.id))
    values = arrivals.thaw(rival.content)
    arrivals.check_posting(row.pairing, values["started_at"], values["ended_at"])
    located = arrivals.located_before(uow, rival.located)
    arrivals.write(uow, row, values, located)
    arrivals.name_photos(uow, row)
    if row.state != "draft":
        _renew(uow, row, "采用后到的内容", located)
    elif rival.draft:
        row.version += 1
        arrivals.flag_position(uow, row, located)
    else:
        arrivals.flag_position(uow, row, located)
        posting.judge_content(uow, _values(row))
        _submit(uow, row)
    uow.session.flush()
    gate.hand_out(uow, [rival])
    return rival


def discard(uow: UnitOfWork, conflict_id: UUID) -> RecordConflict:
    """Let go of the content that came second; it stays on file as discarded."""
    rival = gate.fetch(uow, RecordConflict, conflict_id, "conflict.discard", lock=True)
    moves.apply(uow, rival, "discard", record=str(rival.record_id))
    gate.hand_out(uow, [rival])
    return rival


def accept(uow: UnitOfWork, record_id: UUID, reason: str | None = None) -> Record:
    """Accept a record, so that its days count for its author and companions (R-VISIT-7, R-VISIT-9).

    :raises Invalid: if it was not confirmed and no reason is given.
    :raises SamePerson: if the actor wrote it, served along or confirmed it.
    """
    row = queries.fetch(uow, record_id, "record.accept", lock=True)
    check_stranger(uow, row)
    if row.state != "confirmed" and not reason:
        raise Invalid(errors={"reason": ["未经服务对象确认的记录，采信须说明理由"]})
    moves.apply(uow, row, "accept", reason, **facts(row))
    sites.found_by(uow, row)
    return queries.prepared(uow, row)


def return_(uow: UnitOfWork, record_id: UUID, reason: str) -> Record:
    """Give a record back to its author, with a reason."""
    row = queries.fetch(uow, record_id, "record.return", lock=True)
    check_stranger(uow, row)
    return queries.prepared(uow, moves.apply(uow, row, "return", reason, **facts(row)))


def clear(uow: UnitOfWork, flag_id: UUID, reason: str) -> Record:
    """Clear a flag after a look at it, with a reason; it stays on the record as cleared (R-VISIT-3).

    :raises SamePerson: if the actor wrote the record or served along.
    """
    flag = gate.fetch(uow, Flag, flag_id, "flag.clear", lock=True)
    row = queries.fetch(uow, flag.record_id)
    check_stranger(uow, row)
    moves.apply(uow, flag, "clear", reason, record=str(row.id), code=flag.code)
    flag.cleared_by = uow.actor.person_id
    return queries.prepared(uow, row)


def clear_of(uow: UnitOfWork, record_id: UUID, flag: UUID, reason: str) -> Record:
    """Clear one of a record's flags, as its page shows them.

    :raises FlagLapsed: if it fell away meanwhile.
    """
    row = queries.fetch(uow, record_id, lock=True)
    if all(one.id != flag for one in row.flags):
        raise FlagLapsed
    return clear(uow, flag, reason)


def check_stranger(uow: UnitOfWork, row: Record) -> None:
    """Keep those who served from deciding on their own record (separation of duties)."""
    if uow.actor.person_id in {row.person_id, *(one.person_id for one in row.companions)}:
        raise SamePerson


def object_(uow: UnitOfWork, record_id: UUID, reason: str | None = None) -> Record:
    """Say that one did not serve along; the record's days then do not count for oneself (R-VISIT-7).

    :raises NotFound: if the actor is not named as a companion.
    :raises Assessed: once a confirmed assessment rests on it.
    """
    row, part = queries.accompanied(uow, record_id, lock=True)
    _check_changeable(uow, row)
    if part.objected_at is None:
        part.objected_at, part.objection = uow.now, reason
        row.version += 1
        change = {"thing": "companion", "id": str(part.person_id), "from": "named", "to": "objected"}
        uow.record("record.object", row, [change], **facts(row))
        flags.presence_changed(uow, row)
    return queries.prepared(uow, row)
