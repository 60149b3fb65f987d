"""Stay inside or leave: for each block the dose of both, from the cloud that the model foresees in its mean wind.

Both are judged at one spot of the block: the one whose dose outdoors a twentieth of the block exceeds. Who stays is in a room whose
windows are open until the warning and shut from then on. Who leaves walks straight across the wind, to the better of the two sides,
and waits there. Beyond the city's grid the cloud is taken as at its rim: the end of the grid is never the end of danger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.history import History
from evacuation.release.kernels import loads, walking
from evacuation.release.substances import Family
from evacuation.release.toxicity import Curve
from twin import overlay
from twin.city import City
from twin.grid import Grid

Array = NDArray[np.float64]

CHOICES = ("none", "stay", "leave")

#: The share of a block's cells that meet more than the spot at which it is judged.
SHARE = 0.05
#: Below this dose indoors (1 is AEGL-3) nobody need leave: assumed.
ENOUGH = 0.1
#: Leaving must at least halve the dose: assumed, for what the model cannot see (traffic, panic, another wind).
GAIN = 0.5
#: How far people walk, and how long a piece of the way is (s).
FAR_M, PIECE_S = 1500.0, 20.0
#: A block that this share of wind members brings to AEGL-2 is told to stay, wherever the mean wind blows.
POSSIBLE = 0.1

COLUMNS = [
    "id", "advice", "reason", "dose_outdoors", "dose_stay", "dose_leave", "severity", "probability", "arrives_s", "by_s",
    "until_s", "known_s", "walk_deg", "off_grid", "toxic_load", "response",
]  # fmt: skip


@dataclass(frozen=True)
class People:
    """What is assumed of people: air changes (s-1) with windows open and shut, when they are warned (s), how fast they walk (m s-1)."""

    open_s: float
    shut_s: float
    warned_s: float
    walk_m_s: float


@dataclass(frozen=True)
class Indoors:
    """Rooms at the cells that the cloud met: `dose` (y, x) at the end; `cells` (cell,) flat indices, `air` (time, cell) after
    each frame, `load` (time + 1, cell) at the beginning of each.
    """

    dose: Array
    cells: NDArray[np.int64]
    air: Array
    load: Array

    def at(self, spot: int) -> tuple[Array, Array]:
        """Return air and load of a room at a flat index; nothing where the cloud never was."""
        k = int(np.searchsorted(self.cells, spot))
        if k < len(self.cells) and self.cells[k] == spot:
            return self.air[:, k], self.load[:, k]
        return np.zeros(len(self.air)), np.zeros(len(self.load))


def indoors(history: History, curve: Curve, people: People) -> Indoors:
    """Return the air and the dose of rooms at every cell that the cloud met."""
    rows, cols = history.frames.shape[1:]
    frames = history.frames[: history.count].reshape(history.count, -1)
    met = np.flatnonzero(frames.any(axis=0)) if history.count else np.zeros(0, np.int64)
    load, inside = np.zeros((history.count + 1, len(met))), np.zeros((history.count, len(met)))
    shut_at = int(np.ceil(people.warned_s / history.frame_s - 1e-9)) if np.isfinite(people.warned_s) else history.count
    loads.indoor_load(
        load, inside, np.ascontiguousarray(frames[:, met], dtype=np.float64), history.frame_s, people.open_s, people.shut_s,
        shut_at, curve.log_t, curve.log_c, curve.n_short, curve.n_long,
    )  # fmt: skip
    whole = np.zeros(rows * cols)
    whole[met] = load[-1]
    return Indoors(whole.reshape(rows, cols), met, inside, load)


def advise(
    city: City, grid: Grid, history: History, curve: Curve, people: People, rooms: Indoors, wind_to: tuple[float, float],
    probability: Array, noticed: float, family: Family | None, ppm_kg_m3: float, elapsed: float,
) -> pd.DataFrame:  # fmt: skip
    """Return the table of advice, a row per block; times in s on this run's clock, which began `elapsed` s after the first.

    `wind_to`: unit vector the air moves to at the warning; `probability` (y, x): share of wind members that reach AEGL-2 (zeros
    without members); `noticed`: concentration at which the cloud has arrived; `ppm_kg_m3`: kg m-3 of one ppm.
    """
    if not len(city.blocks):
        return pd.DataFrame(columns=COLUMNS)
    dt, n = history.frame_s, history.count
    rate = np.zeros_like(history.frames[:n], dtype=np.float64)
    loads.add_load(
        rate, history.frames[:n].astype(np.float64), 1.0, curve.log_t, curve.log_c, curve.n_short, curve.n_long
    )
    outdoors = rate.sum(axis=0) * dt
    sampler = overlay.within_polygons(grid, city.blocks.geometry)
    first = int(np.ceil(people.warned_s / dt - 1e-9)) if np.isfinite(people.warned_s) else n
    across = np.array([[-wind_to[1], wind_to[0]], [wind_to[1], -wind_to[0]]])
    rows = []
    for b, block in enumerate(city.blocks["id"].astype(str)):
        cells = sampler.cells[sampler.starts[b] : sampler.starts[b + 1]]
        if not len(cells):
            rows.append(_row(block, "none", "off_grid", off_grid=True))
            continue
        doses = outdoors.ravel()[cells]
        spot = int(cells[np.argsort(doses, kind="stable")[min(int(len(cells) * (1.0 - SHARE)), len(cells) - 1)]])
        row, col = divmod(spot, grid.nx)
        c = history.frames[:n, row, col]
        likely = float(np.quantile(probability.ravel()[cells], 1.0 - SHARE))
        found = {
            "dose_outdoors": float(outdoors[row, col]),
            "dose_stay": float(rooms.dose[row, col]),
            "severity": float(history.worst[row, col]),
            "probability": likely,
            "known_s": people.warned_s - elapsed if first < n else np.nan,
        } | _response(c, dt, family, ppm_kg_m3)
        if found["severity"] < 1.0 or first >= n:
            possible = likely >= POSSIBLE
            by = people.warned_s - elapsed if possible else np.nan
            rows.append(
                _row(block, "stay" if possible else "none", "possible" if possible else "not_met", by_s=by, **found)
            )
            continue
        room, load = rooms.at(spot)
        walks, off = np.zeros((2, n)), np.zeros(2, dtype=np.bool_)
        x, y = grid.centre(row, col)
        walking.doses_of_walks(
            walks, off, rate, dt, first, x, y, across, people.walk_m_s, FAR_M, dt / np.ceil(dt / PIECE_S), grid.west, grid.north,
            grid.cell_m,
        )  # fmt: skip
        side = int(walks[1, first] < walks[0, first])
        leave = load[:n] + walks[side]
        arrives = float(np.argmax(c >= min(noticed, c.max())) * dt)
        until = _reair(c, room, dt)
        found |= {
            "dose_leave": float(leave[first]),
            "arrives_s": arrives - elapsed,
            "until_s": until - elapsed,
            "walk_deg": float(np.rad2deg(np.arctan2(across[side, 0], across[side, 1])) % 360.0),
            "off_grid": bool(off[side]),
        }
        choice, reason, by = _choose(found, leave, first, dt, max(arrives, people.warned_s))
        rows.append(_row(block, choice, reason, by_s=by - elapsed, **found))
    return pd.DataFrame(rows, columns=COLUMNS)


def _choose(found: dict[str, float], leave: Array, first: int, dt: float, arrives: float) -> tuple[str, str, float]:
    """Return the choice, its reason, and the moment (s since the first run's start) by which it must be done."""
    stay = found["dose_stay"]
    if stay < ENOUGH:
        return "stay", "indoors_enough", arrives
    better = leave[first:] < GAIN * stay
    if not better[0]:
        return "stay", "leaving_is_worse" if stay < 1.0 else "both_harm", arrives
    flips = int(np.argmin(better)) if not better.all() else len(better)
    reason = "leaving_halves" if found["dose_leave"] < 1.0 else "both_harm"
    return "leave", reason, (first + flips - 1) * dt


def _reair(outside: NDArray[np.floating], room: Array, dt: float) -> float:
    """Return when the air outdoors stays cleaner than that indoors, s: time to open the windows or go out; NaN: not in this run."""
    worse = np.flatnonzero(outside >= room)
    after = int(worse[-1]) + 1 if len(worse) else 0
    return after * dt if after < len(room) else np.nan


def _response(c: NDArray[np.floating], dt: float, family: Family | None, ppm_kg_m3: float) -> dict[str, float]:
    """Return toxic load outdoors and its response in the family that was chosen."""
    if family is None:
        return {}
    unit = ppm_kg_m3 if family.ppm else 1e-6
    load = float(((c.astype(np.float64) / unit) ** family.n).sum() * dt / 60.0)
    return {"toxic_load": load, "response": family.response(load)}


def _row(block: str, advice: str, reason: str, **values: float) -> dict[str, object]:
    return {
        **dict.fromkeys(COLUMNS, np.nan),
        "off_grid": False,
        **values,
        "id": block,
        "advice": advice,
        "reason": reason,
    }
