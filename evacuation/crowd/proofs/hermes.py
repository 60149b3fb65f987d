"""The measured runs run again: corridors fed as measured, openings, the gate, the corner, two-way flow.

In a corridor everybody comes in at the time, place and speed at which somebody did in the experiment; what happens then is the
model's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.watch import Entry, Frame, flow_20_80, followed, lag, passages, run, students, table_of
from evacuation.crowd.proofs.worlds import KEYS, OverDraws, filled, line, plan_of, room
from evacuation.crowd.risk.measures import voronoi_density
from evacuation.crowd.venue.plan import Plan
from twin.proof import Reference

#: Measuring area of the corridors, m along it, and seconds between two looks.
AREA_M, LOOK_S = 1.0, 0.5

#: Longest run, s.
MOST_S = 240.0

#: Runs of one direction whose exit is narrower than their corridor: what they let through is the exit's own flow.
NARROW = ("uo-180-180-070", "uo-180-180-120", "uo-240-240-130", "uo-300-300-160")

#: Runs of one direction for speed and density: open corridors, and those that jam.
ONE_WAY = ("uo-100-300-300", "uo-145-180-180", "uo-180-180-180", "uo-240-240-240", "uo-300-300-300", *NARROW)

#: Runs of two directions.
TWO_WAY = (
    "bo-360-090-090",
    "bo-360-160-160",
    "boa-300-065-105",
    "bot-360-120-120",
    "bot-360-200-200",
    "bot-360-250-250",
)


def _path(reference: Reference, name: str) -> Path:
    return reference.folder("crowd") / "trajectories" / f"{name}.csv.gz"


def nobody(plan: Plan) -> Walkers:
    """Return a venue with nobody in it."""
    walkers = filled(plan, 1)
    walkers.people = walkers.people.first(0)
    return walkers


def _entries(table: pd.DataFrame, group: int = 0) -> list[Entry]:
    return [Entry(r.t, (r.x, r.y), (r.vx, r.vy), group) for r in table.itertuples()]


def _inside(entries: Iterable[Entry], low: float, high: float) -> list[Entry]:
    """Return entries with their places moved off the walls of a corridor that reaches from x = low to high."""
    return [Entry(e.t, (float(np.clip(e.at[0], low + 0.2, high - 0.2)), e.at[1]), e.v, e.group) for e in entries]


def one_way(reference: Reference, name: str, key: int) -> tuple[list[Frame], shapely.Geometry]:
    """Return a run of one direction: corridor x in [0, b], y in [-4, 4], people fed at y = 4 who leave 2.5 m beyond its exit."""
    width, leaves = (float(cm) / 100.0 for cm in name.split("-")[2:4])
    left, right = (width - leaves) / 2.0, (width + leaves) / 2.0
    around = [
        (0, 5.5),
        (0, -4),
        (left, -4),
        (-1, -4.1),
        (-1, -6.5),
        (width + 1, -6.5),
        (width + 1, -4.1),
        (right, -4),
        (width, -4),
        (width, 5.5),
    ]
    outline = shapely.Polygon(around).buffer(0)
    plan = room(outline, [line((-0.5, -6.5), (width + 0.5, -6.5))], shapely.box(0.2, 3.5, width - 0.2, 5.2))
    entries = _inside(_entries(passages(run(_path(reference, name)), 4.0)), 0.0, width)
    return followed(nobody(plan), MOST_S, entries, key), outline


def two_way(reference: Reference, name: str, key: int) -> tuple[list[Frame], shapely.Geometry]:
    """Return a run of two directions: a corridor x in [0, b], people fed at y = -6.4 and 6.4 who leave where they reach the other end."""
    width = float(name.split("-")[1]) / 100.0
    outline = shapely.box(0, -7.5, width, 7.5)
    parts = [
        ("wall", "wall", outline.exterior.difference(line((0.5, 7.5), (1.5, 7.5)).buffer(0.005, cap_style="flat"))),
        ("gate", "gate", line((0.5, 7.5), (1.5, 7.5))),
        ("up", "source", shapely.box(0.2, -6, width - 0.2, -3)),
        ("down", "source", shapely.box(0.2, 3, width - 0.2, 6)),
        ("north", "goal", shapely.box(0, 6.5, width, 7.5)),
        ("south", "goal", shapely.box(0, -7.5, width, -6.5)),
    ]
    plan = plan_of(outline, parts, goals=["", "", "north", "south", "", ""])
    walkers = nobody(plan)
    table = run(_path(reference, name))
    groups = walkers.finder.group_of
    entries = _inside(_entries(passages(table, 6.4), groups["down"]), 0.0, width)
    entries += _inside(_entries(passages(table, -6.4, down=False), groups["up"]), 0.0, width)
    return followed(walkers, MOST_S, entries, key), outline


def steady(frames: Sequence[Frame], ground: shapely.Geometry, width: float) -> NDArray[np.float64]:
    """Return rows of density, mean speed along the corridor and time in the measuring area, from each half second in which it is full.

    The first and last fifth of the run are left out: people come and go then.
    """
    area = shapely.box(0, -AREA_M, width, AREA_M)
    rows = []
    for frame in frames[:: max(round(LOOK_S / frames[1].t), 1)]:
        if not 0.2 * frames[-1].t < frame.t < 0.8 * frames[-1].t:
            continue
        there = np.abs(frame.at[:, 1]) <= AREA_M
        near = np.abs(frame.at[:, 1]) <= AREA_M + 2.5
        if there.sum() >= 2:
            rows.append(
                (voronoi_density(frame.at[near], ground, area), float(np.abs(frame.v[there, 1]).mean()), frame.t)
            )
    return np.array(rows).reshape(-1, 3)


def _width(name: str) -> float:
    return float(name.split("-")[2 if name.startswith("uo") else 1]) / 100.0


@cache
def _one_way(reference: Reference, name: str, key: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows of `steady` and the times of passage at y = 0 of a run of one direction."""
    frames, ground = one_way(reference, name, key)
    return steady(frames, ground, _width(name)), passages(table_of(frames), 0.0)["t"].values


