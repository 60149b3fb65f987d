"""The RiMEA cases 2 to 15 (A1, A4 and A9 stand in `exact` and `measured`): rooms, corridors and stairs with an expected outcome."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import numpy as np
import pandas as pd
import shapely
import shapely.affinity
from scipy.stats import kstest, truncnorm

from evacuation.crowd.people import draws
from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.proofs.exact import pressed
from evacuation.crowd.proofs.watch import followed, passages, table_of
from evacuation.crowd.proofs.worlds import OverDraws, emptied, filled, line, plan_of, room, set_speed
from evacuation.crowd.venue.plan import Plan
from twin.proof import Reference

#: Stairs of cases A2 and A3: 32 degrees; speed along the slope up and down, m/s, for a person of 1.34 m/s on the level.
STAIR_RISE, SLOPE_M = 0.625, 10.0

#: A floor of twelve rooms (cases A8 and A10).
FLOOR = shapely.box(0, 0, 18, 11.2)


def _stair(up: bool) -> float:
    """Return by how much the time over 10 m of stairs, along the slope, lies from that of Weidmann's horizontal speed."""
    flat = SLOPE_M / np.hypot(1.0, STAIR_RISE)
    outline = shapely.box(0, 0, flat + 6.0, 2)
    parts = [
        (
            "wall",
            "wall",
            outline.exterior.difference(line((flat + 6, 0.2), (flat + 6, 1.8)).buffer(0.005, cap_style="flat")),
        ),
        ("gate", "gate", line((flat + 6, 0.2), (flat + 6, 1.8))),
        ("source", "source", shapely.box(0.3, 0.7, 0.7, 1.3)),
        ("stair", "stair", shapely.box(2.5, 0, flat + 4.5, 2)),
    ]
    direction = 90.0 if up else 270.0
    plan = plan_of(outline, parts, rise=[np.nan] * 3 + [STAIR_RISE], up_deg=[np.nan] * 3 + [direction])
    walkers = filled(plan, 1)
    set_speed(walkers, draws.SPEED_M_S)
    table = table_of(followed(walkers, 120.0))
    begin, end = (float(passages(table, x, "x", down=False)["t"].iloc[0]) for x in (3.5, 3.5 + flat))
    expected = flat / (0.61 if up else 0.69)
    return float(abs((end - begin) / expected - 1.0))


@cache
def stairs(_: Reference) -> dict[str, float]:
    """Return the errors of the time up and down 10 m of stairs."""
    return {"up": _stair(True), "down": _stair(False)}


@cache
def premovement(_: Reference) -> float:
    """Return the latest start after anybody's own time to leave, s, of ten people in a room of 8 m by 5 m who leave after 10 to 100 s."""
    outline = shapely.box(0, 0, 8, 5)
    walkers = filled(room(outline, [line((8, 2), (8, 3))], shapely.box(0.3, 0.3, 6, 4.7)), 10)
    walkers.people.leaves[:] = told = 10.0 + 90.0 * draws.uniform(7, walkers.people.number, draws.LEAVES)
    number, late, t = walkers.people.number.copy(), np.full(10, np.nan), 0.0
    while walkers.people.count and t < 150.0:
        walkers.walk(t, 1)
        t += DECISION_S
        moving = walkers.people.number[np.hypot(walkers.people.vx, walkers.people.vw) > 1e-6]
        first = np.isin(number, moving) & np.isnan(late) & (t > told + 1e-9)  # before that he was only pushed
        late[first] = t - DECISION_S - told[first]
    return float(np.abs(late).max()) if np.isfinite(late).all() else np.inf


def _corner_plan(long: float = 10.0, longer: float = 12.0) -> Plan:
    """Return an L-shaped corridor of 2 m that turns left."""
    outline = shapely.Polygon([(0, 0), (longer, 0), (longer, long), (longer - 2, long), (longer - 2, 2), (0, 2)])
    return room(outline, [line((longer - 2, long), (longer, long))], shapely.box(0.3, 0.3, 6, 1.7))


