"""Binding a WeChat user to a person: visitor, claimed, bound, suspended, retired, and bound anew (quality.md §5)."""

import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from PIL import Image

from models.identity import Binding, Invitation, Session, WechatAccount
from models.journal import JournalEntry
from rules.access import APPROVALS
from rules.states import MACHINES
from service.core.settings import BadSettings, Settings
from service.core.unit import SYSTEM
from tests.cast import CITY, PAOTAI, RONGCHENG
from tests.make import a_need
from tests.world import Answer, Caller, World, new_id
from wechat.sandbox.settings import STRANGERS, Phone

A, B, C = STRANGERS[:3]


def at_once(*acts: Callable[[], Answer]) -> list[Answer]:
    """Do all of it at the same moment, each in a thread of its own."""
    start, answers = Barrier(len(acts)), []

    def run(act: Callable[[], Answer]) -> None:
        start.wait()
        answers.append(act())

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return answers


def statuses(answers: Sequence[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


def login_code(world: World, phone: Phone) -> str:
    code: str = world.sandbox.post(f"/sandbox/phones/{phone.openid}/login")["code"]
    return code


def login(world: World, phone: Phone) -> Caller:
    answer = world.anyone().ok("POST", "/auth/wechat", {"code": login_code(world, phone)})
    return Caller(world.app, answer["token"], answer["person"])


def phone_code(world: World, phone: Phone) -> str:
    code: str = world.sandbox.post(f"/sandbox/phones/{phone.openid}/phone-code")["code"]
    return code


def a_person(world: World, role: str | None = "township", phone: str | None = None) -> str:
    """Somebody registered with a role that a second person approved."""
    admin = world.as_("admin")
    person: str = admin.ok("POST", "/people", {"name": "新来的", "phone": phone})["id"]
    if role:
        region = {"township": PAOTAI, "county": RONGCHENG}.get(role, CITY)
        grant = admin.ok("POST", "/roles", {"person": person, "role": role, "region": region})["id"]
        world.as_("admin2").ok("POST", f"/roles/{grant}/approve")
    return person


def invited(world: World, person: str, by: str = "admin") -> str:
    code: str = world.as_(by).ok("POST", "/invitations", {"person": person})["invitation"]
    return code


def bound(world: World, phone: Phone, person: str) -> tuple[Caller, str]:
    """The caller and the binding of a WeChat user whom a second person verified."""
    caller = login(world, phone)
    binding: str = caller.ok("POST", "/auth/bind", {"invitation": invited(world, person)})["binding"]
    world.as_("admin2").ok("POST", f"/bindings/{binding}/approve")
    return caller, binding


def count(world: World, model: Any, *where: Any) -> int:
    with world.house.read(SYSTEM) as uow:
        return uow.session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


# ---- logging in ----


@pytest.mark.parametrize("times", [8, 16])
def test_a_wechat_user_logs_in_for_the_first_time_many_times_at_once(world: World, times: int) -> None:
    """Issue 2: one account, every login succeeds, and no more devices than allowed stay."""
    openid = A.openid
    codes = [login_code(world, A) for _ in range(times)]
    answers = at_once(*(lambda c=c: world.anyone().post("/auth/wechat", {"code": c}) for c in codes))
    assert statuses(answers) == [200] * times
    assert count(world, WechatAccount, WechatAccount.openid == openid) == 1
    account = sa.select(WechatAccount.id).where(WechatAccount.openid == openid).scalar_subquery()
    assert count(world, Session, Session.account_id == account, Session.ended_at.is_(None)) == 5


def test_a_login_code_used_twenty_times_at_once_is_one_session(world: World) -> None:
    """quality.md bar 19."""
    code = login_code(world, A)
    answers = at_once(*(lambda: world.anyone().post("/auth/wechat", {"code": code}) for _ in range(20)))
    assert statuses(answers) == [200] + [422] * 19


def test_a_login_code_is_shown_to_wechat_once(world: World) -> None:
    """quality.md §3 row 1: the second use is refused before WeChat is asked; what WeChat never heard may come again."""
    code = login_code(world, A)
    world.sandbox.post("/sandbox/faults", {"call": "jscode2session", "kind": "http500", "times": 1})
    away = world.anyone().post("/auth/wechat", {"code": code})
    assert (away.status, "Retry-After" in away.headers) == (503, True)
    assert world.anyone().post("/auth/wechat", {"code": code}).status == 200
    heard = len(world.sandbox.get("/sandbox/log?since=0"))
    assert world.anyone().post("/auth/wechat", {"code": code}).status == 422
    assert len(world.sandbox.get("/sandbox/log?since=0")) == heard


# ---- invitation, phone, approval ----


@pytest.mark.parametrize("approval", [False, True])
@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("invitation", [False, True])
def test_only_the_whole_of_invitation_phone_and_approval_binds(
    world: World,
    invitation: bool,  # noqa: FBT001
    phone: bool,  # noqa: FBT001
    approval: bool,  # noqa: FBT001
) -> None:
    """quality.md bar 20: of all eight combinations one answers on a private route."""
    person = a_person(world, phone=A.phone)
    secret, caller = invited(world, person), login(world, A)
    shown = phone_code(world, A if phone else B)
    answer = caller.post("/auth/bind", {"invitation": secret if invitation else "0" * 20, "phone_code": shown})
    assert answer.status == (200 if invitation and phone else 422)
    if approval:
        for one in world.as_("admin2").get("/bindings", state="claimed")["items"]:
            world.as_("admin2").ok("POST", f"/bindings/{one['id']}/approve")
    whole = invitation and phone and approval
    for path in ("/needs", "/me", "/me/messages", "/claims"):
        assert caller.get(path).status == (200 if whole else 403) or (whole and path == "/claims")


def test_a_phone_code_used_twenty_times_at_once_binds_once_and_a_foreign_one_never(world: World) -> None:
    """quality.md bar 19: five tries count, the others are too many; another user's phone code is none."""
    person = a_person(world, "commissioner", A.phone)
    secret, caller = invited(world, person), login(world, A)
    foreign = caller.post("/auth/bind", {"invitation": secret, "phone_code": phone_code(world, B)})
    assert (foreign.status, list(foreign["errors"])) == (422, ["phone_code"])
    code, callers = phone_code(world, A), [Caller(world.app, caller.token) for _ in range(20)]
    body = {"invitation": secret, "phone_code": code}
    answers = at_once(*(lambda c=c: c.post("/auth/bind", body) for c in callers))
    assert statuses(answers).count(200) == 1
    assert set(statuses(answers)) <= {200, 409, 422, 429}
    assert count(world, Binding, Binding.person_id == UUID(person)) == 1


def test_an_invitation_has_five_tries_however_many_come_at_once(world: World) -> None:
    """quality.md bar 21: with another phone, from several WeChat users at the same moment."""
    secret = invited(world, a_person(world, "commissioner", "19900007777"))
    callers = [login(world, one) for one in (A, B) for _ in range(5)]
    codes = [phone_code(world, one) for one in (A, B) for _ in range(5)]
    answers = at_once(
        *(
            lambda c=c, p=p: c.post("/auth/bind", {"invitation": secret, "phone_code": p})
            for c, p in zip(callers, codes, strict=True)
        )
    )
    assert statuses(answers) == [422] * 10
    told = [answer["detail"] for answer in answers]
    assert told.count("邀请码因多次尝试失败已作废") == 0 or told.count("微信手机号与登记的手机号不一致") >= 5
    with world.house.read(SYSTEM) as uow:
        assert uow.session.scalars(sa.select(Invitation.tries_left).order_by(Invitation.id.desc())).first() == 0
        noted = sa.select(sa.func.count()).where(JournalEntry.action == "person.mismatch")
        assert uow.session.scalar(noted) == 10
    assert login(world, C).post("/auth/bind", {"invitation": secret}).status == 422


@pytest.mark.parametrize(("before_s", "status"), [(60, 200), (0, 422)])
def test_an_invitation_ends_at_its_time(world: World, before_s: int, status: int) -> None:
    """quality.md bar 21: 24 hours; 80 bits, of which only a keyed digest is stored."""
    secret = invited(world, a_person(world))
    assert len(bytes.fromhex(secret)) * 8 >= 80
    with world.house.read(SYSTEM) as uow:
        row = uow.session.scalars(sa.select(Invitation).order_by(Invitation.id.desc())).first()
        assert secret not in str(vars(row))
    assert row is not None
    assert row.expires_at - row.created_at == timedelta(hours=24)
    world.at(row.expires_at - timedelta(seconds=before_s))
    assert login(world, A).post("/auth/bind", {"invitation": secret}).status == status


@pytest.mark.parametrize(("hours", "fits"), [("1", True), ("72", True), ("73", False), ("0", False), ("two", False)])
def test_an_invitation_lives_as_long_as_the_operator_says_but_three_days_at_most(
    hours: str,
    fits: bool,  # noqa: FBT001
) -> None:
    """quality.md §5: a setting, at most 72 hours."""
    env = {"TEPAI_DEVELOPMENT": "1", "TEPAI_SECRET_KEY": "11" * 32, "TEPAI_INVITATION_HOURS": hours}
    if fits:
        assert Settings.from_env(env).invitation_hours == int(hours)
    else:
        with pytest.raises(BadSettings):
            Settings.from_env(env)


# ---- one openid, one person ----


def test_two_wechat_users_bind_one_person_at_once(world: World) -> None:
    """quality.md §5: unique both ways, also where two invitations are out."""
    for _ in range(3):
        person = a_person(world, None)
        secrets = [invited(world, person), invited(world, person)]
        callers = [login(world, A), login(world, B)]
        answers = at_once(
            *(lambda c=c, s=s: c.post("/auth/bind", {"invitation": s}) for c, s in zip(callers, secrets, strict=True))
        )
        assert statuses(answers) == [200, 422]
        claimed = next(answer for answer in answers if answer.status == 200)
        world.as_("admin2").ok("POST", f"/bindings/{claimed['binding']}/reject", {"reason": "再来一次"})


def test_one_wechat_user_binds_two_people_at_once(world: World) -> None:
    """quality.md §5: one of them it is; the other invitation stays good for its own person."""
    people = [a_person(world, None), a_person(world, None)]
    secrets, caller = [invited(world, one) for one in people], login(world, A)
    callers = [Caller(world.app, caller.token) for _ in secrets]
    answers = at_once(
        *(lambda c=c, s=s: c.post("/auth/bind", {"invitation": s}) for c, s in zip(callers, secrets, strict=True))
    )
    assert statuses(answers) == [200, 409]
    other = secrets[next(n for n, one in enumerate(people) if one != _claimed(answers)["person"]["id"])]
    assert login(world, B).post("/auth/bind", {"invitation": other}).status == 200


def _claimed(answers: Sequence[Answer]) -> Answer:
    return next(answer for answer in answers if answer.status == 200)


def test_many_invitations_made_at_once_leave_one(world: World) -> None:
    """An earlier unused invitation ends with the next, also when they are made at the same moment."""
    person = a_person(world, None)
    callers = [Caller(world.app, world.as_(one).token) for one in ("admin", "admin2") for _ in range(4)]
    answers = at_once(*(lambda c=c: c.post("/invitations", {"person": person}) for c in callers))
    assert statuses(answers) == [201] * 8
    good = Invitation.person_id == UUID(person)
    assert count(world, Invitation, good, Invitation.tries_left > 0) == 1


# ---- what staff decide, and the ways back ----


def test_who_waits_sees_what_became_of_their_binding(world: World) -> None:
    """The person who waits is told: claimed, refused with the reason; then they may be invited again."""
    caller, person = login(world, A), a_person(world)
    assert caller.get("/auth/binding").status == 404
    binding = caller.ok("POST", "/auth/bind", {"invitation": invited(world, person)})["binding"]
    assert caller.get("/auth/binding")["state"] == "claimed"
    assert world.as_("admin2").post(f"/bindings/{binding}/reject", {}).status == 422
    answer = world.as_("admin2").ok("POST", f"/bindings/{binding}/reject", {"reason": "电话核对不上"})
    assert (answer["state"], answer["moves"]) == ("rejected", [])
    assert caller.get("/auth/binding").status == 401
    seen = login(world, A).ok("GET", "/auth/binding")
    assert (seen["state"], seen["state_reason"]) == ("rejected", "电话核对不上")
    again, _ = bound(world, A, person)
    assert again.ok("GET", "/auth/binding")["state"] == "bound"


def test_a_second_person_sees_whom_they_verify(world: World) -> None:
    """quality.md §5: the approval shows name, the phone's tail and the time, and never the whole number."""
    number = A.phone
    login(world, A).ok("POST", "/auth/bind", {"invitation": invited(world, a_person(world, phone=number))})
    listed = world.as_("admin2").get("/bindings", state="claimed")
    shown = listed["items"][0]
    assert (shown["person_name"], shown["phone_tail"], shown["phone_shown"]) == ("新来的", number[-4:], False)
    assert number.encode() not in listed.content


def test_a_suspended_binding_comes_back_by_another_hand(world: World) -> None:
    """quality.md §5: suspension ends all sessions; the one who suspended does not resume; the phone logs in again."""
    caller, binding = bound(world, A, a_person(world))
    path = f"/bindings/{binding}"
    answer = world.as_("admin").ok("POST", path + "/suspend", {"reason": "手机遗失"})
    assert (answer["state"], answer["moves"]) == ("suspended", ["retire"])
    assert caller.get("/needs").status == 401
    assert login(world, A).get("/needs").status == 403
    assert world.as_("admin").post(path + "/resume").status == 403
    assert world.as_("admin2").ok("POST", path + "/resume")["state"] == "bound"
    assert login(world, A).get("/needs").status == 200


def test_a_binding_is_not_resumed_once_another_took_its_place(world: World) -> None:
    """quality.md §5: one openid, one person; the binding that was replaced is retired for good."""
    person = a_person(world)
    _, first = bound(world, A, person)
    world.as_("admin").ok("POST", f"/bindings/{first}/suspend", {"reason": "手机遗失"})
    other_person = a_person(world)
    taken, second = bound(world, A, other_person)
    refused = world.as_("admin2").post(f"/bindings/{first}/resume")
    assert (refused.status, refused["detail"]) == (409, "此人或此微信已另行绑定")
    bound(world, B, person)
    assert world.as_("admin2").post(f"/bindings/{first}/resume")["state"] == "retired"
    world.as_("admin2").ok("POST", f"/bindings/{second}/retire", {"reason": "退休"})
    assert taken.get("/needs").status == 401
    assert world.as_("admin2").post(f"/bindings/{second}/resume").status == 409


def test_nobody_is_verified_by_their_inviter_alone(world: World) -> None:
    """quality.md §5: from township upward two people stand for a WeChat, also where the role came after the binding."""
    person = a_person(world, "commissioner", A.phone)
    secret = invited(world, person, by="admin2")
    caller = login(world, A)
    body = {"invitation": secret, "phone_code": phone_code(world, A)}
    assert caller.ok("POST", "/auth/bind", body)["state"] == "bound"
    grant = world.as_("admin").ok("POST", "/roles", {"person": person, "role": "township", "region": PAOTAI})["id"]
    refused = world.as_("admin2").post(f"/roles/{grant}/approve")
    assert (refused.status, refused["type"]) == (403, "/problems/same-person")
    world.as_("city").ok("POST", f"/roles/{grant}/approve")
    assert caller.post("/needs", a_need()).status == 201


# ---- bound anew ----


def test_a_new_phone_needs_a_new_approval_and_the_old_one_is_told(world: World) -> None:
    """quality.md §5: all sessions end at once, and the old device gets the last message that it may."""
    person = a_person(world)
    old, first = bound(world, A, person)
    second_device = login(world, A)
    openid = A.openid
    world.sandbox.post(f"/sandbox/phones/{openid}/subscribe", {"template": "task_waiting", "result": "accept"})
    old.ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "accept"})
    new = login(world, B)
    claim = new.ok("POST", "/auth/bind", {"invitation": invited(world, person)})
    assert claim["state"] == "claimed"
    assert [one.get("/needs").status for one in (old, second_device, new)] == [401, 401, 403]
    world.run_jobs()
    world.run_jobs()
    told = world.sandbox.get(f"/sandbox/phones/{openid}/messages")
    assert [one["fields"][0]["value"] for one in told] == ["微信绑定已更换，请核对"]
    world.as_("admin2").ok("POST", f"/bindings/{claim['binding']}/approve")
    kinds = [one["kind"] for one in new.ok("GET", "/me/messages")["items"]]
    assert "binding.retire" in kinds
    left = new.ok("POST", "/me/subscriptions", {"template": "task_waiting", "result": "filter"})
    assert left["credits"] == 0
    assert world.as_("admin").post(f"/bindings/{first}/resume")["state"] == "retired"


