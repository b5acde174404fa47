"""Make the documents that come from code: `make docs` writes them, `--check` names those that are stale."""

import sys
from collections.abc import Callable
from pathlib import Path

from scripts import drawings, policy

ROOT = Path(__file__).parent.parent
DOCUMENTS: dict[str, Callable[[Path], str]] = {
    "states.md": drawings.states,
    "problems.md": drawings.problems,
    "jobs.md": drawings.jobs,
    "data.md": drawings.data,
    "policy.md": policy.document,
    "openapi.json": drawings.openapi,
}


def stale(folder: Path, root: Path = ROOT) -> list[str]:
    """Name the documents of a folder that are missing or not what the code says now."""
    kept = {name: (folder / name).read_text(encoding="utf-8") if (folder / name).exists() else "" for name in DOCUMENTS}
    return [name for name, make in DOCUMENTS.items() if make(root) != kept[name]]


def write(folder: Path, root: Path = ROOT) -> None:
    """Write every document."""
    for name, make in DOCUMENTS.items():
        (folder / name).write_text(make(root), encoding="utf-8")


def main() -> int:
    """Write the documents, or with `--check` compare them; gives the exit status."""
    folder = ROOT / "docs"
    if sys.argv[1:] != ["--check"]:
        write(folder)
        return 0
    if found := stale(folder):
        print(f"stale: {', '.join('docs/' + name for name in found)} (run `make docs`)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
