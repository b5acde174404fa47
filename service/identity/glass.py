"""Breaking the glass: the host's operator lets a named administrator in when WeChat or the factor is away.

It cannot be done silently: the journal has it, every administrator is told, when the code is made and when it is used.
"""

import secrets
from base64 import b32encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import ConsoleCode, Factor, Person, RoleGrant, Session
from rules.policy import BREAK_GLASS_MINUTES
from service.core.problems import Conflict, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.identity import commands, queries

_QUIETLY = {"synchronize_session": False}


class CodeRefused(Invalid):
    """The emergency code opens nothing."""

    kind, title = "emergency-code-refused", "应急口令无效"


def issue(uow: UnitOfWork, who: str) -> dict[str, Any]:
    """Make a single-use code for an administrator in office, named by id or by a name that only one has; shown once.

    :raises NotFound: if no administrator is called so. :raises Conflict: if several are; it names their ids.
    """
    admins = sa.select(RoleGrant.person_id).where(RoleGrant.role == "admin", queries.in_office(uow))
    found = uow.session.scalars(
        sa.select(Person).where(_named(who), Person.id.in_(admins), Person.closed_at.is_(None)).order_by(Person.id)
    ).all()
    if not found:
        raise NotFound("没有这位在任的系统管理员")
    if len(found) > 1:
        raise Conflict("有多位同名的系统管理员，请改用编号：" + "、".join(str(one.id) for one in found))
    person = found[0]
    uow.session.execute(sa.delete(ConsoleCode).where(_unused(person.id)).execution_options(**_QUIETLY))
    code = b32encode(secrets.token_bytes(15)).decode()
    row = ConsoleCode(id=new_id(), person_id=person.id, kind="break_glass", created_at=uow.now)
    row.code_digest = uow.vault.digest("emergency code", code)
    row.expires_at = uow.now + timedelta(minutes=BREAK_GLASS_MINUTES)
    uow.session.add(row)
    uow.record("person.break_glass", person, [{"thing": "code", "id": str(row.id), "from": None, "to": "issued"}])
    shown = "-".join(code[at : at + 4] for at in range(0, len(code), 4))
    return {"id": person.id, "name": person.name, "code": shown, "expires_at": row.expires_at}


def enter(uow: UnitOfWork, code: str) -> dict[str, Any]:
    """Enter the console with the host's code, which stands for scan and factor; gives what `open_session` gives.

    :raises CodeRefused: if it is unknown, used, over, or its person is no administrator any more.
    """
    digest = uow.vault.digest("emergency code", "".join(code.upper().split()).replace("-", ""))
    found = uow.session.scalar(
        sa.select(ConsoleCode).where(ConsoleCode.code_digest == digest, ConsoleCode.kind == "break_glass")
    )
    if found is None or not _use(uow, found):
        raise CodeRefused(errors={"code": ["口令不正确、已过期或已用过"]})
    person = uow.session.get_one(Person, found.person_id)
    if all(held.role != "admin" for held in queries.held_roles(uow, person.id)):
        raise CodeRefused(errors={"code": ["口令不正确、已过期或已用过"]})
    uow.record(
        "person.enter_by_glass", person, [{"thing": "code", "id": str(found.id), "from": "issued", "to": "used"}]
    )
    opened = commands.open_session(uow, person.id, None, "console", "应急口令")
    uow.session.get_one(Session, opened["id"]).factor_at = uow.now
    return opened


def reset_factors(uow: UnitOfWork, who: str) -> Person:
    """Forget somebody's factors, who lost them all: at the next login new ones are enrolled. Sessions end.

    :raises NotFound: if nobody is called so. :raises Conflict: if several are; it names their ids.
    """
    found = uow.session.scalars(sa.select(Person).where(_named(who), Person.closed_at.is_(None))).all()
    if not found:
        raise NotFound("没有这个人")
    if len(found) > 1:
        raise Conflict("有多位同名的人，请改用编号：" + "、".join(str(one.id) for one in found))
    person = found[0]
    for table in (Factor, ConsoleCode):
        uow.session.execute(sa.delete(table).where(table.person_id == person.id).execution_options(**_QUIETLY))
    living = sa.update(Session).where(
        Session.person_id == person.id, Session.kind == "console", Session.ended_at.is_(None)
    )
    uow.session.execute(living.values(ended_at=uow.now).execution_options(**_QUIETLY))
    uow.record("person.reset_factors", person, [{"thing": "person", "id": str(person.id), "fields": ["factors"]}])
    return person


def _use(uow: UnitOfWork, code: ConsoleCode) -> bool:
    open_ = ConsoleCode.id == code.id, ConsoleCode.used_at.is_(None), ConsoleCode.expires_at > uow.now
    used = uow.session.execute(
        sa.update(ConsoleCode).where(*open_).values(used_at=uow.now).execution_options(**_QUIETLY)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _unused(person: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(
        ConsoleCode.person_id == person, ConsoleCode.kind == "break_glass", ConsoleCode.used_at.is_(None)
    )  # fmt: skip


def _named(who: str) -> sa.ColumnElement[bool]:
    try:
        return Person.id == UUID(who)
    except ValueError:
        return Person.name == who
