"""A big photo over a bad line: chunks that the server lists, so that a cut costs at most one (issue 4 point 2)."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from models.records import PhotoUpload
from rules.policy import PHOTO_CHUNKED_BYTES_MAX, PHOTO_UPLOAD_DAYS
from service import schedule
from service.core.unit import SYSTEM
from tests.web.test_photos import JPEG, encoded, name_of, send
from tests.web.test_records import NOW
from tests.world import Answer, Caller, World

CHUNK = 256 * 1024
NOISE = np.random.default_rng(4).integers(0, 255, (520, 620, 3), dtype=np.uint8)
BIG = encoded(Image.fromarray(NOISE), "PNG")  # four chunks, the last of them a short one
NAME, PATH = name_of(BIG), f"/photos/{name_of(BIG)}"


@pytest.fixture
def field(world: World) -> World:
    world.at(NOW)
    return world


def cut(content: bytes, number: int) -> bytes:
    return content[(number - 1) * CHUNK : number * CHUNK]


def begin(caller: Caller, content: bytes = BIG, length: int | None = None) -> Answer:
    return caller.put(f"/photos/{name_of(content)}/chunks", {"bytes": length or len(content)})


def send_chunk(caller: Caller, number: int, content: bytes | None = None, method: str = "PUT") -> Answer:
    body = cut(BIG, number) if content is None else content
    return send(caller, body, f"{NAME}/chunks/{number}", method)


def finish(caller: Caller, name: str = NAME) -> Answer:
    return caller.post(f"/photos/{name}/finish")


def folder(world: World) -> list[Path]:
    return [path for path in (world.house.settings.var_dir / "files" / "uploads").rglob("*") if path.is_file()]


def test_a_cut_costs_one_chunk_and_the_photo_comes_whole(field: World) -> None:
    """Begun, cut in the middle of a chunk, resumed by the list, finished; what is sent twice is the same."""
    chen, last = field.as_("chen"), -(-len(BIG) // CHUNK)
    begun = begin(chen)
    assert (begun.status, begun["present"], begun["missing"], begun["kept"]) == (201, [], [1, 2, 3, 4], False)
    assert (last, begun["chunk_bytes"], begun["bytes"]) == (4, CHUNK, len(BIG))
    assert [send_chunk(chen, number).json for number in (1, 3)] == [{"number": n, "bytes": CHUNK} for n in (1, 3)]
    cut_off = send_chunk(chen, 2, cut(BIG, 2)[:1000])
    assert (cut_off.status, list(cut_off["errors"])) == (422, ["file"])
    early = finish(chen)
    assert (early.status, early["type"], early["missing"]) == (409, "/problems/chunks-missing", [2, 4])
    resumed = Caller(field.app, chen.token)
    again = begin(resumed)
    assert (again.status, again["present"], again["missing"]) == (200, [1, 3], [2, 4])
    assert [send_chunk(resumed, number, method="POST").status for number in (2, 4, 4)] == [200] * 3
    kept, twice = finish(resumed), finish(chen)
    assert (kept.status, kept["sha256"], kept["width"]) == (201, NAME, 620)
    assert (twice.status, twice.json) == (200, kept.json)
    assert chen.get(PATH).content[:2] == b"\xff\xd8"
    told = chen.get(PATH + "/chunks")
    assert (told.status, told["kept"], told["present"], told["missing"]) == (200, True, [], [])
    assert begin(chen)["kept"] is True
    assert send_chunk(chen, 1).status == 404
    field.run_jobs()
    assert folder(field) == []


def test_what_is_begun_is_ones_own(field: World) -> None:
    """The same digest from two people is two uploads, and tells neither of the other; only commissioners send."""
    chen, li = field.as_("chen"), field.as_("li")
    begin(chen)
    send_chunk(chen, 1)
    for method, path in (("GET", "/chunks"), ("DELETE", "/chunks"), ("POST", "/finish")):
        assert li.call(method, PATH + path).status == 404, path
    assert send_chunk(li, 2).status == 404
    assert (begin(li).status, li.get(PATH + "/chunks")["present"]) == (201, [])
    send_chunk(li, 2)
    assert chen.get(PATH + "/chunks")["present"] == [1]
    assert field.as_("county").get(PATH + "/chunks").status == 403
    assert field.anyone().get(PATH + "/chunks").status == 401


def test_size_is_looked_at_before_anything_is_stored(field: World) -> None:
    """32 MiB may be begun and one byte more not; a chunk has the length that it must have; a tenth photo waits."""
    chen = field.as_("chen")
    assert begin(chen, length=PHOTO_CHUNKED_BYTES_MAX + 1).status == 413
    for wrong in (0, -1, "5", None, True, 1.5):
        assert chen.put(PATH + "/chunks", {"bytes": wrong}).status == 422, wrong
    assert chen.put("/photos/abc/chunks", {"bytes": 1}).status == 422
    assert begin(chen, length=PHOTO_CHUNKED_BYTES_MAX).status == 201
    other = begin(chen)
    assert (other.status, other["type"], other["bytes"]) == (409, "/problems/other-size", PHOTO_CHUNKED_BYTES_MAX)
    for number, content, status in (
        (0, cut(BIG, 1), 422),
        (129, cut(BIG, 1), 422),
        (1, cut(BIG, 1) + b"x", 422),
        (1, b"x" * (CHUNK + 70_000), 413),
        (128, b"", 422),
        (128, cut(BIG, 1), 200),
    ):
        assert send_chunk(chen, number, content).status == status, (number, len(content))
    assert [path.name for path in folder(field)] == ["000128"]
    more = [begin(chen, bytes([n])) for n in range(9)]
    assert [one.status for one in more] == [201] * 8 + [409]
    assert more[-1]["type"] == "/problems/too-many-uploads"
    assert chen.delete(PATH + "/chunks").status == 204
    assert (chen.delete(PATH + "/chunks").status, begin(chen, b"9").status) == (404, 201)


@pytest.mark.parametrize("content", [BIG[:-1] + b"?", b"x" * 1000], ids=["another digest", "no picture"])
def test_what_does_not_fit_or_is_no_picture_is_gone(field: World, content: bytes) -> None:
    """422 naming what is wrong; the chunks are gone and can be sent anew."""
    chen = field.as_("chen")
    picture = content != BIG[:-1] + b"?"
    name = name_of(content) if picture else NAME
    chen.put(f"/photos/{name}/chunks", {"bytes": len(content)})
    for number in range(1, -(-len(content) // CHUNK) + 1):
        assert send(chen, cut(content, number), f"{name}/chunks/{number}").status == 200
    refused = finish(chen, name)
    assert (refused.status, list(refused["errors"])) == (422, ["file" if picture else "sha256"])
    assert (folder(field), field.house.ports.files.names()) == ([], [])
    assert chen.get(f"/photos/{name}/chunks")["present"] == []


def test_leftovers_expire(field: World) -> None:
    """A week after it was begun the chunks go; a photo that came another way ends its upload."""
    chen = field.as_("chen")
    begin(chen)
    send_chunk(chen, 1)
    begin(chen, JPEG)
    assert send(chen, JPEG).status == 201
    with field.house.read(SYSTEM) as uow:
        until = uow.session.scalars(sa.select(PhotoUpload.created_at).where(PhotoUpload.sha256 == NAME)).one()
        until += timedelta(days=PHOTO_UPLOAD_DAYS)
    field.at(until - timedelta(seconds=30))  # the clock runs on
    field.run_jobs()
    assert field.as_("chen").get(PATH + "/chunks")["present"] == [1]
    with field.house.read(SYSTEM) as uow:
        assert uow.session.scalars(sa.select(PhotoUpload.sha256)).all() == [NAME]
    field.at(until)
    for job in ("expire_uploads", "drop_uploads"):
        assert schedule.run(field.house, job).done == 1
    assert field.as_("chen").get(PATH + "/chunks").status == 404
    assert folder(field) == []


def at_once(*calls: Callable[[], Answer]) -> list[int]:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda one=one: statuses.append(one().status)) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def test_two_workers_at_once_begin_send_and_finish_once(field: World) -> None:
    """One upload, each chunk once, one photo; whoever is told 409 or 404 was too early or too late."""
    token = field.as_("chen").token
    hands = [Caller(field.app, token) for _ in range(4)]
    assert at_once(*(partial(begin, one) for one in hands)) == [200] * 3 + [201]
    assert at_once(*(partial(send_chunk, one, n) for n, one in enumerate(hands, 1))) == [200] * 4
    assert at_once(*(partial(send_chunk, one, 1) for one in hands)) == [200] * 4
    finished = at_once(*(partial(finish, one) for one in hands))
    assert finished[-1] == 201
    assert set(finished[:-1]) == {200}
    assert len(field.house.ports.files.names()) == 2


def test_a_chunk_that_comes_as_the_upload_ends_is_not_left_behind(
    field: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chen, files = field.as_("chen"), field.house.ports.files
    begin(chen)
    put_part = files.put_part

    def late(*args: Any) -> None:
        assert Caller(field.app, chen.token).delete(PATH + "/chunks").status == 204
        assert schedule.run(field.house, "drop_uploads").done == 1
        put_part(*args)

    monkeypatch.setattr(files, "put_part", late)
    assert send_chunk(chen, 1).status == 404
    assert folder(field) == []


def test_closing_the_account_takes_the_chunks_along(field: World) -> None:
    """quality.md bar 36: the copy of my data names what is under way; nothing of it outlives the account."""
    chen = field.as_("chen")
    begin(chen)
    send_chunk(chen, 1)
    sections = {one["title"]: one["rows"] for one in chen.get("/me/data")["sections"]}
    assert [one["sha256"] for one in sections["未传完的照片"]] == [NAME]
    assert chen.delete("/me").status == 200
    field.run_jobs()
    planted = cut(BIG, 1)[1000:1064]
    everything = [path for path in field.house.settings.var_dir.rglob("*") if path.is_file()]
    assert [path for path in everything if planted in path.read_bytes()] == []
    with field.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.select(sa.func.count()).select_from(PhotoUpload)) == 0


def test_what_a_killed_process_left_behind_is_swept_once_a_day(field: World) -> None:
    """A file that no row names goes after a day; what is named or under way stays."""
    chen, files = field.as_("chen"), field.house.ports.files
    begin(chen)
    send_chunk(chen, 1)
    assert send(chen, JPEG).status == 201
    files.put(name_of(b"orphan"), b"orphan")
    files.put_part(UUID(int=7), 1, b"orphan")
    old = time.time() - 90_000
    for path in (field.house.settings.var_dir / "files").rglob("*"):
        os.utime(path, (old, old))
    assert schedule.run_due(field.house)["sweep_files"].done == 1
    assert "sweep_files" not in schedule.run_due(field.house)
    assert (len(files.names()), len(folder(field))) == (1, 1)  # so small a photo is its own thumbnail
    assert (chen.get(f"/photos/{name_of(JPEG)}").status, chen.get(PATH + "/chunks")["present"]) == (200, [1])


def test_chunks_lie_where_no_name_leads_out(field: World) -> None:
    """A number is a number, and an upload's folder is named by the server."""
    chen = field.as_("chen")
    begin(chen)
    for number in ("..", "%2e%2e", "1/..", "-1", "１", "1e0", "9" * 9000):
        assert send(chen, cut(BIG, 1), f"{NAME}/chunks/{number}").status in {404, 405, 422}, number
    assert folder(field) == []
