"""The journal becomes messages, and messages go to WeChat: each exactly once, but for a crash between send and mark."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from models.base import new_id
from models.identity import Person, WechatAccount
from models.journal import Beat, JournalEntry
from models.notifications import Message
from rules.policy import RETRY_LAST_S, TRIES_MAX
from rules.retries import wait_after
from service.content.queries import blocked
from service.core import alarms
from service.core.jobs import Job, Pause
from service.core.ports import SendRefused, WechatDown
from service.core.unit import House, UnitOfWork
from service.notifications import credits as ledger
from service.notifications.catalogue import CATALOGUE
from service.notifications.events import Case, cases
from service.notifications.notice import HOME, PAGES, Copy, Notice
from service.notifications.words import words

log = structlog.get_logger("tepai.worker")

BATCH, SENT = 500, "sent"
_QUIETLY = {"synchronize_session": False}


# ---- the journal becomes messages ----


@dataclass
class _Draft:
    case: Case
    title: str
    notice: Notice
    said: Mapping[str, Any]
    bodies: list[str] = field(default_factory=list)


def unfanned(uow: UnitOfWork) -> Sequence[UUID]:
    """List the journal entries that did not become messages yet, oldest first."""
    waiting = sa.select(JournalEntry.id).where(JournalEntry.fanned_at.is_(None)).order_by(JournalEntry.id)
    return uow.session.scalars(waiting.limit(20 * BATCH)).all()


def fan_out(uow: UnitOfWork, entry_id: UUID) -> None:
    """Turn one journal entry into messages; whoever comes second finds it done."""
    waiting = sa.update(JournalEntry).where(JournalEntry.id == entry_id, JournalEntry.fanned_at.is_(None))
    taken = uow.session.execute(waiting.values(fanned_at=uow.now).execution_options(**_QUIETLY))
    if not taken.rowcount:  # type: ignore[attr-defined]
        return
    entry = uow.session.get_one(JournalEntry, entry_id)
    drafts = _drafts(cases(uow, entry, CATALOGUE), entry.actor_id)
    there = _there(uow, {person for person, _ in drafts})
    rows = [_row(entry, person, kind, draft) for (person, kind), draft in drafts.items() if person in there]
    for template in {row["template"] for row in rows if row["template"]}:
        copied = [row for row in rows if row["template"] == template and row["account_id"] is None]
        granted = ledger.spend(uow, template, [row["person_id"] for row in copied])
        for row in copied:
            if row["person_id"] in granted:
                granted.discard(row["person_id"])
                row["wechat_state"] = "waiting"
    for row in rows:
        if row["account_id"] and row["template"] in entry.facts.get("device_credits", ()):
            row["wechat_state"] = "waiting"
    if rows:
        uow.session.execute(sa.insert(Message), rows)


def _drafts(found: Iterable[Case], actor: UUID | None) -> dict[tuple[UUID, str], _Draft]:
    """Bring together what each person hears of each kind; the acting person hears nothing."""
    drafts: dict[tuple[UUID, str], _Draft] = {}
    found = tuple(found)
    risky = blocked(found[0].uow, (one for case in found for one in _about(case))) if found else frozenset()
    for case in found:
        said, quiet = words(case), not risky.isdisjoint(_about(case))
        for notice in CATALOGUE[case.event.name]:
            for person, own in notice.hears(case).items():
                if person != actor:
                    copied = replace(notice, copy=None) if quiet else notice
                    _tell(drafts, person, copied, case, type(said)({**said, **own}))
    return drafts


def _about(case: Case) -> set[UUID]:
    """Give the things whose words the messages of a case may quote: what is risky goes out by no message (R-NEED-4)."""
    ids = (getattr(case.row, name, None) for name in ("id", "need_id", "round_id", "team_id"))
    return {one for one in ids if isinstance(one, UUID)}


def _tell(
    drafts: dict[tuple[UUID, str], _Draft], person: UUID, notice: Notice, case: Case, said: Mapping[str, Any]
) -> None:
    draft = drafts.setdefault((person, notice.kind), _Draft(case, notice.title.format_map(said), notice, said))
    draft.bodies.append(notice.body.format_map(said))


def _there(uow: UnitOfWork, people: set[UUID]) -> set[UUID]:
    known = sa.select(Person.id).where(Person.id.in_(people), Person.closed_at.is_(None))
    return set(uow.session.scalars(known)) if people else set()


def _row(entry: JournalEntry, person: UUID, kind: str, draft: _Draft) -> dict[str, Any]:
    copy = draft.notice.copy
    fields = _fields(copy, draft.said) if copy else None
    return {
        "id": new_id(),
        "county_code": entry.county_code,
        "entry_id": entry.id,
        "person_id": person,
        "kind": kind,
        "title": draft.title[:200],
        "body": "\n".join(dict.fromkeys(draft.bodies))[:2000],
        "thing": draft.case.event.thing,
        "subject_id": draft.case.event.subject_id,
        "at": entry.at,
        "template": copy.template if copy and fields else None,
        "account_id": draft.case.row.account_id if draft.notice.device else None,
        "fields": fields,
        "wechat_state": "none",
        "tries": 0,
    }


def _fields(copy: Copy, said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give a copy's values as JSON takes them; None where a word is missing, as WeChat takes no empty line."""
    values = {}
    for name, word in copy.fields.items():
        value = word.strip("'") if word.startswith("'") else said[word]
        if value is None or (value == "" and name != "reason"):
            return None
        if isinstance(value, datetime):
            value = {"time": value.isoformat()}
        elif isinstance(value, date):
            value = {"date": value.isoformat()}
        values[name] = value[:200] if isinstance(value, str) else value
    return values


