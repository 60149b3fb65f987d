"""The toxic load that people at the venue collect from a cloud of an earlier hazard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from evacuation.crowd.people.walkers import People
from evacuation.crowd.venue.plan import Plan
from twin.city import City
from twin.clock import Clock
from twin.grid import Grid

#: The load that is told of: a tenth of AEGL-3, and AEGL-3.
BOUNDS = (0.1, 1.0)


class Doses:
    """Adds, once a second, the dose rate at the place of each person (1/s; its integral is 1 at AEGL-3); the worst cloud counts."""

    def __init__(
        self,
        plan: Plan,
        city: City,
        clock: Clock,
        rates: Mapping[str, xr.DataArray],
        kept: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        self._plan, self._given = plan, bool(rates)
        self._rates = [
            (
                Grid.of_axes(city.grid.crs, rate["y"].values, rate["x"].values, name),
                np.array([clock.seconds(t) for t in rate["time"].values]),
                rate.values,
            )
            for name, rate in rates.items()
            if "y" in rate.dims  # what lies on roads says nothing of a venue
        ]
        self.highest = float(kept["dose_highest"][0]) if kept is not None else 0.0

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        return {"dose_highest": np.array([self.highest])}

    def taken(self, people: People, t: float) -> People:
        """Return people with the load of one more second at `t` on the clock."""
        if not self._rates or not people.count:
            return people
        rate = np.zeros(people.count)
        x, y = self._plan.at(people.x, people.w)
        x = self._plan.levels.map_x(x)
        for grid, seconds, values in self._rates:
            now = values[max(int(np.searchsorted(seconds, t, side="right")) - 1, 0)]
            row, col, inside = grid.cells(x, y)
            rate = np.maximum(rate, np.where(inside, np.nan_to_num(now[row, col]), 0.0))
        dose = people.dose + rate
        self.highest = max(self.highest, float(dose.max()))
        return people._replace(dose=dose)

    def notes(self, people: People) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Say what load was reached, where a cloud was given."""
        if not self._given:
            return ()
        tenth, full = (int((people.dose >= bound).sum()) for bound in BOUNDS)
        return (("dose", {"percent": 100.0 * self.highest, "tenth": tenth, "full": full}),)
