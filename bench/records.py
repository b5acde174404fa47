"""`POST /records` beside the database's own limit for the same transaction (`make bench`).

The same rows, captured once from a real request, are replayed by the bare driver; the server is real granian, a
process for each core, that is asked over HTTP with login, validation, idempotency, flags and journal inside. The
connections are dealt out evenly, as a balancer before the processes does it: where the processes share one port, most
of sixteen may end at one of them, and wait there. What is sent and what is replayed is made before the clock starts.
Rounds are interleaved, the median is printed, and only the ratio means anything: machines are noisy.
"""

import argparse
import http.client
import itertools
import json
import logging
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa

from service.core import prepared, schema
from tests.databases import database
from tests.make import a_pairing
from tests.world import Sandbox, World, make_house, settle_cast

CONNECTIONS = 16
PROCESSES = len(os.sched_getaffinity(0))
THREADS = 1
"""Of a process: a second one waits for the first at the interpreter; whose requests wait for others needs more."""
BATCH, BATCHES_AT_ONCE = 50, 4
MADE_AHEAD = 2500
"""So many records, and so many transactions, lie ready when a round starts."""
AUTHORS = ("chen", "li", "wang", "zhao", "sun")
DAYS = 300
WORDS = [f"{verb}{thing}" for verb in ("查看", "讲解", "示范", "记录", "复核", "布置") for thing in (
    "春茶长势", "虫口密度", "黄板间距", "土壤墒情", "排水沟", "修剪高度", "授粉蜂箱", "育苗温度", "覆膜接缝",
    "果实套袋", "饲料配比", "池水溶氧", "防疫记录", "有机肥堆", "采收时机", "贮藏湿度",
)]  # fmt: skip


def a_record(pairing: str, start: datetime | None = None) -> dict[str, Any]:
    """A record as a phone sends it, about 900 bytes."""
    start = start or datetime.now(UTC) - timedelta(hours=5)
    return {
        "id": str(uuid4()),
        "pairing_id": pairing,
        "started_at": start.isoformat(),
        "ended_at": (start + timedelta(hours=3)).isoformat(),
        "form": "on_site",
        "kind": "guidance",
        "place_name": "村委会茶园示范点",
        "done": "查看春茶长势，指导修剪与叶蝉绿色防控，现场示范黄板挂放密度。" * 3,
        "next": "两周后复查虫口，带去新的诱芯。",
        "companions": [],
        "counters": {"farmers_helped": 12},
        "photos": [],
        "device": {"id": "bench", "seq": 1, "made_at": start.isoformat()},
    }


