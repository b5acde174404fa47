"""The stage of the demo: the real commands, acted by fictional people, at told times and with a WeChat that nods."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

import wsgi
from service.core.clock import Clock
from service.core.ports import Finding, Scene, Verdict
from service.core.settings import Settings
from service.core.unit import OPERATOR, VISITOR, Actor, House
from service.identity import bindings, registration, roles
from service.identity import commands as identity
from service.identity import queries as identity_queries
from wechat.people import openid_of
from wechat.sandbox import SandboxSettings


class ToldClock(Clock):
    """A clock that shows what the story says."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(None)
        self.moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Give the story's time."""
        return self.moment


class NoddingWechat:
    """Takes an openid for a login code and a phone number for a phone code: the sandbox does not run yet."""

    def login(self, code: str) -> str:
        """Give the openid that the code begins with."""
        return code.partition(" ")[0]

    def phone_number(self, code: str, openid: str) -> str:
        """Give the code back as the phone number."""
        return code

    def send(self, openid: str, template: str, values: Mapping[str, str | int | date], page: str) -> None:
        """Say nothing: messages of the past stay in the inbox."""

    def code_image(self, scene: str, page: str) -> bytes:
        """Draw nothing: nobody scans a code in the past."""
        raise FileNotFoundError(scene + page)

    def findings(self) -> Iterator[Finding]:
        """Find nothing: there is no account."""
        return iter(())

    def clear_quota(self) -> Finding:
        """Clear nothing."""
        return Finding("额度清零", good=True, says="没有账号")

    def check_text(self, text: str, scene: Scene, openid: str) -> Verdict:
        """Judge by the sandbox's list of doubtful words."""
        if any(word in text for word in SandboxSettings.review_words):
            return Verdict("", "review", "10001")
        return Verdict("", "pass", "100")

    def check_picture(self, url: str, scene: Scene, openid: str) -> str:
        """Fetch nothing: the demo has no pictures."""
        raise FileNotFoundError(url)


class Stage:
    """Runs commands for people, one unit of work each, as the API would."""

    def __init__(self, settings: Settings, moment: datetime) -> None:
        self.house: House = wsgi.make_house(settings, NoddingWechat())
        self.clock = ToldClock(moment)
        self.house.clock = self.clock
        self._actors: dict[UUID, Actor] = {}
        self._sessions: dict[UUID, UUID] = {}
        self._relax_disk()

    def _relax_disk(self) -> None:
        """A half-played season is thrown away anyway, so SQLite need not wait for the disk at every command."""
        if self.house.engine.dialect.name == "sqlite":

            @sa.event.listens_for(self.house.engine, "connect")
            def _relax(connection: Any, _record: Any) -> None:
                connection.execute("PRAGMA synchronous=OFF")

    def at(self, moment: datetime) -> None:
        """Go to a time of the story."""
        self.clock.moment = moment.astimezone(UTC)

    def run(self, actor: Actor, command: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run one command as an actor."""
        with self.house.write(actor) as uow:
            return command(uow, *args, **kwargs)

    def do(self, person: UUID, command: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run one command as a person, with the roles they hold now."""
        return self.run(self.actor(person), command, *args, **kwargs)

    def read(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Ask one query as the operator."""
        with self.house.read(OPERATOR) as uow:
            return query(uow, *args, **kwargs)

    def actor(self, person: UUID) -> Actor:
        """Give a person's actor, logged in once."""
        if person not in self._sessions:
            login = self.run(VISITOR, identity.login, f"{openid_of(person)} {uuid4()}", "演示手机")
            self._sessions[person] = login["id"]
        if person not in self._actors:
            with self.house.read(VISITOR) as uow:
                self._actors[person] = identity_queries.actor_of(uow, self._sessions[person])
        return self._actors[person]

    def forget(self, *people: UUID) -> None:
        """Look up again what these people may do, after a role or a team of theirs changed."""
        for person in people:
            self._actors.pop(person, None)

    # ---- the ways into the house ----

    def first_admins(self, names: tuple[str, str], phones: tuple[str, str], city: str) -> tuple[UUID, UUID]:
        """Bring in two administrators, the second one checked by the operator at the host."""
        made = self.run(OPERATOR, registration.first_admin, names[0], phones[0], city)
        first = made["person"]
        bound = self.bind(first, made["invitation"], phones[0])
        self.run(OPERATOR, registration.bind_on_host, bound["binding"])
        self.forget(first)
        person = self.do(first, identity.register, identity.NewPerson(name=names[1], phone=phones[1], region=city))
        grant = self.do(first, roles.grant, roles.NewGrant(person=person.id, role="admin", region=city))
        self.run(OPERATOR, registration.approve_on_host, grant.id)
        invited = self.do(first, bindings.invite, person.id)
        bound = self.bind(person.id, invited["invitation"], phones[1])
        self.run(OPERATOR, registration.bind_on_host, bound["binding"])
        self.forget(person.id)
        return first, person.id

    def bring_in(
        self, admins: tuple[UUID, UUID], form: identity.NewPerson, role: str, *, bind: bool = True, **scope: str | None
    ) -> UUID:
        """Register, grant, approve, invite and bind a person, by one administrator and checked by the other."""
        first, second = admins
        person: UUID = self.do(first, identity.register, form).id
        grant = self.do(first, roles.grant, roles.NewGrant(person=person, role=role, **scope))  # type: ignore[arg-type]
        self.do(second, roles.approve_grant, grant.id)
        if bind:
            invited = self.do(first, bindings.invite, person)
            bound = self.bind(person, invited["invitation"], form.phone)
            if bound["state"] == "claimed":
                self.do(second, bindings.approve, bound["binding"])
            self.forget(person)
        return person

    def bind(self, person: UUID, invitation: str, phone: str | None) -> Any:
        """Bind the person's own phone with an invitation."""
        self.forget(person)
        return self.do(person, bindings.bind, invitation, phone)
