"""Puts the sandbox together: one Flask application that plays WeChat's platform and its users' phones."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from wechat.redaction import hide_secrets_in_logs
from wechat.sandbox import faults
from wechat.sandbox.calls import CALLS, Call, parse
from wechat.sandbox.control import control, this_world
from wechat.sandbox.pushes import Push, post_push
from wechat.sandbox.refusals import Refused, new_rid, refusal
from wechat.sandbox.screens import screens
from wechat.sandbox.settings import Phone, SandboxSettings
from wechat.sandbox.world import World


def create_sandbox(
    settings: SandboxSettings,
    *,
    phones: Callable[[], Sequence[Phone]],
    now: Callable[[], datetime],
    set_clock: Callable[[datetime | None], None],
    push: Push = post_push,
) -> Flask:
    """Make a sandbox, for development and tests alone (wechat.md §E; routes: api.md, "Development mode only").

    :param phones: the demo people with a phone; asked at every call, so that new bindings show at once.
    :param now: the clock that the rules see, aware. :param set_clock: moves it; None puts it back.
    :param push: delivers a push to the application's callback.
    """
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it, its base does not
    app.config["MAX_CONTENT_LENGTH"] = 1 << 20
    world = World(settings, phones, now, push)
    app.extensions["sandbox"] = world
    app.extensions["sandbox_set_clock"] = set_clock
    for call in CALLS.values():
        app.add_url_rule(call.path, call.path, _view(world, call), methods=["GET", "POST"])
    app.register_blueprint(control)
    app.register_blueprint(screens)
    app.register_error_handler(HTTPException, _refuse)
    # The development server writes every request line; WeChat's carry the secret and the token.
    hide_secrets_in_logs("werkzeug")
    return app


def _view(world: World, call: Call) -> Callable[[], BaseResponse]:
    def view() -> BaseResponse:
        kind = world.faults.take(call.path)
        if kind in faults.INSTEAD:
            world.log.add(request.method, call.path, None, kind)
            return faults.instead(kind, world.settings, request.environ.get("werkzeug.socket"))
        answer, errcode = _answer(world, call, faults.errcode_of(kind) if kind else None)
        if kind in faults.AFTERWARDS:
            answer = faults.damage(kind, answer, world.settings)
        world.log.add(request.method, call.path, errcode, kind)
        return answer

    return view


def _answer(world: World, call: Call, commanded: int | None) -> tuple[BaseResponse, int]:
    started = time.monotonic()
    try:
        if commanded is not None:
            raise Refused(commanded)
        result = _perform(world, call)
    except Refused as refused:
        rid = new_rid(world.now())
        world.remember(rid, _report(world, call, started))
        return _json(refusal(refused.errcode, refused.detail, rid)), refused.errcode
    if isinstance(result, bytes):
        return Response(result, mimetype="image/png"), 0
    if call.path == "/sns/jscode2session":  # as the real one: JSON that calls itself text, and no errcode
        return Response(json.dumps(result), mimetype="text/plain"), 0
    head = {} if "access_token" in result else {"errcode": 0, "errmsg": "ok"}
    return _json(head | result), 0


def _perform(world: World, call: Call) -> dict[str, Any] | bytes:
    if request.method != call.method:
        raise Refused(43001 if call.method == "GET" else 43002)
    if world.allowed_ips is not None and request.remote_addr not in world.allowed_ips:
        raise Refused(40164, f"ip {request.remote_addr}")
    if call.with_token:
        world.tokens.check(request.args.get("access_token"))
    if call.limited:
        world.limits.count_day(call.path)
    given = request.args.to_dict() if call.method == "GET" else parse(request.get_data())
    return call.handler(world, given)


def _report(world: World, call: Call, started: float) -> dict[str, object]:
    return {
        "invoke_time": int(world.now().timestamp()),
        "cost_in_ms": int((time.monotonic() - started) * 1000),
        "request_url": call.path,
        "client_ip": request.remote_addr,
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), content_type="application/json; encoding=utf-8")


def _refuse(error: HTTPException) -> BaseResponse | tuple[dict[str, object], int]:
    """Unknown paths of the platform are noted in the log; every refusal outside the platform is a small JSON."""
    if error.code == 404 and not request.path.startswith(("/sandbox", "/phone")):
        this_world().log.add(request.method, request.path, None, None)
    return {"title": error.name, "status": error.code or 500, "detail": error.description}, error.code or 500