@OverDraws
@cache
def corner(_: Reference, key: int) -> dict[str, float]:
    """Return how twenty get round the corner, looked at every decision. Nobody starts with a shoulder in a wall.

    `left`: who does not; `beyond`: most whose centre is not on the ground; `deep`: how far a body's outline crosses a wall at most, m.
    """
    plan = _corner_plan()
    walkers = filled(plan, 20, key=key)
    ground = shapely.transform(plan.ground.buffer(1e-6), plan.local)
    lines, gates = plan.lines
    walls = shapely.linestrings(lines[gates < 0].reshape(-1, 2, 2))
    beyond, deep, t = 0, 0.0, 0.0
    while walkers.people.count and t < 120.0:
        walkers.walk(t, 1)
        t += DECISION_S
        inside = walkers.people.chosen(walkers.people.out < 0)
        if inside.count:
            beyond = max(beyond, int((~shapely.contains_xy(ground, inside.x, inside.w)).sum()))
            deep = max(deep, float(pressed(inside, walls)[2].max()))
    return {"left": 20.0 - walkers.left, "beyond": float(beyond), "deep": deep}


@cache
def demographics(_: Reference) -> float:
    """Return the p value of 1000 drawn free speeds against the cut normal distribution that they are to follow."""
    low, high = ((b - draws.SPEED_M_S) / draws.SPEED_SD for b in draws.SPEED_CUT)
    speeds = draws.free_speed(7, np.arange(1000))
    return float(kstest(speeds, truncnorm(low, high, draws.SPEED_M_S, draws.SPEED_SD).cdf).pvalue)


def _rooms(leaf_m: float) -> tuple[list[shapely.LineString], list[shapely.LineString]]:
    """Return the doors, `leaf_m` wide, and the walls of twelve rooms of 3 m by 5 m on both sides of a corridor of 1.2 m."""
    doors, walls = [], []
    for k in range(6):
        x = 3.0 * k
        west, east = x + 1.5 - leaf_m / 2, x + 1.5 + leaf_m / 2
        for y in (5.0, 6.2):
            doors.append(line((west, y), (east, y)))
            walls += [line((x, y), (west, y)), line((east, y), (x + 3, y))]
        if k:
            walls += [line((x, 0), (x, 5)), line((x, 6.2), (x, 11.2))]
    return doors, walls


def _within_rooms() -> list[shapely.Polygon]:
    """Return the ground of each of the twelve rooms on which people stand, the southern six first."""
    south = [shapely.box(3.0 * k + 0.4, 0.5, 3.0 * k + 2.6, 4.5) for k in range(6)]
    return south + [shapely.affinity.translate(one, 0.0, 6.2) for one in south]


def _cabins() -> Plan:
    """Return twelve rooms of 3 m by 5 m on both sides of a corridor of 1.2 m: the main exit in the west, the second in the east."""
    doors, walls = _rooms(0.9)
    west, east = line((0, 5.05), (0, 6.15)), line((18, 5.05), (18, 6.15))
    fence = FLOOR.exterior.difference(shapely.union_all([west, east]).buffer(0.005, cap_style="flat"))
    parts = [("fence", "wall", fence), ("west", "gate", west), ("east", "gate", east)]
    parts += [(f"wall-{k}", "wall", wall) for k, wall in enumerate(walls)]
    parts += [(f"door-{k}", "gate", door) for k, door in enumerate(doors)]
    parts += [("main", "goal", shapely.box(0, 5.1, 0.6, 6.1)), ("second", "goal", shapely.box(17.4, 5.1, 18, 6.1))]
    goals = [""] * len(parts)
    share = [np.nan] * len(parts)
    for number, ground in enumerate(_within_rooms(), 1):
        parts.append((f"room-{number}", "source", ground))
        goals.append("second" if number in (5, 6, 11, 12) else "main")
        share.append(1.0 if number == 1 else 2.0)
    return plan_of(FLOOR, parts, goals=goals, flow_per_s=share)


