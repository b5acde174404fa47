"""What a database holds, in figures that show whether a copy is the same: counts, checksums, heads of the seals."""

import hashlib
from typing import Any

import sqlalchemy as sa

from models.base import Base
from models.journal import Seal
from service.core.vault import canonical

VERSION_TABLE = "alembic_version"
_MODULUS = 2**256


def tables(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Give for every table its count of rows and a checksum that does not depend on their order.

    The checksum is the sum of the rows' SHA-256 modulo 2²⁵⁶. Columns are read as they lie there, not as the models
    have them, so that an older schema can be compared too; figures compare within one kind of database.
    """
    found = {}
    for name in sorted(set(sa.inspect(connection).get_table_names()) - {VERSION_TABLE}):
        rows = total = 0
        everything: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(sa.table(name))
        for row in connection.execution_options(yield_per=500).execute(everything).mappings():
            rows += 1
            total += int.from_bytes(hashlib.sha256(canonical(dict(row))).digest(), "big")
        found[name] = {"rows": rows, "checksum": f"{total % _MODULUS:064x}"}
    return found


def seal_heads(connection: sa.Connection) -> dict[str, list[Any]]:
    """Give each county's last seal, as number and digest."""
    last = sa.select(Seal.county_code, sa.func.max(Seal.number)).group_by(Seal.county_code)
    heads = sa.select(Seal.county_code, Seal.number, Seal.digest).where(
        sa.tuple_(Seal.county_code, Seal.number).in_(last)
    )
    return {county: [number, digest] for county, number, digest in connection.execute(heads)}


def files_named(connection: sa.Connection) -> set[str]:
    """Give the digests of the kept files that rows point to: what stands in the columns named `…_sha256`."""
    columns = [
        column for table in Base.metadata.sorted_tables for column in table.columns if column.name.endswith("_sha256")
    ]
    return {sha256 for column in columns for sha256 in connection.scalars(sa.select(column).distinct()) if sha256}


def figures(connection: sa.Connection) -> dict[str, Any]:
    """Give everything that a copy must agree in."""
    return {"tables": tables(connection), "seals": seal_heads(connection)}
