"""Schemes, yearly assessments, one sheet a commissioner, opinions."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Code, Digest, Identified, Line, Name, Stateful, Word, Words
from models.identity import Person


class Scheme(Identified):
    """A versioned set of items, weights and settings (R-ASSESS-1); fixed once an assessment uses it."""

    __tablename__ = "schemes"
    __thing__ = "scheme"
    __table_args__ = (sa.UniqueConstraint("county_code", "title", "number"),)

    county_code: Mapped[Code]
    """The city or county whose scheme it is."""
    title: Mapped[Name]
    number: Mapped[int]
    body: Mapped[dict[str, Any]]
    digest: Mapped[Digest]


class Assessment(Stateful):
    """One county's assessment of one year (年度考核)."""

    __tablename__ = "assessments"
    __thing__ = "assessment"
    __table_args__ = (sa.UniqueConstraint("county_code", "year"),)

    county_code: Mapped[Code]
    year: Mapped[int]
    scheme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("schemes.id"))
    base: Mapped[int | None]
    base_people: Mapped[list[str]] = mapped_column(default=list)
    """The persons with a posting in force on 31 December, kept with the result (R-ASSESS-4)."""
    ratio_percent: Mapped[int] = mapped_column(default=20)
    ratio_ground: Mapped[Line | None]
    ratio_approver: Mapped[Name | None]
    ratio_document: Mapped[Line | None]
    quota: Mapped[int | None]
    ties: Mapped[list[str]] = mapped_column(default=list)
    """The sheets that the last proposal left level at the quota's edge (R-ASSESS-5)."""
    tie_places: Mapped[int] = mapped_column(default=0)
    digest: Mapped[Digest | None]
    snapshot: Mapped[dict[str, Any] | None]
    """All that the decision rested on; its digest can be recomputed at any time (R-ASSESS-8)."""
    publicity_id: Mapped[UUID | None]

    scheme: Mapped[Scheme] = relationship()
    sheets: Mapped[list["Sheet"]] = relationship(back_populates="assessment", order_by="Sheet.person_id")


class Sheet(Stateful):
    """One commissioner's year: evidence, own words, opinions, scores, grade."""

    __tablename__ = "sheets"
    __thing__ = "sheet"
    keeps_county = True
    __table_args__ = (sa.UniqueConstraint("assessment_id", "person_id"),)

    county_code: Mapped[Code]
    assessment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("assessments.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    organisation_code: Mapped[Code | None]
    township_code: Mapped[Code | None]
    """The host: the township of the person's longest posting in the year."""
    nature: Mapped[Word]
    on_base: Mapped[bool] = mapped_column(default=False)
    """Posted on 31 December, so counted in the base (R-ASSESS-4)."""
    summary: Mapped[str | None] = mapped_column(sa.String(2000))
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What was assembled from records (`service/assessments/evidence.py` says its form); whole numbers and texts."""
    additions: Mapped[list[Any]] = mapped_column(default=list)
    """Paper and other evidence: text, reason, role of who added it, when (R-ASSESS-2)."""
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By item: hundredths of a point, and the reason."""
    scored_by: Mapped[UUID | None]
    total: Mapped[int | None]
    """Hundredths of a point."""
    proposed_grade: Mapped[Word | None]
    proposed_reason: Mapped[Line | None]
    grade: Mapped[Word | None]
    grade_reason: Mapped[str | None] = mapped_column(sa.String(2000))
    heard: Mapped[bool] = mapped_column(default=False)
    """Whether the person was heard before the grade was decided (R-ASSESS-6)."""
    decided_by: Mapped[UUID | None]

    assessment: Mapped[Assessment] = relationship(back_populates="sheets")
    person: Mapped[Person] = relationship()
    opinions: Mapped[list["Opinion"]] = relationship(order_by="(Opinion.created_at, Opinion.id)")


class Opinion(Identified):
    """The opinion of the host, a co-reviewing department or the dispatcher on a sheet (R-ASSESS-3)."""

    __tablename__ = "opinions"
    __thing__ = "opinion"
    __table_args__ = (sa.UniqueConstraint("sheet_id", "role", "author_id"),)

    county_code: Mapped[Code]
    sheet_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sheets.id"))
    role: Mapped[Word]
    author_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"))
    rating: Mapped[Word]
    text: Mapped[Words]
    at: Mapped[datetime]

    author: Mapped[Person] = relationship()


class Review(Stateful):
    """A request for review (复核) of a confirmed grade and the appeal (申诉) after it; the first result stays."""

    __tablename__ = "reviews"
    __thing__ = "review"
    __table_args__ = (sa.UniqueConstraint("sheet_id"),)

    county_code: Mapped[Code]
    sheet_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sheets.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    text: Mapped[Words]
    answer: Mapped[str | None] = mapped_column(sa.String(2000))
    appeal: Mapped[str | None] = mapped_column(sa.String(2000))
    decision: Mapped[str | None] = mapped_column(sa.String(2000))
