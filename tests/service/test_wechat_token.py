"""The token that all processes share, fetched by real processes on one database (issue 3 point 1, wechat.md §A.4)."""

import multiprocessing
import os
import signal
from multiprocessing.context import ForkServerContext

import sqlalchemy as sa

from models.journal import Lease, WechatToken
from tests.service.cold import client_of, fetch, hold
from tests.world import World

PROCESSES = 16


def processes() -> ForkServerContext:
    """Processes that begin with an empty memory, but do not each import everything anew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.service.cold"])
    return context


def fetches(world: World, since: int) -> list[str | None]:
    """The fetches of the token since an entry of the sandbox's log, each with its fault."""
    log = world.sandbox.get(f"/sandbox/log?since={since}")
    return [entry["fault"] for entry in log if entry["path"] == "/cgi-bin/stable_token"]


def last(world: World) -> int:
    return int(world.sandbox.get("/sandbox/log")[-1]["seq"])


def forget(world: World) -> None:
    with world.house.engine.begin() as connection:
        connection.execute(sa.delete(WechatToken))


def test_sixteen_cold_processes_fetch_one_token(world: World) -> None:
    """`quality.md` fault 14: one fetch for all, and all get the same token; nothing but the sealed token is stored."""
    forget(world)
    before, context = last(world), processes()
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    work = [context.Process(target=fetch, args=(world.house.settings, barrier, answers)) for _ in range(PROCESSES)]
    for one in work:
        one.start()
    tokens = {answers.get(timeout=60) for _ in work}
    for one in work:
        one.join()
    assert [one.exitcode for one in work] == [0] * PROCESSES
    assert len(tokens) == 1
    assert fetches(world, before) == [None]
    with world.house.reader.connect() as connection:
        stored = connection.scalar(sa.select(WechatToken.token))
        assert connection.scalar(sa.select(Lease.holder).where(Lease.name.startswith("wechat-token"))) == ""
    assert stored is not None
    assert tokens.pop().encode() not in stored


def test_when_the_holder_of_the_lease_is_killed_another_takes_over(world: World) -> None:
    """`quality.md` bar 30's question, asked of the token: nobody waits for a dead process longer than its lease."""
    forget(world)
    before, context = last(world), processes()
    world.sandbox.post("/sandbox/faults", {"call": "stable_token", "kind": "hang"})
    holder = context.Process(target=hold, args=(world.house.settings,))
    holder.start()
    while not fetches(world, before):
        holder.join(0.02)
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    client = client_of(world.house, lease_s=1)
    assert client.access_token
    client.close()
    assert fetches(world, before) == ["hang", None]
