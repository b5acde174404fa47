"""Photos by the digest of what a device sends; what is kept is a re-encoded copy without metadata, and a thumbnail."""

import hashlib
import io
import re
import threading
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
from PIL import Image, ImageOps

from models.base import new_id
from models.identity import Person
from models.records import Photo, Record, RecordPhoto
from rules import likeness
from rules.policy import PHOTO_BYTES_MAX, PHOTO_PIXELS_MAX, PHOTO_SIDE_MAX, PHOTO_THUMB_SIDE
from service.content import commands as checks
from service.content import links
from service.content.queries import blocked
from service.core import gate
from service.core.problems import Forbidden, Invalid, NotFound, TooLarge
from service.core.unit import UnitOfWork
from service.records import flags

FORMATS = ("JPEG", "PNG", "WEBP")
GRID = (likeness.CELLS, likeness.STRIPS)
DIGEST = re.compile(r"[0-9a-f]{64}")
STAFF = frozenset({"township", "county", "county_lead", "city", "auditor"})

Image.MAX_IMAGE_PIXELS = None  # our own cap is lower, read from the header, and refuses instead of warning
_decoders = threading.BoundedSemaphore(2)  # a decoded photo takes up to 160 MB


class Upload(Protocol):
    """A file that is being sent."""

    def read(self, size: int = -1, /) -> bytes:
        """Give up to so many bytes."""
        ...

    def seek(self, offset: int, /) -> object:
        """Go to a byte."""
        ...


@dataclass(frozen=True)
class Derived:
    """What is kept of a photo: two JPEG files and the size of the larger."""

    full: bytes
    thumb: bytes
    width: int
    height: int
    looks: str | None


def put(uow: UnitOfWork, sha256: str, file: Upload) -> Photo:
    """Take a photo from its owner's device. Files are written before the transaction, under their own digests.

    :raises TooLarge: beyond 8 MiB.
    :raises Invalid: if the content has another digest, is no JPEG, PNG or WebP, or has more than 40 megapixels.
    """
    file.seek(0)  # this may be the second try of the same request
    content = file.read(PHOTO_BYTES_MAX + 1)
    if len(content) > PHOTO_BYTES_MAX:
        raise TooLarge("照片不能超过 8 MiB")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Invalid(errors={"sha256": ["内容与其摘要（SHA-256）不符"]})
    owner = uow.actor.person_id
    if owner is None:
        raise Forbidden
    with uow.house.read(uow.actor, uow.trace) as reading:
        known = find(reading, owner, sha256)
    if known is None:
        derived = derive(content)
        kept, thumb = (hashlib.sha256(one).hexdigest() for one in (derived.full, derived.thumb))
        uow.ports.files.put(kept, derived.full)
        uow.ports.files.put(thumb, derived.thumb)
        return _note(uow, owner, sha256, derived, (kept, thumb))
    known.known = True
    return known


def _note(uow: UnitOfWork, owner: UUID, sha256: str, derived: Derived, kept: tuple[str, str]) -> Photo:
    faster = find(uow, owner, sha256)
    if faster is not None:
        faster.known = True
        return faster
    photo = Photo(
        id=new_id(),
        created_at=uow.now,
        county_code=uow.session.get_one(Person, owner).county_code,
        owner_id=owner,
        sha256=sha256,
        kept_sha256=kept[0],
        thumb_sha256=kept[1],
        media_type="image/jpeg",
        bytes=len(derived.full),
        width=derived.width,
        height=derived.height,
        looks=derived.looks,
    )
    uow.session.add(photo)
    uow.session.flush()
    uow.record("photo.put", photo, [{"thing": "photo", "id": str(photo.id), "from": None, "to": "kept"}])
    checks.submit(uow, photo, f"{photo.width}×{photo.height} 照片", county=photo.county_code, digest=kept[0])
    flags.mark_photo(uow, photo)
    flags.photo_came(uow, photo)
    return photo


def find(uow: UnitOfWork, owner: UUID, sha256: str) -> Photo | None:
    """Give an owner's photo, if it has arrived."""
    return uow.session.scalar(sa.select(Photo).where(Photo.owner_id == owner, Photo.sha256 == sha256))


