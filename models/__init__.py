"""All tables; importing this package registers every one of them on `Base.metadata`."""

from models import (
    assessments,
    callbacks,
    claims,
    content,
    identity,
    journal,
    matching,
    needs,
    notifications,
    pairings,
    publicity,
    records,
    regions,
    sites,
)
from models.base import Base

__all__ = [
    "Base",
    "assessments",
    "callbacks",
    "claims",
    "content",
    "identity",
    "journal",
    "matching",
    "needs",
    "notifications",
    "pairings",
    "publicity",
    "records",
    "regions",
    "sites",
]
