"""The Flask application: API, console, public pages, and what every answer carries."""

import importlib
import pkgutil
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_smorest import Api
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

import web.api
import web.console
import web.public
from models.base import new_id
from rules.policy import PHOTO_BYTES_MAX
from service.core.problems import NotFound
from service.core.unit import House
from web import operations, problems, wording

log = structlog.get_logger("tepai.web")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class OverrideMethod:
    """Lets `POST` with `X-HTTP-Method-Override: PATCH` be a PATCH: wx.request has none."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve one request."""
        if environ["REQUEST_METHOD"] == "POST" and environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper() == "PATCH":
            environ["REQUEST_METHOD"] = "PATCH"
        return self.inner(environ, start_response)


def create_app(house: House) -> Flask:
    """Compose the application around a house."""
    app = Flask("web", root_path=__file__.rsplit("/", 1)[0])
    app.extensions["tepai"] = house
    app.url_map.merge_slashes = False  # `//` is no path of ours, and a redirect is no answer for a program
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    app.config.update(
        MAX_CONTENT_LENGTH=house.settings.body_bytes_max,
        MAX_FORM_MEMORY_SIZE=house.settings.body_bytes_max,
        MAX_FORM_PARTS=50,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,  # a year: their addresses change with their content
        PHOTO_BYTES_MAX=PHOTO_BYTES_MAX,
        API_TITLE="Tepai 特派",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "科技特派员工作平台接口", "license": {"name": "MIT", "identifier": "MIT"}},
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        },
    )
    api = Api(app)
    for module in sorted(pkgutil.iter_modules(web.api.__path__), key=lambda m: m.name):
        api.register_blueprint(importlib.import_module(f"web.api.{module.name}").blp)
    for room in (web.console, web.public):
        for module in sorted(pkgutil.iter_modules(room.__path__), key=lambda m: m.name):
            pages = importlib.import_module(f"{room.__name__}.{module.name}").pages
            if house.settings.development or not pages.development:
                app.register_blueprint(pages)
    wording.init_app(app)
    operations.init_app(app)
    problems.init_app(app)  # after Api, which brings handlers of its own
    app.before_request(_begin)
    app.after_request(_finish)
    app.wsgi_app = OverrideMethod(app.wsgi_app)  # type: ignore[method-assign]
    if house.settings.trusted_proxies:
        count = house.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app


def _begin() -> None:
    g.trace = new_id().hex
    if "\0" in request.path:
        raise NotFound  # PostgreSQL knows no such text


def _finish(response: Response) -> Response:
    if "style" in g:
        policy = CSP.replace("style-src 'self'", f"style-src {g.style}")
        response.headers["Content-Security-Policy"] = policy
    there = {name.lower() for name in response.headers.keys()}  # noqa: SIM118  (names alone, without looking each up)
    for name, value in HEADERS.items():
        if name.lower() not in there:
            response.headers.add(name, value)
    response.headers["X-Trace-Id"] = g.get("trace", "")
    if request.path.startswith("/api/v1"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
