"""Where photos lie: an object store over HTTP, one that is away, disks that are full (issue 4, points 2 and 10)."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from service.core.files import FileStore
from service.core.unit import SYSTEM
from tests.make import a_pairing, a_record
from tests.service.buckets import Bucket, bucket
from tests.service.test_files import files_of_at_most
from tests.web.test_photos import JPEG, encoded, name_of, send
from tests.web.test_records import NOW, VISIT
from tests.world import Answer, World

pytestmark = pytest.mark.one_database
__all__ = ["bucket"]


def test_photos_lie_in_an_object_store_and_a_record_outlives_its_absence(world: World, bucket: Bucket) -> None:
    """While the store is away the record is taken and the photo is 503 with Retry-After; later it comes as well."""
    world.at(NOW)
    world.house.ports = dataclasses.replace(world.house.ports, files=FileStore(bucket.url))
    chen = world.as_("chen")
    pairing = a_pairing(world)
    bucket.stop()
    away = send(chen, JPEG)
    assert (away.status, "Retry-After" in away.headers, away["type"]) == (503, True, "/problems/unavailable")
    made = chen.ok("POST", "/records", a_record(pairing, VISIT, photos=[name_of(JPEG)]))
    bucket.start()
    assert send(chen, JPEG).status == 201
    assert chen.get(f"/records/{made['id']}")["photos"] == [{"sha256": name_of(JPEG), "present": True}]
    shown = world.as_("county").get(f"/photos/{name_of(JPEG)}", owner=chen.id)
    assert (shown.status, shown.content[:2]) == (200, b"\xff\xd8")
    bucket.stop()
    assert chen.get(f"/photos/{name_of(JPEG)}").status == 503
    assert chen.get(f"/records/{made['id']}").status == 200


@contextmanager
def a_full_database(world: World) -> Iterator[None]:
    """SQLite may not take one page more: what it says on a full disk, said by SQLite itself."""

    @sa.event.listens_for(world.house.engine, "checkout")
    def _limit(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # it takes what there is already as the least

    world.house.close()
    try:
        yield
    finally:
        sa.event.remove(world.house.engine, "checkout", _limit)
        world.house.close()


def is_full(answer: Answer) -> bool:
    return (answer.status, answer["type"]) == (507, "/problems/storage-full") and "存储空间不足" in answer["title"]


def test_a_full_database_takes_nothing_and_shows_everything(world: World) -> None:
    """quality.md §4 row 5: 507 in clear words, reads go on, and without a restart it takes again."""
    if world.house.engine.dialect.name != "sqlite":
        pytest.skip("the limit is SQLite's")
    world.at(NOW)
    chen, pairing = world.as_("chen"), a_pairing(world)
    body = a_record(pairing, VISIT, done="长" * 2000)
    made = chen.ok("POST", "/records", a_record(pairing, VISIT))
    with a_full_database(world):
        full = [chen.post("/records", body | {"id": f"018f0000-0000-4000-8000-{n:012d}"}) for n in range(40)]
        assert is_full(full[-1])
        assert chen.get(f"/records/{made['id']}").status == 200
    assert chen.post("/records", body | {"id": "018f0000-0000-4000-8000-000000000039"}).status == 201
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalar(sa.text("PRAGMA integrity_check")) == "ok"


def test_a_full_disk_keeps_no_half_photo(world: World) -> None:
    """Neither a file nor a row is left of it, and once there is room the same sending is taken."""
    chen = world.as_("chen")
    noise = encoded(Image.effect_noise((700, 700), 90), "PNG")
    assert send(chen, JPEG).status == 201
    before = world.house.ports.files.names()
    with files_of_at_most(100_000):
        assert is_full(send(chen, noise))
        assert chen.get(f"/photos/{name_of(JPEG)}").status == 200
    assert world.house.ports.files.names() == before
    assert not list((world.house.settings.var_dir / "files").rglob("*.part"))
    assert chen.get(f"/photos/{name_of(noise)}").status == 404
    assert send(chen, noise).status == 201
