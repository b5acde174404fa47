"""What photos cost a server in memory: eight of 30 MB at once, refused or taken; bombs; what is left afterwards.

A real granian server with one worker and eight threads on SQLite and a folder. `growth` is how much more the server's
processes held at their peak than before (resident bytes, read every 10 ms); decoders are processes apart, one photo at
a time, with a limit of their own: their peak is shown beside it. The bound is issue 4's: 64 MiB.
"""

import argparse
import hashlib
import http.client
import io
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from bench.kill import servers
from models import Base
from rules.policy import PHOTO_BYTES_MAX, PHOTO_CHUNK_BYTES
from tests.databases import database
from tests.web.test_photos import REFUSED
from tests.world import Sandbox, World, make_house, settle_cast

AT_ONCE, BOUND_MIB = 8, 64
MIB = 1024 * 1024


def a_big_picture(megabytes: int, number: int) -> bytes:
    """A picture of so many million bytes that is real and cannot be made smaller."""
    side = int((megabytes * 1_000_000 / 3) ** 0.5)
    noise = np.random.default_rng(number).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


class Watch:
    """The resident memory of a server's processes and of its decoders, and their peaks since `mark`."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._over = threading.Event()
        self.mark()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def now(self) -> tuple[int, int]:
        server = decoders = 0
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and os.getpgid(int(folder.name)) == self._group:
                    resident = int((folder / "statm").read_text().split()[1]) * 4096
                    if b"developer.py" in (folder / "cmdline").read_bytes():
                        decoders += resident
                    else:
                        server += resident
            except (OSError, ProcessLookupError):
                continue
        return server, decoders

    def mark(self) -> None:
        self.peak = (0, 0)

    def _run(self) -> None:
        while not self._over.wait(0.01):
            server, decoders = self.now()
            self.peak = (max(self.peak[0], server), max(self.peak[1], decoders))

    def close(self) -> None:
        self._over.set()
        self._thread.join()


class Phone:
    """Sends to the server and remembers the answers' statuses."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.answers: list[int] = []

    def call(self, method: str, path: str, body: object = None, **headers: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        told = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): of for name, of in headers.items()}
        try:
            line.request(method, f"/api/v1{path}", body, told)
            answer = line.getresponse()
            answer.read()
            return answer.status
        except (BrokenPipeError, ConnectionResetError):
            return 413  # it hung up in the middle of what it will not take
        finally:
            line.close()

    def file(self, path: str, content: bytes, *, unknown: bool = False) -> int:
        head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="p"\r\n\r\n'
        body: object = head + content + b"\r\n--cut--\r\n"
        if unknown:
            whole = bytes(body)  # type: ignore[call-overload]
            body = (whole[at : at + 65536] for at in range(0, len(whole), 65536))
        return self.call("PUT", path, body, Content_Type="multipart/form-data; boundary=cut")

    def whole(self, content: bytes, *, unknown: bool = False) -> None:
        self.answers.append(self.file(f"/photos/{hashlib.sha256(content).hexdigest()}", content, unknown=unknown))

    def chunked(self, content: bytes) -> None:
        path = f"/photos/{hashlib.sha256(content).hexdigest()}"
        self.call("PUT", f"{path}/chunks", f'{{"bytes": {len(content)}}}', Content_Type="application/json")
        for number, at in enumerate(range(0, len(content), PHOTO_CHUNK_BYTES), start=1):
            status = self.file(f"{path}/chunks/{number}", content[at : at + PHOTO_CHUNK_BYTES])
            if status != 200:
                self.answers.append(status)
                return
        while (status := self.call("POST", f"{path}/finish")) == 503:
            time.sleep(1)
        self.answers.append(status)


def at_once(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Bench:
    """The scenes, one after the other on one server."""

    def __init__(self, phone: Phone, watch: Watch) -> None:
        self.phone, self.watch = phone, watch
        self.good = True

    def scene(self, name: str, calls: list[Callable[[], None]], expected: set[int], *, in_turn: bool = False) -> None:
        before, _ = self.watch.now()
        self.watch.mark()
        self.phone.answers.clear()
        started = time.monotonic()
        for call in calls if in_turn else ():
            call()
        at_once([] if in_turn else calls)
        seconds = time.monotonic() - started
        server, decoders = self.watch.peak
        growth = (server - before) / MIB
        answers = Counter(self.phone.answers)
        good = growth < BOUND_MIB and set(answers) <= expected and answers.total() == len(calls)
        self.good &= good
        told = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
        print(
            f"{name:<44} {told:<20} {seconds:6.1f} s  server {before / MIB:5.0f} MiB, growth {growth:5.1f} MiB  "
            f"decoder peak {decoders / MIB:5.0f} MiB  {'ok' if good else 'BREACH'}",
            flush=True,
        )


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    sandbox = Sandbox()
    with database("sqlite") as store:
        house = make_house(store.template_url(), folder, sandbox)
        Base.metadata.create_all(house.engine)
        world = World(house, sandbox)
        settle_cast(world)
        yield world
        house.close()
    sandbox.close()


def measure(world: World, var: Path, bombs: int) -> bool:
    token, url = str(world.as_("chen").token), world.house.settings.database_url
    spool = var / "spool"
    spool.mkdir()
    os.environ["TMPDIR"] = str(spool)
    with servers(url, var) as both:
        port, group = next(iter(both.running.items()))
        phone = Phone(port, token)
        while True:
            try:
                phone.file("/photos/" + "0" * 64, b"warm")
                break
            except ConnectionRefusedError:
                time.sleep(0.2)
        phone.whole(a_big_picture(1, 99))
        watch = Watch(group)
        try:
            bench = Bench(phone, watch)
            scenes(bench, bombs)
        finally:
            watch.close()
    left = [path for path in spool.rglob("*") if path.is_file()] + list((var / "files").rglob("*.part"))
    print(f"temporary files left: {len(left)}")
    return bench.good and not left


def scenes(bench: Bench, bombs: int) -> None:
    phone = bench.phone
    big = [a_big_picture(30, number) for number in range(AT_ONCE)]
    bench.scene("8 × 30 MB whole, length told", [lambda c=c: phone.whole(c) for c in big], {413})
    bench.scene("8 × 30 MB whole, length not told", [lambda c=c: phone.whole(c, unknown=True) for c in big], {413})
    bench.scene("8 × 30 MB in chunks of 256 KiB", [lambda c=c: phone.chunked(c) for c in big], {201})
    bench.scene("the same again", [lambda c=c: phone.chunked(c) for c in big], {404})
    just = [a_big_picture(8, 50 + number)[:PHOTO_BYTES_MAX] for number in range(AT_ONCE)]
    bench.scene("8 × 8 MB whole", [lambda c=c: phone.whole(c) for c in just], {201, 503})
    made = [make() for name, make in REFUSED.items() if name != "nothing"]
    hostile = [made[at % len(made)] + bytes([at % 251]) * (at // len(made)) for at in range(bombs)]
    bench.scene(
        f"{bombs} bombs and no pictures", [lambda c=c: phone.whole(c) for c in hostile], {422, 413}, in_turn=True
    )
    bench.scene("8 × 8 MB whole, once more", [lambda c=c: phone.whole(c) for c in just], {200, 201})


def main() -> int:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bombs", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, a_world(Path(folder)) as world:
        return 0 if measure(world, Path(folder), given.bombs) else 1


if __name__ == "__main__":
    sys.exit(main())
