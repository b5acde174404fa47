"""Whose phones the sandbox plays: the people registered in development, read from the application's database."""

import base64
import hashlib
from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from models.identity import Binding, Person, RoleGrant, WechatAccount
from models.regions import Organisation, Region
from rules.access import ROLES
from service.core.unit import SYSTEM, House, UnitOfWork
from wechat.sandbox.settings import Phone


def openid_of(person_id: UUID) -> str:
    """Give the openid that the sandbox plays for a person who never logged in yet."""
    digest = hashlib.sha256(b"sandbox phone " + person_id.bytes).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


def phones(house: House) -> list[Phone]:
    """List the phones of all registered people, in the order of their registration."""
    with house.read(SYSTEM) as uow:
        accounts = dict(uow.session.execute(sa.select(WechatAccount.person_id, WechatAccount.openid)).all())
        bound = set(uow.session.scalars(sa.select(Binding.person_id).where(Binding.state == "bound")))
        people = uow.session.scalars(
            sa.select(Person)
            .where(Person.closed_at.is_(None))
            .options(selectinload(Person.grants))
            .order_by(Person.created_at, Person.id)
        )
        names = _names(uow)
        return [_phone(house, person, accounts.get(person.id), person.id in bound, names) for person in people]


def _names(uow: UnitOfWork) -> dict[str, str]:
    """Give the names of the regions and organisations for which roles are held."""
    found: dict[str, str] = {}
    for model, held in ((Region, RoleGrant.region_code), (Organisation, RoleGrant.organisation_code)):
        found |= dict(
            uow.session.execute(sa.select(model.code, model.name).where(model.code.in_(sa.select(held)))).all()
        )
    return found


def _phone(
    house: House,
    person: Person,
    openid: str | None,
    bound: bool,  # noqa: FBT001
    names: Mapping[str, str],
) -> Phone:
    roles, offices = [], []
    for grant in person.grants:
        if grant.state == "active":
            where = (
                ("organisation", grant.organisation_code) if grant.organisation_code else ("region", grant.region_code)
            )
            roles.append({"role": grant.role, where[0]: where[1] or ""})
            offices.append(f"{ROLES[grant.role]} · {names.get(where[1] or '', '')}".rstrip(" ·"))
    number = house.vault.unseal(person.phone_sealed) if person.phone_sealed else ""
    return Phone(openid or openid_of(person.id), person.name, number, tuple(roles), bound, tuple(offices))
