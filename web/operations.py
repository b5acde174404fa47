"""For whoever runs it: alive, ready, figures for Prometheus. Outside `/api/v1`, no personal data, no login figures."""

import os
from collections.abc import Iterator
from typing import Any

import sqlalchemy.exc
from flask import Blueprint, Flask, Response, current_app
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from rules.calendar import SHANGHAI
from service.core.unit import SYSTEM, House
from service.operations import health

routes = Blueprint("operations", __name__)


def _house() -> House:
    house: House = current_app.extensions["tepai"]
    return house


@routes.get("/healthz")
def alive() -> dict[str, str]:
    """Say that this process answers; nothing else is asked."""
    return {"status": "alive"}


@routes.get("/readyz")
def ready() -> tuple[dict[str, Any], int]:
    """Say whether the database answers, when the worker last gave a sign, how old the last verified backup is.

    `parked` counts what jobs gave up and an operator must look at; the server is ready all the same.
    """
    try:
        signs, parked = health.readiness(_house())
    except sqlalchemy.exc.SQLAlchemyError:
        return {"status": "not ready", "database": "away"}, 503
    shown = {
        name: {"at": sign.at and sign.at.astimezone(SHANGHAI).isoformat(timespec="seconds"), "age_s": sign.age_s}
        for name, sign in signs.items()
    }
    found = {"worker": shown["worker"], "backup": shown["backup_verified"], "parked": parked}
    return {"status": "ready", "database": "ok", **found}, 200


@routes.get("/metrics")
def metrics() -> Response:
    """Give the figures in Prometheus' text form. Requests are counted by each process for itself."""
    registry: CollectorRegistry = current_app.extensions["tepai-metrics"]
    try:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    except sqlalchemy.exc.SQLAlchemyError:
        return Response("the database is away\n", 503, content_type="text/plain; charset=utf-8")


class _Database(Collector):
    """The figures that all processes share, read when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Read them."""
        with _house().read(SYSTEM) as uow:
            now, signs = health.figures(uow), health.signs(uow)
        yield GaugeMetricFamily("tepai_outbox_entries", "Journal entries not fanned out yet", now.journal_waiting)
        yield GaugeMetricFamily("tepai_unsealed_entries", "Journal entries not sealed yet", now.journal_unsealed)
        yield _by("tepai_messages", "WeChat copies that are not out, by state", "state", now.messages)
        yield _by("tepai_job_items_failing", "Items that a job could not do yet", "job", now.items_failing)
        last = {job: slot.timestamp() for job, (slot, _, _) in now.last_runs.items()}
        yield _by("tepai_job_items_parked", "Items that a job gave up", "job", now.items_parked)
        yield _by("tepai_job_last_run_seconds", "Slot of the last finished run, Unix time", "job", last)
        done = {job: done for job, (_, done, _) in now.last_runs.items()}
        yield _by("tepai_job_last_done", "Items done in the last run", "job", done)
        failed = {job: failed for job, (_, _, failed) in now.last_runs.items()}
        yield _by("tepai_job_last_failed", "Items failed in the last run", "job", failed)
        ages = {name: sign.age_s for name, sign in signs.items() if sign.age_s is not None}
        yield _by("tepai_sign_age_seconds", "Age of the last sign of life", "part", ages)


def _by(name: str, says: str, label: str, values: dict[str, Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def init_app(app: Flask) -> None:
    """Hang the routes, and count answers by status."""
    registry = CollectorRegistry()
    registry.register(_Database())
    answers = Counter("tepai_requests", "Answers by status", ["process", "status"], registry=registry)
    app.extensions["tepai-metrics"] = registry

    def count(response: Response) -> Response:
        answers.labels(str(os.getpid()), str(response.status_code)).inc()
        return response

    app.after_request(count)
    app.register_blueprint(routes)