@cache
def _two_way(reference: Reference, name: str, key: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows of `steady` and the times of passage at y = 0, both directions, of a run of two."""
    frames, ground = two_way(reference, name, key)
    table = table_of(frames)
    both = np.concatenate([passages(table, 0.0, down=down)["t"].values for down in (True, False)])
    return steady(frames, ground, _width(name)), np.sort(both)


def within_band(rows: NDArray[np.float64], reference: Reference, kind: str) -> dict[str, float]:
    """Return how the median speed by density lies in the measured bins of 0.25 persons/m2, and the capacity.

    `quarters`: share of bins with at least five looks whose median lies between the measured 25th and 75th percentile; `outside`: the most
    by which one leaves the 5th to 95th, m/s; `capacity`: the highest median of density times speed of a bin, persons/m/s.
    """
    table = pd.read_csv(reference.folder("crowd") / "fd_binned.csv")
    band = table[table["class"] == kind].set_index("rho_bin_centre_m2")
    centre = np.floor(rows[:, 0] / 0.25) * 0.25 + 0.125
    inside, outside, capacity, bins = 0.0, 0.0, 0.0, 0.0
    for c in np.unique(centre):
        own = rows[centre == c]
        if len(own) < 5 or c not in band.index:
            continue
        v, measured = float(np.median(own[:, 1])), band.loc[c]
        bins += 1.0
        inside += float(measured["v_p25"] <= v <= measured["v_p75"])
        outside = max(outside, measured["v_p05"] - v, v - measured["v_p95"])
        capacity = max(capacity, float(np.median(own[:, 0] * own[:, 1])))
    return {"quarters": inside / max(bins, 1.0), "outside": float(outside), "capacity": capacity, "bins": bins}


@cache
def one_way_band(reference: Reference) -> dict[str, float]:
    """Return how speed by density in the corridors of one direction lies in the measured bins, all draws together."""
    rows = [_one_way(reference, name, key)[0] for key in KEYS for name in ONE_WAY]
    return within_band(np.concatenate(rows), reference, "uni_open")


@cache
def two_way_band(reference: Reference) -> dict[str, float]:
    """Return how speed by density in the corridors of two directions lies in the measured bins, all draws together."""
    rows = [_two_way(reference, name, key)[0] for key in KEYS for name in TWO_WAY]
    return within_band(np.concatenate(rows), reference, "bidirectional")


def _worst_of_two(found: Mapping[str, float]) -> dict[str, float]:
    return {
        "worst": max(abs(found[f"flow_{name}"] - 1.0) for name in TWO_WAY),
        "passed": min(found[f"passed_{name}"] for name in TWO_WAY),
    }


@partial(OverDraws, judge=_worst_of_two)
@cache
def counterflow(reference: Reference, key: int) -> dict[str, float]:
    """Return flow and passages over the measured ones in each corridor of two directions, and the longest standstill.

    `worst`: the largest departure of a run's flow; `passed`: the least share of passages. A standstill counts where nobody passes the
    middle although people are in the measuring area at no more than 2.8 persons/m2.
    """
    table = pd.read_csv(reference.folder("crowd") / "corridor_runs.csv").set_index("run")
    found, still = {}, 0.0
    for name in TWO_WAY:
        rows, times = _two_way(reference, name, key)
        found[f"flow_{name}"] = flow_20_80(times) / float(table.loc[name, "flow_20_80_ps"])
        found[f"passed_{name}"] = len(times) / float(table.loc[name, "n_crossings"])
        for begin, end in pairwise(times):
            there = rows[(rows[:, 2] > begin) & (rows[:, 2] < end)]
            if len(there) and there[:, 0].max() <= 2.8 and there[:, 0].min() > 0.5:
                still = max(still, float(end - begin))
    return found | {"still": still}


@cache
def wide_opening(reference: Reference, key: int) -> NDArray[np.float64]:
    """Return the passages through the opening of 3.0 m of run ao-300, whose people stand and come as measured."""
    table = run(_path(reference, "ao-300"))
    outline = shapely.Polygon(
        [
            (-2.25, -9),
            (-2.25, -0.53),
            (-0.6, -0.53),
            (-0.6, 0.53),
            (-2.25, 0.54),
            (-2.25, 3),
            (4, 3),
            (4, 0.54),
            (2.4, 0.53),
            (2.4, -0.53),
            (4.0, -0.53),
            (4.0, -9),
        ]
    )
    plan = room(outline, [line((-2, 3), (3.8, 3))], shapely.box(-2.0, -8, 3.8, -1))
    first = table.groupby("id").first().reset_index().assign(vx=0.0, vy=0.0)
    walkers = _standing(plan, first[first["t"] < 0.5], key)
    later = _inside(_entries(first[first["t"] >= 0.5]), -2.25, 4.0)
    return np.asarray(passages(table_of(followed(walkers, MOST_S, later, key)), 0.0, down=False)["t"].values)


def _standing(plan: Plan, table: pd.DataFrame, key: int) -> Walkers:
    """Return the people of a table (x, y) at their places."""
    walkers = nobody(plan)
    ids = np.arange(len(table))
    walkers.people = People.standing(
        plan.local(table[["x", "y"]].values),
        **draws.body(key, ids), free=students(ids, key), group=np.zeros(len(ids)), leaves=np.zeros(len(ids)), number=ids,
    )  # fmt: skip
    return walkers


@cache
def entrance_gate(reference: Reference, key: int) -> tuple[list[Frame], NDArray[np.float64]]:
    """Return run gate_050_w56_040 again, from where its 75 people stand at first, and the passages at y = 0."""
    funnel = [
        (-0.4, 0),
        (-0.25, -0.15),
        (-0.25, -1.1),
        (-2.0, -1.2),
        (-2.0, -3.0),
        (2.0, -3.0),
        (2.0, -1.2),
        (0.25, -1.1),
        (0.25, -0.15),
        (0.4, 0),
    ]
    outline = shapely.Polygon([(-2.8, 8), (-2.8, 0), *funnel, (2.8, 0), (2.8, 8)])
    gates = [line((-1.9, -3.0), (1.9, -3.0)), line((-0.25, -1.1), (0.25, -1.1))]
    plan = room(outline, gates, shapely.box(-2.5, 1.0, 2.5, 5.5))
    table = run(_path(reference, "gate_050_w56_040"))
    frames = followed(_standing(plan, table.groupby("id").first().reset_index(), key), MOST_S)
    return frames, passages(table_of(frames), 0.0)["t"].values


def _nt(reference: Reference, name: str) -> NDArray[np.float64]:
    table = pd.read_csv(reference.folder("crowd") / "bottleneck_nt.csv")
    return np.asarray(table.loc[table["set"] == name, "passage_time_s"].values)


def _worst_and_mean(found: Mapping[str, float]) -> dict[str, float]:
    off = [abs(value - 1.0) for name, value in found.items() if not name.startswith("lag_")]
    lags = [value for name, value in found.items() if name.startswith("lag_")]
    return {"worst": max(off), "mean": float(np.mean(off)), "lag": max(lags)}


@partial(OverDraws, judge=_worst_and_mean)
@cache
def bottlenecks(reference: Reference, key: int) -> dict[str, float]:
    """Return flow over the measured one and the lag of the N-t curve, for each narrow exit, the wide opening and the gate.

    `worst` and `mean`: the largest and the mean departure of the flow; `lag`: the worst lag.
    """
    corridors = pd.read_csv(reference.folder("crowd") / "corridor_runs.csv").set_index("run")
    found: dict[str, float] = {}
    lags: dict[str, float] = {}
    for name in NARROW:
        times = _one_way(reference, name, key)[1]
        found[name] = flow_20_80(times) / float(corridors.loc[name, "flow_20_80_ps"])
        lags[name] = lag(times, passages(run(_path(reference, name)), 0.0)["t"].values)
    for name, times in (
        ("ao-300", wide_opening(reference, key)),
        ("gate_050_w56_040", entrance_gate(reference, key)[1]),
    ):
        measured = _nt(reference, name)
        found[name], lags[name] = flow_20_80(times) / flow_20_80(measured), lag(times, measured)
    return found | {f"lag_{k}": v for k, v in lags.items()}


@OverDraws
@cache
def gate_crowd(reference: Reference, key: int) -> dict[str, float]:
    """Return the crowd before the gate of 0.5 m: highest density of a box of 3 m by 3 m (over 5 s), highest local density, mean speed.

    The local density is that of the kernel exp(-d2 / R2) / (pi R2), R = 0.7 m, as in the folder's dense_fields.csv.
    """
    frames, _ = entrance_gate(reference, key)
    box, local, speed = [], [], []
    for frame in frames[::4]:
        there = (np.abs(frame.at[:, 0]) <= 1.5) & (frame.at[:, 1] >= 0.0) & (frame.at[:, 1] <= 3.0)
        box.append(there.sum() / 9.0)
        if there.sum() > 5:
            apart = ((frame.at[there][:, None] - frame.at[None, :]) ** 2).sum(axis=2)
            local.append(float((np.exp(-apart / 0.49).sum(axis=1) / (np.pi * 0.49)).max()))
            speed.append(float(np.hypot(*frame.v[there].T).mean()))
    held = np.convolve(box, np.ones(5) / 5.0, "valid")
    return {"box": float(held.max()), "local": max(local), "speed": float(np.mean(speed[3:]))}


@OverDraws
@cache
def corner(reference: Reference, key: int) -> dict[str, float]:
    """Return run corner-300 again, fed at x = 3: flow after the corner over the measured one, lag, people who crossed a wall."""
    table = run(_path(reference, "corner-300"))
    outline = shapely.union(shapely.box(-3, -3, 0, 5), shapely.box(-3, -3, 4.5, 0))
    plan = room(outline, [line((-3, 5), (0, 5))], shapely.box(1, -2.7, 4, -0.3))
    entries = [
        Entry(e.t, (e.at[0], float(np.clip(e.at[1], -2.8, -0.2))), e.v) for e in _entries(passages(table, 3.0, "x"))
    ]
    frames = followed(nobody(plan), MOST_S, entries, key)
    around = shapely.union(outline, shapely.box(-3, 5, 0, 6.5)).buffer(
        1e-6
    )  # who goes out is followed for a metre more
    through = sum(int((~shapely.contains_xy(around, f.at)).sum()) for f in frames if len(f.at))
    times = passages(table_of(frames), 2.0, down=False)["t"].values
    measured = passages(table, 2.0, down=False)["t"].values
    return {"flow": flow_20_80(times) / flow_20_80(measured), "lag": lag(times, measured), "through": float(through)}


@cache
def loop(reference: Reference) -> dict[str, float]:
    """Return how speed by density in long corridors of 1.0, 1.4 and 1.8 m lies in the measured bins of the closed loop, all draws together.

    The loop has no begin; here it is a straight corridor of 60 m filled at one density, whose ends are not felt in the middle.
    """
    rows = []
    for key, width, filled_at in product(KEYS, (1.0, 1.4, 1.8), (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)):
        outline = shapely.box(0, -30, width, 30)
        plan = room(outline, [line((0, -30), (width, -30))], outline)
        walkers = filled(plan, round(filled_at * outline.area), key=key)
        walkers.people.free[:] = students(walkers.people.number, key)
        frames = followed(walkers, 18.0)
        rows.append(steady([f for f in frames if f.t > 5.0 or f.t < 0.3], outline, width))
    return within_band(np.concatenate(rows), reference, "uni_closed")
