"""Write a migration for what changed in `models/`: `make migration NAME="what changed"`."""

import sys
import tempfile
from pathlib import Path

from service.core import schema
from service.core.database import make_engine


def main() -> None:
    """Migrate an empty database to head and let Alembic compare it with the models."""
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        raise SystemExit('say what changed: make migration NAME="what changed"')
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'empty.sqlite3'}")
        schema.upgrade(engine)
        schema.write_migration(engine, sys.argv[1].strip())
        engine.dispose()


main()
