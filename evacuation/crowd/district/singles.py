"""Zones of a district in which people are followed one by one from when it gets dense there (`form: mixed`).

A zone is handed over whole, and zones that touch are one ground. Who comes to it leaves the density and stands where there is room
(`handover.HandOver`), who walks out of it goes back to the density, and waits where that is too dense to take him. Both see one another
as density: people of a zone take the way that costs least through the crowd beyond it, and the density flows into a zone as far as it
has room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from evacuation.crowd.district.handover import STAYS, WAITS_S, WALKS, HandOver
from evacuation.crowd.district.stream import Stream
from evacuation.crowd.kernels.eikonal import FAR
from evacuation.crowd.kernels.stream import JAM
from evacuation.crowd.people import draws
from evacuation.crowd.people.arrivals import APART_M, OFF_WALL_M, on_ground
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.walkers import MOST_STEPS, People, Walkers
from evacuation.crowd.risk.density import WIDTH_M, over
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import MARGIN_M, MOST_CELLS, WAY_CELL_M, Plan
from evacuation.crowd.venue.ways import Finder
from twin.grid import Grid

#: A zone is handed over when it is so dense somewhere in it, persons/m2: from there on people touch.
SINGLE_FROM = 2.0

#: Cells on which the density in a zone is told, m, or one finer that divides those of the district.
TOLD_CELL_M = 0.5


class ZoneFinder(Finder):
    """Finds ways within a zone: beyond it they cost what they do in the district's crowd."""

    def __init__(self, plan: Plan, stream: Stream, beyond: NDArray[np.bool_]) -> None:
        self._stream, self._beyond = stream, beyond
        north = round((stream.plan.grid.north - plan.grid.north) / stream.cell)
        west = round((plan.grid.west - stream.plan.grid.west) / stream.cell)
        times = round(stream.cell / plan.grid.cell_m)
        self._rows = north + np.arange(plan.grid.ny) // times
        self._columns = west + np.arange(plan.grid.nx) // times
        super().__init__(plan)

    def _of_district(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (ny, nx) of the district on the cells of the zone's raster."""
        return np.asarray(values[np.ix_(self._rows, self._columns)])

    def around(self, group: int) -> NDArray[np.float64]:
        """Return what the way costs from the cells beyond the zone; FAR in it."""
        return np.where(self._of_district(self._beyond), self._of_district(self._stream.cost[group]), FAR)

    def of(self, gates: Gates) -> Any:
        """Return the ways under a state of the gates, found anew: the crowd beyond the zone changes."""
        return self._ways(gates, self.slowness)

    @property
    def walkable(self) -> NDArray[np.bool_]:
        """The cells inside the outline that can be walked on."""
        return np.asarray(self.cells_of(self.plan.ground) & ~self.wall)


class Followed:
    """Ground on which people are followed: the zones `of`, which touch. `cells` (ny, nx) of the district are its own, `single` those on
    which somebody can be set."""

    def __init__(
        self, of: tuple[int, ...], shape: shapely.Geometry, stream: Stream, pressing: Pressing, kept: Mapping[str, NDArray[Any]] | None
    ) -> None:  # fmt: skip
        self.of, self.shape, self._stream = of, shape, stream
        floor = stream.floor()
        self.cells = stream.finder.cells_of(shape) & floor
        self.cells[stream.finder.unwalked[0], stream.finder.unwalked[1]] = False
        self.beyond = floor & ~self.cells
        self.plan = around(stream.plan, shape, self.cells)
        self.finder = ZoneFinder(self.plan, stream, self.beyond)
        times = round(stream.cell / self.plan.grid.cell_m)
        self._told = 2 if times % 2 == 0 else 1
        self._density = over(self.finder, self._told * self.plan.grid.cell_m)
        self.places = _places(self.plan, shape)
        self._cell = self.cell_of(self.places[:, 0], self.places[:, 1])
        room = np.zeros(self.cells.size, np.int64)
        np.add.at(room, self._cell, 1)
        self.single = self.cells & (room.reshape(self.cells.shape) > 0)
        there = People.standing(
            np.zeros((0, 2)), **{n: np.zeros(0) for n in ("broad", "deep", "free", "group", "leaves", "number")}
        )
        #: how long less than a person has waited here to be whole, by group, s
        self.waits = np.zeros(len(stream.finder.wanted)) if kept is None else kept["waits"].copy()
        self.walkers = Walkers(self.plan, self.finder, pressing, People.of(kept) if kept is not None else there, kept)

    def cell_of(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cells of the district, by their place in a field laid out in one row, of local places of the zone."""
        grid, cell = self._stream.plan.grid, self._stream.cell
        column = ((x + self.plan.grid.west - grid.west) / cell).astype(np.int64)
        return ((w + grid.north - self.plan.grid.north) / cell).astype(np.int64) * grid.nx + column

    def free(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the places (n, 2) on which nobody stands, and the cell of each."""
        people = self.walkers.people
        if not people.count:
            return self.places, self._cell
        free = cKDTree(np.column_stack([people.x, people.w])).query(self.places)[0] >= APART_M
        return self.places[free], self._cell[free]

    def walk(self, t: float, steps: int, hand: HandOver) -> None:
        """Move everybody by a number of decisions; who walks out goes back to the density.

        Who walks out to where it is too dense waits there, and others behind him.
        """
        for k in range(steps):
            self.walkers.walk(t + k * DECISION_S, 1)
            people = self.walkers.people
            cell, stay = self.cell_of(people.x, people.w), _stay(people)
            goes = np.zeros(people.count, dtype=bool)
            for p in np.flatnonzero(self.beyond.ravel()[cell]):
                goes[p] = hand.takes(cell[p])
                if goes[p]:
                    hand.give_back(STAYS if stay[p] else WALKS, int(people.group[p]), cell[p])
                elif not stay[p]:
                    people.leaves[p] = t + (k + 2) * DECISION_S
            if goes.any():
                self.walkers.people = people.chosen(~goes)

    def take_over(self, old: Followed) -> None:
        """Take the people and the counts of a ground that lies within this one."""
        people, grid = old.walkers.people, self.plan.grid
        moved = people._replace(
            x=people.x + old.plan.grid.west - grid.west, w=people.w + grid.north - old.plan.grid.north
        )
        self.walkers.people = self.walkers.people.joined(moved)
        for own, its in zip(self.walkers.counts, old.walkers.counts, strict=True):
            own += its

    def density(self) -> NDArray[np.float64]:
        """Return the density of its people on the cells of the district that its raster covers: the highest in each cell."""
        people = self.walkers.people
        fine = self._density.of(people.x, people.w)
        n = round(self._stream.cell / self.plan.grid.cell_m) // self._told
        return np.asarray(fine.reshape(fine.shape[0] // n, n, fine.shape[1] // n, n).max(axis=(1, 3)))

    def window(self) -> tuple[slice, slice]:
        """Return where its raster lies in that of the district."""
        rows, columns = self.finder._rows, self.finder._columns
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


class Singles:
    """The zones that are handed over, in the order in which they were. `stream.present` holds their people for the density."""

    def __init__(
        self, stream: Stream, zones: gpd.GeoDataFrame, key: int, pressing: Pressing, kept: Mapping[str, NDArray[Any]] | None,
        seconds: float,
    ) -> None:  # fmt: skip
        #: ground on which people can be followed for `seconds` within the most steps of a run, m2
        self._most_m2 = MOST_STEPS * pressing.step_s / max(seconds, 1.0) / JAM
        self._stream, self._shapes, self._key, self._pressing = stream, list(zones.geometry), key, pressing
        self.hand = HandOver(stream)
        self.since = np.full(len(self._shapes), np.nan)
        self.grounds: list[Followed] = []
        self._zone_at = np.full(stream.total.size, -1)
        self.made = 0
        if kept is not None and "singles_since" in kept:
            self.since = kept["singles_since"].copy()
            self.made = int(kept["singles_made"])
            ground_of = kept["singles_ground_of"].astype(np.int64)
            for g in range(int(ground_of.max(initial=-1)) + 1):
                mark = f"singles_{g}_"
                own = {name.removeprefix(mark): values for name, values in kept.items() if name.startswith(mark)}
                self._follow(tuple(int(k) for k in np.flatnonzero(ground_of == g)), own)
            self.hand.owed = kept["singles_owed"].copy()
            self._stand()

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        ground_of = np.full(len(self.since), -1.0)
        own: dict[str, NDArray[Any]] = {}
        for g, ground in enumerate(self.grounds):
            ground_of[list(ground.of)] = g
            its = ground.walkers.record() | {"waits": ground.waits}
            own |= {f"singles_{g}_{name}": values for name, values in its.items()}
        return own | {
            "singles_since": self.since,
            "singles_made": np.array(self.made),
            "singles_ground_of": ground_of,
            "singles_owed": self.hand.owed,
        }

    def followed(self, count: int) -> NDArray[np.bool_]:
        """Return which of `count` zones are handed over."""
        return np.asarray(np.append(~np.isnan(self.since), np.zeros(count, dtype=bool))[:count])

    @property
    def persons(self) -> float:
        """Persons in the zones: people, and those owed."""
        return sum(ground.walkers.people.count for ground in self.grounds) + float(self.hand.owed.sum())

    def staying(self, on: NDArray[np.bool_]) -> float:
        """Return how many of those on cells (ny, nx) are not told to go."""
        return float((self.hand.owed[STAYS] * on).sum()) + sum(len(_stay_on(ground, on)) for ground in self.grounds)

    def stay(self, on: NDArray[np.bool_]) -> bool:
        """Return whether anybody whole on cells (ny, nx) is not told to go."""
        return any(len(_stay_on(ground, on)) for ground in self.grounds)

    @property
    def out(self) -> NDArray[np.float64]:
        """Who of them has left, by gate; the last: at goals."""
        out = np.zeros(len(self._stream.plan.gates) + 1)
        for ground in self.grounds:
            out[:-1] += ground.walkers.left_by_gate
            out[-1] += ground.walkers.left_by_goal.sum()
        return out

    def begin(self, dense: NDArray[np.bool_], t: float) -> None:
        """Hand over the zones (zone,) that are dense at `t` seconds since the first run began."""
        for k in np.flatnonzero(dense & np.isnan(self.since)):
            touching = [g for g in self.grounds if g.shape.distance(self._shapes[k]) < self._stream.cell]
            of = (*(member for g in touching for member in g.of), int(k))
            if not fits(self._stream, shapely.union_all([self._shapes[member] for member in of])):
                touching, of = [], (int(k),)
            followed = sum(g.shape.area for g in self.grounds) + self._shapes[k].area
            if followed <= self._most_m2 and fits(self._stream, self._shapes[k]):
                self._follow(of, None, touching)
                self.since[k] = t
                self._stand()

    def _follow(
        self, of: tuple[int, ...], kept: Mapping[str, NDArray[Any]] | None, instead_of: Sequence[Followed] = ()
    ) -> None:
        """Follow people on the ground of zones, with those of the grounds that it takes in."""
        shape = shapely.union_all([self._shapes[k] for k in of])
        new = Followed(of, shape, self._stream, self._pressing, kept)
        for old in instead_of:
            self.hand.single &= ~old.single
            new.take_over(old)
        self.grounds = [g for g in self.grounds if g not in instead_of] + [new]
        new.single &= ~self.hand.single  # of two grounds that overlap the first
        self.hand.begin(new.single)
        for k in of:
            there = self._stream.finder.cells_of(self._shapes[k]).ravel() & (self._zone_at < 0)
            self._zone_at[there] = k

    def walk(self, gates: Gates, t: float) -> None:
        """Move density and people on by a second from `t`, s since the first run began."""
        self.hand.walk(1)
        for ground in self.grounds:
            self._set(ground, t)
            self._let_on(ground)
            ground.walkers.set_gates(gates)
            ground.walk(t, round(1.0 / DECISION_S), self.hand)
        self.hand.take_in()  # who walked from one zone to another
        self._stand()

    def tell(self, share: float, on: NDArray[np.bool_], part: float, t: float) -> float:
        """Tell a share of those who stay on cells (ny, nx), and a `part` of a person more, to go now; return the part that is left over.

        Parts of a person add up until he is whole.
        """
        move = share * self.hand.owed[STAYS] * on
        self.hand.owed[STAYS] -= move
        self.hand.owed[WALKS] += move
        stays = [_stay_on(ground, on) for ground in self.grounds]
        for stay in stays:
            part += share * len(stay)
        for ground, stay in zip(self.grounds, stays, strict=True):
            some = min(int(part + 1e-9), len(stay))
            if some > 0:
                order = draws.uniform(self._key, ground.walkers.people.number[stay], draws.ORDER)
                ground.walkers.leave(stay[np.argsort(order, kind="stable")[:some]], np.full(some, t))
                part -= some
        return part

    def _set(self, ground: Followed, t: float) -> None:
        """Set people of a zone who are owed where there is room."""
        shape = self.hand.single.shape
        for kind in (WALKS, STAYS):
            for group in range(self.hand.owed.shape[1]):
                if self.hand.owed[kind, group][ground.single].sum() < 1.0 - 1e-9:
                    continue
                places, cell = ground.free()
                room = np.bincount(cell[ground.single.ravel()[cell]], minlength=ground.single.size).reshape(shape)
                take = self.hand.people(kind, group, room, ground.single).ravel()
                count = int(take.sum())
                ids = np.arange(self.made, self.made + count, dtype=np.int64)
                self.made += count
                by_cell = np.lexsort((draws.uniform(self._key + self.made, np.arange(len(cell)), draws.PLACE), cell))
                rank = np.arange(len(cell)) - np.searchsorted(cell[by_cell], cell[by_cell])
                at = places[by_cell[rank < take[cell[by_cell]]]]
                new = People.standing(
                    at, **draws.body(self._key, ids), free=draws.free_speed(self._key, ids),
                    group=np.full(count, group), leaves=np.full(count, t if kind == WALKS else np.inf), number=ids,
                )  # fmt: skip
                ground.walkers.people = ground.walkers.people.joined(new)
                if count and kind == WALKS:
                    ground.waits[group] = 0.0

    def _let_on(self, ground: Followed) -> None:
        """Let parts of a person walk on as density to which a second brought too little, for too long."""
        for group in range(len(ground.waits)):
            part = float(self.hand.owed[WALKS, group][ground.single].sum())
            ground.waits[group] = ground.waits[group] + 1.0 if 0.0 < part < 1.0 - 1e-9 else 0.0
            if ground.waits[group] >= WAITS_S:
                self.hand.let_on(group, ground.single, ground.waits[group])

    def _stand(self) -> None:
        """Tell the density where people of the zones are."""
        present = self.hand.owed.sum(axis=(0, 1)).ravel().copy()
        for ground in self.grounds:
            people = ground.walkers.people
            np.add.at(present, ground.cell_of(people.x, people.w), 1.0)
        self._stream.present[:] = np.maximum(present, 0.0).reshape(self.hand.single.shape) / self._stream.cell**2

    def density(self) -> NDArray[np.float64]:
        """Return persons/m2 (ny, nx): the density, and in the zones the highest of their people in each cell.

        Who is owed counts as wide as a person does: part of one in a small cell is no crush.
        """
        both, owed = self._stream.total - self._stream.present, self.hand.owed.sum(axis=(0, 1))
        if owed.any():
            wide, on = WIDTH_M / np.sqrt(2.0) / self._stream.cell, self.hand.single
            spread, ground_of = (ndimage.gaussian_filter(v, wide, truncate=3.0) for v in (owed, on.astype(np.float64)))
            both[on] += spread[on] / ground_of[on] / self._stream.cell**2
        for ground in self.grounds:
            own = np.where(ground.cells[ground.window()], ground.density(), 0.0)
            both[ground.window()] += own
        return np.asarray(np.maximum(both, 0.0))

    def pressed(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return the load on each person, N, his compression dose and his zone."""
        if not self.grounds:
            return np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
        loads, doses = (
            np.concatenate([getattr(g.walkers.people, name) for g in self.grounds]) for name in ("load", "crush")
        )
        at = np.concatenate([self._zone_at[g.cell_of(g.walkers.people.x, g.walkers.people.w)] for g in self.grounds])
        return loads[at >= 0], doses[at >= 0], at[at >= 0]


def _stay(people: People) -> NDArray[np.bool_]:
    return np.asarray(np.isinf(people.leaves))


def _stay_on(ground: Followed, on: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return which people of a ground stay on cells (ny, nx) of the district."""
    people = ground.walkers.people
    return np.flatnonzero(_stay(people) & on.ravel()[ground.cell_of(people.x, people.w)])


def around(plan: Plan, shape: shapely.Geometry, cells: NDArray[np.bool_]) -> Plan:
    """Return a plan on a fine raster around a zone, whose cells divide those (ny, nx) of the district's plan."""
    grid = plan.grid
    narrow = min((g.shape.length for g in plan.gates if g.shape.distance(shape) < grid.cell_m), default=np.inf)
    times = int(np.ceil(grid.cell_m / np.clip(np.floor(min(narrow, 9.0) / 4 / 0.05) * 0.05, *WAY_CELL_M) - 1e-9))
    margin = int(np.ceil(MARGIN_M / grid.cell_m))
    rows, columns = np.nonzero(cells)
    top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
    bottom, right = min(rows.max() + margin + 1, grid.ny), min(columns.max() + margin + 1, grid.nx)
    fine = Grid(
        grid.crs, grid.west + left * grid.cell_m, grid.north - top * grid.cell_m, grid.cell_m / times,
        int(bottom - top) * times, int(right - left) * times,
    )  # fmt: skip
    return replace(plan, grid=fine, levels=replace(plan.levels, joins=()))  # of a stair each half is walked by itself


def fits(stream: Stream, shape: shapely.Geometry) -> bool:
    """Return whether there is ground in a zone, and its raster is small enough to follow people on."""
    cells = stream.finder.cells_of(shape) & stream.floor()
    if not cells.any():
        return False
    grid = around(stream.plan, shape, cells).grid
    return grid.nx * grid.ny <= MOST_CELLS


def _places(plan: Plan, shape: shapely.Geometry) -> NDArray[np.float64]:
    """Return places (n, 2, local) of a zone on which people can be set, APART_M from one another."""
    ground = plan.free_ground(shape, OFF_WALL_M)
    if ground.is_empty:
        return np.zeros((0, 2))
    west, south, east, north = ground.bounds
    xx, yy = np.meshgrid(np.arange(west, east + 1e-9, APART_M), np.arange(south, north + 1e-9, APART_M))
    at = np.column_stack([xx.ravel(), yy.ravel()])
    return plan.local(at[on_ground(ground, at, 1e-9)])