@cache
def cabins(_: Reference) -> dict[str, float]:
    """Return how many of 23 leave by the exit told to the people of their rooms: 15 by the main, 8 by the second."""
    plan = _cabins()
    walkers = filled(plan, 23)
    emptied(walkers, 120)
    return {"main": float(walkers.left_by_goal[0]), "second": float(walkers.left_by_goal[1])}


@OverDraws
@cache
def bottleneck(_: Reference, key: int) -> dict[str, float]:
    """Return the densities of case A12: 150 people, room of 10 m by 10 m, corridor of 5 m by 1 m, such a room, exit of 1 m."""
    outline = shapely.union_all([shapely.box(0, 0, 10, 10), shapely.box(10, 4.5, 15, 5.5), shapely.box(15, 0, 25, 10)])
    plan = room(outline, [line((25, 4.5), (25, 5.5))], shapely.box(0.3, 0.3, 5, 9.7))
    frames = followed(filled(plan, 150, key=key), 300.0)
    door = [
        ((f.at[:, 0] > 7) & (f.at[:, 0] < 10) & (np.abs(f.at[:, 1] - 5) < 1.5)).sum() / 9.0
        for f in frames
        if 10 < f.t < 50
    ]
    second = [(f.at[:, 0] > 15).sum() / 100.0 for f in frames]
    return {"door": float(np.mean(door)), "second": float(np.mean(second)), "left": float(frames[-1].t)}


@OverDraws
@cache
def stair_foot(_: Reference, key: int) -> dict[str, float]:
    """Return the flows of case A13, persons/s, by how much that up the stair is smaller, and how the queue at its foot grows.

    150 people, room of 5 m by 8 m, corridor of 12 m by 2 m, stairs up 2 m wide.
    """
    outline = shapely.union_all([shapely.box(0, 0, 8, 5), shapely.box(8, 1.5, 30, 3.5)])
    gate = line((30, 1.5), (30, 3.5))
    parts = [
        ("wall", "wall", outline.exterior.difference(gate.buffer(0.005, cap_style="flat"))),
        ("gate", "gate", gate),
        ("source", "source", shapely.box(0.2, 0.2, 7.6, 4.8)),
        ("stair", "stair", shapely.box(20, 1.5, 30, 3.5)),
    ]
    plan = plan_of(outline, parts, rise=[np.nan] * 3 + [STAIR_RISE], up_deg=[np.nan] * 3 + [90.0])
    frames = followed(filled(plan, 150, key=key), 400.0)
    table = table_of(frames)
    into, up = (passages(table, x, "x", down=False)["t"].values for x in (8.5, 20.5))
    early = slice(10, 40)
    flows = [float((40 - 10) / (t[39] - t[9])) for t in (into[early.start - 10 :], up[early.start - 10 :])]
    foot = [((f.at[:, 0] > 14) & (f.at[:, 0] < 20)).sum() for f in frames]
    at = [
        float(np.mean([c for c, f in zip(foot, frames, strict=True) if abs(f.t - t) < 2.5]))
        for t in (into[20], into[60])
    ]
    return {"corridor": flows[0], "stair": flows[1], "slower": flows[0] - flows[1], "grows": at[1] - at[0]}


def _order(found: Mapping[str, float]) -> dict[str, float]:
    return {"wrong": max(found["short"] - found["corner"], found["corner"] - found["long"])}


@partial(OverDraws, judge=_order)
@cache
def round_a_corner(_: Reference, key: int) -> dict[str, float]:
    """Return the times of case A15, s: through straight corridors of the corner's inner and outer length, and round the corner.

    500 people, the same in all three, until the last has left, by frames of a quarter of a second. `wrong`: by how much the order is
    wrong; below 0 it holds.
    """

    def straight(length: float) -> Walkers:
        outline, gate = shapely.box(0, 0, 25 + length, 4), line((25 + length, 0), (25 + length, 4))
        return filled(room(outline, [gate], shapely.box(0.2, 0.2, 25, 3.8)), 500, key=key)

    turn = shapely.Polygon([(0, 0), (39, 0), (39, 14), (35, 14), (35, 4), (0, 4)])
    corner = filled(room(turn, [line((35, 14), (39, 14))], shapely.box(0.2, 0.2, 25, 3.8)), 500, key=key)
    short, round_, long = (followed(w, 400.0)[-1].t for w in (straight(10.0 + 10.0), corner, straight(14.0 + 14.0)))
    return {"short": short, "corner": round_, "long": long}


