"""Photos: sent whole or in chunks, seen by their owner and by who reviews a record that names them."""

from typing import Any
from uuid import UUID

from flask import Response

from rules.policy import PHOTO_BYTES_MAX, PHOTO_CHUNK_BYTES
from service.core.problems import Full, Invalid, TooLarge, TooMany
from service.core.unit import UnitOfWork
from service.records import photos, uploads
from web.endpoint import PERSON, PUBLIC, Routes, endpoint
from web.schemas import photos as schemas

blp = Routes("photos", "照片：整张或分块上传，查看")

PHOTO, STANDING, CHUNK = schemas.PhotoOut(), schemas.UploadOut(), schemas.ChunkOut()
FORM_OVERHEAD = 64 * 1024
"""Bytes that the multipart form may add to a photo or a chunk."""


def _picture(uow: UnitOfWork, sha256: str, *, owner: UUID | None, size: str) -> Response:
    """Give a photo to its owner, or to staff who may see a record that names it; others find nothing."""
    shown = Response(photos.show(uow, sha256, owner=owner, size=size), content_type="image/jpeg")
    shown.headers["Cache-Control"] = "private, max-age=86400"
    return shown


def _signed(uow: UnitOfWork, picture_id: UUID, *, until: int, signature: str, size: str) -> Response:
    """Give a picture under its signed address, while that is good."""
    shown = photos.show_signed(uow, picture_id, until=until, signature=signature, size=size)
    return Response(shown, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _declare_sending(method: str) -> None:
    """A mini-program uploads files by POST alone; other clients say PUT."""
    whole: dict[str, Any] = {"refuses": (Invalid, TooLarge, TooMany), "body_max": PHOTO_BYTES_MAX + FORM_OVERHEAD}
    endpoint(blp, method, "/photos/<sha256>", who="photo.put", does=photos.put, files=schemas.PhotoIn(), gives=PHOTO,
             status=201, known=True, **whole)  # fmt: skip
    chunk: dict[str, Any] = {
        "refuses": (Full,),
        "body_max": PHOTO_CHUNK_BYTES + FORM_OVERHEAD,
        "writes": False,
    }
    endpoint(blp, method, "/photos/<sha256>/chunks/<number>", who="photo.put", does=uploads.put_chunk,
             files=schemas.PhotoIn(), gives=CHUNK, **chunk)  # fmt: skip


_declare_sending("PUT")
_declare_sending("POST")
endpoint(blp, "PUT", "/photos/<sha256>/chunks", who="photo.put", does=uploads.begin, takes=schemas.UploadIn(),
         gives=STANDING, status=201, known=True)  # fmt: skip
endpoint(blp, "GET", "/photos/<sha256>/chunks", who="photo.put", does=uploads.standing, gives=STANDING)
endpoint(blp, "DELETE", "/photos/<sha256>/chunks", who="photo.put", does=uploads.give_up)
endpoint(blp, "POST", "/photos/<sha256>/finish", who="photo.put", does=uploads.finish, gives=PHOTO, status=201,
         known=True, refuses=(TooMany,))  # fmt: skip
endpoint(blp, "GET", "/photos/<sha256>", who=PERSON, does=_picture, query=schemas.PhotoAsked(), produces="image/jpeg")
endpoint(blp, "GET", "/photos/<sha256>/address", who=PERSON, does=photos.address, query=schemas.PhotoAsked(),
         gives=schemas.AddressOut())  # fmt: skip
endpoint(blp, "GET", "/pictures/<uuid:picture_id>", who=PUBLIC, does=_signed, query=schemas.SignedAsked(),
         produces="image/jpeg")  # fmt: skip
