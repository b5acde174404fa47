"""A big photo over a bad line: it comes in chunks that the server can list, so that a cut costs at most one of them.

The chunks lie in the file store under the upload's id; the database knows only that the upload is under way. So each
chunk is one small file, may come through any process and as often as it likes, and is nobody's but its sender's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from models.base import new_id
from models.identity import Person
from models.records import Photo, PhotoUpload
from rules import uploads as rules
from rules.policy import PHOTO_CHUNK_BYTES, PHOTO_CHUNKED_BYTES_MAX, PHOTO_UPLOAD_DAYS, PHOTO_UPLOADS_MAX
from service.core.problems import Conflict, Invalid, NotFound, TooLarge
from service.core.unit import UnitOfWork
from service.records import photos

KEPT = timedelta(days=PHOTO_UPLOAD_DAYS)
NUMBER = re.compile(r"[0-9]{1,6}")


class ChunksMissing(Conflict):
    """The upload cannot be finished yet; `missing` names the chunks that have to come."""

    kind, title = "chunks-missing", "照片还有分块没有传到"


class OtherSize(Conflict):
    """The same photo was begun with another size; `bytes` says with which."""

    kind, title = "other-size", "这张照片此前声明的大小不同"


class TooManyUploads(Conflict):
    """As many photos as a record may have are under way already."""

    kind, title = "too-many-uploads", "未传完的照片过多，请先传完或放弃其中的"


@dataclass(frozen=True)
class UploadForm:
    """What is said of a photo before its chunks come."""

    bytes: int


@dataclass(frozen=True)
class Standing:
    """How far a photo has come: which chunks are there and which have yet to come, or that it is kept."""

    sha256: str
    bytes: int | None
    present: tuple[int, ...]
    missing: tuple[int, ...]
    kept: bool
    expires_at: datetime | None
    known: bool = True
    chunk_bytes: int = PHOTO_CHUNK_BYTES


@dataclass(frozen=True)
class Chunk:
    """A chunk that is there."""

    number: int
    bytes: int


def begin(uow: UnitOfWork, sha256: str, form: UploadForm) -> Standing:
    """Begin to send a photo in chunks of 256 KiB, saying its size first; again, and it says what is there.

    :raises TooLarge: beyond 32 MiB; nothing was stored.
    :raises OtherSize: if the same photo was begun with another size.
    :raises TooManyUploads: if nine are under way.
    """
    owner = photos.sender(uow)
    if not photos.DIGEST.fullmatch(sha256):
        raise Invalid(errors={"sha256": ["应为 64 位小写十六进制摘要"]})
    if form.bytes > PHOTO_CHUNKED_BYTES_MAX:
        raise TooLarge(f"照片不能超过 {PHOTO_CHUNKED_BYTES_MAX // 2**20} MiB")
    photo, upload = _there(uow, owner, sha256)
    if photo is None and upload is None:
        return _standing(uow, _begun(uow, owner, sha256, form), known=False)
    if upload is not None and photo is None and upload.bytes != form.bytes:
        raise OtherSize(bytes=upload.bytes)
    return _kept(sha256) if photo is not None or upload is None else _standing(uow, upload)


def _begun(uow: UnitOfWork, owner: UUID, sha256: str, form: UploadForm) -> PhotoUpload:
    person = uow.session.get_one(Person, owner, with_for_update=True)  # two beginnings at once are counted one by one
    mine = sa.and_(PhotoUpload.owner_id == owner, PhotoUpload.ended_at.is_(None))
    if (uow.session.scalar(sa.select(sa.func.count()).where(mine)) or 0) >= PHOTO_UPLOADS_MAX:
        raise TooManyUploads
    values = {"owner_id": owner, "sha256": sha256, "bytes": form.bytes, "county_code": person.county_code}
    upload = PhotoUpload(id=new_id(), created_at=uow.now, **values)
    uow.session.add(upload)
    uow.session.flush()
    change = {"thing": "photo_upload", "id": str(upload.id), "from": None, "to": "open"}
    uow.record("photo_upload.begin", upload, [change])
    return upload


def standing(uow: UnitOfWork, sha256: str) -> Standing:
    """Say which chunks of one's own photo are there, and which have yet to come.

    :raises NotFound: if one neither began nor sent it, whoever else did.
    """
    photo, upload = _there(uow, photos.sender(uow), sha256)
    if photo is not None:
        return _kept(sha256)
    if upload is None:
        raise NotFound
    return _standing(uow, upload)


def put_chunk(uow: UnitOfWork, sha256: str, number: str, file: photos.Upload) -> Chunk:
    """Take one chunk; sent twice is once. It takes no transaction, so chunks hold nobody up.

    :raises NotFound: if the upload was not begun, or has ended.
    :raises Invalid: if there is no such chunk, or it has another length: a cut one is not taken.
    """
    owner = photos.sender(uow)
    upload = _open(uow, owner, sha256)
    place = int(number) if NUMBER.fullmatch(number) else 0
    expected = rules.chunk_bytes(upload.bytes, place)
    if expected is None:
        raise Invalid(errors={"number": [f"应在 1 到 {rules.chunks(upload.bytes)} 之间"]})
    content = file.read(PHOTO_CHUNK_BYTES + 1)
    if len(content) != expected:
        raise Invalid(errors={"file": [f"第 {place} 块应为 {expected} 字节"]})
    uow.ports.files.put_part(upload.id, place, content)
    if _there(uow, owner, sha256)[1] is None:  # it ended meanwhile, and nobody else would remove this chunk
        uow.ports.files.drop_parts(upload.id)
        raise NotFound
    return Chunk(place, expected)


def finish(uow: UnitOfWork, sha256: str) -> Photo:
    """Put the chunks together, once all are there and they are what the digest says; then it is a photo like any other.

    :raises ChunksMissing: naming those that have yet to come.
    :raises Invalid: if the whole has another digest or is no picture that we take; its chunks are gone then.
    """
    owner = photos.sender(uow)
    photo, upload = _there(uow, owner, sha256)
    if photo is not None:
        photo.known = True
        return photo
    if upload is None:
        raise NotFound
    if missing := _standing(uow, upload).missing:
        raise ChunksMissing(missing=missing)
    try:
        with photos.laid_down(_chunks(uow, upload), PHOTO_CHUNKED_BYTES_MAX) as (content, digest):
            if digest != sha256:
                raise Invalid(errors={"sha256": ["各块合起来与摘要（SHA-256）不符，请重新传送"]})
            return photos.keep(uow, owner, sha256, content)
    except Invalid:
        uow.ports.files.drop_parts(upload.id)
        raise


def _chunks(uow: UnitOfWork, upload: PhotoUpload) -> Iterator[bytes]:
    for number in range(1, rules.chunks(upload.bytes) + 1):
        try:
            yield uow.ports.files.part(upload.id, number)
        except FileNotFoundError as error:  # finished or given up at this moment
            raise ChunksMissing(missing=[number]) from error


def give_up(uow: UnitOfWork, sha256: str) -> None:
    """Give up a photo that is under way; its chunks go.

    :raises NotFound: if it is not under way.
    """
    mine = photos.under_way(photos.sender(uow), sha256)
    upload = uow.session.scalar(sa.select(PhotoUpload).where(mine).with_for_update())
    if upload is None:
        raise NotFound
    upload.ended_at = uow.now
    upload.version += 1
    change = {"thing": "photo_upload", "id": str(upload.id), "from": "open", "to": "given_up"}
    uow.record("photo_upload.give_up", upload, [change])


def _there(uow: UnitOfWork, owner: UUID, sha256: str) -> tuple[Photo | None, PhotoUpload | None]:
    """Give an owner's photo and upload as they are at this moment, outside any transaction of one's own."""
    with uow.house.read(uow.actor, uow.trace) as reading:
        photo = photos.find(reading, owner, sha256)
        return photo, reading.session.scalar(sa.select(PhotoUpload).where(photos.under_way(owner, sha256)))


def _open(uow: UnitOfWork, owner: UUID, sha256: str) -> PhotoUpload:
    _, upload = _there(uow, owner, sha256)
    if upload is None:
        raise NotFound
    return upload


def _standing(uow: UnitOfWork, upload: PhotoUpload, *, known: bool = True) -> Standing:
    there = rules.present(upload.bytes, uow.ports.files.parts(upload.id)) if known else ()
    missing = rules.missing(upload.bytes, there)
    return Standing(upload.sha256, upload.bytes, there, missing, False, upload.created_at + KEPT, known)


def _kept(sha256: str) -> Standing:
    return Standing(sha256, None, (), (), True, None)
