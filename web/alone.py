"""The stylesheet of a page that stands alone is in the page; the policy then names its digest, and no other style."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from flask import g
from markupsafe import Markup

STATIC = Path(__file__).parent / "static"


@cache
def _sheet(name: str) -> tuple[Markup, str]:
    text = (STATIC / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"  # noqa: S704  (our own file)


def sheet(name: str) -> Markup:
    """Give a stylesheet as it stands in a page, and let this answer's policy allow it."""
    text, g.style = _sheet(name)
    return text
