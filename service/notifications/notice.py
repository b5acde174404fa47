"""A row of the catalogue, the WeChat copies that a row may have, and where a thing is shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.notifications.audiences import Audience


@dataclass(frozen=True)
class Copy:
    """The WeChat template that carries a copy, by its key, and its fields, each with the word that fills it.

    A word in quotes stands for itself.
    """

    template: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Notice:
    """One row: of which event whom is told what.

    :param says: title and body, with the names of `words.py` in braces.
    :param copy: what WeChat carries besides; None: the inbox alone.
    :param part: tells two rows of the same event apart.
    :param device: the copy goes to the WeChat user whom the binding was with, not to the one the person has now.
    """

    event: str
    hears: Audience
    title: str
    body: str
    copy: Copy | None = None
    part: str = ""
    device: bool = False

    @property
    def kind(self) -> str:
        """The kind of its messages: at most one of a kind from an entry to a person."""
        return f"{self.event}.{self.part}" if self.part else self.event


PAGES = {
    "need": "pages/needs/detail",
    "claim": "pages/claims/detail",
    "pairing": "pages/pairings/detail",
    "record": "pages/records/detail",
    "publicity": "pages/publicity/index",
    "sheet": "pages/assessments/sheet",
}
"""Where in the mini-program a thing is shown; everything else opens the to-do list, `HOME`."""
HOME = "pages/tasks/index"

TEMPLATES = frozenset(
    {
        "need_returned",
        "claim_result",
        "plan_approved",
        "pairing_made",
        "record_state",
        "grade_notice",
        "deadline_near",
        "task_waiting",
    }
)
"""Keys of the templates that this account has; a test compares them with WeChat's room."""


def task(text: str) -> Copy:
    """Make a copy that says that something waits."""
    return Copy("task_waiting", {"task": f"'{text}'", "count": "one", "since": "today"})


def claim(text: str) -> Copy:
    """Make a copy that says what became of a claim."""
    return Copy("claim_result", {"need": "title", "result": f"'{text}'", "reason": "reason"})


def record(text: str) -> Copy:
    """Make a copy that says what became of a service record."""
    return Copy("record_state", {"record": "done", "state": f"'{text}'", "reason": "reason"})


DEADLINE = Copy("deadline_near", {"task": "title", "until": "deadline"})

SILENT: dict[str, str] = {
    "content.create": "whoever handed the thing in sees its check",
    "content.recheck": "whoever changed the thing sees its check",
    "content.pass": "nobody waits for what goes its way",
    "content.vouch": "the approval of the thing itself is told",
    "content.ask": "the verdict on the picture comes later",
    "round.create": "a draft is its city's alone",
    "round.close": "everybody concerned heard of the pairings",
    "need.create": "a draft is its township's alone",
    "need.fill": "the claims that won and the pairing say so",
    "plan.create": "a prepared plan is its county's own work",
    "plan.supersede": "whoever computes again knows it",
    "record.create": "a draft is its author's alone",
    "assessment.create": "sheets say so to each person",
    "sheet.grade": "a grade is told when it is confirmed, not before",
    "conflict.create": "its author's device got it as the answer",
    "conflict.keep": "its author decided so",
    "conflict.discard": "its author decided so",
    "sheet.reopen": "whoever recalled the assessment says why",
    "session.open": "whoever logs in sees it, and the list of devices shows it",
    "session.end": "whoever logs out sees it",
    "person.create": "staff register somebody who cannot log in yet",
    "person.edit": "one's own profile",
    "person.consent": "one's own word, repeated in the answer",
    "person.subscribe": "one's own word to WeChat",
    "person.withdraw": "one's own word, given in WeChat",
    "person.answer_login": "one's own answer on the phone; the browser goes on",
    "person.begin_factor": "one's own step on the page",
    "person.add_factor": "one's own step, after the scan; the page lists every factor",
    "person.give_factor": "one's own step on the page",
    "person.remove_factor": "one's own step, with a fresh factor; the page lists what is left",
    "person.renew_codes": "one's own step; the page shows the new codes once",
    "need.edit": "its township's own work until it is submitted",
    "claim.order": "one's own order of preference",
    "weights.create": "a second person of the city finds it in the list",
    "weights.approve": "the freeze that uses a version names it",
    "weights.reject": "its author finds the reason in the list",
    "site.found": "the township finds the place among its sites",
    "override.create": "plans computed from now on say it to both sides",
    "override.lift": "plans computed from now on say it to both sides",
    "plan.replace": "the proposals that it makes ask both sides",
    "record.edit": "a draft or returned record is its author's alone",
    "record.link": "whoever makes a link shows it themself",
    "site.create": "a place of reference; whoever serves there is offered it",
    "site.edit": "a place of reference, corrected by its township",
    "site.retire": "a place of reference; its township decided so",
    "site.restore": "a place of reference; its township decided so",
    "flag.create": "a hint for people who look at the record; nobody is called for it",
    "flag.lapse": "it fell with what it rested on",
    "flag.clear": "the record shows who cleared it and why",
    "photo.put": "its owner's own upload",
    "photo_upload.begin": "its owner's own upload",
    "photo_upload.give_up": "its owner's own upload",
    "sheet.refresh": "whoever assembles again knows it, and sheets say what they rest on",
    "sheet.opinion": "nobody waits for one opinion; the county's list of sheets shows which are there",
    "scheme.create": "an assessment that uses it says so",
    "region.edit": "reference data, corrected by those who answer for it",
    "region.publicity_days": "set by the operator at the host; windows say their own end",
    "roster.load": "the operator at the host did it",
    "calendar.load": "the operator at the host did it; windows that get their end say so",
    "backup.restore": "the operator at the host did it",
}
"""Events that nobody is told of, and why: moves of the machines, and the commands that move nothing."""
