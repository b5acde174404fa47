"""The composition root: settings → database → gateways → application. `flask --app wsgi …` runs everything."""

import gc

from flask import Flask

from service.core import schema
from service.core.files import FileStore
from service.core.ports import Ports, Wechat
from service.core.settings import Settings
from service.core.unit import House
from service.schedule import Prompt
from web.app import create_app as make_app
from web.cli import register
from wechat import callback, events
from wechat.gateway import make_gateway, templates_of
from wechat.people import phones
from wechat.sandbox import SandboxSettings, create_sandbox


def make_house(settings: Settings, wechat: Wechat | None = None) -> House:
    """Build the house with the real outside world, or with another WeChat in its place."""
    files = FileStore(settings.files_url)
    account = events.Account(templates_of(settings), sandboxed=settings.development)
    return House(settings, lambda house: Ports(wechat or make_gateway(house), files, account))


def create_app(house: House | None = None) -> Flask:
    """Build the application, from the environment unless a house is given."""
    app = make_app(house or make_house(Settings.from_env()))
    app.register_blueprint(callback.routes)
    register(app)
    return app


def create_server(house: House | None = None) -> Flask:
    """Build the application that a server serves.

    :raises SchemaBehind, SchemaAhead: if the database is not what this version needs.
    """
    house = house or make_house(Settings.from_env())
    schema.require_head(house.engine)
    house.committed = Prompt(house)
    app = create_app(house)
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked through again and again
    return app


def create_sandbox_app(house: House | None = None) -> Flask:
    """Build the WeChat sandbox around the same database.

    :raises RuntimeError: outside development.
    """
    house = house or make_house(Settings.from_env())
    settings = house.settings
    if not settings.development:
        raise RuntimeError("the WeChat sandbox exists in development only")
    return create_sandbox(
        SandboxSettings(
            appid=settings.wechat_appid,
            secret=settings.wechat_secret,
            templates=templates_of(settings),
            app_url=f"http://127.0.0.1:{settings.port}",
            callback_url=f"http://127.0.0.1:{settings.port}/wechat/callback",
            callback_token=settings.wechat_callback_token,
            callback_aes_key=settings.wechat_callback_aes_key,
        ),
        phones=lambda: phones(house),
        now=house.clock.now,
        set_clock=house.clock.set,
    )