# ---- messages go to WeChat ----


def _ready(now: datetime) -> sa.ColumnElement[bool]:
    """Tell what may be tried; a wait longer than any means that the clock went back."""
    after = Message.try_after
    over = sa.or_(after.is_(None), after <= now, after > now + timedelta(seconds=RETRY_LAST_S))
    return sa.and_(Message.wechat_state == "waiting", over)


def unsent(uow: UnitOfWork) -> Sequence[UUID]:
    """List the messages that WeChat should carry now; those that failed least come first."""
    ready = sa.select(Message.id).where(_ready(uow.now)).order_by(Message.tries, Message.id)
    return uow.session.scalars(ready.limit(BATCH)).all()


def send(uow: UnitOfWork, message_id: UUID) -> None:
    """Send one message: take it, commit, call WeChat outside any transaction, mark.

    The unit of work stays untouched: a mark that is rolled back would send the message again.

    :raises Pause: while WeChat is away or asks to wait.
    """
    house = uow.house
    tries = _take(house, message_id, uow.now)
    if tries is None:
        return
    with house.read(uow.actor, uow.trace) as reading:
        message = reading.session.get_one(Message, message_id)
        named = sa.and_(WechatAccount.id == message.account_id, WechatAccount.person_id.is_(None))
        whose = named if message.account_id else WechatAccount.person_id == message.person_id
        openid = reading.session.scalar(sa.select(WechatAccount.openid).where(whose))
    if openid is None or message.template is None:
        _mark(house, message_id, "none")
        return
    page = f"{PAGES.get(message.thing, HOME)}?id={message.subject_id}"
    try:
        house.ports.wechat.send(openid, message.template, _values(message.fields or {}), page)
    except SendRefused as refused:
        _refused(house, message, refused.why, tries)
    except WechatDown:
        _failed(house, message, tries, away=True)
        raise Pause from None
    except Exception as error:  # noqa: BLE001  (a message that breaks the client must not stop the others)
        log.warning("message failed", message=str(message_id), kind=type(error).__name__, tries=tries)
        _failed(house, message, tries)
    else:
        _mark(house, message_id, "sent")


