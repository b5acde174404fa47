"""Invite a registered person, bind a WeChat user to them; verify, refuse, suspend, resume, retire (quality.md §5)."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import Binding, Invitation, Person, Session, WechatAccount
from models.notifications import Accept, Credit
from rules import identity as rules
from rules.access import BINDING_NEEDS_APPROVAL
from rules.policy import APPROVAL_COOLING_HOURS, INVITATION_TRIES
from service.core import gate, limits, moves
from service.core.ports import CodeRefused
from service.core.problems import Conflict, Forbidden, Invalid, NotFound
from service.core.unit import UnitOfWork
from service.identity import queries

CODE_PAGE = "pages/bind/index"
"""The page of the mini-program that a scanned invitation opens, with `i=<invitation>` as its scene."""
ENDS = {"claimed": "reject", "bound": "retire", "suspended": "retire"}
"""By which move a binding ends that may act, or act again."""
REPLACED = "此人已在另一微信上申请绑定"
_QUIETLY = {"synchronize_session": False}


class InvitationRefused(Invalid):
    """The invitation does not bind."""

    kind, title = "invitation-refused", "邀请码无效"


class AlreadyBound(Conflict):
    """This WeChat user is somebody already."""

    kind, title = "already-bound", "此微信已绑定身份"


# ---- invitations ----


def invite(uow: UnitOfWork, person_id: UUID) -> dict[str, Any]:
    """Make a single-use invitation for a registered person; earlier unused ones end. The code is shown this once."""
    person = queries.present(uow, person_id, "invitation.create", lock=True)
    unused = sa.update(Invitation).where(Invitation.person_id == person.id, Invitation.used_at.is_(None))
    uow.session.execute(unused.values(tries_left=0))
    code = secrets.token_hex(10)
    invitation = Invitation(
        id=new_id(),
        person_id=person.id,
        code_digest=uow.vault.digest("invitation", code),
        invited_by=uow.actor.person_id,
        created_at=uow.now,
        expires_at=uow.now + timedelta(hours=uow.settings.invitation_hours),
        tries_left=INVITATION_TRIES,
    )
    uow.session.add(invitation)
    uow.record("person.invite", person, [{"thing": "invitation", "id": str(invitation.id), "from": None, "to": "open"}])
    return {"id": invitation.id, "person": person.id, "invitation": code, "expires_at": invitation.expires_at}


def invitation_code(uow: UnitOfWork, invitation: str) -> bytes:
    """Give the PNG to scan of an invitation that still binds; whoever shows the secret knows it, we do not keep it.

    :raises InvitationRefused: if it is not one, or does not bind any more.
    :raises NotFound: if it was made for somebody outside the actor's jurisdiction.
    :raises WechatDown: if WeChat cannot draw it; the invitation itself stays as it is.
    """
    code = invitation.strip().lower()
    with uow.house.read(uow.actor, uow.trace) as reading:  # over before WeChat is asked
        found = _of_digest(reading, uow.vault.digest("invitation", code))
        gate.fetch(reading, Person, found.person_id, "invitation.create")
        if wrong := _judged(uow, found, tries_left=found.tries_left):
            raise InvitationRefused(wrong, errors={"invitation": [wrong]})
    return uow.ports.wechat.code_image(f"i={code}", CODE_PAGE)


def _of_digest(uow: UnitOfWork, digest: str) -> Invitation:
    found = uow.session.scalar(sa.select(Invitation).where(Invitation.code_digest == digest))
    if found is None:
        raise InvitationRefused(errors={"invitation": ["邀请码无效"]})
    return found


def _judged(uow: UnitOfWork, found: Invitation, *, tries_left: int, phone_matches: bool | None = None) -> str | None:
    return rules.judge_invitation(
        expires_at=found.expires_at,
        used=found.used_at is not None,
        tries_left=tries_left,
        now=uow.now,
        phone_matches=phone_matches,
    )


# ---- binding ----


def bind(uow: UnitOfWork, invitation: str, phone_code: str | None = None) -> dict[str, Any]:
    """Bind this WeChat user to the person who was invited; another WeChat of theirs is out at once.

    Bound at once only for a commissioner who showed the registered phone; everybody else waits for a second person.

    :raises InvitationRefused: if the invitation is unknown, used, expired, used up, or the phone is another.
    :raises AlreadyBound: if this WeChat user is bound already.
    """
    account_id = uow.actor.account_id
    if account_id is None:
        raise Forbidden("请先用微信登录")
    limits.count(uow.house, f"bind {account_id}", limit=INVITATION_TRIES, minutes=15)
    phone = _shown_phone(uow, account_id, phone_code)
    digest = uow.vault.digest("invitation", invitation.strip().lower())
    took = _take_try(uow, digest)
    account = uow.session.get_one(WechatAccount, account_id, with_for_update=True)
    if account.person_id is not None:
        raise AlreadyBound
    person, found = _invited(uow, digest, phone, took=took)
    found.used_at = uow.now
    shown = phone is not None and person.phone_index is not None
    binding = Binding(
        id=new_id(), county_code=person.county_code, account_id=account.id, person_id=person.id, phone_shown=shown
    )
    _claim(uow, binding, account, found.invited_by)
    roles = {grant.role for grant in person.grants if grant.state in {"proposed", "active"}}
    if shown and not roles & BINDING_NEEDS_APPROVAL:
        _in_force(uow, moves.apply(uow, binding, "approve"))
    held = queries.held_roles(uow, person.id) if binding.state == "bound" else ()
    return {"state": binding.state, "person": person, "held": held, "binding": binding.id}


def _shown_phone(uow: UnitOfWork, account_id: UUID, phone_code: str | None) -> str | None:
    """Ask WeChat for the phone behind a code, with the openid so it must be this user's; no transaction is open."""
    with uow.house.read(uow.actor, uow.trace) as reading:
        account = reading.session.get_one(WechatAccount, account_id)
    if account.person_id is not None:
        raise AlreadyBound
    try:
        return uow.ports.wechat.phone_number(phone_code, account.openid) if phone_code else None
    except CodeRefused:
        raise Invalid(errors={"phone_code": ["手机号凭证无效、已使用，或不属于此微信"]}) from None


