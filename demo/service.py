"""Last year's work in the demo: service records of its pairings, and the assessment that graded them."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from demo import content
from demo.rounds import Teller
from models.assessments import Assessment, Scheme, Sheet
from models.base import new_id
from models.pairings import Pairing
from models.publicity import Publicity
from models.regions import Region
from rules.calendar import SHANGHAI
from rules.schemes import read_scheme
from service.assessments import commands as assessments
from service.assessments import sheets
from service.core.unit import UnitOfWork
from service.identity import commands as identity
from service.records import commands as records
from service.records import confirmations
from service.records.arrivals import DeviceForm, PointForm, RecordForm

RECORDS_EACH = 10
CONFIRMED = 0.85


def records_of(told: Teller, year: int) -> None:
    """Let everybody of last year's pairings serve about ten times, the townships confirm, the counties accept."""
    stage, rng = told.stage, told.rng
    found = stage.read(_pairings, told.round)
    for pairing in found:
        if rng.random() < 0.7:
            stage.do(pairing.person_id, identity.consent, "location", "2026-11", given=True)
    begins = max(pairing.starts_on for pairing in found)
    span = (datetime(year, 12, 20).date() - begins).days  # noqa: DTZ001  (a plain date)
    for visit in range(RECORDS_EACH):
        for number, pairing in enumerate(found):
            if (visit + number) % 9 == 8:  # nobody comes out equally often
                continue
            day = begins + timedelta(days=2 + visit * span // RECORDS_EACH + number % 17)
            _visit(told, pairing, datetime(day.year, day.month, day.day, 8 + number % 3, 30, tzinfo=SHANGHAI), visit)


def _visit(told: Teller, pairing: Pairing, start: datetime, visit: int) -> None:
    """Serve, have it confirmed by most townships, and accepted by the county."""
    stage = told.stage
    record = serve(told, pairing, start, visit)
    stage.at(stage.clock.moment + timedelta(hours=20))
    confirmed = told.rng.random() < CONFIRMED
    if confirmed:
        stage.do(told.cast.township[pairing.township_code], confirmations.confirm, record, told.rng.choice((4, 5, 5)))
    stage.at(stage.clock.moment + timedelta(days=1))
    county = told.cast.county[told.county_of(pairing.township_code)]
    stage.do(county, records.accept, record, None if confirmed else "电话核实，服务情况属实")


def serve(told: Teller, pairing: Pairing, start: datetime, visit: int) -> UUID:
    """Serve once and send the record in within about a day; gives the record."""
    stage, rng = told.stage, told.rng
    said = content.record_text(rng, told.words_of[pairing.need_id], visit)
    end = start + timedelta(hours=rng.randint(2, 7), minutes=rng.choice((0, 15, 40)))
    stage.at(end + timedelta(hours=rng.choice((1, 3, 30))))
    form = RecordForm(
        id=new_id(),
        pairing_id=pairing.id,
        started_at=start,
        ended_at=end,
        form=said.form,
        kind=said.kind,
        place_name=said.place_name,
        done=said.done,
        next=said.next,
        counters=said.counters,
        check_in=_point(told, pairing, start) if said.form == "on_site" else None,
        device=DeviceForm(id="demo-phone", seq=visit + 1, made_at=end),
    )
    record: UUID = stage.do(pairing.person_id, records.post, form).id
    return record


def _point(told: Teller, pairing: Pairing, when: datetime) -> PointForm:
    seat: Region = told.stage.read(_region, pairing.township_code)
    near = (told.rng.uniform(-0.01, 0.01), told.rng.uniform(-0.01, 0.01))
    return PointForm(
        lat=(seat.lat or 23.5) + near[0],
        lon=(seat.lon or 116.2) + near[1],
        datum="wgs84",
        accuracy_m=told.rng.randint(8, 60),
        source="precise",
        taken_at=when + timedelta(minutes=20),
    )


def assessment(told: Teller, year: int, until: datetime) -> None:
    """Assess last year in every county, from the sheets to confirmed grades."""
    stage, cast = told.stage, told.cast
    start = datetime(year + 1, 1, 5, 9, tzinfo=SHANGHAI)
    scheme: UUID = stage.read(_scheme)
    made = []
    for county in cast.county:
        stage.at(start)
        form = assessments.NewAssessment(year=year, county=county, scheme=scheme)
        made.append((county, UUID(str(stage.do(cast.city, assessments.create, form)["id"]))))
    for county, one in made:
        stage.at(start + timedelta(days=1))
        stage.do(cast.county[county], assessments.assemble, one)
        for place, sheet in enumerate(stage.read(_sheets, one)):
            _fill_in(told, sheet, county, start, place)
        stage.at(start + timedelta(days=6))
        stage.do(cast.county[county], assessments.propose, one)
        _decide(told, county, one)
        stage.do(cast.lead[county], assessments.approve, one)
    for county, one in made:
        window: Publicity = stage.read(_window, one)
        if window.ends_at is None or window.ends_at > until:
            raise LookupError("last year's assessment would end after now")
        stage.at(window.ends_at + timedelta(hours=10))
        stage.do(cast.lead[county], assessments.confirm, one)


def _fill_in(told: Teller, sheet: Sheet, county: str, start: datetime, place: int) -> None:
    stage, rng, cast = told.stage, told.rng, told.cast
    words = told.words_of[told.stage.read(_need_of, sheet.person_id, told.round)]
    stage.at(start + timedelta(days=2))
    stage.do(sheet.person_id, sheets.edit, sheet.id, summary=content.summary_text(rng, words), if_match=None)
    stage.do(sheet.person_id, sheets.hand_in, sheet.id)
    stage.at(start + timedelta(days=4))
    speakers = [("township", cast.township[sheet.township_code or ""])]
    speakers += [("co_reviewer", one) for one in cast.co_reviewers[county][:2]]
    for role, person in speakers:
        form = sheets.OpinionForm(
            role, "competent" if place % 5 else "excellent", content.opinion_text(rng, role, words)
        )
        stage.do(person, sheets.give_opinion, sheet.id, form)
    scores = {}
    for item, points in stage.read(_items, sheet.id):
        share = 0.97 - 0.05 * (place % 7) - rng.choice((0, 0.02, 0.04))
        scores[item] = sheets.Score(int(points * share) // 50 * 50, "依据服务记录与各方意见评定")
    stage.at(start + timedelta(days=5))
    stage.do(cast.county[county], sheets.score, sheet.id, scores, if_match=None)


def _decide(told: Teller, county: str, one: UUID) -> None:
    """Let people decide what the rules leave open: ties, and whoever is below the mark."""
    for sheet in told.stage.read(_sheets, one):
        if sheet.proposed_grade is None or sheet.proposed_grade not in {"excellent", "competent", "incompetent"}:
            form = sheets.GradeForm("competent", "集体研究：同分者中优先考虑服务天数，本次定为称职", heard=True)
            told.stage.do(told.cast.county[county], sheets.grade, sheet.id, form)


# ---- what is looked up ----


def _pairings(uow: UnitOfWork, round_id: UUID) -> list[Pairing]:
    mine = sa.select(Pairing).where(Pairing.round_id == round_id).order_by(Pairing.county_code, Pairing.id)
    return list(uow.session.scalars(mine.options(selectinload(Pairing.people))))


def _region(uow: UnitOfWork, code: str) -> Region:
    return uow.session.get_one(Region, code)


def _scheme(uow: UnitOfWork) -> UUID:
    return uow.session.scalars(sa.select(Scheme.id).order_by(Scheme.number.desc())).first() or UUID(int=0)


def _sheets(uow: UnitOfWork, one: UUID) -> list[Sheet]:
    return list(uow.session.scalars(sa.select(Sheet).where(Sheet.assessment_id == one).order_by(Sheet.id)))


def _items(uow: UnitOfWork, sheet_id: UUID) -> list[tuple[str, int]]:
    sheet = uow.session.get_one(Sheet, sheet_id)
    scheme = read_scheme(
        uow.session.get_one(Scheme, uow.session.get_one(Assessment, sheet.assessment_id).scheme_id).body
    )
    return [(code, item.max_hundredths) for code, item in scheme.items_of(sheet.nature).items()]


def _need_of(uow: UnitOfWork, person: UUID, round_id: UUID) -> UUID:
    mine = sa.select(Pairing.need_id).where(Pairing.person_id == person, Pairing.round_id == round_id)
    return uow.session.scalars(mine).one()


def _window(uow: UnitOfWork, one: UUID) -> Publicity:
    return uow.session.scalars(sa.select(Publicity).where(Publicity.subject_id == one)).one()
