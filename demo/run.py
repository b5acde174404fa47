"""`make run`: migrate, load, play the demo season once, then start server, worker and WeChat sandbox until Ctrl-C."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

import wsgi
from demo import season
from service.core import schema
from service.core.settings import Settings
from service.core.unit import OPERATOR, House
from wechat.people import phones

WAIT_S = 60


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def step(text: str, work: Callable[[], object]) -> None:
    """Do one step and print how long it took."""
    started = time.monotonic()
    sys.stdout.write(f"· {text} … ")
    sys.stdout.flush()
    work()
    say(f"{time.monotonic() - started:.1f} s")


def prepare(settings: Settings) -> None:
    """Bring the database to a played season. What was begun and cut short is thrown away, what is there is kept."""
    if not settings.database_url.startswith("sqlite"):
        _fill(settings)
        return
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if path.exists():
        house = wsgi.make_house(settings)
        step("正在迁移数据库 · migrating the database", lambda: schema.upgrade(house.engine))
        house.close()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = path.with_suffix(".rough")
    for leftover in path.parent.glob(rough.name + "*"):
        leftover.unlink()
    _fill(replace(settings, database_url=f"sqlite:///{rough}"))
    rough.rename(path)


def _fill(settings: Settings) -> None:
    house = wsgi.make_house(settings)
    step("正在建立数据库 · creating the database", lambda: schema.upgrade(house.engine))
    with house.read(OPERATOR) as uow:
        empty = uow.session.scalar(sa.text("SELECT count(*) FROM people")) == 0
    if empty:
        step("正在载入揭阳市基础数据 · loading the reference data", lambda: _load(house))
        season.play(settings, step)
        if house.engine.dialect.name == "sqlite":
            with house.engine.connect() as connection:
                connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    house.close()


def _load(house: House) -> None:
    done = wsgi.create_app(house).test_cli_runner().invoke(args=["roster", "load"])
    if done.exit_code:
        raise SystemExit(done.output)


def serve(settings: Settings) -> int:
    """Start the three processes, say where to look, and end them together."""
    env = {**os.environ, "TEPAI_DEVELOPMENT": "1", "PYTHONUNBUFFERED": "1"}
    granian = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--factory",
        "--no-access-log",
    ]
    granian += ["--log-level", "error", "--workers", "1", "--blocking-threads", "8"]
    commands: dict[str, list[str]] = {
        "server": [*granian, "--port", str(settings.port), "wsgi:create_server"],
        "sandbox": [*granian, "--port", str(settings.sandbox_port), "wsgi:create_sandbox_app"],
        "worker": [sys.executable, "-m", "flask", "--app", "wsgi", "worker"],
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        for name in ("server", "sandbox"):
            running[name] = _start(commands[name], env)
        _await("server", f"http://127.0.0.1:{settings.port}/healthz", running["server"])
        _await("sandbox", f"http://127.0.0.1:{settings.sandbox_port}/sandbox/phones", running["sandbox"])
        running["worker"] = _start(commands["worker"], env)  # after the pages, which somebody waits for
        welcome(settings)
        while all(process.poll() is None for process in running.values()):
            time.sleep(0.5)
        ended = [name for name, process in running.items() if process.poll() is not None]
        say(f"{'、'.join(ended)} ended by itself; stopping the rest.")
    except KeyboardInterrupt:
        say("\n正在停止 · stopping …")
        return 0
    finally:
        _stop(running)
    return 1


def _start(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=env, start_new_session=True)  # noqa: S603


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _await(name: str, url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"{name} did not start (is its port taken? set PORT and SANDBOX_PORT)")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{name} did not answer within {WAIT_S} seconds")


def _stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in running.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def welcome(settings: Settings) -> None:
    """Say where to look and as whom to enter."""
    house = wsgi.make_house(settings)
    shown: dict[str, str] = {}
    for phone in phones(house):
        for role in phone.roles if phone.bound else ():
            shown.setdefault(role["role"], f"{phone.name}（{role.get('region') or role.get('organisation')}）")
    house.close()
    here, there = f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{settings.sandbox_port}"
    say(f"""
特派已启动 · Tepai is running
  榜单 board            {here}/board
  县级工作台 county desk {here}/console/          （点选人物即可进入 · enter with one click）
  接口文档 API           {here}/api/docs
  微信沙箱 phones        {there}/
人物 · people to enter as""")
    for name, who in shown.items():
        say(f"  {name:<13}{who}")
    say("Ctrl-C 结束 · ends all of it；make fresh 重新开始 · starts over\n")


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="throw the demo's data away first")
    parser.add_argument("--prepare-only", action="store_true", help="play the season and stop")
    given = parser.parse_args()
    os.environ["TEPAI_DEVELOPMENT"] = "1"
    settings = Settings.from_env()
    if given.fresh and settings.var_dir.exists():
        shutil.rmtree(settings.var_dir)
        settings = Settings.from_env()
    try:
        prepare(settings)
        return 0 if given.prepare_only else serve(settings)
    except KeyboardInterrupt:
        say("\n已中断 · interrupted; the next start begins the season again.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
