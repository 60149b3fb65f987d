"""The ground of a city with water on it: which cells take part, boundaries, timed changes, soil, the ledger."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hydro.ground.soil import Infiltration, capacity
from hydro.ground.works import bed_at, bed_key
from hydro.kernels.ground import soak, track
from hydro.schemes.inertial import Inertial
from hydro.schemes.registry import hand_over, water_on
from hydro.schemes.shallow import Shallow
from hydro.schemes.subgrid_view import SubgridView
from hydro.schemes.water import Array
from twin.city import City
from twin.clock import Clock
from twin.errors import NumericsError, SourceError
from twin.hazard import Action, State

BLOCK_M = 1000.0  # how far a blocked cell's bed stands above the highest ground
SHALLOW_M = 0.01  # below this depth no speed is reported
SOIL_STEP_S = 60.0  # infiltration capacity is renewed this often
TRACK_S = 15.0  # peak time, durations and danger are looked at this often
DURATION_M = (0.15, 0.27, 0.50)  # depths whose duration is kept, m (sources in hazard.yaml)


class Surface:
    """Water on a city's ground, moved by one of `hydro.schemes.registry.SCHEMES`.

    Buildings, cells without terrain and the inner river are blocked; river cells on the bank hold the river's level; the
    rim of the city swallows what reaches it unless `closed`. `land` marks the cells that are simulated, `z` is their bed
    now (m, float64). Who changes `depth` books what the array lost or gained after rounding, and then calls `wake`.
    A `state` must be of the same scheme and `factor`; the full scheme takes up an inertial one too (a levee breaks in the
    middle of a flood). What was reached (`reached`) begins anew with every run.
    """

    def __init__(
        self,
        city: City,
        *,
        scheme: str,
        closed: bool,
        precision: str,
        courant: float | None,
        factor: int = 4,
        state: State | None = None,
    ) -> None:
        terrain = city.surface["terrain"].values
        valid = np.isfinite(terrain)
        if not valid.any():
            raise SourceError("terrain_empty", where=city.id)
        building, river = city.surface["building"].values & valid, city.surface["river"].values & valid
        self._grid, self._city = city.grid, city
        free = valid & ~building & ~river
        self._bank = river & ndimage.binary_dilation(free)
        # a hole in the terrain is a wall: water is not lost into missing data
        inside = ndimage.binary_fill_holes(valid)
        edge = self._edge = np.zeros_like(free) if closed else free & ~ndimage.binary_erosion(inside, border_value=0)
        self._base = np.where(free | self._bank, np.nan_to_num(terrain), np.nanmax(terrain) + BLOCK_M)
        self.land = free & ~edge
        self.z = self._base.copy()
        self.water = water_on(
            self.z, city.surface["roughness"].values, city.grid.cell_m,
            scheme=scheme, factor=factor, dtype=precision, courant=courant,
        )  # fmt: skip
        self._held = np.nonzero(self._bank | edge)
        shape, real = terrain.shape, np.dtype(precision)
        self._soil = np.where(self.land, city.surface["soil"].values, 0).astype(np.int64)
        self._soaked, self._capacity, self._peak, self._peak_s = (np.zeros(shape, real) for _ in range(4))
        self._above = np.zeros((len(DURATION_M), *shape), np.float32)
        self._danger = np.zeros(shape, np.uint8)
        self._soaked_rows = np.zeros(shape[0])
        self._rained = self._pumped = 0.0
        self._shaped: tuple[object, ...] = ()
        self._fed: Array | None = None
        self.steps = 0
        self.fast_share = 0.0
        self._stage: float | None = np.nan
        self.hold_river(None)
        if state is not None:
            self._go_on(state)
        self._at_start = self.water.volume()

    def depth(self) -> Array:
        """Return the depth now, m."""
        return self.water.depth()

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        return self.water.arrays() | {"soaked": self._soaked.copy()}

    def _go_on(self, state: State) -> None:
        """Take up a state; the highest depth begins with the depth now."""
        now = {k: state.arrays[k.removesuffix("highest") + "h"] for k in state.arrays if k.endswith("highest")}
        if state.settings.get("scheme") == Inertial.name and isinstance(self.water, Shallow):
            before = Inertial(self.z, self.water.n, self._grid.cell_m, dtype=self.water.h.dtype.name)
            before.restore({**state.arrays, **now})
            hand_over(before, self.water)
        else:
            self.water.restore({**state.arrays, **now})
        self._soaked[:] = state.arrays["soaked"]
        self.track(0.0, 0.0)

    def hold_river(self, stage: float | None) -> None:
        """Hold the river's bank cells at `stage` (m); without a stage the river swallows what reaches it, as the rim does.

        Rim cells below the stage that join the river along the rim hold its level too: outside the raster the river goes on.
        """
        if stage == self._stage:
            return
        self._stage = stage
        level = np.full(self._bank.shape, -np.inf)
        if stage is not None:
            low, _ = ndimage.label(self._bank | (self._edge & (self._base < stage)), np.ones((3, 3)))
            level[np.isin(low, np.unique(low[self._bank])) & (low > 0)] = stage
        self.water.hold(self._held[0], self._held[1], level[self._held])

    def renew_soil(self, law: Infiltration, wetness: float) -> None:
        """Renew the infiltration capacity from what went in so far, into soil of this `wetness` before the rain."""
        self._capacity[:] = capacity(self._soil, self._soaked, law, SOIL_STEP_S, wetness)

    def soak(self, dt: float) -> None:
        """Let water soak in for `dt` seconds."""
        soak(self.depth(), self._soaked, self._soaked_rows, self._capacity, dt)

    def shape_bed(self, t: float, actions: tuple[Action, ...]) -> None:
        """Set the bed to the terrain plus the barriers and less the breaches of time `t`."""
        key = bed_key(actions, t)
        if key != self._shaped:
            self._shaped = key
            self.z[:] = bed_at(self._city, self._base, actions, t)
            self.water.set_bed(self.z)

    def pump(self, t: float, dt: float, actions: tuple[Action, ...]) -> None:
        """Take out what mobile pumps lift in `dt` seconds, never more than stands within one cell of them."""
        for action in actions:
            if action.kind == "pump" and action.active(t):
                centre = self._city.place(action.place).centroid
                row, col, _ = self._grid.cells([centre.x], [centre.y])
                window = (slice(max(row[0] - 1, 0), row[0] + 2), slice(max(col[0] - 1, 0), col[0] + 2))
                self._pumped += self.take(window, action.values["flow_m3_s"] * dt)

    def take(self, where: tuple[slice, slice], volume_m3: float) -> float:
        """Take up to `volume_m3` from the land cells `where`, in proportion to what they hold; return what was really taken."""
        h = self.depth()
        before = h[where].astype(np.float64)
        water = np.where(self.land[where], before, 0.0)
        if not water.sum() > 0:
            return 0.0
        share = min(1.0, volume_m3 / self._grid.cell_area_m2 / water.sum())
        h[where] = before - share * water
        return float((before - h[where].astype(np.float64)).sum()) * self._grid.cell_area_m2

    def advance(self, rain: Array, dt: float, clock: Clock, t: float) -> None:
        """Advance the water by `dt` seconds under `rain` (m/s per cell); raise NumericsError when the step collapses."""
        if rain is not self._fed:
            self._fed = rain
            self.water.feed(rain)
            self._rain_m3_s = float(self.water.source.sum(dtype=np.float64)) * self._grid.cell_area_m2
        try:
            self.steps += self.water.advance(dt, t)
        except NumericsError as error:
            at_s = float(str(error.values.get("at_s", t)))
            at = clock.times[0] + np.timedelta64(round(at_s * 1000), "ms")
            raise NumericsError(error.code, **{**error.values, "time": str(at)}) from error
        self._rained += self._rain_m3_s * dt

    def track(self, t: float, dt: float) -> None:
        """Keep peak, time of the peak, durations and danger of the water as it stands at `t` seconds."""
        qx, qy = self.water.flow()
        track(
            self._peak, self._peak_s, self._above, self._danger, self.depth(), qx, qy, np.array(DURATION_M), SHALLOW_M, t, dt
        )  # fmt: skip

    def frame(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return depth and speed now, float32, zero where nothing is simulated."""
        depth = np.where(self.land, self.depth(), 0).astype(np.float32)
        qx, qy = self.water.flow()
        wet = depth > SHALLOW_M
        fast = np.hypot(qx, qy, where=wet, out=np.zeros_like(qx))
        np.divide(fast, self.depth(), where=wet, out=fast)
        self._look_at_limits()
        return depth, fast.astype(np.float32)

    def _look_at_limits(self) -> None:
        """Keep how much of the water met a limit of its scheme; the full one has none."""
        if isinstance(self.water, Inertial):
            self.fast_share = max(self.fast_share, self.water.fast_share())
        elif isinstance(self.water, SubgridView):
            now = self.water.carried()
            if now[0] > 0.0:
                self.fast_share = max(self.fast_share, float(now[1] / now[0]))

    def reached(self) -> Mapping[str, Array]:
        """Return what was reached: highest depth (of any step), time of the peak (s), seconds above DURATION_M, danger class."""
        peaked = self._peak > SHALLOW_M
        return {
            "highest": np.where(self.land, self.water.highest_depth(), 0).astype(np.float32),
            "peak_s": np.where(self.land & peaked, self._peak_s, np.nan).astype(np.float32),
            "above": np.where(self.land, self._above, 0),
            "danger": np.where(self.land, self._danger, 0).astype(np.uint8),
        }

    def ledger_m3(self) -> dict[str, float]:
        """Return the volumes booked since the start, m3, summed in a fixed order."""
        booked = self.water.booked
        return {
            "rain": self._rained,
            "infiltration": float(self._soaked_rows.sum()) * self._grid.cell_area_m2,
            "to_river": booked["into_held"],
            "from_river": booked["out_of_held"],
            "over_edge": booked["over_rim"],
            "pumped": self._pumped,
            "stored": self.water.volume() - self._at_start,
        }
