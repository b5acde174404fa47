"""The tests' own house: what one test did to the stand-in never reaches the next."""

from datetime import UTC, datetime

from tests.databases import Postgres, Sqlite
from tests.world import Sandbox, World, opened


def test_a_new_world_starts_with_fresh_limits(prepared: Sqlite | Postgres, sandbox: Sandbox, tmp_path) -> None:
    """Hundreds of tests log the same phones in at the same minute of a clock that stands still."""
    for round_ in ("first", "second"):
        with prepared.fresh() as url, opened(url, tmp_path / round_, sandbox) as world:
            _log_in(world, 60)


def _log_in(world: World, times: int) -> None:
    world.at(datetime(2027, 3, 1, 1, tzinfo=UTC))
    for _ in range(times):
        world.login("管正平")