def _rises(found: Mapping[str, float]) -> dict[str, float]:
    times = [value for name, value in found.items() if name.startswith("time_")]
    return {"rises": float(max(np.diff(times).max(), 0.0))}


def _three_storeys() -> Plan:
    """Return three floors of twelve rooms above each other, as many people in each, doors and the one way out, in the west below, 1 m.

    In a hall east of the rooms a stair of 1.2 m by 5 m leads up from the lowest floor and another from the next; none from the top.
    """
    outline = shapely.union(FLOOR, shapely.box(18, 1.6, 30, 9.6))
    hall = shapely.MultiLineString([[(18, 1.6), (18, 5)], [(18, 6.2), (18, 9.6)]])
    out = line((0, 5.1), (0, 6.1))
    rows: list[tuple[str, str, shapely.Geometry, dict[str, float]]] = [
        ("out", "gate", out, {}),
        ("fence-0", "wall", outline.exterior.difference(out.buffer(0.005, cap_style="flat")), {}),
    ]
    rows += [(f"fence-{k}", "wall", outline.exterior, {"level": k}) for k in (1, 2)]
    for k in range(3):
        rows += [(f"wall-{k}-{n}", "wall", wall, {"level": k}) for n, wall in enumerate([hall, *_rooms(1.0)[1]])]
        rows += [
            (f"room-{k}-{n}", "source", ground, {"level": k, "flow_per_s": 4.0})
            for n, ground in enumerate(_within_rooms())
        ]
    for k, y in enumerate((2.6, 7.4)):
        up = {"level": k, "to_level": k + 1, "rise": STAIR_RISE, "up_deg": 270.0}
        rows.append((f"stair-{k}", "stair", shapely.box(21, y, 26, y + 1.2), up))
    said = pd.DataFrame([row[3] for row in rows]).to_dict("list")
    return plan_of(outline, [row[:3] for row in rows], None, **said)


@partial(OverDraws, judge=_rises)
@cache
def parameter_study(_: Reference, key: int) -> dict[str, float]:
    """Return the times to empty three storeys (case A8) at rising speeds of all, `time_`; `rises`: the largest rise with speed.

    `spread_`: the times with speeds that are even about a mean of 0.75 m/s, between the two of the name.
    """
    found: dict[str, float] = {}
    plan = _three_storeys()
    for speed in (0.5, 0.75, 1.0, 1.25, 1.5):
        walkers = filled(plan, 144, key=key)
        set_speed(walkers, speed)
        found[f"time_{speed:g}"] = emptied(walkers, 900)
    for low, high in ((0.5, 1.0), (0.25, 1.25)):
        walkers = filled(plan, 144, key=key)
        walkers.people.free[:] = low + (high - low) * draws.uniform(key, walkers.people.number, draws.SPEED)
        found[f"spread_{low:g}_{high:g}"] = emptied(walkers, 900)
    return found


@OverDraws
@cache
def share_of_second_exit(_: Reference, key: int) -> dict[str, float]:
    """Return the share of 1000 people of case A11 who use the exit farther from them."""
    outline = shapely.box(0, 0, 30, 20)
    doors = [line((x - 0.5, 0), (x + 0.5, 0)) for x in (22.0, 28.0)]
    walkers = filled(room(outline, doors, shapely.box(0.3, 2.0, 13.0, 19.7)), 1000, key=key)
    emptied(walkers, 900)
    return {"share": float(walkers.left_by_gate[1] / 1000.0)}
