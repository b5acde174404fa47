"""Hand content in for its check, take WeChat's verdict, decide as a person."""

from uuid import UUID

import sqlalchemy as sa

from models.base import Identified, new_id
from models.content import ContentCheck
from rules import content as rules
from service.content import queries
from service.core import gate, moves
from service.core.ports import Event
from service.core.unit import UnitOfWork
from service.core.vault import sha256_of


class VerdictEarly(Exception):
    """Nobody asked under this trace id yet: WeChat's push was faster than its own answer. Try again in a moment."""


def submit(uow: UnitOfWork, subject: Identified, title: str, *texts: str | None, county: str, digest: str = "") -> None:
    """Have what strangers will see of a thing checked, within the command that makes it public later.

    WeChat is asked by a job after the commit. Content that did not change keeps what was said of it; only what could
    not be checked is asked about again.

    :param county: whose staff decide where WeChat lets it not pass.
    :param digest: of the picture, where the content is one.
    """
    text = "\n".join(one for one in texts if one)
    digest = digest or sha256_of([subject.__thing__, text])
    check = _of(uow, subject)
    fresh = check is None
    if check is None:
        check = ContentCheck(id=new_id(), subject=subject.__thing__, subject_id=subject.id)
    elif check.digest == digest and check.state != "unavailable":
        return
    check.county_code, check.author_id, check.title = county, uow.actor.person_id, title[:200]
    check.text, check.digest = text, digest
    check.label = check.why = check.trace_id = check.asked_at = None
    check.vouched = False
    if fresh:
        moves.start(uow, check)
    else:
        moves.apply(uow, check, "recheck")


def vouch(uow: UnitOfWork, subject: Identified) -> None:
    """Note that another person than the author read and approved a thing.

    That is the human check of what WeChat does not judge because its author was not there (61010), and of nothing
    else: what it doubts, or could not check for another reason, waits for a decision of its own.
    """
    check = _of(uow, subject)
    if check is None:
        return
    if check.state == "waiting":
        check.vouched = True
        uow.record("content.vouch", check, [{"thing": "content", "id": str(check.id), "fields": ["vouched"]}])
    elif check.state == "unavailable" and check.label == rules.ABSENT:
        moves.apply(uow, check, "vouch", "审核人已审核内容")


def _of(uow: UnitOfWork, subject: Identified) -> ContentCheck | None:
    mine = sa.select(ContentCheck).where(
        ContentCheck.subject == subject.__thing__, ContentCheck.subject_id == subject.id
    )
    return uow.session.scalar(mine.with_for_update())


def conclude(uow: UnitOfWork, check: ContentCheck, suggest: str, label: str) -> None:
    """Take WeChat's opinion of a waiting check."""
    check.label, check.why = label, rules.why(suggest, label)
    moves.apply(uow, check, rules.MOVES.get(suggest, "doubt"), check.why)


def hold(uow: UnitOfWork, check: ContentCheck, cause: str) -> None:
    """Leave a waiting check to a person, as WeChat gave no opinion.

    :param cause: ABSENT, DOWN or SILENT of `rules/content.py`.
    """
    check.label, check.why = cause, rules.CAUSES[cause]
    if cause == rules.ABSENT and check.vouched:
        moves.apply(uow, check, "vouch", "审核人已审核内容")
    else:
        moves.apply(uow, check, "hold", check.why)


def verdict(uow: UnitOfWork, trace_id: str, suggest: str, label: str) -> None:
    """Take the verdict that WeChat pushes for a picture (`wxa_media_check`); a second telling changes nothing.

    :raises VerdictEarly: if the check's own answer is not stored yet.
    """
    found = sa.select(ContentCheck).where(ContentCheck.trace_id == trace_id).with_for_update()
    check = uow.session.scalar(found)
    if check is None:
        raise VerdictEarly
    if check.state == "waiting":
        conclude(uow, check, suggest, label)


def heard(uow: UnitOfWork, event: Event) -> None:
    """Take the verdict of a pushed event."""
    if event.verdict is not None:
        verdict(uow, event.verdict.trace_id, event.verdict.suggest, event.verdict.label)


def release(uow: UnitOfWork, content_id: UUID, reason: str) -> ContentCheck:
    """Let strangers see what WeChat did not let pass, as somebody else than its author, with a reason."""
    return _decide(uow, content_id, "release", reason)


def reject(uow: UnitOfWork, content_id: UUID, reason: str) -> ContentCheck:
    """Keep content from strangers, with a reason that its author reads."""
    return _decide(uow, content_id, "reject", reason)


def _decide(uow: UnitOfWork, content_id: UUID, name: str, reason: str) -> ContentCheck:
    check = gate.fetch(uow, ContentCheck, content_id, f"content.{name}", lock=True)
    moves.apply(uow, check, name, reason)
    return queries.shown_to_staff(uow, [check])[0]
