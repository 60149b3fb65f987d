"""The crowd's verification cases, used by `anlan verify crowd` and by the tests: every bound and its source, in one table.

The cases themselves are in the files beside this one. A row without a bound is reported beside the row that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evacuation.crowd.proofs.district import against_persons, alone, one_thread, queue
from evacuation.crowd.proofs.exact import chain, corridor_speed, large_room, squeeze, threads
from evacuation.crowd.proofs.live import street_counts
from evacuation.crowd.proofs.measured import harmless, openings, speed_density
from twin.proof import Proof, Reference

FREE = None  # no bound: the figure is reported, with the reason at the end of its row

# What the figures are held against.
RIMEA_1 = "RiMEA guideline test 1 (IMO 1, NIST 2.1): corridor of 40 m by 2 m at 1.33 m/s"
RIMEA_4 = (
    "RiMEA guideline test 4 in a corridor of 240 m by 5 m whose ends are not felt; free speed 1.3 m/s, 60 s after 10 s"
)
RIMEA_9 = "RiMEA guideline test 9: room of 30 m by 20 m, 1000 adults, four doors of 1 m and two"
COUNTED = "exact: people are neither made nor lost"
ORDERED = "exact: order of sums is fixed"
REST = "reference case E6: a squeezed crowd of 8 persons/m2 in a closed box, step 10 ms and 2.5 ms"
FILE = "reference case E3: ten people in single file, each pushing 201 N; half of what presses from ahead and behind"
RUNS = "HERMES, entrance gate and Lyon runs of the reference folder, all without harm: density of the measured places"
OPENINGS = "HERMES run ao-300 and entrance gate 0.5 m: people between the 20th and 80th percentile per second"
HALL = "exact: a queue passes a door at the largest flow of its width (Weidmann 1993, 1.22 persons/m/s)"
LONE = "exact: 197.5 m at 1.34 m/s"
BOTH = "the form that follows persons: 1200 people, a hall of 40 m by 20 m, a door of 4 m"
STREETS = "Auckland city centre, 21 counters, 2023 to learn and 2024 scored (Heart of the City Auckland, CC BY 4.0)"

# Where a bound comes from.
SPEED_BOUND = "the data's verification cases: within 2 %"
BAND_BOUND = "the data's verification cases: v_p05 to v_p95 of fd_binned uni_open up to 3.4 persons/m2, above it Weidmann 1993 +- 0.15 m/s"
FALLS = "the data's verification cases: speed falls with density"
DOORS_BOUND = "the data's verification cases: 1.8 to 2.2"
SAME = "exact: nothing may differ"
WHOLE = "exact: nobody may be missing"
STEP_BOUND = "the data's verification cases: less than 5 % when the step is halved twice"
CHAIN_BOUND = "the data's verification cases: within 1 %"
STILL = "assumed: energy of a person who moves at 1 mm/s"
RED_BOUND = "requirement: every harmless run stays below red, index 4"
FIVE = "requirement: within 5 %"
TWO = "requirement: within 2 %"
TENTH = "requirement: 1e-9"
DENSEST = "Weidmann 1993: nobody moves at 5.4 persons/m2"
SKILL = "requirement: the forecast errs less than this guess does, for the worst counter, too"
FOUND = "requirement: every counter that repeats itself for eight hours of a day is found"
RARE = "requirement: one reading in ten thousand at most is called stuck for no reason"
INTERVAL = "the interval is made for 90 %; five points either way: assumed"
NIGHT = "requirement: no other hour of the year is out of the ordinary at more counters"

# Why a figure has no bound.
BESIDE = "reported beside the bounded row"
NOT_HELD = "reported: a density of one second, which the rule does not look at"
FLOW = (
    "reported: the model lets through less than the measured, practised crowds; the walking figures are published ones and not"
    " fitted"
)


def case(
    run: Callable[[Reference], float | Mapping[str, float]], source: str, data: str, *rows: tuple[Any, ...]
) -> tuple[Proof, ...]:
    """Return the rows of one case.

    Each is (id, figure of the case, metric, unit, op, bound, where the bound comes from); a row without a bound ends in the
    reason why it has none.
    """
    return tuple(
        Proof(
            f"crowd/{name}", metric, unit, op, bound, source, run, figure, data,
            **{"reason" if bound is FREE else "bound_from": why},
        )
        for name, figure, metric, unit, op, bound, why in rows
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (
    *case(corridor_speed, RIMEA_1, "",
        ("A1", "error", "time over 40 m against 40 m / speed", "1", "<=", 0.02, SPEED_BOUND),
        ("A1/time", "time", "time over 40 m", "s", "<=", FREE, BESIDE),
    ),
    *case(speed_density, RIMEA_4, "crowd",
        ("A4", "outside", "speed outside the band, worst of 0.5 to 6 persons/m2", "m/s", "<=", 0.0, BAND_BOUND),
        ("A4/falls", "rises", "rise of speed to the next density", "m/s", "<=", 0.0, FALLS),
        *((f"A4/{d}", f"v_{d}", f"speed at {d} persons/m2", "m/s", "<=", FREE, BESIDE) for d in ("1", "2", "4", "6")),
    ),
    *case(large_room, RIMEA_9, "",
        ("A9", "ratio", "time with two doors / with four", "1", "within", (1.8, 2.2), DOORS_BOUND),
        ("A9/four", "four", "time with four doors", "s", "<=", FREE, BESIDE),
    ),
    *case(large_room, COUNTED, "",
        ("people", "lost", "people inside and left, less those who came", "persons", "<=", 0.0, WHOLE),
    ),
    *case(threads, ORDERED, "",
        ("threads", "", "place and load, 1 thread against all", "SI", "<=", 0.0, SAME),
    ),
    *case(squeeze, REST, "",
        ("squeeze", "load", "load on a person, 10 ms against 2.5 ms", "1", "<=", 0.05, STEP_BOUND),
        ("squeeze/rest", "rest_0.01", "energy of a person after 8 s", "J", "<=", 4e-5, STILL),
        ("squeeze/grows", "grows_0.01", "growth of energy from second to second", "J", "<=", 0.0, "exact: nothing drives it"),
        ("squeeze/out", "beyond_0.01", "people beyond the walls", "persons", "<=", 0.0, WHOLE),
        ("squeeze/load", "mean_load", "mean load on a person at rest", "N", "<=", FREE, BESIDE),
    ),
    *case(chain, FILE, "",
        ("chain", "error", "load on each of ten in file against k F", "1", "<=", 0.01, CHAIN_BOUND),
        ("chain/front", "front", "load on the one at the gate", "N", "<=", FREE, BESIDE),
    ),
    *case(harmless, RUNS, "crowd",
        ("no-false-red", "half", "highest index, held 60 s or half of the run", "1", "<=", 3.999, RED_BOUND),
        ("no-false-red/runs", "runs", "runs", "1", "<=", FREE, BESIDE),
        ("no-false-red/held", "held", "highest index by the rule as it stands", "1", "<=", FREE, BESIDE),
        ("no-false-red/peak", "peak", "highest density of one second", "m-2", "<=", FREE, NOT_HELD),
    ),
    *case(openings, OPENINGS, "crowd",
        ("bottleneck", "ao-300_ratio", "flow / measured, opening of 3.0 m", "1", "<=", FREE, FLOW),
        ("bottleneck/gate", "gate_050_w56_040_ratio", "flow / measured, gate of 0.5 m", "1", "<=", FREE, FLOW),
        ("bottleneck/ao-300", "ao-300", "flow through the opening of 3.0 m", "s-1", "<=", FREE, BESIDE),
        ("bottleneck/gate-flow", "gate_050_w56_040", "flow through the gate of 0.5 m", "s-1", "<=", FREE, BESIDE),
    ),
    *case(queue, HALL, "",
        ("stream", "flow", "flow of a queue through a door of 8 m against the largest, cells of 1 m and 0.5 m", "1", "<=", 0.05, FIVE),
        ("stream/refine", "emptied", "time to empty, cells of 1 m against 0.5 m", "1", "<=", 0.05, FIVE),
        ("stream/people", "lost", "people made or lost", "1", "<=", 1e-9, TENTH),
        ("stream/densest", "dense", "highest density", "m-2", "<=", 5.4 + 1e-9, DENSEST),
    ),
    *case(alone, LONE, "",
        ("stream/alone", "time", "mean time of few people over a corridor", "1", "<=", 0.02, TWO),
    ),
    *case(one_thread, ORDERED, "",
        ("stream/threads", "", "density, 1 thread against all", "m-2", "<=", 0.0, SAME),
    ),
    *case(against_persons, BOTH, "",
        ("stream/persons", "ratio", "time until half have left, density over persons", "1", "<=", FREE, BESIDE),
        ("stream/persons-time", "persons", "time until half have left, persons", "s", "<=", FREE, BESIDE),
    ),
    *case(street_counts, STREETS, "crowd",
        ("live", "over_persistence_worst", "skill of the next hour over the hour before, worst counter", "1", ">=", 1e-9, SKILL),
        ("live/week", "over_last_week_worst", "skill over the same hour a week before, worst counter", "1", ">=", 1e-9, SKILL),
        ("live/persistence-mean", "over_persistence", "skill over the hour before, mean of counters", "1", ">=", FREE, BESIDE),
        ("live/week-mean", "over_last_week", "skill over the same hour a week before, mean of counters", "1", ">=", FREE, BESIDE),
        ("live/interval", "inside", "readings within the interval of 90 %", "1", "within", (0.85, 0.95), INTERVAL),
        ("live/stuck", "stuck", "counters made to repeat themselves that are found", "1", ">=", 1.0, FOUND),
        ("live/false-alarms", "false", "other readings called stuck", "1", "<=", 1e-4, RARE),
        ("live/missing", "missing", "gaps that are not found", "readings", "within", (0.0, 0.0), WHOLE),
        ("live/new-year", "new_year", "rank of the first hour of the year among all hours", "1", "<=", 1.0, NIGHT),
        ("live/new-year-counters", "new_year_counters", "counters out of the ordinary in that hour", "1", ">=", FREE, BESIDE),
    ),
)  # fmt: skip
