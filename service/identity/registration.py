"""What the host's operator does: the first administrator, the second one's approval, people from a CSV file."""

import io
from collections.abc import Iterator
from csv import DictReader
from csv import Error as BadCsv
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.identity import Binding, Person, RoleGrant
from rules.claims import YEAR_DAYS_MAX
from rules.text import clean, judge_line
from service.core import moves
from service.core.problems import Conflict, Invalid, NotFound, Refusal
from service.core.unit import UnitOfWork
from service.identity import bindings, commands, roles

COLUMNS = ("name", "phone", "organisation", "title", "nature", "specialties", "service_days")


def _granted_admins() -> sa.Select[UUID]:
    return sa.select(RoleGrant.person_id).where(RoleGrant.role == "admin", RoleGrant.state == "active")


def _admins_in_office(uow: UnitOfWork) -> int:
    """Count the administrators who can log in, so that one could check the other."""
    granted = _granted_admins()
    bound = sa.select(sa.func.count()).where(Binding.state == "bound", Binding.person_id.in_(granted))
    return uow.session.scalar(bound) or 0


def first_admin(uow: UnitOfWork, name: str, phone: str | None, city: str) -> dict[str, Any]:
    """Register the first administrator, with an invitation to bind.

    :raises Conflict: if there is an administrator already; further ones are granted and approved by people.
    """
    if uow.session.scalar(_granted_admins()) is not None:
        raise Conflict("已有系统管理员")
    person = commands.register(uow, commands.NewPerson(name=name, phone=phone, region=city))
    grant = roles.grant(uow, roles.NewGrant(person=person.id, role="admin", region=city))
    moves.apply(uow, grant, "approve")
    return bindings.invite(uow, person.id) | {"role": grant.id}


def approve_on_host(uow: UnitOfWork, grant_id: UUID) -> RoleGrant:
    """Approve a role as the operator, while there is no second administrator who could.

    :raises Conflict: once two administrators are in office.
    """
    if _admins_in_office(uow) > 1:
        raise Conflict("已有两名系统管理员，请由其中另一人批准")
    grant = uow.session.get(RoleGrant, grant_id)
    if grant is None:
        raise NotFound
    return moves.apply(uow, grant, "approve")


def bind_on_host(uow: UnitOfWork, binding_id: UUID) -> Binding:
    """Verify a claimed binding as the operator, while there is no second administrator who could.

    :raises Conflict: once two administrators are in office.
    """
    if _admins_in_office(uow) > 1:
        raise Conflict("已有两名系统管理员，请由其中一人核实")
    binding = uow.session.get(Binding, binding_id)
    if binding is None:
        raise NotFound
    return bindings.approved(uow, binding)


