"""WeChat's pushes arrive once, nobody else's arrive at all (issue 3 point 10; quality.md §3 rows 3 to 5, bar 18)."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

import wsgi
from models.callbacks import Callback, CallbackNonce
from models.journal import JobFailure, JournalEntry
from rules.policy import TRIES_MAX
from service import schedule
from service.callbacks import jobs
from service.core.unit import SYSTEM
from tests.make import START
from tests.pushing import ACCOUNT, PATH, event, hand_in, handle, popup, push, sealed
from tests.world import World, make_house
from wechat.envelope import BODY_BYTES_MAX


def rows(world: World) -> list[Callback]:
    with world.house.read(SYSTEM) as uow:
        return list(uow.session.scalars(sa.select(Callback).order_by(Callback.id)))


@pytest.fixture
def workers(world: World) -> Iterator[tuple[Flask, Flask]]:
    """Two application objects with engines of their own on one database."""
    url = world.house.engine.url.render_as_string(hide_password=False)
    house = make_house(url, world.house.settings.var_dir, world.sandbox)
    second = wsgi.create_app(house)
    yield world.app, second
    house.close()


def test_wechat_checks_the_address(world: World) -> None:
    """GET with a good signature gives `echostr` back as plain text, with a bad one or markup nothing."""
    client = world.app.test_client(use_cookies=False)
    query, _ = sealed({})
    asked = {name: query[name] for name in ("signature", "timestamp", "nonce")}
    answer = client.get(PATH, query_string={**asked, "echostr": "4375120948345356249"})
    assert (answer.status_code, answer.text) == (200, "4375120948345356249")
    assert answer.content_type == "text/plain; charset=utf-8"
    for wrong in ({**asked, "echostr": "<script>"}, asked, {**asked, "signature": "0" * 40, "echostr": "1"}, {}):
        refused = client.get(PATH, query_string=wrong)
        assert (refused.status_code, refused.get_json()["type"]) == (403, "/problems/callback-refused")
    assert rows(world) == []


def test_an_event_is_stored_sealed_and_handled_once(world: World) -> None:
    """The text names people: nobody reads it in the database, and it is forgotten once it was acted on."""
    told = event(world, "chen", "user_info_modified", secret="陈茶生的秘密")
    push(world, told)
    waiting = rows(world)[0]
    assert (waiting.name, waiting.outcome) == ("user_info_modified", None)
    assert waiting.sealed is not None
    assert "秘密".encode() not in waiting.sealed
    assert world.house.vault.unseal(waiting.sealed).count("秘密") == 1
    handle(world)
    done = rows(world)[0]
    assert (done.outcome, done.sealed) == ("ignored", None)
    assert done.done_at is not None


def test_xml_is_taken_as_well(world: World) -> None:
    query, body = sealed(event(world, "chen", "user_info_modified"))
    cipher = body.decode().partition('"Encrypt": "')[2].rstrip('"}')
    xml = f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>"
    assert hand_in(world.app, query, xml.encode(), content_type="text/xml") == (200, "success")
    assert [one.name for one in rows(world)] == ["user_info_modified"]


def test_wechats_own_retries_are_one_event(world: World) -> None:
    """Each comes with a fresh timestamp and nonce, is answered `success`, and counts once (§B.5)."""
    told = popup(world, "chen", "task_waiting")
    for second in range(3):
        sent = sealed(told, datetime.now(UTC) + timedelta(seconds=second))
        assert hand_in(world.app, *sent) == (200, "success")
    assert len(rows(world)) == 1
    handle(world)
    assert hand_in(world.app, *sealed(told)) == (200, "success")
    handle(world)
    assert [one.outcome for one in rows(world)] == ["handled"]


@pytest.mark.parametrize("age_s", [0, 290, -290])
def test_a_request_is_taken_once_by_all_workers_together(
    world: World, workers: tuple[Flask, Flask], age_s: int
) -> None:
    """A replay within the window is refused on the worker that took it and on the other (quality.md §3 row 4)."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    first, second = sealed(event(world, "chen", "user_info_modified"), at), sealed({"MsgType": "text"}, at)
    assert hand_in(workers[0], *first) == (200, "success")
    assert hand_in(workers[1], *second) == (200, "success")
    for worker in workers:
        for sent in (first, second):
            assert hand_in(worker, *sent)[0] == 403
    reused = {**sealed({"MsgType": "image"}, at)[0], "nonce": first[0]["nonce"]}
    assert hand_in(workers[1], reused, first[1])[0] == 403
    assert len(rows(world)) == 2


@pytest.mark.parametrize("age_s", [302, -302, 86_400, -86_400])
def test_a_request_outside_the_window_is_refused_by_every_worker(
    world: World, workers: tuple[Flask, Flask], age_s: int
) -> None:
    """Real time: moving the clock of the rules to the push's time helps nobody."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    sent = sealed({"MsgType": "text"}, at)
    world.at(at)
    for worker in workers:
        assert hand_in(worker, *sent)[0] == 403
    world.at(START)
    assert hand_in(world.app, *sealed({"MsgType": "text"})) == (200, "success")


def test_a_nonce_opens_once_whatever_it_comes_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another event under the same nonce is refused, though its signature is right."""
    monkeypatch.setattr("secrets.randbelow", lambda _: 4711)
    assert hand_in(world.app, *sealed({"MsgType": "text"})) == (200, "success")
    assert hand_in(world.app, *sealed({"MsgType": "image"}))[0] == 403


