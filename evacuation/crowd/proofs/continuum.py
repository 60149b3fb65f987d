"""The density of a district: a shock whose speed is known, people kept, and the hand-over to single people."""

from __future__ import annotations

from functools import cache

import numpy as np
import shapely

from evacuation.crowd.district.district import District
from evacuation.crowd.kernels.continuum import walking_flow
from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People
from evacuation.crowd.proofs.hermes import nobody
from evacuation.crowd.proofs.worlds import line, room
from twin.proof import Reference


@cache
def shock(_: Reference) -> dict[str, float]:
    """Return by how much the speed of a jam that grows backwards lies from (J2 - J1) / (rho2 - rho1), Rankine and Hugoniot.

    People at 1 per m2 meet people who stand at 5.39 behind a wall at the end of a street.
    """
    wall = np.zeros((3, 400), dtype=bool)
    wall[0] = wall[2] = True
    density = np.full(wall.shape, 1.0)
    density[:, 300:] = 5.39
    leave = np.zeros_like(wall)
    leave[:, -1] = True
    district = District(0.5, wall, leave, density)
    district._look()
    district._x[1], district._w[1] = 1.0, 0.0
    district._next_look = np.inf
    district.leave[:] = False
    begin = _front(district)
    t0 = district.t
    for _step in range(400):
        district.step()
    speed = (_front(district) - begin) / (district.t - t0)
    expected = (walking_flow(5.39) - walking_flow(1.0)) / (5.39 - 1.0)
    return {"error": abs(speed / expected - 1.0), "speed": speed}


def _front(district: District) -> float:
    """Return where the density rises through 3 persons/m2, m."""
    own = district.density[1]
    k = int(np.argmax(own[150:] > 3.0)) + 150
    return float((k - 1 + (3.0 - own[k - 1]) / (own[k] - own[k - 1])) * district.cell_m)


@cache
def hand_over(_: Reference) -> dict[str, float]:
    """Return how people are kept over 10^4 steps of a street whose last third holds single people, and the mismatch of the
    flow in a minute in which at least half of the most people come.

    A street of 60 m by 4 m filled again and again at its begin; from 40 m on people are single and leave at its end.
    """
    cell, wide = 0.5, 4.0
    wall = np.zeros((10, 120), dtype=bool)
    wall[0] = wall[9] = True
    leave = np.zeros_like(wall)
    leave[1:9, -1] = True
    district = District(cell, wall, leave, np.where(wall, 0.0, 1.0))
    cells = np.zeros_like(wall)
    cells[1:9, 80:] = True
    outline = shapely.box(0, 0, 20.0, wide)
    plan = room(outline, [line((20.0, 0.0), (20.0, wide))], shapely.box(0.3, 0.3, 19, 3.7))
    walkers = nobody(plan)
    put, number, worst, t = district.persons, 0, 0.0, 0.0
    district.hand_over(cells)
    into, out = [], []
    for step in range(10_000):
        if step % 40 == 0 and step < 9_000:
            more = np.where(wall, 0.0, 0.8)
            more[:, 8:] = 0.0
            district.density += more
            put += float(more.sum() * cell**2)
        before = district.owed.sum()
        district.step()
        into.append(float(district.owed.sum() - before))
        waiting = np.minimum(np.floor(district.owed), 1).astype(np.int64)
        people = walkers.people
        stand = np.column_stack([people.x, people.w])
        new = []
        for row, col in np.argwhere(waiting):
            at = plan.local(np.array([[(col - 80 + 0.5) * cell, wide + cell - (row + 0.5) * cell]]))[0]
            if not (len(stand) and (np.hypot(*(stand - at).T) < 0.41).any()):
                new.append(at)
                stand = np.vstack([stand, at])
            else:
                waiting[row, col] = 0
        district.people(waiting)
        if new:
            ids = np.arange(number, number + len(new))
            number += len(new)
            walkers.people = people.joined(
                People.standing(
                    np.array(new), radius=draws.radius(7, ids), free=draws.free_speed(7, ids),
                    group=np.zeros(len(ids)), leaves=np.zeros(len(ids)), number=ids,
                )
            )  # fmt: skip
        out.append(float(len(new)))
        while t < district.t - 0.2:
            walkers.walk(t, 4)
            t += 0.2
        there = district.persons + district.left + walkers.people.count + walkers.left
        worst = max(worst, abs(there / put - 1.0))
    minute = round(60.0 / district.step_s)
    sums = [np.convolve(v, np.ones(minute), "valid")[minute::minute] for v in (into, out)]
    busy = sums[0] > 0.5 * sums[0].max()
    mismatch = float(np.abs(sums[1][busy] / sums[0][busy] - 1.0).max()) if busy.any() else np.inf
    return {"kept": worst, "mismatch": mismatch, "passed": float(walkers.left)}
