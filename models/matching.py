"""Frozen inputs, runs over a whole round, each county's part of a run, proposals that both sides must accept.

What a freeze, a run or a part holds was published or decided upon: nobody writes over it (R-MATCH-5). One thing alone
leaves a body: the name of somebody who closed the account (service/me/reasons.py); what a plan proves holds pseudonyms.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Code, Digest, Identified, Line, Stateful, Word, Words
from models.claims import Claim
from models.identity import Person, Team
from models.needs import Need, Round


class WrittenOver(RuntimeError):
    """Code tried to change what is kept for ever."""


class Weights(Stateful):
    """A version of the weights and tables that scores are made of: proposed by one person, approved by another."""

    __tablename__ = "weights"
    __thing__ = "weights"
    __table_args__ = (sa.UniqueConstraint("county_code", "number"),)

    county_code: Mapped[Code]
    """The city's code."""
    number: Mapped[int]
    effective_on: Mapped[date]
    document: Mapped[Line]
    """What it rests on: the office and the number of its document."""
    note: Mapped[Words]
    floor: Mapped[int]
    """How many pairs a township should get at least."""
    features: Mapped[list[Any]]
    digest: Mapped[Digest]


class Freeze(Identified):
    """A round's inputs as they were when they were frozen: every run reads these and nothing newer (R-MATCH-2)."""

    __tablename__ = "freezes"
    __thing__ = "freeze"

    county_code: Mapped[Code]
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"), unique=True)
    inputs: Mapped[dict[str, Any]]
    instance: Mapped[dict[str, Any]]
    """The matching problem without a seed, under pseudonyms: what anybody may download and recompute from."""
    digest: Mapped[Digest]
    """Of the instance's canonical JSON: published before the seed is drawn."""


class Supplement(Stateful):
    """Claims taken after the freeze, for a while, on needs of the frozen lists that still had places (补报).

    Closing it appends them: `inputs` and `instance` are the lists of before and what came. The seed stays the first.
    """

    __tablename__ = "supplements"
    __thing__ = "supplement"
    __table_args__ = (
        sa.UniqueConstraint("round_id", "number"),
        sa.Index("uq_supplements_open_round", "round_id", unique=True,
                 postgresql_where=sa.text("state = 'open'"), sqlite_where=sa.text("state = 'open'")),
    )  # fmt: skip

    county_code: Mapped[Code]
    """The city's code."""
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"))
    number: Mapped[int]
    reason: Mapped[Words]
    needs: Mapped[list[str]]
    """Ids of the needs that were opened again."""
    counties: Mapped[list[str]]
    """The counties that manage their townships: none of them hands its part in meanwhile."""
    claims_until: Mapped[datetime]
    ranking_until: Mapped[datetime]
    claims: Mapped[int] = mapped_column(default=0)
    """How many claims closing it appended."""
    people: Mapped[int] = mapped_column(default=0)
    """How many claimants closing it appended, who were not on the lists before."""
    inputs: Mapped[dict[str, Any] | None] = mapped_column(deferred=True, deferred_group="lists")
    instance: Mapped[dict[str, Any] | None] = mapped_column(deferred=True, deferred_group="lists")
    digest: Mapped[Digest | None]
    """Of the instance's canonical JSON."""
    previous: Mapped[Digest | None]
    """The link of the chain before: of the last supplement, or the freeze's digest."""
    chain: Mapped[Digest | None]
    """SHA-256 of `previous`, a line feed, `digest`."""

    round: Mapped[Round] = relationship()

    @property
    def city_code(self) -> str:
        """The city whose round it belongs to."""
        return self.county_code


