"""Plans as files: solve a matching instance, and check a plan without trusting whoever made it (docs/matching.md)."""

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import click

from rules.matching.instance import Instance, InstanceError, canonical_json
from rules.matching.market import WHY_NOT, InfeasiblePins
from rules.matching.plan import Plan, PlanError
from rules.matching.solve import solve as make_plan
from rules.matching.solvers import NAMES, SCIPY, NoSuchSolver, minimiser
from rules.matching.verify import verify as objections_to
from web.host import Refusing
from web.strict_json import BadJson, loads

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MANY = 20_000


class Unreadable(click.ClickException):
    """A file that cannot be read as what it should be: exit status 2."""

    exit_code = 2


@click.group(cls=Refusing)
def plans() -> None:
    """Plans of matching as files (docs/matching.md). Status: 0 done, 1 refused or not proved, 2 unreadable file."""


@plans.command("solve")
@click.argument("instance", type=FILE)
@click.argument("plan", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--solver", type=click.Choice(NAMES), default=SCIPY, show_default=True, help="Both give the same bytes.")
def solve(instance: Path, plan: Path, solver: str) -> None:
    """Compute the plan of INSTANCE and write it to PLAN, as canonical JSON: the same bytes wherever it is done."""
    game = _instance(instance)
    try:
        minimise = minimiser(solver)
        made = make_plan(game, minimise, _teller(game))
    except InfeasiblePins as error:
        _refuse_pins(game, error)
    except NoSuchSolver as error:
        raise click.ClickException(str(error)) from error
    _write(plan, canonical_json(made.to_json()) + b"\n")
    reasons = Counter(pair.reason for pair in made.pairs)
    told = "、".join(f"{code} {reasons[code]}" for code in sorted(reasons))
    click.echo(
        f"覆盖 {_coverage(made)}，配对 {len(made.pairs)}（{told or '无'}），让位 {len(made.holds)}，"
        f"总分 {made.score:,}，摘要 {made.digest}"
    )


@plans.command("verify")
@click.argument("instance", type=FILE)
@click.argument("plan", type=FILE)
def verify(instance: Path, plan: Path) -> None:
    """Check PLAN against INSTANCE with nothing but integers, no solver; say every objection, fail if there is one."""
    game = _instance(instance)
    try:
        made = Plan.from_json(_json(plan))
    except PlanError as error:
        raise Unreadable(f"{plan.name}：{error}") from error
    objections = objections_to(game, made)
    for objection in objections:
        click.echo(objection, err=True)
    if objections:
        raise click.ClickException(f"方案未获证明：{len(objections)} 项异议")
    click.echo(f"ok: 覆盖 {_coverage(made)}，配对 {len(made.pairs)}，实例 {game.digest()}，方案 {made.digest}")


def _coverage(made: Plan) -> str:
    towns = f"{made.covered}/{made.maximum}"
    return towns if made.county_covered is None else f"{towns}，县级另 {made.county_covered}/{made.county_maximum}"


def _instance(path: Path) -> Instance:
    try:
        return Instance.from_json(_json(path))
    except InstanceError as error:
        raise Unreadable(f"{path.name}：{error}") from error


def _json(path: Path) -> Any:
    try:
        return loads(path.read_bytes())
    except (BadJson, OSError) as error:
        raise Unreadable(f"{path.name}：{error}") from error


def _refuse_pins(game: Instance, error: InfeasiblePins) -> NoReturn:
    ids = zip(game.pins.person, game.pins.need, strict=True)
    rows = {(game.people.id[person], game.needs.id[need]): row for row, (person, need) in enumerate(ids)}
    lines = [f"pins[{rows[p, n]}]：{p} → {n} {WHY_NOT[why]}" for p, n, why in error.pins]
    raise click.ClickException("人工指定无法全部满足\n" + "\n".join(lines)) from error


def _teller(game: Instance) -> Any:
    """Say on standard error what is being done, where it takes long enough to wonder."""
    start = time.monotonic()

    def tell(stage: str) -> None:
        if len(game.pairs.person) >= MANY:
            click.echo(f"{time.monotonic() - start:7.1f} 秒  {stage}", err=True)

    return tell


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise click.ClickException(f"{path.name}：{error.strerror}") from error


COMMANDS: tuple[click.Command, ...] = (plans,)
