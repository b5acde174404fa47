"""What a story needs: the application on a fresh database, the cast's callers, the clock, the jobs, the phones."""

import copy
import functools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import requests
import sqlalchemy as sa
from flask import Flask
from werkzeug.serving import make_server

import wsgi
from models.identity import WechatAccount
from service import schedule
from service.core.settings import Settings
from service.core.unit import VISITOR, House
from service.identity.commands import open_session
from tests import proved  # noqa: F401  # every plan of every story is verified
from tests.cast import CAST, SPECIALTIES
from tests.databases import Postgres, Sqlite
from wechat.people import phones
from wechat.sandbox import SandboxSettings, create_sandbox
from wechat.sandbox.limits import LimitDesk

APPID, SECRET = "wxtest000000000001", "sandbox-secret-of-tests"


class Answer:
    """An answer, with what tests ask of it."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.content: bytes = response.data
        self.json: Any = response.get_json(silent=True) if "json" in response.content_type else None

    def __getitem__(self, name: str) -> Any:
        return self.json[name]

    @property
    def etag(self) -> str:
        return str(self.headers["ETag"])

    def __repr__(self) -> str:
        return f"<{self.status} {self.content[:600].decode(errors='replace')}>"


class Caller:
    """Somebody who calls the API; `ok` calls must succeed, the others give whatever comes."""

    def __init__(self, app: Flask, token: str | None = None, person: dict[str, Any] | None = None) -> None:
        self.client = app.test_client(use_cookies=False)
        self.token = token
        self.person: dict[str, Any] = person or {}
        self.id: str = self.person.get("id", "")

    def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **kw: Any
    ) -> Answer:
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            kw["json"] = body
        path = path if path.startswith("/api") else f"/api/v1{path}"
        return Answer(self.client.open(path, method=method, headers=sent, **kw))

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, query_string=query)

    def post(self, path: str, body: Any = None, **kw: Any) -> Answer:
        return self.call("POST", path, body if body is not None else {}, **kw)

    def patch(self, path: str, body: Any, etag: str | None = None) -> Answer:
        return self.call("PATCH", path, body, headers={"If-Match": etag} if etag else None)

    def put(self, path: str, body: Any, etag: str | None = None) -> Answer:
        return self.call("PUT", path, body, headers={"If-Match": etag} if etag else None)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def ok(self, method: str, path: str, body: Any = None, **kw: Any) -> Answer:
        answer = self.call(method, path, body if body is not None or method == "GET" else {}, **kw)
        assert answer.status < 300, f"{method} {path}: {answer}"
        return answer


class Sandbox:
    """WeChat's stand-in over real HTTP, for the house that the running test uses."""

    def __init__(self) -> None:
        self.house: House | None = None
        self.openids: dict[str, str] = {}
        app = create_sandbox(
            SandboxSettings(appid=APPID, secret=SECRET),
            phones=lambda: phones(self._current()),
            now=lambda: self._current().clock.now(),  # noqa: PLW0108  (the house changes)
            set_clock=lambda now: self._current().clock.set(now),  # noqa: PLW0108
        )
        self._platform = app.extensions["sandbox"]
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.http = requests.Session()
        self.http.trust_env = False

    def serve(self, house: House) -> None:
        """Stand in for WeChat to this house from now on; nobody's calls of earlier tests count against it."""
        self.house = house
        self._platform.limits = LimitDesk({}, house.clock.now)

    def _current(self) -> House:
        assert self.house is not None
        return self.house

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(self.url + path, json=body or {}, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.http.get(self.url + path, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def phone(self, name: str) -> dict[str, Any]:
        return next(one for one in self.get("/sandbox/phones") if one["name"] == name)

    def openid(self, name: str) -> str:
        """The openid of a phone; those of the cast are the same in every copy of the prepared database."""
        if name not in self.openids:
            found: str = self.phone(name)["openid"]
            if all(name != part.name for part in CAST):
                return found
            self.openids[name] = found
        return self.openids[name]

    def visited_by(self, key: str) -> str:
        """The openid of one of the cast, who opened the mini-program just now."""
        openid = self.openid(next(one.name for one in CAST if one.key == key))
        self._platform.inbox.visit(openid)
        return openid

    def phone_of(self, key: str) -> dict[str, Any]:
        """The phone of one of the cast."""
        return self.phone(next(part.name for part in CAST if part.key == key))

    def close(self) -> None:
        self.http.close()
        self.server.shutdown()
        self.server.server_close()


_applications: list[Flask] = []


def _application(house: House) -> Flask:
    """Compose the application once a session: it finds its house at every request, and composing takes long."""
    if not _applications:
        _applications.append(wsgi.create_app(house))
    _applications[0].extensions["tepai"] = house
    return _applications[0]


@dataclass(frozen=True)
class Stage:
    """How a story stood once its beginning was told, and what its teller gave back."""

    kept: str
    given: Any
    now: datetime
    callers: dict[str, tuple[str | None, dict[str, Any]]]
    files: Path


Told = TypeVar("Told", bound=Callable[..., Any])


def staged(build: Told) -> Told:
    """Tell a beginning once a session: a story that begins with the same one starts from a copy of how it stood.

    What the teller gives back must be plain data, and what it does must be in the database or the house's files.
    """

    @functools.wraps(build)
    def reach(world: "World", *args: Any, **kwargs: Any) -> Any:
        return world.reach(
            f"{build.__module__}.{build.__qualname__}{args}{kwargs}", lambda: build(world, *args, **kwargs)
        )

    return cast("Told", reach)


_stages: dict[str, Stage] = {}


class World:
    """The application and everything around it."""

    def __init__(self, house: House, sandbox: Sandbox, database: Sqlite | Postgres | None = None) -> None:
        self._house = house
        self._sandbox = sandbox
        self._database = database
        """The database to which stages go back; None once this story went its own way."""
        self._told: datetime | None = None
        sandbox.serve(house)
        self._app = _application(house)
        self._callers: dict[str, Caller] = {}

    @property
    def house(self) -> House:
        self._database = None
        return self._house

    @property
    def sandbox(self) -> Sandbox:
        self._database = None
        return self._sandbox

    @property
    def app(self) -> Flask:
        self._database = None
        return self._app

    @app.setter
    def app(self, app: Flask) -> None:
        self._database = None
        self._app = app

    def reach(self, name: str, build: Callable[[], Any]) -> Any:
        """Give what `build` gives, from the stage of that name where this story has only begun."""
        database, now = self._database, self._told
        if database is None:
            return build()
        name = f"{name} at {now}"
        self._database = None
        if name not in _stages:
            _stages[name] = self._keep(database, build())
            return copy.deepcopy(_stages[name].given)
        stage = _stages[name]
        self._house.close()
        database.put_back(stage.kept)
        shutil.copytree(stage.files, self._house.settings.var_dir, dirs_exist_ok=True)
        if self._house.clock.offset():
            self._house.clock.set(stage.now)
        self._callers = {key: Caller(self._app, *told) for key, told in stage.callers.items()}
        for key in self._callers:
            self._sandbox.visited_by(key)
        return copy.deepcopy(stage.given)

    def _keep(self, database: Sqlite | Postgres, given: Any) -> Stage:
        files = Path(tempfile.mkdtemp(dir=self._house.settings.var_dir.parent, prefix="stage"))
        shutil.copytree(self._house.settings.var_dir, files, dirs_exist_ok=True)
        callers = {key: (one.token, one.person) for key, one in self._callers.items()}
        self._house.close()
        return Stage(database.keep(), copy.deepcopy(given), self._house.clock.now(), callers, files)

    def anyone(self) -> Caller:
        """A caller without a session."""
        return Caller(self.app)

    def login(self, name: str) -> Caller:
        """Log in with the phone of that name, as WeChat does it."""
        openid = self.sandbox.openid(name)
        code = self.sandbox.post(f"/sandbox/phones/{openid}/login")["code"]
        answer = self.anyone().ok("POST", "/auth/wechat", {"code": code})
        return Caller(self.app, answer["token"], answer["person"])

    def as_(self, key: str) -> Caller:
        """The caller of one of the cast, with a session as a login opens it; `login` goes through WeChat for it."""
        if key not in self._callers:
            openid = self.sandbox.visited_by(key)
            house: House = self._app.extensions["tepai"]  # as it stands now, in production too
            with house.write(VISITOR) as uow:
                account = uow.session.scalars(sa.select(WechatAccount).where(WechatAccount.openid == openid)).one()
                made = open_session(uow, account.person_id, account.id, "mini")
                person = {"id": str(made["person"].id), "name": made["person"].name} if made["person"] else {}
            self._callers[key] = Caller(self._app, made["token"], person)
        return self._callers[key]

    def log_in_again(self) -> None:
        """Forget every session: after weeks on the rules' clock they have ended."""
        self._callers.clear()

    def at(self, now: datetime | None) -> None:
        """Move the rules' clock. Whoever is asked for next logs in again, for sessions end when nobody uses them."""
        self._told = now
        self._house.clock.set(now)
        self._callers.clear()

    def run_jobs(self) -> None:
        """Run every due job once, as the worker would: deadlines, then messages, then what is sent, then seals."""
        for name, ran in schedule.run_all(self.house).items():
            assert not ran.failed, f"job {name} failed on {ran.failed} items"

    def check_content(self) -> None:
        """Have WeChat check what was submitted, as the worker does every two seconds."""
        assert not schedule.run(self.house, "check_content").failed

    def messages(self, key: str) -> list[dict[str, Any]]:
        """What the phone of one of the cast shows."""
        part = next(one for one in CAST if one.key == key)
        shown: list[dict[str, Any]] = self.sandbox.get(
            f"/sandbox/phones/{self.sandbox.phone(part.name)['openid']}/messages"
        )
        return shown


def make_house(url: str, var: Any, sandbox: Sandbox) -> House:
    """Build a house on a database, whose WeChat is the sandbox."""
    env = {
        "TEPAI_DEVELOPMENT": "1",
        "TEPAI_VAR_DIR": str(var),
        "TEPAI_DATABASE_URL": url,
        "TEPAI_SECRET_KEY": "11" * 32,
        "TEPAI_WECHAT_APPID": APPID,
        "TEPAI_WECHAT_SECRET": SECRET,
        "TEPAI_WECHAT_API_ROOT": sandbox.url,
    }
    return wsgi.make_house(Settings.from_env(env))


_engines: dict[str, tuple[sa.Engine, sa.Engine, sa.Engine]] = {}


def _share_engine(house: House) -> None:
    """Use one engine for all copies of the prepared database: its statements are compiled once, not in every test."""
    url = house.settings.database_url
    if url not in _engines:
        _engines[url] = house.engine, house.reader, house.glancing
        if house.engine.dialect.name == "sqlite":

            @sa.event.listens_for(house.engine, "connect")
            def _hurry(connection: Any, _record: Any) -> None:
                connection.execute("PRAGMA synchronous=OFF")  # crashes are tested on servers of their own

    house.engine, house.reader, house.glancing = _engines[url]


@contextmanager
def opened(url: str, var: Any, sandbox: Sandbox, database: Sqlite | Postgres | None = None) -> Iterator[World]:
    """Open a world and leave nothing behind; with its database, beginnings that were told before are not told again."""
    house = make_house(url, var, sandbox)
    _share_engine(house)
    try:
        yield World(house, sandbox, database)
    finally:
        house.close()


def settle_cast(world: World) -> None:
    """Register, grant, invite and bind the whole cast over HTTP, as administrators would (quality.md §5)."""
    run = world.app.test_cli_runner()
    assert run.invoke(args=["roster", "load"]).exit_code == 0
    first = run.invoke(args=["people", "first-admin", "管正平"])
    assert first.exit_code == 0, first.exception
    invitation = __import__("json").loads(first.output)["invitation"]
    admin = _bind(world, "管正平", invitation)
    run.invoke(args=["people", "approve-binding", admin.person["binding"]])
    admin = world.login("管正平")
    second = _register(admin, "admin2")
    run.invoke(args=["people", "approve-role", second["grant"]])
    bound = _bind(world, "管思明", second["invitation"])
    run.invoke(args=["people", "approve-binding", bound.person["binding"]])
    checker = world.login("管思明")
    for part in CAST[2:]:
        made = _register(admin, part.key)
        checker.ok("POST", f"/roles/{made['grant']}/approve")
        bound = _bind(world, part.name, made["invitation"], shown=part.phone is not None)
        if bound.person["state"] == "claimed":
            checker.ok("POST", f"/bindings/{bound.person['binding']}/approve")


def _register(admin: Caller, key: str) -> dict[str, Any]:
    part = next(one for one in CAST if one.key == key)
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "name": part.name,
        "organisation": part.organisation,
        "phone": part.phone,
    }
    if part.role == "commissioner":
        body |= {"specialties": list(SPECIALTIES), "available": True, "nature": "public_benefit", "title": "高级农艺师"}
    person = admin.ok("POST", "/people", body)["id"]
    scope = {"organisation": part.organisation} if part.role == "dispatcher" else {"region": part.region}
    grant = admin.ok("POST", "/roles", {"person": person, "role": part.role, **scope})["id"]
    invitation = admin.ok("POST", "/invitations", {"person": person})["invitation"]
    return {"person": person, "grant": grant, "invitation": invitation}


def _bind(world: World, name: str, invitation: str, *, shown: bool = False) -> Caller:
    caller = world.login(name)
    body = {"invitation": invitation}
    if shown:
        openid = world.sandbox.phone(name)["openid"]
        body["phone_code"] = world.sandbox.post(f"/sandbox/phones/{openid}/phone-code")["code"]
    answer = caller.ok("POST", "/auth/bind", body)
    caller.person = {**answer["person"], "binding": answer["binding"], "state": answer["state"]}
    caller.id = caller.person["id"]
    return caller


def new_id() -> str:
    return str(uuid4())


__all__ = ["UUID", "Answer", "Caller", "Sandbox", "World", "make_house", "new_id", "opened", "settle_cast"]