def _take_try(uow: UnitOfWork, digest: str) -> bool:
    """Take one of the invitation's tries, in a transaction of its own, so that a refusal does not undo it and of many
    tries at once none is free. Says whether there was one.
    """
    living = sa.and_(Invitation.code_digest == digest, Invitation.tries_left > 0, Invitation.used_at.is_(None))
    with uow.house.engine.begin() as connection:
        taken = connection.execute(sa.update(Invitation).where(living).values(tries_left=Invitation.tries_left - 1))
    return bool(taken.rowcount)


def _invited(uow: UnitOfWork, digest: str, phone: str | None, *, took: bool) -> tuple[Person, Invitation]:
    """Give the person and the invitation, both held until the end; binding one person goes one after another."""
    person = uow.session.get_one(Person, _of_digest(uow, digest).person_id, with_for_update=True)
    held = sa.select(Invitation).where(Invitation.code_digest == digest).with_for_update()
    found = uow.session.scalars(held.execution_options(populate_existing=True)).one()
    matches = None
    if phone is not None and person.phone_index is not None:
        matches = uow.vault.digest("phone", phone) == person.phone_index
    wrong = _judged(uow, found, tries_left=found.tries_left + took, phone_matches=matches)
    if wrong:
        if matches is False:
            _note_mismatch(uow, person, found)
        raise InvitationRefused(wrong, errors={"phone_code" if matches is False else "invitation": [wrong]})
    return person, found


def _note_mismatch(uow: UnitOfWork, person: Person, invitation: Invitation) -> None:
    """Journal that somebody with another phone showed the invitation; the refusal does not undo it."""
    change = {"thing": "invitation", "id": str(invitation.id), "tries_left": invitation.tries_left}
    whose, inviter = person.id, str(invitation.invited_by or "")
    uow.rollback()
    with uow.house.write(uow.actor, uow.trace) as noting:
        noting.record("person.mismatch", noting.session.get_one(Person, whose), [change], inviter=inviter)


def _claim(uow: UnitOfWork, binding: Binding, account: WechatAccount, invited_by: UUID | None) -> None:
    """Put the new binding in the place of what the person had, and give them this user's sessions."""
    uow.record("binding.claim", binding)
    earlier = sa.select(Binding).where(Binding.person_id == binding.person_id, Binding.state.in_(ENDS))
    for one in uow.session.scalars(earlier.order_by(Binding.id)).all():
        moves.apply(uow, one, ENDS[one.state], REPLACED)
    left = _release(uow, binding.person_id)
    account.person_id = binding.person_id
    moves.start(uow, binding, action="binding.claim", device_credits=left)
    makers = {"create": binding.person_id} | ({"invite": invited_by} if invited_by else {})
    binding.moved_by = {name: str(maker) for name, maker in makers.items()}
    mine = sa.update(Session).where(Session.account_id == account.id, Session.ended_at.is_(None))
    uow.session.execute(mine.values(person_id=binding.person_id).execution_options(**_QUIETLY))
    uow.session.flush()


