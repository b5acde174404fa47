"""The clock of the rules. Leases, timeouts and ids use real time and never this."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """Gives the time that the rules see: real time, plus in development a stored offset that all processes share."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def now(self) -> datetime:
        """Give the rules' time, aware, in UTC."""
        return datetime.now(UTC) + self.offset()

    def offset(self) -> timedelta:
        """Give the stored offset; zero outside development."""
        if self._path is None:
            return timedelta()
        try:
            return timedelta(seconds=json.loads(self._path.read_text())["offset_s"])
        except FileNotFoundError:
            return timedelta()

    def set(self, now: datetime | None) -> None:
        """Move the clock so that it shows `now` from here on; None returns it to real time.

        :raises RuntimeError: outside development.
        """
        if self._path is None:
            raise RuntimeError("the clock moves in development only")
        if now is None:
            self._path.unlink(missing_ok=True)
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"offset_s": (now - datetime.now(UTC)).total_seconds()}))
        fresh.replace(self._path)
