"""Obstacles: what the wind meets as one building, with its size as seen along each wind.

Touching cells of about one roof height are one obstacle, however many footprints they come from: a row of houses sheds one wake.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage, sparse

from evacuation.release.kernels import zones

Array = NDArray[np.float64]
Inds = NDArray[np.int64]

#: Roofs that differ by less than this share of the lower one are one obstacle: assumed.
LEVEL = 0.15
#: Length over height that Fackrell's cavity length was measured for (1984, J. Wind Eng. Ind. Aerodyn. 16, 97).
LONG = (0.3, 3.0)
#: The outline is smoothed over this many cells before its normals are taken, so that a slanting wall of steps has one.
SMOOTH_CELLS = 2.0


def roofs(buildings: gpd.GeoDataFrame, west: float, south: float, cell_m: float, shape: tuple[int, int]) -> Array:
    """Return the roof height (m above ground) of each cell, row 0 in the south, 0 where its centre lies in no building.

    `buildings` has outlines and a column `height_m`; where they overlap the higher one stands.
    """
    ny, nx = shape
    roof = np.zeros(shape)
    for outline, height in zip(buildings.geometry, buildings["height_m"], strict=True):
        x0, y0, x1, y1 = outline.bounds
        cols = np.arange(max(int((x0 - west) / cell_m), 0), min(int((x1 - west) / cell_m) + 1, nx))
        rows = np.arange(max(int((y0 - south) / cell_m), 0), min(int((y1 - south) / cell_m) + 1, ny))
        if len(cols) and len(rows):
            xx, yy = np.meshgrid(west + (cols + 0.5) * cell_m, south + (rows + 0.5) * cell_m)
            part = roof[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
            held = shapely.contains_xy(outline, xx, yy)
            part[held] = np.maximum(part[held], float(height))
    return roof


def wall_direction(buildings: gpd.GeoDataFrame) -> float:
    """Return by how many degrees (-45 to 45, counter-clockwise from east) the walls are turned: the mean over their length, where a
    quarter turn changes nothing; 0 without buildings.

    Cells along the walls need no steps, which hold up the wind in a street like so many corners.
    """
    rings, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(buildings.geometry)), return_index=True)
    along = np.diff(rings @ (1.0, 1j))[np.diff(ring) == 0]
    length = np.abs(along)
    quarters = (along**4 / np.maximum(length, 1e-9) ** 3).sum()
    return round(math.degrees(np.angle(quarters)) / 4.0, 6) if len(along) else 0.0


@dataclass(frozen=True)
class Obstacles:
    """The obstacles of a raster of roofs: label (ny, nx), -1 for none; height (obstacle,) m; normals of walls (2, ny, nx)."""

    label: Inds
    height: Array
    normal: Array
    cell_m: float

    @classmethod
    def of(cls, roof: Array, cell_m: float) -> Obstacles:
        """Return the obstacles of a raster of roof heights (m, 0 for none)."""
        built = roof > 0
        index = np.arange(roof.size).reshape(roof.shape)

        def ties(a: tuple[slice, slice], b: tuple[slice, slice]) -> tuple[Inds, Inds]:
            low, high = np.minimum(roof[a], roof[b]), np.maximum(roof[a], roof[b])
            one = built[a] & built[b] & (high - low <= LEVEL * low)
            return index[a][one], index[b][one]

        whole, less, more = slice(None), slice(None, -1), slice(1, None)
        first, second = (
            np.concatenate(part)
            for part in zip(ties((whole, less), (whole, more)), ties((less, whole), (more, whole)), strict=True)
        )
        graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(roof.size, roof.size))
        group = sparse.csgraph.connected_components(graph, directed=False)[1].reshape(roof.shape)
        label = np.full(roof.shape, -1)
        label[built] = np.unique(group[built], return_inverse=True)[1]
        count = int(label.max()) + 1
        area = np.bincount(label[built], minlength=count)
        height = np.bincount(label[built], roof[built], minlength=count) / np.maximum(area, 1)
        soft = ndimage.gaussian_filter(built.astype(np.float64), SMOOTH_CELLS, mode="nearest")
        slope = -np.stack([np.gradient(soft, axis=1), np.gradient(soft, axis=0)])
        length = np.hypot(*slope)
        return cls(label, height, np.divide(slope, length, out=np.zeros_like(slope), where=length > 1e-9), cell_m)

    def seen(self, east: float, north: float, roof_wind: Array) -> Array:
        """Return the table (obstacle, columns) that `zones.guess` wants, for a wind to (east, north) and its speed at each roof.

        W is the extent across the wind and L the area over W. L_R and L_F: Fackrell 1984, Bagal et al. 2004, as in Singh et al. 2008;
        R = B_s^(2/3) B_l^(1/3) of the smaller and the larger of H and W (Wilson 1979).
        """
        row, col = np.nonzero(self.label >= 0)
        which = self.label[row, col]
        across = ((row + 0.5) * east - (col + 0.5) * north) * self.cell_m
        count = len(self.height)
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, which, across)
        np.maximum.at(high, which, across)
        w = high - low + self.cell_m * (abs(east) + abs(north))
        h = self.height
        l = np.bincount(which, minlength=count) * self.cell_m**2 / w  # noqa: E741
        cavity = 1.8 * w / (np.clip(l / h, *LONG) ** 0.3 * (1.0 + 0.24 * w / h))
        front = 1.5 * w / (1.0 + 0.8 * w / h)
        vortex = np.minimum(h, w) ** (2.0 / 3.0) * np.maximum(h, w) ** (1.0 / 3.0)
        table = np.empty((count, 7))
        columns = {
            zones.HEIGHT: h, zones.WIDTH: w, zones.MIDDLE: 0.5 * (low + high), zones.CAVITY: cavity,
            zones.FRONT: front, zones.VORTEX: vortex, zones.ROOF_WIND: roof_wind,
        }  # fmt: skip
        for column, values in columns.items():
            table[:, column] = values
        return table
