"""Drains without pipe hydraulics, for ensembles: inlets take water up to what the pipes below can carry."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydro.drains.coupling import GRATE_PAIR, Inlets, Ponding
from hydro.drains.drainage import (
    Notes,
    binding_notes,
    coupled_manholes,
    held_links,
    inlet_notes,
    nearest_manholes,
    open_shares,
)
from hydro.drains.tree import drain_tree, index_of
from hydro.kernels.screening import accept, demand, take
from twin.city import City
from twin.errors import NumericsError
from twin.hazard import Action
from twin.inp import read_sections

Array = NDArray[np.float64]


class ScreeningDrainage:
    """Capture up to capacity: a `Drainage` with no engine and no state.

    Each inlet takes what weir and orifice let through. Where more enters a pipe than it carries full (`hydro.drains.tree`),
    everything that enters it is cut by the same factor. Water that was taken leaves the city at once: pipes store nothing.
    Only roof water that finds no room comes up again, at its manhole. Valid to see where capacity ends; near manholes that
    would surcharge, depths are too small. Raises NumericsError for a city without drains.
    """

    spilled_m3 = 0.0

    def __init__(
        self, *, city: City, open_ground: NDArray[np.bool_], open_share: float, inlets: Inlets = GRATE_PAIR
    ) -> None:
        if city.drains is None:
            raise NumericsError("no_drains")
        self._city, self._open_share, self.inlets = city, open_share, inlets
        self.manholes, self.x, self.y, self.uncoupled = coupled_manholes(city, open_ground)
        self.row, self.col = self.manholes.row, self.manholes.col
        self._subcatchments = len(read_sections(city.drains.inp).get("SUBCATCHMENTS", []))
        self.tree = drain_tree(city.drains.inp)
        self._node = index_of(self.tree, self.manholes.ids)
        nodes = city.drains.nodes
        self._river = index_of(self.tree, nodes["id"][(nodes["kind"] == "outfall") & nodes["river"].astype(bool)])
        self.ponding, self._ground_m2 = Ponding(), float(open_ground.sum()) * city.grid.cell_area_m2
        n = len(self.manholes)
        self.captured, self.surcharged, self.roof = np.zeros(n), np.zeros(n), np.zeros(n)
        self._length, self._area = np.full(n, inlets.length_m), np.full(n, inlets.grate_area_m2)
        self._share, self._flow = np.ones(len(self.tree.ids)), np.zeros(len(self.tree.ids))
        self._now: tuple[float | None, tuple[tuple[str, float], ...]] | None = None
        self._capacity = np.zeros(len(self.tree.ids))
        self.account: dict[str, float] = {}
        self._bookkeeping_s = 0.0

    def __enter__(self) -> ScreeningDrainage:
        return self

    def __exit__(self, *_: object) -> None:
        return None

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
        """Take water from the surface `h` (changed in place) for `dt` seconds; arguments as for `Drainage`."""
        began = time.perf_counter()
        at, cell = self.manholes, self._city.grid.cell_area_m2
        open_share = open_shares(t, actions, self._city, self.x, self.y, self._open_share)
        wanted, moved = np.zeros(len(at)), np.zeros(len(at))
        weir, orifice = self.inlets.weir, self.inlets.orifice
        demand(wanted, h, at.row, at.col, self._length, self._area, open_share, cell, weir, orifice, dt)
        entering = np.bincount(self._node, wanted / dt + roof_m3_s, len(self.tree.ids))
        accept(self._share, self._flow, entering, self.tree.order, self.tree.down, self._capacities(t, stage, actions))
        share = self._share[self._node]
        self.ponding.look(h[at.row, at.col], share >= 1.0)
        take(moved, h, at.row, at.col, wanted * share - roof_m3_s * dt * (1.0 - share), cell)
        spilled = roof_m3_s * dt * (1.0 - share)
        self.surcharged += spilled
        self.captured += moved + spilled
        self.roof += roof_m3_s * dt
        self._bookkeeping_s += time.perf_counter() - began

    def _capacities(self, t: float, stage: float | None, actions: tuple[Action, ...]) -> Array:
        held = tuple((s.link, s.value) for s in held_links(actions) if s.start_s <= t < s.end_s)
        if self._now != (stage, held):
            self._now = (stage, held)
            stages = np.full(len(self.tree.ids), np.nan)
            stages[self._river] = np.nan if stage is None else stage
            self._capacity = self.tree.capacity(stages)
            for link, value in held:
                self._capacity[np.array(self.tree.link) == link] *= value
        return self._capacity

    def finish(self) -> pd.DataFrame:
        """Return what each manhole passed; `account` then says what was taken, given back and left by the outfalls, m3."""
        handed_in, given_back = float((self.captured + self.roof).sum()), float(self.surcharged.sum())
        self.account = {
            "inflow_m3": handed_in,
            "outflow_m3": handed_in - given_back,
            "flooding_m3": 0.0,
            "continuity_error": 0.0,
            "engine_s": 0.0,
            "exchange_s": self._bookkeeping_s,
        }
        return pd.DataFrame(
            {
                "id": list(self.manholes.ids),
                "captured_m3": self.captured,
                "surcharged_m3": self.surcharged,
                "roof_m3": self.roof,
                "highest_head_m": np.full(len(self.manholes), np.nan),
            }
        )

    def record(self) -> dict[str, NDArray[np.generic]]:
        """Return what a later run needs to go on: nothing, pipes hold no water here."""
        return {}

    def notes(self) -> Notes:
        """Say what the reader must know of the inlets, and that the pipes were screened, not simulated."""
        found = inlet_notes(self._open_share, self._subcatchments, self.uncoupled)
        return [*found, *binding_notes(self.ponding, self._ground_m2, len(self.manholes)), ("drains_screened", {})]
