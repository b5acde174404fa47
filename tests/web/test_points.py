"""How long a position is kept, and who sees it (R-VISIT-2, R-VISIT-8, quality.md bar 36)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models.records import Flag, Record, RecordVersion
from rules.policy import POINT_KEPT_DAYS
from service import schedule
from service.core.unit import SYSTEM
from tests.make import a_pairing, a_record
from tests.web.test_records import NOW, VISIT, a_point, codes, consent, seat
from tests.world import World


@pytest.fixture
def field(world: World) -> World:
    """A world at a fixed afternoon, in which one commissioner lets their position be used."""
    world.at(NOW)
    consent(world)
    return world


def test_a_point_goes_to_the_second_when_its_time_is_over(field: World) -> None:
    """Bar 36: exact at the boundary; the flag that rests on it goes with it, the record and its day stay."""
    lat, lon = seat(field)
    pairing = a_pairing(field)
    bodies = [a_record(pairing, VISIT + timedelta(hours=n), 1, check_in=a_point(lat, lon - 0.1)) for n in range(2)]
    made = [field.as_("chen").ok("POST", "/records", body) for body in bodies]
    assert [codes(one) for one in made] == [["far"], ["far"]]
    over = VISIT + timedelta(hours=1, days=POINT_KEPT_DAYS)

    def left() -> tuple[int, int, int]:
        assert not schedule.run(field.house, "drop_old_locations").failed
        counts = (
            sa.select(sa.func.count()).where(Record.check_in.is_not(None)),
            sa.select(sa.func.count()).where(RecordVersion.check_in.is_not(None)),
            sa.select(sa.func.count(Flag.id)),
        )
        with field.house.read(SYSTEM) as uow:
            found = [uow.session.scalar(one) or 0 for one in counts]
        return found[0], found[1], found[2]

    field.at(over - timedelta(seconds=1))
    assert left() == (2, 2, 2)
    field.at(over)
    assert left() == (1, 1, 1)
    shown = field.as_("chen").get(f"/records/{made[0]['id']}")
    assert (shown["check_in"], shown["distance_m"], shown["flags"], shown["state"]) == (None, None, [], "submitted")


EVERYBODY = ("chen", "li", "zhao", "township", "didu", "county", "lead", "co_reviewer", "city", "auditor", "admin",
             "dispatcher", "other_county", "other_lead", "other_township")  # fmt: skip


def test_a_position_is_shown_to_the_person_and_to_the_reviewers_of_the_record_alone(field: World) -> None:
    """R-VISIT-2: every role's view of one record; whoever sees it without being concerned sees no position."""
    lat, lon = seat(field)
    body = a_record(a_pairing(field), VISIT, check_in=a_point(lat, lon), companions=[field.as_("li").id])
    path = f"/records/{field.as_('chen').ok('POST', '/records', body)['id']}"
    views = {}
    for who in EVERYBODY:
        shown = field.as_(who).get(path)
        views[who] = shown["check_in"] is not None if shown.status == 200 else shown.status
        assert (str(round(lat, 4)) in shown.content.decode()) is (views[who] is True), who
    assert views == {
        **dict.fromkeys(("chen", "county", "lead", "city", "auditor"), True),
        **dict.fromkeys(("li", "township"), False),
        **dict.fromkeys(("zhao", "didu", "other_county", "other_lead", "other_township"), 404),
        **dict.fromkeys(("co_reviewer", "admin", "dispatcher"), 403),
    }
