"""Faults on command: the ways in which the platform, or the way to it, has been seen to fail."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from wechat.sandbox.settings import SandboxSettings

#: Without doing what was asked.
INSTEAD = frozenset({"refused", "reset", "hang", "http500", "html", "drip", "huge"})
#: After having done it (a client cannot tell).
AFTERWARDS = frozenset({"slow", "truncated", "wrong_types"})
#: For the call `push`.
PUSH_KINDS = frozenset({"late", "duplicate", "text_time"})
#: The call name that stands for every call of the application.
EVERY = "*"


_PIECE, _HUGE = 64 << 10, 20 << 20
_DRIPS = 60


@dataclass
class _Fault:
    call: str
    kind: str
    times: int


class FaultBook:
    """The faults that are still to happen, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []

    def add(self, call: str, kind: str, times: int) -> None:
        """Let the next `times` calls fail.

        :raises ValueError: for a kind that the call does not have.
        """
        if not _knows(call, kind) or times < 1:
            raise ValueError("unknown kind of fault")
        with self._lock:
            self._faults.append(_Fault(call, kind, times))

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._faults.clear()

    def take(self, call: str) -> str | None:
        """The kind of fault for this call, used up once; None when it may succeed."""
        with self._lock:
            for fault in self._faults:
                if fault.call == call or (fault.call == EVERY and call != "push"):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault.kind
        return None


def errcode_of(kind: str) -> int | None:
    """The number in `errcode:40001`; None for other kinds."""
    name, _, number = kind.partition(":")
    digits = number.removeprefix("-")
    if name != "errcode" or not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        return None
    return int(number)


def instead(kind: str, settings: SandboxSettings, connection: socket.socket | None) -> Response:
    """The answer of a fault that keeps the platform from doing anything.

    :param connection: the caller's, where the server shows it (werkzeug does), to be cut.
    """
    if kind == "http500":
        return Response("Internal Server Error", 500, mimetype="text/plain")
    if kind == "html":
        return Response("<html><body>502 Bad Gateway</body></html>", mimetype="text/html")
    if kind == "drip":
        return Response(_drip(settings.drip_s), mimetype="application/json")
    if kind == "huge":
        return Response((b" " * _PIECE for _ in range(_HUGE // _PIECE)), mimetype="application/json")
    return Response(_broken_off(settings.hang_s if kind == "hang" else 0.0, connection))


def damage(kind: str, response: Response, settings: SandboxSettings) -> Response:
    """Spoil the answer to a call that did its work."""
    if kind == "slow":
        time.sleep(settings.slow_s)
        return response
    body = response.get_data()
    if kind == "wrong_types":
        return Response(json.dumps(_twist(body)), mimetype="application/json")
    half = Response(body[: len(body) // 2], mimetype=response.mimetype)
    half.headers["Content-Length"] = str(len(body))
    return half


def _knows(call: str, kind: str) -> bool:
    if call == "push":
        return kind in PUSH_KINDS
    return kind in INSTEAD | AFTERWARDS or errcode_of(kind) is not None


def _broken_off(wait_s: float, connection: socket.socket | None) -> Iterator[bytes]:
    """A body that never comes: the server gives up before the first byte, and the connection is cut."""
    time.sleep(wait_s)
    if connection is not None:
        with suppress(OSError):  # the caller may have gone already
            connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("a fault on command")
    yield b""


def _drip(every_s: float) -> Iterator[bytes]:
    """An answer of spaces, one by one, that never becomes JSON."""
    for _ in range(_DRIPS):
        yield b" "
        time.sleep(every_s)


def _twist(body: bytes) -> Any:
    """Each member gets another type; an image becomes a list."""
    try:
        answer = json.loads(body)
    except ValueError:
        return []
    return {name: [value] if isinstance(value, str) else {"value": value} for name, value in answer.items()}
