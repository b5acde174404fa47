"""Post a need, edit it, submit it, review it, take it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.needs import Need, NeedSpecialty, Round
from models.regions import Region
from rules import needs as rules
from rules.text import search_key
from service.content import commands as content
from service.core import gate, moves
from service.core.problems import Conflict, IdTaken, Invalid
from service.core.unit import UnitOfWork
from service.identity.commands import unknown_specialties
from service.needs import queries
from service.regions.queries import specialty_names


class NeedIncomplete(Invalid):
    """The need does not say yet what the board wants (R-NEED-1)."""

    kind, title = "need-incomplete", "需求还不完整"


class TooLateForRound(Conflict):
    """The round takes no needs now."""

    kind, title = "too-late-for-round", "该批次现在不接收需求"


@dataclass(frozen=True)
class NeedForm:
    """What a township says it needs (R-NEED-1). A draft may lack anything but its township and title."""

    township: str
    title: str
    id: UUID | None = None
    round_id: UUID | None = None
    village: str | None = None
    problem: str = ""
    wanted: str = ""
    specialties: Sequence[str] = ()
    industry: str | None = None
    form: str = "both"
    places: int = 1
    urgency: int = 1
    starts_on: date | None = None
    ends_on: date | None = None
    contact: str = ""


EDITABLE = tuple(field.name for field in fields(NeedForm) if field.name not in {"id", "township"})


def create(uow: UnitOfWork, form: NeedForm) -> Need:
    """Draft a need for a township that the actor acts for; the answer shows likely duplicates (R-NEED-3).

    :raises Invalid: for a township, village, round or specialty that is not there or not the actor's.
    """
    if form.id and uow.session.get(Need, form.id):
        raise IdTaken
    township = uow.session.get(Region, form.township)
    if township is None or township.code not in queries.townships_of(uow.actor):
        raise Invalid(errors={"township": ["不是您负责的乡镇"]})
    need = Need(
        id=form.id or new_id(),
        county_code=township.county_code,
        township_code=township.code,
    )
    _write(uow, need, {name: getattr(form, name) for name in EDITABLE})
    moves.start(uow, need)
    _write_specialties(uow, need)
    return queries.prepared(uow, need)


def edit(uow: UnitOfWork, need_id: UUID, *, if_match: str | None, **values: Any) -> Need:
    """Change a draft or returned need.

    :raises Stale: if it changed since it was read.
    :raises Conflict: once it is under review or on the board.
    """
    need = gate.fetch(uow, Need, need_id, "need.edit", lock=True)
    gate.match(need, if_match)
    if need.state not in {"draft", "returned"}:
        raise Conflict("已提交的需求不能修改，请先撤回或等待退回", state=need.state)
    _write(uow, need, values)
    need.version += 1
    uow.record("need.edit", need, [{"thing": "need", "id": str(need.id), "fields": sorted(values)}])
    uow.session.flush()
    _write_specialties(uow, need)
    return queries.prepared(uow, need)


def _write(uow: UnitOfWork, need: Need, values: Mapping[str, Any]) -> None:
    """Put checked values on the row; nothing is written when one is wrong."""
    wrong = _wrong_references(uow, need, values)
    starts = values.get("starts_on", need.starts_on)
    ends = values.get("ends_on", need.ends_on)
    if starts and ends and ends < starts:
        wrong["ends_on"] = ["结束日期不能早于开始日期"]
    if wrong:
        raise Invalid(errors=wrong)
    plain = {"village": "village_code"}
    for name, value in values.items():
        if name == "contact":
            need.contact_sealed = uow.vault.seal(value)
        else:
            setattr(need, plain.get(name, name), list(value) if name == "specialties" else value)
    township = uow.session.get_one(Region, need.township_code)
    words = [need.title, need.problem, need.wanted, need.industry or "", township.name]
    need.search_key = search_key(" ".join([*words, *specialty_names(uow, need.specialties)]))


def _wrong_references(uow: UnitOfWork, need: Need, values: Mapping[str, Any]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if village := values.get("village"):
        row = uow.session.get(Region, village)
        if row is None or row.parent_code != need.township_code:
            wrong["village"] = ["不是该乡镇的村（社区）"]
    if missing := unknown_specialties(uow, values.get("specialties", ())):
        wrong["specialties"] = [f"没有这些专业：{'、'.join(missing)}"]
    if round_id := values.get("round_id"):
        township = uow.session.get_one(Region, need.township_code)
        row_round = uow.session.get(Round, round_id)
        if row_round is None or row_round.city_code != township.city_code or row_round.state == "draft":
            wrong["round_id"] = ["没有这个批次"]
    return wrong


def _write_specialties(uow: UnitOfWork, need: Need) -> None:
    uow.session.execute(sa.delete(NeedSpecialty).where(NeedSpecialty.need_id == need.id))
    for code in need.specialties:
        uow.session.add(NeedSpecialty(need_id=need.id, specialty_code=code, county_code=need.county_code))
    uow.session.flush()


def submit(uow: UnitOfWork, need_id: UUID) -> Need:
    """Hand a need in for the county's review.

    :raises NeedIncomplete: naming every field that the board still wants.
    :raises TooLateForRound: after the round's date for needs, or when the round does not take needs.
    """
    need = gate.fetch(uow, Need, need_id, "need.submit", lock=True)
    _check_round(uow, need)
    values = {name: getattr(need, name) for name in ("title", "problem", "wanted", "specialties", "form", "places")}
    values |= {name: getattr(need, name) for name in ("urgency", "starts_on", "ends_on")}
    values |= {"township": need.township_code, "contact": uow.vault.unseal(need.contact_sealed)}
    if missing := rules.missing_for_board(values):
        raise NeedIncomplete(errors={lack.field: [lack.text] for lack in missing})
    moves.apply(uow, need, "submit", title=need.title)
    county = need.township.managing_county_code or need.county_code
    texts = (need.title, need.problem, need.wanted, need.industry)
    content.submit(uow, need, need.title, *texts, county=county)
    return queries.prepared(uow, need)


def _check_round(uow: UnitOfWork, need: Need) -> None:
    if need.round_id is None:
        return
    row = uow.session.get_one(Round, need.round_id)
    if row.state not in {"open", "published"} or uow.now >= row.needs_until:
        raise TooLateForRound(needs_until=row.needs_until.isoformat())


def approve(uow: UnitOfWork, need_id: UUID) -> Need:
    """Approve a submitted need: for its round's board, or at once for everyday needs.

    :raises WrongState: if somebody moved it first.
    :raises SamePerson: if the actor submitted it.
    """
    need = gate.fetch(uow, Need, need_id, "need.approve", lock=True)
    row = uow.session.get(Round, need.round_id) if need.round_id else None
    if row is not None and row.state not in {"open", "published"}:
        raise TooLateForRound
    moves.apply(uow, need, "approve", title=need.title)
    content.vouch(uow, need)
    return queries.prepared(uow, need)


def return_(uow: UnitOfWork, need_id: UUID, reason: str) -> Need:
    """Give a submitted need back to its township, with a reason."""
    need = gate.fetch(uow, Need, need_id, "need.return", lock=True)
    return queries.prepared(uow, moves.apply(uow, need, "return", reason, title=need.title))


def withdraw(uow: UnitOfWork, need_id: UUID) -> Need:
    """Take a need back; its claimants are told.

    :raises Conflict: once the round's inputs are frozen.
    """
    need = gate.fetch(uow, Need, need_id, "need.withdraw", lock=True)
    row = uow.session.get(Round, need.round_id) if need.round_id else None
    if row is not None and row.frozen_at is not None and need.state == "approved":
        raise Conflict("批次已冻结，需求不能再撤回")
    return queries.prepared(uow, moves.apply(uow, need, "withdraw", title=need.title))


def close(uow: UnitOfWork, need_id: UUID, reason: str) -> Need:
    """Take an approved need off the board, as the county, with a reason."""
    need = gate.fetch(uow, Need, need_id, "need.close", lock=True)
    return queries.prepared(uow, moves.apply(uow, need, "close", reason, title=need.title))
