"""`docs/policy.md`: which clause became which rule, where the rule stands in the code, which test proves it."""

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = {
    "000": "揭阳市产业技术创新服务中心文件",
    "001": "揭阳市实施方案（第16项：镇村发榜、地市组织选派、省级认定支持）",
    "002": "汕尾市文件（2021年征求意见稿）",
    "003": "生产力促进中心文件",
    "004": "平凉市文件及科技特派员制度实施意见",
    "12号": "国办函〔2026〕12号",
    "6号": "人社部发〔2023〕6号",
}


@dataclass(frozen=True)
class Rule:
    """A rule of the domain. `later` marks those that a later issue builds."""

    title: str
    clause: str
    later: bool = False


RULES: dict[str, Rule] = {
    "R-APP-1": Rule("Kinds and natures; a team has at least three members and claims through its leader", "004 二(一)"),
    "R-APP-2": Rule("Application, consent, joint review, decision, publication", "004 二(一)", later=True),
    "R-APP-3": Rule("An enterprise commissioner needs the enterprise's consent", "004 二(一)", later=True),
    "R-APP-4": Rule("The public list names name, organisation, field and host only", "004 二(一)"),
    "R-APP-5": Rule("Nobody holds two active postings unless the round allows it", "practice"),
    "R-AGR-1": Rule("The agreement of three parties and its term", "004 二(二)", later=True),
    "R-AGR-2": Rule("Certificate, filing, electronic archive", "004 二(二)", later=True),
    "R-EXIT-1": Rule("Reasons and procedure of exit", "004 二(二)", later=True),
    "R-NEED-1": Rule("What a need names; lengths", "001 item 16"),
    "R-NEED-2": Rule("States and moves stand in one place; each move records who, when and why", "001 item 16"),
    "R-NEED-3": Rule("Likely duplicates are shown before submission", "practice"),
    "R-NEED-4": Rule("What strangers see passes WeChat's content check", "WeChat"),
    "R-NEED-5": Rule("The township posts for its villages; a place is one claimant", "001 item 16"),
    "R-CLAIM-1": Rule("One active claim per claimant and need; ranked; withdrawn until approval", "004 二(二)2"),
    "R-CLAIM-2": Rule("Each side learns the outcome and the reason", "004 二(二)2"),
    "R-CLAIM-3": Rule("Capacity and eligibility; never excluded by distance", "004 二(二)2, practice"),
    "R-CLAIM-4": Rule("A silent township is reminded twice, then the county may rank", "practice"),
    "R-MATCH-1": Rule("The order of aims", "001 item 16, 004 二(二)2"),
    "R-MATCH-2": Rule("The same input gives the same plan; the seed is drawn after the freeze", "practice"),
    "R-MATCH-3": Rule("A plan that does not cover all proves why", "practice"),
    "R-MATCH-4": Rule("Every pair and every lost claim carries its reason", "004 二(二)2"),
    "R-MATCH-5": Rule("A run is an immutable record; only people approve", "practice"),
    "R-MATCH-6": Rule("Nobody is sent where they did not agree to go (自愿, 双向选择)", "004 二(二)2"),
    "R-MATCH-7": Rule("A run covers the whole round and yields a part per county", "001 item 16"),
    "R-VISIT-1": Rule("What a service record holds", "004 二(二)4"),
    "R-VISIT-2": Rule("A check-in is optional evidence with consent, never a duty", "12号"),
    "R-VISIT-3": Rule("Distance and contradictions are hints for people, never refusals", "12号"),
    "R-VISIT-4": Rule("The strong evidence is the word of the one who was served", "practice"),
    "R-VISIT-5": Rule("A record made without a network is worth the same; sent twice it counts once", "practice"),
    "R-VISIT-6": Rule("Corrections are versions; all stay, linked by digests", "practice"),
    "R-VISIT-7": Rule("Service days: distinct Shanghai days with an accepted record", "004 二(二)5, practice"),
    "R-VISIT-8": Rule("Withdrawn consent and closed accounts remove location and photos not needed", "PIPL 47"),
    "R-VISIT-9": Rule("Submitted, confirmed or disputed, accepted or returned", "practice"),
    "R-ASSESS-1": Rule("Grades, weights and deadlines belong to a versioned scheme", "004 二(二)5"),
    "R-ASSESS-2": Rule("Evidence is assembled, not typed; counters are not the main basis", "004 二(二)5, 12号"),
    "R-ASSESS-3": Rule("Summary, opinions, scoring, grades, publicity, confirmation; review and appeal", "004 二(二)5"),
    "R-ASSESS-4": Rule("The quota of excellent grades over all who were posted", "004 二(二)5, 6号"),
    "R-ASSESS-5": Rule("A tie at the quota's edge is decided by people, with a reason", "practice"),
    "R-ASSESS-6": Rule("No one becomes incompetent by a low counter alone", "practice"),
    "R-ASSESS-7": Rule("Effects and feedback in the word that was decided", "004 二(二)5"),
    "R-ASSESS-8": Rule("The same records and scheme give the same scores; the snapshot is kept", "practice"),
    "R-PUB-1": Rule("A publicity window of working days in the official calendar, never guessed", "practice"),
    "R-PUB-2": Rule("Signed objections are answered before the result takes effect", "004 二(一)"),
    "R-INT-1": Rule("Integrity cases: told apart and decided by people", "004 三.4", later=True),
    "R-CTR-1": Rule("Service centres: application, review, recognition", "000; 001 item 16", later=True),
    "R-CTR-2": Rule("Conditions of a centre that the software checks", "000", later=True),
    "R-CTR-3": Rule("Yearly report and evaluation of a centre", "000", later=True),
    "R-CTR-4": Rule("A centre runs a commissioners' work station", "001 item 16", later=True),
    "R-TRAIN-1": Rule("Trainings and attendance, without ranking of hours", "004 二(三)", later=True),
    "R-RES-1": Rule("Results are registered once", "004 二(三)", later=True),
    "R-VOU-1": Rule("Vouchers with rate, cap and budget", "004 二(三)3, 002 四", later=True),
    "R-REP-1": Rule("Quarterly figures and targets", "002 五(三), 001 三(一), 004 一(三)", later=True),
    "R-REP-2": Rule("One row feeds all exports, with stable columns", "practice"),
    "R-REP-3": Rule("No ranking of people, no login or install statistics", "12号"),
    "R-CMP-1": Rule("A complaint and suggestion box, answered", "12号", later=True),
}
NAMED = re.compile(r"R-[A-Z]+-\d+")


