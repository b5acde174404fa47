"""The worker: slots, leases, failures, messages sent once, reminders in time (architecture.md §4, issue 3 point 9)."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.identity import Attempt
from models.journal import Beat, JobFailure, JobRun, JournalEntry, Lease, Reply
from models.needs import Round
from models.notifications import Credit, Message
from rules.policy import TRIES_MAX
from service import schedule
from service.core import leases
from service.core.jobs import Job
from service.core.ports import SendRefused, WechatDown
from service.core.unit import SYSTEM, House, UnitOfWork
from service.notifications import events
from service.notifications import jobs as notifications
from tests.make import START, a_need, a_round, an_approved_need
from tests.world import World


def scalars(world: World, statement: Any) -> list[Any]:
    with world.house.read(SYSTEM) as uow:
        return list(uow.session.scalars(statement))


class Phone:
    """WeChat as these tests want it: counts what was sent, and fails as told."""

    def __init__(self, fail: Callable[[str], BaseException | None] = lambda _: None) -> None:
        self.sent: list[str] = []
        self.tried: list[str] = []
        self.fail = fail
        self.after: BaseException | None = None

    def send(self, openid: str, template: str, values: Any, page: str) -> None:
        subject = page.rpartition("=")[2]
        self.tried.append(subject)
        if error := self.fail(subject):
            raise error
        self.sent.append(subject)
        if self.after:
            raise self.after

    def put_into(self, world: World, monkeypatch: pytest.MonkeyPatch) -> "Phone":
        monkeypatch.setattr(world.house.ports.wechat, "send", self.send, raising=False)
        return self


def submitted(world: World, *titles: str) -> list[str]:
    """Needs that wait for the county, whose phone takes a copy of each message."""
    found = []
    for title in titles:
        world.as_("county").ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})
        need = world.as_("township").ok("POST", "/needs", a_need(title=title))
        world.as_("township").ok("POST", f"/needs/{need['id']}/submit")
        found.append(need["id"])
    schedule.run(world.house, "fan_out")
    return found


def sent(world: World, need: str) -> Message:
    return scalars(world, sa.select(Message).where(Message.subject_id == need, Message.kind == "need.submit"))[0]


# ---- slots and leases ----


def a_job(does: Callable[[UnitOfWork, Any], None], items: Callable[[], list[Any]], every: int = 60) -> Job:
    return Job("probe", every, "测试", lambda _: items(), does)


def test_workers_that_race_run_each_slot_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four at a time on the same slot: one has it; the next slot is had once again."""
    world.at(START)
    ran: list[datetime] = []
    monkeypatch.setattr(schedule, "JOBS", (a_job(lambda uow, _: ran.append(uow.now), lambda: [1], every=3600),))
    for hour in range(3):
        world.at(START + timedelta(hours=hour))
        barrier = threading.Barrier(4)

        def work(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            schedule.run_due(world.house)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ran) == hour + 1
    runs = scalars(world, sa.select(JobRun).where(JobRun.job == "probe"))
    assert [(one.done, one.failed) for one in runs] == [(1, 0)] * 3


def test_a_slot_without_work_is_not_used_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes due within a slot that found nothing is done within it; moving the clock back opens it again."""
    world.at(START)
    waiting: list[int] = []
    done: list[int] = []
    monkeypatch.setattr(schedule, "JOBS", (a_job(lambda _, item: done.append(item), lambda: list(waiting), 3600),))
    assert schedule.run_due(world.house) == {}
    waiting.append(1)
    assert schedule.run_due(world.house)["probe"].done == 1
    assert schedule.run_due(world.house) == {}
    world.at(START - timedelta(days=1))
    schedule.run_due(world.house)
    world.at(START)
    schedule.run_due(world.house)
    assert done == [1, 1, 1]


def test_a_long_queue_does_not_keep_the_deadlines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Due jobs run within ten seconds (api.md): each gets a turn, what is left of a long one goes on afterwards."""
    seconds = itertools.count()
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    waiting, moved = list(range(20)), []
    long = a_job(lambda _, item: waiting.remove(item), lambda: list(waiting), every=1)
    deadline = replace(a_job(lambda _, item: moved.append(item), lambda: [] if moved else [1]), name="deadline")
    monkeypatch.setattr(schedule, "JOBS", (long, deadline))
    assert schedule.tick(world.house, "worker")
    assert (len(waiting), moved) == (17, [1])
    for second in range(1, 9):
        world.at(START + timedelta(seconds=second))
        schedule.tick(world.house, "worker")
    assert waiting == []


