"""What WeChat pushes is opened as WeChat wraps it, and nothing else is (wechat.md §B.5, quality.md §3 rows 3 to 5)."""

import base64
import hashlib
import json
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.pushing import ACCOUNT, sealed
from wechat.envelope import XML_DEPTH_MAX, BadEnvelope, Envelope, read

OURS = Envelope(ACCOUNT.callback_token, ACCOUNT.callback_aes_key, ACCOUNT.appid)
KEY = base64.b64decode(ACCOUNT.callback_aes_key + "=")
pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("timestamp", "nonce", "signature"),
    [
        ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
    ],
)
def test_the_official_signature_vectors(timestamp: str, nonce: str, signature: str) -> None:
    """WeChat's own examples, token AAAAA; any other character anywhere is refused."""
    official = Envelope("AAAAA", ACCOUNT.callback_aes_key, ACCOUNT.appid)
    official.check(signature, timestamp, nonce)
    for wrong in (signature.upper(), signature[:-1], signature + "0", "", "é" * 40):
        with pytest.raises(BadEnvelope):
            official.check(wrong, timestamp, nonce)
    with pytest.raises(BadEnvelope):
        official.check(signature, nonce, timestamp + " ")
    with pytest.raises(BadEnvelope):
        OURS.check(signature, timestamp, nonce)


@pytest.mark.parametrize(
    ("timestamp", "nonce"), [("１７１４０３６５０４", "1"), ("171403650", "45147"), ("+171403650", "4")]
)
def test_a_signed_timestamp_of_another_form_is_refused(timestamp: str, nonce: str) -> None:
    """Characters that wandered between the parts keep the signature right; the form shows it."""
    text = "".join(sorted(("AAAAA", timestamp, nonce)))
    signature = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    with pytest.raises(BadEnvelope, match="form"):
        Envelope("AAAAA", ACCOUNT.callback_aes_key, "wx").check(signature, timestamp, nonce)


def test_what_the_sandbox_seals_is_opened() -> None:
    for length in range(60, 100):
        event = {"text": "稻" * length}
        query, body = sealed(event, datetime.now(UTC))
        cipher = json.loads(body)["Encrypt"]
        OURS.check(query["signature"], query["timestamp"], query["nonce"])
        OURS.check(query["msg_signature"], query["timestamp"], query["nonce"], cipher)
        assert read(OURS.open(cipher)) == event


def encrypted(plain: bytes) -> str:
    encryptor = Cipher(algorithms.AES256(KEY), modes.CBC(KEY[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def wrapped(text: bytes, *, length: int | None = None, appid: str = ACCOUNT.appid, padding: int | None = None) -> str:
    """A ciphertext under our key in which one part may be wrong."""
    size = len(text) if length is None else length
    content = b"r" * 16 + size.to_bytes(4) + text + appid.encode()
    count = 32 - len(content) % 32
    return encrypted(content + bytes([padding or count]) * count)


def test_every_part_of_the_wrapping_is_checked() -> None:
    """Also under the right key: length, AppID, padding, encoding, block size, base64."""
    assert OURS.open(wrapped(b"{}")) == "{}"
    wrong = [wrapped(b"{}", appid=appid) for appid in ("", "wx0", ACCOUNT.appid + "0", ACCOUNT.appid[:-1])]
    wrong += [wrapped(b"{}", length=length) for length in (0, 1, 3, 20, 2**31, 2**32 - 1)]
    wrong += [wrapped(b"{}", padding=padding) for padding in (33, 255, 2)]
    wrong += [wrapped(b"\xff\xfe"), encrypted(b"\x01" * 16), encrypted(b"\x20" * 32), encrypted(b"\0" * 32)]
    wrong += ["", "=", "A", "AAAA", "é", "AAAA\n", wrapped(b"{}") + "AAAA", wrapped(b"{}")[:-4], " " + wrapped(b"{}")]
    for cipher in wrong:
        with pytest.raises(BadEnvelope):
            OURS.open(cipher)


# ---- the body ----


def test_json_and_xml_say_the_same() -> None:
    xml = (
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><CreateTime>1714036504</CreateTime><Empty/>"
        "<SubscribeMsgPopupEvent><List><TemplateId>a</TemplateId></List>"
        "<List><TemplateId>乙 &amp; b</TemplateId></List></SubscribeMsgPopupEvent></xml>"
    )
    assert read(xml) == {
        "ToUserName": "gh_1",
        "CreateTime": "1714036504",
        "Empty": "",
        "SubscribeMsgPopupEvent": {"List": [{"TemplateId": "a"}, {"TemplateId": "乙 & b"}]},
    }
    assert read(' \n{"a": 1}') == {"a": 1}


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Encrypt>&f;</Encrypt></xml>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        FILE,
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><xml><a>1</a></xml>',
        '<?xml-stylesheet href="x"?><xml><a>1</a></xml>',
        "<xml>" * 30_000,
        "<xml>" + "<a>" * XML_DEPTH_MAX + "</a>" * XML_DEPTH_MAX + "</xml>",
        "<xml><a></xml>",
        "<xml>text</xml>",
        "<other><a>1</a></other>",
        "<xml><a>&nbsp;</a></xml>",
        "<",
        "",
        "[]",
        "null",
        '"x"',
        "{",
        "[" * 60_000,
        '{"a":' * 10_000,
        "1" * 60_000,
        "\ufeff{}",
    ],
)
def test_anything_else_is_refused_at_once(text: str) -> None:
    """No document type, no entity, no depth, no time (ASVS 1.5.1)."""
    started = time.perf_counter()
    with pytest.raises(BadEnvelope):
        read(text)
    assert time.perf_counter() - started < 1
