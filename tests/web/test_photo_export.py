"""A photo that leaves: drawn with place, time and name on export, or under a signed address for ten minutes."""

import io
from datetime import timedelta
from importlib.resources import as_file
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image, ImageChops, ImageFont

from rules.policy import PHOTO_ADDRESS_MINUTES
from service.exports.photos import FONT, MEDIUM, SIMPLIFIED
from tests.make import a_pairing, a_record
from tests.web.test_photos import encoded, name_of, send
from tests.web.test_records import NOW, VISIT
from tests.world import Answer, Caller, World, new_id

pytestmark = pytest.mark.one_database
GREY = encoded(Image.new("RGB", (1200, 900), (128, 128, 128)))
NAME = name_of(GREY)


@pytest.fixture
def field(world: World) -> World:
    world.at(NOW)
    return world


def served(world: World, who: str = "chen", **changes: Any) -> str:
    """A record with one photo that has arrived; its id."""
    caller = world.as_(who)
    body = a_record(a_pairing(world, who), VISIT, photos=[NAME, "0" * 64], **changes)
    send(caller, GREY)
    return str(caller.ok("POST", "/records", body)["id"])


def pixels(answer: Answer) -> Image.Image:
    return Image.open(io.BytesIO(answer.content), formats=("JPEG",)).convert("L")


def test_an_exported_photo_says_where_when_and_who_and_the_kept_one_stays_clean(field: World) -> None:
    """Issue 4 point 2: drawn by the server on export only; the text lies in a band at the foot."""
    chen = field.as_("chen")
    record, kept = served(field, place_name="溪头合作社"), chen.get(f"/photos/{NAME}")
    got = field.as_("county").get(f"/records/{record}/photos/{NAME}")
    assert (got.status, got.headers["Content-Type"], got.headers["Cache-Control"]) == (200, "image/jpeg", "no-store")
    assert quote("陈茶生 ") in got.headers["Content-Disposition"]
    marked, clean = pixels(got), pixels(kept)
    assert marked.size == clean.size
    changed = ImageChops.difference(marked, clean).point(lambda level: 255 if level > 40 else 0).getbbox()
    assert changed is not None
    assert (changed[0], changed[2], changed[3]) == (0, 1200, 900)
    assert 600 < changed[1] < 800
    band = marked.crop((0, changed[1], 1200, 900)).histogram()
    assert min(sum(band[:90]), sum(band[230:])) > 1000, "white letters on a dark band"
    assert not dict(Image.open(io.BytesIO(got.content)).getexif())
    assert chen.get(f"/photos/{NAME}").content == kept.content
    other = served(field, place_name="坑尾合作社")
    assert chen.get(f"/records/{other}/photos/{NAME}").content != got.content


def test_an_exported_photo_is_for_who_may_see_it(field: World) -> None:
    """The record and the photo, both; what the record does not name or what did not arrive is not found."""
    record, other = served(field), served(field, "li")
    path = f"/records/{record}/photos/{NAME}"
    assert [field.as_(who).get(path).status for who in ("chen", "township", "county", "lead", "city", "auditor")] == [
        200
    ] * 6
    assert [field.as_(who).get(path).status for who in ("li", "didu", "other_county", "other_lead")] == [404] * 4
    assert [field.as_(who).get(path).status for who in ("dispatcher", "admin")] == [403] * 2
    assert field.anyone().get(path).status == 401
    chen = field.as_("chen")
    for wrong in (f"/records/{record}/photos/{'0' * 64}", f"/records/{record}/photos/{'1' * 64}",
                  f"/records/{record}/photos/x", f"/records/{other}/photos/{NAME}",
                  f"/records/{new_id()}/photos/{NAME}"):  # fmt: skip
        assert chen.get(wrong).status == 404, wrong


def test_the_font_that_ships_knows_names_that_are_rare() -> None:
    """No machine's font is assumed; rare characters, some of four bytes, are no empty boxes."""
    with as_file(FONT) as file:
        font = ImageFont.truetype(file, 40, index=SIMPLIFIED)
    font.set_variation_by_axes([MEDIUM])
    box = bytes(font.getmask("\U0010fffd"))
    for letter in "陈镇砲堃㛃䶮𠮷𬭛":
        assert bytes(font.getmask(letter)) != box, letter


def open_at(caller: Caller, url: str) -> Answer:
    parts = urlsplit(url)
    return caller.call("GET", f"{parts.path}?{parts.query}")


def test_a_signed_address_opens_for_ten_minutes_and_only_what_it_names(field: World) -> None:
    """An image on a page can send no token: whoever may see the photo is given an address, everybody else is not."""
    served(field)
    chen, path = field.as_("chen"), f"/photos/{NAME}/address"
    for who in ("li", "didu", "other_county", "dispatcher", "admin"):
        assert field.as_(who).get(path, owner=chen.id).status == 404, who
    given = field.as_("county").get(path, owner=chen.id, size="thumb")
    assert given["url"].startswith(field.house.settings.public_url + "/api/v1/pictures/")
    shown = open_at(field.anyone(), given["url"])
    assert (shown.status, Image.open(io.BytesIO(shown.content)).size) == (200, (320, 240))
    assert shown.headers["Cache-Control"] == "no-store"
    for old, new in (("size=thumb", "size=full"), ("&size=thumb", ""), ("signature=", "signature=0")):
        assert open_at(field.anyone(), given["url"].replace(old, new)).status in {404, 422}, old
    assert open_at(field.anyone(), chen.get(path)["url"]).status == 200
    field.at(NOW + timedelta(minutes=PHOTO_ADDRESS_MINUTES, seconds=30))
    assert open_at(field.anyone(), given["url"]).status == 404