def test_an_approver_bound_anew_approves_nothing_for_a_day(world: World) -> None:
    """quality.md §5: 24 hours of cooling, for approvals alone; a first binding needs none."""
    county = a_person(world, "county")
    caller, _ = bound(world, A, county)
    need = world.as_("township").ok("POST", "/needs", a_need())["id"]
    world.as_("township").ok("POST", f"/needs/{need}/submit")
    assert "approve" in caller.ok("GET", f"/needs/{need}")["moves"]
    fresh, _ = bound(world, B, county)
    assert fresh.ok("GET", f"/needs/{need}")["moves"] == ["return"]
    refused = fresh.post(f"/needs/{need}/approve")
    assert (refused.status, refused["type"]) == (403, "/problems/cooling")
    assert refused["cools_until"]
    assert fresh.post(f"/needs/{need}/return", {"reason": "请补充面积"}).status == 200
    world.as_("township").ok("POST", f"/needs/{need}/submit")
    world.at(world.house.clock.now() + timedelta(hours=24))
    assert fresh.ok("POST", f"/needs/{need}/approve")["state"] == "approved"


def test_every_approval_cools() -> None:
    """Whatever is called an approval is one, and every approval is a move."""
    moves = {f"{m.thing}.{move.name}" for m in MACHINES.values() for move in m.moves}
    assert {one for one in moves if one.endswith(".approve")} <= APPROVALS <= moves


