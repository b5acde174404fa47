"""Install a lock file with pip, several parts of it at once: most of an install is one core reading indexes.

The lock names every package, so no part needs another one to know what to install. The standard library is enough.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes", "-r")


def parts(lock: str, count: int) -> list[str]:
    """Split the entries of a lock file among so many parts; an entry is a package with its hashes."""
    entries = [entry for entry in re.split(r"(?m)^(?=\S)", lock) if entry.strip()]
    return [text for n in range(count) if (text := "".join(entries[n::count]))]


def main() -> int:
    """Install the lock file that is named; gives 0 when every part was installed."""
    lock = Path(sys.argv[1]).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number, text in enumerate(parts(lock, min(4, os.cpu_count() or 1))):
            part = Path(folder) / f"{number}.lock"
            part.write_text(text, encoding="utf-8")
            running.append(subprocess.Popen([*PIP, str(part)]))  # noqa: S603
        return max(one.wait() for one in running)


if __name__ == "__main__":
    sys.exit(main())
