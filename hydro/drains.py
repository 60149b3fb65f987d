"""The drain network below the surface: what goes down the inlets and what comes back up.

`NoDrainage` and `SwmmDrainage` share four methods: `roofs`, `exchange`, `close` and the attribute `account`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType, TracebackType

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hydro.kernels.exchange import exchange
from hydro.swmm import Engine, prepare
from twin.city import City
from twin.errors import NumericsError
from twin.hazard import Action
from twin.inp import read_sections

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Inlets:
    """What one manhole and the gullies beside it can pass (GB/T 26537 grates of 0.45 m x 0.75 m, two per manhole: assumed)."""

    length_m: float = 4.8
    grate_area_m2: float = 0.30
    shaft_area_m2: float = 0.385
    pond_area_m2: float = 4.0
    weir: float = 0.56
    orifice: float = 0.65
    reach_m: float = 60.0


class NoDrainage:
    """A city without drains: nothing goes down, nothing comes up."""

    account: Mapping[str, float] = MappingProxyType({})
    captured = surcharged = np.zeros(0)
    row = col = np.zeros(0, np.int64)

    def __enter__(self) -> NoDrainage:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def roofs(self, x: Array, y: Array) -> NDArray[np.int64]:
        """Return, for each roof cell, the manhole that drains it: none (-1)."""
        return np.full(len(x), -1, dtype=np.int64)

    def exchange(
        self,
        t: float,
        dt: float,
        h: Array,
        roof_m3_s: Array,
        stage: float | None,
        actions: tuple[Action, ...],
    ) -> None:
        """Move nothing."""

    def finish(self) -> pd.DataFrame:
        """Return the empty table of manholes."""
        return pd.DataFrame({"id": [], "captured_m3": [], "surcharged_m3": [], "roof_m3": [], "highest_head_m": []})

    def record(self) -> dict[str, Array]:
        """Return what a later run needs to go on: nothing."""
        return {}


@dataclass
class SwmmDrainage:
    """EPA SWMM in the loop, coupled both ways at every junction that lies on open ground of the grid.

    Each exchange step: read heads, move water by weir and orifice (`hydro.kernels.exchange`), hand the flow to the
    engine as lateral inflow, route. Every inflow is recorded; a later run replays them, so it goes on exactly.
    """

    city: City
    bed: Array
    open_ground: NDArray[np.bool_]
    local_start: datetime
    duration_s: float
    exchange_s: float
    open_share: float
    inlets: Inlets = field(default_factory=Inlets)
    replay: Mapping[str, Array] | None = None

    def __post_init__(self) -> None:
        drains = self.city.drains
        if drains is None:
            raise NumericsError("no_drains")
        nodes, grid = drains.nodes, self.city.grid
        row, col, inside = grid.cells(nodes.geometry.x.values, nodes.geometry.y.values)
        row, col, near = _nearest_open(self.open_ground, row, col)
        junction = (nodes["kind"] == "junction").values
        take = junction & inside & near
        self.outside = int((junction & ~take).sum())
        self.subcatchments = len(read_sections(drains.inp).get("SUBCATCHMENTS", []))
        self.ids = nodes["id"].values[take].tolist()
        self.x, self.y = nodes.geometry.x.values[take], nodes.geometry.y.values[take]
        self.row, self.col = row[take], col[take]
        self.rim = nodes["rim_m"].values[take].astype(float)
        self.outfalls = (
            nodes["id"].values[(nodes["kind"] == "outfall").values & nodes["river"].values.astype(bool)].tolist()
        )
        self.captured, self.surcharged, self.roof = (np.zeros(len(self.ids)) for _ in range(3))
        self.highest = np.full(len(self.ids), -np.inf)
        self._inflows: list[Array] = list(self.replay["drain_inflows"]) if self.replay else []
        self._stages: list[float] = list(self.replay["drain_stages"]) if self.replay else []
        pond = dict.fromkeys(self.ids, self.inlets.pond_area_m2)
        total = self.duration_s + len(self._inflows) * self.exchange_s
        self.engine = Engine(prepare(drains.inp, self.local_start, total, self.exchange_s, pond), self.ids)
        self.account: dict[str, float] = {}

    def __enter__(self) -> SwmmDrainage:
        self.engine.__enter__()
        for flow, stage in zip(self._inflows, self._stages, strict=True):
            self._route(flow, stage, self.exchange_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.__exit__(kind, error, trace)

    def roofs(self, x: Array, y: Array) -> NDArray[np.int64]:
        """Return, for each roof cell, the index of the nearest manhole within reach, else -1."""
        if not self.ids or not len(x):
            return np.full(len(x), -1, dtype=np.int64)
        distance, nearest = cKDTree(np.column_stack([self.x, self.y])).query(np.column_stack([x, y]))
        return np.where(distance <= self.inlets.reach_m, nearest, -1)

    def exchange(
        self,
        t: float,
        dt: float,
        h: Array,
        roof_m3_s: Array,
        stage: float | None,
        actions: tuple[Action, ...],
    ) -> None:
        """Exchange water with the surface `h` (changed in place) and route the drains for `dt` seconds.

        `roof_m3_s` is what roofs send straight down each manhole, `stage` the river level at the outfalls.
        """
        volume = np.zeros(len(self.ids))
        head = self.engine.heads()
        self.highest = np.maximum(self.highest, head)
        many = np.ones(len(self.ids))
        exchange(
            volume,
            h,
            self.bed,
            self.row,
            self.col,
            head,
            self.rim,
            self.inlets.length_m * many,
            self.inlets.grate_area_m2 * many,
            self.inlets.shaft_area_m2 * many,
            self.inlets.pond_area_m2 * many,
            self._open_shares(t, actions),
            self.city.grid.cell_area_m2,
            self.inlets.weir,
            self.inlets.orifice,
            dt,
        )
        self.captured += np.maximum(volume, 0.0)
        self.surcharged += np.maximum(-volume, 0.0)
        self.roof += roof_m3_s * dt
        flow = volume / dt + roof_m3_s
        self._inflows.append(flow)
        self._stages.append(np.nan if stage is None else stage)
        self._route(flow, self._stages[-1], dt)

    def _route(self, flow: Array, stage: float, dt: float) -> None:
        self.engine.set_inflows(flow)
        if not np.isnan(stage) and self.outfalls:
            self.engine.set_outfall_stages(self.outfalls, stage)
        self.engine.advance(dt)

    def _open_shares(self, t: float, actions: tuple[Action, ...]) -> Array:
        share = np.full(len(self.ids), self.open_share)
        for action in actions:
            if action.kind == "inlets" and action.active(t):
                where = np.ones(len(share), bool)
                if action.place != "*":
                    where = shapely.contains_xy(
                        self.city.place(action.place).buffer(self.city.grid.cell_m), self.x, self.y
                    )
                share[where] = action.values["open_share"]
        return share

    def finish(self) -> pd.DataFrame:
        """End the engine's run, keep its account and return what each manhole passed."""
        self.account = self.engine.finish()
        handed = np.array(self._inflows).reshape(-1, len(self.ids)) * self.exchange_s
        self.account |= {
            "handed_in_m3": float(handed.clip(min=0).sum()),
            "handed_out_m3": float(-handed.clip(max=0).sum()),
        }
        return pd.DataFrame(
            {
                "id": self.ids,
                "captured_m3": self.captured,
                "surcharged_m3": self.surcharged,
                "roof_m3": self.roof,
                "highest_head_m": self.highest,
            }
        )

    def record(self) -> dict[str, Array]:
        """Return every inflow and outfall stage handed over so far, for a run that goes on from here."""
        return {
            "drain_inflows": np.array(self._inflows).reshape(-1, len(self.ids)),
            "drain_stages": np.array(self._stages),
        }


def _nearest_open(
    open_ground: NDArray[np.bool_], row: NDArray[np.int64], col: NDArray[np.int64], reach: int = 2
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Move each cell to the nearest open one within `reach` cells (a manhole under a wall opens beside it)."""
    ny, nx = open_ground.shape
    steps = sorted(
        ((di, dj) for di in range(-reach, reach + 1) for dj in range(-reach, reach + 1)),
        key=lambda d: (d[0] ** 2 + d[1] ** 2, d),
    )
    best_row, best_col, found = row.copy(), col.copy(), np.zeros(len(row), bool)
    for di, dj in steps:
        i, j = np.clip(row + di, 0, ny - 1), np.clip(col + dj, 0, nx - 1)
        fresh = ~found & open_ground[i, j]
        best_row[fresh], best_col[fresh] = i[fresh], j[fresh]
        found |= fresh
    return best_row, best_col, found
