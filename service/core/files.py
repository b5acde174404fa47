"""Content-addressed files through fsspec: a local folder by default, any object store by URL."""

import hashlib
from uuid import uuid4

import fsspec


class FileStore:
    """Keeps bytes under their SHA-256. A file is written whole under another name first, so a cut leaves no half."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)

    def _path(self, sha256: str) -> str:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256")
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def put(self, sha256: str, content: bytes) -> None:
        """Keep content under its digest; keeping it twice is once.

        :raises ValueError: if the digest is not the content's.
        """
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("content does not match its name")
        path = self._path(sha256)
        if self._files.exists(path):
            return
        self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        part = f"{path}.{uuid4().hex}.part"  # two who send the same at once must not meet in one unfinished file
        self._files.pipe_file(part, content)
        self._files.mv(part, path)

    def get(self, sha256: str) -> bytes:
        """Give the content. :raises FileNotFoundError: if it is not kept."""
        content: bytes = self._files.cat_file(self._path(sha256))
        return content

    def delete(self, sha256: str) -> None:
        """Remove it if it is there."""
        path = self._path(sha256)
        if self._files.exists(path):
            self._files.rm_file(path)

    def names(self) -> list[str]:
        """List every digest that is kept."""
        if not self._files.exists(self._root):
            return []
        found = (path.rsplit("/", 1)[-1] for path in self._files.find(self._root))
        return sorted(name for name in found if len(name) == 64)

    def size(self) -> int:
        """Give how many bytes everything takes."""
        return int(self._files.du(self._root)) if self._files.exists(self._root) else 0
