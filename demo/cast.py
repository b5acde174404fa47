"""Who plays in the demo, and where."""

from dataclasses import dataclass, field
from uuid import UUID

from demo import content


@dataclass
class Cast:
    """Who plays, by role and place."""

    admins: tuple[UUID, UUID]
    city: UUID
    county: dict[str, UUID] = field(default_factory=dict)
    lead: dict[str, UUID] = field(default_factory=dict)
    co_reviewers: dict[str, list[UUID]] = field(default_factory=dict)
    township: dict[str, UUID] = field(default_factory=dict)
    dispatcher: dict[str, UUID] = field(default_factory=dict)
    commissioners: list[tuple[UUID, content.DemoPerson]] = field(default_factory=list)
    teams: list[tuple[UUID, UUID]] = field(default_factory=list)
    """(team, leader)"""


@dataclass(frozen=True)
class Places:
    """The reference data as the content generator takes it."""

    townships: tuple[content.Township, ...]
    counties: tuple[content.Region, ...]
    organisations: tuple[content.Organisation, ...]
    specialties: dict[str, str]
