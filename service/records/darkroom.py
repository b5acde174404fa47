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
ANSWER_BYTES_MAX = 16 * 1024 * 1024
WORDS = {
    "pixels": "照片不能超过 4000 万像素",
    "unreadable": "不是可读取的 JPEG、PNG 或 WebP 图片",
    "gone": "无法解码：这张图片超出了内存或时间的限制",
}


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

    def ask(self, file: BinaryIO, do: str, **job: Any) -> tuple[Mapping[str, Any], Sequence[bytes]]:
        """Have a file worked on: gives what is said of it, and the pictures that were made.

        :raises Invalid: if it is no picture that we take, or one that takes more than it may.
        :raises Unavailable: if too many wait.
        """
        if not self._turn.acquire(timeout=self._wait_s):
            raise Unavailable("正在处理的照片较多，请稍后再传", retry_after=5)
        try:
            answer = self._asked(file, json.dumps({"do": do, **asdict(self.limits), **job}).encode())
        finally:
            self._turn.release()
        head, whole, body = answer.partition(b"\n")
        said: dict[str, Any] = json.loads(head) if whole else {"refused": "gone"}
        if "refused" not in said and len(body) != sum(said["lengths"]):
            said = {"refused": "gone"}
        if "refused" in said:
            raise Invalid(errors={"file": [WORDS[said["refused"]]]})
        ends = [sum(said["lengths"][: at + 1]) for at in range(len(said["lengths"]))]
        return said, [body[end - length : end] for end, length in zip(ends, said["lengths"], strict=True)]

    def _asked(self, file: BinaryIO, request: bytes) -> bytes:
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
                    return _all(mine)
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


def _all(answer: socket.socket) -> bytes:
    """Read an answer to its end, which is also where a child that was ended broke off."""
    pieces, length = [], 0
    try:
        while length <= ANSWER_BYTES_MAX and (piece := answer.recv(1 << 18)):
            pieces.append(piece)
            length += len(piece)
    except TimeoutError:
        return b""
    return b"".join(pieces)


DARKROOM = Darkroom()
atexit.register(DARKROOM.close)
