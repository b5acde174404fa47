"""What a whole, certified plan costs beside what people usually reach for (`make bench`, issue 5, point 10).

Each contender runs in a process of its own on the same generated round: processor time (least of some repetitions) and
memory above the loaded round. The whole plan is everything from the loaded round on: opening the market, all tiers,
certificate, witnesses, digest, and the reasons of all its pairs, of all lost claims and of every eligible pair. Beside
it stand a bare min-cost flow that knows score alone (OR-tools, HiGHS), a greedy list by score, deferred acceptance by
the package `matching`, and SciPy's assignment on places made single. What each of them gives is counted the same way:
coverage, score below the optimum, mutual choices passed over without a witness, one person twice at one need.

`python -m bench.matching city city-key city-large province province-key`; without names the first three.
Ends with 1 where a plan is not proved, solvers differ in a byte, or anybody is passed over without a witness.
"""

import gc
import multiprocessing
import re
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import coo_array, csr_array

from bench.rounds import SIZES, generate, infeasible, withdrawn, within_counties
from rules.matching.choice import choose
from rules.matching.explain import spread
from rules.matching.instance import Instance
from rules.matching.market import open_market
from rules.matching.reading import Reading
from rules.matching.reasons import Ledger
from rules.matching.solve import settle, solve
from rules.matching.solvers import ORTOOLS, SCIPY, minimiser
from rules.matching.verify import verify

USUAL = ("city", "city-key", "city-large")
SLOW_PAIRS, SLOWEST_PAIRS = 20_000, 900_000
HIGHS_PAIRS = 700_000
LIMIT_S = 280
GOALS = {"city": 2, "city-large": 0.5, "province": 0.6, "city-key": 8, "province-key": 6}
"""How many times the bare flow's time a whole plan with all reasons may take (issue 5, point 10; key rounds: §4)."""
GOAL_MB = 120


@dataclass
class Measured:
    """What one contender took, and what it found."""

    seconds: float
    megabytes: float
    found: object


def _resident(name):
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024


def _child(work, repeat, send):
    warnings.simplefilter("ignore")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before, times = _resident("VmRSS"), []
    for _ in range(repeat):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    send.send(Measured(min(times), max(0, _resident("VmHWM") - before), found))


def measure(work, repeat):
    """Run some work in a fork, and give least processor time and peak memory above what was there.

    What the bench itself holds (a judge with dictionaries over all pairs) is frozen, so that no contender pays for the
    collector walking through it, and copying its pages after the fork.
    """
    gc.collect()
    gc.freeze()
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(work, repeat, send))
    process.start()
    found = receive.recv() if receive.poll(LIMIT_S) else None
    process.kill()
    process.join()
    return found


# ---- the contenders ----


class Flow:
    """The bare min-cost flow: coverage, then score, as a network of arcs."""

    def __init__(self, game: Instance) -> None:
        people, needs, towns = len(game.people.id), len(game.needs.id), len(game.townships.code)
        self.person, self.need, score = (np.array(c) for c in (game.pairs.person, game.pairs.need, game.pairs.score))
        sink, slots = 1 + people + needs + towns, int(sum(game.people.capacity))
        p, n, t = np.arange(people), np.arange(needs), np.arange(towns)
        weight = (min(slots, sum(game.needs.places)) + 1) * int(score.max())
        self.nodes = sink + 1
        self.tail = np.concatenate(
            [0 * p, 1 + self.person, 1 + people + n, 1 + people + needs + t, 1 + people + needs + t, [0]]
        )
        self.head = np.concatenate(
            [
                1 + p,
                1 + people + self.need,
                1 + people + needs + np.array(game.needs.township),
                0 * t + sink,
                0 * t + sink,
                [sink],
            ]
        )
        ones = np.ones_like(score)
        parts = [game.people.capacity, ones, game.needs.places, game.townships.floor, 0 * t + slots, [slots]]
        self.capacity = np.concatenate([np.array(part, dtype=np.int64) for part in parts])
        self.cost = np.concatenate([0 * p, -score, 0 * n, 0 * t - weight, 0 * t, [0]])
        self.rows = slice(people, people + len(score))
        self.supply = np.zeros(self.nodes, dtype=np.int64)
        self.supply[[0, sink]] = slots, -slots

    def links(self, flow):
        taken = np.flatnonzero(np.asarray(flow)[self.rows] > 0.5)
        return list(zip(self.person[taken].tolist(), self.need[taken].tolist(), strict=True))


