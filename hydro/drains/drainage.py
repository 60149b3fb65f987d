"""The drain network below the surface: what goes down the inlets and what comes back up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Protocol

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hydro.drains.coupling import GRATE_PAIR, Coupling, Inlets, Manholes, whole_seconds
from hydro.drains.spills import Spills
from hydro.drains.swmm import Engine
from hydro.drains.swmm_input import Setting, asked_routing, left_out, prepare, series_elsewhen
from hydro.ground.works import nearest_open
from twin.city import City
from twin.errors import NumericsError
from twin.hazard import EVERYWHERE, Action
from twin.inp import read_sections

Array = NDArray[np.float64]

#: Codes of sentences and their values, as in `twin.hazard.Outcome`.
Notes = list[tuple[str, dict[str, object]]]

#: The engine's own continuity error above which the result says so, and the water it lost, m3.
SWMM_CONTINUITY, SWMM_LOST_M3 = 0.01, 1.0

#: Starts per hour above which a pump hunts between its levels (motors bear about 10 to 15: assumed).
STARTS_PER_HOUR = 15


class Drainage(Protocol):
    """What a flood knows of the drains below it. Used as a context manager, because an engine may have to be closed.

    Arrays are (n,), one number for each coupled manhole; volumes are m3 since the start.
    """

    @property
    def row(self) -> NDArray[np.int64]:
        """Rows of the cells where water passes."""
        ...

    @property
    def col(self) -> NDArray[np.int64]:
        """Columns of the cells where water passes."""
        ...

    @property
    def captured(self) -> Array:
        """What went down."""
        ...

    @property
    def surcharged(self) -> Array:
        """What came up."""
        ...

    @property
    def spilled_m3(self) -> float:
        """What came up at nodes that are no manholes."""
        ...

    @property
    def uncoupled(self) -> pd.DataFrame:
        """The junctions that exchange nothing with the surface (`id`) and why (`reason`)."""
        ...

    @property
    def account(self) -> Mapping[str, float]:
        """The drains' own volumes and times; complete after `finish`."""
        ...

    def __enter__(self) -> Drainage: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def roofs(self, x: Array, y: Array) -> NDArray[np.int64]:
        """Return, for roof cells at x and y (m), the index of the manhole that drains each, -1 for none."""
        ...

    def exchange(
        self,
        t: float,
        dt: float,
        h: NDArray[np.floating],
        roof_m3_s: Array,
        stage: float | None,
        actions: tuple[Action, ...],
    ) -> None:
        """Exchange water with the surface `h` (m, changed in place) and route the drains from `t` for `dt` seconds.

        `roof_m3_s` is what roofs send straight down each manhole, `stage` the river's level at the outfalls (m) or None.
        """
        ...

    def finish(self) -> pd.DataFrame:
        """End the run and return what each manhole passed."""
        ...

    def record(self) -> dict[str, NDArray[np.generic]]:
        """Return what a later run needs to go on bit for bit."""
        ...

    def notes(self) -> Notes:
        """Say what the reader must know; after `finish`."""
        ...


class NoDrainage:
    """A city without drains: nothing goes down, nothing comes up."""

    account: Mapping[str, float] = MappingProxyType({})
    captured = surcharged = np.zeros(0)
    spilled_m3 = 0.0
    row = col = np.zeros(0, np.int64)
    uncoupled = pd.DataFrame({"id": [], "reason": []})

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
        h: NDArray[np.floating],
        roof_m3_s: Array,
        stage: float | None,
        actions: tuple[Action, ...],
    ) -> None:
        """Move nothing."""

    def finish(self) -> pd.DataFrame:
        """Return the empty table of manholes."""
        return pd.DataFrame({"id": [], "captured_m3": [], "surcharged_m3": [], "roof_m3": [], "highest_head_m": []})

    def record(self) -> dict[str, NDArray[np.generic]]:
        """Return what a later run needs to go on: nothing."""
        return {}

    def notes(self) -> Notes:
        """Say that there are no drains."""
        return [("no_drains", {})]


