"""The console's door: a browser that asks, a phone that scans and answers, factors that are given."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyotp
from flask import Flask
from PIL import Image

from tests.authenticator import Authenticator
from tests.web.desk import outside
from tests.web.pages import Shown, Visitor, at
from tests.world import World

BASE = "https://tepai.example"


def scene_of(visitor: Visitor) -> str:
    """What the code that the browser shows says when it is scanned."""
    answer = visitor.client.get("/console/login/code.png", base_url=visitor.base)
    assert (answer.status_code, answer.content_type) == (200, "image/png"), answer
    text: dict[str, str] = Image.open(io.BytesIO(answer.data)).text  # type: ignore[attr-defined]
    assert text["page"] == "pages/console/confirm"
    return text["scene"]


def number_of(visitor: Visitor) -> int:
    """The number that the browser shows."""
    return int(next(text for text in visitor.get("/console/login").read.texts("p") if re.fullmatch("[1-9][0-9]", text)))


def asking(world: World, base: str = "http://localhost") -> Visitor:
    """A browser that shows a code."""
    visitor = Visitor(world, base)
    sent = visitor.send(visitor.get("/console/login"), "/console/login/scan")
    assert (sent.status, sent.location) == (303, "/console/login?next=/console/"), sent.html
    return visitor


def confirm(world: World, visitor: Visitor, key: str) -> None:
    """Scan the browser's code with somebody's phone and choose the right number."""
    scene, phone = scene_of(visitor), world.as_(key)
    assert number_of(visitor) in phone.ok("POST", "/auth/console/look", {"scene": scene})["numbers"]
    answered = phone.ok("POST", "/auth/console/answer", {"scene": scene, "number": number_of(visitor)})
    assert answered["state"] == "confirmed"


def at_the_door(world: World, key: str, base: str = "http://localhost") -> Visitor:
    """A browser that stands before the second factor."""
    visitor = asking(world, base)
    confirm(world, visitor, key)
    sent = visitor.send(visitor.get("/console/login"), "/console/login/enter")
    assert sent.status == 303, sent.html
    return visitor


def enrol_totp(visitor: Visitor) -> tuple[str, list[str]]:
    """Enrol an authenticator; gives its secret and the recovery codes that came with it."""
    visitor.send(visitor.get("/console/factors"), "/factors/totp")
    page = visitor.get("/console/factors")
    secret = next(text for text in page.read.texts("span") if len(text) == 32 and text.isalnum())
    sent = visitor.send(page, "/totp/confirm", code=pyotp.TOTP(secret).now())
    assert sent.status == 303, sent.html
    codes = [text for text in visitor.get("/console/factors").read.texts("li") if text.count("-") == 5]
    return secret, codes


def options(page: Shown, kind: str) -> str:
    return next(one["data-options"] for one in page.read.all("form") if one.get("data-passkey") == kind)


def enrol_passkey(visitor: Visitor, **made: Any) -> Authenticator:
    page, key = visitor.get("/console/factors"), Authenticator(visitor.base, **made)
    sent = visitor.send(page, "/factors/passkey", credential=key.create(options(page, "create")))
    assert sent.status == 303, sent.html
    return key


def inside(visitor: Visitor) -> bool:
    """Whether the console lets this browser in."""
    return visitor.get("/console/").status == 200


@contextmanager
def production(world: World) -> Iterator[World]:
    """The same world as it stands outside development, the phones apart."""
    house, app = outside(world)
    app_before: Flask = world.app
    world.app = app
    try:
        yield world
    finally:
        world.app = app_before
        house.close()


__all__ = ["asking", "at", "at_the_door", "confirm", "enrol_passkey", "enrol_totp", "inside", "options", "production"]
