"""What a process of its own does that fetches WeChat's token; imports little, for each test starts many."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.core.ports import Ports
from service.core.settings import Settings
from service.core.unit import House
from wechat.client import MiniProgramClient
from wechat.gateway import TableTokenStore


@contextmanager
def house_of(settings: Settings) -> Iterator[House]:
    """A house of this process's own, as each worker of a server builds one."""
    house = House(settings, lambda _house: Ports(None, None, None))  # type: ignore[arg-type]  # asked for nothing here
    try:
        yield house
    finally:
        house.close()


def client_of(house: House, lease_s: int = 30) -> MiniProgramClient:
    settings = house.settings
    store = TableTokenStore(house, lease_s)
    root = settings.wechat_api_root
    return MiniProgramClient(settings.wechat_appid, settings.wechat_secret, root, store, wait_for_token_s=20)


def fetch(settings: Settings, barrier: Any, answers: Any) -> None:
    """What a cold process does: wait for the others, then ask for the token."""
    with house_of(settings) as house:
        client = client_of(house)
        barrier.wait()
        answers.put(str(client.access_token))
        client.close()


def hold(settings: Settings) -> None:
    """What a process does that is killed while WeChat keeps it waiting."""
    with house_of(settings) as house:
        client_of(house, lease_s=1).access_token  # noqa: B018  (never comes back)
