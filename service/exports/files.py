"""A file as an answer: what it is called, what it is, what it holds."""

from dataclasses import dataclass

JPEG = "image/jpeg"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class File:
    """Something to download. `name` is shown to people and may be Chinese."""

    name: str
    media_type: str
    content: bytes