class Field:
    """Who serves where. Nobody serves twice a day, and nobody writes the same words: as in life, little is flagged."""

    def __init__(self, world: World) -> None:
        self.made = itertools.count()
        """Counts the records; `next` on it is atomic."""
        self.places = [(world.as_(who), a_pairing(world, who)) for who in AUTHORS]

    def record(self, author: int | None = None) -> tuple[str, dict[str, Any]]:
        """Give the next author's token and record."""
        number = next(self.made)
        turn = number % len(AUTHORS) if author is None else author
        caller, pairing = self.places[turn]
        days = DAYS - number // len(AUTHORS) % DAYS
        record = a_record(pairing, datetime.now(UTC) - timedelta(days=days, hours=5, minutes=number % 50))
        words = Random(number).sample(WORDS, 9)
        record |= {"done": "，".join(words) + f"，共 {number} 处。"}
        record["device"] |= {"id": f"bench-{turn}", "seq": number}
        return str(caller.token), record


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server(env: dict[str, str]) -> Iterator[int]:
    """Run the application in one process; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--factory", "--workers", "1", "--blocking-threads", str(THREADS)]
    command += ["--no-access-log", "--log-level", "error"]
    process = subprocess.Popen([*command, "wsgi:create_server"], env=os.environ | env)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/specialties", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def together(
    seconds: float, work: Callable[[threading.Event], Iterator[float]], connections: int = CONNECTIONS
) -> tuple[float, float]:
    """Run `work` on all connections at once; give the rate a second and the 99th percentile of its times in ms."""
    stop, times = threading.Event(), []

    def run() -> None:
        mine = list(work(stop))
        times.extend(mine)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    ordered = sorted(times)
    return len(ordered) / took, ordered[int(len(ordered) * 0.99)] * 1000


def over_http(ports: Sequence[int], field: Field, batch: int = 0) -> Callable[[threading.Event], Iterator[float]]:
    """Post records on one kept-alive connection, one by one or so many of one author at a time."""
    turns = itertools.count()

    def asked() -> tuple[str, str, bytes]:
        if not batch:
            token, record = field.record()
            return token, "/api/v1/records", json.dumps(record).encode()
        author = next(field.made) % len(AUTHORS)
        made = [field.record(author) for _ in range(batch)]
        body = json.dumps({"records": [record for _, record in made]}).encode()
        return made[0][0], "/api/v1/records/batch", body

    ready = deque(asked() for _ in range(MADE_AHEAD // (batch or 1)))

    def work(stop: threading.Event) -> Iterator[float]:
        connection = http.client.HTTPConnection("127.0.0.1", ports[next(turns) % len(ports)], timeout=60)
        while not stop.is_set():
            token, path, body = ready.popleft() if ready else asked()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            started = time.perf_counter()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status not in {201, 207} or b'"status":4' in content:
                raise RuntimeError(f"{answer.status} {content[:300]!r}")
            yield time.perf_counter() - started
        connection.close()

    return work


def captured(field: Field) -> list[tuple[str, Any]]:
    """Post one record in this process and give the rows of its transaction, each as an insert of its own."""
    seen: list[tuple[str, Any]] = []

    def note(connection: sa.Connection, waiting: prepared.Waiting) -> None:
        for model, rows in waiting.items():
            text = prepared.inserting(model, tuple(rows[0])).text(connection.dialect)
            seen.extend((text.sql, text.parameters(row)) for row in rows)
        real(connection, waiting)

    real = prepared.insert
    with mock.patch.object(prepared, "insert", note):
        field.places[0][0].ok("POST", "/records", field.record(0)[1])
    return seen


def renewed(writes: list[tuple[str, Any]]) -> Callable[[], list[tuple[str, Any]]]:
    """Give the same writes with new ids each time they are asked for."""
    text = json.dumps([_flat(parameters) for _, parameters in writes], default=str)
    ids = sorted(set(_uuids(text)))

    def again() -> list[tuple[str, Any]]:
        fresh = {one: uuid4() for one in ids if one not in _kept}
        return [(statement, _swap(parameters, fresh)) for statement, parameters in writes]

    return again


_kept: set[str] = set()


def _flat(parameters: Any) -> list[Any]:
    return list(parameters.values()) if isinstance(parameters, dict) else list(parameters)


def _uuids(text: str) -> Iterator[str]:
    for word in text.replace('"', " ").replace("\\", " ").replace(",", " ").split():
        try:
            yield str(UUID(word))
        except ValueError:
            continue


def _swap(value: Any, fresh: dict[str, UUID]) -> Any:
    if isinstance(value, dict):
        return {name: _swap(inner, fresh) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_swap(inner, fresh) for inner in value)
    if isinstance(value, UUID):
        return fresh.get(str(value), value)
    if isinstance(value, str) and len(value) in {32, 36}:
        try:
            new = fresh.get(str(UUID(value)))
        except ValueError:
            return value
        return value if new is None else (new.hex if len(value) == 32 else str(new))
    return value


def bare(url: str, again: Callable[[], list[tuple[str, Any]]]) -> Callable[[threading.Event], Iterator[float]]:
    """Replay the transaction by the bare driver; on SQLite by one writer, which is the most that it can do."""
    parsed = sa.make_url(url)
    ready = deque(again() for _ in range(MADE_AHEAD))

    def on_sqlite(stop: threading.Event) -> Iterator[float]:
        connection = sqlite3.connect(str(parsed.database), timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        while not stop.is_set():
            writes = ready.popleft() if ready else again()
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            for statement, parameters in writes:
                connection.execute(statement, parameters)
            connection.execute("COMMIT")
            yield time.perf_counter() - started
        connection.close()

    def on_postgresql(stop: threading.Event) -> Iterator[float]:
        dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(dsn, prepare_threshold=0) as connection:
            while not stop.is_set():
                writes = ready.popleft() if ready else again()
                started = time.perf_counter()
                with connection.transaction():
                    for statement, parameters in writes:
                        connection.execute(statement, parameters)
                yield time.perf_counter() - started

    return on_sqlite if parsed.get_backend_name() == "sqlite" else on_postgresql


def measure(kind: str, rounds: int, seconds: float) -> None:
    """Measure on one kind of database and print the medians."""
    sandbox = Sandbox()
    with database(kind) as store, tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        house = make_house(store.template_url(), var, sandbox)
        schema.upgrade(house.engine)
        world = World(house, sandbox)
        settle_cast(world)
        field = Field(world)
        for caller, pairing in field.places:
            _kept.update({str(UUID(caller.id)), str(pairing)})
        writes = captured(field)
        env = {
            "TEPAI_DEVELOPMENT": "1",
            "TEPAI_VAR_DIR": str(var),
            "TEPAI_DATABASE_URL": house.settings.database_url,
            "TEPAI_SECRET_KEY": "11" * 32,
        }
        ours, limits, tails, batches = [], [], [], []
        with ExitStack() as running:
            ports = [running.enter_context(server(env)) for _ in range(PROCESSES)]
            url, again = house.settings.database_url, renewed(writes)
            together(2, over_http(ports, field))  # warm up
            together(2, over_http(ports, field, BATCH), BATCHES_AT_ONCE)
            for _ in itertools.repeat(None, rounds):
                rate, tail = together(seconds, over_http(ports, field))
                ours.append(rate)
                tails.append(tail)
                limits.append(together(seconds, bare(url, again), 1 if kind == "sqlite" else CONNECTIONS)[0])
                batches.append(together(seconds, over_http(ports, field, BATCH), BATCHES_AT_ONCE)[0] * BATCH)
        house.close()
    sandbox.close()
    mine, limit, many = statistics.median(ours), statistics.median(limits), statistics.median(batches)
    print(
        f"{kind:<11} POST /records {mine:7.0f}/s (p99 {statistics.median(tails):.0f} ms)   "
        f"bare driver, same {len(writes)} writes {limit:7.0f}/s   ratio {mine / limit:.2f}   "
        f"in batches of {BATCH} {many:7.0f} records/s, {many / mine:.1f} times the single rate"
    )


def main() -> None:
    """Keep the sandbox quiet and measure on both databases unless one is named."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    for kind in given.database or ("sqlite", "postgresql"):
        measure(kind, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
