"""Run one job with itzi-core: `python itzi_peer.py FOLDER`; reads job.npz and job.json there, writes result.npz.

Settings are itzi's own defaults (CFL 0.7, theta 0.9, longest step 5 s, hydrology every 60 s); rasters come from memory, no
GRASS. A wall of the raster is itzi's closed border (type 0). The number of threads is OMP_NUM_THREADS.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from itzi_core.const import InfiltrationModelType, TemporalType
from itzi_core.data_containers import SimulationConfig, SurfaceFlowParameters
from itzi_core.domain_data import DomainData
from itzi_core.providers.memory_input import MemoryRasterInputProvider, TimedRasterSlice
from itzi_core.simulation_builder import SimulationBuilder

START = datetime(2026, 1, 1)
MM_H = 3.6e6  # itzi takes rates in mm/h


def slices(rain: np.ndarray, times: list[float], end: float) -> list[TimedRasterSlice]:
    """Return rain (k, ny, nx), m/s, as timed rasters in mm/h."""
    ends = [*times[1:], end]
    return [
        TimedRasterSlice(START + timedelta(seconds=a), START + timedelta(seconds=b), r * MM_H)
        for r, a, b in zip(rain, times, ends, strict=True)
    ]


def main(folder: Path) -> None:
    """Run the job and write its fields."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    dtype = np.dtype(job["dtype"])
    arrays = {name: a.astype(dtype) for name, a in np.load(folder / "job.npz").items()}
    ny, nx = arrays["z"].shape
    end = START + timedelta(seconds=job["duration_s"])
    soil = "capacity" in arrays
    domain = DomainData(
        north=ny * job["cell_m"], south=0.0, east=nx * job["cell_m"], west=0.0, rows=ny, cols=nx, crs_wkt=""
    )
    rain = [np.broadcast_to(r, (ny, nx)) for r in arrays["rain"]]
    static = {"ground_elevation": arrays["z"], "friction": arrays["n"]}
    static |= {"infiltration": arrays["capacity"] * dtype.type(MM_H)} if soil else {}
    timed = {"rainfall_rate": slices(rain, job["rain_s"], job["duration_s"])}
    config = SimulationConfig(
        start_time=START,
        end_time=end,
        record_step=timedelta(seconds=job["duration_s"]),
        temporal_type=TemporalType.RELATIVE,
        input_map_names={name: name for name in (*static, *timed)},
        output_map_names={},
        surface_flow_parameters=SurfaceFlowParameters(),
        infiltration_model=InfiltrationModelType.CONSTANT if soil else InfiltrationModelType.NULL,
    )
    began = time.perf_counter()
    provider = MemoryRasterInputProvider(
        {
            "domain_data": domain,
            "simulation_start_time": START,
            "simulation_end_time": end,
            "static_arrays": static,
            "timed_arrays": timed,
        }
    )
    builder = SimulationBuilder(config, np.zeros((ny, nx), bool), dtype).with_input_provider(provider)
    simulation = builder.build().initialize()
    simulation.update_until(timedelta(seconds=job["duration_s"]))
    simulation.finalize()
    wall = time.perf_counter() - began
    np.savez(
        folder / "result.npz",
        depth=simulation.get_array("water_depth"),
        max_depth=simulation.get_array("max_water_depth"),
        wall_s=wall,
        steps=simulation.time_steps_counters["since_start"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
