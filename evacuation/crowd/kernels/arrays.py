"""What the kernels of a crowd see: people, the floor they walk on, the state of its gates, ways, figures of the law."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_WALLS = 8  # of those that touch one person, that hold him by friction
ANY = np.iinfo(np.int64).max  # of a goal that takes whoever reaches it


class Bodies(NamedTuple):
    """Everybody, an array each: place (m, local), velocity, half the breadth of the shoulders and half the depth of the chest (m), unit
    vector along the depth, free speed, group of goals, when he leaves (s on the clock, inf: not told yet), number, the party he
    walks with (-1: alone), the metered gate he may pass (-1: none), whether he waits for one, the gate of the rim by which he has gone
    out (-1: inside), contacts, load (N), compression and toxic dose."""

    x: np.ndarray
    w: np.ndarray
    vx: np.ndarray
    vw: np.ndarray
    broad: np.ndarray
    deep: np.ndarray
    face_x: np.ndarray
    face_w: np.ndarray
    free: np.ndarray
    group: np.ndarray
    leaves: np.ndarray
    number: np.ndarray
    party: np.ndarray
    passed: np.ndarray
    waits: np.ndarray
    out: np.ndarray
    touching: np.ndarray
    load: np.ndarray
    crush: np.ndarray
    dose: np.ndarray


class Floor(NamedTuple):
    """A venue that does not change: `line` (s, 4) from end to end and the gate it belongs to (-1: a wall), lines by cell of
    `wall_size` m, the cells of `size` m in which people are sorted, goals and who wants them.

    `goal_of` (ny, nx) on cells of `way_size` m: 1 + goal, 0 for none; `wants` (group, goal). Of each gate: an end and the unit
    step to the other (gate, 2), length, whether it leads out, the sign of its inner side. `rise_x`, `rise_w` (ny, nx): how much the
    ground rises a metre towards x and w; `stair` (ny, nx): whether it rises in steps.
    """

    line: np.ndarray
    gate_of: np.ndarray
    wall_start: np.ndarray
    wall_list: np.ndarray
    wall_columns: int
    wall_size: float
    size: float
    columns: int
    rows: int
    way_size: float
    goal_of: np.ndarray
    wants: np.ndarray
    gate_end: np.ndarray
    gate_step: np.ndarray
    gate_long: np.ndarray
    rim: np.ndarray
    inner: np.ndarray
    rise_x: np.ndarray
    rise_w: np.ndarray
    stair: np.ndarray


class Sight(NamedTuple):
    """Walls that stand between people: each (x0, w0, x1, w1), and which are `near` each square of `size` m, `columns` a row."""

    line: np.ndarray
    start: np.ndarray
    near: np.ndarray
    columns: int
    size: float


class GateState(NamedTuple):
    """The gates for a while: shut, metered, the sign of the side one comes from (0: both), passes given at each decision; `takes` (goal,)
    is how many each goal takes in all until then."""

    shut: np.ndarray
    metered: np.ndarray
    way: np.ndarray
    passes: np.ndarray
    takes: np.ndarray


class Ways(NamedTuple):
    """Directions (group, ny, nx) on the plan's raster under one state of the gates; `cost` (m) is that of the way to a group's goals."""

    x: np.ndarray
    w: np.ndarray
    cost: np.ndarray


class Stairs(NamedTuple):
    """Stairs that join two levels, each once for each of its levels (k,): its polygon has the sides `first[k]` to `first[k + 1]` of `side`
    (s, 4), from end to end.

    The map's x and y of (x, w) are west + x - laid[k] and north - w; x up_x + y up_y - middle is how far above its middle a place lies, m,
    `way` (1 or -1) times that how far past it, seen from this level. On the other level the place lies `moved` m further east.
    """

    side: np.ndarray
    first: np.ndarray
    west: float
    north: float
    laid: np.ndarray
    up_x: np.ndarray
    up_y: np.ndarray
    middle: np.ndarray
    way: np.ndarray
    moved: np.ndarray


class Counts(NamedTuple):
    """Passes saved at each gate, crossings (gate: inward, outward), who left by each gate and at each goal."""

    tokens: np.ndarray
    flows: np.ndarray
    left_by_gate: np.ndarray
    left_by_goal: np.ndarray


class Order(NamedTuple):
    """What sorting by cell needs: each person's column and row, people by column, then by row, where a column or row begins."""

    column: np.ndarray
    row: np.ndarray
    by_column: np.ndarray
    by_row: np.ndarray
    first: np.ndarray


class Plans(NamedTuple):
    """What is decided for some 0.05 s: direction of the way, wanted velocity, where one turns to (0: stays as he is), cost of the way
    ahead (-1: stands), the speed that ground and party allow, that of the ground over the level's, whether one waits for a metered gate,
    whom one may touch and how many."""

    way_x: np.ndarray
    way_w: np.ndarray
    want_x: np.ndarray
    want_w: np.ndarray
    turn_x: np.ndarray
    turn_w: np.ndarray
    ahead: np.ndarray
    free: np.ndarray
    pace: np.ndarray
    waits: np.ndarray
    pair: np.ndarray
    pairs: np.ndarray


class Pushed(NamedTuple):
    """What a step of the contacts gives: new velocity and contacts, the line crossed (see `press`), and the part of his way by which
    each turns; `walls` (n, MOST_WALLS, 3) is room for the direction and force of the walls that touch him."""

    vx: np.ndarray
    vw: np.ndarray
    touching: np.ndarray
    crossed: np.ndarray
    turns: np.ndarray
    walls: np.ndarray


class Law(NamedTuple):
    """The figures of the law of motion, SI; see `evacuation.crowd.people.law` for their sources."""

    dt: float
    mass: float
    relax: float
    gap_time: float
    gap_length: float
    lane: float
    foresight: float
    repulsion: float
    repulsion_range: float
    repulsion_at: float
    dodge: float
    sight: float
    meet_time: float
    pass_lane: float
    sidestep: float
    follow: float
    turn_time: float
    turn_ahead: float
    turn_pressed: float
    push: float
    queue_push: float
    closing: float
    stiffness: float
    damping: float
    friction: float
    coulomb: float
    wall_coulomb: float
    skin: float
    load_time: float
