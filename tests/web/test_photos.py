"""Photos by the digest of what was sent: what is taken, what is kept, who sees it (R-VISIT-1, R-VISIT-5)."""

import hashlib
import io
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from PIL import Image, PngImagePlugin

from models.records import Photo
from rules.policy import PHOTO_BYTES_MAX
from service.core.unit import SYSTEM
from service.records import photos
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT
from tests.world import Answer, Caller, World


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon."""
    world.at(NOW)
    return world


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Left half dark, right half bright, so that turning it shows."""
    made = Image.new("L", (width, height), 10)
    made.paste(240, (width // 2, 0, width, height))
    return made.convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def send(caller: Caller, content: bytes, name: str | None = None, method: str = "PUT", part: str = "file") -> Answer:
    head = f'--cut\r\nContent-Disposition: form-data; name="{part}"; filename="photo.jpg"\r\n\r\n'
    body = head.encode() + content + b"\r\n--cut--\r\n"
    kind = "multipart/form-data; boundary=cut"
    return caller.call(method, f"/photos/{name or name_of(content)}", data=body, content_type=kind)


def derive(content: bytes) -> photos.Derived:
    with photos.laid_down([content]) as (file, _):
        return photos.derive(file)


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of any claimed size, with whatever follows the header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_exif(**tags: Any) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    exif[0x0112] = tags.get("orientation", 1)
    exif.get_ifd(0x8825)[2] = (23.0, 30.0, 12.0)
    return encoded(picture(), exif=exif, comment=b"SecretComment", icc_profile=b"SecretProfile" * 20)


def _info(text: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text)
    return info


JPEG = encoded(picture())
PNG = encoded(picture(), "PNG")
WEBP = encoded(picture(), "WEBP")

TAKEN: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: JPEG,
    "png": lambda: PNG,
    "webp": lambda: WEBP,
    "grey jpeg": lambda: encoded(picture(mode="L")),
    "cmyk jpeg": lambda: encoded(picture(mode="CMYK")),
    "progressive jpeg": lambda: encoded(picture(), progressive=True),
    "one pixel": lambda: encoded(picture(1, 1), "PNG"),
    "bilevel png": lambda: encoded(picture(mode="1"), "PNG"),
    "palette png": lambda: encoded(picture(mode="P"), "PNG", transparency=0),
    "alpha png": lambda: encoded(picture(mode="RGBA"), "PNG"),
    "grey alpha png": lambda: encoded(picture(mode="LA"), "PNG"),
    "sixteen bit png": lambda: encoded(picture().convert("I;16"), "PNG"),
    "alpha webp": lambda: encoded(picture(mode="RGBA"), "WEBP"),
    "animated webp": lambda: encoded(picture(), "WEBP", save_all=True, append_images=[picture(mode="RGB")]),
    "animated png": lambda: encoded(picture(), "PNG", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")]),
    "very wide": lambda: encoded(picture(8000, 2), "PNG"),
    "very tall": lambda: encoded(picture(2, 8000), "PNG"),
    "exif of another size": lambda: with_exif(orientation=6),
    "orientation out of range": lambda: with_exif(orientation=99),
    "broken exif": lambda: JPEG[:2] + b"\xff\xe1\x00\x10Exif\0\0MM\0\x2a\xff\xff\xff\xff"[:18] + JPEG[2:],
    "with a zip behind it": lambda: JPEG + b"PK\x03\x04" + b"\0" * 100,
    "with a script in it": lambda: encoded(picture(), comment=b"<script>alert(1)</script>"),
    "long text in png": lambda: encoded(picture(), "PNG", pnginfo=_info("x" * 10_000)),
}

REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello",
    "html": lambda: b"<html><script>alert(1)</script></html>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "gif": lambda: encoded(picture(), "GIF"),
    "bmp": lambda: encoded(picture(), "BMP"),
    "tiff": lambda: encoded(picture(), "TIFF"),
    "ico": lambda: encoded(picture(), "ICO"),
    "pdf": lambda: encoded(picture(), "PDF"),
    "eps": lambda: encoded(picture(), "EPS"),
    "zip": lambda: b"PK\x03\x04" + b"\0" * 200,
    "jpeg magic alone": lambda: b"\xff\xd8\xff",
    "png magic alone": lambda: b"\x89PNG\r\n\x1a\n",
    "webp magic alone": lambda: b"RIFF\x04\0\0\0WEBP",
    "jpeg cut in half": lambda: JPEG[: len(JPEG) // 2],
    "png cut in half": lambda: PNG[: len(PNG) // 2],
    "webp cut in half": lambda: WEBP[: len(WEBP) // 2],
    "png without pixels": lambda: png_of(64, 48),
    "png of no size": lambda: png_of(0, 0),
    "png of broken pixels": lambda: png_of(64, 48, _chunk(b"IDAT", b"not zlib")),
    "png bomb by header": lambda: png_of(60_000, 60_000, _chunk(b"IDAT", zlib.compress(b"\0" * 10_000))),
    "just beyond the cap": lambda: png_of(40_000_001, 1, _chunk(b"IDAT", zlib.compress(b"\0" * 100))),
    "text bomb": lambda: png_of(8, 8, *[_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 1_000_000))] * 80),
    "profile bomb": lambda: png_of(8, 8, _chunk(b"iCCP", b"k\0\0" + zlib.compress(b"\0" * 50_000_000))),
    "noise": lambda: bytes(range(256)) * 64,
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # it complains about metadata that is thrown away
@pytest.mark.parametrize("case", TAKEN)
def test_what_is_a_picture_is_kept_without_anything_else(case: str) -> None:
    """quality.md §4 row 21: re-encoded; no metadata, no comment, no profile, nothing behind it."""
    derived = derive(TAKEN[case]())
    for content, longest in ((derived.full, 2560), (derived.thumb, 320)):
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as kept:
            kept.load()
            assert max(kept.size) <= longest
            assert (kept.mode, dict(kept.getexif()), set(kept.info) - {"jfif", "jfif_version", "jfif_unit",
                    "jfif_density"}) == ("RGB", {}, set())  # fmt: skip
        assert not any(word in content for word in (b"Secret", b"script", b"PK\x03\x04", b"xxxx"))
        assert content.endswith(b"\xff\xd9")


def test_what_is_no_picture_is_refused(field: World) -> None:
    """422 naming the file; nothing stored, nothing left among the files."""
    chen = field.as_("chen")
    for case, make in REFUSED.items():
        answer = send(chen, make())
        assert (answer.status, list(answer["errors"])) == (422, ["file"]), case
    assert field.house.ports.files.names() == []


def test_a_photo_is_taken_once_and_known_afterwards(field: World) -> None:
    """api.md: 201, then 200, by PUT or POST; a big one is made smaller."""
    chen, content = field.as_("chen"), encoded(picture(4000, 3000))
    first = send(chen, content)
    assert (first.status, first["width"], first["height"]) == (201, 2560, 1920)
    again = send(chen, content, method="POST")
    assert (again.status, again.json) == (200, first.json)
    shown = chen.get(f"/photos/{name_of(content)}")
    assert (shown.headers["Content-Type"], shown.headers["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert shown.headers["Cache-Control"].startswith("private")
    assert Image.open(io.BytesIO(shown.content)).size == (2560, 1920)
    thumb = chen.get(f"/photos/{name_of(content)}", size="thumb")
    assert Image.open(io.BytesIO(thumb.content)).size == (320, 240)
    assert len(field.house.ports.files.names()) == 2


def test_a_photo_is_turned_the_way_it_was_held() -> None:
    """The orientation is applied before the metadata goes."""
    derived = derive(with_exif(orientation=6))
    with Image.open(io.BytesIO(derived.full)) as kept:
        assert kept.size == (48, 64)
        top, bottom = (kept.convert("L").tobytes()[y * 48 + 24] for y in (5, 60))
        assert (top < 50, bottom > 200) == (True, True)


def test_the_name_must_be_the_contents(field: World) -> None:
    """422 when it is another's, upper-case or no digest at all; a form without a file is 422, another body 415."""
    chen = field.as_("chen")
    for name in ("0" * 64, name_of(JPEG).upper(), "x", "..%2f..%2fetc"):
        assert send(chen, JPEG, name).status in {404, 422}, name
        assert chen.get(f"/photos/{name}").status == 404, name
    assert list(send(chen, JPEG, part="photo")["errors"])
    assert chen.put(f"/photos/{name_of(JPEG)}", {"file": "x"}).status == 415
    assert field.house.ports.files.names() == []


def test_too_large_is_refused_and_the_limit_itself_is_not(field: World) -> None:
    """8 MiB is taken, one byte more and 30 MB are not; other routes keep the small limit."""
    chen = field.as_("chen")
    at_limit = JPEG + b"\0" * (PHOTO_BYTES_MAX - len(JPEG))
    assert send(chen, at_limit).status == 201
    assert send(chen, at_limit + b"\0").status == 413
    assert send(chen, b"\0" * 30_000_000).status == 413
    assert chen.post("/records", {"done": "x" * 2_000_000}).status == 413


def test_only_commissioners_send_photos(field: World) -> None:
    assert send(field.as_("county"), JPEG).status == 403
    assert send(field.anyone(), JPEG).status == 401


def test_a_record_names_photos_that_arrive_later(field: World) -> None:
    """R-VISIT-5: missing ones are shown as missing, then as present."""
    chen = field.as_("chen")
    made = chen.ok("POST", "/records", a_record(a_pairing(field), VISIT, photos=[name_of(JPEG), name_of(PNG)]))
    send(chen, PNG)
    assert chen.get(f"/records/{made['id']}")["photos"] == [
        {"sha256": name_of(JPEG), "present": False},
        {"sha256": name_of(PNG), "present": True},
    ]
    listed = field.as_("county").get("/records")["items"][0]["photos"]
    assert [one["present"] for one in listed] == [False, True]


def test_a_photo_is_seen_by_its_owner_and_by_who_reviews_a_record_that_names_it(field: World) -> None:
    """Everybody else finds nothing: other counties, colleagues, and staff before a record names it."""
    chen = field.as_("chen")
    send(chen, JPEG)
    path, query = f"/photos/{name_of(JPEG)}", {"owner": chen.id}
    staff = ("township", "county", "lead", "city", "auditor")
    assert [field.as_(who).get(path, **query).status for who in staff] == [404] * 5
    draft = chen.ok("POST", "/records", a_record(a_pairing(field), VISIT, photos=[name_of(JPEG)], draft=True))
    assert field.as_("county").get(path, **query).status == 404
    chen.ok("POST", f"/records/{draft['id']}/submit")
    assert [field.as_(who).get(path, **query).status for who in staff] == [200] * 5
    for who in ("didu", "other_county", "other_lead", "dispatcher", "admin", "li"):
        assert field.as_(who).get(path, **query).status == 404, who
    assert field.as_("county").get(path).status == 404
    assert field.anyone().get(path, **query).status == 401
    assert chen.get(path, size="huge").status == 422


def test_the_same_photo_of_two_people_is_two_uploads(field: World) -> None:
    """Neither learns of the other: the second is told 201 as well, and each sees their own alone."""
    chen, li = field.as_("chen"), field.as_("li")
    assert (send(chen, JPEG).status, send(li, JPEG).status) == (201, 201)
    assert li.get(f"/photos/{name_of(JPEG)}", owner=chen.id).status == 404
    with field.house.read(SYSTEM) as uow:
        owners = set(uow.session.scalars(sa.select(Photo.owner_id)))
    assert owners == {UUID(chen.id), UUID(li.id)}


def test_eight_sendings_at_once_keep_one(field: World) -> None:
    """A race of equal uploads."""
    chen, content, statuses = field.as_("chen"), encoded(picture(600, 400)), []
    threads = [
        threading.Thread(target=lambda: statuses.append(send(Caller(field.app, chen.token), content).status))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [201]
    assert len(field.house.ports.files.names()) == 2
