"""Records through servers that are killed while they work."""

from pathlib import Path

import pytest

from bench import kill
from tests.world import World

pytestmark = pytest.mark.one_database


def test_nothing_is_lost_or_doubled_when_servers_are_killed(world: World, tmp_path: Path) -> None:
    """quality.md bar 1, R-VISIT-5: 300 submissions, 10 SIGKILLs, 15 % sent twice; `make kill` does more, on both."""
    outcome = kill.run(world, tmp_path, count=300, kills=10)
    assert outcome.faults == []
    assert (outcome.records, outcome.kills) == (300, 10)
    assert outcome.sendings > 300
