"""What whoever runs it may ask: alive, ready, figures (api.md, Operations)."""

import pytest
import sqlalchemy.exc

from service import schedule
from service.operations import health
from tests.make import a_need
from tests.world import World


def test_it_is_alive_without_a_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/healthz` asks nothing of the database; `/readyz` and `/metrics` say 503 while it is away."""

    def away(*_: object) -> None:
        raise sqlalchemy.exc.OperationalError("", None, Exception("away"))

    monkeypatch.setattr(health, "readiness", away)
    monkeypatch.setattr(health, "figures", away)
    client = world.app.test_client()
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").get_json() == {"status": "not ready", "database": "away"}
    assert client.get("/metrics").status_code == 503


def test_readiness_tells_the_workers_beat_and_the_age_of_the_last_verified_backup(world: World) -> None:
    client = world.app.test_client()
    before = client.get("/readyz").get_json()
    assert (before["worker"], before["backup"]) == ({"at": None, "age_s": None},) * 2
    schedule.tick(world.house, "one")
    schedule.beat(world.house, "backup_verified")
    after = client.get("/readyz")
    assert after.status_code == 200
    assert after.get_json()["worker"]["age_s"] < 60
    assert after.get_json()["backup"]["age_s"] < 60


def test_metrics_count_the_outbox_the_jobs_and_the_answers(world: World) -> None:
    """Prometheus text; nothing about people or logins."""
    client = world.app.test_client()
    world.run_jobs()
    assert "tepai_outbox_entries 0.0" in client.get("/metrics").text
    world.as_("township").ok("POST", "/needs", a_need())
    text = client.get("/metrics").text
    assert "tepai_outbox_entries 2.0" in text  # the login and the need
    assert 'status="201"' in text
    schedule.run_due(world.house)
    shown = client.get("/metrics")
    assert shown.content_type.startswith("text/plain")
    assert 'tepai_job_last_failed{job="fan_out"} 0.0' in shown.text
    assert "login" not in shown.text
    assert "session" not in shown.text
