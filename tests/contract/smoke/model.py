"""Smoke that spreads from the middle of the city and decays."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np
import xarray as xr
from annotated_types import Gt

from twin.hazard import Balance, Outcome, State
from twin.variables import Unit, Variable, conform

SMOKE = Variable(
    "smoke_density", "1", ("time", "y", "x"), "烟雾浓度", "smoke density", 0.0, 10.0, tags=frozenset({"harms_people"})
)


@dataclass(frozen=True)
class Smoke:
    needs: ClassVar = ()
    reads: ClassVar = ()
    gives: ClassVar = (SMOKE,)
    understands: ClassVar = MappingProxyType({"fan": {"strength": (0.0, 1.0)}})
    acts_on: ClassVar = MappingProxyType({})

    strength: Annotated[float, Gt(0), Unit("1")] = 5.0

    def simulate(self, city, drivers, clock, actions=(), rng=None, state=None, progress=None):
        state = state and state.check("smoke", city.grid.hash)
        grid = city.grid
        xx, yy = np.meshgrid(grid.x, grid.y)
        far2 = (xx - grid.x.mean()) ** 2 + (yy - grid.y.mean()) ** 2
        age0 = state.numbers["age_s"] if state else 0.0
        frames = [
            self.strength * np.exp(-far2 / (200.0 + 0.1 * (age0 + k * clock.step_s)) ** 2)
            for k in range(clock.steps + 1)
        ]
        fields = xr.Dataset(
            {"smoke_density": (("time", "y", "x"), np.array(frames, dtype=np.float32))},
            coords={"time": clock.times.values, "y": grid.y, "x": grid.x},
        )
        balance = Balance("kg", {"source": 1.0}, {"decayed": 0.5}, {"air": 0.5}, 1e-9)
        after = State("smoke", grid.hash, {}, {"age_s": age0 + clock.duration_s})
        return Outcome(conform(fields, SMOKE), {}, balance, after, (("toy", {}),))
