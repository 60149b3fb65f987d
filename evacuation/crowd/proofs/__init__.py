"""The crowd's verification cases, used by `anlan verify crowd` and by the tests: every bound and its source, in one table.

The cases themselves are in the files beside this one. A row without a bound is reported beside the row that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evacuation.crowd.proofs import alley, crush, district, forces, guidelines, hermes, live, rimea
from evacuation.crowd.proofs.exact import corridor_speed, large_room, squeeze, threads
from evacuation.crowd.proofs.measured import DENSITIES, harmless, single_file, speed_density
from twin.proof import Proof, Reference

FREE = None  # no bound: the figure is reported, with the reason at the end of its row

# What the figures are held against.
RIMEA_1 = "RiMEA guideline test 1 (IMO 1, NIST 2.1): corridor of 40 m by 2 m at 1.33 m/s"
RIMEA_4 = (
    "RiMEA guideline test 4 in a corridor of 240 m by 5 m whose ends are not felt; free speed 1.3 m/s, 60 s after 10 s"
)
RIMEA_4_FILE = "RiMEA guideline test 4 in a corridor of 240 m by 0.6 m, in which nobody can overtake"
RIMEA_9 = "RiMEA guideline test 9: room of 30 m by 20 m, 1000 adults, four doors of 1 m and two"
COUNTED = "exact: people are neither made nor lost"
ORDERED = "exact: order of sums is fixed"
REST = "reference case E6: a squeezed crowd of 8 persons/m2 in a closed box, steps of 10, 5 and 2.5 ms"
GROWTH = "growth of a person's energy, motion and springs, from decision to decision"
FILE = "reference case E3: ten people in single file, each pushing 201 N; half of what presses from ahead and behind"
RUNS = "HERMES, entrance gate and Lyon runs of the reference folder, all without harm: density of the measured places"
RAILS = (
    "reference case E3: ten people who stand by turns at one rail and the other, each pushing 20 N, wall friction 0.10"
)
HALL = "exact: a queue passes a door at the largest flow of its width (Weidmann 1993, 1.22 persons/m/s)"
LONE = "exact: 197.5 m at 1.34 m/s"
BOTH = "the form that follows persons: 1200 people, a hall of 40 m by 20 m, a door of 4 m"
STREETS = "Auckland city centre, 21 counters, 2023 to learn and 2024 scored (Heart of the City Auckland, CC BY 4.0)"
RIMEA = "RiMEA guideline test"
ENTRANCES = "HERMES runs with an exit narrower than the corridor (0.7, 1.2, 1.3, 1.6 m), run ao-300 (3.0 m), entrance gate 0.5 m"
ONE_WAY = "HERMES corridors of one direction, fed as measured; medians by bins of 0.25 persons/m2"
TWO_WAY = "HERMES corridors of two directions, fed as measured; medians by bins of 0.25 persons/m2"
LOOP = "HERMES closed loop, straight part; here a straight corridor of the same widths"
GATE = "entrance gate of 0.5 m, 75 people from where they stood"
CORNER = "HERMES run corner-300, fed as measured"
PUSH = "measured push through a row of five (Feldmann and Adrian 2023)"
WAITING = "300 people, a gate of 4 m that lets one through every 3 s, from the 60th to the 120th second"
CRUSH = "the data's verification cases, arithmetic"
ALLEY = f"{CRUSH}: alley of 40 m by 3.2 m, grade 10 %"

# Where a bound comes from.
SPEED_BOUND = "the data's verification cases: within 2 %"
BAND_BOUND = "the data's verification cases: v_p05 to v_p95 of fd_binned uni_open up to 3.4 persons/m2, above it Weidmann 1993 +- 0.15 m/s"
FALLS = "the data's verification cases: speed falls with density"
DOORS_BOUND = "the data's verification cases: 1.8 to 2.2"
SAME = "exact: nothing may differ"
WHOLE = "exact: nobody may be missing"
STEP_BOUND = "the data's verification cases: less than 5 % when the step is halved twice"
CHAIN_BOUND = "the data's verification cases: within 1 %"
UNDRIVEN = "exact: nothing drives it (rounding)"
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
MEETING = "; dense streams that meet are too slow"
ROW = "; one mass for all, nobody takes a step"
PROPOSED = "the data's acceptance bands"
CALM = "people who queue calmly stand at 1.5 to 3.6 persons/m2 (Fruin 1971, queue, level of service D)"
STATION = "Station nightclub fire 2003: start areas of 299 people; plan put by hand"
SHORTER = "the model's own: a metre of stairs costs two, so 46 m against 80 m and 42 m"
DOOR = (
    "the data's acceptance bands: 0.45 + 1.75 b persons/s, + 15 %; the guideline's 1.33 caps models that prescribe flow"
)
STAIR = "IMO MSC.1/Circ.1533: at most 0.88 persons/m/s up a stair"
RISES = "IMO 8: the time rises with the counterflow"
SURVIVORS = "16 of 75 survivors of this area"
OURS = "the data's verification cases, our band"
ARITHMETIC = "the data's verification cases"
SOFT = "assumed: what 600 N press into a soft body (30 kN/m); the data's verification cases ask 0 of a hard one"
POINTS_APART = "assumed: ground beside walls is found on points 0.04 to 0.06 m apart"
NO_BLOCK, BLOCKED = "Mina 2006: below it flow stops and goes", "Mina 2006: the alley blocks"
BEGINS = "reported: the data's verification cases have blocking begin with 700 to 900 people"
KILONEWTONS = "the data's verification cases: in the kN range; 2.2 to 5.5 kN were reported"


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


def drawn(name: str, figure: str, metric: str, unit: str, op: str, bound: Any, why: str) -> tuple[tuple[Any, ...], ...]:
    """Return a row that is a mean over draws (`worlds.OverDraws`), and beside it those of the least and the largest draw."""
    ends = (
        (f"{name}/{end}", f"{figure}_{end}", f"{metric}, {end} of the draws", unit, "<=", FREE, BESIDE)
        for end in ("least", "most")
    )
    return (name, figure, metric, unit, op, bound, why), *ends


OWN: tuple[Proof, ...] = (
    *case(corridor_speed, RIMEA_1, "",
        ("A1", "error", "time over 40 m against 40 m / speed", "1", "<=", 0.02, SPEED_BOUND),
        ("A1/time", "time", "time over 40 m", "s", "<=", FREE, BESIDE),
    ),
    *case(speed_density, RIMEA_4, "crowd",
        ("A4", "outside", "speed outside the band, worst of 0.5 to 6 persons/m2", "m/s", "<=", 0.0, BAND_BOUND),
        ("A4/falls", "rises", "rise of speed to the next density", "m/s", "<=", 0.0, FALLS),
        *((f"A4/{d}", f"v_{d}", f"speed at {d} persons/m2", "m/s", "<=", FREE, BESIDE) for d in ("1", "2", "4", "6")),
    ),
    *case(single_file, RIMEA_4_FILE, "",
        ("A4/file", "rises", "rise of speed to the next density, single file", "m/s", "<=", 0.0, FALLS),
        *((f"A4/file/{d:g}", f"v_{d:g}", f"speed at {d:g} persons/m2, single file", "m/s", "<=", FREE, BESIDE) for d in DENSITIES),
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
        ("squeeze", "load", "load on a person, 10 and 5 ms against 2.5 ms, mean of eight draws", "1", "<=", 0.05, STEP_BOUND),
        ("squeeze/most", "load_most", "the same, worst draw", "1", "<=", FREE, BESIDE),
        ("squeeze/rest", "rest", "energy of a person's motion after 8 s, worst draw", "J", "<=", 4e-5, STILL),
        ("squeeze/late", "late", "energy of a person's motion after 18 s, worst draw", "J", "<=", FREE, BESIDE),
        ("squeeze/grows", "grows", GROWTH, "J", "<=", 1e-9, UNDRIVEN),
        ("squeeze/freed", "freed", "energy that the springs of a person give away", "J", "<=", FREE, BESIDE),
        ("squeeze/out", "beyond", "people beyond the walls", "persons", "<=", 0.0, WHOLE),
        ("squeeze/load", "mean_load", "mean load on a person at rest", "N", "<=", FREE, BESIDE),
    ),
    *case(forces.chain, FILE, "",
        ("chain", "error", "load on each of ten in file against k F", "1", "<=", 0.01, CHAIN_BOUND),
        ("chain/front", "front", "load on the one at the gate", "N", "<=", FREE, BESIDE),
    ),
    *case(harmless, RUNS, "crowd",
        ("no-false-red", "half", "highest index, held 60 s or half of the run", "1", "<=", 3.999, RED_BOUND),
        ("no-false-red/runs", "runs", "runs", "1", "<=", FREE, BESIDE),
        ("no-false-red/held", "held", "highest index by the rule as it stands", "1", "<=", FREE, BESIDE),
        ("no-false-red/peak", "peak", "highest density of one second", "m-2", "<=", FREE, NOT_HELD),
    ),
    *case(rimea.stairs, f"{RIMEA} 2 and 3, speeds of Weidmann 1993", "",
        ("A2", "up", "time up 10 m of stairs against 10 m / speed", "1", "<=", 0.05, ARITHMETIC),
        ("A3", "down", "time down 10 m of stairs against 10 m / speed", "1", "<=", 0.05, ARITHMETIC),
    ),
    *case(rimea.premovement, f"{RIMEA} 5", "",
        ("A5", "", "start after one's own time", "s", "<=", 0.0501, "the data's verification cases: one decision, 0.05 s"),
    ),
    *case(rimea.corner, f"{RIMEA} 6", "",
        ("A6", "left_most", "people who do not get round, worst of three draws", "persons", "<=", 0.0, ARITHMETIC),
        ("A6/centre", "beyond_most", "people whose centre is beyond a wall, worst of three draws", "persons", "<=", 0.0, ARITHMETIC),
        ("A6/wall", "deep_most", "how far a body's outline crosses a wall, worst of three draws", "m", "<=", 0.02, SOFT),
    ),
    *case(rimea.demographics, f"{RIMEA} 7", "",
        ("A7", "", "p of 1000 drawn speeds", "1", ">=", 0.05, OURS),
    ),
    *case(rimea.parameter_study, f"{RIMEA} 8, three storeys of twelve rooms, 4 people a room", "",
        ("A8", "rises", "rise of the time to empty the storeys with the speed of all", "s", "<=", 0.0, ARITHMETIC),
        *((f"A8/{v}", f"time_{v}", f"time, all walk at {v} m/s", "s", "<=", FREE, BESIDE) for v in ("0.5", "0.75", "1", "1.25", "1.5")),
        ("A8/0.5-1", "spread_0.5_1", "time, speeds even from 0.5 to 1 m/s", "s", "<=", FREE, BESIDE),
        ("A8/0.25-1.25", "spread_0.25_1.25", "time, speeds even from 0.25 to 1.25 m/s", "s", "<=", FREE, BESIDE),
    ),
    *case(rimea.cabins, f"{RIMEA} 10", "",
        ("A10", "main", "people by the main exit", "persons", "within", (15.0, 15.0), ARITHMETIC),
        ("A10/second", "second", "people by the second exit", "persons", "within", (8.0, 8.0), ARITHMETIC),
    ),
    *case(rimea.share_of_second_exit, f"{RIMEA} 11", "",
        ("A11", "share", "share of the farther exit", "1", "within", (0.05, 0.45), OURS + "; everybody sees both queues"),
    ),
    *case(rimea.bottleneck, f"{RIMEA} 12", "",
        ("A12", "second", "mean density in the second room", "m-2", "<=", 1.0, OURS),
        *drawn("A12/door", "door", "mean density before the corridor", "m-2", ">=", 3.0, OURS),
    ),
    *case(rimea.stair_foot, f"{RIMEA} 13", "",
        ("A13", "grows", "growth of the queue at the foot of the stair", "persons", ">=", 1.0, ARITHMETIC),
        ("A13/slower", "slower", "flow into the corridor less that up the stair", "s-1", ">=", 1e-9, ARITHMETIC),
        ("A13/corridor", "corridor", "flow into the corridor", "s-1", "<=", FREE, BESIDE),
        *drawn("A13/stair", "stair", "flow up the stair of 2 m", "s-1", "<=", 1.76, STAIR),
    ),
    *case(rimea.round_a_corner, f"{RIMEA} 15, 500 people, corridors of 4 m", "",
        *drawn("A15", "wrong", "corner against the short and the long corridor", "s", "<=", 0.0, OURS),
        ("A15/corner", "corner", "time round the corner", "s", "<=", FREE, BESIDE),
    ),
    *case(guidelines.two_ways, f"{RIMEA} 14: a short way over stairs and a longer level one; which one is documented", "",
        ("A14", "short", "share who take the stairs, level way 80 m against 30 m", "1", ">=", 0.95, SHORTER),
        ("A14/level", "level", "share who take the stairs, level way 42 m against 30 m", "1", "<=", 0.05, SHORTER),
    ),
    *case(guidelines.exit_flow, "IMO 4: 100 people, room of 8 m by 5 m, door of 1 m", "",
        *drawn("B4", "flow", "flow through the door", "s-1", "<=", 2.53, DOOR),
    ),
    *case(guidelines.counterflow_rooms, "IMO 8: two rooms of 10 m, corridor of 10 m by 2 m, 100 people against 0, 10, 50, 100", "",
        ("B8", "rises", "least rise of the time of the last with the counterflow", "s", ">=", 1e-9, RISES),
        *((f"B8/{n}", f"time_{n}", f"time of the last, {n} against", "s", "<=", FREE, BESIDE) for n in (0, 10, 50)),
        *drawn("B8/100", "time_100", "time of the last, 100 against", "s", "<=", FREE, BESIDE),
    ),
    *case(guidelines.exit_shut, "ISO 20414 test 9, NIST 4.1: one of two exits is shut at 1 s", "",
        ("D9", "through", "people who cross it later", "persons", "<=", 0.0, "exact"),
        ("D9/inside", "inside", "people still inside", "persons", "<=", 0.0, "exact"),
    ),
    *case(guidelines.slow_member, "ISO 20414 test 14, NIST 2.9: one of five walks at 0.6 m/s, the others at 1.3 m/s", "",
        ("D14", "together", "time between first and last of a party", "s", "<=", 7.0, "the model's own: 4 m ahead at most, at 0.6 m/s"),
        ("D14/alone", "alone", "the same of five who are no party", "s", ">=", 15.0, "exact: 30 m at either speed, less the first 5 m"),
    ),
    *case(guidelines.familiar_exits, STATION, "crowd",
        ("exit-familiarity", "front", "share who leave by the door they came in by, half know no other", "1", ">=", 0.50, "requirement"),
        ("exit-familiarity/nearest", "nearest", "the same, if everybody knows every exit", "1", "<=", FREE, BESIDE),
        ("exit-familiarity/stage", "stage", "the same of those near the stage, half know no other", "1", ">=", 16.0 / 75.0, SURVIVORS),
        ("exit-familiarity/stage-nearest", "stage_nearest", "the same, if everybody knows every exit", "1", "<=", FREE, BESIDE),
    ),
    *case(crush.density_fields, CRUSH, "",
        ("E1", "gaussian", "Gaussian density of a lattice against 4", "1", "<=", 0.005, ARITHMETIC),
        ("E1/voronoi", "voronoi", "Voronoi density of a lattice against 4", "1", "<=", 1e-9, ARITHMETIC),
        ("E1/grid", "grid", "grid density of a lattice against 4, any offset", "m-2", "<=", 0.25, ARITHMETIC),
    ),
    *case(crush.density_at_walls, CRUSH, "",
        ("E1/walls", "mean", "density between narrow walls, from that of the people there", "1", "<=", 0.05, POINTS_APART),
        ("E1/walls-cell", "cell", "the same, worst cell", "1", "<=", 0.05, POINTS_APART),
        ("E1/barrier", "barrier", "density before a barrier behind which nobody is, worst cell", "1", "<=", 0.05, POINTS_APART),
    ),
    *case(crush.pressures, CRUSH, "",
        ("E2", "drawn", "pressure of drawn velocities", "1", "<=", 0.05, ARITHMETIC),
        ("E2/shift", "shift", "pressure of a crowd that shifts", "s-2", "<=", 1e-12, "rounding"),
        ("E2/curl", "curl", "curl of a crowd that turns, against 2 w", "1", "<=", 1e-9, "rounding"),
        ("E2/turning", "turning", "pressure of a crowd that turns, against density w2 R2", "1", "<=", 0.02, "assumed: a lattice"),
    ),
    *case(forces.chain, FILE, "",
        ("E3", "error", "load on each of ten in file against k F", "1", "<=", 0.01, CHAIN_BOUND),
        ("E3/wall", "gate", "force of ten in file on a shut gate against 10 F", "1", "<=", 0.01, CHAIN_BOUND),
        ("E3/force", "force", "the same", "N", "<=", FREE, BESIDE),
        ("E3/links", "links", "force between the k-th and the next against k F", "1", "<=", 0.01, CHAIN_BOUND),
    ),
    *case(forces.between_rails, RAILS, "",
        ("E3/smooth", "smooth", "force of ten between smooth rails on a shut gate against 10 F", "1", "<=", 0.01, CHAIN_BOUND),
        ("E3/silo", "rough", "the same, rails with friction, against the silo law", "1", "<=", 0.01, CHAIN_BOUND),
        ("E3/silo-share", "share", "share of 10 F on the gate, rails with friction", "1", "<=", FREE, BESIDE),
        ("E3/silo-law", "dry", "the same by the silo law", "1", "<=", FREE, BESIDE),
        ("E3/silo-rails", "rails", "force on both rails", "N", "<=", FREE, BESIDE),
    ),
    *case(forces.slope, CRUSH, "",
        ("E4", "error", "load on the lowest of twenty on a grade of 10 %", "1", "<=", 0.01, CHAIN_BOUND),
        ("E4/foot", "foot", "force of twenty on the gate below them against their pull", "1", "<=", 0.01, CHAIN_BOUND),
        ("E4/carried", "carried", "the same", "N", "within", (1455.0, 1465.0), ARITHMETIC),
        ("E4/down", "down", "force of ten who push a gate below them against 10 (F + pull)", "1", "<=", 0.01, CHAIN_BOUND),
        ("E4/up", "up", "the same, gate above them, against 10 (F - pull)", "1", "<=", 0.01, CHAIN_BOUND),
        ("E4/one", "one", "pull on one person", "N", "within", (73.1, 73.3), ARITHMETIC),
    ),
    *case(crush.barrier, CRUSH, "",
        ("E5", "error", "line load of 4 x 10 people against 2 kN/m", "1", "<=", 0.02, ARITHMETIC),
    ),
    *case(squeeze, REST, "",
        ("E6", "load", "load on a person, 10 and 5 ms against 2.5 ms, mean of eight draws", "1", "<=", 0.05, STEP_BOUND),
        ("E6/line", "line", "largest load on a wall, 10 and 5 ms against 2.5 ms, mean of eight draws", "1", "<=", 0.05, STEP_BOUND),
        ("E6/line-most", "line_most", "the same, worst draw", "1", "<=", FREE, BESIDE),
        ("E6/line-load", "line_load", "largest load on a wall, 10 ms, mean of eight draws", "N/m", "<=", FREE, BESIDE),
        ("E6/walls", "walls", "mean load on the four walls, 10 and 5 ms against 2.5 ms", "1", "<=", FREE, BESIDE),
        ("E6/grows", "grows", GROWTH, "J", "<=", 1e-9, UNDRIVEN),
    ),
    *case(crush.compression, CRUSH, "",
        ("E7", "1112", "time to a fatal dose under 1112 N", "s", "within", (240.0, 360.0), ARITHMETIC),
        ("E7/short", "6227", "time to a fatal dose under 6227 N", "s", "within", (14.9, 15.1), ARITHMETIC),
        ("E7/never", "623", "dose of 623 N after 600 s", "1", "<=", 0.999, ARITHMETIC),
    ),
    *case(crush.oscillation, CRUSH, "",
        ("E8", "error", "period of a sway of 18 s found in two periods, median of 50", "1", "<=", 0.05, ARITHMETIC),
        ("E8/worst", "worst", "the same, worst of 50", "1", "<=", FREE, BESIDE),
        ("E8/missed", "missed", "share of sways not found", "1", "<=", 0.0, ARITHMETIC),
        ("E8/gait", "false", "share of gaits of 0.5 Hz told as sway", "1", "<=", 0.0, ARITHMETIC),
    ),
    *case(hermes.bottlenecks, ENTRANCES, "crowd",
        *drawn("bottleneck", "worst", "flow against the measured, worst run", "1", "<=", 0.15, PROPOSED),
        *drawn("bottleneck/mean", "mean", "flow against the measured, mean of runs", "1", "<=", 0.10, "requirement"),
        ("E9", "worst", "flow against the measured, worst run", "1", "<=", 0.15, PROPOSED),
        *((f"bottleneck/{n}", n, f"flow / measured, run {n}", "1", "<=", FREE, BESIDE) for n in (*hermes.NARROW, "ao-300")),
        ("nt", "lag", "lag of the N-t curve, worst run", "1", "<=", 0.10, PROPOSED),
    ),
    *case(hermes.bottlenecks, GATE, "crowd",
        *drawn("gate", "gate_050_w56_040", "flow / measured", "1", "within", (0.85, 1.15), PROPOSED),
    ),
    *case(hermes.gate_crowd, GATE, "crowd",
        *drawn("E11", "box", "density before the gate", "m-2", "within", (5.0, 6.5), PROPOSED),
        *drawn("gate/local", "local", "highest local density", "m-2", "within", (7.0, 9.0), PROPOSED),
        ("gate/speed", "speed", "mean speed before the gate", "m/s", "within", (0.08, 0.15), PROPOSED),
    ),
    *case(hermes.corner, CORNER, "crowd",
        ("corner", "flow", "flow after the corner / measured", "1", "within", (0.85, 1.15), "assumed: as for openings"),
        ("corner/lag", "lag", "lag of the N-t curve after the corner", "1", "<=", 0.10, PROPOSED),
        ("corner/wall", "through", "people beyond a wall", "persons", "<=", 0.0, "exact"),
    ),
    *case(hermes.one_way_band, ONE_WAY, "crowd",
        ("fd-uni", "quarters", "share of bins with the median between v_p25 and v_p75", "1", ">=", 0.80, PROPOSED),
        ("fd-uni/outside", "outside", "median outside v_p05 to v_p95", "m/s", "<=", 0.0, PROPOSED),
        ("fd-uni/capacity", "capacity", "capacity", "m-1 s-1", "within", (1.55, 1.95), PROPOSED),
    ),
    *case(hermes.two_way_band, TWO_WAY, "crowd",
        ("fd-bi", "quarters", "share of bins with the median between v_p25 and v_p75", "1", ">=", 0.80, PROPOSED + MEETING),
        ("fd-bi/outside", "outside", "median outside v_p05 to v_p95", "m/s", "<=", 0.0, PROPOSED + MEETING),
        ("fd-bi/capacity", "capacity", "capacity", "m-1 s-1", "within", (1.20, 1.50), PROPOSED),
        ("E10", "capacity", "capacity", "m-1 s-1", "within", (1.20, 1.45), ARITHMETIC),
    ),
    *case(guidelines.lanes, "144 people who stand mixed in a corridor of 36 m by 4 m, half to either end", "",
        *drawn("E10/lanes", "rises", "rise of the order parameter of lanes in ten seconds", "1", ">=", 1e-9, ARITHMETIC),
        ("E10/lanes/later", "later", "order parameter of lanes then", "1", "<=", FREE, BESIDE),
    ),
    *case(hermes.counterflow, TWO_WAY, "crowd",
        *drawn("counterflow", "still", "longest standstill at 2.8 persons/m2 or less", "s", "<=", 5.0, "assumed"),
        *drawn("counterflow/passed", "passed", "people who got through, worst run", "1", ">=", 0.99, "requirement: no gridlock"),
        *drawn("counterflow/flow", "worst", "flow against the measured, worst run", "1", "<=", 0.15, PROPOSED + MEETING),
    ),
    *case(hermes.loop, LOOP, "crowd",
        ("loop", "outside", "median outside v_p05 to v_p95", "m/s", "<=", 0.0, PROPOSED + "; a straight corridor stands for the ring"),
        ("loop/quarters", "quarters", "share of bins with the median between v_p25 and v_p75", "1", "<=", FREE, BESIDE),
    ),
    *case(crush.push_row, PUSH, "crowd",
        ("push-row", "order", "pairs of neighbours who start in the wrong order", "pairs", "<=", 0.0, ARITHMETIC),
        ("push-row/peak", "peak", "peak displacement, worst of five", "1", "<=", 0.30, "requirement" + ROW),
        ("push-row/onset", "onset", "onset, worst of five", "s", "<=", 0.15, "requirement" + ROW),
    ),
    *case(alley.narrow_alley, f"{ALLEY}; flow from the 20th second to the 60th", "",
        *drawn("E12", "metered", "highest density, 82 persons a minute and metre come", "m-2", "<=", 4.0, ARITHMETIC),
        *drawn("E12/one-way", "one_way_1000", "flow out, 1000 people who all go down", "m-1 s-1", ">=", 0.8, NO_BLOCK),
        *drawn("E12/two-way", "two_way_800", "flow out, half of 800 go up", "m-1 s-1", "<=", 0.8, BLOCKED),
        *drawn("E12/two-way-500", "two_way_500", "flow out, half of 500 go up", "m-1 s-1", ">=", 0.8, NO_BLOCK),
        *drawn("E12/two-way-700", "two_way_700", "flow out, half of 700 go up", "m-1 s-1", "<=", FREE, BEGINS),
        *drawn("E12/two-way-900", "two_way_900", "flow out, half of 900 go up", "m-1 s-1", "<=", 0.8, BLOCKED),
        *(
            (f"E12/two-way-{n}/{end}", f"two_way_{n}_{end}", metric, unit, "<=", FREE, BESIDE)
            for n in (500, 700, 800, 900)
            for end, metric, unit in (("inside", "people inside then", "persons"), ("first", "flow of the whole minute", "m-1 s-1"))
        ),
        *drawn("E12/force", "force", "sum of contact forces on a person at 9 to 10 persons/m2", "N", "within", (1e3, 5.5e3), KILONEWTONS),
        *drawn("E12/ramp", "ramp_flow", "flow out, 8000 people an hour come by both ends together", "m-1 s-1", "<=", FREE, BESIDE),
        ("E12/ramp-inside", "ramp_most", "people inside at most", "persons", "<=", FREE, BESIDE),
        ("E12/load", "load", "load on a person at 9 to 10 persons/m2, mean", "N", "<=", FREE, BESIDE),
        ("E12/densest", "densest", "highest density where somebody is, half go up", "m-2", "<=", FREE, BESIDE),
        ("E12/most-load", "most_load", "highest load on a person, half go up", "N", "<=", FREE, BESIDE),
    ),
    *case(guidelines.metered_queue, WAITING, "",
        ("meter", "calm", "density before a metered gate", "m-2", "within", (1.5, 3.6), CALM),
        ("meter/load", "load_calm", "load on the most pressed of them", "N", "<=", FREE, BESIDE),
        ("meter/leans", "leans", "the same density, people lean with the usual push (queue_push_n 20)", "m-2", "<=", FREE, BESIDE),
        ("meter/leans-load", "load_leans", "load on the most pressed of them", "N", "<=", FREE, BESIDE),
        ("meter/out", "out_calm", "people who left within two minutes", "persons", "<=", FREE, BESIDE),
        ("meter/leans-out", "out_leans", "the same, people lean", "persons", "<=", FREE, BESIDE),
    ),
    *case(crush.square, f"{CRUSH}: 20,000 people at 1 person/m2, exits of 12 m", "",
        ("E13", "lost", "people lost", "persons", "<=", 0.0, WHOLE),
        ("E13/inside", "inside", "people still inside", "persons", "<=", 0.0, WHOLE),
        ("E13/shares", "shares", "sum of the exits' shares, from 1", "1", "<=", 1e-12, "rounding"),
        ("E13/time", "time", "time until the last has left", "s", "<=", FREE, BESIDE),
    ),
    *case(district.shock, "a jam that grows backwards in a street, Rankine and Hugoniot", "",
        ("continuum", "error", "speed of the jam's end", "1", "<=", 0.02, "assumed: a tenth of a cell a second"),
    ),
    *case(district.hand_over, "a street whose last third holds single people, 10,000 steps", "",
        ("E14", "kept", "people kept, relative", "1", "<=", 1e-9, ARITHMETIC),
        ("E14/flow", "mismatch", "flow in and out, worst steady minute", "1", "<=", 0.02, PROPOSED + "; whole people"),
    ),
    *case(crush.restart, "the same walk in two parts", "",
        ("E15", "", "place, velocity and load, two parts against one", "SI", "<=", 0.0, SAME),
    ),
    *case(district.queue, HALL, "",
        ("stream", "flow", "flow of a queue through a door of 8 m against the largest, cells of 1 m and 0.5 m", "1", "<=", 0.05, FIVE),
        ("stream/refine", "emptied", "time to empty, cells of 1 m against 0.5 m", "1", "<=", 0.05, FIVE),
        ("stream/people", "lost", "people made or lost", "1", "<=", 1e-9, TENTH),
        ("stream/densest", "dense", "highest density", "m-2", "<=", 5.4 + 1e-9, DENSEST),
    ),
    *case(district.alone, LONE, "",
        ("stream/alone", "time", "mean time of few people over a corridor", "1", "<=", 0.02, TWO),
    ),
    *case(district.one_thread, ORDERED, "",
        ("stream/threads", "", "density, 1 thread against all", "m-2", "<=", 0.0, SAME),
    ),
    *case(district.against_persons, BOTH, "",
        ("stream/persons", "ratio", "time until half have left, density over persons", "1", "<=", FREE, BESIDE),
        ("stream/persons-time", "persons", "time until half have left, persons", "s", "<=", FREE, BESIDE),
    ),
    *case(live.street_counts, STREETS, "crowd",
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

PROOFS: tuple[Proof, ...] = (*OWN, *guidelines.cross_referenced(OWN))
