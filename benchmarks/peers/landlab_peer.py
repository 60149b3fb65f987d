"""Run one job with landlab's OverlandFlow: `python landlab_peer.py FOLDER`; reads job.npz and job.json, writes result.npz.

`steep_slopes` is on, as its manual advises where a run would become unstable (roofs); the other settings are its defaults
(alpha 0.7, theta 0.8). The raster gets one closed ring of nodes around it: landlab's outermost nodes hold no water.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from landlab import RasterModelGrid
from landlab.components import OverlandFlow


def main(folder: Path) -> None:
    """Run the job and write its fields."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    arrays = np.load(folder / "job.npz")
    z, rain, n = arrays["z"], arrays["rain"], float(arrays["n"].flat[0])
    began = time.perf_counter()
    grid = RasterModelGrid((z.shape[0] + 2, z.shape[1] + 2), xy_spacing=job["cell_m"])
    grid.set_closed_boundaries_at_grid_edges(True, True, True, True)
    grid.add_field("topographic__elevation", np.pad(z, 1, mode="edge").ravel(), at="node")
    depth = grid.add_zeros("surface_water__depth", at="node")
    flow = OverlandFlow(grid, mannings_n=n, steep_slopes=True)
    highest, steps = depth.copy(), 0
    ends = [*job["rain_s"][1:], job["duration_s"]]
    for rate, start, end in zip(rain, job["rain_s"], ends, strict=True):
        flow.rainfall_intensity = float(rate.flat[0])
        t = start
        while t < end:
            dt = min(flow.calc_time_step(), end - t, 5.0)  # at most 5 s: it starts on dry ground
            flow.overland_flow(dt)
            np.maximum(highest, depth, out=highest)
            t += dt
            steps += 1
    wall = time.perf_counter() - began
    inside = (slice(1, -1), slice(1, -1))
    np.savez(
        folder / "result.npz",
        depth=depth.reshape(grid.shape)[inside],
        max_depth=highest.reshape(grid.shape)[inside],
        wall_s=wall,
        steps=steps,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
