"""Stay inside or leave: for each block the dose of both, from the cloud that the model foresees in its mean wind.

Both are judged at one spot of the block: the one whose dose outdoors a twentieth of the block exceeds. Who stays is in a room whose
windows are open until the warning and shut from then on. Who leaves walks to the nearest road and on along the roads, by the way
that collects least, round water that is too deep, and waits where it ends. Ways end at the rim of the city, where the cloud may
still be: the end of the grid is never the end of danger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.history import History
from evacuation.release.kernels import loads
from evacuation.release.substances import Family
from evacuation.release.toxicity import Curve
from evacuation.release.ways import WADE_M, Water, Ways
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
#: A block that this share of wind members brings to AEGL-2 is told to stay, wherever the mean wind blows.
POSSIBLE = 0.1

COLUMNS = [
    "id", "advice", "reason", "dose_outdoors", "dose_stay", "dose_leave", "severity", "probability", "arrives_s", "by_s",
    "until_s", "known_s", "walk_deg", "walk_m", "off_grid", "rescue", "toxic_load", "response",
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

    def means(self, dt: float) -> Array:
        """Return the mean concentration within each frame of `dt` s (time, cell), straight between its ends."""
        before = np.concatenate([np.zeros((1, len(self.cells))), self.air[:-1]])
        return 0.5 * (before + self.air)

    def load_at(self, spot: int) -> Array:
        """Return the load of a room at a flat index; nothing where the cloud never was."""
        k = int(np.searchsorted(self.cells, spot))
        if k < len(self.cells) and self.cells[k] == spot:
            return self.load[:, k]
        return np.zeros(len(self.load))


def indoors(history: History, curve: Curve, people: People) -> Indoors:
    """Return the air and the dose of rooms at every cell that the cloud met."""
    rows, cols = history.frames.shape[1:]
    frames = history.frames[: history.count].reshape(history.count, -1)
    met = np.flatnonzero(frames.any(axis=0)) if history.count else np.zeros(0, np.int64)
    load, inside = np.zeros((history.count + 1, len(met))), np.zeros((history.count, len(met)))
    shut_at = int(np.ceil(people.warned_s / history.frame_s - 1e-9)) if np.isfinite(people.warned_s) else history.count
    loads.indoor_load(
        load, inside, frames, met, history.frame_s, people.open_s, people.shut_s, shut_at,
        curve.log_t, curve.log_c, curve.n_short, curve.n_long,
    )  # fmt: skip
    whole = np.zeros(rows * cols)
    whole[met] = load[-1]
    return Indoors(whole.reshape(rows, cols), met, inside, load)


def advise(
    city: City, grid: Grid, history: History, curve: Curve, people: People, rooms: Indoors, ways: Ways | None, water: Water | None,
    in_streets: Array | None, probability: Array, noticed: float, family: Family | None, ppm_kg_m3: float, elapsed: float,
) -> pd.DataFrame:  # fmt: skip
    """Return the table of advice, a row per block; times in s on this run's clock, which began `elapsed` s after the first.

    `ways`, `water`: the roads on foot and the water on them (None: the city has no roads); `in_streets` (frame, road): dose rate in
    the streets, s-1, where the street form followed them; `probability` (y, x): share of wind
    members that reach AEGL-2 (zeros without members); `noticed`: concentration at which the cloud has arrived; `ppm_kg_m3`: kg
    m-3 of one ppm.
    """
    if not len(city.blocks):
        return pd.DataFrame(columns=COLUMNS)
    dt, n = history.frame_s, history.count
    rate = np.zeros_like(history.frames[:n], dtype=np.float64)
    loads.add_load(rate, history.frames[:n], 1.0, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
    outdoors = rate.sum(axis=0) * dt
    first = int(np.ceil(people.warned_s / dt - 1e-9)) if np.isfinite(people.warned_s) else n
    ground = _cells(city, grid)
    spots = _spots(ground, outdoors)
    met = [s is not None and first < n and history.worst.flat[s] >= 1.0 for s in spots]
    leaving = _Leaving(
        grid,
        rate,
        dt,
        first,
        people.walk_m_s,
        ways,
        water,
        in_streets,
        [s for s, m in zip(spots, met, strict=True) if s is not None and m],
    )
    rows = []
    for block, cells, spot, is_met in zip(city.blocks["id"].astype(str), ground, spots, met, strict=True):
        if spot is None:
            rows.append(_row(block, "none", "off_grid", off_grid=True))
            continue
        c = history.frames[:n].reshape(n, -1)[:, spot]
        likely = float(np.quantile(probability.ravel()[cells], 1.0 - SHARE))
        found = {
            "dose_outdoors": float(outdoors.flat[spot]),
            "dose_stay": float(rooms.dose.flat[spot]),
            "severity": float(history.worst.flat[spot]),
            "probability": likely,
            "known_s": people.warned_s - elapsed if first < n else np.nan,
        } | _response(c, dt, family, ppm_kg_m3)
        if not is_met:
            possible = likely >= POSSIBLE
            by = people.warned_s - elapsed if possible else np.nan
            rows.append(
                _row(block, "stay" if possible else "none", "possible" if possible else "not_met", by_s=by, **found)
            )
            continue
        load = rooms.load_at(spot)
        (walk, to), here = leaving.of(spot), grid.centre(*divmod(spot, grid.nx))
        leave = load[:n] + walk
        arrives = float(np.argmax(c >= min(noticed, c.max())) * dt)
        found |= {
            "dose_leave": float(leave[first]) if np.isfinite(leave[first]) else np.nan,
            "arrives_s": arrives - elapsed,
            "until_s": max(_reair(history.frames[:n], rooms, cells, noticed, dt), people.warned_s) - elapsed,
            "walk_deg": _bearing(to[0] - here[0], to[1] - here[1]),
            "walk_m": float(np.hypot(to[0] - here[0], to[1] - here[1])),
            "off_grid": _at_rim(grid, *to),
        }
        choice, reason, by = _choose(found, leave, first, dt, max(arrives, people.warned_s))
        if reason == "no_way" and ways is None:
            reason = "no_roads"
        found["rescue"] = min(found["dose_stay"], np.fmin(found["dose_leave"], np.inf)) >= 1.0
        rows.append(_row(block, choice, reason, by_s=by - elapsed, **found))
    return pd.DataFrame(rows, columns=COLUMNS).round(dict.fromkeys(("dose_outdoors", "dose_stay", "dose_leave"), 3))


class _Leaving:
    """The doses of leaving from some spots (flat cells), at each frame from the warning on."""

    def __init__(
        self, grid: Grid, rate: Array, dt: float, first: int, walk_m_s: float, ways: Ways | None, water: Water | None,
        in_streets: Array | None, spots: list[int],
    ) -> None:  # fmt: skip
        self._first, self._n, self._ways = first, len(rate), ways
        self._found: dict[int, tuple[Array, tuple[float, float]]] = {}
        if ways is None or water is None or not spots:
            return
        near = [ways.nearest(*grid.centre(*divmod(s, grid.nx))) for s in spots]
        points = np.array([point for point, _ in near], dtype=np.int64)
        doses, ends = ways.least_doses(points, rate, grid, dt, water, first, in_streets)
        per, pieces = round(dt / ways.piece_s), doses.shape[1]
        begins = per * np.arange(first, self._n)
        wet = water.depth[:, points][water.frame_at(ways.piece_s * np.arange(pieces, dtype=np.float64))] >= WADE_M
        for k, (spot, (_, away)) in enumerate(zip(spots, near, strict=True)):
            steps = int(np.ceil(away / (walk_m_s * ways.piece_s)))
            here = np.repeat(rate.reshape(self._n, -1)[:, spot], per) * ways.piece_s
            summed = np.append(0.0, np.cumsum(here))
            there = np.minimum(begins + steps, pieces)
            on = np.append(doses[k], 0.0)[there]
            shut = np.append(wet[:, k], False)[there]
            walk = np.full(self._n, np.inf)
            walk[first:] = np.where(shut, np.inf, summed[there] - summed[begins] + on)
            end = ends[k, min(there[0], pieces - 1)]
            self._found[spot] = walk, (float(ways.x[end]), float(ways.y[end]))

    def of(self, spot: int) -> tuple[Array, tuple[float, float]]:
        """Return the dose of leaving a spot at each frame, infinite where there is no way, and where the first way ends."""
        walk, to = self._found.get(spot, (np.full(self._n, np.inf), (np.nan, np.nan)))
        return walk, to if np.isfinite(walk[self._first]) else (np.nan, np.nan)


def _cells(city: City, grid: Grid) -> list[NDArray[np.int64]]:
    """Return the cells of each block."""
    sampler = overlay.within_polygons(grid, city.blocks.geometry)
    return np.split(sampler.cells, sampler.starts[1:-1])


def _spots(ground: list[NDArray[np.int64]], outdoors: Array) -> list[int | None]:
    """Return the flat cell at which each block is judged; None for a block off the grid."""
    found: list[int | None] = []
    for cells in ground:
        order = np.argsort(outdoors.ravel()[cells], kind="stable")
        found.append(int(cells[order[min(int(len(cells) * (1.0 - SHARE)), len(cells) - 1)]]) if len(cells) else None)
    return found


def _bearing(east: float, north: float) -> float:
    """Return a direction, degrees clockwise from north to the next five; NaN for NaN."""
    return float(np.round(np.rad2deg(np.arctan2(east, north)) / 5.0) * 5.0 % 360.0)


def _at_rim(grid: Grid, x: float, y: float) -> bool:
    """Return whether a point lies on the outermost cells of the grid."""
    if np.isnan(x):
        return False
    row, col, _ = grid.cells([x], [y])
    return bool(row[0] in (0, grid.ny - 1) or col[0] in (0, grid.nx - 1))


def _choose(found: dict[str, float], leave: Array, first: int, dt: float, arrives: float) -> tuple[str, str, float]:
    """Return the choice, its reason, and the moment (s since the first run's start) by which it must be done."""
    stay = found["dose_stay"]
    if stay < ENOUGH:
        return "stay", "indoors_enough", arrives
    better = leave[first:] < GAIN * stay
    if np.isinf(leave[first]):
        return "stay", "no_way", arrives
    if not better[0]:
        return "stay", "leaving_is_worse" if stay < 1.0 else "both_harm", arrives
    flips = int(np.argmin(better)) if not better.all() else len(better)
    reason = "leaving_halves" if found["dose_leave"] < 1.0 else "both_harm"
    return "leave", reason, (first + flips - 1) * dt


def _reair(frames: NDArray[np.floating], rooms: Indoors, cells: NDArray[np.int64], noticed: float, dt: float) -> float:
    """Return when the air outdoors stays cleaner than that indoors, or below `noticed` (kg m-3), all over a block, s: time to open
    the windows or go out; NaN: not in this run.
    """
    mine = np.flatnonzero(np.isin(rooms.cells, cells))
    outside = frames.reshape(len(frames), -1)[:, rooms.cells[mine]]
    worse = np.flatnonzero(((outside >= rooms.air[:, mine]) & (outside >= noticed)).any(axis=1))
    after = int(worse[-1]) + 1 if len(worse) else 0
    return after * dt if after < len(frames) else np.nan


def _response(c: NDArray[np.floating], dt: float, family: Family | None, ppm_kg_m3: float) -> dict[str, float]:
    """Return toxic load outdoors and its response in the family that was chosen."""
    if family is None:
        return {}
    load = family.load_of(c[:, None], dt, ppm_kg_m3 if family.ppm else 1e-6)
    return {"toxic_load": float(load[0]), "response": float(family.response(load)[0])}


def rescues(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of `told` whose people must be fetched: by when the gas is there or known of; the end is not known."""
    rows = told[told["rescue"].astype(bool)]
    return rows[["id", "rescue", "dose_stay", "dose_leave"]].assign(by_s=rows[["arrives_s", "known_s"]].max(axis=1))


def airings(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of `told` whose people stay and can open their windows within the run, because the air outdoors is cleaner."""
    rows = told[(told["advice"] == "stay") & told["until_s"].notna()]
    return rows[["id", "dose_outdoors", "dose_stay"]].assign(
        airing=True, by_s=rows["until_s"], rests_on_s=rows["known_s"]
    )


def _row(block: str, advice: str, reason: str, **values: float) -> dict[str, object]:
    return {
        **dict.fromkeys(COLUMNS, np.nan),
        "off_grid": False,
        "rescue": False,
        **values,
        "id": block,
        "advice": advice,
        "reason": reason,
    }
