"""Reading WeChat's answers: whole and in time, and nothing taken for granted about what stands in them."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import requests

from wechat.outcomes import unreachable

#: More than the largest mini-program code; WeChat's other answers are a few thousand bytes.
MOST_BYTES = 4 << 20
_PIECE = 64 << 10

T = TypeVar("T")
Suggestion = Literal["pass", "review", "risky"]
SUGGESTIONS: dict[str, Suggestion] = {"pass": "pass", "review": "review", "risky": "risky"}


@dataclass(frozen=True)
class Verdict:
    """WeChat's opinion of a text: `pass`, `review` (a person should look) or `risky`; 100 is the normal label."""

    suggest: Suggestion
    label: int
    trace_id: str


@dataclass(frozen=True)
class AccountTemplate:
    """A subscription template as the account holds it; keywords in their order, for example `thing1`, `date3`.

    :ivar labels: what the reader sees before each keyword's value.
    """

    template_id: str
    title: str
    labels: Mapping[str, str]

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords in the order of the message's lines."""
        return tuple(self.labels)


@dataclass(frozen=True)
class Quota:
    """Calls of one interface today: the limit, how many are used, how many remain."""

    daily_limit: int
    used: int
    remain: int


class BoundedSession(requests.Session):
    """Reads the body of an answer at once, within a time and a size, however slowly it drips.

    The timeouts of `requests` bound the connection and each wait for a byte; this bounds the whole.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request.

        :raises requests.ReadTimeout: the body was not there in time.
        :raises requests.exceptions.ContentDecodingError: it is larger than any answer of WeChat's.
        """
        end = time.monotonic() + self._seconds
        answer = super().send(request, **(kwargs | {"stream": True}))
        with answer:
            body = _read(answer, end)
        answer.raw = io.BytesIO(body)
        return answer


def _read(answer: requests.Response, end: float) -> bytes:
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            raise requests.exceptions.ContentDecodingError("too large")
        if time.monotonic() > end:
            raise requests.ReadTimeout("too slow")
    return bytes(body)


def mapping(value: Any) -> Mapping[str, Any]:
    """Take a JSON object. :raises RetryLater: if it is something else."""
    if not isinstance(value, dict):
        raise unreachable("not a JSON object")
    return value


def member(answer: Any, name: str, kind: type[T]) -> T:
    """Take a member of exactly this type. :raises RetryLater: if it is not there or another."""
    value = mapping(answer).get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise unreachable(f"no usable {name}")
    return value


def text(answer: Any, name: str) -> str:
    """Take a text that is not empty. :raises RetryLater: if there is none."""
    found = member(answer, name, str)
    if not found:
        raise unreachable(f"no usable {name}")
    return found
