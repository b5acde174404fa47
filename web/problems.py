"""Refusals become `application/problem+json` (RFC 9457) here and nowhere else."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import sqlalchemy.exc
import structlog
from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from service.core import problems
from service.core.files import FULL
from service.core.ports import CodeRefused, FilesAway, FilesFull, WechatDown
from service.core.problems import Refusal

log = structlog.get_logger("tepai.web")

NO_ROOM = ("database or disk is full", "disk I/O")
"""What SQLite says where a write found no room: on a full disk, and beyond a limit on the size of files."""

STATUS: tuple[tuple[type[Refusal], int], ...] = (
    (problems.Malformed, 400),
    (problems.NotLoggedIn, 401),
    (problems.Forbidden, 403),
    (problems.NotFound, 404),
    (problems.Conflict, 409),
    (problems.Stale, 412),
    (problems.TooLarge, 413),
    (problems.UnsupportedMedia, 415),
    (problems.Invalid, 422),
    (problems.ConditionMissing, 428),
    (problems.TooMany, 429),
    (problems.Unavailable, 503),
    (problems.Full, 507),
)

MACHINES = ("/api/", "/wechat/", "/healthz/", "/readyz/", "/metrics/")
"""Where programs ask: they get problem+json. Everywhere else people read a page."""

TITLES = {
    400: "请求格式不正确",
    401: "请先登录",
    403: "没有此项权限",
    404: "没有找到",
    405: "不支持这种请求方法",
    408: "请求超时",
    413: "内容超过大小限制",
    415: "不支持这种内容类型",
    500: "系统出错，请稍后再试",
    503: "服务暂时不可用，请稍后再试",
}


def status_of(refusal: type[Refusal]) -> int:
    """Give the HTTP status of a kind of refusal."""
    return next(status for kind, status in STATUS if issubclass(refusal, kind))


def _instance() -> str:
    """Give the path that was asked for, without the secret that a one-time link carries in it."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(token, "…") if token else request.path


def answer(status: int, kind: str, title: str, detail: str = "", **members: Any) -> Response:
    """Build a problem answer, or page where people read; members that are None are left out."""
    if not f"{request.path}/".startswith(MACHINES):
        return _page(
            status, title, detail, members.get("errors") or {}, kind=kind, retry_after=members.get("retry_after")
        )
    body = {
        "type": f"/problems/{kind}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": _instance(),
        "trace": getattr(g, "trace", ""),
        **{name: value for name, value in members.items() if value is not None},
    }
    response = Response(orjson.dumps(body, default=str), status, content_type="application/problem+json")
    if status in {429, 503}:
        response.headers["Retry-After"] = str(members.get("retry_after") or 5)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _page(
    status: int, title: str, detail: str, errors: Mapping[str, Any], *, kind: str, retry_after: int | None
) -> Response:
    """Build the page that says what was refused and leads back to where the reader came from."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    back = came_from.path if came_from.netloc == request.host and came_from.path != request.path else ""
    html = render_template(
        "problem.html",
        status=status,
        title=title,
        detail=detail,
        errors=errors,
        back=back if back.startswith("/") and not back.startswith("//") else "",
        desk=request.path.startswith("/console"),
        fresh=kind == "factor-needed",
        trace=g.get("trace", ""),
    )
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status in {429, 503}:
        response.headers["Retry-After"] = str(retry_after or 5)
    return response


def refuse(refusal: Refusal) -> Response:
    """Turn a refusal into its answer."""
    errors = {name: list(texts) for name, texts in refusal.errors.items()} if refusal.errors else None
    return answer(
        status_of(type(refusal)), refusal.kind, refusal.title, refusal.detail, errors=errors, **refusal.members
    )


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, RequestEntityTooLarge):
        return refuse(problems.TooLarge())
    if status < 400:
        return Response(status=status, headers=error.get_headers())  # a redirect to the canonical path
    shown = answer(status, f"http-{status}", TITLES.get(status, "请求未被接受"))
    for name, value in error.get_headers():
        if name == "Allow":
            shown.headers[name] = value
    return shown


def _database_away(error: sqlalchemy.exc.DBAPIError) -> Response:
    log.warning("database unavailable", trace=g.get("trace"), kind=type(error.orig).__name__)
    if getattr(error.orig, "sqlstate", None) == "53100" or any(sign in str(error.orig) for sign in NO_ROOM):
        return refuse(problems.Full())
    return answer(503, "unavailable", TITLES[503])


def _files_away(_: FilesAway) -> Response:
    log.warning("file store unavailable", trace=g.get("trace"))
    return refuse(problems.Unavailable("照片存储暂时不可用，请稍后再试；记录本身不受影响"))


def _no_room(error: OSError) -> Response:
    """Answer where the folder for what is being received is full; other errors of the system are unforeseen."""
    return refuse(problems.Full()) if error.errno in FULL else unforeseen(error)


def unforeseen(error: Exception) -> Response:
    """Answer an error that nobody foresaw: a trace id for the log, and nothing of its text."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error("unforeseen", trace=g.get("trace"), kind=type(error).__name__, frames=frames[-12:])
    return answer(500, "internal", TITLES[500])


def init_app(app: Flask) -> None:
    """Register the handlers. An unforeseen error's text, as it may quote data, reaches nobody."""
    app.register_error_handler(Refusal, refuse)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(WechatDown, lambda e: refuse(problems.Unavailable(retry_after=e.retry_after)))
    app.register_error_handler(CodeRefused, lambda _: refuse(problems.Invalid(errors={"code": ["登录码无效或已使用"]})))
    app.register_error_handler(FilesAway, _files_away)
    app.register_error_handler(FilesFull, lambda _: refuse(problems.Full()))
    app.register_error_handler(OSError, _no_room)
    for kind in (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError):
        app.register_error_handler(kind, _database_away)
    app.register_error_handler(Exception, unforeseen)
