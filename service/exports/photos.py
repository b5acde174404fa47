"""A photo that leaves the house says where, when and by whom it was taken; the one that is kept stays clean."""

from importlib.resources import as_file, files
from uuid import UUID

from models.records import Record
from rules.calendar import SHANGHAI
from service.core.problems import NotFound
from service.core.unit import UnitOfWork
from service.exports.files import JPEG, File
from service.records import photos, queries
from service.records.darkroom import DARKROOM

FONT = files("manimgx_fonts_cjk") / "NotoSansCJK-VF.otf.ttc"
SIMPLIFIED, MEDIUM = 2, 500
"""Which face of the collection has the forms of simplified Chinese, and how heavy it is drawn."""


def watermarked(uow: UnitOfWork, record_id: UUID, sha256: str) -> File:
    """Give a record's photo as JPEG with place, time and name of the service drawn into it.

    :raises NotFound: to whoever may not see the record or the photo, and if it has not arrived.
    """
    row = queries.fetch(uow, record_id)
    if sha256 not in row.photos:
        raise NotFound
    content = photos.show(uow, sha256, owner=row.person_id)
    with photos.laid_down([content]) as (file, _), as_file(FONT) as font:
        _, (marked,) = DARKROOM.ask(file, "mark", lines=words(row), font=str(font), face=SIMPLIFIED, weight=MEDIUM)
    return File(f"{row.title} 照片{row.photos.index(sha256) + 1}.jpg", JPEG, marked)


def words(row: Record) -> list[str]:
    """Give the lines that are drawn: who served, where, and when (Shanghai time)."""
    village = row.village.name if row.village else ""
    begun, done = row.started_at.astimezone(SHANGHAI), row.ended_at.astimezone(SHANGHAI)
    until = f"{done:%H:%M}" if begun.date() == done.date() else f"{done:%Y-%m-%d %H:%M}"
    where = " ".join(part for part in (row.township.name, village, row.place_name) if part)
    return [row.person.name, where, f"{begun:%Y-%m-%d %H:%M} 至 {until}"]
