"""People, how they enter (WeChat accounts, invitations, bindings, sessions), what they may do, teams, consents."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Code, Digest, Identified, Line, Name, Stateful, Word
from models.content import ContentCheck


class Person(Identified):
    """Somebody whom staff registered. The phone number is encrypted; its keyed digest finds it."""

    __tablename__ = "people"
    __thing__ = "person"

    county_code: Mapped[Code]
    """The county or city that registered the person."""
    name: Mapped[Name]
    phone_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    phone_index: Mapped[Digest | None] = mapped_column(unique=True)
    organisation_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("organisations.code"), index=True)
    title: Mapped[Name | None]
    bio: Mapped[str | None] = mapped_column(sa.String(1500))
    nature: Mapped[Word | None]
    """For commissioners: public_benefit or paid (R-APP-1)."""
    specialties: Mapped[list[str]] = mapped_column(default=list)
    available: Mapped[bool] = mapped_column(default=False)
    capacity: Mapped[int] = mapped_column(default=1)
    """How many places a round may give to this person, where the round allows more than one."""
    service_days: Mapped[int | None]
    """The days of a year that the person can give, where stated: `capacity` follows from them (rules/claims.py)."""
    registered_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]

    grants: Mapped[list["RoleGrant"]] = relationship(back_populates="person", order_by="RoleGrant.created_at")


class RoleGrant(Stateful):
    """A role held for a jurisdiction and a period; granted by one, approved by another."""

    __tablename__ = "role_grants"
    __thing__ = "role"

    county_code: Mapped[Code]
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    role: Mapped[Word]
    region_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("regions.code"))
    organisation_code: Mapped[Code | None] = mapped_column(sa.ForeignKey("organisations.code"))
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]

    person: Mapped[Person] = relationship(back_populates="grants")


class WechatAccount(Base):
    """A WeChat user of this mini-program. One account, one person."""

    __tablename__ = "wechat_accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    openid: Mapped[Line] = mapped_column(unique=True)
    person_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"), unique=True)
    created_at: Mapped[datetime]


class Binding(Stateful):
    """The tie of a WeChat account to a registered person, with the state of its verification.

    At most one of an account, and one of a person, waits or acts at a time.
    """

    __tablename__ = "bindings"
    __thing__ = "binding"
    __table_args__ = tuple(
        sa.Index(f"uq_bindings_living_{column}", column, unique=True,
                 postgresql_where=sa.text("state IN ('claimed', 'bound')"),
                 sqlite_where=sa.text("state IN ('claimed', 'bound')"))
        for column in ("account_id", "person_id")
    )  # fmt: skip

    county_code: Mapped[Code]
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("wechat_accounts.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    phone_shown: Mapped[bool]
    bound_at: Mapped[datetime | None]
    """When it came into force last."""
    cools_until: Mapped[datetime | None]
    """Until when its owner approves nothing, because another WeChat was theirs before."""

    person: Mapped[Person] = relationship()


class Invitation(Base):
    """A single-use secret that lets a WeChat user bind to the person it was made for. Only its digest is kept."""

    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    code_digest: Mapped[Digest] = mapped_column(unique=True)
    invited_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    tries_left: Mapped[int]


class Session(Base):
    """An opaque session; the token itself is never stored."""

    __tablename__ = "sessions"
    __thing__ = "session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("wechat_accounts.id"), index=True)
    person_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"), index=True)
    kind: Mapped[Word]
    """mini (bearer token) or console (cookie)."""
    device: Mapped[Line | None]
    csrf_digest: Mapped[Digest | None]
    factor_at: Mapped[datetime | None]
    """Console: when the second factor was given last. Without one nobody is in yet."""
    ceremony: Mapped[int] = mapped_column(default=0)
    """Console: how many passkey ceremonies succeeded; each has a challenge of its own."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Team(Stateful):
    """Commissioners who claim and serve together (R-APP-1)."""

    __tablename__ = "teams"
    __thing__ = "team"

    county_code: Mapped[Code]
    name: Mapped[Name]
    leader_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)

    leader: Mapped[Person] = relationship()
    members: Mapped[list["TeamMember"]] = relationship(back_populates="team", order_by="TeamMember.person_id")
    content: ContentCheck | None = None
    """The check of the name, which a list under publicity shows; never stored here."""


class TeamMember(Base):
    """A member's own word on belonging to a team: asked, agreed, left."""

    __tablename__ = "team_members"
    __table_args__ = (
        sa.Index("uq_team_members_confirmed_person", "person_id", unique=True,
                 postgresql_where=sa.text("confirmed"), sqlite_where=sa.text("confirmed")),
    )  # fmt: skip

    team_id: Mapped[UUID] = mapped_column(sa.ForeignKey("teams.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), primary_key=True)
    agreed_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    confirmed: Mapped[bool] = mapped_column(default=False)
    """Member of a confirmed team; at most one row of a person is."""

    team: Mapped[Team] = relationship(back_populates="members")
    person: Mapped[Person] = relationship()


class Consent(Base):
    """What a person agreed to or withdrew, with the version of the text, for ever (PIPL)."""

    __tablename__ = "consents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    purpose: Mapped[Word]
    text_version: Mapped[Word]
    given: Mapped[bool]
    at: Mapped[datetime]


class Attempt(Base):
    """How often something that can be guessed was tried, by a keyed digest of who tried, in a window."""

    __tablename__ = "attempts"

    scope: Mapped[Digest] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int]


class Brake(Base):
    """How often in a row something was tried in vain, and when the next try is allowed (real time)."""

    __tablename__ = "brakes"

    scope: Mapped[Digest] = mapped_column(primary_key=True)
    tries: Mapped[int]
    next_at: Mapped[datetime]


class ConsoleScan(Base):
    """A browser that asks to enter the console by a scanned code. Neither the code nor the browser's secret is kept."""

    __tablename__ = "console_scans"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_digest: Mapped[Digest] = mapped_column(unique=True)
    browser_digest: Mapped[Digest] = mapped_column(unique=True)
    browser: Mapped[Name]
    network: Mapped[Name]
    number: Mapped[int]
    """What the browser shows, of two digits."""
    choices: Mapped[list[Any]]
    """What the phone shows: the number among two others."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("people.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("wechat_accounts.id"))
    answered_at: Mapped[datetime | None]
    answer: Mapped[int | None]
    """What was chosen on the phone; the first answer is the last one."""
    entered_at: Mapped[datetime | None]


class Factor(Base):
    """A second factor of a person: a passkey (`public_key`) or an authenticator's secret (sealed)."""

    __tablename__ = "factors"
    __thing__ = "factor"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    kind: Mapped[Word]
    """passkey or totp."""
    name: Mapped[Name]
    secret_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    credential_id: Mapped[bytes | None] = mapped_column(sa.LargeBinary(1023), unique=True)
    public_key: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    counter: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    """The passkey's signature count, or the time step of the last code: it only ever grows."""
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """When it was first seen to work; before that it opens nothing."""


class ConsoleCode(Base):
    """A single-use code that opens the console in need. Only its digest is kept."""

    __tablename__ = "console_codes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("people.id"), index=True)
    kind: Mapped[Word]
    """recovery (in place of a factor) or break_glass (in place of everything, from the host)."""
    code_digest: Mapped[Digest] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
