"""Where photos are decoded: apart, held to memory and time, and never a dead server (quality.md §4 row 21)."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.core.problems import Invalid, Unavailable
from service.records import darkroom, photos
from service.records.darkroom import Darkroom, Limits
from tests.web.test_photos import JPEG, derive, encoded, name_of, picture, send
from tests.world import World

pytestmark = pytest.mark.one_database
BIG = encoded(Image.new("RGB", (5000, 5000), "green"), "PNG", compress_level=1)
MIB = 1024 * 1024


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Darkroom]]:
    """Sets up a darkroom with other limits in the place of the server's."""
    made: list[Darkroom] = []

    def make(wait_s: float = 5, **limits: Any) -> Darkroom:
        made.append(Darkroom(Limits(**limits), wait_s))
        monkeypatch.setattr(photos, "DARKROOM", made[-1])
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("limits", [{"wall_s": 0.02}, {"memory_max": 150 * MIB}], ids=["time", "memory"])
def test_what_takes_too_much_is_refused_and_the_next_is_taken(room: Callable[..., Darkroom], limits: Any) -> None:
    """A decoder that hangs or swallows memory is ended by the kernel; that is the photo's fault, and only its own."""
    one = room(**limits)
    with pytest.raises(Invalid) as refused:
        derive(BIG)
    assert refused.value.errors == {"file": ["无法解码：这张图片超出了内存或时间的限制"]}
    process = one._process
    one.limits = Limits()
    assert derive(BIG).width == 2560
    assert one._process is process


def test_a_hanging_decoder_is_422_over_http_and_leaves_nothing(world: World, room: Callable[..., Darkroom]) -> None:
    chen = world.as_("chen")
    one = room(wall_s=0.02)
    answer = send(chen, BIG)
    assert (answer.status, list(answer["errors"])) == (422, ["file"])
    assert world.house.ports.files.names() == []
    one.limits = Limits()
    assert send(chen, BIG).status == 201


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"[]\n", b'{"lengths": [5]}\nfour', b'{"lengths": [-1]}\nx', b'{"lengths": [99999999]}\n',
     b'{"refused": "rm -rf"}\n', b'{"lengths": "x"}\n', b'{"lengths": 5}\n', b"\xff\n"],
)  # fmt: skip
def test_what_a_taken_over_decoder_says_is_not_believed(answer: bytes) -> None:
    mine, theirs = socket.socketpair()
    with mine:
        with theirs:
            theirs.sendall(answer)
        assert darkroom._read(mine) == darkroom.GONE


def test_a_killed_process_is_started_again(room: Callable[..., Darkroom]) -> None:
    one = room()
    derive(JPEG)
    assert one._process is not None
    os.kill(one._process.pid, signal.SIGKILL)
    one._process.wait()
    assert derive(JPEG).width == 64


def test_it_knows_no_secret(room: Callable[..., Darkroom], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes over a decoder finds an empty environment."""
    monkeypatch.setenv("TEPAI_SECRET_KEY", "22" * 32)
    one = room()
    derive(JPEG)
    assert one._process is not None
    assert b"TEPAI" not in Path(f"/proc/{one._process.pid}/environ").read_bytes()


def test_who_waits_too_long_is_asked_to_come_back(world: World, room: Callable[..., Darkroom]) -> None:
    """A queue that stands still is a 503 with Retry-After, and nobody else's thread."""
    one = room(wait_s=0.05)
    with one._turn, pytest.raises(Unavailable):
        derive(JPEG)
    with one._turn:
        answer = send(world.as_("chen"), JPEG)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert send(world.as_("chen"), JPEG).status == 201


def test_new_photos_a_day_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """quality.md 5.2.4: the limit is taken, one more is 429; what is there already costs nothing."""
    monkeypatch.setattr(photos, "PHOTOS_PER_DAY", 2)
    chen, sent = world.as_("chen"), [encoded(picture(20 + n, 20)) for n in range(3)]
    assert [send(chen, one).status for one in (*sent[:2], sent[0], sent[2])] == [201, 201, 200, 429]
    assert chen.get(f"/photos/{name_of(sent[2])}").status == 404
    assert send(world.as_("li"), sent[2]).status == 201
