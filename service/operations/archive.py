"""The file that a backup is: one tar, then a line with the digest of all before it, keyed so that only we can make it.

The digest finds any changed or missing byte; the key tells whether this system's own secret opens what is inside.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from service.core.problems import Conflict
from service.core.vault import Vault, canonical

_MARK = b"tepai-backup-1 "
_SEAL_BYTES = len(_MARK) + 64 + 1 + 64 + 1
_CHUNK = 1024 * 1024
MANIFEST = "manifest.json"


class Damaged(Conflict):
    """A byte of the archive is not what was written."""

    kind, title = "backup-damaged", "备份文件已损坏或不完整，不能使用"


class OtherKey(Conflict):
    """The archive is whole, and another secret key made it."""

    kind, title = "backup-other-key", "这份备份不是用当前的 TEPAI_SECRET_KEY 做的，请先找回当时的密钥"


class _Hashing:
    """A file that digests what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.file.write(data)


class Writer:
    """Writes an archive, member by member; remembers size and digest of each for the manifest."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, dict[str, Any]] = {}

    def add(self, name: str, content: bytes) -> None:
        """Add bytes under a name."""
        self._add(name, io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())

    def add_file(self, name: str, path: Path) -> None:
        """Add a file's content under a name."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            self._add(name, file, path.stat().st_size, digest)

    def _add(self, name: str, file: BinaryIO, size: int, sha256: str) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._tar.addfile(info, file)
        self.members[name] = {"bytes": size, "sha256": sha256}


@contextmanager
def writing(file: BinaryIO, vault: Vault) -> Iterator[Writer]:
    """Open an archive for writing; at the end it is sealed. The manifest must be the last member."""
    hashing = _Hashing(file)
    with tarfile.open(fileobj=hashing, mode="w|") as tar:  # type: ignore[call-overload]
        yield Writer(tar)
    file.write(_seal(hashing.sha256.hexdigest(), vault))


def _seal(sha256: str, vault: Vault) -> bytes:
    return _MARK + f"{sha256} {vault.digest('backup', sha256)}\n".encode()


class Reader:
    """An archive whose seal was found right."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.manifest: dict[str, Any] = json.loads(self.read(MANIFEST))

    def read(self, name: str) -> bytes:
        """Give a member's content. :raises Damaged: if there is none of that name."""
        content: bytes = self._open(name).read()
        return content

    def extract(self, name: str, path: Path) -> None:
        """Write a member's content to a file. :raises Damaged: if there is none of that name."""
        source = self._open(name)
        with path.open("xb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)

    def _open(self, name: str) -> Any:
        try:
            file = self._tar.extractfile(name)
        except KeyError as error:
            raise Damaged(f"备份中缺少 {name}") from error
        if file is None:
            raise Damaged(f"备份中缺少 {name}")
        return file

    def check(self) -> None:
        """Compare every member with the manifest.

        :raises Damaged: naming the first that differs, is missing, or is too many.
        """
        listed = self.manifest["members"]
        if set(self._tar.getnames()) != {*listed, MANIFEST}:
            raise Damaged("备份的内容与清单不一致")
        for name, expected in listed.items():
            if hashlib.file_digest(self._open(name), "sha256").hexdigest() != expected["sha256"]:
                raise Damaged(f"备份中的 {name} 与清单不一致")


@contextmanager
def reading(path: Path, vault: Vault) -> Iterator[Reader]:
    """Open an archive, after its seal and every digest in it were found right.

    :raises Damaged: if any byte differs from what was written.
    :raises OtherKey: if it was made under another secret key.
    """
    with path.open("rb") as file:
        _check_seal(file, vault)
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            reader = Reader(tar)
            reader.check()
            yield reader


def _check_seal(file: BinaryIO, vault: Vault) -> None:
    size = file.seek(0, io.SEEK_END) - _SEAL_BYTES
    if size <= 0:
        raise Damaged
    file.seek(size)
    seal = file.read()
    file.seek(0)
    digest = hashlib.sha256()
    left = size
    while chunk := file.read(min(_CHUNK, left)):
        digest.update(chunk)
        left -= len(chunk)
    sha256 = digest.hexdigest()
    if seal[: len(_MARK) + 64] != _MARK + sha256.encode():
        raise Damaged
    if seal != _seal(sha256, vault):
        raise OtherKey if _well_formed(seal) else Damaged


def _well_formed(seal: bytes) -> bool:
    rest = seal[len(_MARK) + 64 :]
    return rest[:1] == b" " and rest[-1:] == b"\n" and set(rest[1:-1]) <= set(b"0123456789abcdef")


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """Give the manifest's one text."""
    return canonical(manifest)
