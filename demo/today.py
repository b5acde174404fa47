"""What waits at each desk on the day the demo starts: everyday needs and service records in every state."""

from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from demo import content, service
from demo.rounds import Teller, form_of
from models.pairings import Pairing
from rules.claims import fit
from service import schedule
from service.claims import claimants
from service.claims import commands as claims
from service.core.unit import UnitOfWork
from service.identity import commands as identity
from service.identity import roles
from service.needs import commands as needs
from service.records import commands as records
from service.records import confirmations

EACH_COUNTY, CLAIMS_EACH = 5, 2
NEED_STATES = ("submitted", "returned", "open", "submitted", "draft")
RECORD_STATES = ("submitted", "confirmed", "submitted", "returned", "disputed", "accepted")


def desks(told: Teller, city: str, now: datetime) -> None:
    """Leave something to do for townships, commissioners, every county and the administrators."""
    for number, county in enumerate(told.cast.county):
        _everyday_needs(told, county, now - timedelta(days=4, hours=number))
        _recent_records(told, county, now - timedelta(days=6))
    _doubted_need(told, now - timedelta(days=1))
    _newcomer(told, city, now - timedelta(days=1))


def _everyday_needs(told: Teller, county: str, start: datetime) -> None:
    """Post needs that wait for no round: some wait for the county, one stands on the board with claims."""
    stage, cast = told.stage, told.cast
    where = [one for one in told.places.townships if one.county_code == county]
    where = told.rng.sample(where, min(EACH_COUNTY, len(where)))
    found = content.needs(told.rng, where, told.places.specialties, len(where))
    for number, (one, state) in enumerate(zip(found, cycle(NEED_STATES), strict=False)):
        stage.at(start + timedelta(minutes=25 * number))
        clerk = cast.township[one.township]
        need = stage.do(clerk, needs.create, form_of(one, start, None)).id
        if state != "draft":
            stage.do(clerk, needs.submit, need)
            schedule.run(stage.house, "check_content")
        if state == "returned":
            stage.do(cast.county[county], needs.return_, need, "请写明受灾面积和希望专家到场的时间")
        if state == "open":
            stage.do(cast.county[county], needs.approve, need)
            _claim(told, need, one)


def _doubted_need(told: Teller, moment: datetime) -> None:
    """Post a need whose words WeChat doubts: its county approved it, but the content waits for a person."""
    stage, (township, clerk) = told.stage, next(iter(told.cast.township.items()))
    stage.at(moment)
    form = needs.NeedForm(
        township=township,
        title="甘薯脱毒种苗引进与示范",
        problem="本地甘薯连年自留种，种苗退化，亩产逐年下降，农户想换脱毒苗。有种苗的单位请加微信详谈。",
        wanted="引进脱毒甘薯品种两三个，建十亩示范田，教会农户自己繁苗。",
        specialties=("A0123",),
        industry="薯类",
        contact="农办 19900007001",
    )
    need = stage.do(clerk, needs.create, form).id
    stage.do(clerk, needs.submit, need)
    schedule.run(stage.house, "check_content")
    stage.do(told.cast.county[told.county_of(township)], needs.approve, need)


def _claim(told: Teller, need: UUID, words: content.DemoNeed) -> None:
    tree = told.stage.read(claimants.tree)
    teamed = told.teamed()
    able = [one for one in told.cast.commissioners if one[1].available and one[0] not in told.busy | teamed]
    able = [one for one in able if fit(one[1].specialties, words.specialties, tree) > 0]
    able.sort(key=lambda one: -fit(one[1].specialties, words.specialties, tree))
    for person, who in able[:CLAIMS_EACH]:
        form = claims.ClaimForm(plan=content.claim_plan(told.rng, words, who), preference=1, team_id=None)
        told.stage.do(person, claims.claim, need, form)


def _recent_records(told: Teller, county: str, start: datetime) -> None:
    """Let last year's pairings, which go on, serve once more: some wait for the township, some for the county."""
    stage, office = told.stage, told.cast.county[county]
    going_on = [one for one in stage.read(_going_on) if told.county_of(one.township_code) == county]
    for number, (pairing, state) in enumerate(zip(going_on, cycle(RECORD_STATES), strict=False)):
        visit = start + timedelta(hours=24 * (number % 3), minutes=number)
        record = service.serve(told, pairing, visit, service.RECORDS_EACH)
        clerk = told.cast.township[pairing.township_code]
        if state in {"confirmed", "accepted"}:
            stage.do(clerk, confirmations.confirm, record, 5)
        if state == "disputed":
            stage.do(clerk, confirmations.dispute, record, "当天来过，但时长写多了，请核对")
        if state == "returned":
            stage.do(office, records.return_, record, "请补充服务对象和用药建议")
        if state == "accepted":
            stage.do(office, records.accept, record)


def _newcomer(told: Teller, city: str, moment: datetime) -> None:
    """Register somebody whose role waits for the second administrator."""
    told.stage.at(moment)
    first, _ = told.cast.admins
    form = identity.NewPerson(name="新晓禾", phone="19900008888", title="农艺师", region=city)
    person = told.stage.do(first, identity.register, form).id
    told.stage.do(first, roles.grant, roles.NewGrant(person=person, role="commissioner", region=city))


def _going_on(uow: UnitOfWork) -> list[Pairing]:
    mine = sa.select(Pairing).where(Pairing.state == "active").order_by(Pairing.county_code, Pairing.id)
    return list(uow.session.scalars(mine.options(selectinload(Pairing.people))))