def bare_ortools(game):
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    flow, solver = Flow(game), SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(flow.tail, flow.head, flow.capacity, flow.cost)
    solver.set_nodes_supplies(np.arange(flow.nodes), flow.supply)
    if solver.solve() != solver.OPTIMAL:
        raise RuntimeError
    return flow.links(solver.flows(arcs))


def bare_highs(game):
    flow = Flow(game)
    arcs = np.arange(len(flow.cost))
    ends = (np.concatenate([flow.tail, flow.head]), np.concatenate([arcs, arcs]))
    signs = np.concatenate([np.ones(len(arcs)), -np.ones(len(arcs))])
    balance = csr_array(coo_array((signs, ends), shape=(flow.nodes, len(arcs))))
    bounds = np.column_stack([np.zeros(len(arcs)), flow.capacity])
    cost = flow.cost / 1e4
    return flow.links(linprog(cost, A_eq=balance, b_eq=flow.supply, bounds=bounds, method="highs-ds").x)


def greedy(game):
    free, room, taken = list(game.people.capacity), list(game.needs.places), []
    rows = sorted(zip(game.pairs.score, game.pairs.person, game.pairs.need, strict=True), reverse=True)
    for _, p, n in rows:
        if free[p] and room[n]:
            free[p], room[n] = free[p] - 1, room[n] - 1
            taken.append((p, n))
    return taken


def assignment(game):
    """SciPy's assignment, each unit of capacity a row and each place a column."""
    rows, columns = (np.repeat(np.arange(len(c)), c) for c in (game.people.capacity, game.needs.places))
    worth = np.zeros((len(game.people.id), len(game.needs.id)))
    worth[list(game.pairs.person), list(game.pairs.need)] = game.pairs.score
    one, other = linear_sum_assignment(worth[np.ix_(rows, columns)], maximize=True)
    links = zip(rows[one].tolist(), columns[other].tolist(), strict=True)
    return [(p, n) for p, n in links if worth[p, n] > 0]


def acceptance(wishes, capacity, places):
    return choose(wishes, capacity, places)


def package_matching(wishes, capacity, places):
    """Deferred acceptance by `matching`: it knows no capacity of people, so each unit is somebody of their own."""
    from matching.games import HospitalResident

    ranks = {}
    for person, wanted in enumerate(wishes):
        for need, rank in wanted:
            ranks.setdefault(need, []).append((rank, person))
    units = {p: [(p, unit) for unit in range(capacity[p])] for p, wanted in enumerate(wishes) if wanted and capacity[p]}
    residents = {unit: [n for n, _ in wishes[p]] for p, mine in units.items() for unit in mine}
    hospitals = {n: [unit for _, p in sorted(group) for unit in units.get(p, ())] for n, group in ranks.items()}
    game = HospitalResident.create_from_dictionaries(residents, hospitals, {n: places[n] for n in hospitals})
    return sorted((unit.name[0], n.name) for n, group in game.solve().items() for unit in group)


def whole(game, solver):
    """Make the plan and every reason there is, from a round that is only loaded."""
    market = open_market(game)
    plan = settle(market, minimiser(solver))
    ledger = Ledger(market, plan)
    pairs, lost = ledger.pairs(), ledger.lost()
    return plan, len(pairs) + len(lost), len(spread(market, (*pairs, *lost)))


# ---- what they found, counted alike ----