def places(root: Path, rooms: tuple[str, ...]) -> dict[str, list[str]]:
    """Find where rules are named: `path:function` or `path:class`, or the path where a module names it."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for path in (one for room in rooms for one in sorted((root / room).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        owners = _owners(text) if NAMED.search(text) else []
        for number, line in enumerate(text.splitlines(), 1):
            for rule in NAMED.findall(line):
                owner = next((name for first, last, name in owners if first <= number <= last), "")
                shown = path.relative_to(root).as_posix() + (f":{owner}" if owner else "")
                found[rule][shown] = None
    return {rule: list(shown) for rule, shown in found.items()}


def _owners(text: str) -> list[tuple[int, int, str]]:
    """Give the lines of every function and class, the innermost first."""
    kinds = ast.FunctionDef | ast.ClassDef
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    spans = [(_first_line(node), node.end_lineno or node.lineno, node.name) for node in nodes]
    return sorted(spans, key=lambda span: span[1] - span[0])


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def document(root: Path) -> str:
    """Write the whole page.

    :raises LookupError: if the code names a rule that the table does not know.
    """
    code = places(root, ("rules", "models", "service", "web", "wechat"))
    tests = places(root, ("tests",))
    if strangers := sorted((set(code) | set(tests)) - set(RULES)):
        raise LookupError(f"rules without a title in scripts/policy.py: {', '.join(strangers)}")
    lines = ["# Policy: clause → rule → code → test", "", "Sources, by the first digits of their file:", ""]
    lines += [f"- **{key}** {title}" for key, title in DOCUMENTS.items()]
    lines += ["", "*practice*: a rule that comes from how it is done rather than from these documents.", ""]
    bare = [rule for rule, one in RULES.items() if not one.later and rule not in tests]
    lines += ["Rules without a test: " + (", ".join(bare) if bare else "none") + ".", ""]
    lines += ["Built by later issues: " + ", ".join(rule for rule, one in RULES.items() if one.later) + ".", ""]
    for rule, one in RULES.items():
        if not one.later or rule in code:
            lines += [f"## {rule} {one.title}", "", f"Clause: {one.clause}", ""]
            lines += [f"- code: {_listed(code.get(rule, []))}", f"- tests: {_listed(tests.get(rule, []))}", ""]
    return "\n".join(lines)


def _listed(shown: list[str]) -> str:
    return ", ".join(f"`{one}`" for one in shown) or "none"
