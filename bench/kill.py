"""Submissions through two real server processes that are killed all the time: lost 0, doubled 0 (`make kill`).

Eight phones send what their queue holds to either server, again and again until it is acknowledged, and 15 % of it once
more; every so many acknowledgements a server gets SIGKILL, on PostgreSQL every third time a process of the database
too, upon which PostgreSQL throws everybody out and recovers as after an immediate restart. Then all is counted, and the
journal and the versions are verified. The dice are cast by a seed.
"""

import argparse
import hashlib
import http.client
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from bench.records import a_record, free_port
from models import Base
from models.journal import JournalEntry, Reply
from models.records import Record, RecordConflict, RecordVersion
from service import schedule
from service.core.unit import SYSTEM
from tests.databases import Postgres, database
from tests.make import a_pairing
from tests.world import Sandbox, World, make_house, settle_cast

PHONES, TWICE, PATIENCE_S = 8, 0.15, 300
CRASH_EVERY = 3


@dataclass(frozen=True)
class Outcome:
    """What was counted at the end; `faults` must be empty."""

    records: int
    sendings: int
    kills: int
    crashes: int
    seconds: float
    faults: list[str]


def a_queue(pairing: str, count: int) -> list[dict[str, Any]]:
    """What one device wrote, each item naming the one before by its digest."""
    items: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        item = a_record(pairing)
        item["device"] |= {"id": "kill", "seq": number}
        if items:
            text = json.dumps(items[-1], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            item["device"]["previous"] = hashlib.sha256(text.encode()).hexdigest()
        items.append(item)
    return items


class Servers:
    """Two servers at a time; one that is killed is followed by another at once."""

    def __init__(self, nursery: "subprocess.Popen[str]") -> None:
        self._nursery = nursery
        self.running: dict[int, int] = {}
        for _ in range(2):
            self._bear()

    def _bear(self) -> None:
        port = free_port()
        assert self._nursery.stdin
        assert self._nursery.stdout
        self._nursery.stdin.write(f"{port}\n")
        self._nursery.stdin.flush()
        self.running[port] = int(self._nursery.stdout.readline())

    def kill(self, chance: random.Random) -> None:
        """Kill one, in the middle of whatever it does."""
        port = chance.choice(list(self.running))
        os.killpg(self.running[port], signal.SIGKILL)
        self._bear()
        del self.running[port]

    def stop(self) -> None:
        for group in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@contextmanager
def servers(url: str, var: Path) -> Iterator[Servers]:
    """Start the nursery and two servers on a database."""
    env = {
        "TEPAI_DEVELOPMENT": "1",
        "TEPAI_VAR_DIR": str(var),
        "TEPAI_DATABASE_URL": url,
        "TEPAI_SECRET_KEY": "11" * 32,
    }
    command = [sys.executable, "-m", "bench.nursery"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        command, cwd=root, env=os.environ | env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:
        both = Servers(nursery)
        try:
            yield both
        finally:
            both.stop()
            assert nursery.stdin
            nursery.stdin.close()


class Field:
    """The phones and their queue, and what they were answered."""

    def __init__(self, both: Servers, token: str, items: list[dict[str, Any]], chance: random.Random) -> None:
        self.both, self.token = both, token
        again = [one for one in items if chance.random() < TWICE]
        self.queue = deque(sorted([*items, *again], key=lambda one: one["device"]["seq"] + chance.uniform(0, 5)))
        self.sendings = len(self.queue)
        self.answers: dict[str, set[bytes]] = {}
        self.acknowledged = 0
        self.faults: list[str] = []
        self.until = time.monotonic() + PATIENCE_S

    def phone(self) -> None:
        """Send until nothing is left."""
        while True:
            try:
                item = self.queue.popleft()
            except IndexError:
                return
            body = json.dumps(item)
            while (answer := self._sent(body)) is None:
                if time.monotonic() > self.until:
                    self.faults.append(f"{item['id']} was never acknowledged")
                    return
                time.sleep(0.02)  # the line is dead: the phone waits before it tries again
            self.answers.setdefault(item["id"], set()).add(answer)
            self.acknowledged += 1

    def _sent(self, body: str) -> bytes | None:
        """Give the answer, or None where there is none or the server asks to come again."""
        port = random.choice(list(self.both.running))
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
                line.request("POST", "/api/v1/records", body, headers)
                with line.getresponse() as answer:
                    content = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        if answer.status == 201:
            return content
        if answer.status != 503:
            self.faults.append(f"{answer.status} {content[:200]!r}")
        return None


def crash(url: str) -> bool:
    """Kill a process of the database that serves somebody; the database itself then starts again."""
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    try:
        with psycopg.connect(dsn) as own:
            found = own.execute(others).fetchone()
            if found:
                os.kill(found[0], signal.SIGKILL)
                return True
    except psycopg.OperationalError:
        pass  # it is still recovering from the last time
    return False


def run(world: World, var: Path, count: int, kills: int, seed: int = 1) -> Outcome:
    """Send, kill, and count."""
    chance, url = random.Random(seed), world.house.settings.database_url
    pairing = a_pairing(world)
    items, token = a_queue(str(pairing), count), str(world.as_("chen").token)
    world.house.close()
    crashes, started = 0, time.monotonic()
    with servers(url, var) as both:
        field = Field(both, token, items, chance)
        phones = [threading.Thread(target=field.phone) for _ in range(PHONES)]
        for phone in phones:
            phone.start()
        for number in range(1, kills + 1):
            while field.acknowledged < field.sendings * number / (kills + 1) and any(one.is_alive() for one in phones):
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.02))
            both.kill(chance)
            if url.startswith("postgresql") and number % CRASH_EVERY == 0:
                crashes += crash(url)
        for phone in phones:
            phone.join()
    seconds = time.monotonic() - started
    return Outcome(count, field.sendings, kills, crashes, seconds, field.faults + counted(world, field, items))


