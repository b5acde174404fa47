"""OR-tools as a minimiser: exact integers, for a whole province. Optional, imported by `solvers` alone."""

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from rules.matching.flow import Network
from rules.matching.market import Ints


def minimise(network: Network, cost: Ints, supply: Ints) -> Ints:
    """Minimise by cost scaling. What it cannot carry (costs too large for it) it leaves to the cancelling of cycles."""
    solver = SimpleMinCostFlow()
    most = np.minimum(network.capacity, 2**40)
    arcs = solver.add_arcs_with_capacity_and_unit_cost(network.tail, network.head, most, cost)
    solver.set_nodes_supplies(np.arange(network.nodes), supply)
    if not len(arcs) or solver.solve() != solver.OPTIMAL:
        return np.zeros(len(cost), dtype=np.int64)
    return np.asarray(solver.flows(arcs), dtype=np.int64)
