"""Where a gas may burn: who leaves on foot, who stays without a spark, and from when to when nothing may ignite it.

Judged by the highest concentration of any cell of a block, as shares of the lower flammable limit (LFL): from a tenth of it on nothing
may ignite the gas (29 CFR 1910.146 calls such air hazardous; the outer zone of ALOHA); from half of it on pockets may burn (ALOHA
takes 60 %: Jones and others 2013, NOAA NOS OR&R 43). A flash fire kills who is in it, so that people leave before the gas is there,
or across the wind while it is, on foot and without a spark. Who cannot be out of doors before it has gone stays. An engine on a road
ignites it as well, and who drives or walks there is in it: such ways are told whatever block they run through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from evacuation.release.members import BURNS, NO_SPARK, POSSIBLE
from evacuation.release.toxicity import Curve
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.exposure.streets import stretches
from twin.grid import Grid
from twin.sheet import COLOURS

Array = NDArray[np.float64]

#: From this share of the lower flammable limit on pockets of the gas may burn.
POCKETS = 0.5

#: For this long the limit of danger to life is compared with what burns, s: the shortest that is published.
SHORTEST_S = 600.0


@dataclass(frozen=True)
class Burning:
    """Shares of the lower flammable limit: `frames` (time, y, x) means of each frame, `highest` (y, x) of every step.

    `probability` (y, x): share of wind members that reach half of the limit, NaN without members. `in_streets`: the first two on roads,
    (time, road) and (road,), where the street form followed them. `clears` (y, x): from when on less than a tenth of the limit stands
    there in all but a share POSSIBLE of the members, s since the first run's start. `leads`: whether blocks are judged by what burns
    (`leads`).
    """

    frames: NDArray[np.float32]
    highest: Array
    probability: Array
    clears: Array
    leads: bool
    in_streets: tuple[Array, Array] | None = None

    def reaches(self, share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        """Return where a share of the limit stands in each frame: over the ground (time, y, x) and in streets (time, road)."""
        return self.frames >= share, None if self.in_streets is None else self.in_streets[0] >= share

    def on(self, along: overlay.Sampler) -> tuple[Array, Array]:
        """Return what stands on roads, by their sampler: in each frame (time, road), and of every step (road,); NaN off the grid."""
        frames, highest = along.maximum(self.frames), along.maximum(self.highest[None])[0]
        if self.in_streets is None:
            return frames, highest
        return np.fmax(frames, self.in_streets[0]), np.fmax(highest, self.in_streets[1])

    def until(self, ends: float, clears: float, frame_s: float) -> float:
        """Return when the gas has gone in the mean wind (`ends`) and in nearly all members (`clears`), s; NaN: not in this run."""
        last = max(ends, clears)
        return last if last < len(self.frames) * frame_s - 1e-6 else np.nan

    def beside(self, cells: NDArray[np.int64], frame: int) -> int | None:
        """Return the flat cell of a block beside the gas that may burn: the worst that is outside it at a frame.

        The worst of all where the gas is all over the block, None for a block in which it never may burn.
        """
        highest, now = self.highest.ravel()[cells], self.frames[frame].ravel()[cells]
        if not highest.max() >= POCKETS:
            return None
        outside = np.where(now < POCKETS, highest, -1.0) if (now < POCKETS).any() else highest
        return int(cells[int(np.argmax(outside))])


def leads(limit_kg_m3: float, deadly: Curve) -> bool:
    """Return whether a gas burns before it kills: half of its lower flammable limit (0: it has none) is below ten minutes' AEGL-3."""
    return 0.0 < POCKETS * limit_kg_m3 <= deadly.at(SHORTEST_S)


def judge(
    cells: NDArray[np.int64], burning: Burning, warned_s: float, ready_s: float, frame_s: float
) -> tuple[str, str, dict[str, float]] | None:
    """Return advice, reason and figures of a block; None for one that even a tenth of the limit does not reach.

    Times are s since the first run's start. People are warned at `warned_s` and out of doors `ready_s` later.
    """
    highest = float(burning.highest.ravel()[cells].max())
    likely = float(burning.probability.ravel()[cells].max())
    if not highest >= NO_SPARK:
        return None
    level = POCKETS if highest >= POCKETS else NO_SPARK
    begins, ends = _span(burning.frames.reshape(len(burning.frames), -1)[:, cells].max(axis=1), level, frame_s)
    found = {
        "lfl_share": highest, "probability": likely, "arrives_s": begins, "burns": True,
        "until_s": burning.until(ends, float(burning.clears.ravel()[cells].max()), frame_s),
        "by_s": max(begins, warned_s),
    }  # fmt: skip
    if level < POCKETS:
        return "stay", "no_spark", found
    if ends <= warned_s + ready_s:
        return "stay", "burns_gone", found
    return "leave", "may_burn", found


def _span(worst: NDArray[np.floating], level: float, frame_s: float) -> tuple[float, float]:
    """Return from when a share of the limit stands at a place, and from when no more (NaN: not in this run), s.

    `worst` (time,): the highest share anywhere in the place in each frame. What only a step within a frame reaches counts for the whole
    frame in which the mean was highest.
    """
    over = np.flatnonzero(worst >= min(level, float(worst.max())))
    last = int(over[-1]) + 1
    return float(over[0]) * frame_s, last * frame_s if last < len(worst) else np.nan


