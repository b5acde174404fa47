"""The unit of work: one session, one actor, one time, a journal entry a command. The only place that commits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from models.base import Base, new_id
from models.journal import JournalEntry
from rules.access import roles_for
from service.core import prepared
from service.core.clock import Clock
from service.core.database import make_engine, read_only, unwrapped
from service.core.ports import Ports
from service.core.prepared import Prepared
from service.core.settings import Settings
from service.core.vault import Vault, sha256_of

Given = TypeVar("Given", bound=Base)


@dataclass(frozen=True)
class Held:
    """A role that acts now, with the townships and counties that it reaches."""

    role: str
    region_code: str | None = None
    organisation_code: str | None = None
    townships: frozenset[str] = frozenset()
    counties: frozenset[str] = frozenset()
    everywhere: bool = False


@dataclass(frozen=True)
class Actor:
    """Who acts. `person_id` is None for visitors, jobs and the operator at the host."""

    kind: str = "visitor"
    person_id: UUID | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None
    held: tuple[Held, ...] = ()
    teams: frozenset[UUID] = frozenset()
    led: frozenset[UUID] = frozenset()
    organisation_code: str | None = None
    cools_until: datetime | None = None
    """Until when they approve nothing, because their WeChat was bound anew; None once that is over."""
    entering: UUID | None = None
    """Whoever scanned the console's code and has yet to give the second factor: a visitor until then."""
    factor_at: datetime | None = None
    """Console: when the second factor was given last."""

    def roles(self) -> frozenset[str]:
        """Give the names of the roles that act now."""
        return frozenset(one.role for one in self.held)

    def counties_for(self, action: str) -> frozenset[str]:
        """Give the counties (and cities) for which one of the held roles may do the action."""
        allowed = roles_for(action)
        return frozenset(code for held in self.held if held.role in allowed for code in held.counties)

    def may(self, action: str) -> bool:
        """Say whether any held role may do the action at all, wherever it reaches."""
        return self.kind in {"system", "operator"} or bool(self.roles() & roles_for(action))


VISITOR = Actor()
SYSTEM = Actor("system")
OPERATOR = Actor("operator")


@dataclass
class _Entry:
    action: str
    thing: str
    subject_id: str
    county_code: str
    role: str | None
    changes: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class UnitSession(Session):
    """A session that knows whether it wrote rows, so that no command leaves the journal without a word."""

    changed = False


@sa.event.listens_for(UnitSession, "after_flush")
def _note_flush(session: Session, _context: Any) -> None:
    if isinstance(session, UnitSession):
        session.changed = session.changed or bool(session.new or session.dirty or session.deleted)


def as_loaded(model: type[Given], values: Mapping[str, Any]) -> Given:
    """Give an object as a query would, of what is already known; whatever is put on it goes nowhere."""
    row = cast("Given", sa.inspect(model).class_manager.new_instance())
    row.__dict__.update(values)
    return row


