"""The ground with water on it: arrays, boundaries, timed changes and the ledger; the physics is in the kernels."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from hydro.kernels.inertial import EDGE, GRAVITY, LAND, RIVER, advance, speed
from hydro.soil import Infiltration, capacity
from twin.city import City
from twin.clock import Clock
from twin.errors import NumericsError, SourceError
from twin.hazard import Action, State
from twin.jit import start_threads

Array = NDArray[np.float64]

BLOCK_M = 1000.0  # how far a blocked cell's bed stands above the highest ground
SHALLOW_M = 0.01  # below this depth no speed is reported
SOIL_STEP_S = 60.0  # infiltration capacity is renewed this often


class Surface:
    """Water on a city's ground.

    Buildings, cells without terrain and the inner river are blocked; river cells on the bank hold the river's level; the
    rim of the city swallows what reaches it unless `closed`. `land` marks the cells that are simulated.
    """

    def __init__(self, city: City, *, closed: bool, courant: float, state: State | None = None) -> None:
        start_threads()
        terrain = city.surface["terrain"].values
        valid = np.isfinite(terrain)
        if not valid.any():
            raise SourceError("terrain_empty", where=city.id)
        building, river = city.surface["building"].values & valid, city.surface["river"].values & valid
        self._grid, self._city, self._courant = city.grid, city, courant
        free = valid & ~building & ~river
        bank = river & ndimage.binary_dilation(free)
        self.kind = np.full(terrain.shape, LAND, dtype=np.uint8)
        self.kind[bank] = RIVER
        if not closed:
            inner = ndimage.binary_erosion(valid, border_value=0)
            self.kind[free & ~inner] = EDGE
        self._base = np.where(free | bank, np.nan_to_num(terrain), np.nanmax(terrain) + BLOCK_M)
        self.z = self._base.copy()
        self.land = free & (self.kind == LAND)
        ny, nx = terrain.shape
        self.n = city.surface["roughness"].values.astype(float)
        self._soil = np.where(self.land, city.surface["soil"].values, 0).astype(np.int64)
        self.h, self.highest, self._soaked = (np.zeros((ny, nx)) for _ in range(3))
        self._qx, self._qx_scratch = (np.zeros((ny, nx + 1)) for _ in range(2))
        self._qy, self._qy_scratch = (np.zeros((ny + 1, nx)) for _ in range(2))
        self._deepest, self._ledger = np.zeros(ny), np.zeros((ny, 4))
        self._soak = np.zeros((ny, nx))
        self._rained = self._pumped = 0.0
        self._raised: tuple[Action, ...] = ()
        self.steps = 0
        self.fast_share = 0.0
        if state is not None:
            for name in ("h", "highest", "_soaked", "_qx", "_qy", "_deepest"):
                getattr(self, name)[:] = state.arrays[name.strip("_")]
        self._at_start = self._stored_m3()

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        return {
            name.strip("_"): getattr(self, name).copy()
            for name in ("h", "highest", "_soaked", "_qx", "_qy", "_deepest")
        }

    def hold_river(self, stage: float | None) -> None:
        """Hold the river's bank cells at `stage` (m); without a stage the river swallows what reaches it."""
        bank = self.kind == RIVER
        self.h[bank] = 0.0 if stage is None else np.maximum(stage - self.z[bank], 0.0)

    def renew_soil(self, law: Infiltration) -> None:
        """Renew the infiltration capacity from what went in so far."""
        self._soak = capacity(self._soil, self._soaked, law, SOIL_STEP_S)

    def raise_barriers(self, t: float, actions: tuple[Action, ...]) -> None:
        """Set the bed to the terrain plus the barriers that stand at time `t`."""
        standing = tuple(a for a in actions if a.kind == "barrier" and a.active(t))
        if standing == self._raised:
            return
        self._raised = standing
        self.z = self._base.copy()
        for action in standing:
            points = shapely.get_coordinates(shapely.segmentize(self._city.place(action.place), self._grid.cell_m / 2))
            row, col, inside = self._grid.cells(points[:, 0], points[:, 1])
            cells = np.unique(np.column_stack([row, col])[inside], axis=0)
            self.z[cells[:, 0], cells[:, 1]] += action.values["height_m"]

    def pump(self, t: float, dt: float, actions: tuple[Action, ...]) -> None:
        """Take out what mobile pumps lift in `dt` seconds, never more than stands within one cell of them."""
        for action in actions:
            if action.kind == "pump" and action.active(t):
                centre = self._city.place(action.place).centroid
                row, col, _ = self._grid.cells([centre.x], [centre.y])
                window = (slice(max(row[0] - 1, 0), row[0] + 2), slice(max(col[0] - 1, 0), col[0] + 2))
                water = np.where(self.land[window], self.h[window], 0.0)
                wanted = action.values["flow_m3_s"] * dt / self._grid.cell_area_m2
                share = min(1.0, wanted / water.sum()) if water.sum() > 0 else 0.0
                self.h[window] -= share * water
                self._pumped += share * water.sum() * self._grid.cell_area_m2

    def advance(self, rain: Array, dt: float, clock: Clock, t: float) -> None:
        """Advance the water by `dt` seconds under `rain` (m/s per cell); raise NumericsError when the step collapses."""
        steps = advance(
            self.h,
            self._qx,
            self._qy,
            self._qx_scratch,
            self._qy_scratch,
            self.highest,
            self._soaked,
            self._ledger,
            self._deepest,
            self.z,
            self.n,
            self.kind,
            rain,
            self._soak,
            dt,
            self._grid.cell_m,
            self._courant,
            dt,
        )
        if steps < 0 or not np.isfinite(self._deepest).all():
            row = int(np.argmax(~np.isfinite(self.h).all(axis=1) | (self._deepest == np.nanmax(self._deepest))))
            col = int(np.nanargmax(self.h[row]))
            at = clock.times[0] + np.timedelta64(round(t * 1000), "ms")
            raise NumericsError("step_collapsed", time=str(at), row=row, col=col, depth=float(self.h[row, col]))
        self.steps += steps
        self._rained += float(rain.sum()) * dt * self._grid.cell_area_m2

    def frame(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return depth and speed now, float32, zero where nothing is simulated."""
        fast = np.zeros_like(self.h)
        speed(fast, self._qx, self._qy, self.h, SHALLOW_M)
        depth = np.where(self.land, self.h, 0.0)
        wet = depth > 0.05
        if wet.any():
            limited = fast[wet] > 0.95 * np.sqrt(GRAVITY * depth[wet])
            self.fast_share = max(self.fast_share, float(limited.mean()))
        return depth.astype(np.float32), np.where(self.land, fast, 0.0).astype(np.float32)

    def ledger_m3(self) -> dict[str, float]:
        """Return the volumes booked since the start, m3, summed in a fixed order."""
        infiltration, to_river, from_river, over_edge = self._ledger.sum(axis=0) * self._grid.cell_area_m2
        return {
            "rain": self._rained,
            "infiltration": float(infiltration),
            "to_river": float(to_river),
            "from_river": float(from_river),
            "over_edge": float(over_edge),
            "pumped": self._pumped,
            "stored": self._stored_m3() - self._at_start,
        }

    def _stored_m3(self) -> float:
        return float(np.where(self.land, self.h, 0.0).sum()) * self._grid.cell_area_m2
