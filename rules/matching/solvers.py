"""Who may propose flows, by name. Whoever does, the plan is the same to the byte (R-MATCH-2)."""

from importlib import import_module

from rules.matching.flow import Minimiser, scipy_minimise

SCIPY, ORTOOLS = "scipy", "ortools"
NAMES = (SCIPY, ORTOOLS)


class NoSuchSolver(LookupError):
    """A solver that is not installed; the message says how to get it."""


def minimiser(name: str = SCIPY) -> Minimiser:
    """Give a solver by name; SciPy is always there, OR-tools is an extra.

    :raises NoSuchSolver: where it is not installed.
    """
    if name == SCIPY:
        return scipy_minimise
    try:
        found: Minimiser = import_module(f"rules.matching.{name}").minimise
    except ImportError as error:
        raise NoSuchSolver(f"没有安装 {name}：用 pip install 'ortools>=9.15' 安装，或改用 {SCIPY}") from error
    return found