class Run(Identified):
    """One computation over a round: an immutable record (R-MATCH-5)."""

    __tablename__ = "runs"
    __thing__ = "run"

    county_code: Mapped[Code]
    """The county that asked, or the city's code: the city sees all runs, a county its parts alone."""
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"), index=True)
    seed: Mapped[Line]
    draft: Mapped[bool]
    made_by: Mapped[UUID | None]
    for_county: Mapped[Code | None]
    """The county that asked; its run keeps the other counties' pairs (R-MATCH-7). None: the city, for all."""
    inputs_digest: Mapped[Digest]
    """Of the freeze or the supplement whose lists it read."""
    digest: Mapped[Digest]
    instance: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The whole round in the form of a part's body."""
    overrides: Mapped[list[Any]]
    """Pins and bans that held, with author and reason, and the pairs kept for other counties."""
    basis: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What had changed since the freeze, what was asked, of which supplement the lists are: all that the run knew."""
    weights_version: Mapped[Word]
    code_version: Mapped[Line]

    round: Mapped[Round] = relationship()
    parts: Mapped[list["Plan"]] = relationship(back_populates="run", order_by="Plan.county_code")


class Plan(Stateful):
    """A county's part of a run: what it submits, approves, publishes and settles."""

    __tablename__ = "plans"
    __thing__ = "plan"
    __table_args__ = (sa.UniqueConstraint("run_id", "county_code"),)

    county_code: Mapped[Code]
    """The county that manages the townships: it is the one that submits."""
    run_id: Mapped[UUID] = mapped_column(sa.ForeignKey("runs.id"))
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"), index=True)
    draft: Mapped[bool]
    body: Mapped[dict[str, Any]]
    """aims, pairs, losing, uncovered, changes, as the API shows them (ids, codes and sentences)."""
    publicity_id: Mapped[UUID | None]

    run: Mapped[Run] = relationship(back_populates="parts")
    round: Mapped[Round] = relationship()


class Proposal(Stateful):
    """A pair without a mutual claim; it counts only when both sides accept (R-MATCH-6)."""

    __tablename__ = "proposals"
    __thing__ = "proposal"
    __table_args__ = (sa.UniqueConstraint("round_id", "need_id", "claimant_key"),)

    county_code: Mapped[Code]
    township_code: Mapped[Code]
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"))
    need_id: Mapped[UUID] = mapped_column(sa.ForeignKey("needs.id"), index=True)
    claim_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    team_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("teams.id"))
    claimant_key: Mapped[UUID]
    plan_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("plans.id"))
    """The part in which it stands now; None once no plan contains it any more, and nobody need answer."""
    reason: Mapped[Words]
    commissioner_accepted_at: Mapped[datetime | None]
    township_accepted_at: Mapped[datetime | None]

    need: Mapped[Need] = relationship()
    claim: Mapped[Claim | None] = relationship()
    person: Mapped[Person] = relationship()
    team: Mapped[Team | None] = relationship()


class Override(Identified):
    """A pin or a ban set by staff, with author, reason and expiry (R-MATCH-5)."""

    __tablename__ = "overrides"
    __thing__ = "override"

    county_code: Mapped[Code]
    round_id: Mapped[UUID] = mapped_column(sa.ForeignKey("rounds.id"), index=True)
    kind: Mapped[Word]
    """pin, replacement or ban."""
    need_id: Mapped[UUID] = mapped_column(sa.ForeignKey("needs.id"))
    claimant_key: Mapped[UUID]
    claim_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("claims.id"))
    author_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"))
    reason: Mapped[Words]
    expires_at: Mapped[datetime | None]
    price: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What it cost when it was saved, in figures and townships: it names nobody."""

    in_force = True
    """Hung on by queries, as `who` is; never stored."""
    who = ""
    need: Mapped[Need] = relationship()
    claim: Mapped[Claim | None] = relationship()
    author: Mapped[Person | None] = relationship()


KEPT_OF_A_PLAN = ("county_code", "run_id", "round_id", "draft", "body")
KEPT_OF_A_SUPPLEMENT = ("round_id", "number", "needs", "inputs", "instance", "digest", "previous", "chain")


@sa.event.listens_for(Freeze, "before_update")
@sa.event.listens_for(Run, "before_update")
@sa.event.listens_for(Plan, "before_update")
@sa.event.listens_for(Supplement, "before_update")
def _refuse_writing_over(_mapper: Any, _connection: Any, row: Freeze | Run | Plan | Supplement) -> None:
    state: Any = sa.inspect(row)
    kept = KEPT_OF_A_PLAN if isinstance(row, Plan) else tuple(state.mapper.columns.keys())
    if isinstance(row, Supplement):
        fresh = None in state.attrs.chain.history.deleted  # it is being closed
        kept = KEPT_OF_A_SUPPLEMENT[:3] if fresh else KEPT_OF_A_SUPPLEMENT
    if changed := [name for name in kept if state.attrs[name].history.has_changes()]:
        raise WrittenOver(f"{row.__tablename__}.{', '.join(changed)}: kept for ever")