# ---- invitations as codes to scan ----


def test_an_invitation_is_shown_as_a_code_to_scan(world: World) -> None:
    """Issue 3 point 6: the secret stands in the scene alone, within 32 characters of WeChat's alphabet."""
    secret, admin = invited(world, a_person(world)), world.as_("admin")
    answer = admin.post("/invitations/code", {"invitation": secret})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).info["scene"] == f"i={secret}"
    assert world.as_("other_county").post("/invitations/code", {"invitation": secret}).status == 404
    assert world.as_("township").post("/invitations/code", {"invitation": secret}).status == 403
    assert admin.post("/invitations/code", {"invitation": "0" * 20}).status == 422
    login(world, A).ok("POST", "/auth/bind", {"invitation": secret})
    assert admin.post("/invitations/code", {"invitation": secret}).status == 422


def test_without_wechat_there_is_an_invitation_but_no_code(world: World) -> None:
    """Issue 3 point 3: 503 with Retry-After; making the invitation does not ask WeChat."""
    world.sandbox.post("/sandbox/faults", {"call": "getwxacodeunlimit", "kind": "http500", "times": 9})
    try:
        secret = invited(world, a_person(world))
        for answer in (
            world.as_("admin").post("/invitations/code", {"invitation": secret}),
            world.anyone().get(f"/townships/{PAOTAI}/code.png"),
        ):
            assert (answer.status, answer.headers["Retry-After"].isdigit()) == (503, True)
    finally:
        world.sandbox.http.delete(world.sandbox.url + "/sandbox/faults", timeout=10)


def test_a_township_has_a_code_of_its_own(world: World) -> None:
    """api.md, WeChat: `GET /townships/{code}/code.png`."""
    answer = world.anyone().get(f"/townships/{PAOTAI}/code.png")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).info["scene"] == f"t={PAOTAI}"
    assert [world.anyone().get(f"/townships/{one}/code.png").status for one in (RONGCHENG, "x", new_id())] == [404] * 3
