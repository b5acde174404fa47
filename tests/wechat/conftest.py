from collections.abc import Iterator

import pytest

from tests.wechat.running import Running, running
from wechat.client import MiniProgramClient


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running() as it:
        yield it


@pytest.fixture
def client(sandbox: Running) -> Iterator[MiniProgramClient]:
    it = sandbox.client()
    yield it
    it.close()
