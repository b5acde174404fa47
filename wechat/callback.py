"""Where WeChat pushes to: verify, store, answer `success`; a job does the rest (wechat.md §B.5, quality.md §3)."""

import re
from datetime import UTC, datetime

import structlog
from flask import Blueprint, Response, current_app, g, request

from rules.policy import CALLBACK_WINDOW_S
from service.callbacks import commands
from service.callbacks.commands import CallbackRefused, Push
from service.core.unit import SYSTEM, House
from wechat import envelope, events
from wechat.envelope import BODY_BYTES_MAX, BadEnvelope, Envelope

log = structlog.get_logger("tepai.wechat")
routes = Blueprint("wechat", __name__)

_ECHO = re.compile(r"[0-9A-Za-z+/=_.-]{1,256}", re.ASCII)
"""What may be sent back to whoever asks: nothing that any reader could take for a page."""


@routes.get("/wechat/callback")
def verify() -> Response:
    """Answer WeChat's check of the address: whoever can sign gets their text back."""
    _admit()
    text = request.args.get("echostr", "")
    if not _ECHO.fullmatch(text):
        raise _refused("echostr")
    return Response(text, content_type="text/plain; charset=utf-8")


@routes.post("/wechat/callback")
def receive() -> Response:
    """Take one event: nothing of the body is read before the query is known to be WeChat's."""
    opener = _admit()
    if request.args.get("encrypt_type") != "aes":
        raise _refused("plain")
    request.max_content_length = BODY_BYTES_MAX
    signature, nonce = request.args.get("msg_signature", ""), request.args["nonce"]
    try:
        cipher = envelope.read(_text(request.get_data())).get("Encrypt")
        if not isinstance(cipher, str):
            raise BadEnvelope("encrypt")
        opener.check(signature, request.args["timestamp"], nonce, cipher)
        text = opener.open(cipher)
        body = envelope.read(text)
    except BadEnvelope as bad:
        raise _refused(str(bad)) from None
    with _house().write(SYSTEM, g.get("trace", "")) as uow:
        commands.receive(uow, Push(signature, nonce, events.name_of(body), events.same(body, text), text))
    return Response("success", content_type="text/plain; charset=utf-8")


def _admit() -> Envelope:
    """Check signature and age of a request. Real time: the clock of the rules may be moved, an attacker's is not."""
    settings = _house().settings
    opener = Envelope(settings.wechat_callback_token, settings.wechat_callback_aes_key, settings.wechat_appid)
    timestamp = request.args.get("timestamp", "")
    try:
        opener.check(request.args.get("signature", ""), timestamp, request.args.get("nonce", ""))
    except BadEnvelope as bad:
        raise _refused(str(bad)) from None
    if abs(datetime.now(UTC).timestamp() - int(timestamp)) > CALLBACK_WINDOW_S:
        raise _refused("age")
    return opener


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadEnvelope("encoding") from None


def _refused(why: str) -> CallbackRefused:
    """Refuse in the same words whatever is wrong; the log alone knows which check failed."""
    log.info("callback refused", trace=g.get("trace"), why=why)
    return CallbackRefused()


def _house() -> House:
    house: House = current_app.extensions["tepai"]
    return house
