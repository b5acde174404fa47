"""Schemes: versions of what is scored and how much it weighs; a version never changes once it is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Scheme
from models.base import new_id
from models.regions import Region
from rules.assessments import snapshot_digest
from rules.schemes import judge_scheme
from service.core.paging import Ask, Page, page
from service.core.problems import IdTaken, Invalid, NotFound
from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class NewScheme:
    """A scheme as staff propose it; figures are hundredths of a point."""

    title: str
    competent_hundredths: int
    excellent_hundredths: int
    items: Sequence[Mapping[str, Any]]
    id: UUID | None = None
    county: str | None = None
    days: Mapping[str, Any] | None = None
    """How service days are counted, where not as everywhere (R-VISIT-7)."""


def create(uow: UnitOfWork, form: NewScheme) -> Scheme:
    """Make a scheme, or the next version of the owner's scheme of that title (R-ASSESS-1).

    :raises Invalid: naming every fault of the scheme by its path.
    """
    if form.id and uow.session.get(Scheme, form.id):
        raise IdTaken
    mine = [held.region_code for held in uow.actor.held if held.role in {"city", "county"} and held.region_code]
    owner = form.county or mine[0]
    if owner not in mine:
        raise Invalid(errors={"county": ["不是您所在的县（市、区）或市"]})
    number = _last_number(uow, owner, form.title) + 1
    document = {
        "title": form.title,
        "version": number,
        "competent_hundredths": form.competent_hundredths,
        "excellent_hundredths": form.excellent_hundredths,
        "items": [dict(item) for item in form.items],
    } | ({"days": dict(form.days)} if form.days else {})
    if wrong := judge_scheme(document):
        raise Invalid(errors={path.replace("_hundredths", "_points"): [text] for path, text in wrong.items()})
    return _add(uow, form.id, owner, document)


def _last_number(uow: UnitOfWork, owner: str, title: str) -> int:
    numbers = sa.select(sa.func.max(Scheme.number)).where(Scheme.county_code == owner, Scheme.title == title)
    return uow.session.scalar(numbers) or 0


def _add(uow: UnitOfWork, identity: UUID | None, owner: str, document: dict[str, Any]) -> Scheme:
    scheme = Scheme(
        id=identity or new_id(),
        county_code=owner,
        title=document["title"],
        number=document["version"],
        body=document,
        digest=snapshot_digest(document),
        created_at=uow.now,
        version=1,
    )
    uow.session.add(scheme)
    uow.session.flush()
    change = {"thing": "scheme", "id": str(scheme.id), "to": scheme.digest}
    uow.record("scheme.create", scheme, [change], title=scheme.title, number=scheme.number)
    return scheme


def load_default(uow: UnitOfWork, document: dict[str, Any], city: str) -> int:
    """Give a city the scheme that ships, unless it has that version already; loading twice changes nothing.

    :returns: how many schemes are new.
    :raises Invalid: if the document is no sound scheme.
    """
    if wrong := judge_scheme(document):
        raise Invalid(errors={path: [text] for path, text in wrong.items()})
    if _last_number(uow, city, document["title"]) >= document["version"]:
        return 0
    _add(uow, None, city, document)
    return 1


def schemes(uow: UnitOfWork, ask: Ask, *, county: str | None = None, title: str | None = None) -> Page[Scheme]:
    """List schemes, newest first; with `county` those that it may use, its city's included. Schemes are open to all."""
    statement = sa.select(Scheme)
    if county:
        statement = statement.where(Scheme.county_code.in_(_owners(uow, county)))
    if title:
        statement = statement.where(Scheme.title == title)
    return page(statement, (Scheme.created_at, Scheme.id), ask, lambda s: uow.session.scalars(s).all())


def show(uow: UnitOfWork, scheme_id: UUID) -> Scheme:
    """Give one scheme.

    :raises NotFound: if there is none of that id.
    """
    scheme = uow.session.get(Scheme, scheme_id)
    if scheme is None:
        raise NotFound
    return scheme


def usable(uow: UnitOfWork, scheme_id: UUID, county: str) -> Scheme | None:
    """Give a scheme if the county may use it: its own, or its city's."""
    scheme = uow.session.get(Scheme, scheme_id)
    return scheme if scheme is not None and scheme.county_code in _owners(uow, county) else None


def _owners(uow: UnitOfWork, county: str) -> set[str]:
    region = uow.session.get(Region, county)
    return {county} | ({region.city_code} if region is not None and region.city_code else set())