def _take(house: House, message_id: UUID, now: datetime) -> int | None:
    """Count a try and keep others from the message until its wait is over. None if somebody else has it."""
    with house.engine.begin() as connection:
        tries = connection.scalar(
            sa.select(Message.tries).where(Message.id == message_id, _ready(now)).with_for_update()
        )
        if tries is None:
            return None
        mine = sa.update(Message).where(Message.id == message_id)
        if tries < TRIES_MAX:
            after = now + timedelta(seconds=max(60, wait_after(tries + 1)))
            connection.execute(mine.values(tries=tries + 1, try_after=after))
            return tries + 1
        connection.execute(mine.values(wechat_state="parked"))
    _alarm(house, message_id, "crashed")  # every try ended in a crash
    return None


def _refused(house: House, message: Message, why: str, tries: int) -> None:
    if why == "user":
        _mark(house, message.id, "refused")
        if message.template and message.account_id is None:  # one to an earlier WeChat cost nothing of today's
            with house.engine.begin() as connection:
                connection.execute(ledger.none_left(message.person_id, message.template))
    elif why == "fields":
        _park(house, message, why)
    else:
        log.warning("message refused", message=str(message.id), template=message.template, why=why)
        _failed(house, message, tries, away=why == "wait")
        if why == "wait":
            raise Pause


def _failed(house: House, message: Message, tries: int, *, away: bool = False) -> None:
    """Let a message wait, or park it after its last try.

    :param away: WeChat takes nothing now. Then no try is the last, however long it lasts, unless WeChat took another
        message within the longest wait: then it is this one that ails.
    """
    if tries >= TRIES_MAX and not (away and not _took_another(house)):
        _park(house, message, "tries")
        return
    after = house.clock.now() + timedelta(seconds=wait_after(tries))
    values = {"tries": min(tries, TRIES_MAX - 1), "try_after": after}
    with house.engine.begin() as connection:
        connection.execute(sa.update(Message).where(Message.id == message.id).values(values))


def _took_another(house: House) -> bool:
    with house.reader.connect() as connection:
        last = connection.scalar(sa.select(Beat.at).where(Beat.name == SENT))
    return last is not None and abs(house.clock.now() - last) < timedelta(seconds=RETRY_LAST_S)


def _park(house: House, message: Message, why: str) -> None:
    """Stop trying; WeChat did not take the user's credit."""
    _mark(house, message.id, "parked")
    if message.template and message.account_id is None and message.template not in house.ports.account.lasting:
        with house.engine.begin() as connection:
            connection.execute(ledger.spent_in_vain(message.person_id, message.template, message.at))
    _alarm(house, message.id, why)


def _alarm(house: House, message_id: UUID, why: str) -> None:
    log.error("message parked", message=str(message_id), why=why)
    alarms.parked(house, SEND.name, SEND.says, str(message_id))


def _mark(house: House, message_id: UUID, state: str) -> None:
    with house.engine.begin() as connection:
        connection.execute(
            sa.update(Message).where(Message.id == message_id).values(wechat_state=state, try_after=None)
        )
        if state == "sent":
            values = {"at": house.clock.now(), "facts": {}}
            if not connection.execute(sa.update(Beat).where(Beat.name == SENT).values(values)).rowcount:
                connection.execute(sa.insert(Beat).values(name=SENT, **values))


def _values(fields: Mapping[str, Any]) -> dict[str, str | int | date]:
    """Give a copy's values as WeChat's room takes them: texts, numbers, dates, aware times."""
    found: dict[str, str | int | date] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            kind, text = next(iter(value.items()))
            found[name] = datetime.fromisoformat(text) if kind == "time" else date.fromisoformat(text)
        else:
            found[name] = value
    return found


SEND = Job("send", 2, "站内消息经微信发出", unsent, send)
JOBS = (Job("fan_out", 2, "日志变为站内消息", unfanned, fan_out), SEND)
