"""The verification cases of the chain between hazards: on a city so small that arithmetic knows the answer.

What one hazard gives reaches the next as it is: water shuts a road and lifts a tank, a cloud finds people where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scenarios.chain import cloud, water
from twin.proof import Proof, Reference

ARITHMETIC = "exact: known by arithmetic"
MOMENTS = "exact: moments are those of the output step"
ROUNDING = "assumed: rounding of fields that are kept in float32"
PIT = "a pit of one cell into which water is poured: depth = inflow x time / area"
STEADY = "a cloud of a known dose rate that stands for a known time"

Run = Callable[[Reference], float | Mapping[str, float]]


def row(
    id: str, metric: str, unit: str, op: str, bound: float, source: str, run: Run, bound_from: str, figure: str
) -> Proof:
    """Return one row of the table; `figure` names what it takes of several that one case measures, and ends its id."""
    return Proof(f"chain/{id}/{figure}", metric, unit, op, bound, source, run, figure=figure, bound_from=bound_from)


PROOFS = (
    row("flood-roads", "depth on the road, error", "m", "<=", 1e-6, PIT, water.roads, ROUNDING, "depth"),
    row("flood-roads", "moment the road shuts, error", "s", "<=", 0.0, PIT, water.roads, MOMENTS, "closure"),
    row("flood-roads", "arrivals before and after closures, error", "s", "<=", 1e-4, PIT, water.roads, ROUNDING, "arrivals"),
    row("flood-roads", "persons stopped by the water, error", "persons", "<=", 0.0, PIT, water.roads, ARITHMETIC, "stranded"),
    row("flood-tank", "moment the tank leaks, error", "s", "<=", 0.0, PIT, water.tank, MOMENTS, "begins"),
    row("flood-tank", "gas in the air before", "kg m-3", "<=", 0.0, PIT, water.tank, ARITHMETIC, "before"),
    row("flood-tank", "gas in the air after", "kg m-3", ">=", 1e-6, PIT, water.tank, "assumed: far above nothing", "after"),
    row("flood-tank", "tasks known before the leak", "1", "<=", 0.0, PIT, water.tank, ARITHMETIC, "early"),
    row("flood-tank", "tasks known from the leak on", "1", ">=", 1.0, PIT, water.tank, ARITHMETIC, "tasks"),
    row("cloud-people", "load on the way, error", "1", "<=", 1e-9, STEADY, cloud.people, ARITHMETIC, "on_way"),
    row("cloud-people", "load at home, error", "1", "<=", 1e-6, STEADY, cloud.people, ROUNDING, "at_home"),
    row("cloud-people", "people in the cloud, error", "persons", "<=", 1e-6, STEADY, cloud.people, ROUNDING, "persons"),
    row("cloud-people", "load at the venue, error", "1", "<=", 1e-9, STEADY, cloud.people, ARITHMETIC, "venue"),
)  # fmt: skip
