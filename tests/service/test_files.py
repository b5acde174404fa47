"""Files in a folder and in an object store over HTTP: kept as a whole, away or full in our own words."""

import hashlib
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from service.core.files import FileStore
from service.core.ports import FilesAway, FilesFull
from tests.service.buckets import Bucket, bucket

pytestmark = pytest.mark.one_database
CONTENT = b"what is kept" * 1000
NAME = hashlib.sha256(CONTENT).hexdigest()

__all__ = ["bucket"]


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return FileStore(f"file://{tmp_path / 'files'}")
    there: Bucket = request.getfixturevalue("bucket")
    return FileStore(there.url)


@contextmanager
def files_of_at_most(length: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: a real limit, as of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_what_is_kept_is_found_again_and_goes(store: FileStore) -> None:
    assert (store.names(), store.size(), store.has(NAME)) == ([], 0, False)
    store.put(NAME, CONTENT)
    store.put(NAME, CONTENT)
    assert (store.names(), store.size(), store.has(NAME), store.get(NAME)) == ([NAME], len(CONTENT), True, CONTENT)
    with pytest.raises(ValueError, match="does not match"):
        store.put("0" * 64, CONTENT)
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.get("../" + NAME[3:])
    store.delete(NAME)
    store.delete(NAME)
    assert store.names() == []
    with pytest.raises(FileNotFoundError):
        store.get(NAME)


def test_parts_of_an_upload_are_listed_replaced_and_dropped(store: FileStore) -> None:
    """Parts are nobody's files: the list of names does not know them."""
    mine, other = uuid4(), uuid4()
    assert store.parts(mine) == {}
    for number, content in ((3, b"ccc"), (1, b"a"), (3, b"cccc")):
        store.put_part(mine, number, content)
    store.put_part(other, 1, b"z")
    assert (store.parts(mine), store.part(mine, 3), store.names()) == ({1: 1, 3: 4}, b"cccc", [])
    store.drop_parts(mine)
    store.drop_parts(mine)
    assert (store.parts(mine), store.parts(other)) == ({}, {1: 1})
    with pytest.raises(FileNotFoundError):
        store.part(mine, 1)


def test_what_a_killed_process_left_is_swept(store: FileStore, tmp_path: Path) -> None:
    """Old files that nobody names go, with chunks of uploads that nobody knows and writings that broke off."""
    mine, lost, other = uuid4(), uuid4(), hashlib.sha256(b"lost").hexdigest()
    store.put(NAME, CONTENT)
    store.put(other, b"lost")
    store.put_part(mine, 1, b"x")
    store.put_part(lost, 1, b"y")
    half = tmp_path / "files" / NAME[:2] / f"{NAME}.0123.part"
    if half.parent.exists():
        half.write_bytes(b"half")
    assert store.sweep({NAME, str(mine)}, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.sweep({NAME, str(mine)}, datetime.now(UTC) + timedelta(hours=1)) == 2 + half.parent.exists()
    assert (store.names(), store.parts(mine), store.parts(lost), half.exists()) == ([NAME], {1: 1}, {}, False)


def test_two_processes_see_at_once_what_the_other_wrote(bucket: Bucket) -> None:
    """Nothing is remembered of what was listed before."""
    one, other, upload = FileStore(bucket.url), FileStore(bucket.url), uuid4()
    assert (one.has(NAME), one.parts(upload), one.names()) == (False, {}, [])
    other.put(NAME, CONTENT)
    other.put_part(upload, 1, b"x")
    assert (one.has(NAME), one.parts(upload), one.names()) == (True, {1: 1}, [NAME])


def test_a_store_that_is_away_is_said_to_be_away(bucket: Bucket) -> None:
    store = FileStore(bucket.url)
    store.put(NAME, CONTENT)
    upload = uuid4()
    bucket.stop()
    for call in (
        lambda: store.put(NAME, CONTENT),
        lambda: store.get(NAME),
        lambda: store.has(NAME),
        lambda: store.delete(NAME),
        store.names,
        store.size,
        lambda: store.put_part(upload, 1, b"x"),
        lambda: store.parts(upload),
    ):
        with pytest.raises(FilesAway):
            call()
    bucket.start()
    store.put(NAME, CONTENT)
    assert store.get(NAME) == CONTENT


def test_a_bucket_that_is_not_there_is_away(bucket: Bucket) -> None:
    """It is no missing file: nobody is told that their photo is gone."""
    with pytest.raises(FilesAway):
        FileStore("s3://another/photos").put(NAME, CONTENT)
    assert [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]] == ["tepai"]


def test_a_full_folder_keeps_what_it_has_and_no_half(tmp_path: Path) -> None:
    """quality.md §4 row 5: refused as full, nothing half-written, and written once there is room."""
    store, upload = FileStore(f"file://{tmp_path / 'files'}"), uuid4()
    store.put_part(upload, 1, b"x")
    with files_of_at_most(8192):
        for write in (lambda: store.put(NAME, CONTENT), lambda: store.put_part(upload, 2, CONTENT)):
            with pytest.raises(FilesFull):
                write()
        assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == ["000001"]
        assert store.part(upload, 1) == b"x"
    store.put(NAME, CONTENT)
    assert store.get(NAME) == CONTENT
