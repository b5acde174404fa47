"""Pairings: who serves where, from when to when."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Code, Line, Stateful, Word
from models.identity import Person, Team
from models.needs import Need
from models.regions import Region


class Pairing(Stateful):
    """A commissioner or team posted to a township's need (结对), or assigned to an everyday need (task)."""

    __tablename__ = "pairings"
    __thing__ = "pairing"
    __table_args__ = (
        sa.Index("uq_pairings_claimant_need", "need_id", "claimant_key", unique=True,
                 postgresql_where=sa.text("state = 'active'"), sqlite_where=sa.text("state = 'active'")),
    )  # fmt: skip

    county_code: Mapped[Code]
    township_code: Mapped[Code] = mapped_column(sa.ForeignKey("regions.code"))
    kind: Mapped[Word]
    """pairing or task."""
    round_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("rounds.id"), index=True)
    plan_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("plans.id"))
    need_id: Mapped[UUID] = mapped_column(sa.ForeignKey("needs.id"))
    claim_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    team_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("teams.id"), index=True)
    claimant_key: Mapped[UUID]
    organisation_code: Mapped[Code | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    ended_on: Mapped[date | None]
    reasons: Mapped[list[Any]]
    recognition_number: Mapped[Line | None] = mapped_column(unique=True)
    recognised_on: Mapped[date | None]

    township: Mapped[Region] = relationship()
    need: Mapped[Need] = relationship()
    person: Mapped[Person] = relationship()
    team: Mapped[Team | None] = relationship()
    people: Mapped[list["PairingMember"]] = relationship(order_by="PairingMember.person_id")
    organisation_name: str = ""
    """Set by the query that shows the pairing; never stored."""


class PairingMember(Base):
    """Each person who serves in a pairing: the person, or the team's members when it was made."""

    __tablename__ = "pairing_members"

    pairing_id: Mapped[UUID] = mapped_column(sa.ForeignKey("pairings.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), primary_key=True, index=True)
    county_code: Mapped[Code]

    person: Mapped[Person] = relationship()
