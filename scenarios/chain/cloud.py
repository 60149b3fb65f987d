"""A cloud of a known dose rate: what people collect on the way and at a venue, and where it finds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import xarray as xr

from evacuation.crowd.crowd import Crowd
from evacuation.movement.movement import Movement
from evacuation.release.release import Release
from evacuation.release.variables import GAS_SEVERITY, TOXIC_DOSE_RATE
from scenarios.case.hazards import sheet
from scenarios.chain import city
from twin.city import City
from twin.clock import Clock
from twin.drivers import hand_on, handed
from twin.exposure import Moving, expose
from twin.hazard import Action, Drivers
from twin.proof import Reference
from twin.streams import stream
from twin.variables import Variable, conform_array

#: The load that the cloud brings in a second, and the output times at which it stands: from the first, before the last.
RATE, CLOUD = 1.0 / 4000.0, (1, 4)
STEP_S = 240.0
CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 4 * STEP_S, STEP_S)

#: Persons in the hall, whose gate opens when the run is over.
SPECTATORS = 12


def field(where: City, variable: Variable, value: float) -> xr.DataArray:
    """Return a variable (time, y, x) that is `value` over the whole city while the cloud stands, else nothing."""
    values = np.zeros((len(CLOCK.times), *where.grid.shape))
    values[CLOUD[0] : CLOUD[1]] = value
    coords = {"time": CLOCK.times.values, "y": where.grid.y, "x": where.grid.x}
    return conform_array(xr.DataArray(values, coords, name=variable.name), variable)


@cache
def people(_: Reference) -> dict[str, float]:
    """Return how far loads and persons in the cloud are from arithmetic.

    All at home are told to leave at once and need 60 s by car and 600 s on foot; the cloud stands from 240 s to 960 s.
    """
    where = city.make()
    given = {"toxic_dose_rate": field(where, TOXIC_DOSE_RATE, RATE)}
    model = Movement(zones=("b-home",), compliance=1.0, mean_delay_min=1e-6)
    outcome = model.simulate(where, handed(given, model), CLOCK, (), stream(7, "movement"))
    arrays = outcome.state.arrays
    out = arrays["home_delay_s"], arrays["traveller_safe"]
    begins, ends = (k * STEP_S for k in CLOUD)
    within = np.clip(np.minimum(out[1], ends) - np.maximum(out[0], begins), 0.0, None)
    moved = hand_on({}, model, outcome)
    return {
        "on_way": float(np.abs(arrays["traveller_dose"] - RATE * within).max()),
        "at_home": _at_home(where),
        "persons": _persons(where, moved),
        "venue": _venue(where, given),
    }


def _persons(where: City, moved: Drivers) -> float:
    """Return by how many persons those whom the cloud finds differ from those who are at home or on the roads by then.

    When the cloud comes the car has arrived; two are on the road until 600 s. Where nobody moves, all four are met at home.
    """
    own = sheet("release")
    scale = next(s for s in own.scales if s.code == "severity")
    fields = field(where, GAS_SEVERITY, 2.5).to_dataset()
    fields["max_gas_severity"] = fields["gas_severity"].max("time")
    whole = replace(own, scales=(replace(scale, of=("people",)),))
    known = []
    for moving, persons in ((None, [0.0, 4.0, 4.0, 4.0, 0.0]), (Moving.of(moved), [0.0, 2.0, 2.0, 0.0, 0.0])):
        found = expose(where, fields, whole, moving=moving).counts["severity"]["people"].sum(axis=1)
        known.append(np.abs(found.values - persons).max())
    return float(max(known))


def _at_home(where: City) -> float:
    """Return by how much the load of a release at any place differs from the rate that is handed on, summed over the steps."""
    wind = {
        name: xr.DataArray([value], {"time": CLOCK.times[:1].values}, name=name)
        for name, value in (("eastward_wind", -1.0), ("northward_wind", 0.5))
    }
    model = Release(substance="chlorine", site="T1", cell_m=city.CELL_M, wind_members=0)
    fields = model.simulate(where, wind, CLOCK, (), stream(7, "release")).fields
    rates, load = fields["toxic_dose_rate"].values.astype(float), fields["outdoor_dose"].values.astype(float)
    summed = STEP_S * rates[:-1].sum(axis=0)
    return float((np.abs(summed - load) / max(load.max(), 1e-30)).max()) if load.max() > 0.0 else float("inf")


def _venue(where: City, given: Drivers) -> float:
    """Return by how much the load of anybody in the hall differs from rate x time."""
    model = Crowd(venue="hall", persons=SPECTATORS)
    opens = Action("open_gate", "hall/gate", CLOCK.duration_s)
    outcome = model.simulate(where, handed(given, model), CLOCK, (opens,), stream(7, "crowd"))
    dose = outcome.state.arrays["people_dose"]
    if len(dose) != SPECTATORS:
        return float("inf")
    return float(np.abs(dose - RATE * STEP_S * (CLOUD[1] - CLOUD[0])).max())
