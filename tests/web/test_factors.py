"""The second factor: authenticator codes, passkeys, recovery codes, tries, step-up (quality.md §5, bars 23 to 25)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

import wsgi
from models.identity import Brake, ConsoleCode, Factor, Session
from tests.authenticator import Authenticator
from tests.web.desk import a_plan
from tests.web.door import BASE, at_the_door, enrol_passkey, enrol_totp, inside, options, production
from tests.web.pages import Shown, Visitor
from tests.world import World

FACTOR = "/console/factor"


def give(visitor: Visitor, **typed: str) -> Shown:
    return visitor.send(visitor.get(FACTOR), FACTOR, **typed)


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(datetime.now(UTC), counter_offset=steps)


def the_last_code(world: World, secret: str) -> str:
    """The code that was taken last, whatever time step it is by now."""
    with world.house.engine.connect() as connection:
        return pyotp.TOTP(secret).generate_otp(connection.execute(sa.select(Factor.counter)).scalar_one())


def forget_the_last_code(world: World) -> None:
    """As if the time step of enrolling were long past."""
    with world.house.engine.begin() as connection:
        connection.execute(sa.update(Factor).values(counter=0))


def test_a_code_of_the_authenticator_opens_once(world: World) -> None:
    """Bar 23: the same code again, in another login or on another worker, is refused."""
    secret, _ = enrol_totp(at_the_door(world, "county"))
    used = at_the_door(world, "county")
    assert give(used, code=the_last_code(world, secret)).status == 422
    forget_the_last_code(world)
    now = code(secret)
    assert give(used, code=now).status == 303
    assert inside(used)
    assert give(at_the_door(world, "county"), code=now).status == 422


def test_the_same_code_at_the_same_time_opens_one_door(world: World) -> None:
    """Bar 23 for a race: eight doors, one code, one opens."""
    secret, _ = enrol_totp(at_the_door(world, "county"))
    forget_the_last_code(world)
    doors = [at_the_door(world, "county") for _ in range(4)]
    pages = [door.get(FACTOR) for door in doors]
    now, statuses = code(secret), []
    threads = [
        Thread(target=lambda d=door, p=page: statuses.append(d.send(p, FACTOR, code=now).status))
        for door, page in zip(doors, pages, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 422, 422, 422]


def test_a_passkey_is_enrolled_and_opens(world: World) -> None:
    """WebAuthn with a software authenticator: a challenge of the server's, our host, our origin, once."""
    key = enrol_passkey(at_the_door(world, "county"))
    visitor = at_the_door(world, "county")
    answer = key.get(options(visitor.get(FACTOR), "get"))
    other = at_the_door(world, "county")
    assert give(other, credential=answer).status == 422
    assert give(visitor, credential=answer).status == 303
    assert inside(visitor)
    assert give(visitor, credential=answer).status == 422


def test_a_passkey_that_counts_back_is_a_copy(world: World) -> None:
    """Bar 23: clone counter regression refused, and an equal count as well."""
    key = enrol_passkey(at_the_door(world, "county"), count=7)
    for count, status in ((6, 422), (5, 422), (7, 303), (7, 422)):
        visitor = at_the_door(world, "county")
        key.count = count
        assert give(visitor, credential=key.get(options(visitor.get(FACTOR), "get"))).status == status, count


@pytest.mark.parametrize("wrong", ["origin", "key", "host", "challenge"])
def test_a_passkeys_answer_to_another_question_is_refused(world: World, wrong: str) -> None:
    """Phishing site, another key, another host, an invented challenge."""
    key = enrol_passkey(at_the_door(world, "county"))
    visitor = at_the_door(world, "county")
    asked = options(visitor.get(FACTOR), "get")
    if wrong == "origin":
        key.origin = "http://localhost.evil.example"
    elif wrong == "key":
        key.key = Authenticator().key
    elif wrong == "host":
        asked = asked.replace('"localhost"', '"evil.example"')
    else:
        challenge = asked.split('"challenge": "')[1].split('"')[0]
        asked = asked.replace(challenge, challenge[::-1])
    assert give(visitor, credential=key.get(asked)).status == 422
    assert not inside(visitor)


