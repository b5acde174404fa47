"""Files through fsspec: content-addressed ones, and the parts of uploads. A local folder by default, or S3 by URL."""

import errno
import hashlib
import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fsspec

from service.core.ports import FilesAway, FilesFull

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PATIENCE = {"connect_timeout": 3, "read_timeout": 20, "retries": {"max_attempts": 0}}
"""Of an object store over HTTP, in seconds: who waits for an answer is told soon that it is away."""


class FileStore:
    """Keeps bytes under their SHA-256, and parts under an upload's id. What is there is there as a whole."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}  # others write there too
        self._local = fsspec.core.split_protocol(url)[0] in {None, "file", "local"}
        if url.startswith("s3:"):
            options["config_kwargs"] = PATIENCE
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise RuntimeError(
                f"files at {url.partition('://')[0]}:// need more packages: make install-extras"
            ) from error
        if url.startswith("s3:"):
            self._files.retries = 2

    def _path(self, sha256: str) -> str:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256")
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def put(self, sha256: str, content: bytes) -> None:
        """Keep content under its digest; keeping it twice is once.

        :raises ValueError: if the digest is not the content's.
        :raises FilesFull, FilesAway:
        """
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("content does not match its name")
        self._write(self._path(sha256), content)

    def _write(self, path: str, content: bytes) -> None:
        """Write a file as a whole: an object store does that itself."""
        with _told():
            try:
                if self._local:
                    _write_whole(Path(path), content)
                else:
                    self._files.pipe_file(path, content)
            except FileNotFoundError as error:
                raise FilesAway from error  # the bucket is not there, or somebody removed the folder meanwhile

    def get(self, sha256: str) -> bytes:
        """Give the content. :raises FileNotFoundError: if it is not kept. :raises FilesAway:"""
        return self._read(self._path(sha256))

    def _read(self, path: str) -> bytes:
        with _told():
            content: bytes = self._files.cat_file(path)
        return content

    def has(self, sha256: str) -> bool:
        """Say whether it is kept. :raises FilesAway:"""
        with _told():
            return bool(self._files.exists(self._path(sha256)))

    def delete(self, sha256: str) -> None:
        """Remove it if it is there. :raises FilesAway:"""
        with _told(), suppress(FileNotFoundError):
            self._files.rm_file(self._path(sha256))

    def names(self) -> list[str]:
        """List every digest that is kept. :raises FilesAway:"""
        with _told():
            if not self._files.exists(self._root):
                return []
            found = (path.rsplit("/", 1)[-1] for path in self._files.find(self._root))
            return sorted(name for name in found if len(name) == 64)

    def sweep(self, keep: AbstractSet[str], before: datetime) -> int:
        """Remove what was last written before a moment and nobody keeps: what a process left that was killed.

        :param keep: digests of files, and ids of uploads.
        :returns: how many files went. :raises FilesAway:
        """
        with _told():
            found = self._files.find(self._root, detail=True) if self._files.exists(self._root) else {}
            gone = [path for path, facts in found.items() if _key(path) not in keep and _written(facts) < before]
            for path in gone:
                with suppress(FileNotFoundError):
                    self._files.rm_file(path)
        return len(gone)

    def size(self) -> int:
        """Give how many bytes everything takes. :raises FilesAway:"""
        with _told():
            return int(self._files.du(self._root)) if self._files.exists(self._root) else 0

    def _folder(self, upload: UUID) -> str:
        return f"{self._root}/uploads/{upload}"

    def put_part(self, upload: UUID, number: int, content: bytes) -> None:
        """Keep a part of an upload; the same number again takes its place. :raises FilesFull, FilesAway:"""
        self._write(f"{self._folder(upload)}/{number:06d}", content)

    def part(self, upload: UUID, number: int) -> bytes:
        """Give a part. :raises FileNotFoundError: if it is not kept. :raises FilesAway:"""
        return self._read(f"{self._folder(upload)}/{number:06d}")

    def parts(self, upload: UUID) -> dict[int, int]:
        """Give the numbers of the parts that are there, each with its bytes. :raises FilesAway:"""
        with _told():
            try:
                found = self._files.ls(self._folder(upload), detail=True)
            except FileNotFoundError:
                return {}
        named = ((one["name"].rsplit("/", 1)[-1], one["size"]) for one in found)
        return {int(name): int(size) for name, size in sorted(named) if name.isdecimal()}

    def drop_parts(self, upload: UUID) -> None:
        """Remove every part of an upload. :raises FilesAway:"""
        with _told(), suppress(FileNotFoundError):
            self._files.rm(self._folder(upload), recursive=True)


def _key(path: str) -> str:
    """Give what a file is kept for: its own digest, or its upload; nothing where it was never finished."""
    *_, above, folder, name = path.split("/")
    return folder if above == "uploads" and "." not in name else name


def _written(facts: dict[str, Any]) -> datetime:
    at = facts.get("LastModified")
    return at if isinstance(at, datetime) else datetime.fromtimestamp(facts["mtime"], UTC)


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name first, safe on its disk, so that a cut leaves no half under its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(
        f"{path.name}.{uuid4().hex}.part"
    )  # two who send the same must not meet in one unfinished file
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words that the store is full or away, whatever its library calls it."""
    try:
        yield
    except (FileNotFoundError, FilesAway, FilesFull):
        raise
    except OSError as error:
        raise (FilesFull if error.errno in FULL else FilesAway) from error
    except Exception as error:
        raise FilesAway from error
