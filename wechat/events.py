"""WeChat's events in our words (wechat.md §B.4 to B.6): which tellings are the same, and what each one says."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from service.core.ports import Answer, Event, Subscribable, Verdict
from wechat import envelope
from wechat.account import sandbox_id
from wechat.envelope import BadEnvelope, Body
from wechat.templates import Template

_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}", re.ASCII)
_SUBSCRIPTIONS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}
"""The events with a list, and the element in which XML puts that list."""
_ANSWERS = {"accept": True, "reject": False}
_NO_MORE = {"43101", "20004", "20005"}
"""Results of a sent message which say that the user wants none: refused, main switch off, banned."""
_REVOKED = {"8": "phone", "13": "location", "18": "location", "14": "photos"}
"""What the user takes back, by WeChat's number. Of everything else that has one we keep nothing."""


def name_of(body: Body) -> str:
    """Give the event's name; of what is no event, `message.` and its type."""
    kind = body.get("MsgType")
    name = body.get("Event") if kind == "event" else f"message.{kind}"
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "unknown"


def same(body: Body, text: str) -> list[str]:
    """Give what is equal in every telling of one event and differs between events (wechat.md §B.5).

    A check's trace id; of subscriptions who, when and which templates with what result (two messages may go to one
    person in one second); else the whole text.
    """
    name = name_of(body)
    if name == "wxa_media_check" and isinstance(body.get("trace_id"), str):
        return [name, body["trace_id"]]
    if name in _SUBSCRIPTIONS:
        told = [[str(one.get(part)) for part in ("TemplateId", *_RESULT_PARTS)] for one in _entries(body)]
        return [name, str(body.get("FromUserName")), str(body.get("CreateTime")), str(sorted(told))]
    return [name, text]


_RESULT_PARTS = ("SubscribeStatusString", "MsgID", "ErrorCode")


class Account:
    """What is known of the account without asking: its templates, and what its events mean."""

    def __init__(self, templates: Mapping[str, Template], *, sandboxed: bool) -> None:
        """Prepare.

        :param sandboxed: the account is a sandbox's, which has the templates without an id as well.
        """
        self._keys = {template.template_id: key for key, template in templates.items()}
        self.lasting = frozenset(key for key, template in templates.items() if template.lasting)
        self.subscribable = tuple(
            Subscribable(key, template.template_id, template.title, template.lasting)
            for key, template in templates.items()
            if sandboxed or template.template_id != sandbox_id(key)
        )

    def read_event(self, text: str) -> Event:
        """Read a stored event.

        :raises BadEnvelope: if it does not say what events of its name say.
        """
        body = envelope.read(text)
        openid = body.get("OpenID") or body.get("FromUserName")
        return Event(
            name=name_of(body),
            openid=openid if isinstance(openid, str) else "",
            at=_moment(body.get("CreateTime")),
            answers=tuple(_answers(body, self._keys)),
            revoked=frozenset(_revoked(body)),
            verdict=_verdict(body),
        )


def _moment(seconds: Any) -> datetime:
    """Read CreateTime, which comes as a number or as a text."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadEnvelope("CreateTime") from None


def _entries(body: Body) -> list[Body]:
    """Give the entries of a subscription event: one comes as an object, several as a list."""
    within = body.get(_SUBSCRIPTIONS.get(name_of(body), ""))
    found = (within if isinstance(within, dict) else body).get("List")
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _answers(body: Body, keys: Mapping[str, str]) -> Iterator[Answer]:
    """Give what the user said to each of our templates; other templates of the account are nothing to us."""
    sent = name_of(body) == "subscribe_msg_sent_event"
    for one in _entries(body) if name_of(body) in _SUBSCRIPTIONS else ():
        key = keys.get(str(one.get("TemplateId")))
        accepted = _ANSWERS.get(str(one.get("SubscribeStatusString")))
        if sent:
            accepted = False if str(one.get("ErrorCode")) in _NO_MORE else None
        if key is not None and accepted is not None:
            yield Answer(key, accepted)


def _revoked(body: Body) -> Iterator[str]:
    if name_of(body) == "user_authorization_revoke":
        for number in re.split(r"\D+", str(body.get("RevokeInfo", ""))):
            if number in _REVOKED:
                yield _REVOKED[number]


def _verdict(body: Body) -> Verdict | None:
    if name_of(body) != "wxa_media_check":
        return None
    result, trace_id = body.get("result"), body.get("trace_id")
    if not isinstance(result, dict) or not isinstance(trace_id, str):
        raise BadEnvelope("verdict")
    suggest, label = result.get("suggest"), result.get("label")
    failed = str(body.get("errcode", 0)) != "0"
    return Verdict(trace_id, "review" if failed or suggest not in {"pass", "risky"} else suggest, str(label))