def test_one_worker_works_and_the_other_stands_by(world: World) -> None:
    """The lease is on real time and its fence grows with each new holder."""
    assert schedule.tick(world.house, "first")
    assert not schedule.tick(world.house, "second")
    leases.give_back(world.house, schedule.WORKER, "first")
    assert schedule.tick(world.house, "second")
    assert not schedule.tick(world.house, "first")
    lease = scalars(world, sa.select(Lease).where(Lease.name == schedule.WORKER))[0]
    assert (lease.holder, lease.fence) == ("second", 2)
    assert scalars(world, sa.select(Beat.name)) == ["worker"]


def test_a_worker_that_lost_its_lease_commits_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fencing: an item that is done when another worker has taken over is rolled back."""
    fence = leases.take(world.house, schedule.WORKER, "slow", schedule.LEASE_S)
    assert fence == 1

    def overtaken(uow: UnitOfWork, _: Any) -> None:
        with world.house.engine.begin() as connection:
            connection.execute(sa.update(Lease).values(until=datetime.now(UTC) - timedelta(seconds=1)))
        assert leases.take(world.house, schedule.WORKER, "fast", schedule.LEASE_S) == 2
        uow.session.execute(sa.insert(Beat).values(name="probe", at=uow.now, facts={}))

    monkeypatch.setattr(schedule, "JOBS", (a_job(overtaken, lambda: [1]),))
    with pytest.raises(leases.LeaseLost):
        schedule.run_due(world.house, fence)
    assert scalars(world, sa.select(Beat).where(Beat.name == "probe")) == []


def test_an_item_that_fails_waits_longer_each_time_and_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifteen tries, then it is parked; by hand it is tried again, and success forgets the failures."""
    tried: list[str] = []
    broken = True

    def do(_: UnitOfWork, item: str) -> None:
        tried.append(item)
        if item == "bad" and broken:
            raise ValueError("13800000000")

    monkeypatch.setattr(schedule, "JOBS", (a_job(do, lambda: ["bad", "good"]),))
    now = START
    for _ in range(TRIES_MAX + 5):
        world.at(now)
        schedule.run_due(world.house)
        now += timedelta(hours=2)
    assert tried.count("good") == TRIES_MAX + 5
    assert tried.count("bad") == TRIES_MAX
    failure = scalars(world, sa.select(JobFailure))[0]
    assert (failure.tries, failure.try_after, failure.kind) == (TRIES_MAX, None, "ValueError")
    broken = False
    assert schedule.run(world.house, "probe") == schedule.Ran(done=2)
    assert scalars(world, sa.select(JobFailure)) == []


# ---- the journal becomes messages ----


