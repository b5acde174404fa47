"""WeChat is asked right after a submission; nothing waits for it longer than half an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from models.content import ContentCheck
from models.identity import WechatAccount
from rules import content as rules
from rules.policy import CONTENT_ANSWER_MINUTES
from service.content import commands, links
from service.core.jobs import Job
from service.core.ports import AuthorAway, Verdict, WechatDown
from service.core.unit import House, UnitOfWork

BATCH = 500


@dataclass(frozen=True)
class _Asked:
    """What is asked about, as it was read before the call."""

    subject: str
    subject_id: UUID
    text: str
    digest: str
    openid: str


def unasked(uow: UnitOfWork) -> Sequence[UUID]:
    """List what nobody asked WeChat about yet, oldest first."""
    waiting = sa.select(ContentCheck.id).where(ContentCheck.state == "waiting", ContentCheck.asked_at.is_(None))
    return uow.session.scalars(waiting.order_by(ContentCheck.id).limit(BATCH)).all()


def check(uow: UnitOfWork, check_id: UUID) -> None:
    """Ask WeChat about one thing, then write down what came of it.

    The call is made before the unit of work's transaction begins. What was changed meanwhile is asked about anew; a
    crash in between asks twice, which changes nothing.
    """
    asked = _read(uow, check_id)
    try:
        answer: Verdict | str = _ask(uow.house, asked)
    except AuthorAway:
        answer = rules.ABSENT
    except WechatDown:
        answer = rules.DOWN
    row = _locked(uow, check_id)
    if row.state != "waiting" or row.digest != asked.digest:
        return
    if isinstance(answer, str):
        commands.hold(uow, row, answer)
    elif answer.suggest:
        row.trace_id = answer.trace_id or None
        commands.conclude(uow, row, answer.suggest, answer.label)
    else:
        row.trace_id, row.asked_at = answer.trace_id, uow.now
        uow.record("content.ask", row, [{"thing": "content", "id": str(row.id), "fields": ["asked_at"]}])


def _locked(uow: UnitOfWork, check_id: UUID) -> ContentCheck:
    return uow.session.get_one(ContentCheck, check_id, with_for_update=True)


def _read(uow: UnitOfWork, check_id: UUID) -> _Asked:
    with uow.house.read(uow.actor, uow.trace) as reading:
        row = reading.session.get_one(ContentCheck, check_id)
        account = sa.select(WechatAccount.openid).where(WechatAccount.person_id == row.author_id)
        openid = reading.session.scalar(account) if row.author_id else None
        return _Asked(row.subject, row.subject_id, row.text, row.digest, openid or "")


def _ask(house: House, asked: _Asked) -> Verdict:
    """Give the worst verdict on the pieces of a text; of a picture the trace id alone, as its verdict comes later."""
    if not asked.openid:
        raise AuthorAway
    wechat, scene = house.ports.wechat, rules.SCENES[asked.subject]
    if asked.subject == "photo":
        url = house.settings.public_url + links.address(house, asked.subject_id)
        return Verdict(wechat.check_picture(url, scene, asked.openid), "", "")
    found: dict[str, Verdict] = {}
    for piece in rules.pieces(asked.text):
        one = wechat.check_text(piece, scene, asked.openid)
        found.setdefault(one.suggest, one)
        if one.suggest == "risky":
            break
    return found[rules.worst(found)]


def unanswered(uow: UnitOfWork) -> Sequence[UUID]:
    """List what has waited for a verdict longer than WeChat takes."""
    since = sa.func.coalesce(ContentCheck.asked_at, ContentCheck.state_since)
    late = since <= uow.now - timedelta(minutes=CONTENT_ANSWER_MINUTES)
    waiting = sa.select(ContentCheck.id).where(ContentCheck.state == "waiting", late)
    return uow.session.scalars(waiting.order_by(ContentCheck.id).limit(BATCH)).all()


def give_up(uow: UnitOfWork, check_id: UUID) -> None:
    """Leave to a person what WeChat did not answer."""
    row = _locked(uow, check_id)
    if row.state == "waiting":
        commands.hold(uow, row, rules.SILENT)


JOBS = (
    Job("check_content", 2, "提交的内容送微信检测", unasked, check),
    Job("hold_content", 60, "微信逾期未答复的内容转人工", unanswered, give_up),
)