def counted(world: World, field: Field, items: list[dict[str, Any]]) -> list[str]:
    """Compare what the database holds with what was sent, once each, and have both proofs made."""
    world.house.close()
    faults = [f"{one} was answered in two ways" for one, said in field.answers.items() if len(said) > 1]
    sent = Counter(one["id"] for one in items)
    with world.house.read(SYSTEM) as uow:

        def found(column: Any, *where: Any) -> Counter[str]:
            return Counter(str(one) for one in uow.session.scalars(sa.select(column).where(*where)))

        for what, there in (
            ("record", found(Record.id, Record.state == "submitted")),
            ("version", found(RecordVersion.record_id)),
            ("receipt", found(Reply.key, Reply.key.in_(sent) if len(sent) < 500 else sa.true())),
            ("journal entry", found(JournalEntry.subject_id, JournalEntry.action == "record.submit")),
        ):
            faults += [f"{one}: {what} lost" for one in sent - there]
            faults += [f"{one}: {what} doubled" for one, times in there.items() if times > 1]
        if conflicts := uow.session.scalar(sa.select(sa.func.count()).select_from(RecordConflict)):
            faults.append(f"{conflicts} conflicts")
    chen = world.as_("chen")
    told = chen.ok("GET", f"/commissioners/{chen.id}/devices")["devices"][0]
    if (told["arrived"], told["missing"], told["twice"], told["broken"]) != (len(items), [], [], []):
        faults.append(f"the device's sequence: {told}")
    schedule.run(world.house, "seal")
    proofs = [world.app.test_cli_runner().invoke(args=[what, "verify"]) for what in ("audit", "records")]
    return faults + [proof.output for proof in proofs if proof.exit_code]


def measure(kind: str, count: int, kills: int) -> bool:
    """Run on one kind of database and print what came out."""
    sandbox = Sandbox()
    with database(kind) as store, tempfile.TemporaryDirectory() as folder:
        if isinstance(store, Postgres):
            store.set("fsync", "full_page_writes", "synchronous_commit", to="on")
        house = make_house(store.template_url(), Path(folder), sandbox)
        Base.metadata.create_all(house.engine)
        world = World(house, sandbox)
        settle_cast(world)
        outcome = run(world, Path(folder), count, kills)
        house.close()
    sandbox.close()
    print(
        f"{kind:<11} {outcome.records} records in {outcome.sendings} sendings, {outcome.kills} SIGKILLs, "
        f"{outcome.crashes} restarts of the database, {outcome.seconds:.0f} s: "
        + ("; ".join(outcome.faults[:5]) or "lost 0, doubled 0, journal and versions verified")
    )
    return not outcome.faults


def main() -> int:
    """Run on both databases unless one is named."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=100)
    given = parser.parse_args()
    good = [measure(kind, given.records, given.kills) for kind in given.database or ("sqlite", "postgresql")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
