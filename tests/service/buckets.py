"""An object store of S3's kind on this machine, spoken to over HTTP."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer


class Bucket:
    """A bucket that can be stopped and started again with nothing lost."""

    url = "s3://tepai/photos"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._port = 0
        self.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{self._port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="tepai")

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket."""
    one = Bucket(monkeypatch)
    yield one
    one.stop()
    from moto.backends import get_backend

    for backend in get_backend("s3").values():
        for region in backend.values():
            region.reset()
