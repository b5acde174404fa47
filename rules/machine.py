"""State machines as data: which moves exist, from where to where, who may make them, and whether a reason is due."""

from collections.abc import Iterable
from dataclasses import dataclass

SYSTEM = "system"


@dataclass(frozen=True)
class Move:
    """One move of a machine (R-NEED-2).

    :param by: the roles that may make it; ``system`` stands for jobs and for other commands.
    :param not_by: earlier moves (or ``create``) whose maker may not make this one (separation of duties).
    """

    name: str
    sources: frozenset[str]
    target: str
    by: frozenset[str]
    reason: bool = False
    not_by: frozenset[str] = frozenset()


def move(
    name: str, sources: set[str], target: str, *, by: set[str], reason: bool = False, not_by: Iterable[str] = ()
) -> Move:
    """Declare one move in a line."""
    return Move(name, frozenset(sources), target, frozenset(by), reason, frozenset(not_by))


@dataclass(frozen=True)
class Machine:
    """All the states of a thing and all moves between them; no other move is possible."""

    thing: str
    title: str
    start: str
    moves: tuple[Move, ...]

    def move(self, name: str) -> Move:
        """Give the move of that name.

        :raises KeyError: if the machine has no such move.
        """
        for one in self.moves:
            if one.name == name:
                return one
        raise KeyError(f"{self.thing}.{name}")

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the starting one first."""
        names = [self.start]
        for one in self.moves:
            names += [state for state in (*sorted(one.sources), one.target) if state not in names]
        return tuple(names)

    def mermaid(self) -> str:
        """Draw the machine as a Mermaid state diagram (docs/states.md is made of these)."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        for one in self.moves:
            note = f"{one.name} ({', '.join(sorted(one.by))})" + (" + reason" if one.reason else "")
            lines += [f"    {source} --> {one.target}: {note}" for source in sorted(one.sources)]
        return "\n".join(lines)
