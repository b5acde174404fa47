"""Ten thousand forgeries, none taken, none of them a fault of ours (quality.md bar 18)."""

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from werkzeug.test import EnvironBuilder, run_wsgi_app

from models.callbacks import Callback, CallbackNonce
from service.core.unit import SYSTEM
from tests.pushing import ACCOUNT, PATH, hand_in, sealed
from tests.wechat.test_envelope import BOMB, FILE, wrapped
from tests.world import World
from wechat.sandbox.pushes import _sign

MUTANTS = 10_000
Query = dict[str, str]
Mutation = Callable[[random.Random, Query, bytes], tuple[Query, bytes]]
SIGNED = ("signature", "timestamp", "nonce", "msg_signature")
JUNK = ("", "0", "null", "é", "\0", "１" * 10, "'", "%", "-1", "+1795000000", "0x6b", "1e9", "NaN", "a" * 4000)


def one_character(rng: random.Random, text: str) -> str:
    """The text with one character changed, doubled, or left out."""
    at = rng.randrange(len(text))
    other = rng.choice([c for c in "0123456789abcdefABCDEF+/=_-é" if c != text[at]])
    return rng.choice((text[:at] + other + text[at + 1 :], text[:at] + text[at] + other + text[at + 1 :])) or other


def changed_parameter(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    name = rng.choice(SIGNED)
    return {**query, name: one_character(rng, query[name])}, body


def junk_parameter(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    name = rng.choice((*SIGNED, "encrypt_type"))
    return {**query, name: rng.choice(JUNK)}, body


def missing_parameter(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    name = rng.choice((*SIGNED, "encrypt_type"))
    return {key: value for key, value in query.items() if key != name}, body


def upper_case(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    names = [name for name in ("signature", "msg_signature") if query[name] != query[name].upper()]
    name = rng.choice(names)
    return {**query, name: query[name].upper()}, body


def exchanged(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    """Two values that change places; of timestamp and nonce the signature stays right."""
    one, other = rng.sample(SIGNED, 2)
    return {**query, one: query[other], other: query[one]}, body


def wandering(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    """Characters that wander from one signed part into the next, as nothing stands between them."""
    cipher, count = json.loads(body)["Encrypt"], rng.randint(1, 9)
    way = rng.choice(("nonce to cipher", "cipher to nonce", "timestamp to nonce", "nonce to timestamp"))
    moved = dict(query)
    if way == "nonce to cipher":
        moved["nonce"], cipher = query["nonce"][:-count], query["nonce"][-count:] + cipher
    elif way == "cipher to nonce":
        moved["nonce"], cipher = query["nonce"] + cipher[:count], cipher[count:]
    elif way == "timestamp to nonce":
        moved |= {"timestamp": query["timestamp"][:-count], "nonce": query["timestamp"][-count:] + query["nonce"]}
    else:
        moved |= {"timestamp": query["timestamp"] + query["nonce"][:count], "nonce": query["nonce"][count:]}
    return moved, json.dumps({"Encrypt": cipher}).encode()


def other_time(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    """Moved to another time without the token, or rightly signed long ago or ahead."""
    seconds = rng.choice((-1, 1)) * rng.randint(305, 10**8)
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    if rng.random() < 0.5:
        return sealed({"MsgType": "text"}, moment)
    return {**query, "timestamp": str(int(moment.timestamp()))}, body


def changed_cipher(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    cipher = json.loads(body)["Encrypt"]
    return query, json.dumps({"Encrypt": one_character(rng, cipher)}).encode()


def signed(query: Query, cipher: str) -> tuple[Query, bytes]:
    """What somebody who had the token, not the key, could send."""
    signature = _sign(ACCOUNT.callback_token, query["timestamp"], query["nonce"], cipher)
    return {**query, "msg_signature": signature}, json.dumps({"Encrypt": cipher}).encode()


def signed_damage(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    """A ciphertext that was damaged and signed anew, so that decryption itself is asked."""
    data = bytearray(base64.b64decode(json.loads(body)["Encrypt"]))
    way = rng.randrange(4)
    if way == 0:
        data[rng.randrange(len(data) - 32, len(data))] ^= rng.randint(1, 255)
    elif way == 1:
        del data[rng.randrange(len(data)) :]
    elif way == 2:
        data = bytearray(rng.randbytes(32 * rng.randint(1, 4)))
    else:
        data += rng.randbytes(rng.choice((1, 16, 32)))
    return signed(query, base64.b64encode(bytes(data)).decode())


def signed_inside(rng: random.Random, query: Query, _body: bytes) -> tuple[Query, bytes]:
    """Rightly wrapped, but for another account, with a wrong length, or around something that is no event."""
    inside = rng.choice(
        (
            wrapped(b"{}", appid=rng.choice(("", "wx" + str(rng.randrange(10**16)), ACCOUNT.appid.upper()))),
            wrapped(b"{}", length=rng.choice((0, 1, rng.randrange(3, 2**32)))),
            wrapped(rng.choice((b"", b"[]", b"null", b"{", b"\xff", b"[" * 5000, b"<a/>"))),
            wrapped(rng.choice((BOMB, FILE)).encode()),
            rng.choice(("=", "A" * 43, "A-_" * 32, " " * 44, "é" * 64)),
        )
    )
    return signed(query, inside)


def junk_body(rng: random.Random, query: Query, body: bytes) -> tuple[Query, bytes]:
    junk: tuple[Any, ...] = (
        b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"\xef\xbb\xbf" + body, body.decode().encode("utf-16"), b"[" * 60_000,
        BOMB.encode(), FILE.encode(), b"<xml><Encrypt/></xml>", b"<xml>" * 9000, b'{"Encrypt": {"a": []}}',
        b'{"Encrypt": "\\ud800"}', b'{"Encrypt": 1e999}', body + body, body[: rng.randrange(len(body))],
        b'{"MsgType":"event","Event":"user_authorization_cancellation"}', b"a" * 70_000, rng.randbytes(200),
    )  # fmt: skip
    return query, rng.choice(junk)


CHECKS = {"form", "signature", "age", "plain"}
CHECKS |= {"encrypt", "base64", "length", "padding", "appid", "encoding", "json", "xml"}
"""What may be wrong with a push; the forgeries find each of them."""
MUTATIONS: tuple[Mutation, ...] = (
    changed_parameter,
    junk_parameter,
    missing_parameter,
    upper_case,
    exchanged,
    wandering,
    other_time,
    changed_cipher,
    signed_damage,
    signed_inside,
    junk_body,
)


@pytest.mark.one_database
def test_ten_thousand_forgeries(world: World) -> None:
    """Each begins as a push that would be taken and that nobody sent before; what is left of it is refused, 4xx."""
    rng = random.Random(20261122)  # noqa: S311  (the same forgeries every time)
    answers: dict[str, set[int]] = {one.__name__: set() for one in MUTATIONS}
    with capture_logs() as logged:
        for number in range(MUTANTS):
            mutation = MUTATIONS[number % len(MUTATIONS)]
            query, body = mutation(rng, *sealed({"MsgType": "event", "Event": "probe", "FromUserName": f"o{number}"}))
            answers[mutation.__name__].add(_asked(world, query, body))
    assert {status for found in answers.values() for status in found} == {403, 413}, answers
    assert {one.get("why") for one in logged} == CHECKS
    with world.house.read(SYSTEM) as uow:
        for model in (Callback, CallbackNonce):
            assert uow.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0
    assert hand_in(world.app, *sealed({"MsgType": "event", "Event": "probe"})) == (200, "success")


def _asked(world: World, query: Query, body: bytes) -> int:
    """Ask the application itself, without the test client's own work: ten thousand times is often."""
    environ = EnvironBuilder(PATH, method="POST", query_string=urlencode(query), data=body).get_environ()
    _, status, _ = run_wsgi_app(world.app, environ, buffered=True)
    return int(status.partition(" ")[0])
