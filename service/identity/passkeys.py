"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is one.

A challenge is made, not stored: by the vault's key from the session, the number of ceremonies that succeeded in it, and
five minutes of the clock. So a page can show it without writing anything, and each opens once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import sqlalchemy as sa
import webauthn
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

from models.identity import Factor, Person, Session
from service.core.unit import UnitOfWork

NAME = "特派工作台"
WINDOW_S = 300
CREDENTIAL_BYTES_MAX = 1023  # WebAuthn §4: a credential id is at most so long
_QUIETLY = {"synchronize_session": False}


@dataclass(frozen=True)
class Site:
    """Where the console stands, as browsers bind passkeys to it."""

    host: str
    origin: str

    @property
    def passkeys(self) -> bool:
        """Say whether a passkey can be bound to this host: to a name it can, to a bare address not."""
        try:
            ip_address(self.host.strip("[]"))
        except ValueError:
            return True
        return False


def creation(uow: UnitOfWork, site: Site, session: Session, person: Person, known: Sequence[Factor]) -> str:
    """Give the options of `navigator.credentials.create`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=NAME,
        user_name=person.name,
        user_id=person.id.bytes,
        challenge=_challenges(uow, session)[0],
        exclude_credentials=_descriptors(known),
    )
    return webauthn.options_to_json(options)


def request(uow: UnitOfWork, site: Site, session: Session, known: Sequence[Factor]) -> str:
    """Give the options of `navigator.credentials.get`, as JSON; empty if there is no passkey to ask for."""
    allowed = _descriptors(known)
    if not allowed:
        return ""
    options = webauthn.generate_authentication_options(
        rp_id=site.host, challenge=_challenges(uow, session)[0], allow_credentials=allowed
    )
    return webauthn.options_to_json(options)


def made(uow: UnitOfWork, site: Site, session: Session, credential: str) -> tuple[bytes, bytes, int] | None:
    """Give id, public key and signature count of a new passkey; None if the answer is none to our question."""
    for challenge in _challenges(uow, session):
        try:
            found = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
            )
        except Exception:  # noqa: BLE001, S112  (whatever a forged answer breaks in the library, it is refused)
            continue
        if len(found.credential_id) > CREDENTIAL_BYTES_MAX or not _spend(uow, session):
            return None
        return found.credential_id, found.credential_public_key, found.sign_count
    return None


def check(uow: UnitOfWork, site: Site, session: Session, person: Person, credential: str) -> bool:
    """Say whether a passkey of this person answered; a signature count that did not grow is a copy's (bar 23)."""
    factor = _named(uow, person, credential)
    if factor is None or factor.public_key is None:
        return False
    for challenge in _challenges(uow, session):
        try:
            found = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=factor.public_key,
                credential_current_sign_count=factor.counter,
            )
        except Exception:  # noqa: BLE001, S112  (whatever a forged answer breaks in the library, it is refused)
            continue
        same = sa.update(Factor).where(Factor.id == factor.id, Factor.counter == factor.counter)
        moved = uow.session.execute(same.values(counter=found.new_sign_count).execution_options(**_QUIETLY))
        return bool(moved.rowcount) and _spend(uow, session)  # type: ignore[attr-defined]
    return False


def _named(uow: UnitOfWork, person: Person, credential: str) -> Factor | None:
    try:
        key = parse_authentication_credential_json(credential).raw_id
    except Exception:  # noqa: BLE001  (whatever a forged answer breaks in the library, it is refused)
        return None
    return uow.session.scalar(
        sa.select(Factor).where(Factor.person_id == person.id, Factor.kind == "passkey", Factor.credential_id == key)
    )


def _spend(uow: UnitOfWork, session: Session) -> bool:
    """Use the session's challenge up; of two answers to it one wins."""
    same = sa.update(Session).where(Session.id == session.id, Session.ceremony == session.ceremony)
    spent = uow.session.execute(same.values(ceremony=session.ceremony + 1).execution_options(**_QUIETLY))
    return bool(spent.rowcount)  # type: ignore[attr-defined]


def _challenges(uow: UnitOfWork, session: Session) -> list[bytes]:
    """Give the challenge that is asked now and the one of the five minutes before."""
    window = int(uow.now.timestamp()) // WINDOW_S
    texts = (f"{session.id} {session.ceremony} {at}" for at in (window, window - 1))
    return [bytes.fromhex(uow.vault.digest("passkey challenge", text)) for text in texts]


def _descriptors(known: Sequence[Factor]) -> list[Any]:
    return [PublicKeyCredentialDescriptor(id=one.credential_id) for one in known if one.credential_id]
