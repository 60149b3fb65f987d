"""The ways of a venue: who can reach which goal, and the direction to walk, solved again whenever a gate changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.kernels.arrays import Ways
from evacuation.crowd.kernels.eikonal import FAR, downhill, sweep, wake_around
from evacuation.crowd.kernels.stream import GAMMA, JAM
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.levels import Join
from evacuation.crowd.venue.plan import Plan, beyond
from twin.errors import NumericsError, ScenarioError

#: Ground nearer to a wall than this costs more, at the wall half as much again: people keep off walls (assumed).
CLEAR_M, WALL_COST = 0.4, 0.15

#: A metre of stairs costs as much as two on the level: about what it takes (Weidmann 1993).
SLOPE_COST = 2.0

#: Through the densest crowd a metre costs a person as much as this many on free ground (set on RiMEA 11 and 15: most keep to the nearer
#: exit, and a corner is walked round on all its width), and a density, whose model has everybody know the times to all exits (Hughes
#: 2002), as this many (assumed).
MOST_SLOW, MOST_SLOW_DENSITY = 2.8, 5.0

#: Up to this density, persons/m2, everybody walks as fast as alone: Weidmann's factor is 1 but for 4e-17.
FREE_PER_M2 = 0.05

#: Costs are found to this, m.
TOLERANCE_M = 1e-3

#: At both ends of a stair that joins levels there must be open ground so far from it, m.
STEP_OFF_M = 0.5

#: Of a stair that joins levels: its rows, its columns on the level of its foot and of its head, whether a cell lies in the upper half.
TwoLevels = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]

#: Rounds of sweeps after which a way is not found: a maze of more turns than this is refused.
ROUNDS = 500


class Finder:
    """Finds ways in a venue. People who want to go to the same goals are one group; group k wants `wanted[k]`; `wants` (group, goal)
    says the same by their places.

    Without goals they want to go out, by the gates of the rim `knows[k]`, or by any while those are shut and where it names none.
    `group_of` is the group of a source's people who know the venue, `stranger_of` of those who know only the way they came in.

    `goal_of` (ny, nx) is 1 + the goal that lies on a cell, 0 for none; `most_slow` how many times as much a metre costs in the densest
    crowd. Raises ScenarioError for a source outside the walls, a
    room without a way out, a goal that nobody can reach.
    """

    def __init__(self, plan: Plan, most_slow: float = MOST_SLOW) -> None:
        self.plan, self.most_slow = plan, most_slow
        grid = plan.grid
        line, owner = plan.lines
        self.wall = _near(plan, line[owner < 0])
        for obstacle in plan.obstacles:
            self.wall |= self.cells_of(obstacle)
        self._joined = [self._two_levels(join) for join in plan.levels.joins]
        self.unwalked = self._unwalked()
        stairs = [np.stack([rows, foot, head]) for rows, foot, head, _ in self._joined]
        self._on_stairs = np.concatenate([np.zeros((3, 0), dtype=np.int64), *stairs], axis=1)
        self._gate_cells = [_near(plan, line[owner == k]) & ~self.wall for k in range(len(plan.gates))]
        self._out_by = [np.nonzero(_near(plan, _pieces(plan, beyond(gate)))) for gate in plan.gates]
        self._on_goal = {name: np.nonzero(self.cells_of(shape)) for name, shape in plan.goals.items()}
        self.slowness = 1.0 + WALL_COST * np.clip(
            1.0 - ndimage.distance_transform_edt(~self.wall) * grid.cell_m / CLEAR_M, 0.0, 1.0
        )
        everything = frozenset(plan.goals)
        aims: dict[str, tuple[frozenset[str], frozenset[str]]]
        aims = {s.id: (s.goals or everything, frozenset()) for s in plan.sources}
        strange = {s.id: (s.came_by, frozenset()) if everything else (everything, s.came_by) for s in plan.sources}
        strange = {s.id: strange[s.id] if s.came_by else aims[s.id] for s in plan.sources}
        groups = list(dict.fromkeys([*aims.values(), *strange.values()]))
        self.wanted, self.knows = ([group[k] for group in groups] for k in (0, 1))
        self.wants = np.array([[goal in own for goal in plan.goals] for own in self.wanted], bool).reshape(
            len(groups), len(plan.goals)
        )
        self.group_of = {name: groups.index(aim) for name, aim in aims.items()}
        self.stranger_of = {name: groups.index(aim) for name, aim in strange.items()}
        self.from_the_walked_halves(self.slowness)
        self.rise, self.stair = np.zeros((2, *grid.shape)), np.zeros(grid.shape, dtype=bool)
        for slope in plan.slopes:
            on = self.cells_of(slope.shape)
            up = np.radians(slope.up_deg)
            self.rise[0][on], self.rise[1][on] = slope.rise * np.sin(up), -slope.rise * np.cos(up)
            self.stair[on] = slope.stair
            self.slowness[on] *= SLOPE_COST if slope.stair else 1.0
        self.uneven = self.stair | (self.rise != 0.0).any(axis=0)
        self.goal_of = np.zeros(grid.shape, dtype=np.int16)
        for k, cells in enumerate(self._on_goal.values()):
            self.goal_of[cells] = k + 1
        self._found: dict[tuple[bytes, bytes], Ways] = {}

    def cells_of(self, shape: shapely.Geometry) -> NDArray[np.bool_]:
        """Return the cells whose centre lies in a shape (a line: within half a cell of it)."""
        if shape.area == 0:
            return _near(self.plan, _pieces(self.plan, shape))
        grid = self.plan.grid
        xx, yy = np.meshgrid(grid.x, grid.y)
        return np.asarray(shapely.contains_xy(shape, xx, yy))

    def gate_cells(self, k: int) -> NDArray[np.bool_]:
        """Return the cells of gate `k`."""
        return self._gate_cells[k]

    def beyond_cells(self, k: int) -> NDArray[np.bool_]:
        """Return the cells where somebody stands who has gone out through gate `k` of the rim."""
        cells = np.zeros(self.wall.shape, dtype=bool)
        cells[self._out_by[k]] = True
        return cells

    def of(self, gates: Gates) -> Ways:
        """Return the shortest ways under a state of the gates, found once."""
        key = gates.shut.tobytes(), gates.way.tobytes()
        if key not in self._found:
            self._found[key] = self._ways(gates, self.slowness)
        return self._found[key]

    def quickest(self, gates: Gates, density: NDArray[np.float64]) -> Ways:
        """Return the quickest ways through a crowd of a density (ny, nx) on the raster of ways, persons/m2.

        A metre costs as much more as people are slower at that density than alone (Weidmann 1993), at most `most_slow` times. Where it is
        nowhere denser than FREE_PER_M2 these are the shortest ways.
        """
        if density.max() <= FREE_PER_M2:
            return self.of(gates)
        known = np.maximum(density, FREE_PER_M2)
        self.from_the_walked_halves(known)
        slowness, dense = self.slowness.copy(), known > FREE_PER_M2
        slowness[dense] /= np.clip(1.0 - np.exp(-GAMMA * (1.0 / known[dense] - 1.0 / JAM)), 1.0 / self.most_slow, 1.0)
        return self._ways(gates, slowness)

    def _ways(self, gates: Gates, slowness: NDArray[np.float64]) -> Ways:
        shape = (len(self.wanted), *self.wall.shape)
        ways = Ways(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape))
        for k in range(len(self.wanted)):
            ways.cost[k] = self._cost(k, gates, slowness)
            downhill(ways.x[k], ways.w[k], ways.cost[k], self.wall)
        return ways

    def around(self, group: int) -> NDArray[np.float64]:
        """Return what the way of a group costs at most from each cell, m, before it is found: FAR."""
        return np.full(self.wall.shape, FAR)

    def _cost(self, group: int, gates: Gates, slowness: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cost of the way of a group to the nearest of its goals, or where the plan names none out of the venue by a gate
        that it knows. Who has goals does not go out: through a gate of the rim there is no way to one."""
        goals, known = self.wanted[group], self.knows[group]
        out = [gate.rim and not gates.shut[k] and gates.lets_out(k) for k, gate in enumerate(self.plan.gates)]
        if any(way and gate.id in known for way, gate in zip(out, self.plan.gates, strict=True)):
            out = [way and gate.id in known for way, gate in zip(out, self.plan.gates, strict=True)]
        shape = self.wall.shape
        blocked, way_x, way_w = self.wall.copy(), np.zeros(shape), np.zeros(shape)
        cost = self.around(group)
        for k, (gate, cells) in enumerate(zip(self.plan.gates, self._gate_cells, strict=True)):
            if gates.shut[k] or (goals and gate.rim):
                blocked |= cells
            elif gates.way[k]:
                ends = self.plan.local(np.array([gate.shape.coords[0], gate.shape.coords[-1]]))
                dx, dw = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
                way_x[cells], way_w[cells] = gates.way[k] * dw, -gates.way[k] * dx
            if not self.plan.goals and out[k]:
                cost[self._out_by[k]] = 0.0
        for name in goals:
            cost[self._on_goal[name]] = 0.0
        cost[blocked] = FAR
        awake, changed = np.zeros(shape, dtype=bool), np.nonzero(cost < FAR)
        while len(changed[0]):
            wake_around(awake, *changed)
            if sweep(cost, awake, slowness, blocked, way_x, way_w, self.plan.grid.cell_m, TOLERANCE_M, ROUNDS) < 0:
                raise NumericsError("venue_maze", venue=self.plan.id)
            changed = self._across_stairs(cost, blocked)
        return cost

    def _two_levels(self, join: Join) -> TwoLevels:
        """Return the cells of a stair on both of its levels, and which of them lie in its upper half."""
        levels, grid = self.plan.levels, self.plan.grid
        rows, foot = np.nonzero(self.cells_of(levels.laid(join.shape, join.foot)))
        head = foot + round((join.head - join.foot) * levels.span_m / grid.cell_m)
        here = grid.x[foot] - join.foot * levels.span_m
        return rows, foot, head, join.past_middle(here, grid.y[rows]) > 0.0

    def _unwalked(self) -> NDArray[np.int64]:
        """Return (3, cell) the rows and columns of the halves of stairs that nobody walks on, and the columns of the same cells on the
        other level, where people walk."""
        found = [np.zeros((3, 0), dtype=np.int64)]
        for rows, foot, head, upper in self._joined:
            found += [np.stack([rows, foot, head])[:, upper], np.stack([rows, head, foot])[:, ~upper]]
        return np.concatenate(found, axis=1)

    def from_the_walked_halves(self, values: NDArray[Any]) -> None:
        """Give the half of a stair that nobody walks on, on each of its levels, the values of the other level."""
        rows, columns, walked = self.unwalked
        values[rows, columns] = values[rows, walked]

    def _across_stairs(
        self, cost: NDArray[np.float64], blocked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give both levels of all stairs the lower cost; return the rows and columns of the cells that this changed, none where it
        changed each by TOLERANCE_M at most."""
        rows, foot, head = self._on_stairs
        free = ~(blocked[rows, foot] | blocked[rows, head])
        rows, foot, head = rows[free], foot[free], head[free]
        one, other = cost[rows, foot], cost[rows, head]
        cost[rows, foot] = cost[rows, head] = np.minimum(one, other)
        if np.abs(one - other).max(initial=0.0) <= TOLERANCE_M:
            return rows[:0], rows[:0]
        at_foot, at_head = one > other, other > one
        return np.concatenate([rows[at_foot], rows[at_head]]), np.concatenate([foot[at_foot], head[at_head]])

    def check(self, ever_open: Gates) -> None:
        """Raise ScenarioError for a source outside the walls or covered by them, a room with no way out, a stair to nowhere, or a goal that
        no source reaches.

        `ever_open` has every gate open that is open at any time of the run.
        """
        plan, sealed = self.plan, self.wall.copy()
        for cells in self._gate_cells:
            sealed |= cells
        rooms, _ = ndimage.label(~sealed)
        outside = rooms == rooms[0, 0]
        for source in plan.sources:  # before the stairs: through a gap in the walls they end outside, too
            on = self.cells_of(source.shape) & ~sealed
            if not on.any():
                raise ScenarioError("source_small", venue=plan.id, source=source.id)
            if outside[on].any():
                raise ScenarioError("source_outside", venue=plan.id, source=source.id)
        for join in plan.levels.joins:
            for k, way in ((join.foot, -1.0), (join.head, 1.0)):
                step = way * STEP_OFF_M * np.array(join.up)
                landing = shapely.transform(plan.levels.laid(join.end(way), k), lambda at, step=step: at + step)
                on = self.cells_of(landing) & ~self.wall
                if not on.any() or outside[on].any():
                    raise ScenarioError("stair_end", venue=plan.id, part=join.id, level=plan.levels.numbers[k])
        ways = self.of(ever_open)
        for source in plan.sources:
            on = self.cells_of(source.shape) & ~sealed
            if not (ways.cost[self.group_of[source.id]][on] < FAR).all():
                raise ScenarioError("room_sealed", venue=plan.id, source=source.id)
        for name, shape in plan.goals.items():
            others = self._reached_from(self.cells_of(shape) & ~self.wall, ever_open)
            users = [s for s in plan.sources if name in (s.goals or plan.goals)]
            if not any((others & self.cells_of(s.shape)).any() for s in users):
                raise ScenarioError("goal_unreachable", venue=plan.id, goal=name)

    def _reached_from(self, goal: NDArray[np.bool_], gates: Gates) -> NDArray[np.bool_]:
        """Return the cells joined to a goal within the rim when every gate that opens is open."""
        blocked = self.wall.copy()
        for gate, cells, shut in zip(self.plan.gates, self._gate_cells, gates.shut, strict=True):
            if shut or gate.rim:
                blocked |= cells
        rooms, _ = ndimage.label(~blocked)
        found, before = set(np.unique(rooms[goal])), -1
        while len(found) > before:
            before = len(found)
            for rows, foot, head, _ in self._joined:
                sides = {*np.unique(rooms[rows, foot]), *np.unique(rooms[rows, head])} - {0}
                found |= sides if sides & found else set()
        return np.asarray(np.isin(rooms, list(found)) & ~blocked)

    @property
    def walkable(self) -> NDArray[np.bool_]:
        """The cells inside the walls that can be walked on, gates included."""
        rooms, _ = ndimage.label(~self.wall & ~np.logical_or.reduce(self._gate_cells))
        return np.asarray(~self.wall & (rooms != rooms[0, 0]))

    @property
    def walked(self) -> NDArray[np.bool_]:
        """The walkable cells of rooms that people can be in: not those that walls close off without a gate, a stair or a source."""
        gates = np.logical_or.reduce(self._gate_cells)
        rooms, _ = ndimage.label(~self.wall & ~gates)
        used = ndimage.binary_dilation(gates, np.ones((3, 3), bool))
        for source in self.plan.sources:
            used |= self.cells_of(source.shape)
        rows, foot, head = self._on_stairs
        used[rows, foot] = used[rows, head] = True
        return np.asarray(self.walkable & (np.isin(rooms, np.unique(rooms[used])) | gates))


def _pieces(plan: Plan, shape: shapely.Geometry) -> NDArray[np.float64]:
    at = plan.local(shapely.get_coordinates(shape))
    return np.hstack([at[:-1], at[1:]])


def _near(plan: Plan, pieces: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the cells whose centre lies within half a cell of a line: no step from cell to cell passes between them."""
    grid, found = plan.grid, np.zeros(plan.grid.shape, dtype=bool)
    cell = grid.cell_m
    for x0, w0, x1, w1 in pieces:
        c = slice(max(int(min(x0, x1) / cell) - 1, 0), int(max(x0, x1) / cell) + 2)
        r = slice(max(int(min(w0, w1) / cell) - 1, 0), int(max(w0, w1) / cell) + 2)
        xx = (np.arange(grid.nx)[c] + 0.5) * cell
        ww = ((np.arange(grid.ny)[r] + 0.5) * cell)[:, None]
        length = (x1 - x0) ** 2 + (w1 - w0) ** 2
        along = np.clip(((xx - x0) * (x1 - x0) + (ww - w0) * (w1 - w0)) / max(length, 1e-12), 0.0, 1.0)
        distance = np.hypot(xx - x0 - along * (x1 - x0), ww - w0 - along * (w1 - w0))
        found[r, c] |= distance <= 0.5 * cell * (1 + 1e-9)
    return found