class Judge:
    """Counts what a list of pairs is worth, whoever made it."""

    def __init__(self, game: Instance) -> None:
        self.game, self.reading = game, Reading(game)
        self.optimum = None

    def points(self, links):
        return sum(self.reading.points[link] for link in set(links))

    def covered(self, links):
        came = Counter(self.reading.township[n] for _, n in set(links))
        return sum(min(floor, came[t]) for t, floor in self.reading.floor.items())

    def passed_over(self, links):
        """Give mutual claims whose two sides would both rather have each other than what they got."""
        reading, last = self.reading, len(self.reading.turn)
        turns, ranks = {}, {}
        for link in set(links):
            turns.setdefault(link[0], []).append(reading.turn.get(link, last))
            ranks.setdefault(link[1], []).append(reading.rank.get(link, last))
        found, taken = set(), set(links)
        for (p, n), turn in reading.turn.items():
            mine, seats = turns.get(p, []), ranks.get(n, [])
            wants = len(mine) < reading.capacity[p] or (mine and turn < max(mine))
            welcome = len(seats) < reading.places[n] or (seats and reading.rank[p, n] < max(seats))
            if wants and welcome and (p, n) not in taken:
                found.add((p, n))
        return found

    def line(self, links, witnesses):
        below = "" if not self.optimum else f"{100 - 100 * self.points(links) / self.optimum:5.1f}"
        passed = self.passed_over(links)
        unproved = len(passed - witnesses)
        twice = len(links) - len(set(links))
        text = f"{self.covered(links):>6} {below:>6} {len(passed):>6} {unproved:>8} {twice:>5}"
        return text, unproved


def _pairs_of(plan):
    return [(pair.person, pair.need) for pair in plan.pairs]


