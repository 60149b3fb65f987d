"""Near the source, the wind members: each follows particles of its own in its turned and sped wind between the same buildings.

The sector winds are worked out once for all members. A member has fewer particles than the cloud of the mean wind: it is needed for the
share of members that reach a limit, not for a map. Where each member has a source of its own (detectors tell of it) there would be as
many boxes as members: then they stay puffs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.buildings.near_source import BetweenBuildings, Notes
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.weather import Air
from twin.city import City
from twin.grid import Grid

Array = NDArray[np.float64]

#: Particles that a member lets go in a step, of a sudden release at once, and looks at them in a step.
PARTICLES, SUDDEN, LOOKS = 200, 4000, 3


class NearMembers:
    """Particles of the mean wind and of every member; `cloud` says how the members' winds and sources differ. See `NearSource`."""

    def __init__(self, city: City, grid: Grid, cloud: Cloud, arrays: Mapping[str, NDArray[Any]] | None) -> None:
        self._cloud = cloud
        self.mean = BetweenBuildings(city, grid, cloud.uptake, arrays)
        self.others = [
            BetweenBuildings(
                city, grid, cloud.uptake, arrays, member=m, counts=(PARTICLES, SUDDEN, LOOKS), around=self.mean.around
            )
            for m in range(1, cloud.members)
            if not cloud.shifts.any()
        ]

    @property
    def airborne_kg(self) -> float:
        """Mass in the air and in sight, kg."""
        return self.mean.airborne_kg

    def step(
        self,
        emissions: list[Emission],
        dt: float,
        number: int,
        air: Air,
        t: float,
        c: Array,
        ledger: tuple[float, float],
    ) -> tuple[float, float]:
        """Carry all members on by `dt` s and set c (member, y, x); return the ledger of the mean wind, kg. See `NearSource`."""
        for member, other in enumerate(self.others, 1):
            mine = [self._strong(e, member) for e in emissions if self._cloud.strength(e)[member] > 0.0]
            other.step(mine, dt, number, self._blown(air, member), t, c[member], (0.0, 0.0))
        return self.mean.step(emissions, dt, number, air, t, c[0], ledger)

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass outside the grid and in sight, kg."""
        return self.mean.over_edge_kg(grid)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        kept: dict[str, NDArray[Any]] = {}
        for one in (self.mean, *self.others):
            kept |= one.arrays()
        return kept

    def notes(self) -> Notes:
        """Say what the reader must know."""
        if self._cloud.members == 1:
            return self.mean.notes()
        members = ("near_members", {"count": PARTICLES}) if self.others else ("near_puffs", {})
        return [*self.mean.notes(), members]

    def _strong(self, emission: Emission, member: int) -> Emission:
        """Return what a member lets go."""
        strong = float(self._cloud.strength(emission)[member])
        return replace(emission, kg_s=emission.kg_s * strong, kg=emission.kg * strong)

    def _blown(self, air: Air, member: int) -> Air:
        """Return the air of a member: of its own stability outside the box, turned clockwise and sped."""
        off = int(self._cloud.classes[member])
        own = air.beside[off - 1] if off else air
        a = np.deg2rad(self._cloud.turns_in(air)[member])
        east = air.east * np.cos(a) + air.north_ward * np.sin(a)
        north = air.north_ward * np.cos(a) - air.east * np.sin(a)
        return replace(own, east=float(east), north_ward=float(north), ustar=own.ustar * self._cloud.factors[member])