def test_a_poisoned_entry_does_not_keep_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction an entry: the broken one leaves nothing, the next ones become messages."""
    schedule.run(world.house, "fan_out")
    real = events.cases
    bad, good = "", ""

    def cases(uow: UnitOfWork, entry: JournalEntry, wanted: Any) -> Any:
        if entry.subject_id == bad and entry.action == "need.submit":
            raise KeyError("13800000000")
        return real(uow, entry, wanted)

    township = world.as_("township")
    bad, good = (township.ok("POST", "/needs", a_need(title=title))["id"] for title in ("甲", "乙"))
    monkeypatch.setattr(notifications, "cases", cases)
    for need in (bad, good):
        township.ok("POST", f"/needs/{need}/submit")
    assert schedule.run(world.house, "fan_out").failed == 1
    assert scalars(world, sa.select(Message.subject_id).where(Message.kind == "need.submit")) == [good]
    monkeypatch.undo()
    assert schedule.run(world.house, "fan_out") == schedule.Ran(done=1)
    assert len(scalars(world, sa.select(Message.id).where(Message.kind == "need.submit"))) == 2


def test_two_who_fan_out_the_same_entry_make_one_message(world: World) -> None:
    """Whoever comes second finds it done."""
    schedule.run(world.house, "fan_out")
    need = world.as_("township").ok("POST", "/needs", a_need())
    world.as_("township").ok("POST", f"/needs/{need['id']}/submit")
    with world.house.read(SYSTEM) as uow:
        waiting = notifications.unfanned(uow)
    for _ in range(2):
        for entry in waiting:
            with world.house.write(SYSTEM) as uow:
                notifications.fan_out(uow, entry)
    assert len(scalars(world, sa.select(Message.id).where(Message.kind == "need.submit"))) == 1


# ---- messages go to WeChat ----


def test_a_crash_between_send_and_mark_sends_at_most_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least once; the message was taken and committed before, so the next try waits and then is the last."""
    world.at(START)
    [need] = submitted(world, "甲")
    phone = Phone().put_into(world, monkeypatch)
    phone.after = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        schedule.run(world.house, "send")
    phone.after = None
    schedule.run(world.house, "send")
    assert phone.sent == [need]
    world.at(START + timedelta(minutes=2))
    for _ in range(3):
        schedule.run(world.house, "send")
    assert phone.sent == [need, need]
    assert sent(world, need).wechat_state == "sent"


@pytest.mark.parametrize("error", [SendRefused("broken"), RuntimeError("unforeseen")])
def test_a_poison_message_is_parked_after_fifteen_tries_while_others_flow(
    world: World, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Issue 3 point 9; the credit that WeChat never took comes back."""
    world.at(START)
    bad, good = submitted(world, "甲", "乙")
    phone = Phone(lambda subject: error if subject == bad else None).put_into(world, monkeypatch)
    now = START
    for _ in range(TRIES_MAX + 5):
        schedule.run(world.house, "send")
        now += timedelta(hours=2)
        world.at(now)
    assert phone.sent == [good]
    assert phone.tried.count(bad) == TRIES_MAX
    assert (sent(world, bad).wechat_state, sent(world, good).wechat_state) == ("parked", "sent")
    assert scalars(world, sa.select(Credit.count)) == [1]


def test_while_wechat_is_away_messages_wait_and_none_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One try a run tells that WeChat is away; the others are not burnt on it."""
    world.at(START)
    needs = submitted(world, "甲", "乙", "丙")
    phone = Phone(lambda _: WechatDown()).put_into(world, monkeypatch)
    schedule.run(world.house, "send")
    assert len(phone.tried) == 1
    phone.fail = lambda _: None
    world.at(START + timedelta(hours=2))
    schedule.run(world.house, "send")
    assert sorted(phone.sent) == sorted(needs)


@pytest.mark.parametrize(
    ("why", "state", "credits_left"), [("user", "refused", 0), ("fields", "parked", 2), ("wait", "waiting", 1)]
)
def test_each_refusal_has_its_consequence(
    world: World, monkeypatch: pytest.MonkeyPatch, why: str, state: str, credits_left: int
) -> None:
    """43101 clears the credit, 47003 parks the message, 45009 waits."""
    world.at(START)
    world.as_("county").ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})
    [need] = submitted(world, "甲")
    Phone(lambda _: SendRefused(why)).put_into(world, monkeypatch)
    assert schedule.run(world.house, "send").failed == 0
    assert sent(world, need).wechat_state == state
    assert scalars(world, sa.select(Credit.count)) == [credits_left]


# ---- deadlines ----


def a_published_round(world: World) -> tuple[str, str, datetime]:
    """A round of three weeks on the board, with a need that chen claimed; gives round, need, end of ranking."""
    world.at(START)
    round_ = a_round(world)
    need = an_approved_need(world, round_id=round_["id"])
    world.as_("city").ok("POST", f"/rounds/{round_['id']}/publish")
    world.as_("chen").ok("POST", f"/needs/{need['id']}/claims", {"plan": "每月到园指导两次，建示范点。"})
    until = scalars(world, sa.select(Round.ranking_until).where(Round.id == UUID(round_["id"])))[0]
    return round_["id"], need["id"], until