def test_somebody_elses_passkey_opens_nothing(world: World) -> None:
    mine = enrol_passkey(at_the_door(world, "county"))
    enrol_passkey(at_the_door(world, "lead"))
    visitor = at_the_door(world, "lead")
    own = options(visitor.get(FACTOR), "get")
    forged = own.replace(own.split('"id": "')[1].split('"')[0], mine_id(mine))
    assert give(visitor, credential=mine.get(forged)).status == 422


def mine_id(key: Authenticator) -> str:
    from webauthn.helpers import bytes_to_base64url

    return bytes_to_base64url(key.id)


EMPTY = '{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}'
JUNK = ("{}", "[]", "null", '"x"', '{"id":1}', "é" * 50, "{" * 500, '{"id":"AA","rawId":"AA","type":"public-key"}',
        '{"id":"AA","rawId":"AA","type":"public-key","response":' + EMPTY + "}")  # fmt: skip


def test_junk_for_a_passkey_is_refused_kindly(world: World) -> None:
    """Never a 500, neither at enrolling nor at giving."""
    visitor = at_the_door(world, "county")
    page = visitor.get("/console/factors")
    for junk in JUNK:
        assert visitor.send(page, "/factors/passkey", credential=junk).status == 422, junk
    enrol_passkey(visitor)
    for junk in JUNK:
        with world.house.engine.begin() as connection:
            connection.execute(sa.delete(Brake))
        assert give(at_the_door(world, "county"), code="", credential=junk).status == 422, junk


def test_ten_recovery_codes_open_once_each_and_are_kept_as_digests(world: World) -> None:
    """Bar 23: shown once, 120 bits, single use; new ones end the old ones."""
    first = at_the_door(world, "county")
    _, codes = enrol_totp(first)
    assert len(set(codes)) == 10
    assert codes[0] not in first.get("/console/factors").html
    with world.house.engine.connect() as connection:
        kept = str(connection.execute(sa.select(ConsoleCode.__table__)).all())
    assert not [one for one in codes if one.replace("-", "") in kept]
    visitor = at_the_door(world, "county")
    assert give(visitor, code=codes[0].lower()).status == 303
    assert "还剩 9 个" in visitor.get("/console/factors").html
    assert give(at_the_door(world, "county"), code=codes[0]).status == 422
    assert visitor.send(visitor.get("/console/factors"), "/factors/codes").status == 303
    assert give(at_the_door(world, "county"), code=codes[1]).status == 422
    enrol_totp(at_the_door(world, "lead"))
    assert give(at_the_door(world, "lead"), code=codes[2]).status == 422


def test_at_the_door_with_a_factor_nothing_else_opens(world: World) -> None:
    """ASVS 6.3.3: before the factor only its page; no new factor without an old one."""
    enrol_totp(at_the_door(world, "county"))
    visitor = at_the_door(world, "county")
    csrf = visitor.get(FACTOR).read.form(FACTOR).fields["csrf"]
    assert visitor.get("/console/factors").status == 403
    for path, sent in (
        ("/console/factors/totp", {}),
        ("/console/factors/totp/confirm", {"code": "123456"}),
        ("/console/factors/passkey", {"credential": "{}"}),
        ("/console/factors/codes", {}),
        ("/console/factors/remove", {"factor": "0" * 32}),
    ):
        assert visitor.post(path, {"csrf": csrf, **sent}).status == 403, path
    assert visitor.post("/console/needs/approve", {"csrf": csrf}).status == 401
    assert visitor.get("/console/").location == "/console/factor?next=%2Fconsole%2F"


def test_a_step_before_the_factor_ends_after_ten_minutes(world: World) -> None:
    enrol_totp(at_the_door(world, "county"))
    visitor = at_the_door(world, "county")
    assert visitor.get(FACTOR).status == 200
    world.at(world.house.clock.now() + timedelta(minutes=10))
    assert visitor.get(FACTOR).status == 303


