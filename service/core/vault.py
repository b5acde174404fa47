"""Encryption of personal fields, keyed digests to find them by, and fresh secrets."""

import hashlib
import hmac
import json
import os
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ALGORITHM = b"\x01"  # AES-256-GCM under a key derived per purpose; a later algorithm gets the next number


class Vault:
    """Holds the secret key; everything that needs it goes through here."""

    def __init__(self, secret_key: bytes) -> None:
        self._keys = {name: self._derive(secret_key, name) for name in ("seal", "digest")}

    @staticmethod
    def _derive(secret_key: bytes, purpose: str) -> bytes:
        return HKDF(hashes.SHA256(), 32, None, b"tepai " + purpose.encode()).derive(secret_key)

    def seal(self, text: str) -> bytes:
        """Encrypt a personal text for storage."""
        nonce = os.urandom(12)
        return _ALGORITHM + nonce + AESGCM(self._keys["seal"]).encrypt(nonce, text.encode(), _ALGORITHM)

    def unseal(self, sealed: bytes) -> str:
        """Give back what `seal` took.

        :raises cryptography.exceptions.InvalidTag: if it was changed or another key made it.
        """
        return AESGCM(self._keys["seal"]).decrypt(sealed[1:13], sealed[13:], sealed[:1]).decode()

    def digest(self, kind: str, text: str) -> str:
        """Give a keyed digest (64 hex digits): finds an equal text, tells nothing of it without the key."""
        return hmac.new(self._keys["digest"], f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()


def fresh_token() -> str:
    """Make an unguessable token of 256 bits."""
    return secrets.token_urlsafe(32)


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def canonical(value: Any) -> bytes:
    """Give the one JSON text of a value: keys sorted, no spaces, UTF-8."""
    return _CANONICAL.encode(value).encode()


def sha256_of(value: Any) -> str:
    """Give the SHA-256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()
