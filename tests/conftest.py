"""Fixtures: a session's database with the cast settled in it once, and a fresh copy of it for each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from models import Base
from tests.databases import Postgres, Sqlite, database
from tests.world import Sandbox, World, make_house, opened, settle_cast

ALIKE_ON_BOTH = frozenset(
    f"test_{name}.py"
    for name in (
        # what is read off the wire or drawn into a page or file, before or after any statement
        "strict_json", "outside_wire", "openapi", "sheets", "exports", "photos", "content_pictures", "days",
        "console", "console_login", "console_plans", "console_records", "pages_guarded", "farmer_page", "phones",
        # what WeChat does to us
        "wechat_errcodes", "wechat_ill", "wechat_commands", "break_glass", "forged_callbacks",
        # what people are told, and long walks over statements that other files send
        "messages", "waiting", "parking", "histories",
    )
)  # fmt: skip
"""Files whose statements other files already send to both databases; they run once, with SQLite."""

STRICTER_ON_POSTGRESQL = frozenset({"test_schemathesis.py", "test_outside_fields.py"})
"""Files that throw everything at every field; they run once, with the database that lets less pass."""

# Machines are noisy: no test is told by the clock, nor is the making of its examples.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in ALIKE_ON_BOTH:
            item.add_marker(pytest.mark.one_database)
        if item.path.name in STRICTER_ON_POSTGRESQL:
            item.add_marker(pytest.mark.stricter)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="what stories run on")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    one = Sandbox()
    yield one
    one.close()


@pytest.fixture(scope="session")
def prepared(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sqlite | Postgres]:
    """The database in which the reference data is loaded and the cast can log in."""
    with database(request.config.getoption("--database")) as server:
        var = tmp_path_factory.mktemp("prepare")
        house = make_house(server.template_url(), var, sandbox)
        Base.metadata.create_all(house.engine)
        settle_cast(World(house, sandbox))
        house.close()
        yield server


@pytest.fixture
def world(prepared: Sqlite | Postgres, sandbox: Sandbox, tmp_path: Path) -> Iterator[World]:
    """The application on a fresh database, with the cast."""
    with prepared.fresh() as url, opened(url, tmp_path, sandbox, prepared) as one:
        yield one


@pytest.fixture(autouse=True)
def _no_outer_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test opens a socket to anything but this machine."""
    import socket

    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "localhost", "::1"}:
            raise AssertionError(f"a test went to the network: {address[0]}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
