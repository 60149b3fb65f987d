"""Where everybody is, a few times a second: the trajectories of a run, for tools that measure walking people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.walkers import People
from evacuation.crowd.venue.plan import Plan
from twin.errors import ScenarioError

#: Most positions that a run keeps (16 bytes each, held in memory to its end); more is refused before it begins.
MOST_ROWS = 2e7

#: Bytes of one position: number, frame, x and y.
ROW_BYTES = 16


#: How far the ground of trajectories reaches beyond the outline, m: who goes out is followed until he is 1 m and a step beyond a gate.
STRIP_M = 1.25

#: How wide a wall stands in the ground of trajectories, m: nobody has his middle so near to it.
WALL_M = 0.02


def check_size(venue: str, person_s: float, per_s: int) -> None:
    """Raise ScenarioError for more positions than are kept: `per_s` a second for `person_s`, seconds of all who are inside."""
    if (rows := person_s * per_s) > MOST_ROWS:
        raise ScenarioError("crowd_tracks_large", venue=venue, found=rows, expected=MOST_ROWS, per_s=per_s)


class Tracks:
    """Keeps positions, in m east and north of the south-west corner of the plan's raster. People are synthetic.

    The number of a person is that of his draws: it is the same in every run with the same seed, and names nobody.
    """

    def __init__(self, plan: Plan, per_s: int) -> None:
        self._plan, self._per_s = plan, per_s
        self._height = plan.grid.ny * plan.grid.cell_m
        self._seen: list[tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]] = []

    def see(self, people: People) -> None:
        """Keep where everybody is now, as the next frame."""
        where = people.x.astype(np.float32), (self._height - people.w).astype(np.float32)
        self._seen.append((people.number.astype(np.int32), *where))

    @property
    def rows(self) -> int:
        """How many positions are kept."""
        return sum(len(numbers) for numbers, _, _ in self._seen)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the positions (id, frame, x, y), and one row that says how to read them.

        Frame k stands `k / frames_per_s` seconds after the start of the run. `ground` is the open ground (`open_ground`) as WKT in the
        same metres, `west_m` and `south_m` are the map coordinates of their origin. `levels` are the numbers of the plan's levels, the
        lowest first, separated by spaces: they lie side by side, each `level_span_m` east of the one below it.
        """
        frames = np.repeat(np.arange(len(self._seen), dtype=np.int32), [len(n) for n, _, _ in self._seen])
        number, x, y = (np.concatenate([seen[k] for seen in self._seen]) for k in range(3))
        grid = self._plan.grid
        west, south = grid.west, grid.north - self._height
        levels = self._plan.levels
        whole = shapely.transform(open_ground(self._plan), lambda at: at - np.array([west, south]))
        tracks = pd.DataFrame({"id": number, "frame": frames, "x": x, "y": y})
        stand = tracks.groupby([number, x // levels.span_m], sort=False)[["x", "y"]].first().to_numpy()
        ground = within_walls(whole, self._walls(), shapely.points(stand))
        about = {"frames_per_s": self._per_s, "west_m": west, "south_m": south, "ground": ground.wkt}
        about |= {"levels": " ".join(map(str, levels.numbers)), "level_span_m": levels.span_m}
        return {
            "tracks": tracks,
            "tracks_about": pd.DataFrame([about]),
        }

    def _walls(self) -> shapely.Geometry:
        """Return all walls as the model has them, those of stairs, too, as strips `WALL_M` wide."""
        line, gate = self._plan.lines
        x, w = line[gate < 0].reshape(-1, 2, 2).transpose(2, 0, 1)
        lines = shapely.linestrings(np.stack([x, self._height - w], axis=2))
        return shapely.line_merge(shapely.union_all(lines)).buffer(WALL_M / 2, cap_style="flat", join_style="mitre")


def within_walls(ground: shapely.Geometry, walls: shapely.Geometry, people: NDArray[Any]) -> shapely.Geometry:
    """Return the ground less the walls: of each of its pieces, the part where `people` (points) stand.

    Tools read one piece of ground per level, so a piece in which walls part the people stays uncut.
    """
    found = []
    for whole in shapely.get_parts(ground):
        pieces = shapely.get_parts(whole.difference(walls))
        of_piece, _ = shapely.STRtree(people).query(pieces, predicate="intersects")
        used = np.unique(of_piece)
        found.append(pieces[used[0]] if len(used) == 1 else whole)
    return shapely.union_all(found)


def open_ground(plan: Plan) -> shapely.Geometry:
    """Return the ground inside the outline without obstacles, and the strip around that somebody who leaves steps on."""
    solid = shapely.union_all(list(plan.obstacles))
    return plan.ground.buffer(STRIP_M, join_style="mitre").difference(solid)
