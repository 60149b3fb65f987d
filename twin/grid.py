"""The grid: the only place that converts between cells and map coordinates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from twin.errors import ContractError, SourceError

#: EPSG codes of Web Mercator, whose metres are longer than true metres by 1/cos(latitude).
WEB_MERCATOR = (3857, 3785, 900913)


@dataclass(frozen=True)
class Grid:
    """A north-up grid of square cells in projected metres.

    `west` and `north` are the outer edges of the upper left cell; row 0 is the northernmost row.
    Raises SourceError when the CRS is not projected in metres, or is Web Mercator (its metres are not true).
    """

    crs: str
    west: float
    north: float
    cell_m: float
    ny: int
    nx: int

    def __post_init__(self) -> None:
        check_crs(self.crs)
        if not (self.cell_m > 0 and self.ny > 0 and self.nx > 0):
            raise SourceError("grid_shape", cell=self.cell_m, ny=self.ny, nx=self.nx)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.ny, self.nx

    @property
    def east(self) -> float:
        """Outer eastern edge, m."""
        return self.west + self.nx * self.cell_m

    @property
    def south(self) -> float:
        """Outer southern edge, m."""
        return self.north - self.ny * self.cell_m

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north), m."""
        return self.west, self.south, self.east, self.north

    @property
    def cell_area_m2(self) -> float:
        """Area of a cell, m2."""
        return self.cell_m**2

    @cached_property
    def x(self) -> NDArray[np.float64]:
        """Cell-centre eastings, m, shape (nx,)."""
        return np.asarray(self.west + (np.arange(self.nx) + 0.5) * self.cell_m, dtype=np.float64)

    @cached_property
    def y(self) -> NDArray[np.float64]:
        """Cell-centre northings, m, shape (ny,), descending."""
        return np.asarray(self.north - (np.arange(self.ny) + 0.5) * self.cell_m, dtype=np.float64)

    @property
    def affine(self) -> tuple[float, float, float, float, float, float]:
        """Coefficients (a, b, c, d, e, f) of the map from (column, row) to (x, y)."""
        return self.cell_m, 0.0, self.west, 0.0, -self.cell_m, self.north

    def cells(self, x: Any, y: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return rows, columns and an inside mask for map points; outside points get clipped indices and False."""
        col = np.floor((np.asarray(x, dtype=float) - self.west) / self.cell_m).astype(np.int64)
        row = np.floor((self.north - np.asarray(y, dtype=float)) / self.cell_m).astype(np.int64)
        inside = (col >= 0) & (col < self.nx) & (row >= 0) & (row < self.ny)
        return np.clip(row, 0, self.ny - 1), np.clip(col, 0, self.nx - 1), inside

    def centre(self, row: int, col: int) -> tuple[float, float]:
        """Return the map coordinates of a cell's centre."""
        return float(self.x[col]), float(self.y[row])

    def at_cell_size(self, cell_m: float) -> Grid:
        """Return the grid of the same area at a coarser cell, a whole multiple of this one."""
        factor = cell_m / self.cell_m
        if abs(factor - round(factor)) > 1e-6 or round(factor) < 1:
            raise SourceError("cell_multiple", cell=cell_m, base=self.cell_m)
        k = round(factor)
        return Grid(self.crs, self.west, self.north, self.cell_m * k, self.ny // k, self.nx // k)

    def same_as(self, other: Grid) -> bool:
        """Return whether the cells of two grids of one CRS are the same to a millionth of a cell."""
        here, there = np.array(self.bounds), np.array(other.bounds)
        return self.shape == other.shape and bool(np.allclose(here, there, rtol=0.0, atol=1e-6 * self.cell_m))

    @classmethod
    def of_axes(cls, crs: str, y: Any, x: Any, name: str) -> Grid:
        """Return the grid whose cell centres are `y` (falling) and `x` (rising), m; `name` is whose axes they are.

        Raises ContractError unless they are evenly spaced, square, north-up and at least two a side.
        """
        y, x = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
        steps = np.concatenate([np.diff(x), -np.diff(y)])
        if min(len(x), len(y)) < 2 or not np.allclose(steps, cell := float(steps.mean()), rtol=1e-4) or cell <= 0:
            raise ContractError("field_axes", name=name, found=f"y {y[:2]}, x {x[:2]}")
        cell = round(cell, 6)
        return cls(crs, float(x[0]) - cell / 2, float(y[0]) + cell / 2, cell, len(y), len(x))

    def lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return WGS 84 longitude and latitude of map points."""
        return Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(x, y)

    @cached_property
    def hash(self) -> str:
        """Hash of everything that defines the grid."""
        text = (
            f"{CRS.from_user_input(self.crs).to_wkt()}|{self.west!r}|{self.north!r}|{self.cell_m!r}|{self.ny}|{self.nx}"
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def on_cells(field: xr.DataArray) -> bool:
    """Return whether a field lies on cells (y, x); else it lies on things with an id."""
    return {"y", "x"} <= set(field.dims)


def known_crs(crs: str) -> CRS:
    """Return the CRS of a code or text; raise SourceError when there is none."""
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise SourceError("crs_unknown", found=crs) from error


def check_crs(crs: str) -> CRS:
    """Return the CRS if its coordinates are true projected metres; raise SourceError otherwise."""
    parsed = known_crs(crs)
    if parsed.to_epsg() in WEB_MERCATOR:
        raise SourceError("crs_web_mercator", found=crs)
    if not parsed.is_projected or any(axis.unit_name != "metre" for axis in parsed.axis_info[:2]):
        raise SourceError("crs_not_metres", found=crs)
    return parsed