class Bench:
    """One round, every contender."""

    def __init__(self, name: str) -> None:
        self.name, self.faults = name, []
        self.game = generate(name)
        self.pairs = len(self.game.pairs.person)
        self.repeat = 25 if self.pairs < SLOW_PAIRS else 5
        self.judge = Judge(self.game)

    def run(self):
        game = self.game
        size = f"{len(game.townships.code):,} × {len(game.people.id):,} × {len(game.needs.id):,}"
        print(f"\n{self.name}: {size}, {self.pairs:,} pairs, {len(game.claims.person):,} claims")
        print(f"{'':34}{'s':>9} {'× bare':>7} {'MB':>6}  cover below% passed unproved twice")
        bare = measure(partial(bare_ortools, game), self.repeat)
        self.judge.optimum, self.bare = self.judge.points(bare.found), bare.seconds
        self.row("bare flow by score, OR-tools", bare, bare.found)
        if self.pairs < HIGHS_PAIRS:
            self.peer("bare flow by score, HiGHS", bare_highs)
        self.peer("greedy by score", greedy)
        if self.pairs < SLOW_PAIRS:
            self.peer("assignment of single places, SciPy", assignment)
        self.choice()
        plans = self.plans()
        self.proofs(plans)

    def peer(self, title, work):
        measured = measure(partial(work, self.game), self.repeat // 5)
        if measured is None:
            print(f"{title:34}   not done in {LIMIT_S} s")
        else:
            self.row(title, measured, measured.found)

    def row(self, title, measured, links=None, witnesses=frozenset()):
        text, unproved = self.judge.line(links, witnesses) if links is not None else ("", 0)
        ratio = measured.seconds / self.bare
        print(f"{title:34}{measured.seconds:>9.4f} {ratio:>6.2f}× {measured.megabytes:>6.0f} {text}", flush=True)
        return unproved

    def choice(self):
        market = open_market(self.game)
        parts = market.wishes, market.capacity.tolist(), market.places.tolist()
        own = measure(partial(acceptance, *parts), 100)
        self.row("deferred acceptance alone", own, own.found)
        if self.pairs < SLOW_PAIRS:
            peer = measure(partial(package_matching, *parts), 10)
            self.row("the same by `matching`", peer, peer.found)
            print(f"{'':34}`matching` takes {peer.seconds / own.seconds:.0f} × the time (goal: at least 80)")

    def plans(self):
        plans = {}
        for solver in (ORTOOLS, SCIPY):
            if solver == SCIPY and self.name == "province-key":
                continue  # many flows after one another: what OR-tools is for
            measured = measure(partial(whole, self.game, solver), self.repeat if solver == ORTOOLS else 1)
            if measured is None:
                print(f"{'whole plan, ' + solver:34}   not done in {LIMIT_S} s")
                continue
            plan, told, coded = measured.found
            plans[solver] = plan
            witnesses = {(one.person, one.need) for one in plan.witnesses}
            if self.row(f"whole plan, all reasons, {solver}", measured, _pairs_of(plan), witnesses):
                self.faults.append(f"{self.name}: somebody passed over without a witness ({solver})")
            if plan.covered != plan.maximum:
                self.faults.append(f"{self.name}: covered {plan.covered} of {plan.maximum}")
            if solver == ORTOOLS:
                self.goal(measured, told, coded)
        if len({plan.digest for plan in plans.values()}) > 1:
            self.faults.append(f"{self.name}: solvers differ")
        return plans

    def goal(self, measured, told, coded):
        """Print the goal beside what was reached."""
        goal, ratio = GOALS.get(self.name), measured.seconds / self.bare
        print(f"{'':34}{told:,} reasons with facts, {coded:,} codes")
        if goal:
            reached = "reached" if ratio <= goal and measured.megabytes <= GOAL_MB else "NOT reached"
            print(f"{'':34}goal: at most {goal} × the bare flow, {GOAL_MB} MB: {reached}")

    def proofs(self, plans):
        plan = next(iter(plans.values()))
        checked = measure(partial(verify, self.game, plan), 1)
        self.row("verifier, no solver", checked)
        print(f"{'':34}{len(plan.holds)} held, {len(plan.witnesses)} witnesses, digest {plan.digest[:16]}")
        if checked.found:
            self.faults.append(f"{self.name}: {checked.found[0]}")
        if self.pairs < SLOW_PAIRS:
            self.variants(plan)

    def variants(self, plan):
        """A set of townships with one expert, one in a hundred withdrawing, counties with floors: proved, few moved."""
        game = infeasible(self.game)
        other = solve(game)
        print(
            f"{'':34}five townships, one expert: {other.covered}/{other.maximum}, "
            f"{[len(violator.townships) for violator in other.violators]} in want"
        )
        later = withdrawn(self.game, _pairs_of(plan))
        again = solve(later)
        gone = sum(later.people.capacity[p] == 0 for p, _ in _pairs_of(plan))
        lost = len(set(_pairs_of(plan)) - set(_pairs_of(again)))
        print(f"{'':34}after withdrawals of {gone} pairs: {lost - gone} further pairs moved")
        counties = within_counties(self.game)
        whole, same = solve(counties, minimiser(ORTOOLS)), solve(counties)
        asked = sum(counties.counties.floor) - sum(counties.townships.floor)
        print(f"{'':34}five counties that ask for {asked} more: {whole.county_covered} filled")
        self.faults += [] if whole.digest == same.digest else [f"{self.name} counties: solvers differ"]
        for name, made, what in (
            (game, other, "infeasible"),
            (later, again, "withdrawn"),
            (counties, whole, "counties"),
        ):
            self.faults += [f"{self.name} {what}: {text}" for text in verify(name, made)]


def main(names):
    """Run the rounds that are named."""
    faults = []
    for name in names or USUAL:
        if name not in SIZES:
            sys.exit(f"one of {', '.join(SIZES)}")
        bench = Bench(name)
        bench.run()
        faults += bench.faults
    print("\n".join(["", *faults]) if faults else "\nall plans proved, same bytes from every solver")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
