"""Measured runs as the proofs use them, and what is measured on people in motion, the same way on both sides.

Trajectories are read from the reference folder. Density is that of Voronoi cells cut to the open ground and to 1 m, as the
folder's README says; flow is that between the 20th and the 80th percentile person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.people.walkers import People, Walkers

#: Frames a second by the name that a run begins with; else those of the HERMES series.
RATES = {"gate": 25.0, "lyon": 10.0, "single": 25.0}
HERMES_RATE = 16.0

#: Free speed of the students of the HERMES runs, m/s: mean and standard deviation (Zhang et al. 2011,
#: doi:10.1088/1742-5468/2011/06/P06004).
STUDENT_M_S, STUDENT_SD = 1.55, 0.18

#: Decisions between two frames that are looked at.
EVERY = 5


class Frame(NamedTuple):
    """People at one time: number, place (n, 2) and velocity (n, 2) on the map."""

    t: float
    number: NDArray[np.int64]
    at: NDArray[np.float64]
    v: NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """Somebody who comes in at a time, at a place and with a velocity on the map, to go to the goals of a group."""

    t: float
    at: tuple[float, float]
    v: tuple[float, float]
    group: int = 0


@cache
def run(path: Path) -> pd.DataFrame:
    """Return a measured run: id, t (s), x, y (m), ordered by id and time."""
    name = path.name.removesuffix(".csv.gz")
    rate = next((r for begin, r in RATES.items() if name.startswith(begin)), HERMES_RATE)
    table = pd.read_csv(path)
    if "x_mm" in table:
        table = table.assign(x=table["x_mm"] / 1000.0, y=table["y_mm"] / 1000.0)
    table = table.rename(columns=str.lower)
    table["t"] = (table["frame"] - table["frame"].min()) / rate
    return table[["id", "t", "x", "y"]].sort_values(["id", "t"], ignore_index=True)


def passages(table: pd.DataFrame, line: float, axis: str = "y", down: bool = True) -> pd.DataFrame:
    """Return, for each who passes a line of constant x or y, when and where he first does, in order of time: id, t, x, y, vx, vy."""
    sign = -1.0 if down else 1.0
    found = []
    for person, own in table.groupby("id"):
        t, x, y = own[["t", "x", "y"]].values.T
        off = sign * ((y if axis == "y" else x) - line)
        k = np.flatnonzero((off[:-1] < 0.0) & (off[1:] >= 0.0))
        if len(k):
            k = k[0]
            share = off[k] / (off[k] - off[k + 1])
            dt = t[k + 1] - t[k]
            found.append(
                (
                    person, t[k] + share * dt, x[k] + share * (x[k + 1] - x[k]), y[k] + share * (y[k + 1] - y[k]),
                    (x[k + 1] - x[k]) / dt, (y[k + 1] - y[k]) / dt,
                )
            )  # fmt: skip
    return pd.DataFrame(found, columns=["id", "t", "x", "y", "vx", "vy"]).sort_values("t", ignore_index=True)


def table_of(frames: Sequence[Frame]) -> pd.DataFrame:
    """Return frames as a table of a run: id, t, x, y."""
    parts = [
        pd.DataFrame({"id": f.number, "t": f.t, "x": f.at[:, 0], "y": f.at[:, 1]}) for f in frames if len(f.number)
    ]
    return pd.concat(parts, ignore_index=True).sort_values(["id", "t"], ignore_index=True)


def flow_20_80(times: NDArray[np.float64]) -> float:
    """Return the passages a second between the 20th and the 80th percentile person; 0 for fewer than ten."""
    count = len(times)
    if count < 10:
        return 0.0
    first, last = int(0.2 * count), int(0.8 * count)
    return float((last - first) / (times[last] - times[first]))


def lag(times: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    """Return the root mean square difference of the times at which equally many have passed, over the last measured one.

    Both count from the first passage. Who has not passed is left out of neither: a shorter run is compared as far as it goes and
    the rest counts as late as the measured run is long.
    """
    n = len(measured)
    own = np.full(n, np.inf)
    own[: min(n, len(times))] = times[:n] - times[0]
    measured = measured - measured[0]
    late = np.where(np.isfinite(own), np.minimum(np.abs(own - measured), measured[-1]), measured[-1])
    return float(np.sqrt(np.mean(late**2)) / measured[-1])


def students(number: NDArray[np.int64], key: int) -> NDArray[np.float64]:
    """Return free speeds of the students of the HERMES runs, m/s."""
    return np.asarray(STUDENT_M_S + STUDENT_SD * (draws.free_speed(key, number) - draws.SPEED_M_S) / draws.SPEED_SD)


def followed(
    walkers: Walkers,
    most_s: float,
    entries: Sequence[Entry] = (),
    key: int = 7,
    each: Callable[[Frame], None] | None = None,
) -> list[Frame]:
    """Return people from frame to frame until nobody is left or comes, at most `most_s` seconds.

    Who comes in at an entry is drawn with `key` and waits outside, behind those before him at the same place, until there is room.
    `each` is called with every frame.
    """
    waiting, frames, t = sorted(entries, key=lambda e: e.t), [_frame(walkers, 0.0)], 0.0
    made = int(walkers.people.number.max()) + 1 if walkers.people.count else 0
    while t < most_s - 1e-9 and (walkers.people.count or waiting):
        waiting, made = _let_in(walkers, waiting, t, made, key)
        walkers.walk(t, EVERY)
        t += EVERY * DECISION_S
        frames.append(_frame(walkers, t))
        if each is not None:
            each(frames[-1])
    return frames


def _frame(walkers: Walkers, t: float) -> Frame:
    people = walkers.people
    x, y = walkers.plan.at(people.x, people.w)
    return Frame(t, people.number.copy(), np.column_stack([x, y]), np.column_stack([people.vx, -people.vw]))


def _let_in(walkers: Walkers, waiting: list[Entry], t: float, made: int, key: int) -> tuple[list[Entry], int]:
    """Let in those whose time has come and who find room; return who waits on and the next number."""
    due = [e for e in waiting if e.t <= t]
    if not due:
        return waiting, made
    left = []
    for entry in due:
        people, number = walkers.people, np.array([made])
        new = People.standing(
            walkers.plan.local(np.array([entry.at])), **draws.body(key, number), free=students(number, key),
            group=np.array([entry.group]), leaves=np.zeros(1), number=number,
        )  # fmt: skip
        new.vx[:], new.vw[:] = entry.v[0], -entry.v[1]
        speed = np.hypot(*entry.v)
        if speed > 0.0:
            new.face_x[:], new.face_w[:] = entry.v[0] / speed, -entry.v[1] / speed
        dx, dw = people.x - new.x, people.w - new.w
        if (np.hypot(dx, dw) < people.reach(dx, dw) + new.reach(dx, dw)).any():
            left.append(entry)
        else:
            walkers.people, made = people.joined(new), made + 1
    return left + [e for e in waiting if e.t > t], made
