"""Where a city has no terrain, and what stands there: nothing is computed on such ground, so a run must say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from twin import overlay
from twin.city import City
from twin.plan import shown

#: So many roads are named.
NAMED = 5


@dataclass(frozen=True)
class Gap:
    """Cells without terrain: how many, their share of the raster, how many lie enclosed by terrain, and what is on them.

    `roads` holds the names ({"zh", "en"}) of the roads that cross such cells, `people` the expectation by day or night,
    whichever is more.
    """

    cells: int
    share: float
    enclosed: int
    roads: tuple[dict[str, str], ...]
    buildings: int
    people: float

    def notes(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what must be said, as codes of sentences with their values: the gap, and what stands on it."""
        notes: list[tuple[str, dict[str, Any]]] = [
            ("terrain_gap", {"cells": self.cells, "percent": 100.0 * self.share, "enclosed": self.enclosed})
        ]
        if self.roads or self.buildings or self.people > 0:
            touched = {"roads": len(self.roads), "names": list(self.roads[:NAMED]) or "-", "buildings": self.buildings}
            notes.append(("terrain_gap_used", {**touched, "people": shown(self.people)}))
        return notes


def terrain_gap(city: City) -> Gap | None:
    """Return where a city has no terrain; None where it has it everywhere."""
    valid = np.isfinite(city.surface["terrain"].values)
    gap = ~valid
    if not gap.any():
        return None
    frame = gap[None].astype(np.float32)
    crossed = overlay.along_lines(city.grid, city.roads.geometry).maximum(frame)[0] > 0
    centres = city.buildings.geometry.centroid
    row, col, inside = city.grid.cells(centres.x.values, centres.y.values)
    people = 0.0
    if len(city.population):
        most = city.population[["day", "night"]].astype(float).max(axis=1).values
        share = overlay.within_polygons(city.grid, city.population.geometry).mean(frame)[0]
        people = float(np.nan_to_num(share) @ most)
    return Gap(
        cells=int(gap.sum()),
        share=float(gap.mean()),
        enclosed=int((ndimage.binary_fill_holes(valid) & gap).sum()),
        roads=_names(city.roads, crossed),
        buildings=int((gap[row, col] & inside).sum()),
        people=people,
    )


def _names(roads: gpd.GeoDataFrame, crossed: NDArray[np.bool_]) -> tuple[dict[str, str], ...]:
    """Return the names of roads, each once; the id where there is none."""
    found: dict[tuple[str, str], None] = {}
    for road in roads[crossed].itertuples():
        zh, en = (name if isinstance(name, str) and name else str(road.id) for name in (road.name_zh, road.name_en))
        found[zh, en] = None
    return tuple({"zh": zh, "en": en} for zh, en in found)
