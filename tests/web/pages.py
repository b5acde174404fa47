"""A visitor with a browser's manners (forms, links, cookies, no script), and the reader of HTML."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from tests.world import World

VOID = {"meta", "link", "input", "img", "br", "hr"}
HOST = "http://localhost"


@dataclass
class FormRead:
    """A form as a browser would send it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    """Name and value of tick boxes, and of buttons with a value."""


class Read(HTMLParser):
    """A page, read: its tags in order, forms, links, ids, labels, words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: list[FormRead] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self._texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(FormRead(given["action"], given.get("method", "get")))
        elif tag in {"input", "textarea", "select", "button"} and given.get("name") and self.forms:
            if given.get("type") == "checkbox" or tag == "button":
                self.forms[-1].boxes.append((given["name"], given["value"]))
            else:
                self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open:
            self._texts.setdefault(self.open[-1], []).append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def texts(self, tag: str) -> list[str]:
        return [text for text in self._texts.get(tag, []) if text]

    def form(self, ending: str) -> FormRead:
        return next(one for one in self.forms if one.method == "post" and one.action.endswith(ending))

    def actions(self) -> list[str]:
        return [one.action for one in self.forms if one.method == "post"]

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Which tags with which attributes, whatever their words: what a page is to a browser."""
        return [(tag, tuple(sorted(attrs))) for tag, attrs in self.tags]


class Shown:
    """An answer to a browser."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.html: str = response.get_data(as_text=True)
        response.close()
        self.cookies: list[str] = response.headers.getlist("Set-Cookie")
        self.location: str = response.headers.get("Location", "")

    @property
    def read(self) -> Read:
        return Read(self.html)


class Visitor:
    """Somebody at a browser; `enter` logs in as one of the cast."""

    def __init__(self, world: World, base: str = HOST) -> None:
        self.world, self.base = world, base
        self.client = world.app.test_client()

    def get(self, path: str, **query: Any) -> Shown:
        return Shown(self.client.get(path, base_url=self.base, query_string=query or None))

    def post(self, path: str, data: Any, **headers: str) -> Shown:
        sent = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return Shown(self.client.post(path, base_url=self.base, data=data, headers=sent))

    def send(self, page: Shown, ending: str, **typed: Any) -> Shown:
        """Send the form of a page whose address ends so, with what was typed."""
        form = page.read.form(ending)
        return self.post(form.action, {**form.fields, **typed})

    def enter(self, key: str) -> "Visitor":
        sent = self.send(self.get("/console/login"), "/console/login", person=self.world.as_(key).id)
        assert (sent.status, sent.location) == (303, "/console/")
        return self

    def follow(self, shown: Shown) -> Shown:
        """Go where a form sent the browser."""
        assert shown.status == 303, shown.html
        return self.get(urlsplit(shown.location).path)


def at(world: World, key: str | None = None) -> Visitor:
    """A visitor, logged in as one of the cast where one is named."""
    return Visitor(world).enter(key) if key else Visitor(world)