def derive(content: bytes) -> Derived:
    """Decode a photo and make what is kept of it: upright, without metadata, at most 2560 pixels long, and a thumbnail.

    :raises Invalid: if it is not an image that we take.
    """
    with _decoders:
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as sent:
                if sent.width * sent.height > PHOTO_PIXELS_MAX:
                    raise Invalid(errors={"file": ["照片不能超过 4000 万像素"]})
                picture = _clean(sent)
        except Invalid:
            raise
        except Exception as error:  # whatever a decoder stumbles over, the file is not a picture that we can read
            raise Invalid(errors={"file": ["不是可读取的 JPEG、PNG 或 WebP 图片"]}) from error
        full = _encoded(picture)
        looks = likeness.looks_of(picture.convert("L").resize(GRID, Image.Resampling.BOX).tobytes())
        picture.thumbnail((PHOTO_THUMB_SIDE, PHOTO_THUMB_SIDE))
        return Derived(full, _encoded(picture), *Image.open(io.BytesIO(full)).size, looks)


def _clean(sent: Image.Image) -> Image.Image:
    """Give the pixels alone, upright, on white, no longer than what is kept."""
    sent.draft("RGB", (PHOTO_SIDE_MAX, PHOTO_SIDE_MAX))  # JPEG decodes smaller at once; other formats ignore it
    turned = _upright(sent)
    layered = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    layered.thumbnail((PHOTO_SIDE_MAX, PHOTO_SIDE_MAX))
    clean = Image.new("RGB", layered.size, "white")
    clean.paste(layered, mask=layered.getchannel("A") if layered.mode == "RGBA" else None)
    return clean


def _upright(sent: Image.Image) -> Image.Image:
    """Turn a photo the way it was held; one whose metadata cannot be read stays as it lies."""
    sent.load()
    try:
        return ImageOps.exif_transpose(sent)
    except Exception:  # noqa: BLE001  (broken metadata is no fault of the picture, and it is thrown away)
        return sent.copy()


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def show(uow: UnitOfWork, sha256: str, *, owner: UUID | None = None, size: str = "full") -> bytes:
    """Give a kept photo, as JPEG, to its owner and to staff who may see a record of theirs that names it.

    :param owner: whose photo; the actor's own where none is given. The same digest of two owners is two photos.
    :raises NotFound: for everybody else, and if it has not arrived.
    """
    whose = owner or uow.actor.person_id
    photo = find(uow, whose, sha256) if whose and DIGEST.fullmatch(sha256) else None
    if photo is None or not (photo.owner_id == uow.actor.person_id or _named(uow, photo)):
        raise NotFound
    return _bytes(uow, photo.thumb_sha256 if size == "thumb" else photo.kept_sha256)


def show_signed(uow: UnitOfWork, picture_id: UUID, *, until: int, signature: str) -> bytes:
    """Give a photo to whoever holds its signed address: WeChat, which fetches what it checks (wechat.md §B.6), and
    who decides on it.

    :raises NotFound: if the address is not ours or no longer good.
    """
    if not links.opens(uow.house, picture_id, until, signature):
        raise NotFound
    photo = uow.session.get(Photo, picture_id)
    if photo is None:
        raise NotFound
    return _bytes(uow, photo.kept_sha256)


def _bytes(uow: UnitOfWork, sha256: str) -> bytes:
    try:
        return uow.ports.files.get(sha256)
    except FileNotFoundError as error:
        raise NotFound from error


def _named(uow: UnitOfWork, photo: Photo) -> bool:
    """Say whether staff may see a record of the owner that names the photo, and the photo is not blocked (R-NEED-4)."""
    if blocked(uow, [photo.id]):
        return False
    naming = (
        sa.select(Record.id)
        .join(RecordPhoto, RecordPhoto.record_id == Record.id)
        .where(
            RecordPhoto.sha256 == photo.sha256,
            Record.person_id == photo.owner_id,
            Record.state != "draft",
            gate.visible(uow, Record, STAFF),
        )
    )
    return uow.session.scalar(naming.limit(1)) is not None
