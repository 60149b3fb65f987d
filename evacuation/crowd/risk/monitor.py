"""Watches the crowd second by second: density, time above bounds, load, level of each zone, people by density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.crowd.kernels.density import keep_worst, worst_of_zones
from evacuation.crowd.people.walkers import People
from evacuation.crowd.risk.density import Density
from evacuation.crowd.risk.levels import METRICS, Held, index, thresholds
from twin.overlay import within_polygons
from twin.sheet import COLOURS

#: Densities above which the time is kept, persons/m2.
BOUNDS = (4.0, 5.0, 7.0)
_BOUNDS = np.array(BOUNDS)

#: Lower bounds of the classes in which people are counted, persons/m2.
CLASSES = (0.0, 2.0, 4.0, 5.0, 7.0)

#: From this density on people count as in a dense crowd, persons/m2.
DENSE = 4.0

#: What is told of a zone: the highest density, load and compression dose, its index, the people in it.
ZONE = ("density", "force", "dose", "index", "people")

#: Of these, what only people who are followed one by one have.
PRESSED = ("force", "dose")


class Monitor:
    """Keeps what was reached. `zones` has a row per zone; figures of zones hold the worst second since the last output time."""

    def __init__(
        self, density: Density, zones: gpd.GeoDataFrame, kept: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        self.density, self.zones = density, zones
        self._cells = within_polygons(density.grid, zones.geometry)
        self._zone_of_cell = np.full(density.grid.ny * density.grid.nx, -1)
        for k in reversed(range(len(zones))):
            self._zone_of_cell[self._cells.cells[self._cells.starts[k] : self._cells.starts[k + 1]]] = k
        count, kept = len(zones), kept or {}
        self.highest = kept.get("risk_highest", np.zeros(density.grid.shape)).copy()
        self.above = kept.get("risk_above", np.zeros((len(BOUNDS), *density.grid.shape))).copy()
        self._held = {m: Held(thresholds()[m][1], count, kept.get(f"risk_held_{m}")) for m in METRICS}
        self.peak = {m: kept.get(f"risk_peak_{m}", np.zeros(count)).copy() for m in METRICS}
        self.first = kept.get("risk_first", np.full((len(COLOURS), count), np.nan)).copy()
        self.most = kept.get("risk_most", np.zeros(count)).copy()
        self.most_dense = kept.get("risk_most_dense", np.zeros(count)).copy()
        self.now = np.zeros(density.grid.shape)
        self.zone = {name: kept.get(f"risk_zone_{name}", np.zeros(count)).copy() for name in ZONE}

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        own = {"highest": self.highest, "above": self.above, "first": self.first}
        own |= {"most": self.most, "most_dense": self.most_dense}
        own |= {f"held_{m}": held.last for m, held in self._held.items()} | {
            f"peak_{m}": v for m, v in self.peak.items()
        }
        own |= {f"zone_{name}": value for name, value in self.zone.items()}
        return {f"risk_{name}": value for name, value in own.items()}

    def new_step(self) -> None:
        """Begin another output step: the worst of the last one is told."""
        self.zone = {name: np.zeros(len(self.zones)) for name in self.zone}

    def look(self, people: People) -> None:
        """Look at everybody before the first second: nothing is held yet."""
        inside = people.out < 0  # who has gone out stands on other ground
        self.now = self.density.of(people.x[inside], people.w[inside])
        where, dense = self.zone_of(people), self.met(people) >= DENSE
        self._count(self._by_zone(where[where >= 0]), self._by_zone(where[(where >= 0) & dense]))

    def watch(self, people: People, t: float) -> None:
        """Look at everybody at `t` seconds since the first run began, when a second more has passed."""
        self.look(people)
        self.grade(people.load, people.crush, self.zone_of(people), people.count > 0, t)

    def watch_stream(
        self,
        density: NDArray[np.float64],
        counted: NDArray[np.float64],
        cell_m: float,
        pressed: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
        t: float,
    ) -> None:
        """Look at a crowd that is a density, as `watch` does; `pressed` are the loads of single people (person,), N, their
        compression doses and zones."""
        self.look_stream(density, counted, cell_m)
        self.grade(*pressed, bool(density.any()), t)

    def look_stream(self, density: NDArray[np.float64], counted: NDArray[np.float64], cell_m: float) -> None:
        """Look at a crowd that is a density (ny, nx), persons/m2 on cells of `cell_m`, as `look` does.

        `counted` (ny, nx) is that by which its people are counted.
        """
        self.now = density
        people, dense = np.zeros((2, len(self.zones)))
        for k in range(len(self.zones)):
            there, own = self.cells_of(k), counted.ravel()
            people[k] = own[there].sum() * cell_m**2
            dense[k] = own[there][density.ravel()[there] >= DENSE].sum() * cell_m**2
        self._count(people, dense)

    def cells_of(self, k: int) -> NDArray[np.int64]:
        """Return the cells of zone `k`, by their place in a field that is laid out in one row."""
        return np.asarray(self._cells.cells[self._cells.starts[k] : self._cells.starts[k + 1]])

    def _by_zone(self, where: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.bincount(where, minlength=len(self.zones)).astype(np.float64)

    def _count(self, people: NDArray[np.float64], dense: NDArray[np.float64]) -> None:
        """Keep how many people are in each zone now, and how many of them in a dense crowd."""
        self.zone["people"] = people
        np.maximum(self.most, people, out=self.most)
        np.maximum(self.most_dense, dense, out=self.most_dense)

    def grade(
        self, load: NDArray[np.float64], dose: NDArray[np.float64], zone: NDArray[np.int64], anybody: bool, t: float
    ) -> None:
        """Grade the zones by the density now and by loads (person,) in zones (person,), at `t` seconds since the first run began; keep
        the highest compression `dose` (person,)."""
        found = {m: np.zeros(len(self.zones)) for m in METRICS}
        if anybody:
            cells = self._cells.starts, self._cells.cells
            worst_of_zones(found["density"], found["force"], self.now.ravel(), *cells, load, zone)
            keep_worst(self.highest, self.above, self.now, _BOUNDS, 1.0)
        held = {m: self._held[m].add(found[m]) for m in METRICS}
        if not anybody:
            return  # nothing is held any more: no level, and no peak is passed
        level = np.maximum.reduce([index(m, held[m]) for m in METRICS])
        for m in METRICS:
            np.maximum(self.peak[m], found[m], out=self.peak[m])
            np.maximum(self.zone[m], found[m], out=self.zone[m])
        np.maximum(self.zone["index"], level, out=self.zone["index"])
        np.maximum.at(self.zone["dose"], zone[zone >= 0], dose[zone >= 0])
        for k in range(min(int(level.max()), len(COLOURS))):
            fresh = np.isnan(self.first[k]) & (level >= k + 1)
            self.first[k, fresh] = t

    def zone_of(self, people: People) -> NDArray[np.int64]:
        """Return the zone of each person by the cell he stands on, -1 outside all; of two that overlap the first."""
        return np.asarray(self._zone_of_cell[self._flat(people)])

    def met(self, people: People) -> NDArray[np.float64]:
        """Return the density now where each person stands, persons/m2."""
        return np.asarray(self.now.ravel()[self._flat(people)])

    def by_density(self, people: People) -> NDArray[np.int64]:
        """Return how many people stand at a density in each of CLASSES."""
        return np.bincount(np.digitize(self.met(people), CLASSES) - 1, minlength=len(CLASSES))

    def by_density_of(self, counted: NDArray[np.float64], cell_m: float) -> NDArray[np.int64]:
        """Return how many people, counted (ny, nx) in persons/m2, stand at a density in each of CLASSES."""
        found = np.bincount(
            np.digitize(self.now.ravel(), CLASSES) - 1, weights=counted.ravel() * cell_m**2, minlength=len(CLASSES)
        )
        return np.round(found).astype(np.int64)

    def _flat(self, people: People) -> NDArray[np.int64]:
        grid = self.density.grid
        row, col = (people.w / grid.cell_m).astype(np.int64), (people.x / grid.cell_m).astype(np.int64)
        return row * grid.nx + col

    def table(self) -> pd.DataFrame:
        """Return a row per zone: peaks, time above each bound at its worst cell, when each colour begins, s after the start, most people
        at one time, in all and in a dense crowd (DENSE), its ground that can be walked on and how much of it was dense at some time, m2."""
        worst = self._cells.maximum(self.above)
        own = {f"above_{bound:g}_s": np.nan_to_num(worst[k]) for k, bound in enumerate(BOUNDS)}
        when = {f"{colour}_after_s": self.first[k] for k, colour in enumerate(COLOURS)}
        peaks = {"peak_density": self.peak["density"], "peak_force_n": self.peak["force"]}
        ground = self.density.grid.cell_m**2 * self.density.share.ravel()
        cells, dense = [self.cells_of(k) for k in range(len(self.zones))], self.highest.ravel() >= DENSE
        reach = {
            "most_people": self.most,
            "dense_people": self.most_dense,
            "ground_m2": np.array([ground[there].sum() for there in cells]),
            "dense_m2": np.array([(ground[there] * dense[there]).sum() for there in cells]),
        }
        return pd.DataFrame({"id": self.zones["id"].values, **peaks, **own, **when, **reach})
