"""Mini-program codes: real PNGs. They are plain QR codes, which phones other than WeChat's can read too."""

import io
from urllib.parse import parse_qs, quote, urlsplit

import segno
import zxingcpp
from PIL import Image, PngImagePlugin

_QUIET_MODULES = 4
_SCHEME = "weixin-sandbox"
_PIXELS_MAX = 20_000_000  # a large screen


def content(page: str, scene: str) -> str:
    """The text inside the code; the scene is percent-encoded, as a page receives it."""
    return f"{_SCHEME}:/{page}?scene={quote(scene, safe='')}"


def draw(page: str, scene: str, width_px: int) -> bytes:
    """Draw a code of exactly this width. The PNG also tells `scene` and `page` as text, for tests."""
    matrix = segno.make_qr(content(page, scene), error="m").matrix
    modules = len(matrix) + 2 * _QUIET_MODULES
    scale = width_px // modules
    margin = (width_px - scale * len(matrix)) // 2
    small = Image.new("1", (len(matrix), len(matrix)), 1)
    small.putdata([0 if dark else 1 for row in matrix for dark in row])
    image = Image.new("1", (width_px, width_px), 1)
    image.paste(small.resize((scale * len(matrix),) * 2, Image.Resampling.NEAREST), (margin, margin))
    notes = PngImagePlugin.PngInfo()
    notes.add_text("scene", scene)
    notes.add_text("page", page)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def read(image: bytes) -> str | None:
    """Read the code in a picture, a photo or screenshot too; None if there is none that can be read."""
    try:
        with Image.open(io.BytesIO(image)) as opened:
            if opened.width * opened.height > _PIXELS_MAX:
                return None
            found = zxingcpp.read_barcodes(
                opened.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return found[0].text if found else None


def scene_of(text: str) -> str:
    """Give the scene that a scanned text carries; a text that is no code of the sandbox is taken for one itself."""
    parts = urlsplit(text.strip())
    if parts.scheme != _SCHEME:
        return text.strip()
    return next(iter(parse_qs(parts.query).get("scene", [])), "")