def sparks(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of the advice in which nothing may ignite the gas: `by_s` from when on, `until_s` to when.

    `may_burn`: pockets of it may. Those in which the gas is gone before it is known of are left out.
    """
    rows = told[told["burns"].astype(bool)]
    rows = rows[["id", "lfl_share", "until_s"]].assign(
        may_burn=rows["lfl_share"] >= POCKETS,
        by_s=rows[["arrives_s", "known_s"]].max(axis=1),
        level=[_colour(share) for share in rows["lfl_share"]],
    )
    return rows[~(rows["until_s"] <= rows["by_s"])]


#: Value of `gas_may_burn` where people know of it.
KNOWN = 2

#: Columns of the table of ways on which the gas may burn.
WAYS = ["id", "may_burn", "lfl_share", "probability", "arrives_s", "by_s", "until_s", "level"]


def on_roads(
    city: City, grid: Grid, burning: Burning | None, known_s: float, frame_s: float, elapsed: float
) -> pd.DataFrame:
    """Return the ways on which pockets of gas may burn (`may_burn`), or do in a share POSSIBLE of the wind members.

    Times are on this run's clock. A way is a stretch of street as an officer closes it, or an underpass. `lfl_share`: the highest
    anywhere on it; `by_s`: from when on nobody is to go there, `until_s` to when (NaN: not in this run); `known_s`, s since the first
    run's start, is when people know. Those from which the gas is gone before it is known of are left out; None burns: no way.
    """
    if burning is None or not len(city.roads):
        return pd.DataFrame(columns=WAYS)
    along = overlay.along_lines(grid, city.roads.geometry)
    frames, highest = burning.on(along)
    likely, clears = along.maximum(np.stack([burning.probability, burning.clears]))
    known, rows = known_s - elapsed if np.isfinite(known_s) else np.nan, []
    for way, roads in _ways(city).items():
        share, chance = np.nanmax([0.0, *highest[roads]]), np.fmax.reduce(likely[roads])
        if not (share >= POCKETS or chance >= POSSIBLE):
            continue
        begins, ends = np.nan, 0.0
        if share >= POCKETS:
            begins, ends = _span(np.nan_to_num(frames[:, roads]).max(axis=1), POCKETS, frame_s)
        ends = burning.until(ends, float(np.fmax.reduce(clears[roads])), frame_s)
        begins, ends = begins - elapsed, ends - elapsed
        by = np.fmax(begins, known)
        rows.append((way, share >= POCKETS, round(float(share), 3), chance, begins, by, ends, _colour(share)))
    table = pd.DataFrame(rows, columns=WAYS)
    return table[~(table["until_s"] <= table["by_s"])].sort_values(
        ["may_burn", "lfl_share", "id"], ascending=[False, False, True], ignore_index=True
    )


def in_time(
    city: City, grid: Grid, burning: Burning | None, known_s: float, frame_s: float, elapsed: float, clock: Clock
) -> xr.DataArray:
    """Return `gas_may_burn` (time, edge), see there: of the mean wind alone, road by road, over each output step of a run.

    Of what only a step within a frame reaches, the frame in which the mean was highest counts. `known_s`, `elapsed` as in `on_roads`.
    It is known from the first output time at which people know: whoever is there before goes on as though nothing were.
    """
    axes = {
        "time": clock.times.values,
        "edge": city.roads["id"].to_numpy(str) if len(city.roads) else np.zeros(0, "<U1"),
    }
    found = np.zeros((len(axes["time"]), len(axes["edge"])), np.float32)
    if burning is not None and len(city.roads):
        frames, highest = burning.on(overlay.along_lines(grid, city.roads.geometry))
        over = (highest >= POCKETS) & (frames >= np.fmin(POCKETS, np.fmax.reduce(frames)))
        per, first = round(clock.step_s / frame_s), round(elapsed / frame_s)
        steps = over[first:].reshape(clock.steps, per, -1).any(axis=1)
        found[:-1], found[-1] = steps, over[-1]
        known = elapsed + clock.step_s * np.arange(len(found)) >= known_s - 1e-6
        found[known] *= KNOWN
        found[:, np.isnan(highest)] = np.nan
    return xr.DataArray(found, axes, tuple(axes))


def _colour(share: float) -> str:
    """Return the colour of a share of the limit, as the severity of the gas has it."""
    return COLOURS[int(np.searchsorted([NO_SPARK, BURNS[0] * POCKETS, POCKETS], share, side="right"))]


def _ways(city: City) -> dict[str, list[int]]:
    """Return the roads of each way by its id: a stretch of street, else the road itself."""
    streets, plain, member = stretches(city)
    alone = np.setdiff1d(np.arange(len(city.roads)), plain)
    found: dict[str, list[int]] = {str(city.roads["id"].iloc[k]): [int(k)] for k in alone}
    for road, stretch in zip(plain, member, strict=True):
        found.setdefault(str(streets["id"].iloc[stretch]), []).append(int(road))
    return found
