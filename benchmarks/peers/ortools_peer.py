"""Assign shelters with OR-tools: `python ortools_peer.py FOLDER`; reads people (zone,), cost (zone, shelter), places (shelter,)
of job.npz and writes the optimal cost to result.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ortools.graph.python import min_cost_flow


def main(folder: Path) -> None:
    """Solve the problem and write what it costs."""
    job = np.load(folder / "job.npz")
    people, cost, places = job["people"], job["cost"], job["places"]
    zones, shelters = cost.shape
    z, s = (k.ravel() for k in np.indices(cost.shape))
    flow, end = min_cost_flow.SimpleMinCostFlow(), zones + shelters
    flow.add_arcs_with_capacity_and_unit_cost(z, zones + s, np.full(cost.size, int(people.sum())), cost.ravel())
    last = zones + np.arange(shelters)
    flow.add_arcs_with_capacity_and_unit_cost(last, np.full(shelters, end), places, np.zeros(shelters, int))
    flow.set_nodes_supplies(np.arange(zones), people)
    flow.set_node_supply(end, -int(people.sum()))
    if flow.solve() != flow.OPTIMAL:
        sys.exit("no optimum was found")
    (folder / "result.json").write_text(json.dumps({"cost": flow.optimal_cost()}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
