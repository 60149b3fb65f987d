"""Water on coarse cells that hold tables of the fine terrain: depths street by street in a fraction of the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hydro.kernels.floats import DRY_M, GRAVITY
from hydro.kernels.subgrid import advance, excess, levels, reread_cells, reread_faces
from hydro.kernels.subgrid_layout import BLOCK, Cells, Faces, Held, Rim, Scratch
from hydro.kernels.subgrid_tables import NODES, STARTS, conveyance, hubs, storage
from hydro.kernels.subgrid_view import totals
from hydro.schemes.array_checks import check_ground
from hydro.schemes.boundaries import SIDES
from hydro.schemes.inertial import HELD_FROUDE, Inertial, collapse, one_block
from hydro.schemes.water import Array
from twin.errors import ScenarioError
from twin.jit import start_threads

#: Cells that stand this far above all others are blocked (a city's stand 1000 m above the highest ground).
BLOCKED_M = 900.0
CLOSED_M = 1e6  # sill of a face that does not exist
FORK_CELLS = 20_000  # below this two forks a step cost more than a second thread brings

STATE = ("h", "highest", "source")


class Ground(NamedTuple):
    """What tables depend on: bed (m), roughness and blocked cells, all (ny, nx) and fine, and how they are made of these."""

    bed: Array
    n: Array
    blocked: Array
    datum: float
    cell_m: float
    factor: int
    dtype: str

    def same(self, other: Ground) -> bool:
        """Return whether the tables of the two are the same."""
        return self[3:] == other[3:] and all(np.array_equal(a, b) for a, b in zip(self[:3], other[:3], strict=True))


class Tables:
    """Keeps the tables of the last ground: runs on the same ground that share one such object make them once."""

    def __init__(self) -> None:
        self._last: tuple[Ground, dict[str, Array]] | None = None

    def of(self, ground: Ground, make: Callable[[Ground], dict[str, Array]]) -> dict[str, Array]:
        """Return the tables of `ground`, those of the last time if they are the same, else what `make` returns."""
        last = self._last  # ground and tables are taken together: another thread may put in its own meanwhile
        if last is None or not ground.same(last[0]):
            last = self._last = ground, make(ground)
        return last[1]


class Subgrid:
    """Local-inertial flow on cells `factor` times coarser than the terrain (equations: `hydro.kernels.subgrid`).

    `z` (bed, m) and `n` (Manning, s m-1/3) are fine, (ny fine, nx fine), with cells of `cell_m`; what is left over at the south
    and east rim when `factor` does not divide them is filled with blocked cells. Everything else is coarse, (ny, nx), with cells
    of `coarse_m`: `h` and `highest` are water per *open* area, m (volume = h * open_m2), `source` is water added over the
    open area, m/s, >= 0. Open are the fine cells that are not blocked; blocked ones hold no water. `booked` counts
    m3. Which fine cells are blocked (`blocked`) is decided at the start. `tables` keeps what is made of the ground for a later
    run on the same ground.

    Raises ScenarioError for arrays that do not fit or hold no numbers.
    """

    name: ClassVar[str] = "subgrid"

    def __init__(
        self,
        z: ArrayLike,
        n: ArrayLike,
        cell_m: float,
        *,
        factor: int = 4,
        dtype: str = "float32",
        courant: float | None = None,
        tables: Tables | None = None,
    ) -> None:
        self._tables = tables or Tables()
        bed, rough, _ = (part.copy() for part in check_ground(z, n, None))
        start_threads()
        self.factor, self.cell_m, self.coarse_m = int(factor), float(cell_m), float(cell_m) * int(factor)
        self._reach = np.dtype(dtype).type(0.5 * (1.0 - 1.0 / self.factor))  # see `hydro.kernels.subgrid.excess`
        self.n = rough
        self.courant = Inertial.courant if courant is None else courant
        self.datum = float(bed.min())
        self.blocked = _blocked(bed)
        ny, nx = (-(-side // self.factor) for side in bed.shape)
        self._shape, self._width = (ny, nx), nx + 1
        self._size = (ny + 4) * self._width
        self._cells, self._faces = _cells(self._size, dtype), _faces(self._size, dtype)
        self.h, self.highest, self.source = (self._raster(getattr(self._cells, name)) for name in STATE)
        self._open_sides: list[str] = []
        self._rim = _no_rim(dtype)
        self._held = Held(np.zeros(0, np.int64), np.zeros(0, dtype), np.zeros(0, np.bool_))
        self._booked, self._deepest = np.zeros(3), np.zeros(1)
        self._time = 0.0
        self._build(bed)
        self.open_m2 = self._raster(self._cells.area).astype(float)

    @property
    def booked(self) -> dict[str, float]:
        """Volumes since the start, m3: into and out of held cells, and out over the rim (and into cells held at -inf)."""
        return dict(zip(("into_held", "out_of_held", "over_rim"), self._booked.tolist(), strict=True))

    @property
    def level(self) -> Array:
        """Water level of the coarse cells, m; the lowest bed where a cell is dry, NaN where it is blocked."""
        return np.where(self.open_m2 > 0, self._raster(self._cells.level).astype(float) + self.datum, np.nan)

    @property
    def tables(self) -> tuple[Array, Array]:
        """Sorted open beds over `datum`, m, and the depth `h` at which the level reaches each, (ny, nx, factor^2 + 1)."""
        return self._raster(self._cells.beds), self._raster(self._cells.full)

    def volume(self) -> float:
        """Return the water on the grid, m3, less that of held cells: what they hold lies outside the balance."""
        held = self._held.cell
        water = self._cells.h.astype(float) * self._cells.area
        water[held] = 0.0
        return float(self._raster(water).sum())

    def fine_depth(self, h: ArrayLike | None = None) -> Array:
        """Return depths on the fine grid, m: the level of each coarse cell over the fine beds. The volume is that of `h`.

        `h` (ny, nx) is water per open area as in `h` (the default) and `highest`.
        """
        h = np.asarray(self.h if h is None else h, dtype=float)
        beds, full = (self._raster(a).astype(float) for a in (self._cells.beds, self._cells.full))
        count = np.isfinite(full).sum(axis=-1)
        wet = np.maximum((full <= h[..., None]).sum(axis=-1), 1)  # fine cells under water
        base, low = (np.take_along_axis(a, wet[..., None] - 1, axis=-1)[..., 0] for a in (beds, full))
        level = np.where(count > 0, base + np.where(count > 0, h - low, 0.0) * count / wet, -np.inf)
        depth = np.repeat(np.repeat(level + self.datum, self.factor, axis=0), self.factor, axis=1)
        over = np.maximum(depth[: self.z.shape[0], : self.z.shape[1]] - self.z, 0.0)
        return np.asarray(np.where(self.blocked, 0.0, over))

    def coarse_source(self, rate: ArrayLike) -> Array:
        """Return a fine rate (m/s, on the fine grid) as rates over the open area of coarse cells: the same volume.

        What is given on blocked fine cells does not count: no water can stand there.
        """
        fine = np.ascontiguousarray(np.broadcast_to(rate, self.z.shape))
        total = np.empty(self._shape)
        totals(total, fine, self.blocked, self.factor)
        total *= self.cell_m**2
        return np.asarray(np.divide(total, self.open_m2, out=np.zeros(self._shape), where=self.open_m2 > 0))

    def hold(self, row: ArrayLike, col: ArrayLike, level: ArrayLike) -> None:
        """Keep these coarse cells at `level`, m; at or below a cell's lowest bed it swallows what reaches it.

        What cells with a level take and give is booked as into and out of held cells, what a level of -inf swallows as over
        the rim. The water that stands in a cell when it is first held is booked into it.
        """
        cell = (np.atleast_1d(row).astype(np.int64) + 1) * self._width + np.atleast_1d(col)
        levels = np.broadcast_to(np.asarray(level, dtype=float), cell.shape)
        beds = self._cells.beds[cell].astype(float)
        count = np.isfinite(beds).sum(axis=1)
        above = levels[:, None] - self.datum - beds
        h = np.maximum(np.where(np.isfinite(beds), above, 0.0), 0.0).sum(axis=1) / np.maximum(count, 1)
        new = ~np.isin(cell, self._held.cell)
        standing = np.where(new, self._cells.h[cell].astype(float) * self._cells.area[cell], 0.0)
        self._booked[[0, 2]] += standing[np.isfinite(levels)].sum(), standing[np.isneginf(levels)].sum()
        kept = ~np.isin(self._held.cell, cell)
        added = (cell, h.astype(self.h.dtype), np.isneginf(levels))
        self._held = Held(
            *(np.concatenate([old[kept], more[count > 0]]) for old, more in zip(self._held, added, strict=True))
        )
        if not np.array_equal(self._cells.h[self._held.cell], self._held.h):
            self._cells.h[self._held.cell] = self._held.h
            self.look_for_deepest()

    def look_for_deepest(self) -> None:
        """Tell the scheme that water was added from outside: it finds the largest face depth before the next step."""
        self._deepest[0] = 0.0

    def open(self, side: str) -> None:
        """Let water leave over the rim at "west", "east", "north" or "south" (row 0 is north) at normal flow."""
        if side not in SIDES:
            raise ScenarioError("unknown_side", found=side, expected=", ".join(SIDES))
        if side not in self._open_sides:
            self._open_sides.append(side)
            self._build_rim()

    def set_bed(self, z: ArrayLike) -> None:
        """Set the fine bed, m; the water of every coarse cell stays. Blocked cells stay blocked."""
        bed = check_ground(z, 1.0, None)[0].copy()
        if bed.shape != self.z.shape:
            raise ScenarioError("array_shape", name="terrain", found=str(bed.shape), expected=str(self.z.shape))
        if not np.array_equal(bed, self.z):
            self._build(np.where(self.blocked, self.z, bed))

    def advance(self, seconds: float, t: float | None = None) -> int:
        """Advance the water by `seconds` and return the number of steps; `t` (s) is the time at the start.

        Raises NumericsError("step_collapsed") with time and coarse cell if one does.
        """
        self._time = self._time if t is None else t
        bands = 1 if self.h.size < FORK_CELLS else numba.get_num_threads()
        edges = np.linspace(self._width, self._size - 2 * self._width, bands + 1).astype(np.int64)
        steps = advance(
            self._booked, self._deepest, self._faces, self._cells, self._rim, self._held, self._scratch(bands), edges,
            self._width, float(seconds), self.coarse_m, self.cell_m**2, float(self._reach), self.courant,
            float(self.source.max(initial=0.0)),
        )  # fmt: skip
        if steps < 0 or not np.isfinite(self._deepest).all():
            raise collapse(self.h, self._time, self.source, self.h)
        self._time += seconds
        return int(steps)

    def flow(self) -> tuple[Array, Array]:
        """Return the flow per width at the centres of coarse cells, m2/s, towards +column and towards +row."""
        q, w = self._faces.q, self._width
        east = self._raster(np.append(q[0, 1:], q[0, :1]))
        south = self._raster(np.append(q[1, w:], np.zeros(w, q.dtype)))
        per_m = 0.5 / self.coarse_m
        return per_m * (self._raster(q[0]) + east), per_m * (self._raster(q[1]) + south)

    def carried(self) -> NDArray[np.float64]:
        """Return the discharge through all faces between coarse cells now, m3/s: all, and what is held at the limit of its speed."""
        found = np.zeros(2)
        f, c = self._faces, self._cells
        for d, stride in enumerate((1, self._width)):
            before, here = slice(None, -stride), slice(stride, None)
            lift, breadth, r0, r1 = (a[d, here] for a in (f.lift, f.breadth, f.r0, f.r1))
            x, fall, thin = (np.empty_like(lift) for _ in range(3))
            excess(
                x, fall, thin, np.empty(x.size, np.uint8), f.piece[d, here], r0, r1, f.even[d, here], f.sill[d, here],
                c.level[before], c.level[here], c.h[before], c.h[here], c.bed_fall[before], c.bed_fall[here], self._reach,
            )  # fmt: skip
            wet = x > DRY_M
            depth = (x + lift)[wet].astype(np.float64)
            most = breadth[wet] * depth * np.sqrt(GRAVITY * np.maximum(depth, thin[wet]))
            q = np.abs(f.q[d, here][wet].astype(np.float64))
            found += q.sum(), q[q >= HELD_FROUDE * most].sum()
        return found

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        return {
            "h": self.h.copy(), "highest": self.highest.copy(), "discharge": self._faces.q.copy(),
            "piece": self._faces.piece.copy(), "deepest": self._deepest.copy(),
            "booked": self._booked.copy(), "time": np.array([self._time]),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take up what `arrays` gave."""
        self.h[:], self.highest[:], self._faces.q[:] = arrays["h"], arrays["highest"], arrays["discharge"]
        self._deepest[:], self._booked[:] = arrays["deepest"], arrays["booked"]
        self._time = float(arrays["time"][0])
        self._reread()
        self._reread_faces(arrays["piece"])

    def _raster(self, flat: Array) -> Array:
        """Return the view (ny, nx, ...) of a flat array."""
        ny, nx = self._shape
        rows = flat.reshape(-1, self._width, *flat.shape[1:])
        return rows[1 : ny + 1, :nx]

    def _margin(self, flat: Array) -> tuple[Array, Array, Array]:
        """Return views of what of a flat array lies outside the raster."""
        ny, nx = self._shape
        rows = flat.reshape(-1, self._width, *flat.shape[1:])
        return rows[0], rows[ny + 1 :], rows[:, nx]

    def _pad(self, fine: Array, value: float) -> Array:
        ny, nx = self._shape
        rest = ((0, ny * self.factor - fine.shape[0]), (0, nx * self.factor - fine.shape[1]))
        return np.pad(fine, rest, constant_values=value) if any(map(any, rest)) else fine

    def _build(self, bed: Array) -> None:
        """Take the tables of the fine bed; the water of each cell stays."""
        self.z = bed
        ground = Ground(bed, self.n, self.blocked, self.datum, self.cell_m, self.factor, self.h.dtype.name)
        tables = self._tables.of(ground, self._make_tables)
        self._cells = self._cells._replace(
            **{name: tables[name] for name in ("area", "per_area", "bed_fall", "beds", "full")}
        )
        self._faces = self._faces._replace(sill=tables["sill"], table=tables["table"], even=tables["even"])
        self._reread_faces(self._faces.piece)
        self._build_rim()
        self._reread()

    def _make_tables(self, ground: Ground) -> dict[str, Array]:
        """Return the arrays of `Cells` and `Faces` that depend on the ground alone; nobody writes to them later."""
        size, dtype = self._size, ground.dtype
        high = float(ground.bed.max()) - self.datum + 1000.0
        z = self._pad((ground.bed - self.datum).astype(dtype), high)
        n = self._pad(ground.n.astype(dtype), 0.03)
        beds, full = (np.empty((size, self.factor**2 + 1), dtype) for _ in range(2))
        count = np.zeros(self._shape, np.int32)
        storage(self._raster(beds), self._raster(full), count, z, self._pad(ground.blocked, True), self.factor)
        area = np.zeros(size, dtype)
        self._raster(area)[:] = count * self.cell_m**2
        sill = np.full((2, size), CLOSED_M, dtype)
        table = np.empty((2, size, NODES, 2), dtype)
        for part in (*self._margin(beds), *self._margin(full)):
            part[:] = np.inf
        unjoined = self._raster(table[0])[:, 0], self._raster(table[1])[0]
        for part in (*self._margin(table[0]), *self._margin(table[1]), *unjoined):
            part[:] = np.arange(NODES)[:, None]  # any rising line: where no cells are joined, no face is ever wet
        hub = np.empty((*self._shape, 6), np.int32)
        joined = np.empty(z.shape, np.bool_)
        hubs(hub, joined, z, self.factor, self.cell_m)
        turned = (z.T, n.T, hub.swapaxes(0, 1)[..., [1, 0, 4, 5, 2, 3]], joined.T)
        for d, sides in enumerate(((z, n, hub, joined), map(np.ascontiguousarray, turned))):
            sills, tables = self._raster(sill[d]), self._raster(table[d])
            if d == 1:
                sills, tables = sills.swapaxes(0, 1), tables.swapaxes(0, 1)
            conveyance(sills, tables, *sides, self.factor, self.cell_m)
        per_area = np.divide(1.0, area, out=np.zeros_like(area), where=area > 0)
        even = (table[..., -1, 1] - table[..., -2, 1]) / np.diff(STARTS)[-1].astype(dtype)
        bed_fall = np.full(size, np.inf if self.factor == 1 else 0.0, dtype)
        if self.factor > 1:
            highest = np.where(beds < np.inf, beds, -np.inf).max(axis=1)
            bed_fall[area > 0] = (highest - beds[:, 0])[area > 0] / (1.0 - 1.0 / self.factor)
        return {
            "area": area, "per_area": per_area, "bed_fall": bed_fall, "beds": beds, "full": full, "sill": sill,
            "table": table, "even": even,
        }  # fmt: skip

    def _build_rim(self) -> None:
        """Tabulate the faces of the open sides from the fine cells along them."""
        ny, nx = self._shape
        w, f = self._width, self.factor
        last_row, last_col = self.z.shape[0] - 1, self.z.shape[1] - 1
        parts = []
        for side in self._open_sides:
            along = np.arange(ny if side in ("west", "east") else nx)
            line = {"west": np.s_[:, 0], "east": np.s_[:, last_col], "north": np.s_[0], "south": np.s_[last_row]}[side]
            high = float(self.z.max()) - self.datum + 1000.0
            z, n = (
                np.pad(a[line], (0, along.size * f - a[line].size), constant_values=v)
                for a, v in ((self.z - self.datum, high), (self.n, 0.03))
            )
            z, n = (np.repeat(a[:, None], 2 * f, axis=1) for a in (z, n))
            hub = np.empty((along.size, 2, 6), np.int32)
            joined = np.empty(z.shape, np.bool_)
            hubs(hub, joined, z, f, self.cell_m)
            sill, table = np.empty((along.size, 2)), np.empty((along.size, 2, NODES, 2))
            conveyance(sill, table, z, n, hub, joined, f, self.cell_m)
            parts.append(_side(side, along, ny, nx, w, sill[:, 1], table[:, 1]))
        dtype = self.h.dtype
        rim = Rim(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else _no_rim(dtype)
        self._rim = rim._replace(sill=rim.sill.astype(dtype), table=rim.table.astype(dtype))

    def _reread(self) -> None:
        c = self._cells
        reread_cells(c, np.flatnonzero(c.area), 0, self.cell_m**2)
        levels(c.level, c.h, c.low, c.base, c.rise)

    def _reread_faces(self, piece: NDArray[Any]) -> None:
        """Put every face on this piece (2, size) of its table."""
        f, everything = self._faces, np.arange(self._size)
        inside = (0.5 * (STARTS[:-1] + STARTS[1:]))[piece].astype(self.h.dtype)
        for d in range(2):
            reread_faces(f.piece[d], f.lift[d], f.breadth[d], f.r0[d], f.r1[d], everything, inside[d], f.table[d])

    def _scratch(self, bands: int) -> Scratch:
        left = np.zeros((bands, BLOCK + 8), np.uint8)
        share = np.zeros((bands, self._size), self.h.dtype)
        x = np.zeros((bands, BLOCK), self.h.dtype)
        return Scratch(
            share,
            x,
            x.copy(),
            x.copy(),
            left,
            left.view(np.int64),
            np.zeros(left.shape, np.int32),
            np.zeros(bands, np.int32),
        )


def _blocked(bed: Array) -> Array:
    """Return which cells are blocked: those that stand more than BLOCKED_M above all others; on a mountain none do."""
    top = bed > bed.max() - BLOCKED_M
    if top.all() or bed[top].min() - bed[~top].max() <= BLOCKED_M:
        return np.zeros(bed.shape, np.bool_)
    return np.asarray(top)


def _cells(size: int, dtype: str) -> Cells:
    """Return dry cells without tables."""
    cells = Cells(*one_block(dtype, *((size,) for _ in Cells._fields)))
    cells.high[:] = np.inf
    return cells


def _faces(size: int, dtype: str) -> Faces:
    """Return dry faces without tables."""
    faces = Faces(*one_block(dtype, *((2, size) for _ in Faces._fields)))  # type: ignore[arg-type]
    return faces._replace(piece=np.zeros((2, size), np.int32))


def _no_rim(dtype: DTypeLike) -> Rim:
    none = np.zeros(0, np.int64)
    return Rim(none, none, none, none, none, np.zeros(0, dtype), np.zeros((0, NODES, 2), dtype))


def _side(side: str, along: NDArray[np.int64], ny: int, nx: int, width: int, sill: Array, table: Array) -> Rim:
    """Return the rim faces of one side; `along` counts its cells."""
    row = {"north": 0, "south": ny - 1}.get(side, along)
    col = {"west": 0, "east": nx - 1}.get(side, along)
    cell = np.asarray((row + 1) * width + col)
    inward = {"west": 1, "east": -1, "north": width, "south": -width}[side]
    inside = cell + (inward if (nx if abs(inward) == 1 else ny) > 1 else 0)
    face = cell - inward if inward < 0 else cell
    direction = 0 if abs(inward) == 1 else 1
    sign = -1 if inward > 0 else 1
    return Rim(np.full_like(cell, direction), face, cell, inside, np.full_like(cell, sign), sill, table)
