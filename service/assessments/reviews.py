"""Requests for review (复核) and appeals (申诉); the first result stays on record for ever (R-ASSESS-3)."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.assessments import Review, Sheet
from models.base import new_id
from service.assessments.queries import NotConfirmed
from service.core import gate, moves
from service.core.paging import Ask, Page, page
from service.core.problems import Conflict, IdTaken
from service.core.unit import UnitOfWork


@dataclass(frozen=True)
class ReviewForm:
    """Why somebody wants their grade looked at again."""

    text: str
    id: UUID | None = None


def request(uow: UnitOfWork, sheet_id: UUID, form: ReviewForm) -> Review:
    """Ask for a review of one's own confirmed grade, once.

    :raises NotConfirmed: before the grade stands.
    """
    sheet = gate.fetch(uow, Sheet, sheet_id, "sheet.edit", lock=True)
    if sheet.assessment.state != "confirmed":
        raise NotConfirmed
    if form.id and uow.session.get(Review, form.id):
        raise IdTaken
    if uow.session.scalar(sa.select(Review.id).where(Review.sheet_id == sheet.id)) is not None:
        raise Conflict("已申请过复核")
    review = Review(
        id=form.id or new_id(),
        county_code=sheet.county_code,
        sheet_id=sheet.id,
        person_id=sheet.person_id,
        text=form.text,
    )
    moves.start(uow, review, year=sheet.assessment.year, sheet=str(sheet.id))
    gate.hand_out(uow, [review])
    return review


def answer(uow: UnitOfWork, review_id: UUID, *, text: str) -> Review:
    """Answer a request for review, as the county."""
    return _written(uow, review_id, "answer", "answer", text)


def appeal(uow: UnitOfWork, review_id: UUID, *, text: str) -> Review:
    """Appeal to the city against the county's answer."""
    return _written(uow, review_id, "appeal", "appeal", text)


def decide(uow: UnitOfWork, review_id: UUID, *, text: str) -> Review:
    """Decide an appeal, as the city."""
    return _written(uow, review_id, "decide", "decision", text)


def _written(uow: UnitOfWork, review_id: UUID, move: str, column: str, text: str) -> Review:
    review = gate.fetch(uow, Review, review_id, f"review.{move}", lock=True)
    moves.apply(uow, review, move, sheet=str(review.sheet_id))
    setattr(review, column, text)
    gate.hand_out(uow, [review])
    return review


def reviews(uow: UnitOfWork, ask: Ask, *, state: str | None = None) -> Page[Review]:
    """List requests for review in the actor's jurisdiction, newest first; a commissioner's own."""
    statement = gate.select(uow, Review)
    if state:
        statement = statement.where(Review.state == state)
    return page(statement, (Review.created_at, Review.id), ask, lambda s: gate.rows(uow, s))


def review(uow: UnitOfWork, review_id: UUID) -> Review:
    """Give one request for review."""
    return gate.fetch(uow, Review, review_id)