class SwmmDrainage(Coupling):
    """EPA SWMM in the loop of a city's flood, coupled at every junction that lies on open ground of the grid.

    `bed` is the ground (m) and `open_ground` the cells that hold water, both (ny, nx); `open_share` of each inlet is not
    blocked; `actions` of kind `drain_pump` and `gate` hold links of the model. See `hydro.drains.coupling` for the rest.
    Raises NumericsError for a city without drains, SourceError for a held link that the model does not have.
    """

    def __init__(
        self,
        *,
        city: City,
        bed: Array,
        open_ground: NDArray[np.bool_],
        local_start: datetime,
        duration_s: float,
        exchange_s: float,
        open_share: float,
        inlets: Inlets = GRATE_PAIR,
        actions: tuple[Action, ...] = (),
        replay: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> None:
        drains = city.drains
        if drains is None:
            raise NumericsError("no_drains")
        self._city, self._bed, self._open_share, self._inp = city, bed, open_share, drains.inp
        manholes, self.x, self.y, self.uncoupled = coupled_manholes(city, open_ground)
        ids, row, col = spilling_nodes(city, open_ground)
        self.spills = Spills(ids, row, col, city.grid.cell_area_m2)
        self.row, self.col = np.append(manholes.row, row), np.append(manholes.col, col)
        self._subcatchments = len(read_sections(drains.inp).get("SUBCATCHMENTS", []))
        self.series_elsewhen = series_elsewhen(drains.inp, local_start, duration_s)
        nodes = drains.nodes
        super().__init__(
            drains.inp,
            manholes,
            start=local_start,
            duration_s=duration_s,
            exchange_s=exchange_s,
            cell_area_m2=city.grid.cell_area_m2,
            inlets=inlets,
            outfalls=nodes["id"][(nodes["kind"] == "outfall") & nodes["river"].astype(bool)].tolist(),
            settings=held_links(actions),
            replay=replay,
        )

    def __enter__(self) -> SwmmDrainage:
        super().__enter__()
        self.spills.begin(self.engine)
        return self

    @property
    def spilled_m3(self) -> float:
        """What came up at storage units and dividers."""
        return float(self.spills.volume.sum())

    def roofs(self, x: Array, y: Array) -> NDArray[np.int64]:
        """Return, for each roof cell, the index of the nearest manhole within reach, else -1."""
        return nearest_manholes(self.x, self.y, x, y, self.inlets.reach_m)

    def exchange(
        self,
        t: float,
        dt: float,
        h: NDArray[np.floating],
        roof_m3_s: Array,
        stage: float | None,
        actions: tuple[Action, ...],
    ) -> None:
        """Exchange water with the surface `h` (changed in place) and route the drains for `dt` seconds.

        `roof_m3_s` is what roofs send straight down each manhole, `stage` the river level at the outfalls.
        """
        self.step(h, self._bed, roof_m3_s=roof_m3_s, stage=stage, open_share=self._open_shares(t, actions))
        self.spills.give(self.engine, h)

    def finish(self) -> pd.DataFrame:
        """End the engine's run and return what each manhole passed; of the account's `flooding_m3` what came up is taken off."""
        table = super().finish()
        lost = max(0.0, self.account["flooding_m3"] - self.spilled_m3)
        self.account |= {"flooding_m3": lost, "spilled_m3": self.spilled_m3}
        return table

    def notes(self) -> Notes:
        """Say what the reader must know of the model, inlets, pumps, the way a run goes on and the engine's account."""
        found = inlet_notes(self._open_share, self._subcatchments, self.uncoupled) + model_notes(self._inp)
        if self.series_elsewhen:
            found.append(("drain_series_elsewhen", {"series": self.series_elsewhen[:5]}))
        hours = len(self._inflows) * self.exchange_s / 3600.0
        for pump, starts in self.pump_starts.items():
            if starts > STARTS_PER_HOUR * max(hours, 0.25):
                found.append(("pump_hunting", {"pump": pump, "count": starts, "hours": hours}))
        if self.replayed_s:
            found.append(("drains_replayed", {"hours": self.replayed_s / 3600.0}))
        if abs(self.account["continuity_error"]) > SWMM_CONTINUITY:
            found.append(("swmm_continuity", {"percent": 100 * self.account["continuity_error"]}))
        if self.spilled_m3 > SWMM_LOST_M3:
            ids = [self.spills.ids[k] for k in np.argsort(-self.spills.volume)[:5] if self.spills.volume[k] > 0]
            found.append(("drain_spilled", {"volume": self.spilled_m3, "ids": ids}))
        if self.account["flooding_m3"] > SWMM_LOST_M3:
            found.append(("swmm_lost", {"volume": self.account["flooding_m3"]}))
        return found

    def _open_shares(self, t: float, actions: tuple[Action, ...]) -> Array:
        return open_shares(t, actions, self._city, self.x, self.y, self._open_share)


def inlet_notes(open_share: float, subcatchments: int, uncoupled: pd.DataFrame) -> Notes:
    """Say which share of the inlets is open, how many subcatchments of the model are off, and which junctions are uncoupled."""
    found: Notes = [("inlets_open", {"percent": 100 * open_share})]
    if subcatchments:
        found.append(("runoff_off", {"count": subcatchments}))
    if count := len(uncoupled):
        outside = int((uncoupled["reason"] == "outside_grid").sum())
        ids = uncoupled["id"][:5].tolist()
        found.append(
            ("manholes_uncoupled", {"count": count, "outside": outside, "walled": count - outside, "ids": ids})
        )
    return found


def model_notes(inp: str) -> Notes:
    """Say what of a drain model is not computed as its file has it."""
    found: Notes = []
    if sections := left_out(inp):
        found.append(("drain_left_out", {"sections": sections}))
    if (asked := asked_routing(inp)) is not None:
        found.append(("drain_routing", {"asked": asked}))
    if streets := read_sections(inp).get("STREETS"):
        found.append(("drain_streets", {"count": len(streets)}))
    return found


def refuse_model(inp: str, start: datetime, duration_s: float, exchange_s: float) -> None:
    """Raise the error that a run on this drain model would begin with: the engine opens it and is closed again."""
    whole_seconds(exchange_s)
    with Engine(prepare(inp, start, duration_s, exchange_s, {}), ()):
        pass


def coupled_manholes(city: City, open_ground: NDArray[np.bool_]) -> tuple[Manholes, Array, Array, pd.DataFrame]:
    """Return the junctions that exchange water with the surface, where they lie (x, y), and those that do not (id, reason).

    A junction under a wall opens on the nearest open cell within two; the others stay uncoupled, by reason: "outside_grid",
    or "no_open_cell" (walls, water or no terrain all round). Raises NumericsError for a city without drains.
    """
    if city.drains is None:
        raise NumericsError("no_drains")
    nodes = city.drains.nodes
    x, y = nodes.geometry.x.values, nodes.geometry.y.values
    row, col, inside = city.grid.cells(x, y)
    row, col, near = nearest_open(open_ground, row, col)
    junction = (nodes["kind"] == "junction").values
    take = junction & inside & near
    manholes = Manholes(
        nodes["id"].values[take].tolist(), row[take], col[take], nodes["rim_m"].values[take].astype(float)
    )
    left = junction & ~take
    reason = np.where(inside, "no_open_cell", "outside_grid")[left]
    return manholes, x[take], y[take], pd.DataFrame({"id": nodes["id"].values[left], "reason": reason})


def spilling_nodes(
    city: City, open_ground: NDArray[np.bool_]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the storage units and dividers on or within two cells of open ground, and the cells where they overflow."""
    if city.drains is None:
        raise NumericsError("no_drains")
    nodes = city.drains.nodes[city.drains.nodes["kind"].isin(["storage", "divider"])]
    row, col, inside = city.grid.cells(nodes.geometry.x.values, nodes.geometry.y.values)
    row, col, near = nearest_open(open_ground, row, col)
    take = inside & near
    return nodes["id"].values[take].tolist(), row[take], col[take]


def nearest_manholes(x: Array, y: Array, roof_x: Array, roof_y: Array, reach_m: float) -> NDArray[np.int64]:
    """Return, for each roof cell, the index of the nearest manhole within reach, else -1."""
    if not len(x) or not len(roof_x):
        return np.full(len(roof_x), -1, dtype=np.int64)
    distance, nearest = cKDTree(np.column_stack([x, y])).query(np.column_stack([roof_x, roof_y]))
    return np.where(distance <= reach_m, nearest, -1)


def open_shares(t: float, actions: tuple[Action, ...], city: City, x: Array, y: Array, usual: float) -> Array:
    """Return the share of each manhole's inlets that is open at `t`: `usual`, or what an action `inlets` says there."""
    share = np.full(len(x), usual)
    for action in actions:
        if action.kind == "inlets" and action.active(t):
            where = np.ones(len(share), bool)
            if action.place != EVERYWHERE:
                where = shapely.contains_xy(city.place(action.place).buffer(city.grid.cell_m), x, y)
            share[where] = action.values["open_share"]
    return share


def held_links(actions: tuple[Action, ...]) -> list[Setting]:
    """Return the links that actions of kind `drain_pump` (setting) and `gate` (opening) hold, 0..1."""
    value = {"drain_pump": "setting", "gate": "opening"}
    return [
        Setting(a.place, a.start_s, np.inf if a.end_s is None else a.end_s, a.values[value[a.kind]])
        for a in actions
        if a.kind in value
    ]
