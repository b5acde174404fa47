"""Fictional people, needs and texts for the demo, the same for the same seed. Places and codes are passed in."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rules.needs import Form
from rules.records import Kind

PHONE_START = "1990000"  # a block that no operator has handed out, so no demo call reaches anybody
PEOPLE_PHONES, STAFF_PHONES, CONTACT_PHONES = range(5000), range(5000, 7000), range(7000, 10_000)
_FOLDER = Path(__file__).parent
_NARROW = ("茶叶", "果树", "蔬菜", "水稻", "加工", "水产", "药")  # an institute of one of these does nothing else
_KIND_WEIGHTS = {
    Kind.GUIDANCE: 50, Kind.DEMONSTRATION: 15, Kind.TRAINING: 12, Kind.RESEARCH: 8, Kind.TRANSFER: 6,
    Kind.OUTREACH: 6, Kind.OTHER: 3,
}  # fmt: skip


def _table(name: str) -> Any:
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


GOODS: list[dict[str, Any]] = _table("goods")
TROUBLES: list[dict[str, Any]] = _table("troubles")
WORDING: dict[str, Any] = _table("wording")


@dataclass(frozen=True)
class Region:
    """A county, or anything else with a code and a name."""

    code: str
    name: str


@dataclass(frozen=True)
class Township:
    """A township of the roster with its county and villages (code and official name)."""

    code: str
    name: str
    county_code: str
    county_name: str
    villages: tuple[Region, ...] = ()


@dataclass(frozen=True)
class Organisation:
    """A dispatching body; `disciplines` are codes of the specialty catalogue."""

    code: str
    name: str
    kind: str
    disciplines: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoNeed:
    """A need as a township official would post it (R-NEED-1); days count from the day the round opens."""

    township: str
    village: str | None
    title: str
    problem: str
    wanted: str
    specialties: tuple[str, ...]
    industry: str
    form: str
    places: int
    urgency: int
    starts_in_days: int
    ends_in_days: int
    contact: str
    words: Mapping[str, str]
    """The words it was made of, so that later texts speak of the same village, crop and trouble."""


@dataclass(frozen=True)
class DemoPerson:
    """A fictional commissioner."""

    name: str
    title: str
    organisation: str
    specialties: tuple[str, ...]
    phone: str
    bio: str
    nature: str
    field: str
    available: bool


@dataclass(frozen=True)
class DemoStaff:
    """A fictional official: `scope` is a region's code, or an organisation's for a dispatcher."""

    role: str
    name: str
    scope: str
    title: str
    phone: str


@dataclass(frozen=True)
class DemoRecord:
    """The words and figures of one service record (R-VISIT-1)."""

    kind: str
    form: str
    done: str
    next: str
    place_name: str
    counters: Mapping[str, int]


def needs(
    rng: Random, townships: Sequence[Township], specialties: Mapping[str, str], count: int
) -> tuple[DemoNeed, ...]:
    """Make `count` needs, spread evenly over the townships, of what grows there and of troubles that fit it.

    :param specialties: Chinese name by code; codes that the catalogue lacks are left out.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    titles: set[str] = set()
    turn = list(townships)
    rng.shuffle(turn)
    found = []
    for number in range(count):
        town = turn[number % len(turn)]
        good, trouble = _pick(rng, town, seen)
        words = _words(rng, town, good, trouble)
        title = _fresh_title(rng, trouble["titles"], words, titles)
        titles.add(title)
        found.append(_need(rng, town, good, trouble, words, title=title, specialties=specialties))
    return tuple(found)


