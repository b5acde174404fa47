"""Schemas of exports."""

from web.schemas.base import Flag, In


class FilingAsked(In):
    pending = Flag(from_text=True, load_default=False)