def test_what_guards_against_replays_is_cleaned_after_the_window(world: World) -> None:
    """Fifteen minutes of real time, longer than both halves of the window; the event stays known for thirty days."""
    push(world, {"MsgType": "text"})
    schedule.run(world.house, "clean")
    nonces = sa.select(sa.func.count()).select_from(CallbackNonce)
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalar(nonces) == 1
    with world.house.engine.begin() as connection:
        connection.execute(sa.update(CallbackNonce).values(at=datetime.now(UTC) - timedelta(minutes=16)))
    schedule.run(world.house, "clean")
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalar(nonces) == 0
    assert len(rows(world)) == 1
    world.at(datetime.now(UTC) + timedelta(days=31))
    schedule.run(world.house, "clean")
    assert rows(world) == []


def test_a_body_is_capped_before_it_is_read(world: World) -> None:
    """64 KiB, told or not; without a good query nothing of it is read at all."""

    query, body = sealed({"MsgType": "text"})
    large = body[:-1] + b" " * BODY_BYTES_MAX + b"}"
    assert hand_in(world.app, query, large)[0] == 413
    client = world.app.test_client(use_cookies=False)
    for asked, status, most in ((query, 413, BODY_BYTES_MAX + 1), ({**query, "signature": "0" * 40}, 403, 0)):
        stream, chunked = io.BytesIO(large), {"wsgi.input_terminated": True}
        answer = client.post(PATH, query_string=asked, input_stream=stream, environ_overrides=chunked)
        assert answer.status_code == status
        assert stream.tell() <= most
    assert hand_in(world.app, query, body[:-1] + b" " * (BODY_BYTES_MAX - len(body)) + b"}") == (200, "success")


def test_a_push_that_is_not_ours_is_refused(world: World) -> None:
    """Another account, another key, another token, plain mode, a packed body; the words are always the same."""
    wrong = [
        sealed({"MsgType": "text"}, account=replace(ACCOUNT, appid="wx0000000000000000")),
        sealed({"MsgType": "text"}, account=replace(ACCOUNT, callback_aes_key="A" * 43)),
        sealed({"MsgType": "text"}, account=replace(ACCOUNT, callback_token="another")),
    ]
    query, body = sealed({"MsgType": "text"})
    wrong += [({**query, "encrypt_type": "raw"}, body), ({**query, "encrypt_type": ""}, body)]
    wrong += [(query, b'{"MsgType": "text", "Content": "x"}'), (query, gzip.compress(body))]
    answers = {hand_in(world.app, *one) for one in wrong}
    assert {status for status, _ in answers} == {403}
    assert len({text.partition('"trace"')[0] for _, text in answers}) == 1
    assert world.app.test_client().put(PATH, query_string=query, data=body).status_code == 405
    assert rows(world) == []
    assert hand_in(world.app, query, body) == (200, "success")


# ---- the job ----


def test_an_event_that_cannot_be_handled_is_parked_and_told_while_others_flow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifteen tries; then the administrators' inbox, `/readyz` and `/metrics` say so. By hand it is tried again."""
    world.at(START)
    broken = event(world, "chen", "subscribe_msg_popup_event") | {"CreateTime": "soon"}
    push(world, broken)
    now = START
    for number in range(TRIES_MAX + 3):
        push(world, event(world, "li", "user_info_modified", number=number))
        schedule.run_due(world.house)
        now += timedelta(hours=2)
        world.at(now)
    assert [one.outcome for one in rows(world)] == [None] + ["ignored"] * (TRIES_MAX + 3)
    with world.house.read(SYSTEM) as uow:
        failure = uow.session.scalars(sa.select(JobFailure)).one()
        assert (failure.tries, failure.try_after, failure.kind) == (TRIES_MAX, None, "BadEnvelope")
        told = uow.session.scalars(sa.select(JournalEntry).where(JournalEntry.action == "job.park")).all()
        assert [one.subject_id for one in told] == ["callbacks"]
    schedule.run_due(world.house)
    for key in ("admin", "admin2"):
        messages = world.as_(key).get("/me/messages", thing="job")["items"]
        assert ["处理微信推送的事件" in one["body"] for one in messages] == [True]
    assert world.as_("county").get("/me/messages", thing="job")["items"] == []
    client = world.app.test_client()
    assert client.get("/readyz").get_json()["parked"] == 1
    assert 'tepai_job_items_parked{job="callbacks"} 1.0' in client.get("/metrics").text
    monkeypatch.delitem(jobs.HANDLERS, "subscribe_msg_popup_event")
    handle(world)
    assert client.get("/readyz").get_json()["parked"] == 0


def test_a_verdict_reaches_whoever_registered_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam of content checks: a handler under `wxa_media_check` gets trace id, suggestion and label, once."""
    got: list[Any] = []
    monkeypatch.setitem(jobs.HANDLERS, "wxa_media_check", lambda _, told: got.append(told.verdict))
    verdict = {"trace_id": "t-1", "result": {"suggest": "risky", "label": 20006}, "errcode": 0}
    for at in (START, START + timedelta(seconds=1)):
        push(world, event(world, "chen", "wxa_media_check", at, **verdict))
        handle(world)
    assert [(one.trace_id, one.suggest, one.label) for one in got] == [("t-1", "risky", "20006")]
