"""The network by which floors are filled, as SciPy's maximum flow reads it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import maximum_flow

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """Who has capacity, which needs have places, what townships lack to their floors, and counties beyond.

    `township` is of each need, `county` of each township, empty where counties ask for nothing.
    """

    capacity: Ints
    places: Ints
    gap: Ints
    township: Ints
    county: Ints
    county_gap: Ints


def network(wanted: Wanted, person: Ints, need: Ints) -> csr_array:
    """Build source → county → township → need (places) → person (1) → sink (capacity), without arcs of capacity 0.

    The source leads to townships by their gap and to counties by theirs. Nodes: people, needs, townships, counties,
    source, sink.

    :param person, need: the pairs that may be made.
    """
    capacity, places, gap, township = wanted.capacity, wanted.places, wanted.gap, wanted.township
    county, county_gap = wanted.county, wanted.county_gap
    people, needs = len(capacity), len(places)
    first = people + needs
    counties = first + len(gap)
    source = counties + len(county_gap)
    wanting, able, asking = (np.flatnonzero(left > 0) for left in (gap, capacity, county_gap))
    some = gap > 0
    inside = np.flatnonzero((county_gap > 0)[county]) if len(county) else county
    some[inside] = True
    seats = np.flatnonzero((places > 0) & some[township])
    arcs = (
        (np.full(len(wanting), source), first + wanting, gap[wanting]),
        (np.full(len(asking), source), counties + asking, county_gap[asking]),
        (counties + county[inside], first + inside, county_gap[county[inside]]),
        (first + township[seats], people + seats, places[seats]),
        (people + need, person, np.ones_like(person)),
        (able, np.full(len(able), source + 1), capacity[able]),
    )
    tail, head, size = (np.concatenate(column) for column in zip(*arcs, strict=True))
    return csr_array(coo_array((size.astype(np.int32), (tail, head)), shape=(source + 2, source + 2)))


def counted(indexes: Ints, values: Ints, length: int) -> Ints:
    """Add values up by index, in integers."""
    found = np.zeros(length, dtype=np.int64)
    np.add.at(found, indexes, values)
    return found


def fillable(wanted: Wanted, person: Ints, need: Ints) -> Ints:
    """Give how much of its townships' gaps each county could fill at the most, had it everybody for itself."""
    counties, county, township = len(wanted.county_gap), wanted.county, wanted.township
    rows = np.flatnonzero((wanted.gap > 0)[township[need]])
    if not len(rows):
        return np.zeros(counties, dtype=np.int64)
    who, own = np.unique(person[rows] * counties + county[township[need[rows]]], return_inverse=True)
    nothing = np.zeros(0, dtype=np.int64)
    each = replace(wanted, capacity=wanted.capacity[who // counties], county=nothing, county_gap=nothing)
    graph = network(each, own, need[rows])
    source, first = graph.shape[0] - 2, len(who) + len(wanted.places)
    flow = csr_array(maximum_flow(graph, source, source + 1).flow[[source], :]).tocoo()
    return counted(county[flow.coords[1] - first], flow.data, counties)