def import_people(uow: UnitOfWork, csv: str | bytes, region: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Register people from CSV text (UTF-8), all or none. A dry run says what would happen and changes nothing.

    Whoever is registered already just as the file says is left alone, so that the same file may come again.

    :returns: counts and, per line that cannot be taken, what is wrong with it.
    """
    problems, made, known = [], 0, 0
    seen: dict[object, int] = {}
    for number, row in _lines(csv):
        try:
            form = _form(row, commands.registering_region(uow, region))
            _once(seen, form, number)
            if _registered(uow, form):
                known += 1
                continue
            with uow.session.begin_nested():
                commands.register(uow, form)
            made += 1
        except Refusal as refusal:
            problems.append({"line": number, "errors": dict(refusal.errors or {"_": [str(refusal)]})})
    if dry_run or problems:
        uow.rollback()
    counts = {"lines": made + known + len(problems), "registered": 0 if dry_run or problems else made, "known": known}
    return counts | {"problems": problems}


def _once(seen: dict[object, int], form: commands.NewPerson, number: int) -> None:
    """Refuse a line about somebody whom an earlier one was about already."""
    earlier = seen.setdefault(form.phone or (form.name, form.organisation), number)
    if earlier != number:
        raise Invalid(errors={"phone" if form.phone else "name": [f"与第 {earlier} 行重复"]})


def _registered(uow: UnitOfWork, form: commands.NewPerson) -> bool:
    """Say whether the person is registered just as the form says.

    :raises Invalid: if they are registered otherwise, naming every field that differs.
    """
    person = _found(uow, form)
    if person is None:
        return False
    asked = {
        "name": form.name,
        "organisation": form.organisation,
        "title": form.title,
        "nature": form.nature,
        "specialties": list(form.specialties),
        "service_days": form.service_days,
    }
    held = asked | {name: getattr(person, name) for name in asked if name != "organisation"}
    held["organisation"] = person.organisation_code
    differs = {name: ["与已登记的不同，请核对或在系统中修改"] for name in asked if asked[name] != held[name]}
    if differs and form.phone is None:
        raise Invalid(errors={"phone": ["已登记同名同单位的人员，请填写手机号以区分"]})
    if differs:
        raise Invalid(errors=differs)
    return True


def _found(uow: UnitOfWork, form: commands.NewPerson) -> Person | None:
    """Find the person in the registering region: by phone, or where none is given by name and organisation."""
    here = sa.select(Person).where(Person.county_code == form.region, Person.closed_at.is_(None)).limit(1)
    if form.phone:
        return uow.session.scalar(here.where(Person.phone_index == uow.vault.digest("phone", form.phone)))
    named = sa.and_(Person.name == form.name, Person.organisation_code.is_not_distinct_from(form.organisation))
    return uow.session.scalar(here.where(named).order_by(Person.created_at, Person.id))


def _lines(content: str | bytes) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Invalid(errors={"file": ["文件须为 UTF-8 编码"]}) from error
    try:
        yield from _read(DictReader(io.StringIO(text, newline="")))
    except BadCsv as error:
        raise Invalid(errors={"file": ["不是有效的 CSV，或有单元格过长"]}) from error


def _read(reader: "DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    names = list(reader.fieldnames or ())
    if "name" not in names or not set(names) <= set(COLUMNS) or len(names) > len(set(names)):
        raise Invalid(errors={"file": [f"列应为 {'、'.join(COLUMNS)}，其中 name 必填"]})
    for number, row in enumerate(reader, start=2):
        if number > 5001:
            raise Invalid(errors={"file": ["一次最多导入 5000 人"]})
        yield number, {name: clean(row.get(name) or "") for name in COLUMNS}


def _form(row: dict[str, str], region: str | None) -> commands.NewPerson:
    wrong = {}
    if not 1 <= len(row["name"]) <= 60 or judge_line(row["name"]):
        wrong["name"] = ["姓名须为 1 到 60 个可见字符"]
    phone = row.get("phone") or None
    if phone and not (phone.isascii() and phone.isdigit() and 6 <= len(phone) <= 15):
        wrong["phone"] = ["手机号应为 6 到 15 位数字"]
    nature = row.get("nature") or None
    if nature not in {None, "public_benefit", "paid"}:
        wrong["nature"] = ["应为 public_benefit 或 paid"]
    if len(row["title"]) > 60 or judge_line(row["title"]):
        wrong["title"] = ["最多 60 个可见字符"]
    codes = [code for code in row["specialties"].replace(";", "|").split("|") if code]
    if len(codes) > 20 or len(set(codes)) < len(codes):
        wrong["specialties"] = ["最多 20 项，不得重复"]
    days = row["service_days"]
    if days and not (days.isascii() and days.isdigit() and 1 <= int(days[:4]) <= YEAR_DAYS_MAX and len(days) < 4):
        wrong["service_days"] = [f"应为 1 到 {YEAR_DAYS_MAX} 的整数"]
    if wrong:
        raise Invalid(errors=wrong)
    return commands.NewPerson(
        name=row["name"],
        phone=phone,
        region=region,
        organisation=row.get("organisation") or None,
        title=row.get("title") or None,
        nature=nature,
        specialties=codes,
        service_days=int(days) if days else None,
    )
