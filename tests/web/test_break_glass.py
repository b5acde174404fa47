"""The host's emergency code and the reset of lost factors: rare, short, once, and never unseen (quality.md §5)."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.identity import ConsoleCode
from models.journal import JournalEntry
from tests.web.door import at_the_door, enrol_totp, inside
from tests.web.pages import Visitor
from tests.world import World

CODE = "/console/login/code"


def host(world: World, *words: str) -> Any:
    return world.app.test_cli_runner().invoke(args=["people", *words])


def issued(world: World, name: str = "管正平") -> str:
    made = host(world, "break-glass", name)
    assert made.exit_code == 0, made.output
    return str(json.loads(made.output)["code"])


def use(world: World, code: str) -> Visitor:
    visitor = Visitor(world)
    visitor.send(visitor.get("/console/login"), CODE, code=code)
    return visitor


def actions(world: World) -> list[str]:
    with world.house.engine.connect() as connection:
        return list(connection.scalars(sa.select(JournalEntry.action).order_by(JournalEntry.id)))


def test_an_administrator_enters_once_and_everybody_who_should_knows(world: World) -> None:
    """No WeChat, no factor: one code, one session; the journal has both acts, both administrators read of both."""
    code = issued(world)
    visitor = use(world, code)
    assert inside(visitor)
    assert "系统管理员 揭阳市" in visitor.get("/console/").html
    assert not inside(use(world, code))
    assert {"person.break_glass", "person.enter_by_glass"} <= set(actions(world))
    world.run_jobs()
    for key in ("admin", "admin2"):
        titles = [one["title"] for one in world.as_(key).ok("GET", "/me/messages")["items"]]
        assert {"应急口令已签发", "应急口令已使用"} <= set(titles), key
    assert "应急口令已签发" not in str(world.as_("county").ok("GET", "/me/messages").json)


def test_the_code_is_short_lived_replaced_and_kept_as_a_digest(world: World) -> None:
    first, second = issued(world), issued(world)
    assert not inside(use(world, first))
    with world.house.engine.connect() as connection:
        kept = str(connection.execute(sa.select(ConsoleCode.__table__)).all())
    assert second.replace("-", "") not in kept
    world.at(world.house.clock.now() + timedelta(minutes=15))
    assert not inside(use(world, second))
    assert (
        "口令不正确、已过期或已用过" in Visitor(world).send(Visitor(world).get("/console/login"), CODE, code="X").html
    )


def test_a_code_opens_nothing_for_who_is_no_administrator_any_more(world: World) -> None:
    code = issued(world, "管思明")
    grants = world.as_("admin").get("/roles", limit=100)["items"]
    grant = next(one for one in grants if one["person_name"] == "管思明")
    ended = world.as_("admin").post(f"/roles/{grant['id']}/end", {"reason": "调岗"})
    assert ended.status == 200, ended
    assert not inside(use(world, code))


@pytest.mark.parametrize("who", ["金榕生", "查无此人", "00000000-0000-0000-0000-000000000000"])
def test_the_host_lets_nobody_in_but_administrators(world: World, who: str) -> None:
    refused = host(world, "break-glass", who)
    assert (refused.exit_code, "没有这位在任的系统管理员" in refused.output) == (1, True)


def test_it_cannot_be_silenced(world: World) -> None:
    """If the journal cannot be written there is no code: both are one transaction. And no option hides it."""
    assert "--quiet" not in host(world, "break-glass", "--help").output
    with world.house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE journal RENAME TO away"))
    assert host(world, "break-glass", "管正平").exit_code != 0
    with world.house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO journal"))
        assert connection.scalar(sa.select(sa.func.count()).select_from(ConsoleCode)) == 0


def test_lost_factors_are_reset_on_the_host_and_their_owner_is_told(world: World) -> None:
    """Open consoles end, the next scan leads to enrolling again."""
    visitor = at_the_door(world, "county")
    enrol_totp(visitor)
    assert host(world, "reset-factors", "金榕生").exit_code == 0
    assert not inside(visitor)
    again = at_the_door(world, "county")
    assert "请先登记一种第二重验证方式" in again.get("/console/factors").html
    world.run_jobs()
    titles = [one["title"] for one in world.as_("county").ok("GET", "/me/messages")["items"]]
    assert "工作台验证方式已重置" in titles
    assert host(world, "reset-factors", "查无此人").exit_code == 1


def test_guessing_codes_is_limited_by_address(world: World) -> None:
    """Twenty an hour from one address, whatever it calls itself."""
    visitor = Visitor(world)
    page = visitor.get("/console/login")
    statuses = [visitor.send(page, CODE, code=f"GUESS{n}").status for n in range(21)]
    assert statuses == [422] * 20 + [429]
