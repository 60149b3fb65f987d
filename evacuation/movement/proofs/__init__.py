"""Movement's verification cases, used by `anlan verify movement` and by the tests: every bound and its source, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from evacuation.movement.proofs import city, exact, paradise, planned, real
from evacuation.movement.proofs.fixed_paths import against_uxsim
from twin.proof import Proof, Reference

ARITHMETIC = "exact: known by arithmetic"
SAME = "exact: nothing may differ"
ROUNDING = "assumed: rounding of float64, far below a second"
SHARES = "assumed: one car more or less in ten minutes"
PROVEN = (
    "proven: no flow is faster than temporally repeated flow (Ford and Fulkerson 1958), one car more a link that binds"
)
EXPANDED = (
    "proven: no plan is faster than a maximum flow in time-expanded roads, times and capacities rounded to its side"
)
GRIDS = "forty grids with random lengths, capacities, homes and departures"
TOWN = "a town that leaves: dry, flooded, under a cloud, with lanes reversed and a block held back, with people in care"
BESIDE = "reported beside the bounded row"

FIRE = (
    "a ridge with 21,500 cars whose ways out close as a fire comes; "
    "published: 7.58 h fall to 7.25 h with information, p 0.03 (5 + 5 runs)"
)
CROWDED = (
    "a city of 200,000 cars, 2,500 junctions, 4,900 roads and 16 shelters, by the measures that a scenario can ask for"
)
REAL = "the roads of OpenStreetMap, everybody told to leave, the west in water from half an hour on"

ONE_TO_TWO = "arrivals at 1/s, service at 1/2 s"
ONE_BLOCK = "a town of which one block leaves"

Run = Callable[[Reference], float | Mapping[str, float]]


def row(
    id: str,
    metric: str,
    unit: str,
    op: str,
    bound: float | None,
    source: str,
    run: Run,
    bound_from: str,
    figure: str = "",
    reason: str = BESIDE,
    data: str = "",
) -> Proof:
    """Return one row; without a bound the value is only reported."""
    said = reason if bound is None else None
    return Proof(id, metric, unit, op, bound, source, run, figure=figure, data=data, reason=said, bound_from=bound_from)


PROOFS: tuple[Proof, ...] = (
    row("movement/people", "largest gap between end states and population", "persons", "<=", 0.0, TOWN, city.people, SAME),
    row("movement/capacity", "most passed in a minute over capacity, less one car", "1", "<=", 1.0 + 1e-9,
        "a crowded uneven grid", exact.capacity, ARITHMETIC),
    row("movement/queue", "largest error of arrivals behind a bottleneck", "s", "<=", 1e-6,
        ONE_TO_TWO, exact.queue, ROUNDING, "room"),
    row("movement/queue-spillback", "the same where the queue spills back to its homes", "s", "<=", 1e-6,
        ONE_TO_TWO, exact.queue, ROUNDING, "spillback"),
    row("movement/merge", "largest error of the flows of two links into one", "s-1", "<=", 0.002,
        "shares by capacity: 2/3 and 1/3 of 0.6/s", exact.merge, SHARES),
    row("movement/link-fd", "relative error of the flow that room holds back", "1", "<=", 1e-9,
        "storage over the times of a car and of a gap", exact.link_fd, ROUNDING),
    row("movement/fifo", "links found with anybody out of the order of coming", "1", "<=", 0.0,
        "a crowded uneven grid, looked at each 5 s", exact.fifo, SAME),
    row("movement/spillback", "relative error of the speed of a queue's tail", "1", "<=", 0.02,
        "the shock of the triangular diagram", exact.spillback, SHARES, "tail"),
    row("movement/spillback-start", "relative error of the speed at which a queue starts", "1", "<=", 0.02,
        "gaps that travel back at 5 m/s", exact.spillback, "assumed: looked at each half second of 40", "start"),
    row("movement/step", "largest relative change of T95 when the time between decisions halves", "1", "<=", 0.02,
        "three crowded grids, ways renewed each 60 s and each 30 s", exact.step, "set by the task"),
    *(row(f"movement/{case}", "relative difference of mean travel times", "1", "<=", 0.10, f"UXsim 1.15.1, {what}, the same fixed paths",
          partial(against_uxsim, case), "set by the task")
      for case, what in (("sioux-falls", "57,471 cars"), ("grid-10k", "9,930 cars"), ("grid-50k", "49,661 cars"))),
    row("movement/grid-200k", "relative difference of mean travel times", "1", "<=", None, "UXsim 1.15.1, the same fixed paths",
        partial(against_uxsim, "grid-200k"), "", reason="reported: set by the task"),
    row("movement/bound", "least ratio of T95 to its bound", "1", ">=", 1.0, GRIDS, exact.bound, PROVEN, "least"),
    row("movement/bound-median", "median ratio of T95 to its bound", "1", ">=", None, GRIDS, exact.bound, PROVEN, "median"),
    row("movement/bound-town", "least ratio of T95 to its bound", "1", ">=", 1.0, TOWN, city.bound, PROVEN, "any"),
    row("movement/bound-departures", "least ratio of T95 to the bound with people who leave home when they do", "1", ">=", 1.0,
        TOWN, city.bound, EXPANDED, "departures"),
    row("movement/bound-expanded", "least ratio of T95 to the time-expanded bound", "1", ">=", 1.0, GRIDS, exact.bound, EXPANDED,
        "expanded"),
    row("movement/bound-expanded-median", "median ratio of T95 to the time-expanded bound", "1", ">=", None, GRIDS, exact.bound,
        EXPANDED, "expanded_median"),
    row("movement/bound-gap", "T95 over its bound with approaches by plan and the best release found", "1", "<=", 1.15, CROWDED,
        planned.gap, "set by the task", "planned"),
    row("movement/bound-gap-unsearched", "the same with everybody to the nearest shelter", "1", "<=", None, CROWDED, planned.gap, "",
        "unsearched"),
    row("movement/bound-gap-at-once", "the same with approaches by plan, all zones released at once", "1", "<=", None,
        CROWDED, planned.gap, "", "assigned"),
    row("movement/assignment", "difference of costs from the optimum of OR-tools", "1", "<=", 0.0,
        "900 zones, 100 shelters: OR-tools 9.15 SimpleMinCostFlow", exact.assignment, SAME, "ortools"),
    row("movement/assignment-networkx", "difference of costs from the optimum of networkx", "1", "<=", 0.0,
        "60 zones, 12 shelters: network simplex", exact.assignment, SAME, "networkx"),
    row("movement/assignment-places", "people without a place, and above the places", "persons", "<=", 0.0,
        "900 zones, 100 shelters", exact.assignment, SAME, "left_out"),
    row("movement/no-effect", "largest change of any figure when unused roads close", "1", "<=", 0.0,
        ONE_BLOCK, city.no_effect, SAME, "difference"),
    row("movement/no-effect-roads", "roads that nobody uses and that are closed", "1", ">=", 1.0,
        ONE_BLOCK, city.no_effect, "else nothing is shown", "roads"),
    row("movement/reopening", "error of the arrival of one stopped half way", "s", "<=", 1e-6,
        "a road on which nothing moves for 590 s", exact.reopening, ROUNDING),
    row("movement/dose", "largest error of the toxic load on the way", "1", "<=", 1e-9,
        "a steady cloud over all of the town", city.dose, ROUNDING),
    row("movement/threads", "largest difference between one thread and all", "1", "<=", 0.0, TOWN, city.threads, SAME),
    row("movement/restart", "largest difference between a split and a whole run", "1", "<=", 0.0,
        "the flooded town, thin cloud, buses, rescue, bulletins, ways kept to: split at half its time", city.restart, SAME),
    *(row(f"movement/paradise{name}", metric, "1", "<=", None, FIRE, paradise.effects, "", figure,
          reason="reported: the network of Paradise is not at hand, a ridge of its size stands for it")
      for name, metric, figure in (
        ("", "change of the time until 90 % have arrived when nine in ten know the roads, not two", "information"),
        ("-p", "its p over five seeds", "information_p"),
        ("-phasing", "change when zones leave a quarter of an hour after one another", "phasing"),
        ("-phasing-p", "its p over five seeds", "phasing_p"))),
    *(r for place in real.PLACES for r in (
        row(f"movement/{place}", "largest gap between end states and population", "persons", "<=", 0.0, REAL,
            partial(real.run, place), SAME, "gap", data=real.PLACES[place].folder),
        row(f"movement/{place}-arrived", "share of those who leave that arrives within three hours", "1", ">=", None, REAL,
            partial(real.run, place), "", "arrived", reason="reported: shelters and water are assumed", data=real.PLACES[place].folder))),
)  # fmt: skip
