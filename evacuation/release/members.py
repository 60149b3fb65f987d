"""Members of the wind within one run: a leak by chance stronger or weaker in winds turned and sped, reduced to shares as they go.

They answer "how likely is this place to be met, as wind and source are not known exactly". They share all else; the scenario's
`ensemble` varies parameters, a run each. A turn, a speed, a class of stability and a factor of the source are drawn once per member and
hold over the run; the weaker the wind, the wider the turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.air_changes import AirChanges
from evacuation.release.kernels import loads
from evacuation.release.toxicity import Limits
from twin.streams import stream

Array = NDArray[np.float64]


#: In a calm so many members, all round, stand closer to one another than the gas of each is wide: assumed.
ALL_ROUND = 8


#: A block that this share of wind members brings to AEGL-2 is told to stay, and a way on which this share may burn is shut, wherever the
#: mean wind blows.
POSSIBLE = 0.1

#: Shares of half the lower flammable limit from which a place is at severity 2 and 3 (`kernels.loads.severity`).
BURNS = (0.6, 1.0)

#: From this share of the lower flammable limit on nothing may ignite the gas.
NO_SPARK = 0.1


def draw(count: int, direction_sd: float, speed_sd: float, rng: np.random.Generator | None) -> tuple[Array, Array]:
    """Return turns (degrees) and factors of speed, one a member."""
    drawn = rng if rng is not None else stream(0, "release")
    return drawn.normal(0.0, direction_sd, count), np.exp(drawn.normal(0.0, speed_sd, count))


def spread(turns: Array, wider: float) -> Array:
    """Return the turns (degrees) of members in a wind in which they spread `wider` times as wide as drawn, at most half round.

    Where it is infinite they stand evenly all round, in the order of their turns.
    """
    if math.isinf(wider):
        return np.asarray(360.0 * ((np.argsort(np.argsort(turns, kind="stable")) + 0.5) / max(len(turns), 1) - 0.5))
    return turns if wider == 1.0 else np.clip(wider * turns, -180.0, 180.0)


def classes(count: int, share: float, rng: np.random.Generator | None) -> NDArray[np.int64]:
    """Return for each member 0: the stability as it is, 1: one class less stable, 2: one more; `share` of them are one class off."""
    drawn = (rng if rng is not None else stream(0, "release")).random(count)
    return np.asarray(np.select([drawn < 0.5 * share, drawn < share], [1, 2], 0), dtype=np.int64)


def strengths(count: int, sd: float, rng: np.random.Generator | None) -> Array:
    """Return how many times as much each member lets go as the source says (1, 1 + count), of the wind as it is 1.

    exp(sd times a standard normal number), median 1. Drawn from a stream of its own: the other draws stay what they are without it.
    """
    drawn = (rng if rng is not None else stream(0, "release")).spawn(1)[0]
    return np.append(1.0, np.exp(sd * drawn.standard_normal(count)))[None]


class Shares:
    """What each member has brought each cell, outdoors (`reached`) and in a room there (`inside`).

    Both (3, member, y, x): loads against AEGL-2 and AEGL-3, and the largest share of half the flammable limit. `air` (member, y, x): the
    concentration in the room, kg m-3; rooms are followed from frame to frame (`frame_s` s), as in `advice.indoors`. `came` (member, y,
    x): when the frame began in which gas came there, s since the first run's start; infinite where none did. `worse` (member, y, x):
    when the last frame ended in which gas stood there and the air outdoors was no cleaner than that in the room; `kindled` (member, y,
    x): the last in which a tenth of the flammable limit stood there; 0 where none did.
    """

    def __init__(
        self,
        count: int,
        shape: tuple[int, int],
        limits: Limits,
        flammable: float,
        frame_s: float,
        arrays: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        self._frame_s, self._part_s = frame_s, 0.0
        self._curves, self._half_flammable = limits.curves[1:], 0.5 * flammable
        self._present = float(limits.table()[0].min())
        kept = arrays or {}
        self.reached = np.array(kept.get("reached", np.zeros((3, count, *shape))))
        self.inside = np.array(kept.get("reached_inside", np.zeros((3, count, *shape))))
        self.air = np.array(kept.get("members_rooms", np.zeros((count, *shape))))
        self.came = np.array(kept.get("members_came", np.full((count, *shape), np.inf, np.float32)))
        self.worse = np.array(kept.get("members_worse", np.zeros((count, *shape), np.float32)))
        self.kindled = np.array(kept.get("members_kindled", np.zeros((count, *shape), np.float32)))
        self._sum, self._mean = np.zeros_like(self.air), np.zeros_like(self.air)

    def add(self, c: Array, dt: float, rooms: AirChanges, shut: bool, moment: float) -> None:
        """Add what `dt` s at c (member, y, x), kg m-3, bring from a moment on, s since the first run's start.

        `shut`: whether the windows of rooms are.
        """
        if not len(c):
            return
        self._reach(self.reached, c, dt)
        self._sum += c
        self._part_s += dt
        if self._part_s >= self._frame_s - 1e-6:
            self._sum *= dt / self._frame_s
            self.came[(self._sum >= self._present) & np.isinf(self.came)] = moment + dt - self._frame_s
            loads.air_rooms(self.air, self._mean, self._sum, rooms.house, *rooms.members_fading(shut, self._frame_s))
            loads.last_met(self.worse, self._sum, self.air, self._present, moment + dt)
            if self._half_flammable:
                least = 2.0 * NO_SPARK * self._half_flammable
                loads.last_met(self.kindled, self._sum, self._sum, least, moment + dt)
            self._reach(self.inside, self._mean, self._frame_s)
            self._sum[:], self._part_s = 0.0, 0.0

    def _reach(self, reached: Array, air: Array, dt: float) -> None:
        """Add what `dt` s in air (member, y, x) bring."""
        for level, curve in enumerate(self._curves):
            loads.add_load(reached[level], air, dt, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
        if self._half_flammable:
            np.maximum(reached[2], air / self._half_flammable, out=reached[2])

    def shares(self) -> Array:
        """Return the share of members that reach AEGL-2, AEGL-3 and half of the lower flammable limit (3, y, x).

        NaN where there are no members: not known.
        """
        if not self.reached.shape[1]:
            return np.full((3, *self.reached.shape[2:]), np.nan)
        return np.asarray((self.reached >= 1.0).mean(axis=1))

    def arrival(self, share: float) -> Array:
        """Return when gas has come in a `share` of the members (y, x), s since the first run's start; infinite where it has not."""
        count = len(self.came)
        last = math.ceil(share * count - 1e-9) - 1
        return np.sort(self.came, axis=0)[last].astype(np.float64) if count else np.full(self.came.shape[1:], np.inf)

    def clearing(self, share: float) -> Array:
        """Return from when on gas stands outdoors, and no less than in rooms, in less than a `share` of the members (y, x).

        In s since the first run's start; 0 where that holds all along, or there are no members.
        """
        return _latest(self.worse, share)

    def quenching(self, share: float) -> Array:
        """Return the same for less than a tenth of the flammable limit (y, x)."""
        return _latest(self.kindled, share)

    def ever(self) -> Array:
        """Return the shares of members that reach the severity 2 and 3 outdoors, and in rooms (4, y, x); NaN without members."""
        return self._graded((self.reached, self.reached[2], True), (self.inside, self.inside[2], True))

    def standing(self, c: Array) -> Array:
        """Return the same of those in which the gas still stands there, outdoors at c (member, y, x), kg m-3."""
        half = self._half_flammable or np.inf
        return self._graded(
            (self.reached, c / half, c >= self._present), (self.inside, self.air / half, self.air >= self._present)
        )

    def _graded(self, *places: tuple[Array, Array, Any]) -> Array:
        """Return the shares at severity 2 and 3 of each place: loads, shares of half the flammable limit, and where gas stands."""
        if not self.reached.shape[1]:
            return np.full((4, *self.reached.shape[2:]), np.nan)
        return np.concatenate(
            [
                [((met[level] >= 1.0) & here | (burns >= BURNS[level])).mean(axis=0) for level in range(2)]
                for met, burns, here in places
            ]
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        return {
            "reached": self.reached,
            "reached_inside": self.inside,
            "members_rooms": self.air,
            "members_came": self.came,
            "members_worse": self.worse,
            "members_kindled": self.kindled,
        }


def _latest(moments: NDArray[np.float32], share: float) -> Array:
    """Return the moment (y, x) that less than a `share` of the members (member, y, x) exceed; 0 without members."""
    count = len(moments)
    last = count - math.ceil(share * count - 1e-9)
    return np.partition(moments, last, axis=0)[last].astype(np.float64) if count else np.zeros(moments.shape[1:])
