"""Claims: who offers to answer which need, with both sides' orders."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Code, Stateful, Words
from models.identity import Person, Team
from models.needs import Need


class Claim(Stateful):
    """A commissioner's or team's claim on a need (揭榜)."""

    __tablename__ = "claims"
    __thing__ = "claim"
    __table_args__ = (
        sa.Index("uq_claims_active_claimant", "need_id", "claimant_key", unique=True,
                 postgresql_where=sa.text("state IN ('active', 'won')"),
                 sqlite_where=sa.text("state IN ('active', 'won')")),
        sa.Index("ix_claims_round_id_person_id", "round_id", "person_id"),
    )  # fmt: skip

    county_code: Mapped[Code]
    township_code: Mapped[Code]
    round_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("rounds.id"))
    need_id: Mapped[UUID] = mapped_column(sa.ForeignKey("needs.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    """The claimant, or the leader who claims for the team."""
    team_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("teams.id"))
    supplement_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("supplements.id"), index=True)
    """The supplement in which it was made, after the round's freeze."""
    claimant_key: Mapped[UUID]
    """The team's id, else the person's: one active claim per claimant and need (R-CLAIM-1)."""
    plan: Mapped[Words]
    preference: Mapped[int]
    """The claimant's own order in the round, 1 = best."""
    grade: Mapped[int | None]
    """The township's order, 1 = best; None while it has not ranked."""
    declined_reason: Mapped[str | None] = mapped_column(sa.String(500))

    need: Mapped[Need] = relationship()
    person: Mapped[Person] = relationship()
    team: Mapped[Team | None] = relationship()
    seen_grade: int | None = None
    """The grade, for those who may see it; never stored."""
    seen_decline: str | None = None
    """The reason of a decline, once it may be seen; never stored."""