def _release(uow: UnitOfWork, person_id: UUID) -> list[str]:
    """Part the person from their WeChat user and end all their sessions.

    :returns: the templates of which that user would still take a message: their last one can tell them why.
    """
    for account in uow.session.scalars(sa.select(WechatAccount).where(WechatAccount.person_id == person_id)):
        account.person_id = None
    uow.session.flush()
    living = sa.update(Session).where(Session.person_id == person_id, Session.ended_at.is_(None))
    uow.session.execute(living.values(ended_at=uow.now).execution_options(**_QUIETLY))
    mine = Credit.person_id == person_id
    left = uow.session.scalars(sa.select(Credit.template).where(mine, Credit.count > 0).with_for_update()).all()
    uow.session.execute(sa.delete(Credit).where(mine).execution_options(**_QUIETLY))
    uow.session.execute(sa.delete(Accept).where(Accept.person_id == person_id).execution_options(**_QUIETLY))
    return sorted(left)


def _in_force(uow: UnitOfWork, binding: Binding) -> None:
    """Note when the binding came into force; unless it is the person's first, its owner approves nothing for a day."""
    before = sa.select(Binding.id).where(Binding.person_id == binding.person_id, Binding.bound_at.is_not(None))
    again = uow.session.scalar(before.limit(1)) is not None
    binding.cools_until = uow.now + timedelta(hours=APPROVAL_COOLING_HOURS) if again else None
    binding.bound_at = uow.now


# ---- what staff decide ----


def approve(uow: UnitOfWork, binding_id: UUID) -> Binding:
    """Verify a claimed binding as a second person; the roles act from now on."""
    return approved(uow, gate.fetch(uow, Binding, binding_id, "binding.approve"))


def approved(uow: UnitOfWork, binding: Binding) -> Binding:
    """Put a claimed binding into force."""
    _in_force(uow, moves.apply(uow, binding, "approve"))
    return _shown(uow, binding)


def reject(uow: UnitOfWork, binding_id: UUID, reason: str) -> Binding:
    """Refuse a claimed binding; the WeChat user is a visitor again. The way back is another invitation."""
    return _end(uow, gate.fetch(uow, Binding, binding_id, "binding.reject"), "reject", reason)


def suspend(uow: UnitOfWork, binding_id: UUID, reason: str) -> Binding:
    """Stop a binding at once, for example when a phone was lost; all its sessions end."""
    return _end(uow, gate.fetch(uow, Binding, binding_id, "binding.suspend"), "suspend", reason)


def resume(uow: UnitOfWork, binding_id: UUID) -> Binding:
    """Let a suspended binding act again, as another person than the one who suspended it.

    :raises Conflict: if the person or the WeChat user was bound otherwise meanwhile.
    """
    binding = gate.fetch(uow, Binding, binding_id, "binding.resume")
    account = uow.session.get_one(WechatAccount, binding.account_id, with_for_update=True)
    other = sa.select(WechatAccount.id).where(WechatAccount.person_id == binding.person_id)
    if binding.state == "suspended" and (account.person_id is not None or uow.session.scalar(other) is not None):
        raise Conflict("此人或此微信已另行绑定")
    _in_force(uow, moves.apply(uow, binding, "resume"))
    account.person_id = binding.person_id
    return _shown(uow, binding)


def retire(uow: UnitOfWork, binding_id: UUID, reason: str) -> Binding:
    """End a binding for good. The way back is another invitation and another approval."""
    return _end(uow, gate.fetch(uow, Binding, binding_id, "binding.retire"), "retire", reason)


def _end(uow: UnitOfWork, binding: Binding, move: str, reason: str) -> Binding:
    """Make the move and release the person where this WeChat user still is them."""
    moves.apply(uow, binding, move, reason)
    if uow.session.get_one(WechatAccount, binding.account_id).person_id == binding.person_id:
        uow.record(f"binding.{move}", binding, device_credits=_release(uow, binding.person_id))
    return _shown(uow, binding)


def _shown(uow: UnitOfWork, binding: Binding) -> Binding:
    uow.session.flush()
    return queries.shown(uow, [binding])[0]


def mine(uow: UnitOfWork) -> Binding:
    """Give what became of the last binding that this WeChat user asked for.

    :raises NotFound: if they never did.
    """
    latest = sa.select(Binding).where(Binding.account_id == uow.actor.account_id).limit(1)
    found = uow.session.scalar(latest.order_by(Binding.created_at.desc(), Binding.id.desc()))
    if found is None:
        raise NotFound("此微信没有申请过绑定")
    return found
