"""The process in which photos are decoded: `service/records/darkroom.py` starts it by its path, apart from everything.

It knows no setting, no secret and no other file of the house. For each photo it forks a child that is held to the
limits it was given; whatever a picture does to a decoder, it does to that child alone.
"""

import contextlib
import io
import json
import os
import resource
import signal
import socket
import sys
from typing import Any, BinaryIO

from PIL import Image, ImageDraw, ImageFont

FORMATS = ("JPEG", "PNG", "WEBP")
PLAIN = ("RGB", "RGBA", "L")
"""Modes that are made smaller as they are; the others are brought to colour first."""
QUALITY = 85
OPEN_FILES_MAX = 16
ORIENTATION = 0x0112

Image.MAX_IMAGE_PIXELS = None  # our own cap is lower, read from the header, and refuses instead of warning


class Refused(Exception):
    """The picture is not taken; the text says why in one word."""


def derive(job: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], list[bytes]]:
    """Make what is kept of a photo: upright, without metadata, no longer than asked, and a thumbnail."""
    with Image.open(file, formats=FORMATS) as sent:
        if sent.width * sent.height > job["pixels_max"]:
            raise Refused("pixels")
        picture = _clean(sent, job["side_max"])
    full, (width, height) = _encoded(picture), picture.size
    grid = picture.convert("L").resize(tuple(job["grid"]), Image.Resampling.BOX).tobytes().hex()
    picture.thumbnail((job["thumb_side"], job["thumb_side"]))
    return {"width": width, "height": height, "grid": grid}, [full, _encoded(picture)]


def mark(job: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], list[bytes]]:
    """Write lines of text into the lower left corner of a kept photo, white on a dark band."""
    with Image.open(file, formats=("JPEG",)) as kept:
        kept.load()
        picture = kept.convert("RGB")
    size = max(12, min(picture.size) // 24)
    font = ImageFont.truetype(job["font"], size, index=job["face"])
    font.set_variation_by_axes([job["weight"]])
    lines = [line for text in job["lines"] for line in _wrapped(font, text, picture.width - 2 * size)]
    step = size * 3 // 2
    top = picture.height - step * len(lines) - size
    band = Image.new("L", (picture.width, picture.height - max(top, 0)), 140)
    picture.paste("black", (0, max(top, 0)), mask=band)
    draw = ImageDraw.Draw(picture)
    for at, line in enumerate(lines):
        draw.text((size, top + size // 2 + at * step), line, fill="white", font=font)
    return {"width": picture.width, "height": picture.height}, [_encoded(picture)]


def _wrapped(font: ImageFont.FreeTypeFont, text: str, width: int) -> list[str]:
    """Break a line where the picture ends."""
    lines = [""]
    for letter in text:
        if lines[-1] and font.getlength(lines[-1] + letter) > width:
            lines.append("")
        lines[-1] += letter
    return lines


def _clean(sent: Image.Image, side: int) -> Image.Image:
    """Give the pixels alone, upright, on white, no longer than what is kept. Made smaller before anything is copied."""
    sent.draft("RGB", (side, side))  # JPEG decodes smaller at once; other formats ignore it
    sent.load()
    turn = _turn(sent)
    small = sent
    if sent.mode not in PLAIN or "transparency" in sent.info:
        small = sent.convert("RGBA" if sent.has_transparency_data else "RGB")
    small.thumbnail((side, side))
    small = small.transpose(turn) if turn is not None else small
    clean = Image.new("RGB", small.size, "white")
    clean.paste(small, mask=small.getchannel("A") if small.mode == "RGBA" else None)
    return clean


def _turn(sent: Image.Image) -> Image.Transpose | None:
    """Say how a photo has to be turned to lie the way it was held; metadata that cannot be read turns nothing."""
    with contextlib.suppress(Exception):
        return _TURNS.get(sent.getexif().get(ORIENTATION) or 0)
    return None


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


WORK = {"derive": derive, "mark": mark}


def _answer(job: dict[str, Any], file: BinaryIO) -> bytes:
    """Do a job; the answer is a line of JSON and then the pictures whose lengths it names."""
    try:
        facts, pictures = WORK[job["do"]](job, file)
    except Refused as refused:
        return json.dumps({"refused": str(refused)}).encode() + b"\n"
    except MemoryError:
        return json.dumps({"refused": "gone"}).encode() + b"\n"
    except Exception:  # noqa: BLE001  (whatever a decoder stumbles over, the file is not a picture that we can read)
        return json.dumps({"refused": "unreadable"}).encode() + b"\n"
    facts["lengths"] = [len(one) for one in pictures]
    return b"".join((json.dumps(facts).encode() + b"\n", *pictures))


def _limit(job: dict[str, Any]) -> None:
    """Hold this process to its limits; beyond them the kernel ends it, whatever it is doing."""
    signal.setitimer(signal.ITIMER_REAL, job["wall_s"])
    for what, most in (
        (resource.RLIMIT_AS, job["memory_max"]),
        (resource.RLIMIT_CPU, job["cpu_s"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES_MAX),
    ):
        resource.setrlimit(what, (most, most))


def _child(request: bytes, content: int, reply: int) -> None:
    job = json.loads(request)
    _limit(job)
    with os.fdopen(content, "rb") as file, socket.socket(fileno=reply) as out:
        out.sendall(_answer(job, file))


def serve(orders: socket.socket) -> None:
    """Take jobs until whoever started this process is gone; each comes with its file and where its answer goes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, and ends this one with it
    while True:
        request, given, _, _ = socket.recv_fds(orders, 65536, 2)
        if not request:
            return
        try:
            child = os.fork()
        except OSError:
            child = -1
        if child == 0:
            code = 1
            try:
                orders.close()
                _child(request, *given)
                code = 0
            finally:
                os._exit(code)
        for one in given:
            os.close(one)
        orders.sendall(b"-" if child < 0 else b"+")


if __name__ == "__main__":
    Image.init()
    with socket.socket(fileno=sys.stdin.fileno()) as given_orders:
        serve(given_orders)
