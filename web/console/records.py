"""Service records at the desk: the township confirms what it saw, the county reviews with the evidence first.

Nothing is refused because of place or photos (R-VISIT-3); flags are hints, each with its reason.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import segno
from marshmallow import fields

from models.records import Record
from rules.flags import HONEST
from rules.records import COUNTERS, FORM, KIND, counted
from rules.states import label
from service.core import gate
from service.core.paging import Ask
from service.core.unit import UnitOfWork
from service.identity.history import history
from service.records import chain, commands, confirmations, links, queries
from service.regions import queries as regions
from web.page import Pages, bulk, form, page
from web.schemas.base import Asked, Id, Reason
from web.schemas.confirmations import WordForm
from web.schemas.records import AcceptForm, ClearForm, RecordsAsked

pages = Pages("console_records", "/console", session=True)

STATES = ("submitted", "confirmed", "disputed", "accepted", "returned")
BULK = {"submitted": "confirm", "confirmed": "accept"}
"""What may be done to many at once: accepting what nobody confirmed takes a reason of its own."""


class ListAsked(RecordsAsked):
    """The list's filters; `ticked` shows every box of the page ticked."""

    ticked = fields.Boolean(load_default=None)


class DevicesAsked(Asked):
    """Whose devices: those with numbers that have not arrived unless all are asked for."""

    gaps = fields.Boolean(load_default=True)
    commissioner = Id(load_default=None)


def _list(uow: UnitOfWork, ask: Ask, *, ticked: bool | None = None, **filters: Any) -> Mapping[str, Any]:
    state = filters.pop("state", "submitted" if uow.actor.may("record.confirm") else "confirmed")
    found = queries.records(uow, ask, state=None if state == "all" else state, **filters)
    move = BULK.get(state, "")
    return {
        "page": found,
        "state": state,
        "state_choices": [(one, label("record", one)) for one in STATES] + [("all", "全部状态")],
        "townships": [(town.code, town.name) for town in regions.reached_townships(uow)],
        "reviews": uow.actor.may("record.review"),
        "move": move if any(move in row.moves for row in found.items) else "",
        "ticked": bool(ticked),
        "kinds": KIND,
        "now": uow.now,
    }


def _detail(uow: UnitOfWork, record_id: UUID) -> Mapping[str, Any]:
    row = queries.record(uow, record_id)
    return {
        "row": row,
        "evidence": queries.evidence_of(row),
        "steps": history(uow, row),
        "flags": sorted(row.shown_flags, key=lambda flag: (flag.state != "open", flag.created_at, flag.id)),
        "honest": HONEST,
        "barred": gate.barred(uow, row),
        "served": uow.actor.person_id in {row.person_id, *(one.person_id for one in row.companions)},
        "links": uow.actor.may("record.link") and row.state in links.WAITING,
        "kinds": KIND,
        "counters": [(COUNTERS[name], counted(name, value)) for name, value in row.counters.items() if value],
        "forms": FORM,
        "now": uow.now,
    }


def _devices(uow: UnitOfWork, ask: Ask, **filters: Any) -> Mapping[str, Any]:
    return {"page": chain.sequences(uow, ask, **filters)}


def _link(uow: UnitOfWork, link_id: UUID) -> Mapping[str, Any]:
    made = links.shown_again(uow, link_id)
    drawn = segno.make(made.url, error="m").svg_data_uri(scale=4) if made.standing == links.Standing.OPEN else ""
    return {"made": made, "row": made.record, "drawn": drawn}


page(pages, "/records", who="record.list", does=_list, template="console/records.html", query=ListAsked())
ONE = page(pages, "/records/<uuid:record_id>", who="record.list", does=_detail, template="console/record.html")
page(pages, "/devices", who="record.review", does=_devices, template="console/devices.html", query=DevicesAsked())
page(pages, "/links/<uuid:link_id>", who="record.link", does=_link, template="console/link.html")

bulk(pages, "/records/confirm", who="record.confirm", does=confirmations.confirm, guards=Record,
     then="/console/records", said="已确认「{0.title}」")  # fmt: skip
bulk(pages, "/records/accept", who="record.accept", does=commands.accept, guards=Record,
     then="/console/records", said="已采信「{0.title}」")  # fmt: skip
form(pages, "/records/<uuid:record_id>/confirm", who="record.confirm", does=confirmations.confirm, page=ONE,
     guards=Record, takes=WordForm(), then="/console/records", said="已确认「{0.title}」")  # fmt: skip
form(pages, "/records/<uuid:record_id>/dispute", who="record.dispute", does=confirmations.dispute, page=ONE,
     guards=Record, takes=Reason(), then="/console/records", said="已对「{0.title}」提出异议")  # fmt: skip
form(pages, "/records/<uuid:record_id>/accept", who="record.accept", does=commands.accept, page=ONE, guards=Record,
     takes=AcceptForm(), then="/console/records", said="已采信「{0.title}」，计入服务天数")  # fmt: skip
form(pages, "/records/<uuid:record_id>/return", who="record.return", does=commands.return_, page=ONE, guards=Record,
     takes=Reason(), then="/console/records", said="已退回「{0.title}」，理由已告知本人")  # fmt: skip
form(pages, "/records/<uuid:record_id>/clear", who="flag.clear", does=commands.clear_of, page=ONE, guards=Record,
     takes=ClearForm(), then="/console/records/{record_id}", said="已核销一条提示，理由已记下")  # fmt: skip
form(pages, "/records/<uuid:record_id>/link", who="record.link", does=links.make, page=ONE, guards=Record,
     then="/console/links/{0[id]}", said="确认码：{0[code]}（只显示这一次，可以念给农户听）")  # fmt: skip
