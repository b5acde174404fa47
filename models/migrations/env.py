"""How Alembic runs here: on a connection that the caller brings, each migration in a transaction, SQLite included."""

from typing import Any

import sqlalchemy as sa
from alembic import context

from models.base import Base, UtcDateTime


def _render(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our own types into migrations as what they are in the database (`JSON` stands in script.py.mako)."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return "JSON" if kind == "type" and isinstance(item, sa.JSON) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transactional_ddl=True,
    transaction_per_migration=True,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