def _pick(rng: Random, town: Township, seen: Counter[tuple[str, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choose a crop or animal and its trouble: no trouble twice in a township, then whatever was told least so far."""
    choices = [
        (good, trouble)
        for good in GOODS
        if not good["where"] or {town.name, town.county_name} & set(good["where"])
        for trouble in TROUBLES
        if {good["name"], good["family"], "any"} & set(trouble["fits"])
        and (not trouble["where"] or town.name in trouble["where"])
    ]
    rng.shuffle(choices)

    def told(choice: tuple[dict[str, Any], dict[str, Any]]) -> tuple[int, ...]:
        name, title = choice[0]["name"], choice[1]["titles"][0]
        return seen[town.code, title], seen[name, title], seen[town.code, name], seen["", title]

    good, trouble = min(choices, key=told)
    name, title = good["name"], trouble["titles"][0]
    seen.update([(town.code, title), (name, title), (town.code, name), ("", title)])
    return good, trouble


def _words(rng: Random, town: Township, good: Mapping[str, Any], trouble: Mapping[str, Any]) -> dict[str, str]:
    village = rng.choice(town.villages) if town.villages else None
    area = rng.randrange(20, 300) * 10
    unit = WORDING["units"].get(good["family"], "亩")
    named = {key: good[key] for key in ("pest", "disease", "variety", "season", "product", "site", "ware")}
    return {
        **named,
        "good": good["name"],
        "topic": trouble["topic"],
        "town": town.name,
        "town_kind": "街道" if town.name.endswith("街道") else town.name[-1],
        "village": spoken(village.name) if village else town.name,
        "village_code": village.code if village else "",
        "unit": unit,
        "area": str(area),
        "part": str(area * rng.randint(10, 30) // 100),
        "households": str(area // rng.randint(4, 9)),
        "tons": str(rng.randrange(5, 80) * 10),
        "loss": rng.choice(WORDING["losses"]),
        "coop": rng.choice(WORDING["coops"]),
    }


def spoken(village: str) -> str:
    """Shorten a village's official name to what people say: 上山村委会 is 上山村，进东社区居民委员会 is 进东社区."""
    for ending, short in (("社区居民委员会", "社区"), ("村民委员会", "村"), ("村委会", "村"), ("居委会", "社区")):
        if village.endswith(ending):
            return village.removesuffix(ending).removesuffix(short) + short
    return village


def _fresh_title(rng: Random, patterns: Sequence[str], words: Mapping[str, str], used: set[str]) -> str:
    """Take a title nobody used yet, naming the township or the village where the plain one is taken."""
    plain = [pattern.format(**words) for pattern in patterns]
    rng.shuffle(plain)
    placed = [f"{words[place]}{title}" for place in ("town", "village") for title in plain if words[place] not in title]
    tries = [*placed, *plain] if rng.random() < 0.25 else [*plain, *placed]
    return next((title for title in tries if title not in used), tries[0])


def _need(
    rng: Random,
    town: Township,
    good: Mapping[str, Any],
    trouble: Mapping[str, Any],
    words: Mapping[str, str],
    *,
    title: str,
    specialties: Mapping[str, str],
) -> DemoNeed:
    problem = (rng.choice(WORDING["openings"]), trouble["problem"], rng.choice(WORDING["closings"]))
    wanted = (trouble["wanted"], rng.choice(WORDING["extra_wants"]))
    codes = dict.fromkeys([good["codes"][0], *trouble["codes"]])
    starts = rng.randrange(7, 90)
    return DemoNeed(
        township=town.code,
        village=words["village_code"] or None,
        title=title,
        problem="".join(problem).format(**words),
        wanted="".join(wanted).format(**words),
        specialties=tuple(code for code in codes if code in specialties),
        industry=specialties.get(good["industry"], good["name"]),
        form=Form.BOTH if trouble["form"] == Form.ON_SITE and rng.random() < 0.25 else trouble["form"],
        places=rng.choices((1, 2, 3), (75, 20, 5))[0],
        urgency=min(3, max(1, trouble["urgency"] + rng.choice((-1, 0, 0, 0, 1)))),
        starts_in_days=starts,
        ends_in_days=starts + rng.choice((180, 365, 365, 730, 1095)),
        contact=f"{rng.choice(WORDING['contacts'])} {_phone(rng.choice(CONTACT_PHONES))}",
        words=words,
    )


def _phone(number: int) -> str:
    return f"{PHONE_START}{number:04d}"


def _names(rng: Random, count: int) -> list[str]:
    """Throw names together at random, no name twice."""
    found: dict[str, None] = {}
    while len(found) < count:
        parts = (WORDING["surnames"], WORDING["given_first"], WORDING["given_second"])
        found["".join(rng.choice(part) for part in parts)] = None
    return list(found)


def people(
    rng: Random, organisations: Sequence[Organisation], specialties: Iterable[str], count: int
) -> tuple[DemoPerson, ...]:
    """Make `count` fictional commissioners over all organisations, each in a field that its organisation works in.

    :param specialties: the codes that exist; others are left out.
    """
    known = frozenset(specialties)
    told: Counter[str] = Counter()
    turn = list(organisations)
    rng.shuffle(turn)
    phones = rng.sample(PEOPLE_PHONES, count)
    found = []
    for number, name in enumerate(_names(rng, count)):
        organisation = turn[number % len(turn)]
        fields = [profile for profile in WORDING["profiles"] if _works_in(organisation, profile)]
        rng.shuffle(fields)
        profile = min(fields or WORDING["profiles"], key=lambda one: told[one["field"]])
        told[profile["field"]] += 1
        found.append(
            _person(rng, name=name, house=organisation, profile=profile, phone=_phone(phones[number]), known=known)
        )
    return tuple(found)


def _works_in(organisation: Organisation, profile: Mapping[str, Any]) -> bool:
    narrow = [word for word in _NARROW if word in organisation.name]
    if narrow:
        return bool(set(narrow) & set(profile["tags"]))
    if any(tag in organisation.name for tag in profile["tags"]):
        return True
    return any(profile["discipline"].startswith(code) for code in organisation.disciplines)


def _person(
    rng: Random, *, name: str, house: Organisation, profile: Mapping[str, Any], phone: str, known: frozenset[str]
) -> DemoPerson:
    kind = "institute" if house.kind in {"institute", "laboratory"} else "other"
    if profile["discipline"].startswith("D240") and kind == "institute":
        kind = "water"
    elif profile["discipline"] == "D23030":
        kind = "vet"
    bio = rng.choice(WORDING["bios"]) + rng.choice(WORDING["bio_tails"])
    return DemoPerson(
        name=name,
        title=rng.choice(WORDING["titles"][kind]),
        organisation=house.code,
        specialties=tuple(code for code in profile["codes"] if code in known),
        phone=phone,
        bio=bio.format(field=profile["field"], n=rng.randint(2, 6), m=rng.randint(12, 40), years=rng.randint(6, 25)),
        nature="paid" if rng.random() < 0.15 else "public_benefit",
        field=profile["field"],
        available=rng.random() < 0.93,
    )


def staff(
    rng: Random,
    counties: Sequence[Region],
    townships: Sequence[Township],
    organisations: Sequence[Organisation] = (),
) -> tuple[DemoStaff, ...]:
    """Make fictional officials: four at the city, six a county, one a township and a house."""
    city = counties[0].code[:4] + "00"
    posts = [("city", city, 0), ("city", city, 1), ("admin", city, 0), ("auditor", city, 0)]
    for county in counties:
        posts += [("county", county.code, number) for number in range(2)]
        posts += [("county_lead", county.code, 0)]
        posts += [("co_reviewer", county.code, number) for number in range(3)]
    posts += [("township", town.code, rng.randrange(3)) for town in townships]
    posts += [("dispatcher", house.code, rng.randrange(2)) for house in organisations]
    names, phones = _names(rng, len(posts)), rng.sample(STAFF_PHONES, len(posts))
    return tuple(
        DemoStaff(role, name, scope, WORDING["staff_titles"][role][number], _phone(phone))
        for (role, scope, number), name, phone in zip(posts, names, phones, strict=True)
    )


def _phrases(need: DemoNeed, key: str) -> Any:
    """Give the phrases for work in the field, or for work with people and papers, as the need asks."""
    return WORDING[f"office_{key}" if need.words["topic"] in WORDING["office_topics"] else key]


def claim_plan(rng: Random, need: DemoNeed, person: DemoPerson) -> str:
    """Write what a claimant means to do, in the claimant's own words."""
    steps = _phrases(need, "plan_steps")
    chosen = sorted(rng.sample(range(len(steps)), rng.randint(3, 5)))
    numbered = [f"{at}. {steps[step]}" for at, step in enumerate(chosen, 1)]
    text = "\n".join([rng.choice(WORDING["plan_starts"]), *numbered, rng.choice(WORDING["plan_ends"])])
    return text.format(**need.words, field=person.field, title=person.title)


def record_text(rng: Random, need: DemoNeed, n: int) -> DemoRecord:
    """Write the n-th service record of a need (0 is the first visit), with a few optional counters (domain §5)."""
    share_remote = {Form.REMOTE: 0.7, Form.BOTH: 0.3}.get(Form(need.form), 0.08)
    remote = n > 0 and rng.random() < share_remote
    kind = Kind.GUIDANCE if remote or n == 0 else rng.choices(list(_KIND_WEIGHTS), list(_KIND_WEIGHTS.values()))[0]
    done = _phrases(need, "visit_first" if n == 0 else "remote_done" if remote else "visit_done")
    k, heads = rng.randint(2, 12), rng.randrange(18, 90)
    words = {**need.words, "k": str(k), "people": str(heads)}
    return DemoRecord(
        kind=kind,
        form=Form.REMOTE if remote else Form.ON_SITE,
        done=rng.choice(done[kind] if isinstance(done, dict) else done).format(**words),
        next=rng.choice(_phrases(need, "visit_next")).format(**words),
        place_name="" if remote else rng.choice(_phrases(need, "places")).format(**words),
        counters=_counters(rng, kind, n, k, heads),
    )


def _counters(rng: Random, kind: str, n: int, k: int, heads: int) -> dict[str, int]:
    """Fill some counters as people do: often a few, sometimes none."""
    if rng.random() < 0.2:
        return {}
    by_kind: dict[str, dict[str, int]] = {
        Kind.GUIDANCE: {"farmers_helped": k, "problems_solved": rng.randint(0, 2)},
        Kind.DEMONSTRATION: {"new_techniques": 1, "new_varieties": rng.randint(0, 1), "farmers_helped": k},
        Kind.TRAINING: {"trainings_held": 1, "people_trained": heads},
        Kind.RESEARCH: {"new_techniques": rng.randint(0, 1)},
        Kind.TRANSFER: {
            "results_introduced": 1, "enterprises_served": rng.randint(1, 2),
            "funds_brought_fen": rng.randint(0, 20) * 1_000_000,
        },
        Kind.OUTREACH: {"people_trained": heads},
    }  # fmt: skip
    income = {"income_gained_fen": rng.randint(2, 60) * 100_000} if n >= 4 and rng.random() < 0.3 else {}
    return {name: value for name, value in {**by_kind.get(kind, {}), **income}.items() if value}


def summary_text(rng: Random, need: DemoNeed) -> str:
    """Write a commissioner's summary of the year for the assessment (R-ASSESS-3)."""
    parts = rng.sample(_phrases(need, "summary_parts"), rng.randint(3, 5))
    text = "".join([rng.choice(WORDING["summaries"]), *parts, rng.choice(WORDING["summary_ends"])])
    return text.format(**need.words, k=rng.randint(3, 8), n=rng.randint(1, 3), people=rng.randrange(40, 300, 5))


def opinion_text(rng: Random, role: str, need: DemoNeed) -> str:
    """Write the opinion of the host (`township`), a co-reviewing department or the dispatcher on a year's service.

    :raises KeyError: for any other role.
    """
    return str(rng.choice(WORDING["opinions"][role])).format(**need.words)


def decline_reason(rng: Random, need: DemoNeed) -> str:
    """Write why a township declines a claim: about the fit, never about the person."""
    return str(rng.choice(WORDING["declines"])).format(**need.words)
