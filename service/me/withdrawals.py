"""What a user takes back in WeChat itself goes here as well (PIPL; wechat.md §B.5): consents, or the whole account."""

from typing import Any

import sqlalchemy as sa

from models.base import new_id
from models.identity import Binding, Consent, Session, WechatAccount
from rules.policy import CONSENT_VERSIONS
from service.core import moves
from service.core.ports import Event
from service.core.unit import Actor, UnitOfWork
from service.identity import queries as identity
from service.me import closing, erasure

REASON = "本人在微信中注销账号"
_QUIETLY = {"synchronize_session": False}


def revoked(uow: UnitOfWork, event: Event) -> None:
    """Withdraw the consents that the user took back, and remove at once what no open assessment needs (R-VISIT-8).

    What one still needs goes by a job when it is done. Only of the person to whom this WeChat is verifiably bound.
    """
    person = identity.behind(uow, event.openid)
    if person is None or person.closed_at is not None or not event.revoked:
        return
    uow.actor = Actor("person", person.id)
    changes: list[dict[str, Any]] = []
    for purpose in sorted(event.revoked):
        version = CONSENT_VERSIONS.get(purpose, "wechat")
        word = {"person_id": person.id, "purpose": purpose, "text_version": version, "given": False, "at": uow.now}
        uow.session.add(Consent(id=new_id(), **word))
        changes.append({"thing": "consent", "id": purpose, "from": None, "to": False})
    uow.session.flush()
    if "phone" in event.revoked and person.phone_sealed is not None:
        person.phone_sealed = person.phone_index = None
        person.version += 1
        changes.append({"thing": "person", "id": str(person.id), "fields": ["contact"]})
    if "location" in event.revoked:
        changes += erasure.drop_locations(uow, person.id)
    if "photos" in event.revoked:
        changes += erasure.drop_photos(uow, person.id, before=uow.now)
    uow.record("person.withdraw", person, changes)


def cancelled(uow: UnitOfWork, event: Event) -> None:
    """Close the account of a user who ended theirs in WeChat.

    Also of the last administrator: the law asks, and the operator at the host can make a new one. A WeChat that was
    claimed for a person and never verified closes nobody's account; it is forgotten, as a stranger's is.
    """
    account = uow.session.scalar(sa.select(WechatAccount).where(WechatAccount.openid == event.openid))
    if account is None:
        return
    person = identity.behind(uow, event.openid)
    if person is not None:
        uow.actor = Actor("person", person.id, account.id)
        closing.end(uow, person, REASON)
        return
    _forget_claim(uow, account)
    _forget_stranger(uow, account)


def _forget_claim(uow: UnitOfWork, account: WechatAccount) -> None:
    claimed = sa.select(Binding).where(Binding.account_id == account.id, Binding.state == "claimed")
    for binding in uow.session.scalars(claimed.order_by(Binding.id).with_for_update(of=Binding)).all():
        moves.apply(uow, binding, "reject", REASON)


def _forget_stranger(uow: UnitOfWork, account: WechatAccount) -> None:
    """Leave nothing that leads to a WeChat user; the row stays, as bindings and sessions refer to it."""
    gone = {"openid": f"closed:{account.id.hex}", "person_id": None}
    mine = sa.update(WechatAccount).where(WechatAccount.id == account.id).values(**gone)
    uow.session.execute(mine.execution_options(**_QUIETLY))
    living = sa.update(Session).where(Session.account_id == account.id, Session.ended_at.is_(None))
    uow.session.execute(living.values(ended_at=uow.now).execution_options(**_QUIETLY))