def test_the_token_changes_with_the_factor(world: World) -> None:
    """ASVS 7.2.4: what the half session carried opens nothing afterwards."""
    visitor = at_the_door(world, "county")
    before = visitor.client.get_cookie("tepai")
    enrol_totp(visitor)
    after = visitor.client.get_cookie("tepai")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    old = Visitor(world)
    old.client.set_cookie("tepai", before.value)
    assert not inside(old)


@pytest.fixture
def second_worker(world: World) -> Iterator[Flask]:
    """Another process of the same application: a house of its own on the same database."""
    house = wsgi.make_house(world.house.settings)
    yield wsgi.create_app(house)
    house.close()


def test_five_tries_then_a_growing_wait_on_both_workers_together(world: World, second_worker: Flask) -> None:
    """Bar 25: exactly the documented tries, wherever they arrive; the right code in time still counts as a try."""
    secret, _ = enrol_totp(at_the_door(world, "county"))
    forget_the_last_code(world)
    one, two = at_the_door(world, "county"), at_the_door(world, "county")
    two.client = second_worker.test_client()
    cookie = at_the_door(world, "county").client.get_cookie("tepai")
    assert cookie is not None
    two.client.set_cookie("tepai", cookie.value)
    statuses = [give(visitor, code="000000").status for visitor in (one, two, one, two, one, two, one)]
    assert statuses == [422] * 5 + [429] * 2
    refused = two.post(
        FACTOR, two.get(FACTOR).read.form(FACTOR).fields | {"code": code(secret)}, X_Forwarded_For="9.9.9.9"
    )
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 31
    waits = []
    for _ in range(3):
        pass_the_wait(world)
        assert give(one, code="000000").status == 422
        waits.append(int(give(one, code="000000").headers["Retry-After"]))
    assert [round(one, -1) for one in waits] == [60, 120, 240]
    pass_the_wait(world)
    assert give(one, code=code(secret)).status == 303
    with world.house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Brake)) == 0


def pass_the_wait(world: World) -> None:
    """As if the wait were over; it is on real time."""
    with world.house.engine.begin() as connection:
        connection.execute(sa.update(Brake).values(next_at=datetime.now(UTC)))


def test_one_of_several_factors_can_go_and_the_last_cannot(world: World) -> None:
    visitor = at_the_door(world, "county")
    enrol_totp(visitor)
    enrol_passkey(visitor)
    page = visitor.get("/console/factors")
    keys = [value for one in page.read.forms for name, value in one.boxes if name == "factor"]
    assert len(keys) == 2
    assert visitor.send(page, "/factors/remove", factor=keys[0]).status == 303
    last = visitor.send(page, "/factors/remove", factor=keys[1])
    assert (last.status, "至少保留一种" in last.html) == (409, True)


def test_outside_development_what_matters_asks_for_a_fresh_factor(world: World) -> None:
    """Bar 24: approving a plan eleven minutes after the factor is a 403 with a way to give it; then it goes through."""
    plan = a_plan(world)
    with production(world):
        visitor = at_the_door(world, "lead", BASE)
        secret, _ = enrol_totp(visitor)
        page = visitor.get(f"/console/plans/{plan}")
        make_factors_old(world)
        refused = visitor.send(page, "/approve")
        assert (refused.status, "去验证" in refused.html) == (403, True)
        assert give(visitor, code=code(secret), next=f"/console/plans/{plan}").location == f"/console/plans/{plan}"
        assert visitor.send(visitor.get(f"/console/plans/{plan}"), "/approve").status == 303


def make_factors_old(world: World) -> None:
    """As if every factor had been given eleven minutes ago; outside development no clock can be moved."""
    with world.house.engine.begin() as connection:
        then = datetime.now(UTC) - timedelta(minutes=11)
        connection.execute(sa.update(Session).values(factor_at=then))
        connection.execute(sa.update(Factor).values(counter=0))
