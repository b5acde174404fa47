"""Where photos are decoded: in a process apart, one after the other, held to memory and time (quality.md §4 row 21).

The process is started once a server process, with an empty environment; it forks a child for each photo. What kills or
hangs a decoder ends that child, and the photo is refused; the server does not notice.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from service.core.problems import Invalid, Unavailable

PROGRAM = Path(__file__).with_name("developer.py")
WAIT_S = 20
"""How long a photo waits for those before it, until its sender is asked to come back."""
HEAD_BYTES_MAX, ANSWER_BYTES_MAX = 65536, 16 * 1024 * 1024
WORDS = {
    "pixels": "照片不能超过 4000 万像素",
    "unreadable": "不是可读取的 JPEG、PNG 或 WebP 图片",
    "gone": "无法解码：这张图片超出了内存或时间的限制",
}


Answer = tuple[Mapping[str, Any], Sequence[bytes]]
GONE: Answer = ({"refused": "gone"}, ())


@dataclass(frozen=True)
class Limits:
    """What one photo may take."""

    memory_max: int = 800 * 1024 * 1024
    """Bytes of address space. Forty megapixels need 256 MiB as a plain JPEG, 448 as a progressive one in four colours,
    640 as a PNG with a transparent colour and 768 as WebP (measured)."""
    cpu_s: int = 15
    wall_s: float = 30


class Darkroom:
    """Hands photos to the process that decodes them, one at a time."""

    def __init__(self, limits: Limits | None = None, wait_s: float = WAIT_S) -> None:
        self.limits = limits or Limits()
        self._wait_s = wait_s
        self._turn = threading.BoundedSemaphore(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._owner = 0

    def ask(self, file: BinaryIO, do: str, **job: Any) -> Answer:
        """Have a file worked on: gives what is said of it, and the pictures that were made.

        :raises Invalid: if it is no picture that we take, or one that takes more than it may.
        :raises Unavailable: if too many wait.
        """
        if not self._turn.acquire(timeout=self._wait_s):
            raise Unavailable("正在处理的照片较多，请稍后再传", retry_after=5)
        try:
            said, pictures = self._asked(file, json.dumps({"do": do, **asdict(self.limits), **job}).encode())
        finally:
            self._turn.release()
        if "refused" in said:
            raise Invalid(errors={"file": [WORDS[said["refused"]]]})
        return said, pictures

    def _asked(self, file: BinaryIO, request: bytes) -> Answer:
        for last_try in (False, True):
            file.seek(0)
            mine, theirs = socket.socketpair()
            with mine, theirs:
                mine.settimeout(self.limits.wall_s + 5)  # the child's own alarm comes first
                try:
                    orders = self._room()
                    socket.send_fds(orders, [request], [file.fileno(), theirs.fileno()])
                    taken = orders.recv(1)
                except OSError:
                    taken = b""
                if taken == b"+":
                    theirs.close()
                    return _read(mine)
                self.close()
                if last_try or taken == b"-":
                    break
        raise Unavailable(retry_after=5)

    def _room(self) -> socket.socket:
        """Give the way to the process, started if there is none; a forked server starts its own."""
        if self._orders is not None and self._owner == os.getpid():
            return self._orders
        mine, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                [sys.executable, "-I", "-B", str(PROGRAM)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )
        mine.settimeout(10)
        self._orders, self._owner = mine, os.getpid()
        return mine

    def close(self) -> None:
        """End the process; the next photo starts another."""
        if self._orders is not None:
            self._orders.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._orders = self._process = None


def _read(answer: socket.socket) -> Answer:
    """Read an answer, each picture into its own bytes; one that breaks off, or makes no sense, is that of a child that
    was ended.
    """
    with answer.makefile("rb") as file:
        try:
            said = json.loads(file.readline(HEAD_BYTES_MAX))
            lengths = [int(one) for one in said.get("lengths", ())]
            if min(lengths, default=0) < 0 or sum(lengths) > ANSWER_BYTES_MAX:
                return GONE
            pictures = [file.read(length) for length in lengths]
        except (TimeoutError, ValueError, AttributeError, TypeError):
            return GONE
    whole = [len(one) for one in pictures] == lengths and said.get("refused", "gone") in WORDS
    return (said, pictures) if whole else GONE


DARKROOM = Darkroom()
atexit.register(DARKROOM.close)