class UnitOfWork:
    """First argument of every command and query; the edge opens it and it commits or rolls back as a whole."""

    def __init__(
        self, house: "House", actor: Actor, trace: str, *, writes: bool, engine: sa.Engine | None = None
    ) -> None:
        self.house = house
        self.actor = actor
        self.trace = trace
        self.writes = writes
        self.now: datetime = house.clock.now()
        self._engine = engine or (house.engine if writes else house.reader)
        self._session: UnitSession | None = None
        self._connection: sa.Connection | None = None
        self._own: sa.Connection | None = None
        """The connection, as long as no session was asked for: one for tables alone costs as much as two statements."""
        self._peeking: sa.Connection | None = None
        self._entry: _Entry | None = None
        self._entries: list[_Entry] = []
        self._waiting: dict[type[Base], list[Mapping[str, Any]]] = {}
        """New rows of tables that are put in together, as soon as somebody could miss them."""
        self._changed = False

    @property
    def session(self) -> UnitSession:
        """The session of this unit, over the same transaction as `rows` and `insert`."""
        self._put_in()
        if self._session is None:
            self._stop_peeking()
            self._session = UnitSession(self._own or self._engine, expire_on_commit=False)
        return self._session

    @property
    def settings(self) -> Settings:
        """The settings of the house."""
        return self.house.settings

    @property
    def vault(self) -> Vault:
        """Encryption and keyed digests."""
        return self.house.vault

    @property
    def ports(self) -> Ports:
        """The outside world (WeChat, files); never called inside a write transaction."""
        return self.house.ports

    def rows(self, statement: Prepared, *, unseen: bool = False, **values: Any) -> Sequence[Any]:
        """Run a statement made once, over tables alone: where every request passes, objects cost too much.

        :param unseen: it need not see what `insert` was told, which can then wait for the rest.
        """
        self.flush()
        if not unseen:
            self._put_in()
        return statement.rows(self._connected(), values)

    def flush(self) -> None:
        """Write what was put on objects, if there are any."""
        if self._session is not None:
            self._session.flush()

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._stop_peeking()
            if self._session is None:
                self._own = self._engine.connect()
            self._connection = self._own if self._session is None else self._session.connection()
        return self._connection  # type: ignore[return-value]  # one of the two was just made

    def peek(self, statement: Prepared, **values: Any) -> Sequence[Any]:
        """Read before the writing begins: on SQLite nobody waits meanwhile, and it is as of a moment ago.

        For what a constraint tells anyway, or what was true when it was asked. Once the unit has begun to write, it
        reads as `rows` does.
        """
        begun = self._connection is not None or self._session is not None
        if begun or not self.writes or not self.house.lines_up:
            return self.rows(statement, **values)
        if self._peeking is None:
            self._peeking = self.house.reader.connect()
        return statement.rows(self._peeking, values)

    def insert(self, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """Put new rows of one table in, every column named; what they rest on was put in before.

        They go in together with those of other tables, before anything else is asked; the session hears nothing of
        them.
        """
        if rows:
            self._waiting.setdefault(model, []).extend(rows)
            self._changed = self._changed or hasattr(model, "__thing__")

    def _put_in(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            prepared.insert(self._connected(), waiting)

    def next_command(self) -> None:
        """What is recorded from here on belongs to another command's journal entry: many were sent together."""
        if self._entry is not None:
            self._entries.append(self._entry)
            self._entry = None

    def record(
        self,
        action: str,
        subject: Any,
        changes: Iterable[Mapping[str, Any]] = (),
        *,
        role: str | None = None,
        **facts: Any,
    ) -> None:
        """Add to the command's one journal entry; the first call names action and subject.

        :param changes: `{thing, id, from, to}` or `{thing, id, fields}`; never personal data.
        :param facts: what messages about the entry will need.
        """
        thing = subject.__thing__
        if self._entry is None:
            identity = str(getattr(subject, "id", None) or subject.code)
            county = getattr(subject, "county_code", None) or "0"
            self._entry = _Entry(action, thing, identity, county, role)
        self._entry.changes += [dict(change) for change in changes]
        self._entry.facts.update(facts)

    def _write_entries(self) -> None:
        self.next_command()
        if self._entries:
            self.insert(JournalEntry, [self._told(entry) for entry in self._entries])
        elif self._changed or (self._session is not None and self._session.changed):
            raise RuntimeError("a command changed rows and left no journal entry")

    def _told(self, entry: _Entry) -> dict[str, Any]:
        actor = self.actor
        role = entry.role or next((h.role for h in actor.held), None) if actor.kind == "person" else actor.kind
        values = {
            "id": new_id(),
            "county_code": entry.county_code,
            "actor_id": actor.person_id,
            "on_behalf_of": role,
            "action": entry.action,
            "thing": entry.thing,
            "subject_id": entry.subject_id,
            "changes": as_stored(entry.changes),
            "facts": as_stored(entry.facts),
            "at": self.now,
            "trace": self.trace,
        }
        return values | {"digest": entry_digest(values)}

    def commit(self) -> None:
        """Write the journal's entries and commit everything, or raise with nothing done."""
        self.flush()
        self._write_entries()
        self._put_in()
        if self._session is not None:
            self._session.commit()
        if self._own is not None:
            self._own.commit()
        entries = self._entries
        self._begin_anew()
        if entries:
            self.house.committed(frozenset(change["thing"] for entry in entries for change in entry.changes))

    def rollback(self) -> None:
        """Forget everything since the unit was opened."""
        if self._session is not None:
            self._session.rollback()
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Let go of the connection, whatever of its transaction is left, and of what was noted for it."""
        if self._own is not None:
            self._own.close()
        if self._session is not None:
            self._session.bind, self._session.changed = self._engine, False
        self._own = self._connection = self._entry = None
        self._entries, self._waiting, self._changed = [], {}, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit() if self.writes else self._done_reading()
            elif self.writes:
                self.rollback()
        finally:
            self._stop_peeking()
            if self._session is not None:
                self._session.close()
            if self._own is not None:
                self._own.close()

    def _done_reading(self) -> None:
        """End the transaction by a COMMIT: with a ROLLBACK psycopg forgets every statement that it prepared."""
        if self._session is not None:
            self._session.commit()
        if self._own is not None:
            self._own.commit()

    def _stop_peeking(self) -> None:
        if self._peeking is not None:
            self._peeking.close()
            self._peeking = None


def as_stored(value: Any) -> Any:
    """Give a value as the JSON column gives it back, so that the digest can be recomputed from the row."""
    return orjson.loads(orjson.dumps(value, default=str))


def entry_digest(values: Mapping[str, Any]) -> str:
    """Give the digest of a journal entry over all that it says (quality.md §6)."""
    names = (
        "id",
        "county_code",
        "actor_id",
        "on_behalf_of",
        "action",
        "thing",
        "subject_id",
        "changes",
        "facts",
        "trace",
    )
    return sha256_of(["entry-v1", *(_plain(values[name]) for name in names), values["at"].isoformat()])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


class House:
    """Everything that lives as long as the process: settings, engine, clock, vault, ports."""

    def __init__(self, settings: Settings, bring: Callable[["House"], Ports]) -> None:
        """Build it; `bring` makes the outside world, which may need the database in turn (the shared token)."""
        self.settings = settings
        self.clock = Clock(settings.var_dir / "clock.json" if settings.development else None)
        self.vault = Vault(settings.secret_key)
        self.engine = make_engine(settings.database_url)
        self.reader = read_only(self.engine)
        self.glancing = unwrapped(self.reader)
        self.lines_up = self.engine.dialect.name == "sqlite"
        """Whether one writes at a time, and the others wait from the first statement of their transaction on."""
        self.ports = bring(self)
        self.committed: Callable[[frozenset[str]], None] = lambda _: None
        """Hears of every commit which things changed, in the thread that committed; it must not wait for anything."""

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()
        self.reader.dispose()

    def write(self, actor: Actor, trace: str = "") -> UnitOfWork:
        """Open a unit of work for a command; its transaction begins with its first statement."""
        return UnitOfWork(self, actor, trace or new_id().hex, writes=True)

    def read(self, actor: Actor, trace: str = "") -> UnitOfWork:
        """Open a unit of work for queries; it cannot write."""
        return UnitOfWork(self, actor, trace or new_id().hex, writes=False)

    def glance(self, actor: Actor, trace: str = "") -> UnitOfWork:
        """Open a unit of work for a question or two that need no transaction around them; it must not write."""
        return UnitOfWork(self, actor, trace or new_id().hex, writes=False, engine=self.glancing)
