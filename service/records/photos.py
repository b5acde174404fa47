"""Photos by the digest of what a device sends; what is kept is a re-encoded copy without metadata, and a thumbnail."""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Protocol
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import Person
from models.journal import DiscardedFile
from models.records import Photo, PhotoUpload, Record, RecordPhoto
from rules import likeness
from rules.policy import (
    PHOTO_ADDRESS_MINUTES,
    PHOTO_BYTES_MAX,
    PHOTO_PIXELS_MAX,
    PHOTO_SIDE_MAX,
    PHOTO_THUMB_SIDE,
    PHOTOS_PER_DAY,
)
from service.content import commands as checks
from service.content import links
from service.content.queries import blocked
from service.core import gate, limits
from service.core.problems import Forbidden, Invalid, NotFound, TooLarge
from service.core.unit import UnitOfWork
from service.records import flags
from service.records.darkroom import DARKROOM

GRID = (likeness.CELLS, likeness.STRIPS)
DIGEST = re.compile(r"[0-9a-f]{64}")
STAFF = frozenset({"township", "county", "county_lead", "city", "auditor"})
PIECE = 256 * 1024
"""Bytes of a sent photo that are in memory at a time."""


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
    :raises TooMany: beyond 300 new photos a day.
    """
    owner = sender(uow)
    file.seek(0)  # this may be the second try of the same request
    with laid_down(iter(lambda: file.read(PIECE), b"")) as (content, digest):
        if digest != sha256:
            raise Invalid(errors={"sha256": ["内容与其摘要（SHA-256）不符"]})
        return keep(uow, owner, sha256, content)


def sender(uow: UnitOfWork) -> UUID:
    """Give the person who sends. :raises Forbidden: if nobody is behind the session."""
    if uow.actor.person_id is None:
        raise Forbidden
    return uow.actor.person_id


@contextmanager
def laid_down(pieces: Iterable[bytes], most: int = PHOTO_BYTES_MAX) -> Iterator[tuple[BinaryIO, str]]:
    """Write what arrives to a file without a name, which is gone however this ends; gives it and its SHA-256.

    :raises TooLarge: beyond so many bytes.
    """
    digest, length = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            length += len(piece)
            if length > most:
                raise TooLarge(f"照片不能超过 {most // 2**20} MiB")
            digest.update(piece)
            file.write(piece)
        file.flush()
        yield file, digest.hexdigest()


def keep(uow: UnitOfWork, owner: UUID, sha256: str, content: BinaryIO) -> Photo:
    """Make what is kept of a photo and note it, unless the owner's photo is there already."""
    with uow.house.read(uow.actor, uow.trace) as reading:
        known = find(reading, owner, sha256)
    if known is not None:
        known.known = True
        return known
    limits.count(uow.house, f"photos {owner}", limit=PHOTOS_PER_DAY, minutes=24 * 60)
    derived = derive(content)
    kept, thumb = (hashlib.sha256(one).hexdigest() for one in (derived.full, derived.thumb))
    for name, made in ((kept, derived.full), (thumb, derived.thumb)):
        uow.ports.files.put(name, made)
    return _note(uow, owner, sha256, derived, (kept, thumb))


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
    _claim_files(uow, {kept[0]: derived.full, kept[1]: derived.thumb})
    ending = sa.update(PhotoUpload).where(under_way(owner, sha256)).values(ended_at=uow.now)
    uow.session.execute(ending.execution_options(synchronize_session=False))
    uow.record("photo.put", photo, [{"thing": "photo", "id": str(photo.id), "from": None, "to": "kept"}])
    checks.submit(uow, photo, f"{photo.width}×{photo.height} 照片", county=photo.county_code, digest=kept[0])
    flags.mark_photo(uow, photo)
    flags.photo_came(uow, photo)
    return photo


def _claim_files(uow: UnitOfWork, made: Mapping[str, bytes]) -> None:
    """Take back files that were to be discarded; one that just was is written again, before anybody can miss it."""
    uow.session.execute(sa.delete(DiscardedFile).where(DiscardedFile.sha256.in_(made)))
    for name, content in made.items():
        if not uow.ports.files.has(name):
            uow.ports.files.put(name, content)


def under_way(owner: UUID, sha256: str) -> sa.ColumnElement[bool]:
    """The condition for the upload in chunks that would become this photo (`uploads.py`)."""
    return sa.and_(PhotoUpload.owner_id == owner, PhotoUpload.sha256 == sha256, PhotoUpload.ended_at.is_(None))


def find(uow: UnitOfWork, owner: UUID, sha256: str) -> Photo | None:
    """Give an owner's photo, if it has arrived."""
    return uow.session.scalar(sa.select(Photo).where(Photo.owner_id == owner, Photo.sha256 == sha256))


def derive(content: BinaryIO) -> Derived:
    """Have a photo decoded apart: what is kept is upright, without metadata, at most 2560 pixels long; and a thumbnail.

    :raises Invalid: if it is not an image that we take, or takes more memory or time than one may.
    """
    said, (full, thumb) = DARKROOM.ask(
        content, "derive", pixels_max=PHOTO_PIXELS_MAX, side_max=PHOTO_SIDE_MAX, thumb_side=PHOTO_THUMB_SIDE, grid=GRID
    )
    looks = likeness.looks_of(bytes.fromhex(said["grid"]))
    return Derived(full, thumb, said["width"], said["height"], looks)


def show(uow: UnitOfWork, sha256: str, *, owner: UUID | None = None, size: str = "full") -> bytes:
    """Give a kept photo, as JPEG, to its owner and to staff who may see a record of theirs that names it.

    :param owner: whose photo; the actor's own where none is given. The same digest of two owners is two photos.
    :raises NotFound: for everybody else, and if it has not arrived.
    """
    return _bytes(uow, _seen(uow, sha256, owner), size)


def _seen(uow: UnitOfWork, sha256: str, owner: UUID | None) -> Photo:
    whose = owner or uow.actor.person_id
    photo = find(uow, whose, sha256) if whose and DIGEST.fullmatch(sha256) else None
    if photo is None or not (photo.owner_id == uow.actor.person_id or _named(uow, photo)):
        raise NotFound
    return photo


def address(uow: UnitOfWork, sha256: str, *, owner: UUID | None = None, size: str = "full") -> dict[str, Any]:
    """Give the signed address under which a photo opens for ten minutes without a token, as an image on a page needs.

    :raises NotFound: to whoever may not see the photo, as `show`.
    """
    photo = _seen(uow, sha256, owner)
    path = links.address(uow.house, photo.id, size, PHOTO_ADDRESS_MINUTES)
    url = uow.settings.public_url.rstrip("/") + path
    return {"url": url, "expires_at": uow.now + timedelta(minutes=PHOTO_ADDRESS_MINUTES)}


def show_signed(uow: UnitOfWork, picture_id: UUID, *, until: int, signature: str, size: str = "full") -> bytes:
    """Give a photo to whoever holds its signed address: WeChat, which fetches what it checks (wechat.md §B.6), who
    decides on it, and the page of somebody who may see it.

    :raises NotFound: if the address is not ours or no longer good.
    """
    if not links.opens(uow.house, picture_id, until, signature, size):
        raise NotFound
    photo = uow.session.get(Photo, picture_id)
    if photo is None:
        raise NotFound
    return _bytes(uow, photo, size)


def _bytes(uow: UnitOfWork, photo: Photo, size: str) -> bytes:
    try:
        return uow.ports.files.get(photo.thumb_sha256 if size == "thumb" else photo.kept_sha256)
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
