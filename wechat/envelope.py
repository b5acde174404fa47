"""How WeChat wraps what it pushes (wechat.md §B.5, safe mode): signature, AES, JSON or XML. No clock, no database."""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from typing import Any, NoReturn
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BODY_BYTES_MAX = 64 * 1024
XML_DEPTH_MAX = 8
_BLOCK = 32
_RANDOM, _LENGTH = 16, 4
_TIMESTAMP = re.compile(r"[1-9][0-9]{9}", re.ASCII)
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
Body = dict[str, Any]


class BadEnvelope(ValueError):
    """It was not made with our token and key for our account, or cannot be read. The text quotes nothing of it."""


class Envelope:
    """Opens what WeChat wrapped for one account.

    :param aes_key: the EncodingAESKey, 43 characters.
    """

    def __init__(self, token: str, aes_key: str, appid: str) -> None:
        self._token = token
        self._key = base64.b64decode(aes_key + "=")
        self._appid = appid.encode()

    def check(self, signature: str, timestamp: str, nonce: str, *signed: str) -> None:
        """Compare a signature with ours, in constant time.

        The parts are signed without anything between them, so characters could wander from one to the next: timestamp
        and nonce must have their own form, and whoever remembers requests remembers signatures, not nonces alone.

        :raises BadEnvelope: if it is another, or timestamp or nonce have a form that WeChat's never have.
        """
        if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
            raise BadEnvelope("form")
        ours = self.sign(timestamp, nonce, *signed)
        if not hmac.compare_digest(ours.encode(), signature.encode(errors="replace")):
            raise BadEnvelope("signature")

    def sign(self, timestamp: str, nonce: str, *signed: str) -> str:
        """Sign as WeChat does, with SHA-1: its choice."""
        text = "".join(sorted((self._token, timestamp, nonce, *signed)))
        return hashlib.sha1(text.encode(errors="replace"), usedforsecurity=False).hexdigest()

    def seal(self, text: str) -> str:
        """Encrypt what `open` decrypts."""
        content = text.encode()
        plain = os.urandom(_RANDOM) + len(content).to_bytes(_LENGTH) + content + self._appid
        count = _BLOCK - len(plain) % _BLOCK
        encryptor = Cipher(algorithms.AES256(self._key), modes.CBC(self._key[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()).decode()

    def open(self, cipher: str) -> str:
        """Decrypt: 16 random bytes, the length, the text, the AppID, then 1 to 32 bytes that each tell their number.

        :raises BadEnvelope: if any of it is not so, or the AppID is not ours.
        """
        plain = self._decrypted(cipher)
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise BadEnvelope("padding")
        content = plain[_RANDOM:-padding]
        end = _LENGTH + int.from_bytes(content[:_LENGTH])
        if end > len(content) or not hmac.compare_digest(content[end:], self._appid):
            raise BadEnvelope("appid")
        try:
            return content[_LENGTH:end].decode()
        except UnicodeDecodeError:
            raise BadEnvelope("encoding") from None

    def _decrypted(self, cipher: str) -> bytes:
        try:
            data = base64.b64decode(cipher, validate=True)
        except (binascii.Error, ValueError):
            raise BadEnvelope("base64") from None
        if not data or len(data) % _BLOCK:
            raise BadEnvelope("length")
        decryptor = Cipher(algorithms.AES256(self._key), modes.CBC(self._key[:16])).decryptor()
        return decryptor.update(data) + decryptor.finalize()


def read(text: str) -> Body:
    """Read a JSON object, or XML as WeChat writes it: the members of `<xml>`, repeated ones as a list.

    :raises BadEnvelope: for anything else, also for a document type, an entity, or XML deeper than eight levels.
    """
    if text.lstrip()[:1] == "<":
        return _xml(text)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise BadEnvelope("json") from None
    if not isinstance(body, dict):
        raise BadEnvelope("json")
    return body


def _xml(text: str) -> Body:
    parser, tree = expat.ParserCreate("utf-8"), _Tree()
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError:
        raise BadEnvelope("xml") from None
    if not isinstance(tree.root, dict) or tree.name != "xml":
        raise BadEnvelope("xml")
    return tree.root


def _refuse(*_: object) -> NoReturn:
    raise BadEnvelope("xml")


class _Tree:
    """Elements as they come: one with members is a dict, one without is its text."""

    def __init__(self) -> None:
        self.name, self.root = "", None  # type: tuple[str, Any]
        self._open: list[tuple[str, Body, list[str]]] = []

    def start(self, name: str, _attributes: object) -> None:
        if len(self._open) == XML_DEPTH_MAX:
            raise BadEnvelope("xml")
        self._open.append((name, {}, []))

    def text(self, data: str) -> None:
        self._open[-1][2].append(data)

    def end(self, _name: str) -> None:
        name, members, texts = self._open.pop()
        value: Any = members or "".join(texts).strip()
        if not self._open:
            self.name, self.root = name, value
            return
        above = self._open[-1][1]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]