def told(world: World, key: str, thing: str) -> list[str]:
    return [one["kind"] for one in world.as_(key).get("/me/messages", thing=thing)["items"]]


def test_a_silent_township_is_reminded_twice_then_its_county_hears(world: World) -> None:
    """R-CLAIM-4: three days and one day before the end; each once, however often the worker looks."""
    _, _, until = a_published_round(world)
    for before, expected in ((4, 0), (3, 1), (2, 1), (1, 2), (0.5, 2)):
        world.at(until - timedelta(days=before))
        world.run_jobs()
        world.run_jobs()
        assert told(world, "township", "need").count("need.remind_ranking") == expected
    assert "need.silent" not in told(world, "county", "need")
    world.at(until + timedelta(minutes=1))
    world.run_jobs()
    world.run_jobs()
    assert told(world, "county", "need").count("need.silent") == 1


def test_a_township_that_ranked_is_left_in_peace(world: World) -> None:
    _, need, until = a_published_round(world)
    township = world.as_("township")
    claim = township.get(f"/needs/{need}/claims")["items"][0]["id"]
    township.ok("PUT", f"/needs/{need}/ranking", {"ranked": [claim], "declined": []})
    world.at(until - timedelta(hours=5))
    world.run_jobs()
    assert "need.remind_ranking" not in told(world, "township", "need")


def test_a_deadline_that_moves_is_announced_again(world: World) -> None:
    """Once for each deadline: claims end soon, the city extends, the new end is announced in its time."""
    round_id, _, _ = a_published_round(world)
    seen = world.as_("city").get(f"/rounds/{round_id}")
    until = datetime.fromisoformat(seen["claims_until"])
    world.at(until - timedelta(days=1))
    world.run_jobs()
    later = {"claims_until": (until + timedelta(days=3)).isoformat(), "reason": "春耕推迟"}
    assert world.as_("city").patch(f"/rounds/{round_id}", later, seen.etag).status == 200
    world.run_jobs()
    assert told(world, "chen", "round").count("round.remind_claims") == 1
    world.at(until + timedelta(days=2))
    world.run_jobs()
    assert told(world, "chen", "round").count("round.remind_claims") == 2


def test_what_only_had_to_be_kept_for_a_while_is_removed(world: World) -> None:
    """Answers to creating requests stay thirty days, the worker's book of runs as well; the journal stays."""
    world.as_("township").ok("POST", "/needs", a_need())
    schedule.run_due(world.house)
    entries = len(scalars(world, sa.select(JournalEntry.id)))
    assert scalars(world, sa.select(Reply.key))
    world.at(datetime.now(UTC) + timedelta(days=29))
    schedule.run(world.house, "clean")
    assert scalars(world, sa.select(Reply.key))
    world.at(datetime.now(UTC) + timedelta(days=31))
    schedule.run(world.house, "clean")
    assert scalars(world, sa.select(Reply.key)) == scalars(world, sa.select(JobRun.job)) == []
    assert scalars(world, sa.select(Attempt.scope))
    assert len(scalars(world, sa.select(JournalEntry.id))) == entries


# ---- the command line ----


def test_jobs_are_listed_and_run_by_hand(world: World) -> None:
    """`jobs list` names each; `jobs run` does what is due at once; an unknown name is refused in one line."""
    run = world.app.test_cli_runner()
    listed = run.invoke(args=["jobs", "list"])
    assert [line.split("\t")[0] for line in listed.output.splitlines()] == [one.name for one in schedule.JOBS]
    world.as_("township").ok("POST", "/needs", a_need())
    assert "fan_out: " in run.invoke(args=["jobs", "run"]).output
    assert run.invoke(args=["jobs", "run", "fan_out"]).output == "fan_out: 0 done, 0 failed\n"
    unknown = run.invoke(args=["jobs", "run", "nonsense"])
    assert unknown.exit_code == 1
    assert "Traceback" not in unknown.output


def test_every_job_has_a_name_of_its_own_and_says_what_it_does(world: World) -> None:
    names = [one.name for one in schedule.JOBS]
    assert len(set(names)) == len(names)
    assert all(one.says and one.every_s > 0 and len(one.name) <= 32 for one in schedule.JOBS)
    assert isinstance(world.house, House)
