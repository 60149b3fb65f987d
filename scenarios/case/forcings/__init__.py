"""What drives a case: one file for each kind of forcing, one line each in the registry.

A file holds the forms that a scenario may write, the arrays that come of them and what must be said about them. Each array
is on its own axes; a value holds over [t_k, t_k+1).
"""

from __future__ import annotations

import xarray as xr

from scenarios.case.forcings import attendance, counts, detectors, rain, river_stage, source_rate, weather, wind
from scenarios.case.forcings.scene import Kind, Note, Scene
from scenarios.case.part import Part
from twin.hazard import Drivers
from twin.variables import conform_array

#: key under `forcing` in a scenario -> the kind.
FORCINGS: dict[str, Kind] = {
    "rain": rain.KIND,
    "river_stage": river_stage.KIND,
    "wind": wind.KIND,
    "weather": weather.KIND,
    "attendance": attendance.KIND,
    "detectors": detectors.KIND,
    "counts": counts.KIND,
    "source_rate": source_rate.KIND,
}


def build(forcing: Part, scene: Scene) -> tuple[Drivers, list[Note]]:
    """Return the drivers that the `forcing` of a scenario gives, by the variable's name, and the notes on them.

    Raises ScenarioError or SourceError for what a file or a form gets wrong, ContractError for a value out of range.
    """
    drivers: dict[str, xr.DataArray] = {}
    notes: list[Note] = []
    for name, kind in FORCINGS.items():
        spec = getattr(forcing, name)
        if spec is None:
            continue
        arrays, said = kind.build(spec, scene)
        known = {v.name: v for v in kind.gives}
        drivers |= {str(array.name): conform_array(array, known[str(array.name)]) for array in arrays}
        notes += said
    return drivers, notes
